"""`wiretale import` beside tshark on made-up captures: frames, streams, numbers and every verdict, frame by frame."""

import random
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from tests.conftest import require
from tests.decode.test_packets import ethernet, ip4
from tests.ingest.files import pcap
from wiretale.cli import run
from wiretale.join.tcp.verdicts import NAMES

pytestmark = pytest.mark.e2e

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MSEC = 1_000_000
VERDICTS = [n for n in NAMES if n != "partial_ack"]  # tshark 4.0 does not know it
# tshark's field -> ours
NUMBERS = {
    "tcp.stream": "g.tcp_stream", "tcp.flags": "p.flags", "tcp.seq": "g.shown_seq", "tcp.ack": "g.shown_ack",
    "tcp.seq_raw": "p.seq", "tcp.len": "p.payload_bytes", "tcp.window_size": "coalesce(g.scaled_window, p.window)",
    "tcp.analysis.bytes_in_flight": "g.bytes_in_flight", "tcp.analysis.acks_frame": "g.acks_number",
    "tcp.analysis.rto_frame": "g.rto_number", "tcp.analysis.duplicate_ack_num": "g.duplicate_ack_num",
    "tcp.analysis.duplicate_ack_frame": "g.duplicate_ack_number", "tcp.analysis.push_bytes_sent": "g.push_bytes_sent",
    "tcp.srcport": "p.srcport",
}  # fmt: skip


class Exchange:
    """Two ends over a bad path, as one tap sees them: loss before it, repeats, holes, probes, keep-alives, reuse."""

    def __init__(self, dice: random.Random, port: int) -> None:
        self.dice, self.port = dice, port
        self.out: list[tuple[int, bytes]] = []
        self.now = dice.randrange(1000) * MSEC
        self.begin()

    def begin(self) -> None:
        dice = self.dice
        self.isn = {True: dice.choice([1000, 2**32 - 3000, dice.randrange(2**32)]), False: dice.randrange(2**32)}
        self.top = {True: 1, False: 1}
        self.acked = {True: 1, False: 1}
        self.window = {True: 512, False: dice.choice([512, 4])}
        scale = dice.choice([b"", b"\x03\x03\x02\x01", b"\x03\x03\x07\x01"])
        if dice.random() < 0.9:
            self.send(True, SYN, 0, None, options=scale)
            self.send(False, SYN | ACK, 0, 1, options=scale if dice.random() < 0.9 else b"")
            self.send(True, ACK, 1, 1)

    def send(
        self, forward: bool, flags: int, seq: int, ack: int | None, *, data: int = 0, options: bytes = b""
    ) -> None:
        self.now += self.dice.choice([1_000, 20_000, 200_000, 2 * MSEC, 10 * MSEC, 40 * MSEC, 300 * MSEC])
        if self.dice.random() < 0.05:
            return  # the tap missed it
        ports = (self.port, 8081) if forward else (8081, self.port)
        number = (self.isn[forward] + seq) % 2**32
        told = 0 if ack is None else (self.isn[not forward] + ack) % 2**32
        words = (5 + len(options) // 4) << 12 | flags
        head = struct.pack(">HHIIHHHH", *ports, number, told, words, self.window[forward], 0, 0)
        packet = bytearray(ip4(head + options + bytes(data)))
        if not forward:
            packet[12:16], packet[16:20] = packet[16:20], packet[12:16]
        self.out.append((self.now, ethernet(bytes(packet))))

    def step(self) -> None:
        dice = self.dice
        way = dice.random() < 0.7
        top, peer = self.top[way], self.acked[way]
        choice = dice.random()
        if choice < 0.45:
            size = dice.choice([1, 10, 100, 1460])
            self.send(way, ACK | dice.choice([0, PSH]), top, peer, data=size)
            self.top[way] += size
        elif choice < 0.6:
            size = dice.choice([1, 100, 1460])
            self.send(way, ACK | PSH, max(1, top - dice.choice([size, 200, 1461])), peer, data=size)
        elif choice < 0.85:
            self.acked[way] = dice.choice([peer, self.top[not way], max(peer, self.top[not way] - 50)])
            self.window[way] = dice.choice([self.window[way], self.window[way], 0, 512, 4])
            for _ in range(dice.choice([1, 1, 2, 4])):
                sack = b"\x01\x01\x05\x0a" + struct.pack(
                    ">II", *((self.isn[not way] + self.acked[way] + n) % 2**32 for n in (100, 200))
                )
                self.send(way, ACK, top, self.acked[way], options=dice.choice([b"", b"", sack]))
        elif choice < 0.92:
            self.send(way, ACK, top - 1, peer, data=dice.choice([0, 0, 1]))
        elif choice < 0.96:
            self.top[way] += 100
        else:
            self.send(way, dice.choice([ACK | FIN, RST, ACK | RST]), top, peer)
            if dice.random() < 0.5:
                self.begin()


def made_up(seed: int) -> list[tuple[int, bytes]]:
    dice = random.Random(seed)
    packets = []
    for n in range(20):
        exchange = Exchange(dice, 20_000 + n)
        for _ in range(dice.randrange(5, 60)):
            exchange.step()
        packets += exchange.out
    packets.sort(key=lambda p: p[0])
    for _ in range(10):  # stamps that go back
        at = dice.randrange(1, len(packets))
        packets[at - 1], packets[at] = packets[at], packets[at - 1]
    return [(t + 1_700_000_000_000_000_000, frame) for t, frame in packets]


@pytest.mark.parametrize(("seed", "cut"), [(0, 1 << 18), (1, 1 << 18), (2, 1 << 18), (3, 64), (4, 57)])
def test_every_frame_is_described_as_tshark_does(tmp_path: Path, seed: int, cut: int) -> None:
    """Captured whole, or cut inside the TCP options: behind the first SACK block's header, behind the window scale."""
    require(shutil.which("tshark"), "tshark is not installed")
    version = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    path, target = tmp_path / "x.pcap", tmp_path / "x.wiretale"
    path.write_bytes(pcap(made_up(seed), unit_ns=1, cut=cut))
    assert run(["import", str(path), "-o", str(target), "--tcp-rules", "4.4" if " 4.4" in version else "4.0"]) == 0
    db = duckdb.connect(str(target), read_only=True)
    ours = db.execute(
        f"SELECT p.number, {', '.join(NUMBERS.values())}, g.analysis FROM packet p JOIN segment g USING (packet_id)"
        " ORDER BY p.number"
    ).fetchall()
    fields = ["frame.number", *NUMBERS, *(f"tcp.analysis.{n}" for n in VERDICTS)]
    shown = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", *(a for f in fields for a in ("-e", f))],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert len(shown) == len(ours)
    seen: Counter[str] = Counter()
    for line, (number, *values, analysis) in zip(shown, ours, strict=True):
        theirs, *marks = line.split("\t")[: 1 + len(NUMBERS)], *line.split("\t")[1 + len(NUMBERS) :]
        assert [None if t == "" else int(t, 0) for t in theirs] == [number, *values], f"frame {number}"
        wanted = [n for n, mark in zip(VERDICTS, marks, strict=True) if mark]
        assert sorted(wanted) == sorted(set(analysis) - {"partial_ack"}), f"frame {number}"
        seen.update(wanted)
    assert len(seen) >= 10, seen  # the captures do exercise the rules
