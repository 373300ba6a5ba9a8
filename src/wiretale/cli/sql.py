"""`wiretale sql`: query a capture."""

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.output import Output, output_of, print_table
from wiretale.errors import Exit, UsageFault

if TYPE_CHECKING:
    import duckdb

HELP = """
\b
  wiretale sql demo.wiretale "select name, count(*) from call group by name order by 2 desc"
  wiretale sql demo.wiretale --schema connection

Runs one query on a capture with DuckDB's SQL. The capture is opened read-only and cannot reach other files. Without a
query: lists the tables.
"""

_BATCH = 5000


@click.command(name="sql", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path, readable=False), required=False)
@click.argument("query", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to print.",
)
@click.option(
    "--schema", "schema", is_flag=True, help="Print the columns of a table (give its name as QUERY), or of all."
)
@click.pass_context
def command(context: click.Context, capture: Path | None, query: str | None, form: str, schema: bool) -> int:
    output = output_of(context)
    if schema:
        return _print_schema(_table_named(capture, query), output)
    if capture is None:
        raise UsageFault("which capture?", "wiretale sql FILE.wiretale [QUERY]")
    from wiretale.store.capture import open_capture

    with open_capture(capture) as db:
        if query is None:
            return _print_tables(db, output)
        return _run(db, query, form, output)


def _table_named(capture: Path | None, query: str | None) -> str | None:
    """`sql F --schema call` and `sql --schema call` both mean the table call."""
    if query is not None:
        return query
    if capture is None or capture.exists():
        return None
    return str(capture)


def _print_schema(name: str | None, output: Output) -> int:
    import difflib

    from wiretale.model.tables import BY_NAME, TABLES

    if name is not None and name not in BY_NAME:
        near = difflib.get_close_matches(name, list(BY_NAME), n=1)
        raise UsageFault(
            f"there is no table {name}", f"did you mean {near[0]}?" if near else "wiretale sql --schema lists them"
        )
    for table in [BY_NAME[name]] if name is not None else TABLES:
        sys.stdout.write(f"{table.name}: {table.row}\n")
        print_table(
            ("column", "type", "unit", "meaning"), [(c.name, c.type, c.unit, c.meaning) for c in table.columns], output
        )
        sys.stdout.write("\n")
    return Exit.OK


def _print_tables(db: "duckdb.DuckDBPyConnection", output: Output) -> int:
    from wiretale.model.tables import TABLES

    counts = dict(db.execute("SELECT table_name, estimated_size FROM duckdb_tables()").fetchall())
    rows = [(t.name, str(counts[t.name]) if t.name in counts else "-", t.row) for t in TABLES]
    print_table(("table", "rows", "one row is"), rows, output, right=(1,))
    return Exit.OK


def _run(db: "duckdb.DuckDBPyConnection", query: str, form: str, output: Output) -> int:
    import duckdb

    from wiretale.filter.tables import with_all_tables

    with_all_tables(db)
    try:
        result = db.execute(query)
        names = [str(d[0]) for d in result.description or ()]
        if form == "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(names)
            while rows := result.fetchmany(_BATCH):
                writer.writerows([[_plain(v) for v in row] for row in rows])
        elif form == "json":
            while rows := result.fetchmany(_BATCH):
                for row in rows:
                    sys.stdout.write(json.dumps(dict(zip(names, map(_json_value, row), strict=True))) + "\n")
        else:
            print_table(names or ("result",), [[_cell(v) for v in row] for row in result.fetchall()], output)
    except duckdb.Error as fault:
        raise UsageFault(_sentence(fault), "wiretale sql --schema prints all tables and columns") from fault
    return Exit.OK


def _sentence(fault: Exception) -> str:
    """DuckDB's message without its hints about extensions; the position marker is kept."""
    lines = [line for line in str(fault).split("\n") if line.strip()]
    return "\n".join(lines[:4]) or type(fault).__name__


def _cell(value: object) -> str:
    from wiretale.decode.escape import escape_bytes

    if isinstance(value, bytes):
        return escape_bytes(value)
    return "NULL" if value is None else str(value)


def _plain(value: object) -> object:
    """CSV: empty for NULL, hexadecimal for bytes; control characters are the reader's business, as in any CSV."""
    if isinstance(value, bytes):
        return value.hex()
    return "" if value is None else value


def _json_value(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_json_value(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _json_value(v) for k, v in value.items()}
    return value if isinstance(value, int | float | str | bool | None) else str(value)
