"""What `wiretale check` prints, and how it ends."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.show.synthetic import make
from wiretale.cli import run
from wiretale.errors import Exit


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make(tmp_path_factory.mktemp("check") / "c.wiretale"))


def test_the_verdict_is_the_last_line(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", capture]) == Exit.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "proto", "from", "to", "written", "on", "wire", "read", "linked", "compared"]
    assert "100 %     100 %" in lines[1]
    assert lines[-1] == (
        "calls carried 12 bytes; 12 linked (100 %) by 3 links, 12 of them compared and equal: nothing is wrong"
    )


def test_links_of_calls_alone_are_not_told_as_those_of_packets(
    capture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare.wiretale"
    shutil.copy(capture, bare)
    with duckdb.connect(str(bare)) as db:
        db.execute("DELETE FROM link WHERE kind <> 'write_read'; DELETE FROM segment; DELETE FROM packet")
    assert run(["check", str(bare)]) == Exit.OK
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "without packets: 6 bytes linked from the calls that wrote them to those that read them,"
        " 6 of them compared and equal",
        "calls carried 12 bytes, none of them linked by packets: nothing is wrong",
    ]


def test_a_narrow_terminal_gets_lines(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--width", "60", "check", capture]) == Exit.OK
    assert "  6 bytes written, 6 on the wire, 6 read; 100 % linked" in capsys.readouterr().out


def test_json_has_a_line_per_direction_and_one_for_the_whole(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", capture, "--json"]) == Exit.OK
    stream, whole = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert stream["linked"] == stream["carried"] == 12
    assert stream["linked_by_kind"] == {"write_segment": 6, "segment_read": 6, "write_read": 6}
    assert whole["holds"] is True


def test_a_wrong_link_fails(capture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.wiretale"
    shutil.copy(capture, broken)
    with duckdb.connect(str(broken)) as db:
        db.execute("UPDATE stream_read SET lo = lo + 1, hi = hi + 1")
    assert run(["check", str(broken)]) == Exit.FAILED
    assert "WRONG: connection " in capsys.readouterr().out


def test_what_passed_before_the_recorder_came_is_said_to_be_that(
    capture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = tmp_path / "late.wiretale"
    shutil.copy(capture, late)
    with duckdb.connect(str(late)) as db:
        for table in ("link", "stream_write", "stream_read"):
            db.execute(f"DELETE FROM {table}")
        db.execute("UPDATE task SET how = 'attached', start_ns = (SELECT max(time_ns) + 1 FROM packet)")
    assert run(["check", str(late)]) == Exit.OK
    told = capsys.readouterr().out
    assert "6 bytes on the wire, not written: sent before the first recorded call" in told
    assert "6 bytes on the wire, not read: came before the first recorded call: read before it, or never" in told
    assert "no explanation" not in told
    run(["show", str(late)])
    told = capsys.readouterr().out
    assert "before the recorder was attached to the processes at their ends: no call stands beside them" in told


def test_a_capture_without_joins_has_nothing_to_prove(tmp_path: Path, capture: str) -> None:
    bare = tmp_path / "bare.wiretale"
    shutil.copy(capture, bare)
    with duckdb.connect(str(bare)) as db:
        for table in ("link", "stream_write", "stream_read", "segment", "connection", "endpoint"):
            db.execute(f"DROP TABLE {table}")
    assert run(["check", str(bare)]) == Exit.OK
