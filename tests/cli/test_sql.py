import csv
import io
import json

import pytest

from tests.show.synthetic import make
from wiretale.cli import run
from wiretale.errors import Exit


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return str(make(tmp_path_factory.mktemp("sql") / "c.wiretale"))


QUERY = "select call_id, name, errno from call where name in ('connect', 'write') order by 1"


def test_rows_in_each_format(capture, capsys):
    assert run(["sql", capture, QUERY]) == Exit.OK
    assert capsys.readouterr().out.splitlines()[1].split() == ["18", "connect", "115"]
    run(["sql", capture, QUERY, "--format", "csv"])
    assert list(csv.reader(io.StringIO(capsys.readouterr().out)))[2] == ["20", "write", ""]
    run(["sql", capture, QUERY, "--format", "json"])
    assert json.loads(capsys.readouterr().out.splitlines()[1]) == {"call_id": 20, "name": "write", "errno": None}


def test_tables_and_their_columns_are_listed(capture, capsys):
    run(["sql", capture])
    assert "one system call" in capsys.readouterr().out
    run(["sql", capture, "--schema", "wait"])
    assert "latency_ns" in capsys.readouterr().out
    run(["sql", "--schema", "wait"])
    assert "latency_ns" in capsys.readouterr().out
    assert run(["sql", capture, "--schema", "cal"]) == Exit.USAGE
    assert "did you mean call?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "query",
    ["select", "select * from nowhere", "delete from call", "copy call to '/tmp/x.csv'",
     "select * from read_csv('/etc/passwd')",
     "install httpfs", "set enable_external_access = true", "attach '/tmp/y.db'"],
)  # fmt: skip
def test_a_query_that_fails_or_reaches_out_is_a_usage_fault(capture, capsys, query):
    assert run(["sql", capture, query]) == Exit.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("wiretale: ")
