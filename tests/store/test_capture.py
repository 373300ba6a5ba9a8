"""Captures: private, whole or absent, locked down when opened; every bad file is one declared error."""

import errno
import os
import stat
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wiretale.errors import CaptureError, ResourceFault
from wiretale.export.tables import write_table
from wiretale.join.build import build
from wiretale.model.raw import CAPTURE_VERSION
from wiretale.store.capture import create_capture, open_capture, write_meta


def make(path: Path, version: object = CAPTURE_VERSION) -> Path:
    with create_capture(path) as db:
        write_meta(db, {"version": version, "tool": "wiretale test"})
    return path


def test_a_capture_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = make(tmp_path / "a.wiretale")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["a.wiretale"]


def test_a_failed_creation_leaves_neither_half_nor_whole(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), create_capture(tmp_path / "a.wiretale"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_capture_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = make(tmp_path / "a.wiretale")
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), create_capture(path):
        raise ZeroDivisionError
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY meta TO '/tmp/wiretale-test-must-not-exist.csv'",
        "ATTACH '/tmp/wiretale-test-must-not-exist.db'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "INSERT INTO meta VALUES ('a', 'b')",
        "DROP TABLE meta",
    ],
)
def test_a_query_reaches_nothing_outside_and_changes_nothing(tmp_path: Path, query: str) -> None:
    with open_capture(make(tmp_path / "a.wiretale")) as db, pytest.raises(duckdb.Error):
        db.execute(query)


def test_a_newer_capture_says_what_to_do(tmp_path: Path) -> None:
    path = make(tmp_path / "a.wiretale", CAPTURE_VERSION + 1)
    with pytest.raises(CaptureError, match=f"format version {CAPTURE_VERSION + 1}") as fault:
        open_capture(path)
    assert "upgrade" in fault.value.hint


@pytest.mark.parametrize("version", ["", "x", "1.5"])
def test_a_capture_without_a_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(CaptureError, match="does not say which version"):
        open_capture(make(tmp_path / "a.wiretale", version))


def test_another_database_is_no_capture(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    duckdb.connect(str(path)).close()
    with pytest.raises(CaptureError, match="not a wiretale capture"):
        open_capture(path)


def test_missing_folder_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="there is no file"):
        open_capture(tmp_path / "none")
    with pytest.raises(CaptureError, match="is a folder"):
        open_capture(tmp_path)
    with pytest.raises(CaptureError, match="cannot be written"), create_capture(tmp_path / "no" / "such" / "folder"):
        pass


def test_a_full_disk_is_a_resource_fault(tmp_path: Path) -> None:
    with pytest.raises(ResourceFault, match="the disk is full"), create_capture(tmp_path / "a.wiretale"):
        raise OSError(28, "No space left on device")


@given(content=st.binary(max_size=4096))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_declared_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "junk"
    path.write_bytes(content)
    with pytest.raises(CaptureError):
        open_capture(path)


@given(cut=st.floats(0, 0.999))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_truncated_capture_is_a_declared_error(tmp_path: Path, cut: float) -> None:
    whole = make(tmp_path / "a.wiretale").read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(CaptureError):
        open_capture(path).close()


def test_a_capture_from_before_stacks_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wiretale"
    with create_capture(path) as db:
        write_meta(db, {"version": 1})
        for statement in ("DROP TABLE kernel_stack", "DROP TABLE kernel_frame", "DROP TABLE thread_sample"):
            db.execute(statement)
        for column in ("stack_id", "netns", "device"):
            db.execute(f"ALTER TABLE kernel_event DROP COLUMN {column}")
        build(db)
        db.execute("ALTER TABLE segment DROP COLUMN acked")
        db.execute("ALTER TABLE wait DROP COLUMN cause_task_id")
    before = path.read_bytes()
    with open_capture(path) as db:
        assert db.execute("SELECT count(stack_id) FROM kernel_event").fetchone() == (0,)
        assert db.execute("SELECT * FROM kernel_stack JOIN kernel_frame USING (stack_id)").fetchall() == []
    write_table(path, "wait", "csv", tmp_path / "wait.csv")
    assert "cause_task_id" in (tmp_path / "wait.csv").read_text()
    assert path.read_bytes() == before


def test_the_disk_is_waited_for_once_and_what_it_refuses_at_the_end_leaves_nothing(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(os, "fsync", waited.append)
    with create_capture(tmp_path / "good.wiretale") as db:
        assert db.execute("SELECT current_setting('fsync_mode')").fetchone() == ("NONE",)
        assert not waited
    assert len(waited) == 1

    def refuse(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ResourceFault, match="disk is full"), create_capture(tmp_path / "full.wiretale"):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["good.wiretale"]
