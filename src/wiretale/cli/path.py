"""`wiretale path`: the way of one call's bytes through the kernel."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.byte_range import byte_range
from wiretale.cli.output import output_of, print_json, print_notes
from wiretale.errors import Exit, UsageFault
from wiretale.light import asdict

if TYPE_CHECKING:
    import duckdb

    from wiretale.join.kernel_path import KernelPath

HELP = """
\b
  wiretale record --kernel -o talk.wiretale -- curl -s http://127.0.0.1:8000/
  wiretale path talk.wiretale                 # of the first bytes that were read at the other end
  wiretale path talk.wiretale 252             # of the bytes of call 252 (wiretale show --ids prints the numbers)
  wiretale path talk.wiretale --packet 4      # of the bytes in packet 4; of the packet itself if it carried none
  wiretale path talk.wiretale --connection 3 --bytes s2c:0-99     # of the first of these bytes

Shows what the kernel did between a write and the read that returned its bytes: every step in order, in whose time it
ran, and where the time went; for a read, of the write it got its bytes from; for any other call, what was done for it.
Events belong to the way because of the socket, the packet or the call they are about, never because of the process
that happened to run.
"""


@click.command(name="path", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("call_id", metavar="[CALL]", type=click.IntRange(1), required=False)
@click.option("--packet", "packet", type=click.IntRange(1), metavar="N", help="The way of a packet's bytes.")
@click.option("--connection", type=click.IntRange(1), metavar="N", help="Of the first bytes of one connection.")
@click.option("--bytes", "place", metavar="DIR:LO-HI", help="With --connection: of these bytes (the first of them).")
@click.option("--functions", is_flag=True, help="Also the kernel function of each step, and what it does.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["folded"]),
    help="folded: stacks for flame graphs, weighed with the nanoseconds until each step.",
)
@click.pass_context
def command(
    context: click.Context,
    capture: Path,
    call_id: int | None,
    packet: int | None,
    connection: int | None,
    place: str | None,
    functions: bool,
    as_json: bool,
    form: str | None,
) -> int:
    from wiretale.explain.folded import of_way
    from wiretale.explain.lookup import function_sentences
    from wiretale.show.kernel_path import path_lines
    from wiretale.store.capture import open_capture

    if sum(x is not None for x in (call_id, packet, connection)) > 1:
        raise UsageFault("a call, --packet and --connection exclude each other", "give one of them")
    if place is not None and connection is None:
        raise UsageFault("--bytes needs --connection", "wiretale connections lists their numbers")
    if form and (as_json or functions):
        raise UsageFault("--format folded has neither objects nor sentences", "give it alone")
    with open_capture(capture) as db:
        missing = missing_kernel_level(db, "wiretale record --kernel -o FILE.wiretale -- COMMAND")
        if missing:
            print_notes(missing)
            return Exit.FAILED
        found = _found(db, call_id, packet, connection, place)
    if found is None:
        nothing = "no bytes were written at one recorded end and read at the other"
        what = f"there is no call {call_id}" if call_id else nothing
        print_notes([what, f"try: wiretale show {capture} --ids"])
        return Exit.FAILED
    if form:
        sys.stdout.write("".join(f"{stack} {ns}\n" for stack, ns in of_way(found).items()))
        return Exit.OK
    if as_json:
        print_json(_object(found, function_sentences()))
        return Exit.OK
    known = function_sentences() if functions else None
    lines = path_lines(found, color=output_of(context).color, functions=known)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return Exit.OK


def _object(found: "KernelPath", known: dict[str, str]) -> dict[str, object]:
    """The way as it is, where its time went, and what its functions do."""
    from wiretale.explain.kernel_way import spans
    from wiretale.explain.lookup import sentence_of

    names = {f.function for stack in found.stacks.values() for f in stack.frames if f.function and f.part != "tracing"}
    told = asdict(found)
    del told["reasons"]  # the names of all there are
    return told | {
        "stacks": [asdict(stack) for stack in found.stacks.values()],
        "caused": sorted(found.caused),
        "functions": {name: does for name in sorted(names) if (does := sentence_of(name, known))},
        "spans": [asdict(span) for span in spans(found)],
    }


def missing_kernel_level(db: "duckdb.DuckDBPyConnection", command: str) -> list[str]:
    """Why there is nothing to tell, and the command that would record it; empty if the kernel level is there."""
    if db.execute("SELECT 1 FROM kernel_event LIMIT 1").fetchone():
        return []
    row = db.execute("SELECT reason, remedy FROM source WHERE source = 'ebpf'").fetchone()
    why = row[0] if row and row[0] else "it was not asked for"
    remedy = row[1] if row and row[1] else command
    return [f"the kernel level was not recorded: {why}", f"try: {remedy}"]


def _found(
    db: "duckdb.DuckDBPyConnection", call_id: int | None, packet: int | None, connection: int | None, place: str | None
) -> "KernelPath | None":
    from wiretale.join.kernel_path import kernel_path, packet_path
    from wiretale.join.kernel_path_start import first_byte, first_write, write_of_byte, write_of_read, writes_of_packet

    if packet is not None:
        writes = writes_of_packet(db, packet)
        found = kernel_path(db, writes[0]) if writes else packet_path(db, packet)
        if found is None or not found.events:
            raise UsageFault(
                f"nothing of packet {packet} was seen in the kernel", "choose another: wiretale show FILE lists them"
            )
        return found
    if connection is not None:
        direction, lo, _ = byte_range(place) if place is not None else ("c2s", first_byte(db, connection), 0)
        write = write_of_byte(db, connection, direction, lo)
        if write is None:
            raise UsageFault(
                f"no recorded call is known to have written byte {lo} of connection {connection}, {direction}",
                "wiretale connections lists the connections, wiretale follow their bytes",
            )
        return kernel_path(db, write)
    chosen = first_write(db) if call_id is None else write_of_read(db, call_id) or call_id
    return kernel_path(db, chosen) if chosen is not None else None
