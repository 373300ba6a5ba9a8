"""`wiretale connections`: who talked to whom."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.output import Output, output_of, print_json, print_notes, print_table
from wiretale.decode.escape import escape_text
from wiretale.errors import Exit

if TYPE_CHECKING:
    from wiretale.show.connections import ConnectionRow, End

HELP = """
\b
  wiretale connections demo.wiretale
  wiretale connections demo.wiretale --json

Lists the connections of a capture in the order of their birth: both ends with process and descriptor, how it ended, the
bytes each way, packets, retransmissions, times since the first event, and the time of the handshake.
"""


@click.command(name="connections", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option("--all", "untraced", is_flag=True, help="Also connections between programs that were not traced.")
@click.pass_context
def command(context: click.Context, capture: Path, as_json: bool, untraced: bool) -> int:
    from wiretale.explain.about import about
    from wiretale.show.connections import connections, made_whole
    from wiretale.show.order import origin_ns
    from wiretale.store.capture import open_capture

    with open_capture(capture) as db:
        # Where nothing was traced (an imported file), no connection is another program's.
        untraced = untraced or db.execute("SELECT 1 FROM task WHERE traced LIMIT 1").fetchone() is None
        rows = connections(db, untraced=untraced)
        hidden = 0 if untraced else len(connections(db, untraced=True)) - len(rows)
        whole = made_whole(db) if hidden else 0
        origin, gaps = origin_ns(db), about(db).gaps
    if as_json:
        for row in rows:
            print_json(_as_json(row, origin))
        return Exit.OK
    if rows:
        _print(rows, origin, output_of(context))
    else:
        print_notes(["the capture holds no connection of a traced program"])
        for gap in gaps:
            print_notes([f"! {gap.text}", *([f"  try: {gap.remedy}"] if gap.remedy else [])])
    if hidden > whole:
        print_notes([f"connections of other programs, not shown: {hidden - whole}; --all shows them"])
    if whole:
        print_notes(
            [f"flows of packets that programs made whole, not shown: {whole}; --all shows them, explain tells them"]
        )
    return Exit.OK if rows else Exit.FAILED


_HEADERS = (
    "id",
    "proto",
    "client",
    "server",
    "outcome",
    "sent",
    "received",
    "packets",
    "retrans",
    "from",
    "to",
    "handshake",
)


def _print(rows: "list[ConnectionRow]", origin: int, output: Output) -> None:
    """A table; where the terminal is too narrow for it, four lines for each connection."""
    cells = [_cells(row, origin) for row in rows]
    needed = sum(max(len(header), *(len(c[i]) for c in cells)) + 2 for i, header in enumerate(_HEADERS))
    if output.width is None or needed <= output.width:
        print_table(_HEADERS, cells, output, right=(0, 5, 6, 7, 8, 9, 10))
        return
    bold, reset = ("\x1b[1m", "\x1b[0m") if output.color else ("", "")
    for cell in cells:
        identity, protocol, client, server, outcome, sent, received, packets, again, begin, end, handshake = map(
            escape_text, cell
        )
        lines = [
            f"{bold}{identity} {protocol} {outcome}{reset}, {begin} to {end}",
            f"  client {client}",
            f"  server {server}",
            f"  {sent} bytes sent, {received} received, {packets} packets, {again} retransmitted,"
            f" handshake {handshake}",
        ]
        sys.stdout.write("".join(line + "\n" for line in lines))


def _cells(row: "ConnectionRow", origin: int) -> tuple[str, ...]:
    from wiretale.decode.durations import duration

    return (
        str(row.id), row.protocol, _end(row.client), _end(row.server), row.outcome or "?", str(row.client_bytes),
        str(row.server_bytes), str(row.packets), str(row.retransmissions), _seconds(row.from_ns, origin),
        _seconds(row.to_ns, origin), duration(row.handshake_ns) if row.handshake_ns is not None else "-",
    )  # fmt: skip


def _end(end: "End") -> str:
    """`127.0.0.1:4444 nc(4021) fd 3`."""
    from wiretale.show.labels import address

    place = address(end.addr, end.port) if end.addr else "(unnamed)"
    if end.pid is None:
        return place
    return f"{place} {end.comm or '?'}({end.pid})" + (f" fd {end.fd}" if end.fd is not None else "")


def _seconds(time_ns: int | None, origin: int) -> str:
    return "-" if time_ns is None else f"{(time_ns - origin) / 1e9:.6f}"


def _as_json(row: "ConnectionRow", origin: int) -> dict[str, object]:
    def end(value: "End", state: str | None) -> dict[str, object]:
        return {
            "addr": value.addr,
            "port": value.port,
            "pid": value.pid,
            "comm": value.comm,
            "fd": value.fd,
            "state": state,
        }

    return {
        "id": row.id, "protocol": row.protocol, "client": end(row.client, row.client_state),
        "server": end(row.server, row.server_state), "outcome": row.outcome, "client_bytes": row.client_bytes,
        "server_bytes": row.server_bytes, "packets": row.packets, "retransmissions": row.retransmissions,
        "from_ns": row.from_ns, "to_ns": row.to_ns, "from": None if row.from_ns is None else (row.from_ns - origin) /
        1e9,
        "to": None if row.to_ns is None else (row.to_ns - origin) / 1e9, "handshake_ns": row.handshake_ns,
        "client_known_by": row.client_known_by,
    }  # fmt: skip
