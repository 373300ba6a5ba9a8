"""Why bytes are not linked: each range that a stream's rows hold and its links do not cover, with its cause.

A cause is stated only where the capture proves it. What nothing explains is said to be unexplained.
"""

from dataclasses import dataclass

import duckdb
import numpy as np

from wiretale.check.evidence import Linked, Row
from wiretale.check.ranges import NONE, Ranges, common, minus, size, union

IN_KERNEL = ("sendfile", "sendfile64", "splice", "tee", "copy_file_range")
NOT_SEEN = "not in any captured packet: unsent when the connection or the recording ended"
LOST = "not in any captured packet, though the other end had them: lost by the capture"
HOLE = "not in any captured packet, though later bytes are: lost by the capture or on the way"
IN_PARTS = "the packet came in IP fragments: no one frame has its bytes"
NO_PACKETS = "no packet of this connection was captured"
CUT = "the datagram was larger than the buffer of the call that took it"
DROPPED = "not read, though later datagrams were: dropped where they arrived"
UNREAD = "not read when the connection or the recording ended"
UNTRACED = "the {end} was not traced"
IO_URING = "the {end} uses io_uring: ptrace does not see its operations"
BEFORE = "sent before the first recorded call"
READ_BEFORE = "read before the first recorded call"
UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Gap:
    """`bytes` of one direction that lack a link. `what`: what they are and what they lack, as a few words."""

    what: str
    bytes: int
    reason: str

    @property
    def explained(self) -> bool:
        return self.reason != UNEXPLAINED


@dataclass(frozen=True, slots=True)
class End:
    """One end of a stream: `traced` if a recorded process held its socket, `uring` if that process uses io_uring."""

    traced: bool
    uring: bool

    def unseen(self, name: str) -> str | None:
        """Why this end's calls are not there; None if they should be."""
        if self.uring:
            return IO_URING.format(end=name)
        return None if self.traced else UNTRACED.format(end=name)


@dataclass(frozen=True, slots=True)
class Stream:
    """One direction of one connection: its rows, what is linked, who sent and who received."""

    writes: list[Row]
    packets: list[Row]
    reads: list[Row]
    linked: Linked
    sender: End
    receiver: End
    protocol: str
    acknowledged: int  # position up to which the other end's acknowledgements went; 0: none seen

    @property
    def takes(self) -> list[Row]:
        """Reads that took what they returned."""
        return [r for r in self.reads if not r.peeked]

    def rows_of(self, kind: str) -> list[Row]:
        """The calls whose bytes a kind of link accounts for."""
        return self.writes if kind == "write_segment" else self.takes

    def lacking(self, kind: str) -> Ranges:
        """What of the calls' bytes has no link of a kind, call by call."""
        parts = [minus(union([(r.lo, r.hi)]), self.linked.of(kind, r)) for r in self.rows_of(kind)]
        return np.concatenate([NONE, *parts])

    def covered(self, kind: str) -> Ranges:
        """All positions that links of a kind cover."""
        return union(np.concatenate([NONE, *(self.linked.of(kind, r) for r in self.rows_of(kind))]))


def acknowledged(db: duckdb.DuckDBPyConnection) -> dict[tuple[int, str], int]:
    """The highest position of each stream that its receiver acknowledged, by connection and direction."""
    rows = db.execute(
        "SELECT connection_id, CASE direction WHEN 'c2s' THEN 's2c' ELSE 'c2s' END, max(rel_ack) - 1 FROM segment"
        " WHERE shown AND rel_ack IS NOT NULL GROUP BY ALL"
    ).fetchall()
    return {(connection_id, direction): int(at) for connection_id, direction, at in rows}


def gaps(s: Stream) -> list[Gap]:
    """All of a stream's ranges without a link."""
    written, read, wire = _spans(s.writes), _spans(s.takes), _spans(s.packets)
    found: list[Gap] = []
    if s.protocol.startswith("unix"):
        lacking = minus(written, s.covered("write_read"))
        cut = [(_cut(s, s.writes), CUT)]
        found += _split("written, not read", lacking, [*cut, (None, _unread_reason(s, read))])
        found += _split(
            "read, not written",
            s.lacking("write_read"),
            [(None, s.sender.unseen("sender") or _inexact(s.reads) or UNEXPLAINED)],
        )
        return _merged(found)
    for what, rows, kind in (
        ("written, not on the wire", s.writes, "write_segment"),
        ("read, not on the wire", s.takes, "segment_read"),
    ):
        found += _split(what, s.lacking(kind), _wire_reasons(s, rows, wire, read))
    found += _split("on the wire, not written", minus(wire, s.covered("write_segment")), _sender_reasons(s, written))
    found += _split("on the wire, not read", minus(wire, s.covered("segment_read")), _receiver_reasons(s, read))
    return _merged(found)


def _cut(s: Stream, whole: list[Row]) -> Ranges:
    """What of datagrams did not fit into the buffer of the read that took them. A stream has none."""
    if s.protocol in ("tcp", "unix-stream"):
        return NONE
    begun = {r.lo: r.hi for r in s.takes}
    return union([(begun[d.lo], d.hi) for d in whole if begun.get(d.lo, d.hi) < d.hi])


Cause = tuple[Ranges | None, str]  # where it holds (None: everywhere), and what to say


def _wire_reasons(s: Stream, rows: list[Row], wire: Ranges, read: Ranges) -> list[Cause]:
    """Why a call's bytes have no packet."""
    if not len(wire):
        return [(None, NO_PACKETS)]
    top = int(wire[-1, 1])
    doubtful = [(union([(r.lo, r.hi)]), r.reason or UNEXPLAINED) for r in rows if not r.exact]
    known = max(s.acknowledged, int(read[-1, 1]) if len(read) else 0)
    return [
        *doubtful,
        (wire, UNEXPLAINED),
        (union([(0, known)]), LOST if known > top else HOLE),
        (union([(top, np.iinfo(np.int64).max)]), NOT_SEEN),
        (None, HOLE),
    ]


def _sender_reasons(s: Stream, written: Ranges) -> list[Cause]:
    """Why bytes on the wire have no call that wrote them."""
    unseen = s.sender.unseen("sender")
    if unseen:
        return [(None, unseen)]
    first = int(written[0, 0]) if len(written) else 0
    return [(written, _inexact(s.writes) or UNEXPLAINED), (union([(0, first)]), BEFORE), (None, UNEXPLAINED)]


def _receiver_reasons(s: Stream, read: Ranges) -> list[Cause]:
    """Why bytes on the wire have no call that read them."""
    unseen = s.receiver.unseen("receiver")
    if unseen:
        return [(None, unseen)]
    last = int(read[-1, 1]) if len(read) else 0
    first = int(read[0, 0]) if len(read) else 0
    return [
        (_cut(s, s.packets), CUT),
        (union([(0, last)]) if s.protocol == "udp" else NONE, DROPPED),
        (read, _inexact(s.reads) or UNEXPLAINED),
        (union([(0, first)]), READ_BEFORE),
        (union([(last, np.iinfo(np.int64).max)]), UNREAD),
        (None, UNEXPLAINED),
    ]


def _unread_reason(s: Stream, read: Ranges) -> str:
    return s.receiver.unseen("receiver") or _inexact(s.reads) or UNREAD


def _inexact(rows: list[Row]) -> str | None:
    return next((r.reason for r in rows if not r.exact and r.reason), None)


def _spans(rows: list[Row]) -> Ranges:
    return union([(r.lo, r.hi) for r in rows])


def _split(what: str, lacking: Ranges, causes: list[Cause]) -> list[Gap]:
    """`lacking` shared out among `causes`: each takes what it explains of what those before it left."""
    found = []
    for where, reason in causes:
        taken = lacking if where is None else common(lacking, where)
        if len(taken):
            found.append(Gap(what, size(taken), reason))
            lacking = NONE if where is None else minus(lacking, where)
    return found


def _merged(found: list[Gap]) -> list[Gap]:
    total: dict[tuple[str, str], int] = {}
    for gap in found:
        total[gap.what, gap.reason] = total.get((gap.what, gap.reason), 0) + gap.bytes
    return [Gap(what, count, reason) for (what, reason), count in total.items()]


def uncompared(s: Stream, kind: str) -> list[Gap]:
    """Linked bytes of one kind that nobody could compare, by what was not captured of them."""
    calls = s.rows_of(kind)
    parts = [minus(s.linked.of(kind, r), s.linked.compared(kind, r)) for r in calls]
    lacking = np.concatenate([NONE, *parts])
    calls = s.writes if kind == "write_read" else calls
    inside = union([(r.lo, r.hi) for r in calls if r.call in IN_KERNEL])
    captured = union([(at, at + len(data)) for r in calls for at, data in r.data])
    return _split(
        f"{kind.replace('_', ' to ')}, not compared",
        lacking,
        [
            (inside, "moved inside the kernel (sendfile, splice): the call has no bytes to capture"),
            (_spans([p for p in s.packets if p.in_parts]), IN_PARTS),
            (captured, "the packet was cut at the capture's length"),
            (None, "the call's bytes were cut at the capture's length, or taken without being copied (MSG_TRUNC)"),
        ],
    )
