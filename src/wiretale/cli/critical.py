"""`wiretale critical`: what bounded the time of an answer."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.byte_range import byte_range
from wiretale.cli.output import output_of, print_json, print_notes
from wiretale.errors import Exit, UsageFault

if TYPE_CHECKING:
    import duckdb

    from wiretale.join.critical.span import Span

HELP = """
\b
  wiretale record --kernel --engine ebpf -o slow.wiretale --with ./client -- ./server
  wiretale critical slow.wiretale                    # the answer that took longest from its request
  wiretale critical slow.wiretale 252                # the answer that call 252 read (wiretale show --ids: numbers)
  wiretale critical slow.wiretale 252 --from 240     # from the begin of call 240 to the return of call 252
  wiretale critical slow.wiretale --connection 3 --bytes s2c:0-99

Follows the time of an answer backwards through all recorded threads: who was waited for, what that one did or waited
for itself, back to the request. The pieces leave no gap and do not overlap: shortening the largest shortens the answer.
Of a call that read no answer, the time from its begin to its return.
"""


@click.command(name="critical", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("call_id", metavar="[CALL]", type=click.IntRange(1), required=False)
@click.option("--from", "since", type=click.IntRange(1), metavar="CALL", help="Begin with this call, not the request.")
@click.option("--packet", type=click.IntRange(1), metavar="N", help="Of the call that read a packet's bytes.")
@click.option("--connection", type=click.IntRange(1), metavar="N", help="The slowest answer of one connection.")
@click.option("--bytes", "place", metavar="DIR:LO-HI", help="With --connection: of the call that read these bytes.")
@click.option("--all", "every", is_flag=True, help="Every turn of a thread, however short, on a line of its own.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def command(
    context: click.Context,
    capture: Path,
    call_id: int | None,
    since: int | None,
    packet: int | None,
    connection: int | None,
    place: str | None,
    every: bool,
    as_json: bool,
) -> int:
    from wiretale.cli.path import missing_kernel_level
    from wiretale.join.critical.path import critical_path
    from wiretale.show.critical import critical_json, critical_lines
    from wiretale.store.capture import open_capture

    if sum(x is not None for x in (call_id, packet, connection)) > 1:
        raise UsageFault("a call, --packet and --connection exclude each other", "give one of them")
    if place is not None and connection is None:
        raise UsageFault("--bytes needs --connection", "wiretale connections lists their numbers")
    with open_capture(capture) as db:
        missing = missing_kernel_level(db, "wiretale record --kernel --engine ebpf -o FILE.wiretale -- COMMAND")
        if missing:
            print_notes(missing)
            return Exit.FAILED
        chosen = _call(db, call_id, packet, connection, place)
        span = _span(db, chosen, since, connection)
        path = critical_path(db, span)
    if as_json:
        print_json(critical_json(path))
        return Exit.OK
    color = output_of(context).color
    sys.stdout.write("".join(f"{line}\n" for line in critical_lines(path, color=color, every=every)))
    return Exit.OK


def _call(
    db: "duckdb.DuckDBPyConnection", call_id: int | None, packet: int | None, connection: int | None, place: str | None
) -> int | None:
    from wiretale.join.critical.span import reader_of_bytes, reader_of_packet

    if packet is not None:
        found = reader_of_packet(db, packet)
        if found is None:
            raise UsageFault(f"no recorded call is known to have read bytes of packet {packet}", "choose another one")
        return found
    if place is None or connection is None:
        return call_id
    direction, _, last = byte_range(place)
    found = reader_of_bytes(db, connection, direction, last)
    if found is None:
        raise UsageFault(
            f"no recorded call is known to have read byte {last} of connection {connection}, {direction}",
            "wiretale connections lists the connections, wiretale follow their bytes",
        )
    return found


def _span(db: "duckdb.DuckDBPyConnection", call_id: int | None, since: int | None, connection: int | None) -> "Span":
    from wiretale.join.critical.span import slowest_answer, span_of_call

    if call_id is None:
        found = slowest_answer(db, connection)
        if found is None:
            where = f" on connection {connection}" if connection is not None else ""
            raise UsageFault(
                f"no recorded call{where} read an answer to something that the same end wrote before",
                "name a call: wiretale show FILE --ids prints their numbers, wiretale connections those of connections",
            )
        return found if since is None else _span(db, found.end_call, since, None)
    found = span_of_call(db, call_id, since)
    if found is None:
        what = f"call {call_id} does not exist or did not return"
        raise UsageFault(
            what + (f", or call {since} did not begin before that" if since else ""), "wiretale show --ids"
        )
    return found
