"""What a reader finds in a capture file, whatever its format: its packets in slices, in the order of the file."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.words import Ints
from wiretale.light import dataclass, field

Narrow = NDArray[np.signedinteger | np.unsignedinteger]  # numbers as small as they are

NO_TIME = -(1 << 63)  # of packets whose block has none
NO_LINK = -1  # linktype of a record that is no packet, but is counted as one by Wireshark

# Wireshark reads no longer packet (WTAP_MAX_PACKET_SIZE_STANDARD, wiretap/wtap.h): a longer one is a damaged length.
LONGEST_PACKET = 1 << 18
IN, OUT = 1, 2  # directions, as in the flags of an Enhanced Packet Block
LARGEST = (
    2048  # so many of the largest packets are known before all are read: a vector of DuckDB (STANDARD_VECTOR_SIZE)
)


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
class Packets:
    """Some packets, one after another in the file, as indices into its bytes."""

    at: Ints
    captured: Narrow
    length: Narrow
    realtime_ns: Ints  # or NO_TIME
    interface: Narrow  # index into Found.interfaces
    linktype: Narrow  # or NO_LINK
    direction: Narrow  # IN, OUT or 0
    comments: dict[int, str] = field(default_factory=dict)  # by index of the packet among these

    def __len__(self) -> int:
        return len(self.at)

    def filled_times(self, before_ns: int) -> Ints:
        """A packet without a stamp gets that of the packet before it; `before_ns`: of the one before these."""
        known = self.realtime_ns != NO_TIME
        if known.all():
            return self.realtime_ns
        last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
        return np.where(last >= 0, self.realtime_ns[np.maximum(last, 0)], before_ns)


@dataclass(slots=True)
class Totals:
    """What is true of all packets together."""

    packets: int = 0
    earliest_ns: int = NO_TIME  # NO_TIME: none has a stamp
    latest_ns: int = NO_TIME  # not always of the last packet: a file may be in another order
    last_ns: int = NO_TIME  # the last stamp in the file
    untimed: int = 0  # packets without a stamp
    backwards: int = 0  # stamped earlier than the packet before them
    largest: Narrow = field(default_factory=lambda: np.zeros(0, np.uint32))  # captured bytes, LARGEST at most

    def add(self, packets: Packets) -> None:
        """Those that follow in the file."""
        stamps = packets.realtime_ns
        known = stamps != NO_TIME
        if known.any():
            earliest = int(np.min(stamps, where=known, initial=np.iinfo(np.int64).max))
            self.earliest_ns = earliest if self.earliest_ns == NO_TIME else min(self.earliest_ns, earliest)
        self.untimed += int(np.count_nonzero(~known & (packets.linktype != NO_LINK)))
        times = packets.filled_times(self.last_ns)
        self.backwards += int(np.count_nonzero(times[1:] < times[:-1])) + int(times[0] < self.last_ns)
        self.latest_ns = max(self.latest_ns, int(times.max()))
        self.last_ns = int(times[-1])
        largest = np.concatenate([self.largest, packets.captured])
        self.largest = np.partition(largest, -LARGEST)[-LARGEST:] if len(largest) > LARGEST else largest
        self.packets += len(packets)


@dataclass(frozen=True, slots=True)
class Slice:
    """Packets that are read together."""

    first: int  # index in the file of the first of them
    before_ns: int  # the last stamp before them, or NO_TIME
    read: Callable[[], Packets]  # raises CaptureError where the file is not as it was


@dataclass(slots=True)
class Found:
    """The packets of a file. What they cost in memory is that of one slice."""

    format: str
    data: NDArray[np.uint8]  # the file's bytes
    interfaces: list[Interface]
    slices: list[Slice] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    about: dict[str, str] = field(
        default_factory=dict
    )  # what the file says of itself: hardware, os, application, comment
    dropped: int = 0  # packets that the file says were lost when it was captured
    faults: list[Fault] = field(default_factory=list)

    def __len__(self) -> int:
        return self.totals.packets

    def add(self, packets: Packets, read: Callable[[], Packets]) -> None:
        """A slice; `read` reads it again."""
        self.slices.append(Slice(self.totals.packets, self.totals.last_ns, read))
        self.totals.add(packets)

    def packets(self) -> Iterator[Packets]:
        """All of them, slice by slice."""
        return (part.read() for part in self.slices)


def nothing(form: str, data: NDArray[np.uint8], fault: Fault) -> Found:
    """A file from which no packet can be read, and why."""
    return Found(form, data, [], faults=[fault])
