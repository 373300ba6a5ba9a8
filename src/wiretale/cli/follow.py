"""`wiretale follow`: the bytes of one connection, both ways."""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.output import is_terminal, output_of, print_json, print_notes
from wiretale.errors import Exit, UsageFault

if TYPE_CHECKING:
    import duckdb

    from wiretale.show.follow import Followed

HELP = """
\b
  wiretale follow talk.wiretale
  wiretale follow web.wiretale 3
  wiretale follow web.wiretale 'tcp.port == 8000' --boundaries writes,segments,reads
  wiretale follow web.wiretale 3 --direction s2c --format raw > answer.bin

Prints what passed through one connection, in the order of time: > from client to server, < from server to client.
CONNECTION is its number or a filter; it may be left out where only one carried bytes. The bytes come from calls and
packets, whichever captured them. Bytes that nobody captured are shown as missing, with their number.
"""
_KINDS = ("writes", "segments", "reads")


@click.command(name="follow", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("connection", metavar="[CONNECTION]", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "hex", "raw", "json"]),
    default="text",
    show_default=True,
    help="Escaped text, hexadecimal, the bytes themselves, or one JSON object per piece.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--direction", type=click.Choice(["c2s", "s2c", "both"]), default="both", show_default=True, help="Only one way."
)
@click.option(
    "--boundaries", metavar="LIST", default="", help="Show where each begins: writes, segments, reads (with commas)."
)
@click.pass_context
def command(
    context: click.Context,
    capture: Path,
    connection: str | None,
    form: str,
    as_json: bool,
    direction: str,
    boundaries: str,
) -> int:
    from wiretale.show.follow import DIRECTIONS, followed
    from wiretale.store.capture import open_capture

    form = "json" if as_json else form
    kinds = _boundaries(boundaries)
    if kinds and form == "raw":
        raise UsageFault("raw bytes have no room for boundaries", "use --format text, hex or json")
    if form == "raw" and is_terminal(sys.stdout):
        raise UsageFault("raw bytes could act on the terminal", "send them into a file: ... --format raw > FILE")
    directions = DIRECTIONS if direction == "both" else (direction,)
    with open_capture(capture) as db:
        found = followed(db, _number(db, connection))
        if form == "text":
            _print_head(found, color=output_of(context).color)
        return _print(db, found, form, directions, kinds, color=output_of(context).color)


def _boundaries(text: str) -> tuple[str, ...]:
    kinds = tuple(word.strip() for word in text.split(",") if word.strip())
    for kind in kinds:
        if kind not in _KINDS:
            raise UsageFault(f"there are no boundaries of {kind!r}", f"--boundaries {','.join(_KINDS)}")
    return kinds


def _number(db: "duckdb.DuckDBPyConnection", text: str | None) -> int:
    """A connection by its number or by a filter; without either, the only one."""
    from wiretale.filter.compile import compile_filter
    from wiretale.show.follow import connection_matching, only_connection

    if text is None:
        return only_connection(db)
    if text.isdecimal() and len(text) < 18:
        return int(text)
    return connection_matching(db, compile_filter(text))


def _print_head(found: "Followed", *, color: bool) -> None:
    from wiretale.show.labels import address

    client, server = (address(*end) if end[0] else "(unnamed)" for end in (found.client, found.server))
    dim, reset = ("\x1b[2m", "\x1b[0m") if color else ("", "")
    sys.stdout.write(f"{dim}# connection {found.connection_id}, {found.protocol}: {client} > {server}{reset}\n")


def _print(
    db: "duckdb.DuckDBPyConnection",
    found: "Followed",
    form: str,
    directions: tuple[str, ...],
    kinds: tuple[str, ...],
    *,
    color: bool,
) -> int:
    from wiretale.show.follow import Data, Gap, pieces
    from wiretale.show.follow_text import HexWriter, TextWriter, as_json
    from wiretale.show.order import origin_ns

    origin = origin_ns(db)
    writer = HexWriter(color, origin) if form == "hex" else TextWriter(color, origin)
    told: Counter[tuple[str, str]] = Counter()
    for piece in pieces(db, found.connection_id, directions, kinds):
        if isinstance(piece, Data):
            told[piece.direction, piece.source] += len(piece.data)
        elif isinstance(piece, Gap):
            told[piece.direction, "missing"] += piece.hi - piece.lo
        if form == "json":
            print_json(as_json(piece, origin))
        elif form != "raw":
            sys.stdout.write("".join(writer.write(piece)))
        elif isinstance(piece, Data):
            sys.stdout.buffer.write(piece.data)
    if form in ("text", "hex"):
        sys.stdout.write("".join(writer.end()))
    sys.stdout.flush()
    print_notes(_summary(found, directions, told))
    return Exit.OK if told else Exit.FAILED


def _summary(found: "Followed", directions: tuple[str, ...], told: Counter[tuple[str, str]]) -> list[str]:
    """Whose bytes these were: to standard error, so that data stays data."""
    names = {"writes": "from writes", "segments": "from packets", "reads": "from reads", "missing": "missing"}
    notes = []
    for direction in directions:
        parts = [f"{told[direction, key]} {name}" for key, name in names.items() if told[direction, key]]
        total = sum(count for (way, _), count in told.items() if way == direction)
        notes.append(f"{direction}: {total} bytes" + (f" ({', '.join(parts)})" if parts else ""))
    if found.doubt:
        notes.append(f"positions are not certain: {found.doubt}")
    return notes
