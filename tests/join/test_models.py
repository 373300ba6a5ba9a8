"""How many rows are joined at a time is a matter of memory: the tables are the same, in the same order."""

import duckdb
import pytest

from scripts.large_spool import Size
from tests.large import capture_of
from wiretale.join import models

TABLES = ("segment", "wait", "call_connection")


def tables_of(folder, at_once):
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "_AT_ONCE", at_once)
        capture = capture_of(folder, Size(connections=3, rounds=4, at_once=2, loopback=True))
    with duckdb.connect(str(capture), read_only=True) as db:
        return {table: db.execute(f"FROM {table}").fetchall() for table in TABLES}


def test_tables_do_not_depend_on_how_many_rows_are_joined_at_a_time(tmp_path):
    whole = tables_of(tmp_path / "whole", 1 << 20)
    assert all(len(rows) > 20 for rows in whole.values())
    assert {row[3] for row in whole["segment"]} == {True, False}  # both copies of loopback's packets
    assert tables_of(tmp_path / "parts", 7) == whole
