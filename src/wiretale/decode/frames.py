"""Frames on their way through the decoders: where each one's next header is, and the columns filled so far."""

from collections.abc import Callable
from enum import IntEnum, auto

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.words import Ints, Words

ABSENT = -1  # value of a number column where the table has NULL

# Columns of model.raw.PACKET that are decoded, all int64; booleans are 0 and 1.
NUMBERS = (
    "ethertype", "ip_version", "ip_protocol", "ip_id", "ttl", "fragment", "srcport", "dstport", "seq", "ack", "flags",
    "window", "mss", "wscale", "sack_permitted", "tsval", "tsecr", "fast_open", "mptcp", "icmp_type", "icmp_code",
    "network_offset", "transport_offset", "payload_offset", "payload_bytes",
)  # fmt: skip
SACK_EDGES = tuple(f"sack_{n}" for n in range(8))  # at most four blocks fit into 40 bytes of options
# Of fragments that were captured whole, for reassembly: place in the datagram (bytes), place and size in the frame.
FRAGMENT_NUMBERS = ("fragment_at", "fragment_more", "fragment_offset", "fragment_bytes")

_OF_THE_NETWORK = ("ip_id", "ttl", "fragment")
_OF_THE_TRANSPORT = (
    "srcport", "dstport", "seq", "ack", "flags", "window", "mss", "wscale", "sack_permitted", "tsval", "tsecr",
    "fast_open", "mptcp", "icmp_type", "icmp_code", "transport_offset", "payload_offset", "payload_bytes", *SACK_EDGES,
)  # fmt: skip

MOST_HEADERS = 48  # in one frame; tunnels in tunnels and extension headers make them many


class Next(IntEnum):
    """What the next header is; packets.py says which function reads it."""

    ETHERNET = auto()
    ETHERTYPE = auto()  # the value is one, and has been read already
    SLL = auto()
    SLL2 = auto()
    NULL = auto()
    LOOP = auto()
    ENC = auto()
    PFLOG = auto()
    NFLOG = auto()
    PPP = auto()
    PPP_ETHERNET = auto()
    C_HDLC = auto()
    JUNIPER = auto()  # the value is the handler of what follows its header
    FRAME_RELAY = auto()
    RFC1483 = auto()
    IP_OVER_FC = auto()
    FDDI = auto()
    TOKEN_RING = auto()
    INFINIBAND = auto()
    LLC = auto()
    MPLS = auto()
    RADIOTAP = auto()
    PRISM = auto()
    WIFI = auto()  # value 1: the two bytes of its frame control are exchanged
    IP = auto()
    IPV4 = auto()
    IPV6 = auto()
    PROTOCOL = auto()  # the value is a number of IANA's "Protocol Numbers"
    MACSEC = auto()
    NSH = auto()
    VXLAN = auto()
    VXLAN_GPE = auto()
    GENEVE = auto()
    GTP = auto()
    TEREDO = auto()
    L2TP = auto()
    CAPWAP = auto()


Handler = Callable[["Frames", Ints, Ints], None]  # the rows whose next header it is, and the value `follow` gave


class Frames(Words):
    """The frames being decoded.

    All positions are indices into `buffer`. `pos` is the next header, `end` the end of the captured bytes, `wire_end`
    the end on the wire (where they would end had all been captured), cut down by each length field met.
    """

    def __init__(self, buffer: NDArray[np.uint8], offset: Ints, captured: Ints, length: Ints) -> None:
        super().__init__(buffer, ">")
        size = len(buffer)
        count = len(offset)
        inside = (offset >= 0) & (captured >= 0) & (offset <= size) & (captured <= size - offset)
        self.start = np.where(inside, offset, 0)
        self.pos = self.start.copy()
        self.end = self.start + np.where(inside, captured, 0)
        self.wire_end = np.maximum(self.start + np.where(inside, length, 0), self.end)
        names = (*NUMBERS, *SACK_EDGES, *FRAGMENT_NUMBERS)
        self.columns: dict[str, Ints] = {n: np.full(count, ABSENT, np.int64) for n in names}
        self.src: NDArray[np.object_] = np.full(count, None, object)
        self.dst: NDArray[np.object_] = np.full(count, None, object)
        self.undecoded: NDArray[np.object_] = np.full(count, None, object)
        self._following = np.zeros(count, np.int64)  # which handler is next; 0: none
        self._value = np.zeros(count, np.int64)
        self.stop(np.flatnonzero(~inside), "the frame lies outside the captured data")

    @property
    def inside(self) -> Ints:
        """Rows that lie in the buffer."""
        return np.flatnonzero(self.undecoded == None)  # noqa: E711

    def put(self, column: str, rows: Ints, values: Ints | int) -> None:
        self.columns[column][rows] = values

    def note_header(self, column: str, rows: Ints) -> None:
        """The next header of `rows` is the one that `column` tells the place of, counted from the frame's begin."""
        self.columns[column][rows] = self.pos[rows] - self.start[rows]

    def note_payload(self, rows: Ints) -> None:
        """What follows now is payload."""
        self.note_header("payload_offset", rows)
        self.put("payload_bytes", rows, np.maximum(self.wire_end[rows] - self.pos[rows], 0))

    def forget_outer(self, rows: Ints) -> None:
        """An IP header inside a tunnel begins: what was noted of the outer one's payload is not this packet's."""
        inner = rows[self.columns["ip_version"][rows] != ABSENT]
        if len(inner):
            for name in (*_OF_THE_NETWORK, *_OF_THE_TRANSPORT):
                self.columns[name][inner] = ABSENT

    def follow(self, rows: Ints, handler: int, value: Ints | int = 0) -> None:
        """The next header of `rows` is for `handler` (a key of the table given to `run`)."""
        self._following[rows] = handler
        self._value[rows] = value

    def run(self, handlers: dict[int, Handler]) -> None:
        """Decode header after header until none is left."""
        for _ in range(MOST_HEADERS):
            active = np.flatnonzero(self._following)
            if not len(active):
                return
            following = self._following[active]
            self._following[active] = 0
            for handler in np.unique(following).tolist():
                rows = active[following == handler]
                handlers[handler](self, rows, self._value[rows])
        self.stop(np.flatnonzero(self._following), f"more than {MOST_HEADERS} headers")

    def stop(self, rows: Ints, reason: str) -> None:
        """Say why decoding of `rows` ended; the first reason stays."""
        if len(rows):
            self.undecoded[rows] = np.where(self.undecoded[rows] == None, reason, self.undecoded[rows])  # noqa: E711

    def stop_each(self, rows: Ints, values: Ints, reason: str) -> None:
        """The same where the reason names a value: `{}` in it."""
        for value in np.unique(values).tolist():
            self.stop(rows[values == value], reason.format(value))

    def has_room(self, rows: Ints, need: Ints | int, what: str) -> NDArray[np.bool_]:
        """Which of `rows` hold `need` more bytes; the others stop, by the capture's or their own shortness."""
        position = self.pos[rows]
        fits: NDArray[np.bool_] = position + need <= self.end[rows]
        if not fits.all():
            on_wire = position + need <= self.wire_end[rows]
            self.stop(rows[~fits & on_wire], f"captured bytes end inside the {what}")
            self.stop(rows[~fits & ~on_wire], f"too short for the {what}")
        return fits

    def with_room(self, rows: Ints, need: int, what: str) -> Ints:
        """Those of `rows` that hold `need` more bytes."""
        return rows[self.has_room(rows, need, what)]

    def step(self, rows: Ints, sizes: Ints, what: str) -> NDArray[np.bool_]:
        """Step over a header of `sizes` bytes; which of `rows` had it whole."""
        fits = self.has_room(rows, sizes, what)
        self.pos[rows[fits]] += sizes[fits]
        return fits

    def ends_at(self, rows: Ints, end: Ints) -> None:
        """A length field says where the packet ends: bytes behind it are padding."""
        self.wire_end[rows] = np.minimum(end, self.wire_end[rows])
        self.end[rows] = np.minimum(end, self.end[rows])
