"""The TCP analysis, verdict by verdict, and compared with tshark on random conversations."""

import random
import shutil
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import require
from wiretale.join.tcp_analysis import ACK, FIN, RST, SYN, Segment, TcpAnalysis, Verdict

PSH = 8
MSEC = 1_000_000


class Tap:
    """Feeds segments to one analysis; positions are relative to the initial sequence numbers."""

    def __init__(self, *, scale: int | None = 7, a_isn: int = 1000, b_isn: int = 5000) -> None:
        self.analysis = TcpAnalysis(reused=False)
        self.isn = {True: a_isn, False: b_isn}
        self.now = 0
        self.count = 0
        self.see(True, SYN, 0, None, scale=scale)
        self.see(False, SYN | ACK, 0, 1, scale=scale)
        self.see(True, ACK, 1, 1)

    def see(
        self,
        forward: bool,
        flags: int,
        seq: int,
        ack: int | None,
        *,
        length: int = 0,
        window: int = 512,
        **more: object,
    ) -> Verdict:
        after = more.pop("after_ns", 10_000)
        self.now += int(str(after))
        self.count += 1
        segment = Segment(
            self.count,
            self.now,
            forward,
            (self.isn[forward] + seq) % (1 << 32),
            0 if ack is None else (self.isn[not forward] + ack) % (1 << 32),
            flags,
            window,
            length,
            more.get("scale"),  # type: ignore[arg-type]
            more.get("sack"),  # type: ignore[arg-type]
        )
        return self.analysis.verdict(segment)

    def data(self, seq: int, length: int, **more: object) -> Verdict:
        return self.see(True, PSH | ACK, seq, 1, length=length, **more)  # type: ignore[arg-type]

    def ack(self, ack: int, **more: object) -> Verdict:
        return self.see(False, ACK, 1, ack, **more)  # type: ignore[arg-type]


def test_positions_count_payload_and_round_trips_are_of_the_acknowledged_segment() -> None:
    tap = Tap(a_isn=0xFFFFFFFE)
    first, second = tap.data(1, 100), tap.data(101, 50)
    answer = tap.ack(151)
    assert (first.lo, first.hi, second.lo, second.hi) == (0, 100, 100, 150)
    assert (first.bytes_in_flight, second.bytes_in_flight) == (100, 150)
    assert answer.ack_rtt_ns == 10_000
    assert answer.scaled_window == 512 << 7
    assert answer.analysis == []


def test_a_late_repeat_is_a_retransmission_and_a_quick_one_out_of_order() -> None:
    tap = Tap()
    tap.data(1, 100)
    hole = tap.data(201, 100)
    assert hole.analysis == ["lost_segment"]
    assert tap.data(101, 100).analysis == ["out_of_order"]
    repeat = tap.data(101, 100, after_ns=300 * MSEC)
    assert (repeat.analysis, repeat.is_new) == (["retransmission"], False)


def test_three_acknowledgements_ask_for_a_fast_retransmission() -> None:
    tap = Tap()
    for n in range(4):
        tap.data(1 + 100 * n, 100, after_ns=5 * MSEC)
    tap.ack(1, after_ns=5 * MSEC)
    verdicts = [tap.ack(1).analysis for _ in range(2)]
    assert verdicts == [["duplicate_ack"], ["duplicate_ack"]]
    assert tap.data(1, 100, after_ns=5 * MSEC).analysis == ["retransmission", "fast_retransmission"]
    tap.ack(401)
    assert tap.data(1, 100).analysis == ["retransmission", "spurious_retransmission"]


def test_a_closed_window_is_probed_and_reopened() -> None:
    tap = Tap()
    tap.ack(1, window=1)
    assert tap.data(1, 128).analysis == ["window_full"]
    assert tap.ack(129, window=0).analysis == ["zero_window"]
    assert tap.data(129, 1).analysis == ["zero_window_probe"]
    assert tap.ack(129, window=0).analysis == ["zero_window", "zero_window_probe_ack"]
    assert tap.see(True, ACK, 128, 1).analysis == ["keep_alive"]
    assert tap.ack(129, window=4).analysis == ["window_update"]


def test_a_keep_alive_is_answered() -> None:
    tap = Tap()
    tap.data(1, 10)
    tap.ack(11)
    assert tap.see(True, ACK, 10, 1).analysis == ["keep_alive"]
    assert tap.ack(11).analysis == ["keep_alive_ack"]


def test_what_was_not_captured_is_told_by_its_acknowledgement() -> None:
    tap = Tap()
    tap.data(1, 10)
    assert tap.ack(500).analysis == ["ack_lost_segment"]


def test_the_window_scale_counts_only_if_both_offered_it() -> None:
    assert Tap(scale=None).data(1, 10).scaled_window == 512
    middle = TcpAnalysis(reused=False)
    assert middle.verdict(Segment(1, 0, True, 5, 9, ACK, 512, 3, None, None)).scaled_window is None


# out_of_order is left out: tshark before 4.2 says it of quick repeats of segments it has seen, these rules do not.
NAMES = (
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "lost_segment",
    "duplicate_ack",
    "window_update",
    "window_full",
    "zero_window",
    "zero_window_probe",
    "keep_alive",
    "keep_alive_ack",
)


@dataclass(slots=True)
class Simulation:
    """A random bulk transfer over a bad path: loss before the tap, repeats, duplicate ACKs, probes, keep-alives."""

    rng: random.Random
    a_isn: int
    b_isn: int
    scale: int | None
    segments: list[Segment]
    now: int = 0

    def add(self, forward: bool, seq: int, ack: int, flags: int, window: int, *, length: int = 0) -> None:
        self.now += self.rng.choice([1_000, 20_000, 200_000, 2 * MSEC, 10 * MSEC, 40 * MSEC])
        base, other = (self.a_isn, self.b_isn) if forward else (self.b_isn, self.a_isn)
        scale = self.scale if flags & SYN else None
        number = len(self.segments)
        wire = ((base + seq) % (1 << 32), (other + ack) % (1 << 32) if flags & ACK else 0)
        self.segments.append(Segment(number, self.now, forward, *wire, flags, window, length, scale, None))


def simulated(seed: int) -> list[Segment]:
    rng = random.Random(seed)
    isns = rng.choice([1000, (1 << 32) - 3000, rng.randrange(1 << 32)]), rng.randrange(1 << 32)
    sim = Simulation(rng, *isns, rng.choice([0, 2, 7]), [])
    sim.add(True, 0, 0, SYN, 65535)
    sim.add(False, 0, 1, SYN | ACK, 65535)
    sim.add(True, 1, 1, ACK, 512)
    sent: list[tuple[int, int]] = []
    top, acked, window = 1, 1, rng.choice([512, 4])
    for _ in range(rng.randrange(5, 40)):
        choice = rng.random()
        if choice < 0.45:
            length = rng.choice([10, 100, 1460])
            sent.append((top, length))
            sim.add(True, top, 1, ACK | PSH, 512, length=length)
            top += length
        elif choice < 0.6 and sent:
            seq, length = rng.choice(sent[-6:])
            sim.now += 100 * MSEC  # late: a quick repeat is a matter on which versions differ
            sim.add(True, seq, 1, ACK | PSH, 512, length=length)
        elif choice < 0.65:
            top += 100  # a segment that the capture missed
        elif choice < 0.7 and sent:
            fast = rng.choice(sent)
            for _ in range(4):
                sim.add(False, 1, fast[0], ACK, 300)
            sim.add(True, fast[0], 1, ACK | PSH, 512, length=fast[1])
            window, acked = 300, fast[0]
        elif choice < 0.75:
            sim.add(False, 1, acked, ACK, 0)
            sim.add(True, top, 1, ACK, 512, length=1)
            window = 0
        elif choice < 0.95:
            acked = rng.choice([acked, acked, top])
            window = rng.choice([window, window, 0, 512])
            for _ in range(rng.choice([1, 1, 1, 2, 4])):
                sim.add(False, 1, acked, ACK, window)
        else:
            sim.add(True, top - 1, 1, ACK, 512)
            sim.add(False, 1, acked, ACK, window)
    sim.add(True, top, 1, ACK | FIN, 512)
    sim.add(False, 1, top + 1, rng.choice([ACK, ACK | RST]), window)
    return sim.segments


def write_pcap(path: Path, conversations: list[list[Segment]]) -> None:
    """Raw IPv4 frames (LINKTYPE_RAW), nanosecond pcap."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 101))
        start = 0
        for n, segments in enumerate(conversations):
            for s in segments:
                option = b"" if s.wscale is None else bytes([3, 3, s.wscale, 1])
                ports = (1024 + n, 80) if s.forward else (80, 1024 + n)
                head = struct.pack(
                    ">HHIIBBHHH", *ports, s.seq, s.ack, (5 + len(option) // 4) << 4, s.flags, s.window, 0, 0
                )
                tcp = head + option + bytes(s.length)
                addresses = b"\x0a\0\0\1\x0a\0\0\2" if s.forward else b"\x0a\0\0\2\x0a\0\0\1"
                frame = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + addresses + tcp
                seconds, rest = divmod(start + s.time_ns, 1_000_000_000)
                file.write(struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame)
            start += segments[-1].time_ns + 1_000


@pytest.mark.e2e
def test_verdicts_are_those_of_tshark(tmp_path: Path) -> None:
    require(shutil.which("tshark"), "tshark is not installed")
    conversations = [simulated(seed) for seed in range(150)]
    write_pcap(tmp_path / "x.pcap", conversations)
    fields = [f for name in ("ack_rtt", "out_of_order", *NAMES) for f in ("-e", f"tcp.analysis.{name}")]
    shown = subprocess.run(
        ["tshark", "-r", str(tmp_path / "x.pcap"), "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    lines = iter(shown)
    agreed: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    for segments in conversations:
        analysis = TcpAnalysis(reused=False)
        for segment in segments:
            verdict = analysis.verdict(segment)
            rtt, out_of_order, *theirs = next(lines).split("\t")
            wanted = {name for name, value in zip(NAMES, theirs, strict=True) if value}
            ours = set(verdict.analysis) & set(NAMES)
            if out_of_order:
                ours.discard("retransmission")
            agreed.update(wanted & ours)
            differing.update(wanted ^ ours)
            if rtt and verdict.ack_rtt_ns is not None:
                assert abs(float(rtt) * 1e9 - verdict.ack_rtt_ns) < 2_000
    assert len(shown) == sum(len(c) for c in conversations)
    assert not differing
    assert set(agreed) == set(NAMES)
