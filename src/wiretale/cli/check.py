"""`wiretale check`: the proof that a capture's links are right, recomputed."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wiretale.cli.output import Output, output_of, print_json, print_notes, print_table
from wiretale.decode.escape import escape_text
from wiretale.errors import Exit

if TYPE_CHECKING:
    from wiretale.check.check import Check, StreamCheck
    from wiretale.check.reasons import Gap
    from wiretale.check.whole import WholeCheck
    from wiretale.show.connections import ConnectionRow

HELP = """
\b
  wiretale check demo.wiretale
  wiretale check demo.wiretale --json

Recomputes the proof of a capture's links, without the code that made them: per direction of each connection the bytes
that calls wrote, packets carried and calls read, how many of the calls' bytes are linked, how many of those were
captured on both sides and are equal, and for every byte that lacks a link the reason. Exit status 1 if a link is wrong.
"""


@click.command(name="check", help=HELP)
@click.argument("capture", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per direction, then one for the whole.")
@click.option("--all", "untraced", is_flag=True, help="Also connections between programs that were not traced.")
@click.pass_context
def command(context: click.Context, capture: Path, as_json: bool, untraced: bool) -> int:
    from wiretale.check.check import check
    from wiretale.cli.progress import steps
    from wiretale.filter.tables import with_all_tables
    from wiretale.show.connections import connections
    from wiretale.store.capture import open_capture

    with open_capture(capture) as db:
        with_all_tables(db)
        with steps() as progress:
            proof = check(db, progress)
        known = {row.id: row for row in connections(db, untraced=untraced)}
    shown = [s for s in proof.streams if s.connection_id in known and (s.carried or s.on_wire)]
    if as_json:
        for stream in shown:
            print_json(_as_json(stream))
        print_json(_whole_as_json(proof))
    else:
        _print(shown, known, proof, output_of(context))
    return Exit.OK if proof.holds else Exit.FAILED


_HEADERS = ("id", "proto", "from", "to", "written", "on wire", "read", "linked", "compared")


def _print(shown: "list[StreamCheck]", known: "dict[int, ConnectionRow]", proof: "Check", output: Output) -> None:
    if shown:
        rows = [_cells(stream, known[stream.connection_id]) for stream in shown]
        needed = sum(max(len(h), *(len(r[i]) for r in rows)) + 2 for i, h in enumerate(_HEADERS))
        if output.width is None or needed <= output.width:
            print_table(_HEADERS, rows, output, right=(0, 4, 5, 6, 7, 8))
        else:
            sys.stdout.write("".join(_in_lines(row) for row in rows))
    lines = [f"  {text}" for stream in shown for text in _missing(stream)]
    if lines:
        sys.stdout.write("without a link:\n" + "".join(line + "\n" for line in lines))
    sys.stdout.write("".join(escape_text(line) + "\n" for line in _summary(proof)))
    if not shown and not proof.whole:
        print_notes(["no connection of a traced program carried payload"])


def _cells(stream: "StreamCheck", connection: "ConnectionRow") -> tuple[str, ...]:
    ends = (connection.client, connection.server)
    sender, receiver = ends if stream.direction == "c2s" else ends[::-1]
    from wiretale.check.check import OVER_PACKETS

    on_wire = str(stream.on_wire) if stream.protocol in OVER_PACKETS else "-"
    names = [_end(e.comm, e.pid, e.fd, e.addr, e.port) for e in (sender, receiver)]
    figures = (str(stream.written), on_wire, str(stream.read), _share(stream.linked, stream.carried))
    return (str(stream.connection_id), stream.protocol, *names, *figures, _share(stream.compared, stream.linked))


def _end(comm: str | None, pid: int | None, fd: int | None, addr: str | None, port: int | None) -> str:
    from wiretale.show.labels import address

    if pid is not None:
        return f"{comm or '?'}({pid})" + (f" fd {fd}" if fd is not None else "")
    return address(addr, port) if addr else "(unnamed)"


def _share(part: int, whole: int) -> str:
    """A part of the whole: 100 % only if it is all, 0 % only if it is nothing."""
    if not whole:
        return "-"
    if part in (0, whole):
        return "100 %" if part else "0 %"
    return f"{min(max(100 * part / whole, 0.1), 99.9):.1f} %"


def _in_lines(cells: tuple[str, ...]) -> str:
    identity, protocol, sender, receiver, written, wire, read, linked, compared = map(escape_text, cells)
    return (
        f"{identity} {protocol} {sender} -> {receiver}\n"
        f"  {written} bytes written, {wire} on the wire, {read} read; {linked} linked, {compared} of those compared\n"
    )


def _missing(stream: "StreamCheck") -> Iterator[str]:
    for gap in stream.gaps:
        yield escape_text(f"{stream.connection_id} {stream.direction}: {_bytes(gap.bytes)} {gap.what}: {gap.reason}")


def _bytes(count: int) -> str:
    return f"{count} byte" if count == 1 else f"{count} bytes"


def _summary(proof: "Check") -> Iterator[str]:
    """The verdict comes last."""
    for calls in proof.calls:
        if calls.unplaced_calls:
            word = "sends" if calls.side == "w" else "receives"
            unknown = calls.unplaced_calls - calls.other_calls, calls.unplaced_bytes - calls.other_bytes
            for (number, size), why in (
                (
                    (calls.other_calls, calls.other_bytes),
                    "their sockets are SCTP's and the like",
                ),
                (unknown, "the other end of their socket is not known"),
            ):
                if number:
                    yield f"{number} {word} with {_bytes(size)} belong to no connection: {why}"
    yield from map(_whole, proof.whole)
    for gap in _together([gap for s in proof.streams for gap in s.uncompared]):
        yield f"not compared: {_bytes(gap.bytes)}: {gap.reason}"
    carried, linked, compared = (
        sum(getattr(s, name) for s in proof.streams) for name in ("carried", "linked", "compared")
    )
    directly = [s for s in proof.streams if s.links and not s.linked]  # no packet of theirs was captured
    links = sum(s.links for s in proof.streams) - sum(s.links for s in directly)
    if directly:
        size, equal = sum(s.covered["write_read"] for s in directly), sum(s.equal["write_read"] for s in directly)
        yield (
            f"without packets: {_bytes(size)} linked from the calls that wrote them to those that read them,"
            f" {equal} of them compared and equal"
        )
    for text in proof.wrong[:20]:
        yield f"WRONG: {text}"
    if len(proof.wrong) > 20:
        yield f"WRONG: and {len(proof.wrong) - 20} more; --json has them all"
    if proof.unexplained:
        yield f"{_bytes(proof.unexplained)} without a link have no explanation"
    verdict = "nothing is wrong" if proof.holds else f"{len(proof.wrong)} faults"
    if not carried and proof.whole:
        linked, whole = sum(w.linked for w in proof.whole), sum(w.messages for w in proof.whole)
        yield f"{linked} of {whole} packets linked with calls: {verdict}"
        return
    if carried and not links:
        yield f"calls carried {_bytes(carried)}, none of them linked{' by packets' if directly else ''}: {verdict}"
        return
    yield (
        f"calls carried {_bytes(carried)}; {linked} linked ({_share(linked, carried)}) by {links} links,"
        f" {compared} of them compared and equal: {verdict}"
    )


def _whole(found: "WholeCheck") -> str:
    verb = "sent" if found.side == "w" else "took"
    number = "1 packet" if found.messages == 1 else f"{found.messages} packets"
    said = (
        f"raw and packet sockets {verb} {number} whole, {_bytes(found.bytes)}: {found.linked_bytes} linked"
        f" ({_share(found.linked_bytes, found.bytes)}), {found.compared} compared and equal"
    )
    said += f", {found.filled} filled in by the kernel" if found.filled else ""
    missing = found.messages - found.linked
    said += f"; of {missing} no packet was captured" if missing else ""
    doubt = f"; {found.doubtful} may be other packets with the same bytes" if found.doubtful else ""
    return said + doubt


def _together(gaps: "list[Gap]") -> "list[Gap]":
    from wiretale.check.reasons import Gap

    total: dict[str, int] = {}
    for gap in gaps:
        total[gap.reason] = total.get(gap.reason, 0) + gap.bytes
    return [Gap("", count, reason) for reason, count in total.items()]


def _as_json(s: "StreamCheck") -> dict[str, object]:
    return {
        "connection": s.connection_id, "protocol": s.protocol, "direction": s.direction, "written": s.written,
        "on_wire": s.on_wire, "read": s.read, "carried": s.carried, "linked": s.linked, "compared": s.compared,
        "links": s.links, "linked_by_kind": s.covered, "compared_by_kind": s.equal,
        "unlinked": [{"what": g.what, "bytes": g.bytes, "reason": g.reason, "explained": g.explained} for g in s.gaps],
        "not_compared": [{"what": g.what, "bytes": g.bytes, "reason": g.reason} for g in s.uncompared],
    }  # fmt: skip


def _whole_as_json(proof: "Check") -> dict[str, object]:
    return {
        "holds": proof.holds,
        "wrong": list(proof.wrong),
        "unexplained_bytes": proof.unexplained,
        "calls": [
            {
                "side": "write" if c.side == "w" else "read", "peeked": c.peeked, "calls": c.calls, "bytes": c.bytes,
                "unplaced_calls": c.unplaced_calls, "unplaced_bytes": c.unplaced_bytes,
                "other_calls": c.other_calls, "other_bytes": c.other_bytes,
            }
            for c in proof.calls
        ],
        "whole_packets": [
            {
                "side": "write" if w.side == "w" else "read", "messages": w.messages, "bytes": w.bytes,
                "linked": w.linked, "linked_bytes": w.linked_bytes, "compared": w.compared, "filled": w.filled,
                "doubtful": w.doubtful,
            }
            for w in proof.whole
        ],
    }  # fmt: skip
