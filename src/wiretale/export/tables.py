"""One table of a capture as CSV or Parquet, written by DuckDB."""

from pathlib import Path

import duckdb

from wiretale.errors import CaptureError
from wiretale.model.tables import BY_NAME

_OPTIONS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd"}


def write_table(capture: Path, table: str, form: str, out: Path) -> int:
    """Write `table` of the capture file and return its number of rows. `form` is csv or parquet.

    A second connection is needed: the one that reads captures may not write files. It runs no text of a user or of the
    capture; the table's name is one of the model's.
    """
    name = BY_NAME[table].name
    db = duckdb.connect(":memory:")
    try:
        db.execute(f"ATTACH {_quoted(str(capture))} AS capture (READ_ONLY)")
        columns = ", ".join(f'"{c.name}"' for c in BY_NAME[table].columns)
        row = db.execute(
            f"COPY (SELECT {columns} FROM capture.main.{name}) TO {_quoted(str(out))} ({_OPTIONS[form]})"  # noqa: S608 (built from fixed text; values are parameters)
        ).fetchone()
        return int(row[0]) if row else 0
    except duckdb.CatalogException as fault:
        raise CaptureError(f"{capture} has no table {name}", "wiretale sql FILE lists its tables") from fault
    except duckdb.IOException as fault:
        raise CaptureError(
            f"{out} cannot be written: {str(fault).splitlines()[0]}", "choose another place with -o"
        ) from fault
    finally:
        db.close()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
