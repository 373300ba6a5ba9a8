"""How well packet stamps and CLOCK_MONOTONIC agree: datagrams sent to ourselves between two readings of the clock.

The kernel stamps the copy that leaves inside sendto(2), so its converted stamp must lie within the bracket. The loader
(`store/load/packets.py`) finds the datagrams by their token, measures by how much they miss it, and leaves them out.
"""

import secrets
import socket
from typing import Any

from wiretale.clock import now_ns
from wiretale.light import asdict, dataclass, field
from wiretale.model.packet_ring import PROBE_TOKEN_BYTES

PROBES = 16
_ARRIVAL_TIMEOUT_S = 0.2


@dataclass(slots=True)
class ClockProbe:
    """What was sent. `before_ns[i]` and `after_ns[i]` bracket datagram i: the token, then i as two bytes."""

    port: int
    token: str  # hexadecimal
    before_ns: list[int] = field(default_factory=list)
    after_ns: list[int] = field(default_factory=list)

    def as_detail(self) -> dict[str, Any]:
        """For the source's report."""
        return asdict(self)


def probe_socket() -> socket.socket:
    """A UDP socket bound to a free port of 127.0.0.1. Raises OSError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(_ARRIVAL_TIMEOUT_S)
    except BaseException:
        sock.close()
        raise
    return sock


def send_probes(sock: socket.socket) -> ClockProbe:
    """Send and receive every datagram once; receiving proves that both taps have seen it. Raises OSError."""
    address = sock.getsockname()
    token = secrets.token_bytes(PROBE_TOKEN_BYTES)
    probe = ClockProbe(port=address[1], token=token.hex())
    for number in range(PROBES):
        payload = token + number.to_bytes(2, "big")
        before = now_ns()
        sock.sendto(payload, address)
        after = now_ns()
        probe.before_ns.append(before)
        probe.after_ns.append(after)
        sock.recv(64)
    return probe
