"""Why bytes are not linked: each range that streams' rows hold and their links do not cover, with its cause.

A cause is stated only where the capture proves it. What nothing explains is said to be unexplained.
"""

from collections.abc import Callable, Sequence

import duckdb
import numpy as np

from wiretale.check.evidence import RAW, Evidence, Rows
from wiretale.check.ranges import FAR, NONE, Flags, Ints, Lines, Ranges, common, minus, union
from wiretale.light import dataclass

NOT_SEEN = "not in any captured packet: unsent when the connection or the recording ended"
LOST = "not in any captured packet, though the other end had them: lost by the capture"
HOLE = "not in any captured packet, though later bytes are: lost by the capture or on the way"
IN_PARTS = "the packet came in IP fragments: no one frame has its bytes"
NO_PACKETS = "no packet of this connection was captured"
UNPLACED = "where the stream begins is not known, so its packets have no position"
CUT = "the datagram was larger than the buffer of the call that took it"
DROPPED = "not read, though later datagrams were: dropped where they arrived"
UNREAD = "not read when the connection or the recording ended"
UNTRACED = "the {end} was not traced"
UNTRACED_OR_RAW = "the {end} was not traced, or used a raw or packet socket"
IO_URING = "the {end} uses io_uring: ptrace does not see its operations"
BEFORE = "sent before the first recorded call"
READ_BEFORE = "read before the first recorded call"
CAME_BEFORE = "came before the first recorded call: read before it, or never"
AFTER = "sent after the last recorded call"
CAME_AFTER = "came after the last recorded call"
UNRETURNED = "a call that gave these bytes did not return: its process ended meanwhile"
UNEXPLAINED = "unexplained"
KERNEL_SENDS = "no recorded call sent it: the kernel of a host answers, and reports errors, by ICMP itself"
KERNEL_TAKES = "no recorded call read it: the kernel of a host takes ICMP itself"
HEADER_MADE = "the IP header, which the kernel makes"
HEADER_KEPT = "the IP header, which this socket does not pass on"
FILLED = "the kernel fills these in itself: checksum, identifier, fields of the IP header"
HEADER_REBUILT = "the IP header, which the kernel makes anew for a packet that came in fragments"
FILTERED = "not read, though later packets were: filtered, or dropped where they arrived"


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
    """One end of a stream: `traced` if a recorded process held its socket, `uring` if that process uses io_uring.

    `raw` if a recorded process had a raw or packet socket. `sent_before` and `came_before`: up to which positions
    packets had carried what it sent, and what came to it, before its calls were recorded; 0 if they always were.
    `sent_after` and `came_after`: from which position on packets carried it after the last call of a process that was
    let go. `pending`: how many bytes its calls gave that never returned. `let_go`: its process outlives the recording.
    """

    traced: bool
    uring: bool
    raw: bool
    sent_before: int = 0
    came_before: int = 0
    sent_after: int = FAR
    came_after: int = FAR
    pending: int = 0
    let_go: bool = False

    def unseen(self, name: str) -> str | None:
        """Why this end's calls are not there; None if they should be."""
        if self.uring:
            return IO_URING.format(end=name)
        return None if self.traced else (UNTRACED_OR_RAW if self.raw else UNTRACED).format(end=name)


def acknowledged(db: duckdb.DuckDBPyConnection) -> dict[tuple[int, str], int]:
    """The highest position of each stream that its receiver acknowledged, by connection and direction."""
    rows = db.execute(
        "SELECT connection_id, CASE direction WHEN 'c2s' THEN 's2c' ELSE 'c2s' END, max(acked) FROM segment"
        " WHERE shown AND acked IS NOT NULL GROUP BY ALL"
    ).fetchall()
    return {(connection_id, direction): int(at) for connection_id, direction, at in rows}


Reason = str | Callable[[int], str]  # of a stream
Cause = tuple[Ranges | None, Reason]  # where it holds (None: everywhere), and what to say


class Gaps:
    """What is found of each stream, in order."""

    def __init__(self, streams: Lines) -> None:
        self._streams = streams
        self._found: dict[int, dict[tuple[str, str], int]] = {}

    def of(self, stream: int) -> list[Gap]:
        return [Gap(what, count, reason) for (what, reason), count in self._found.get(stream, {}).items()]

    def add(self, what: str, sizes: Ints, reason: Reason) -> None:
        """So many bytes of each stream."""
        for stream in np.flatnonzero(sizes).tolist():
            gaps = self._found.setdefault(stream, {})
            key = (what, reason if isinstance(reason, str) else reason(stream))
            gaps[key] = gaps.get(key, 0) + int(sizes[stream])

    def share(self, what: str, lacking: Ranges, causes: Sequence[Cause]) -> None:
        """Share `lacking` out among `causes`: each takes what it explains of what those before it left."""
        for where, reason in causes:
            if not len(lacking):
                return
            taken = lacking if where is None else common(lacking, where)
            if len(taken):
                self.add(what, self._streams.sizes(taken), reason)
                lacking = NONE if where is None else minus(lacking, where)


class Streams:
    """The streams of some connections, laid end to end: what their rows hold, and what is linked of it.

    `senders` and `receivers` are the ends of each stream, `acknowledged` the position up to which the receiver's
    acknowledgements went (0: none seen).
    """

    def __init__(
        self, found: Evidence, protocols: Sequence[str], senders: Sequence[End], receivers: Sequence[End],
        acknowledged: Ints,
    ) -> None:  # fmt: skip
        self.found, self.senders, self.receivers = found, senders, receivers
        self.acknowledged = acknowledged
        self.is_unix, self.is_udp, self.is_icmp, self.is_raw, self.in_order = (
            np.array([test(p) for p in protocols], bool)
            for test in (
                lambda p: p.startswith("unix"),
                ("udp", "udplite").__contains__,
                ("icmp", "icmpv6").__contains__,
                RAW.__contains__,
                ("tcp", "unix-stream").__contains__,
            )
        )
        self.lines = _lines(len(protocols), (found.writes, found.packets, found.reads))
        self.written, self.wire, self.read = (
            union(self.spans(rows)) for rows in (found.writes, found.packets, found.takes)
        )

    def spans(self, rows: Rows) -> Ranges:
        """Where rows lie; they may overlap."""
        return self.lines.place(rows.stream, rows.lo, rows.hi)

    def lacking(self, kind: str) -> Ranges:
        """What of the calls' bytes has no link of a kind, call by call."""
        linked = self.found.linked[kind]
        return linked.of_streams(minus(linked.lines.everything(), linked.covered), self.lines)

    def covered(self, kind: str) -> Ranges:
        """All positions that links of a kind cover."""
        linked = self.found.linked[kind]
        return union(linked.of_streams(linked.covered, self.lines))

    def first(self, ranges: Ranges) -> Ints:
        """Where the first of disjoint ranges begins in each stream; 0 where there is none."""
        which, low, _ = self.lines.back(ranges[::-1])
        found = np.zeros(len(self.lines), np.int64)
        found[which] = low  # the last one assigned stays
        return found

    def last(self, ranges: Ranges) -> Ints:
        """Where the last of disjoint ranges ends in each stream; 0 where there is none."""
        which, _, high = self.lines.back(ranges)
        found = np.zeros(len(self.lines), np.int64)
        found[which] = high
        return found

    def span(self, low: Ints | int, high: Ints | int, those: Flags | None = None) -> Ranges:
        """The positions of each stream from one to another; only of `those`."""
        ends = np.broadcast_to(low, len(self.lines)), np.broadcast_to(high, len(self.lines))
        which = np.arange(len(self.lines)) if those is None else np.flatnonzero(those)
        return union(self.lines.place(which, ends[0][which], ends[1][which]))

    def cut(self, whole: Rows) -> Ranges:
        """What of datagrams did not fit into the buffer of the read that took them. A stream has none."""
        takes = self.found.takes
        whole, takes = (rows.those(~self.in_order[rows.stream]) for rows in (whole, takes))
        if not len(takes):
            return NONE
        taken = self.spans(takes)
        begun = self.lines.place(whole.stream, whole.lo, whole.lo)[:, 0]
        order = np.argsort(taken[:, 0], kind="stable")
        at = np.searchsorted(taken[order, 0], begun, side="right") - 1
        last = order[at]
        cut = (at >= 0) & (taken[last, 0] == begun) & (takes.hi[last] < whole.hi)
        return union(self.lines.place(whole.stream[cut], takes.hi[last[cut]], whole.hi[cut]))

    def unseen(self, ends: Sequence[End], name: str, those: Flags) -> Cause:
        """The streams one of whose ends' calls are not there."""
        unseen = np.array([end.unseen(name) is not None for end in ends], bool)
        return self.lines.whole(unseen & those), lambda stream: ends[stream].unseen(name) or UNEXPLAINED


def _lines(streams: int, kinds: Sequence[Rows]) -> Lines:
    low, high = np.zeros(streams, np.int64), np.zeros(streams, np.int64)
    for rows in kinds:
        np.minimum.at(low, rows.stream, rows.lo)
        np.maximum.at(high, rows.stream, rows.hi)
    return Lines(low, high)


def gaps(s: Streams) -> Gaps:
    """All ranges without a link."""
    found = Gaps(s.lines)
    over_packets = ~s.is_unix
    _gaps_of_unix(s, found)
    for what, rows, kind in (
        ("written, not on the wire", s.found.writes, "write_segment"),
        ("read, not on the wire", s.found.takes, "segment_read"),
    ):
        found.share(what, s.lines.only(s.lacking(kind), over_packets), _wire_causes(s, rows))
    for what, kind, causes in (
        ("on the wire, not written", "write_segment", _sender_causes),
        ("on the wire, not read", "segment_read", _receiver_causes),
    ):
        lacking = s.lines.only(minus(s.wire, s.covered(kind)), over_packets)
        if len(lacking):
            found.share(what, lacking, causes(s))
    return found


def _gaps_of_unix(s: Streams, found: Gaps) -> None:
    if not s.is_unix.any():
        return
    inexact = _inexact(s.found.reads)
    placed = s.is_unix.copy()
    placed[list(inexact)] = False
    let_go = np.array([end.let_go for end in s.senders], bool)
    found.share(
        "written, not read",
        s.lines.only(minus(s.written, s.covered("write_read")), s.is_unix),
        [
            (s.cut(s.found.writes), CUT),
            s.unseen(s.receivers, "receiver", s.is_unix),
            (s.span(0, s.first(s.read), placed), READ_BEFORE),
            (None, lambda stream: inexact.get(stream, UNREAD)),
        ],
    )
    found.share(
        "read, not written",
        s.lines.only(s.lacking("write_read"), s.is_unix),
        [
            s.unseen(s.senders, "sender", s.is_unix),
            (s.span(0, s.first(s.written), placed), BEFORE),
            (s.span(s.last(s.written), FAR, placed & let_go), AFTER),
            (None, lambda stream: inexact.get(stream, UNEXPLAINED)),
        ],
    )


def _wire_causes(s: Streams, rows: Rows) -> list[Cause]:
    """Why a call's bytes have no packet."""
    without = np.ones(len(s.lines), bool)
    without[s.lines.which(s.wire)] = False
    top = s.last(s.wire)
    known = np.maximum(s.acknowledged, s.last(s.read))
    return [
        (s.lines.whole(without & (s.found.unplaced > 0)), UNPLACED),
        (s.lines.whole(without), NO_PACKETS),
        *_doubtful(s, rows),
        (common(_filled(s), s.wire), FILLED) if rows is s.found.writes else (_rebuilt(s), HEADER_REBUILT),
        (s.wire, UNEXPLAINED),
        (s.span(0, known), lambda stream: LOST if known[stream] > top[stream] else HOLE),
        (s.span(top, FAR), NOT_SEEN),
        (None, HOLE),
    ]


def _filled(s: Streams) -> Ranges:
    """Of what raw and ICMP sockets wrote, the bytes that the kernel may set: checksum and identifier of ICMP, or total
    length, identification, checksum and source of an IPv4 header (raw(7))."""
    writes = s.found.writes.those(s.is_raw[s.found.writes.stream])
    low = np.concatenate([writes.lo + 2, writes.lo + 10])
    high = np.minimum(np.concatenate([writes.lo + 6, writes.lo + 16]), np.tile(writes.hi, 2))
    return union(s.lines.place(np.tile(writes.stream, 2), low, np.maximum(low, high)))


def _rebuilt(s: Streams) -> Ranges:
    """Where raw sockets read a header that no captured packet has, though one has what they read behind it."""
    takes = s.found.takes.those(s.is_raw[s.found.takes.stream])
    spans = s.spans(takes)
    if not len(spans) or not len(s.wire):
        return NONE
    at = np.maximum(np.searchsorted(s.wire[:, 0], spans[:, 1], side="left") - 1, 0)
    low, high = s.wire[at, 0], s.wire[at, 1]
    some = (low > spans[:, 0]) & (low < spans[:, 1]) & (high >= spans[:, 1])
    return union(np.column_stack((spans[some, 0], low[some])))


def _untraced(s: Streams, ends: Sequence[End]) -> Flags:
    """The streams of ICMP one of whose ends was no recorded socket."""
    traced: Flags = np.array([end.traced for end in ends], bool)
    return np.asarray(s.is_icmp & ~traced)


def _doubtful(s: Streams, rows: Rows) -> list[Cause]:
    """The calls whose position is not exact, by the reason."""
    spans = s.spans(rows)
    doubtful = np.flatnonzero(~rows.flags["exact"]).tolist()
    by_reason: dict[str, list[int]] = {}
    for at in doubtful:
        by_reason.setdefault(rows.reasons.get(at, UNEXPLAINED), []).append(at)
    return [(union(spans[those]), reason) for reason, those in by_reason.items()]


def _sender_causes(s: Streams) -> list[Cause]:
    """Why bytes on the wire have no call that wrote them."""
    inexact = _inexact(s.found.writes)
    last = s.last(s.written)
    return [
        (s.lines.whole(_untraced(s, s.senders)), KERNEL_SENDS),
        (s.span(0, np.array([end.sent_before for end in s.senders])), BEFORE),
        (s.span(np.array([end.sent_after for end in s.senders]), FAR), AFTER),
        s.unseen(s.senders, "sender", ~s.is_unix),
        (union(s.spans(s.found.heads)), HEADER_MADE),
        (_filled(s), FILLED),
        (s.written, lambda stream: inexact.get(stream, UNEXPLAINED)),
        (s.span(0, s.first(s.written)), BEFORE),
        (s.span(last, last + np.array([end.pending for end in s.senders], np.int64)), UNRETURNED),
        (None, UNEXPLAINED),
    ]


def _receiver_causes(s: Streams) -> list[Cause]:
    """Why bytes on the wire have no call that read them."""
    inexact = _inexact(s.found.reads)
    last = s.last(s.read)
    came_before = np.array([end.came_before for end in s.receivers])
    came_after = np.array([end.came_after for end in s.receivers])
    return [
        (s.lines.whole(_untraced(s, s.receivers)), KERNEL_TAKES),
        (s.span(0, np.minimum(came_before, s.first(s.read))), READ_BEFORE),
        (s.span(np.maximum(came_after, last), FAR), CAME_AFTER),
        s.unseen(s.receivers, "receiver", ~s.is_unix),
        (union(s.spans(s.found.heads)), HEADER_KEPT),
        (s.cut(s.found.packets), CUT),
        (s.span(0, last, s.is_udp), DROPPED),
        (s.span(0, last, s.is_raw), FILTERED),
        (s.read, lambda stream: inexact.get(stream, UNEXPLAINED)),
        (s.span(0, s.first(s.read)), READ_BEFORE),
        (s.span(0, came_before, last == 0), CAME_BEFORE),
        (s.span(last, FAR), UNREAD),
        (None, UNEXPLAINED),
    ]


def _inexact(rows: Rows) -> dict[int, str]:
    """Why the first inexact call of each stream is so."""
    found: dict[int, str] = {}
    for at, reason in rows.reasons.items():
        found.setdefault(int(rows.stream[at]), reason)
    return found


def uncompared(s: Streams, kind: str, captured: Callable[[Rows], tuple[Ints, Ints, Ints]]) -> Gaps:
    """Linked bytes of one kind that nobody could compare, by what was not captured of them.

    `captured` tells what was captured of calls: streams, and from where to where.
    """
    found, linked = Gaps(s.lines), s.found.linked[kind]
    lacking = linked.of_streams(minus(linked.covered, linked.equal), s.lines)
    if not len(lacking):
        return found
    calls = s.found.writes if kind == "write_read" else linked.rows
    found.share(
        f"{kind.replace('_', ' to ')}, not compared",
        lacking,
        [
            (
                union(s.spans(calls.those(calls.flags["in_kernel"]))),
                "moved inside the kernel (sendfile, splice): the call has no bytes to capture",
            ),
            (union(s.spans(s.found.packets.those(s.found.packets.flags["in_parts"]))), IN_PARTS),
            (union(s.lines.place(*captured(calls))), "the packet was cut at the capture's length"),
            (None, "the call's bytes were cut at the capture's length, or taken without being copied (MSG_TRUNC)"),
        ],
    )
    return found
