"""What a reader finds in a capture file, whatever its format: one element per packet, in the order of the file."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.words import Ints

Narrow = NDArray[
    np.signedinteger | np.unsignedinteger
]  # numbers as small as they are: a file may have 100 million packets

NO_TIME = -(1 << 63)  # of packets whose block has none
NO_LINK = -1  # linktype of a record that is no packet, but is counted as one by Wireshark

# Wireshark reads no longer packet (WTAP_MAX_PACKET_SIZE_STANDARD, wiretap/wtap.h): a longer one is a damaged length.
LONGEST_PACKET = 1 << 18
IN, OUT = 1, 2  # directions, as in the flags of an Enhanced Packet Block


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of the file. A pcap file has one without a name."""

    name: str | None
    linktype: int
    snaplen: int = 0
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One place that could not be read: the byte offset in the (uncompressed) file, and what is wrong there."""

    at: int
    text: str


@dataclass(slots=True)
class Found:
    """The packets as indices into `data`, the file's bytes. What they cost in memory is 24 bytes each, or 33."""

    format: str
    data: NDArray[np.uint8]
    at: Ints
    captured: Narrow
    length: Narrow
    realtime_ns: Ints  # or NO_TIME
    interface: Narrow  # index into `interfaces`
    linktype: Narrow  # or NO_LINK
    direction: Narrow  # IN, OUT or 0
    interfaces: list[Interface]
    comments: dict[int, str] = field(default_factory=dict)  # by index of the packet
    about: dict[str, str] = field(
        default_factory=dict
    )  # what the file says of itself: hardware, os, application, comment
    dropped: int = 0  # packets that the file says were lost when it was captured
    faults: list[Fault] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.at)


def nothing(form: str, data: NDArray[np.uint8], fault: Fault) -> Found:
    """A file from which no packet can be read, and why."""
    none = np.zeros(0, np.int64)
    return Found(form, data, none, none, none, none, none, none, none, [], faults=[fault])
