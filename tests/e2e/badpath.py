"""A bad network path in user space: copies frames between two interfaces; loses, repeats, delays or refuses some.

`python badpath.py LEFT RIGHT SEED KEY=VALUE...` runs until killed. Every decision is drawn from SEED in the order of
the frames, so the same traffic meets the same path. Only IPv4 with more than a bare header is treated badly: ARP must
work, or nothing begins.

  lose=P duplicate=P reorder=P   probability of each, for a frame
  drop=N                         the Nth frame from the left is lost, and no other
  delay=MS                       every frame is held that long; a reordered one 10 ms longer
  mtu=BYTES                      larger packets are dropped and answered with ICMP "fragmentation needed" (RFC 1191)
  hole=BYTES                     larger packets are dropped, and nobody says so
  queue=FRAMES rate=PER_SECOND   frames leave at this rate, and those that find so many waiting are dropped
  log=FILE                       a line per frame passed on, in order: the side it came from, its IPv4 identification
"""

import ctypes
import fcntl
import heapq
import random
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

ETH_P_ALL, ETH_IPV4, SIOCETHTOOL = 3, 0x0800, 0x8946
ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO = 0x17, 0x1F, 0x24, 0x2C  # linux/ethtool.h
REORDER_S = 0.010


@dataclass
class Badness:
    """How bad it is."""

    lose: float = 0
    duplicate: float = 0
    reorder: float = 0
    drop: int = 0
    delay: float = 0  # milliseconds
    mtu: int = 0
    hole: int = 0
    queue: int = 0
    rate: float = 0
    log: str = ""


def no_offload(name: str) -> None:
    """Frames as a wire carries them: whole checksums, at most the MTU (ethtool -K NAME tx off tso off gso off)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for command in (ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO):
            value = bytearray(struct.pack("=II", command, 0))
            address = (ctypes.c_char * len(value)).from_buffer(value)
            request = struct.pack("16sQ16x", name.encode(), ctypes.addressof(address))
            fcntl.ioctl(sock, SIOCETHTOOL, request)


def opened(name: str) -> socket.socket:
    """A raw socket that sees what arrives at one interface, and not what leaves it."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((name, ETH_P_ALL))
    sock.setsockopt(263, 23, 1)  # SOL_PACKET, PACKET_IGNORE_OUTGOING
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    return sock


class Forwarder:
    """Frames wait in `_due` for their time; `_busy_until` is when the slow link of each side is free again."""

    def __init__(self, left: socket.socket, right: socket.socket, path: Badness, seed: int) -> None:
        self._other = {left: right, right: left}
        self._path, self._random = path, random.Random(seed)
        self._due: list[tuple[float, int, socket.socket, bytes]] = []
        self._busy_until = dict.fromkeys(self._other, 0.0)
        self._count = 0
        self._from_left = 0
        self._names = {left: "left", right: "right"}
        self._log = Path(path.log).open("w", buffering=1) if path.log else None  # noqa: SIM115 (open until killed)

    def run(self) -> None:
        """For ever."""
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for sock in select.select(list(self._other), [], [], wait)[0]:
                self._arrived(sock, sock.recv(65536))
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(self._due)
                to.send(frame)
                if self._log and struct.unpack_from(">H", frame, 12)[0] == ETH_IPV4:
                    came_from = self._names[self._other[to]]
                    self._log.write(f"{came_from} {struct.unpack_from('>H', frame, 18)[0]}\n")

    def _arrived(self, sock: socket.socket, frame: bytes) -> None:
        path, to, now = self._path, self._other[sock], time.monotonic()
        if struct.unpack_from(">H", frame, 12)[0] != ETH_IPV4:
            self._send(to, frame, now)
            return
        # Always the same number of draws for a frame, so that one decision does not move the next.
        lost, repeated, late = (self._random.random() for _ in range(3))
        if path.hole and struct.unpack_from(">H", frame, 16)[0] > path.hole:
            return
        if path.mtu and struct.unpack_from(">H", frame, 16)[0] > path.mtu:
            sock.send(too_big(frame, path.mtu))
            return
        self._from_left += self._names[sock] == "left"
        if lost < path.lose or (self._names[sock] == "left" and self._from_left == path.drop):
            return
        at = now + path.delay / 1000
        if path.rate:
            free = max(self._busy_until[to], now)
            if path.queue and (free - now) * path.rate >= path.queue:
                return
            self._busy_until[to] = free + 1 / path.rate
            at += free + 1 / path.rate - now
        if late < path.reorder:
            at += REORDER_S
        self._send(to, frame, at)
        if repeated < path.duplicate:
            self._send(to, frame, at)

    def _send(self, to: socket.socket, frame: bytes, at: float) -> None:
        self._count += 1
        heapq.heappush(self._due, (at, self._count, to, frame))


def too_big(frame: bytes, mtu: int) -> bytes:
    """ICMP type 3 code 4 from the frame's destination, quoting its header and 8 bytes (RFC 792, RFC 1191)."""
    quoted = frame[14 : 14 + 20 + 8]
    icmp = struct.pack(">BBHHH", 3, 4, 0, 0, mtu) + quoted
    icmp = icmp[:2] + struct.pack(">H", checksum(icmp)) + icmp[4:]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 1, 0, 64, 1, 0, frame[30:34], frame[26:30])
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return frame[6:12] + frame[:6] + frame[12:14] + head + icmp


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def main(words: list[str]) -> None:
    if words[0] == "no-offload":
        for name in words[1:]:
            no_offload(name)
        return
    left, right, seed, *settings = words
    types = {f.name: f.type for f in fields(Badness)}
    path = Badness(**{k: types[k](v) for k, v in (word.split("=") for word in settings)})  # type: ignore[operator]
    Forwarder(opened(left), opened(right), path, int(seed)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
