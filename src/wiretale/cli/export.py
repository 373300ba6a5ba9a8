"""`wiretale export`: a capture in other programs' formats."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from wiretale.cli.output import print_notes
from wiretale.errors import CaptureError, Exit, ResourceFault, UsageFault

if TYPE_CHECKING:
    import duckdb

    from wiretale.filter.condition import Filter

HELP = """
\b
  wiretale export demo.wiretale -o demo.pcapng
  wiretale export demo.wiretale --table call -o calls.csv
  wiretale export demo.wiretale --filter 'tcp.port == 4000' -o part.pcapng
  wiretale export demo.wiretale --to pcapng -o - | tshark -r -

pcapng holds every shown packet; its comments name process, descriptor and call at both ends with the bytes they
moved. CSV and Parquet hold one table (wiretale sql FILE lists them). folded holds the kernel's stacks by task and
context, with the number of events, for flame graphs. `-o -` writes pcapng and folded to standard output.
"""
_FORMATS = ("pcapng", "csv", "parquet", "folded")
_WHOLE = ("pcapng", "folded")  # of the capture, not of one table


@click.command(name="export", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@click.option("--to", type=click.Choice(_FORMATS), help="The format (default: as the ending of -o says).")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Where to (default: FILE with the format's ending)."
)
@click.option("--table", metavar="NAME", help="csv, parquet: the table to write.")
@click.option(
    "-f", "--filter", "filter_text", metavar="FILTER", help="Only the packets, or rows, that match (docs/filter.md)."
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def command(
    capture: Path, to: str | None, output: Path | None, table: str | None, filter_text: str | None, force: bool
) -> int:
    from wiretale.store.capture import open_capture

    to = to if to is not None else _format_of(output)
    if to not in _WHOLE and table is None:
        raise UsageFault(f"{to} holds one table: which?", f"wiretale export --to {to} --table call {capture}")
    if to in _WHOLE and table is not None:
        raise UsageFault("--table is for csv and parquet", f"wiretale export --to {to} {capture}")
    if to == "folded" and filter_text is not None:
        raise UsageFault("--filter is for packets and tables", f"wiretale export --to folded {capture}")
    if table is not None:
        _check_table(table)
    chosen = _chosen(filter_text, table)
    target = output if output is not None else _default_name(capture, to, table)
    with open_capture(capture) as db:
        _check_target(target, capture, force=force)
        if to == "folded":
            return _export_stacks(db, target)
        if table is None:
            return _export_packets(db, target, chosen)
    from wiretale.cli.progress import steps
    from wiretale.export.tables import write_table

    place = Path("/dev/stdout") if str(target) == "-" else target  # DuckDB writes by name
    with steps() as progress:
        progress(f"writing {table}")
        count = write_table(capture, table, to, place, chosen)
    print_notes([f"wrote {target}: {count} rows of {table}"])
    return Exit.OK


def _format_of(output: Path | None) -> str:
    """The format that the ending of the output's name says."""
    form = "" if output is None else output.suffix.lower().removeprefix(".")
    if form not in _FORMATS:
        what = "which format?" if output is None or not form else f"{output} could be of any format"
        raise UsageFault(what, f"--to {', --to '.join(_FORMATS)}, or -o FILE with that ending")
    return form


def _chosen(text: str | None, table: str | None) -> "Filter | None":
    if text is None:
        return None
    from wiretale.export.tables import EVENT_TABLES
    from wiretale.filter.compile import compile_filter

    if table is not None and table not in EVENT_TABLES:
        raise UsageFault(
            f"--filter chooses among events, and rows of {table} are none",
            f"it is for pcapng and the tables {', '.join(EVENT_TABLES)}",
        )
    return compile_filter(text)


def _export_packets(db: "duckdb.DuckDBPyConnection", target: Path, chosen: "Filter | None") -> int:
    from wiretale.cli.progress import steps
    from wiretale.export.pcapng import write_pcapng
    from wiretale.filter.condition import EVERYTHING
    from wiretale.filter.tables import with_all_tables

    with_all_tables(db)
    with steps() as progress:
        progress("writing packets")
        packets = _to_file(target, lambda stream: write_pcapng(db, stream, chosen or EVERYTHING))
    if packets:
        print_notes([f"wrote {target}: {packets} packets"])
        return Exit.OK
    if chosen is not None:
        print_notes([f"wrote {target}, without any packet: none matches the filter"])
        return Exit.FAILED
    reason, remedy = _why_no_packets(db)
    print_notes([f"wrote {target}, without any packet: {reason}", *([f"try: {remedy}"] if remedy else [])])
    return Exit.FAILED


def _export_stacks(db: "duckdb.DuckDBPyConnection", target: Path) -> int:
    from wiretale.export.folded import write_folded

    events = _to_file(target, lambda stream: write_folded(db, stream))
    if events:
        print_notes([f"wrote {target}: the stacks of {events} kernel events"])
        return Exit.OK
    print_notes([
        f"wrote {target}, without any stack: none was recorded",
        "try: wiretale record --kernel --stacks -o FILE.wiretale -- COMMAND",
    ])  # fmt: skip
    return Exit.FAILED


def _check_target(target: Path, capture: Path, *, force: bool) -> None:
    if str(target) == "-" or not target.exists() or not target.is_file():
        return
    if target.samefile(capture):
        raise UsageFault(f"{target} is the capture itself", "give another name with -o")
    if not force:
        raise UsageFault(f"{target} exists", "overwrite it with --force, or give another name with -o")


def _check_table(table: str) -> None:
    import difflib

    from wiretale.model.tables import BY_NAME

    if table not in BY_NAME:
        near = difflib.get_close_matches(table, list(BY_NAME), n=1)
        raise UsageFault(
            f"there is no table {table}", f"did you mean {near[0]}?" if near else "wiretale sql --schema lists them"
        )


def _default_name(capture: Path, form: str, table: str | None) -> Path:
    stem = capture.name.removesuffix(".wiretale")
    return capture.with_name(f"{stem}.{table}.{form}" if table is not None else f"{stem}.{form}")


def _to_file(target: Path, write: Callable[[BinaryIO], int]) -> int:
    """Write beside the target and rename, so that a file with the final name is whole. Private: it holds payload."""
    if str(target) == "-":
        count = write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return count
    if target.exists() and not target.is_file():  # a device or a pipe is written to, never replaced
        return _into(target, target, write)
    part = target.with_name(target.name + ".part")
    try:
        return _into(part, target, write)
    finally:
        part.unlink(missing_ok=True)


def _into(place: Path, target: Path, write: Callable[[BinaryIO], int]) -> int:
    """Write to `place`, which then takes the name `target`."""
    try:
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            count = write(stream)
        if place != target:
            place.replace(target)
        return count
    except OSError as fault:
        if fault.errno == errno.ENOSPC:
            raise ResourceFault(
                f"the disk is full: {target} could not be written", "free space or choose another place"
            ) from fault
        raise CaptureError(f"{target} cannot be written: {fault.strerror}", "choose another place with -o") from fault


def _why_no_packets(db: "duckdb.DuckDBPyConnection") -> tuple[str, str | None]:
    row = db.execute("SELECT ran, reason, remedy FROM source WHERE source = 'packets'").fetchone()
    if row is None or not row[0]:
        return f"no packets were recorded: {row[1] if row and row[1] else 'the packet source did not run'}", row[
            2
        ] if row else "wiretale doctor"
    return "none passed while it recorded", None
