"""`wiretale import`: a packet capture of tcpdump, dumpcap or Wireshark becomes a capture of wiretale."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.output import print_json, print_notes
from wiretale.cli.progress import steps
from wiretale.cli.recording_options import check_output
from wiretale.errors import Exit, UsageFault

if TYPE_CHECKING:
    import duckdb

    from wiretale.ingest.found import Found

_SUFFIXES = (".gz", ".zst", ".lz4", ".bz2", ".xz", ".pcapng", ".pcap", ".cap", ".dmp", ".dump")
_MOST_FAULTS = 10  # said one by one; all are in the capture's coverage


@click.command()
@click.argument("file", metavar="CAPTURE", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The capture to write (default: CAPTURE's name with .wiretale, in the current folder).",
)
@click.option("--force", is_flag=True, help="Overwrite an existing capture.")
@click.option(
    "--tcp-rules",
    type=click.Choice(["4.0", "4.4"]),
    default="4.0",
    show_default=True,
    help="Whose rules judge TCP segments: this version of Wireshark's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was read as one JSON object.")
@click.pass_context
def command(
    context: click.Context, file: Path, output: Path | None, force: bool, tcp_rules: str, as_json: bool
) -> None:
    """Make a capture of a pcap or pcapng file: its packets, connections, streams and TCP analysis.

    \b
    wiretale import web.pcap
    wiretale import trace.pcapng.gz -o trace.wiretale --tcp-rules 4.4

    The file may be compressed (gzip, zstd, lz4, bzip2, xz), cut short or damaged: what can be read is kept; what
    cannot is named with its place in the file, and the exit code is then 1. CAPTURE may be - for standard input.
    """
    from wiretale.ingest.load import import_capture
    from wiretale.ingest.open import read_capture
    from wiretale.join.build import build

    if str(file) == "-":
        file = Path("/dev/stdin")
    target = output or Path(_stem(file.name) + ".wiretale")
    if target.resolve() == file.resolve():
        raise UsageFault(f"{target} is the file to read", "name the capture to write with -o FILE.wiretale")
    check_output(target, force=force)
    with steps() as progress:
        found = read_capture(file, progress)

        def join(db: "duckdb.DuckDBPyConnection") -> None:
            build(db, progress)

        import_capture(found, file, target, join, rules=tcp_rules, progress=progress)
    facts = _facts(found, target)
    if as_json:
        print_json(facts)
    else:
        print_notes(_summary(found, facts))
    context.exit(Exit.FAILED if found.faults else Exit.OK)


def _stem(name: str) -> str:
    """The name without what says that it is a capture file."""
    stem = name
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    return stem or name


def _facts(found: "Found", target: Path) -> dict[str, object]:
    from wiretale.store.capture import open_capture

    with open_capture(target) as db:
        row = db.execute(
            "SELECT (SELECT count(*) FROM packet), (SELECT count(*) FROM connection),"
            " (SELECT count(*) FROM connection WHERE protocol = 'tcp'),"
            " (SELECT count(*) FROM packet WHERE undecoded IS NOT NULL)"
        ).fetchone()
    assert row is not None
    return {
        "capture": str(target),
        "format": found.format,
        "packets": row[0],
        "connections": row[1],
        "tcp_connections": row[2],
        "undecoded_packets": row[3],
        "faults": [{"byte": f.at, "text": f.text} for f in found.faults],
    }


def _counted(number: object, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _summary(found: "Found", facts: dict[str, object]) -> Iterator[str]:
    for fault in found.faults[:_MOST_FAULTS]:
        yield f"! at byte {fault.at}: {fault.text}"
    if len(found.faults) > _MOST_FAULTS:
        yield f"! and {len(found.faults) - _MOST_FAULTS} more places; wiretale sql has them in the table coverage"
    undecoded = f", {facts['undecoded_packets']} not decoded to the end" if facts["undecoded_packets"] else ""
    packets = _counted(facts["packets"], "packet")
    yield f"{packets} ({found.format}), {_counted(facts['connections'], 'connection')}{undecoded}"
    yield f"{facts['capture']}; look at it: wiretale show {facts['capture']}"
    sys.stderr.flush()
