"""A host that is not on this machine, as far as the kernel knows: it answers TCP behind a TUN device.

Usage, as root in a network namespace of its own: far_host.py ROUND_TRIP WORK WINDOW COMMAND...
The device is 10.8.0.1, the host 10.8.0.2. It acknowledges after ROUND_TRIP seconds, answers
"answer" after WORK seconds more once a line has come, and has room for WINDOW bytes. It lives as long as the command.
"""

import fcntl
import os
import queue
import socket
import struct
import subprocess
import sys
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000  # linux/if_tun.h
FIN, SYN, PSH, ACK = 1, 2, 8, 16
FIRST_SEQ = 1000


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(asked: bytes, seq: int, ack: int, flags: int, *, window: int, payload: bytes = b"") -> bytes:
    """What goes back to the sender of a packet; the options of a SYN are an MSS of 1,460."""
    ports, ends = asked[22:24] + asked[20:22], asked[16:20] + asked[12:16]
    options = struct.pack(">BBH", 2, 4, 1460) if flags & SYN else b""
    head = struct.pack(">IIBBHHH", seq, ack, (20 + len(options)) // 4 << 4, flags, window, 0, 0)
    tcp = ports + head + options + payload
    over = ends + struct.pack(">BBH", 0, 6, len(tcp)) + tcp + b"\0" * (len(tcp) % 2)
    tcp = tcp[:16] + struct.pack(">H", checksum(over)) + tcp[18:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends
    return ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + tcp


def answers(packet: bytes, work: float, window: int) -> list[tuple[float, bytes]]:
    """Packets to send, and how long after the round trip."""
    if packet[0] >> 4 != 4 or packet[9] != 6:
        return []
    seq, _, offset, flags = struct.unpack_from(">IIBB", packet, 24)
    payload = packet[20 + (offset >> 4) * 4 :]
    next_seq = (seq + len(payload) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
    if flags & SYN:
        return [(0, segment(packet, FIRST_SEQ, next_seq, SYN | ACK, window=window))]
    if not payload and not flags & FIN:
        return []
    found = [(0.0, segment(packet, FIRST_SEQ + 1, next_seq, ACK, window=window))] if payload else []
    if payload.endswith(b"\n"):
        found.append((work, segment(packet, FIRST_SEQ + 1, next_seq, ACK | PSH, window=window, payload=b"answer")))
    if flags & FIN:
        found.append((0.0, segment(packet, FIRST_SEQ + 7, next_seq, ACK | FIN, window=window)))
    return found


def main() -> int:
    round_trip, work, window = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"far", IFF_TUN | IFF_NO_PI))
    for command in ("addr add 10.8.0.1/24 dev far", "link set far up", "link set lo up"):
        subprocess.run(["ip", *command.split()], check=True)
    waiting: queue.PriorityQueue[tuple[float, int, bytes]] = queue.PriorityQueue()

    def listen() -> None:
        number = 0
        while packet := os.read(device, 65535):
            for later, reply in answers(packet, work, window):
                number += 1
                waiting.put((time.monotonic() + round_trip + later, number, reply))

    def speak() -> None:
        while True:
            at, number, reply = waiting.get()
            left = at - time.monotonic()
            if left > 0:
                time.sleep(min(left, 0.001))
                waiting.put((at, number, reply))
            else:
                os.write(device, reply)

    for task in (listen, speak):
        threading.Thread(target=task, daemon=True).start()
    return subprocess.run(sys.argv[4:], check=False).returncode


if __name__ == "__main__":
    assert socket.if_nameindex()
    sys.exit(main())
