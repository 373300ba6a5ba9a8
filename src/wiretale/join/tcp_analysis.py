"""TCP analysis of one incarnation of a 4-tuple: positions, window, flight, round trips and Wireshark's verdicts.

The rules are those of Wireshark 4.4 (`tcp.analysis.*`, described in its User's Guide, section "TCP Analysis"; where
guide and program differ the program's behaviour is followed). They are a heuristic over one tap in file order. Sequence
numbers are 64-bit and unwrapped here, counted from the initial one, so plain comparison is enough.

One pass, one segment at a time: each verdict depends on the state that all earlier segments left.
"""

from collections import deque
from dataclasses import dataclass, field

FIN, SYN, RST, ACK = 1, 2, 4, 16  # RFC 9293, section 3.1
FAST_RETRANSMISSION_NS = 20_000_000
OUT_OF_ORDER_NS = 3_000_000  # when the initial round trip is unknown
MAX_UNACKED = 10_000  # segments that are remembered until they are acknowledged
HALF, WHOLE = 1 << 31, 1 << 32
MAX_SCALE = 14  # RFC 7323, section 2.3


@dataclass(slots=True)
class Segment:
    """What the analysis reads of one captured segment."""

    packet_id: int
    time_ns: int
    forward: bool
    seq: int
    ack: int
    flags: int
    window: int
    length: int
    wscale: int | None
    sack: list[int] | None


@dataclass(slots=True)
class Verdict:
    """What the analysis says of one segment; fields as the columns of `segment`."""

    packet_id: int
    forward: bool
    rel_seq: int
    rel_ack: int | None
    lo: int
    hi: int
    scaled_window: int | None
    bytes_in_flight: int | None
    ack_rtt_ns: int | None
    analysis: list[str]
    is_new: bool
    fin: bool


class _Covered:
    """Which sequence numbers one side has sent: disjoint intervals in order, nearly always a single one."""

    __slots__ = ("spans",)

    def __init__(self) -> None:
        self.spans: list[list[int]] = []

    def holds(self, lo: int, hi: int) -> bool:
        """All of [lo, hi) was sent before."""
        return any(s[0] <= lo and hi <= s[1] for s in reversed(self.spans))

    def add(self, lo: int, hi: int) -> bool:
        """Add [lo, hi); True if any of it is new."""
        if hi <= lo:
            return False
        spans = self.spans
        if not spans or lo > spans[-1][1]:
            spans.append([lo, hi])
            return True
        if lo >= spans[-1][0]:
            grown = hi > spans[-1][1]
            spans[-1][1] = max(hi, spans[-1][1])
            return grown
        inside = self.holds(lo, hi)
        if not inside:
            touching = [s for s in spans if s[0] <= hi and s[1] >= lo]
            merged = [min([lo, *(s[0] for s in touching)]), max([hi, *(s[1] for s in touching)])]
            self.spans = sorted([s for s in spans if s not in touching] + [merged])
        return not inside


class _Flight:
    """Segments sent and not acknowledged, in the order they were captured: (start, end, time, end of payload)."""

    __slots__ = ("_sorted", "sent")

    def __init__(self) -> None:
        self.sent: deque[tuple[int, int, int, int]] = deque(maxlen=MAX_UNACKED)
        self._sorted = True  # no repeat among them: they can be taken off from the left

    def add(self, start: int, end: int, time_ns: int, payload_end: int) -> None:
        self._sorted = self._sorted and (not self.sent or start >= self.sent[-1][1])
        self.sent.append((start, end, time_ns, payload_end))

    def acknowledge(self, ack: int) -> int | None:
        """Take off what ends at or before `ack`. Time of the first that ends exactly there; None if none does."""
        found: int | None = None
        sent = self.sent
        if self._sorted:
            while sent and sent[0][1] <= ack:
                segment = sent.popleft()
                found = segment[2] if segment[1] == ack else None
            if sent and sent[0][0] < ack:
                sent[0] = (ack, *sent[0][1:])
            return found
        for segment in sent:
            if segment[1] == ack:
                found = segment[2]
                break
        self.sent = deque(((max(f[0], ack), *f[1:]) for f in sent if f[1] > ack), maxlen=MAX_UNACKED)
        self._sorted = not self.sent
        return found

    def splits(self, ack: int) -> bool:
        """`ack` lies inside a segment."""
        if self._sorted:
            return bool(self.sent) and self.sent[0][0] < ack < self.sent[0][1]
        return any(f[0] < ack < f[1] for f in self.sent)

    @property
    def size(self) -> int:
        """From the first byte not acknowledged to the last."""
        if not self.sent:
            return 0
        if self._sorted:
            return self.sent[-1][3] - self.sent[0][0]
        return max(f[3] for f in self.sent) - min(f[0] for f in self.sent)


@dataclass(slots=True)
class _Side:
    """What one side has sent so far."""

    base: int | None = None  # initial sequence number as on the wire
    certain: bool = False  # the base is a SYN's, or what the peer acknowledged it to be
    last: int = 0  # unwrapped sequence number of its last segment that was not a RST
    next_seq: int | None = None
    next_seq_ns: int = 0
    max_to_be_acked: int | None = None
    last_ack: int | None = None
    last_ack_ns: int = 0
    window: int = -1
    window_is_scaled: bool = False
    dup_acks: int = 0
    scale: int | None = None  # from its SYN; None: none seen
    syn_seen: bool = False
    last_flags: frozenset[str] = frozenset()
    sack: list[int] = field(default_factory=list)
    covered: _Covered = field(default_factory=_Covered)
    flight_valid: bool = True  # False after a gap: what is in flight is not known
    flight: _Flight = field(default_factory=_Flight)

    def unwrap(self, seq: int) -> int:
        assert self.base is not None
        relative = (seq - self.base - self.last + HALF) % WHOLE - HALF
        return self.last + relative


class TcpAnalysis:
    """State of one flow; feed segments in capture order to `verdict`."""

    def __init__(self, *, reused: bool) -> None:
        self.a = _Side()
        self.b = _Side()
        self._reused = reused
        self._syn_ns: int | None = None
        self._initial_rtt_ns: int | None = None

    def verdict(self, s: Segment) -> Verdict:
        fwd, rev = (self.a, self.b) if s.forward else (self.b, self.a)
        self._learn_bases(s, fwd, rev)
        seq = fwd.unwrap(s.seq)
        ack = rev.unwrap(s.ack) if s.flags & ACK and rev.base is not None else None
        found: list[str] = []
        if s.flags & SYN:
            fwd.scale, fwd.syn_seen = s.wscale, True
            if self._reused and not s.flags & ACK:
                found.append("reused_ports")
                self._reused = False
        virtual = s.length + bool(s.flags & SYN) + bool(s.flags & FIN)
        end = seq + virtual
        self._classify(s, fwd, rev, seq=seq, ack=ack, found=found)
        is_new = fwd.covered.add(seq, end) if not s.flags & RST and "keep_alive" not in found else False
        rtt = self._acknowledge(s, fwd, rev, ack, found)
        self._advance(s, fwd, seq=seq, end=end, ack=ack, found=found)
        lo = seq - 1 if not s.flags & SYN else seq
        return Verdict(
            s.packet_id,
            s.forward,
            seq,
            ack,
            lo,
            lo + s.length,
            self._scaled(s, fwd, rev),
            self._in_flight(s, fwd),
            rtt,
            found,
            is_new,
            bool(s.flags & FIN),
        )

    def _learn_bases(self, s: Segment, fwd: _Side, rev: _Side) -> None:
        if s.flags & SYN and not fwd.certain:
            fwd.base, fwd.certain, fwd.last = s.seq, True, 0
        if s.flags & SYN and s.flags & ACK and not rev.certain:
            rev.base, rev.certain, rev.last = (s.ack - 1) % WHOLE, True, 1
        if fwd.base is None:
            # A RST that answers a SYN has sequence number 0 and says nothing of a stream.
            fwd.base, fwd.last = (s.seq - 1) % WHOLE, 1
        if rev.base is None and s.flags & ACK:
            rev.base, rev.last = (s.ack - 1) % WHOLE, 1

    def _scaled(self, s: Segment, fwd: _Side, rev: _Side) -> int | None:
        """RFC 7323: scaled only if both SYNs carried the option, and never in a SYN itself."""
        if s.flags & SYN:
            return s.window
        shift = self._shift(fwd, rev)
        return None if shift is None else s.window << shift

    @staticmethod
    def _shift(fwd: _Side, rev: _Side) -> int | None:
        if not (fwd.syn_seen and rev.syn_seen):
            return None
        if fwd.scale is None or rev.scale is None:
            return 0
        return min(fwd.scale, MAX_SCALE)

    def _classify(self, s: Segment, fwd: _Side, rev: _Side, *, seq: int, ack: int | None, found: list[str]) -> None:
        control = s.flags & (SYN | FIN | RST)
        quiet = s.length == 0 and not control
        if s.length == 1 and seq == fwd.next_seq and rev.window == 0:
            found.append("zero_window_probe")
        else:
            if s.window == 0 and not control:
                found.append("zero_window")
            if fwd.next_seq is not None and seq > fwd.next_seq and not s.flags & RST:
                found.append("lost_segment")
                fwd.flight_valid = False
            if s.length <= 1 and fwd.next_seq is not None and seq == fwd.next_seq - 1 and not control:
                found.append("keep_alive")
            if self._fills_window(s, fwd, rev, seq) and not control:
                found.append("window_full")
            if quiet and seq == fwd.next_seq:
                self._classify_ack(s, fwd, rev, ack, found)
        if ack is not None:
            if ack != fwd.last_ack:
                fwd.dup_acks = 0
            self._classify_unseen(s, fwd, rev, seq=seq, ack=ack, found=found)
        if (s.length > 0 or s.flags & (SYN | FIN)) and "keep_alive" not in found:
            self._classify_repeat(s, fwd, rev, seq, found)

    @staticmethod
    def _classify_unseen(s: Segment, fwd: _Side, rev: _Side, *, seq: int, ack: int, found: list[str]) -> None:
        """An acknowledgement beyond what was seen; one byte beyond after a probe only opens the window again."""
        if rev.max_to_be_acked is None or ack <= rev.max_to_be_acked or ack == fwd.last_ack:
            return  # a repeated acknowledgement tells of the same gap again
        if {"zero_window_probe", "zero_window_probe_ack", "keep_alive_ack"} & set(found):
            return
        reopens = ack - 1 == fwd.last_ack and seq == fwd.next_seq and "zero_window_probe" in rev.last_flags
        if reopens and s.window:
            if "window_update" not in found:
                found.append("window_update")
        else:
            found.append("ack_lost_segment")
        rev.max_to_be_acked = rev.next_seq

    def _fills_window(self, s: Segment, fwd: _Side, rev: _Side, seq: int) -> bool:
        if s.length == 0 or rev.last_ack is None or rev.window < 0:
            return False
        shift = self._shift(rev, fwd)
        if shift is None:
            return False
        window = rev.window << (shift if rev.window_is_scaled else 0)
        return seq + s.length == rev.last_ack + window

    def _classify_ack(self, s: Segment, fwd: _Side, rev: _Side, ack: int | None, found: list[str]) -> None:
        """A segment without data at the expected place: update, keep-alive answer, probe answer or duplicate."""
        same = ack is not None and ack == fwd.last_ack
        probed = "zero_window_probe" in rev.last_flags
        after_probe = probed and ack is not None and fwd.last_ack is not None and ack == fwd.last_ack + 1
        if s.window and s.window != fwd.window and (same or (after_probe and fwd.window == 0)):
            found.append("window_update")
        elif s.window == 0 and fwd.window == 0 and probed and (same or after_probe):
            found.append("zero_window_probe_ack")
        elif same and s.window and s.window == fwd.window:
            if "keep_alive" in rev.last_flags:
                found.append("keep_alive_ack")
            else:
                fwd.dup_acks += 1
                found.append("duplicate_ack")

    def _classify_repeat(self, s: Segment, fwd: _Side, rev: _Side, seq: int, found: list[str]) -> None:
        """Data (or SYN, FIN) below the highest number sent: spurious, fast, out of order, or a plain repeat."""
        if fwd.next_seq is None:
            return
        end = seq + s.length
        if s.length > 0 and rev.last_ack is not None and end <= rev.last_ack:
            found += ["retransmission", "spurious_retransmission"]
            return
        if seq >= fwd.next_seq or (s.length > 1 and seq == fwd.next_seq - 1):
            return
        soon = s.time_ns - rev.last_ack_ns < FAST_RETRANSMISSION_NS
        if rev.dup_acks >= 2 and soon and (rev.last_ack == seq or self._outside_sack(rev, fwd, seq, end)):
            found += ["retransmission", "fast_retransmission"]
            return
        limit = self._initial_rtt_ns or OUT_OF_ORDER_NS
        new = not fwd.covered.holds(seq, end + bool(s.flags & (SYN | FIN)))
        if new and s.time_ns - fwd.next_seq_ns < limit and end != fwd.next_seq:
            found.append("out_of_order")
            return
        found.append("retransmission")

    @staticmethod
    def _outside_sack(rev: _Side, fwd: _Side, seq: int, end: int) -> bool:
        if not rev.sack:
            return False
        edges = [fwd.unwrap(edge) for edge in rev.sack]
        return not any(lo <= seq and end <= hi for lo, hi in zip(edges[::2], edges[1::2], strict=False))

    def _acknowledge(self, s: Segment, fwd: _Side, rev: _Side, ack: int | None, found: list[str]) -> int | None:
        """Take what is acknowledged off the other side's flight; the round trip is that of the segment ending there."""
        if ack is None:
            return None
        partial = rev.flight.splits(ack) and ack != fwd.last_ack
        sent_ns = rev.flight.acknowledge(ack)
        rev.flight_valid = rev.flight_valid or ack != fwd.last_ack
        if sent_ns is not None:
            return s.time_ns - sent_ns
        if partial:
            found.append("partial_ack")
        return None

    def _advance(self, s: Segment, fwd: _Side, *, seq: int, end: int, ack: int | None, found: list[str]) -> None:
        probe = "zero_window_probe" in found
        if not s.flags & RST:
            fwd.last = seq
            if end > seq and "keep_alive" not in found:
                fwd.flight.add(seq, end, s.time_ns, seq + s.length)
            if (fwd.next_seq is None or end > fwd.next_seq) and not probe:
                fwd.next_seq, fwd.next_seq_ns = end, s.time_ns
            if (fwd.max_to_be_acked is None or seq == fwd.max_to_be_acked) and not probe:
                fwd.max_to_be_acked = fwd.next_seq
        if ack is not None:
            fwd.last_ack, fwd.last_ack_ns = ack, s.time_ns
            fwd.sack = s.sack or []
        fwd.window, fwd.window_is_scaled = s.window, not s.flags & SYN
        fwd.last_flags = frozenset(found)
        if s.flags & SYN and not s.flags & ACK:
            self._syn_ns = s.time_ns
        elif self._syn_ns is not None and self._initial_rtt_ns is None and not s.flags & (SYN | RST) and s.flags & ACK:
            self._initial_rtt_ns = s.time_ns - self._syn_ns

    @staticmethod
    def _in_flight(s: Segment, fwd: _Side) -> int | None:
        if s.length == 0 or not fwd.flight_valid:
            return None
        return fwd.flight.size or None
