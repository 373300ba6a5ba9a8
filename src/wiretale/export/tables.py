"""One table of a capture as CSV or Parquet, written by DuckDB."""

from pathlib import Path

import duckdb

from wiretale.errors import CaptureError
from wiretale.filter.condition import Filter, Value
from wiretale.filter.events import EventKind
from wiretale.filter.select import selecting
from wiretale.filter.tables import with_all_tables
from wiretale.model.tables import BY_NAME
from wiretale.store.capture import bring_up_to_date

_OPTIONS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd"}


# The tables whose rows are events, so that a filter can choose among them.
EVENT_TABLES = {
    "call": (EventKind.CALL, "c"), "packet": (EventKind.PACKET, "p"), "signal": (EventKind.SIGNAL, "s"),
    "task": (EventKind.TASK, "t"), "kernel_event": (EventKind.KERNEL, "e"),
}  # fmt: skip


def write_table(capture: Path, table: str, form: str, out: Path, chosen: Filter | None = None) -> int:
    """Write `table` of the capture file and return its number of rows. `form` is csv or parquet. With a filter, which
    is for EVENT_TABLES only, the rows that match.

    A second connection is needed: the one that reads captures may not write files. It runs no text of a user or of the
    capture; the table's name is one of the model's.
    """
    name = BY_NAME[table].name
    db = duckdb.connect(":memory:")
    try:
        db.execute(f"ATTACH {_quoted(str(capture))} AS capture (READ_ONLY)")
        db.execute("USE capture")
        bring_up_to_date(db, capture)
        query, parameters = _query(db, name, chosen)
        row = db.execute(f"COPY ({query}) TO {_quoted(str(out))} ({_OPTIONS[form]})", parameters).fetchone()
        return int(row[0]) if row else 0
    except duckdb.CatalogException as fault:
        raise CaptureError(f"{capture} has no table {name}", "wiretale sql FILE lists its tables") from fault
    except duckdb.IOException as fault:
        raise CaptureError(
            f"{out} cannot be written: {str(fault).splitlines()[0]}", "choose another place with -o"
        ) from fault
    finally:
        db.close()


def _query(db: duckdb.DuckDBPyConnection, table: str, chosen: Filter | None) -> tuple[str, list[Value]]:
    columns = [c.name for c in BY_NAME[table].columns]
    if chosen is None:
        return "SELECT " + ", ".join(f'"{c}"' for c in columns) + f' FROM "{table}"', []  # noqa: S608 (names of the model)
    kind, alias = EVENT_TABLES[table]
    with_all_tables(db)
    return selecting(chosen, kind, ", ".join(f'{alias}."{c}"' for c in columns))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
