"""The spool's manifest and clock: what was written is read back; anything else is one declared error."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wiretale.clock import Snapshot
from wiretale.errors import CaptureError
from wiretale.model.spool import SPOOL_VERSION
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Program, Spool


def test_a_manifest_is_read_back_as_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    manifest = Manifest(
        tool_version="1",
        command=["a", "b"],
        programs=[Program(7, ["nc"], 5, status=256)],
        sources=[SourceReport("ptrace", "syscall", True, items=3, detail={"mode": "all"})],
    )
    spool.write_manifest(manifest)
    assert spool.read_manifest() == manifest
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


def test_a_newer_spool_says_what_to_do(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write_manifest(Manifest(spool_version=SPOOL_VERSION + 1))
    with pytest.raises(CaptureError, match="version") as fault:
        spool.read_manifest()
    assert "upgrade" in fault.value.hint


def test_a_last_clock_line_cut_short_is_left_out(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add_clock_snapshot(Snapshot(1, 2, 3))
    with spool.clock_path.open("a") as file:
        file.write("[4, 5")
    assert spool.read_clock_snapshots() == [Snapshot(1, 2, 3)]


@pytest.mark.parametrize("line", ["[1, 9795829371177567319, 80]", "[-1, 2, 3]", "[1e999, 2, 3]", "[1, 2]", "7"])
def test_a_clock_line_that_cannot_be_is_left_out(tmp_path: Path, line: str) -> None:
    """A damaged spool: such a time fits into no column."""
    spool = Spool(tmp_path)
    spool.clock_path.write_text(line + "\n")
    spool.add_clock_snapshot(Snapshot(1, 2, 3))
    assert spool.read_clock_snapshots() == [Snapshot(1, 2, 3)]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "[1,2]\n", '{"spool_version": "x"}', '{"spool_version": 1, "nonsense": 2}']
)
def test_damaged_files_are_declared_errors(tmp_path: Path, text: str) -> None:
    spool = Spool(tmp_path)
    spool.manifest_path.write_text(text)
    spool.clock_path.write_text(text)
    with pytest.raises(CaptureError):
        spool.read_manifest()
    with pytest.raises(CaptureError):
        spool.read_clock_snapshots()


@given(content=st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_value_or_a_declared_error(tmp_path: Path, content: bytes) -> None:
    spool = Spool(tmp_path)
    spool.manifest_path.write_bytes(content)
    spool.clock_path.write_bytes(content)
    for read in (spool.read_manifest, spool.read_clock_snapshots):
        try:
            read()
        except CaptureError:
            continue
