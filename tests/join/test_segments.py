"""How many packets are joined at a time is a matter of memory: the segments are the same, in the same order."""

import duckdb
import pytest

from scripts.large_spool import Size
from tests.large import capture_of
from wiretale.join import segments


def segments_of(folder, at_once):
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "_JOINED_AT_ONCE", at_once)
        capture = capture_of(folder, Size(connections=3, rounds=4, at_once=2, loopback=True))
    with duckdb.connect(str(capture), read_only=True) as db:
        return db.execute("FROM segment").fetchall()


def test_segments_do_not_depend_on_how_many_are_joined_at_a_time(tmp_path):
    whole = segments_of(tmp_path / "whole", 1 << 20)
    assert len(whole) > 100
    assert {row[3] for row in whole} == {True, False}  # both copies of loopback's packets
    assert segments_of(tmp_path / "parts", 7) == whole
