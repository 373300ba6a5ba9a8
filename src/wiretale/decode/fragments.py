"""IP packets put together from their fragments (RFC 791, RFC 8200 section 4.5).

What a fragmented packet carries is shown with the frame that completes it, as in Wireshark: no earlier frame has it
all. Fragments are kept until then; what is never completed stays undecoded. Pure: values in, values out.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.frames import ABSENT, NUMBERS, SACK_EDGES
from wiretale.decode.packets import Columns, decode_payloads
from wiretale.light import dataclass, field

MOST_PENDING_BYTES = 64 << 20  # of packets that are not complete; the oldest give way
_LONGEST = 1 << 16  # bytes an IP packet can carry
_MOST_PIECES = 1 << 13  # of eight bytes make the longest packet; more are an attack or damage

_Key = tuple[object, ...]
# Of the completing frame's own header; everything else is told by what the packet carried.
_OWN = ("ethertype", "ip_id", "ttl", "network_offset")


@dataclass(slots=True)
class _Pending:
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    size: int | None = None  # known from the last fragment
    protocol: int = ABSENT  # from the first one
    held: int = 0

    def whole(self) -> bytes | None:
        """The packet, if no byte is missing. Where fragments overlap the one that begins first counts."""
        if self.size is None or self.held < self.size:
            return None
        out = bytearray()
        for start, data in sorted(self.pieces, key=lambda p: p[0]):
            if start > len(out):
                return None
            out += data[len(out) - start :]
        return bytes(out[: self.size]) if len(out) >= self.size else None


class Reassembly:
    """Feed batches of decoded frames in the order they were captured."""

    def __init__(self) -> None:
        self._pending: dict[_Key, _Pending] = {}
        self._held = 0

    @property
    def incomplete(self) -> int:
        """Packets of which something is missing."""
        return len(self._pending)

    def take(self, frame: Callable[[int], bytes], columns: Columns, counted: NDArray[np.bool_] | None = None) -> None:
        """Remember the fragments among the frames, and describe complete packets in the rows that completed them.

        `frame` gives the bytes of a row; `counted` leaves out second copies of the same packet.
        """
        is_part = columns["fragment_at"] != ABSENT
        rows = np.flatnonzero(is_part if counted is None else is_part & counted)
        done: list[tuple[int, int, bytes]] = []
        for row in rows.tolist():
            found = self._add(frame(row), columns, row)
            if found is not None:
                done.append((row, *found))
        if done:
            _describe(columns, done)

    def _add(self, frame: bytes, columns: Columns, row: int) -> tuple[int, bytes] | None:
        version, protocol = int(columns["ip_version"][row]), int(columns["ip_protocol"][row])
        key: _Key = (columns["src"][row], columns["dst"][row], int(columns["ip_id"][row]), version)
        key += (protocol,) if version == 4 else ()
        start, at = int(columns["fragment_at"][row]), int(columns["fragment_offset"][row])
        data = frame[at : at + int(columns["fragment_bytes"][row])]
        pending = self._pending.setdefault(key, _Pending())
        if start + len(data) <= _LONGEST and len(pending.pieces) < _MOST_PIECES:
            pending.pieces.append((start, data))
            pending.held += len(data)
            self._held += len(data)
            if start == 0:
                pending.protocol = protocol
            if not columns["fragment_more"][row]:
                pending.size = start + len(data)
        whole = pending.whole()
        if whole is not None:
            self._drop(key)
            return pending.protocol, whole
        while self._held > MOST_PENDING_BYTES:
            self._drop(next(iter(self._pending)))
        return None

    def _drop(self, key: _Key) -> None:
        self._held -= self._pending.pop(key).held


def _describe(columns: Columns, done: list[tuple[int, int, bytes]]) -> None:
    """Overwrite the rows that completed a packet with what it carried."""
    rows = np.array([d[0] for d in done])
    protocol = np.array([d[1] for d in done], np.int64)
    size = np.array([len(d[2]) for d in done], np.int64)
    offset = np.cumsum(size) - size
    buffer = np.frombuffer(b"".join(d[2] for d in done), np.uint8)
    found = decode_payloads(buffer, offset, size, columns["ip_version"][rows], protocol)
    for name in (*NUMBERS, *SACK_EDGES):
        if name in _OWN:
            continue
        columns[name][rows] = found[name]
    # The bytes lie in several frames: there is no place in this one.
    for name in ("transport_offset", "payload_offset"):
        columns[name][rows] = ABSENT
    columns["fragment"][rows] = 1
    for name in ("src", "dst"):
        inner = found[name] != None  # noqa: E711
        columns[name][rows[inner]] = found[name][inner]
    columns["undecoded"][rows] = found["undecoded"]
