import csv

import duckdb
import pytest

from tests.show.synthetic import make
from wiretale.cli import run
from wiretale.errors import Exit


@pytest.fixture
def capture(tmp_path):
    return make(tmp_path / "it's.wiretale")


def test_a_table_as_csv_and_parquet(capture, tmp_path):
    assert run(["export", "--to", "csv", "--table", "call", str(capture), "-o", str(tmp_path / "c.csv")]) == Exit.OK
    rows = list(csv.DictReader((tmp_path / "c.csv").open()))
    assert len(rows) == 23
    assert rows[19]["name"] == "write"
    assert run(["export", "--to", "parquet", "--table", "link", str(capture)]) == Exit.OK
    found = duckdb.execute("SELECT kind FROM read_parquet(?)", [str(tmp_path / "it's.link.parquet")]).fetchall()
    assert len(found) == 3


def test_the_name_of_the_output_says_the_format(capture, tmp_path, capsys):
    assert run(["export", "--table", "call", str(capture), "-o", str(tmp_path / "c.CSV")]) == Exit.OK
    assert (tmp_path / "c.CSV").read_text().startswith("call_id,")
    assert run(["export", str(capture), "-o", str(tmp_path / "c.pcapng")]) == Exit.OK
    assert (tmp_path / "c.pcapng").read_bytes()[:4] == bytes.fromhex("0a0d0d0a")
    for output, said in (((), "which format?"), (("-o", str(tmp_path / "c.txt")), "c.txt could be of any format")):
        assert run(["export", str(capture), *output]) == Exit.USAGE
        assert said in capsys.readouterr().err
    assert not (tmp_path / "c.txt").exists()


def test_wrong_tables_are_usage_faults(capture, capsys):
    assert run(["export", "--to", "csv", str(capture)]) == Exit.USAGE
    assert run(["export", "--to", "csv", "--table", "calls", str(capture)]) == Exit.USAGE
    assert "did you mean call?" in capsys.readouterr().err
    assert run(["export", "--to", "pcapng", "--table", "call", str(capture)]) == Exit.USAGE
