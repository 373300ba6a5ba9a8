"""The pcap format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html, and its older relatives.

Both byte orders, stamps in micro- and nanoseconds, Kuznetzov's patched records, IXIA's and AIX's files, lengths in the
other order (before version 2.3).
"""

import struct
import sys
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wiretale.ingest.found import LONGEST_PACKET, Fault, Found, Interface, Packets, nothing
from wiretale.ingest.walk import Event, Lengths, Place, Room, Stop, Walker, pcap_step
from wiretale.light import dataclass
from wiretale.store.progress import Progress, silent

FILE_HEADER_BYTES = 24
_RECORD_BYTES = 16
_DG_UX = 543  # major version that its tcpdump wrote
_NATIVE = "<" if sys.byteorder == "little" else ">"


@dataclass(frozen=True, slots=True)
class Variant:
    """One magic number: nanoseconds per unit of a stamp's fraction, bytes before each packet, and before the first."""

    name: str
    unit_ns: int
    record_bytes: int = _RECORD_BYTES
    header_bytes: int = FILE_HEADER_BYTES


VARIANTS = {
    0xA1B2C3D4: Variant("pcap", 1000),
    0xA1B23C4D: Variant("pcap, nanoseconds", 1),
    0xA1B2CD34: Variant("pcap, Kuznetzov's", 1000, record_bytes=24),  # interface, protocol and packet type follow
    0x1C0001AC: Variant("pcap, IXIA hardware", 1, header_bytes=28),
    0x1C0001AB: Variant("pcap, IXIA software", 1000, header_bytes=28),
}
# AIX writes the usual magic number with version 2.2, nanoseconds, and for link types numbers of ifType (RFC 1573).
_AIX = Variant("pcap, AIX", 1)
_AIX_VERSION = (2, 2)
_AIX_LINKTYPES = {6: 1, 9: 6, 15: 10, 24: 0}


def variant_of(head: bytes) -> tuple[Variant, str] | None:
    """The variant and byte order ("<" or ">") of a file that begins with `head`; None: no pcap file."""
    for order in "<>":
        if len(head) >= 4:
            found = VARIANTS.get(struct.unpack_from(order + "I", head)[0])
            if found is not None:
                return found, order
    return None


def read_pcap(data: NDArray[np.uint8], progress: Progress = silent) -> Found:
    """Every packet up to the first that cannot be read. `data` begins with a magic number of VARIANTS."""
    head = data[:FILE_HEADER_BYTES].tobytes()
    known = variant_of(head)
    assert known is not None
    variant, order = known
    if len(head) < FILE_HEADER_BYTES:
        return nothing(
            variant.name, data, Fault(len(head), f"the file ends inside its header of {FILE_HEADER_BYTES} bytes")
        )
    major, minor, snaplen, network = struct.unpack_from(order + "HH8xII", head, 4)
    linktype = network & 0xFFFF  # the upper bits tell of checksums at the end of the frames
    if variant is VARIANTS[0xA1B2C3D4] and (major, minor) == _AIX_VERSION and linktype in _AIX_LINKTYPES:
        variant, linktype = _AIX, _AIX_LINKTYPES[linktype]
    if major < 2:
        return nothing(variant.name, data, Fault(4, f"version {major}.{minor} of the format is not known"))
    found = Found(variant.name, data, [Interface(None, linktype, snaplen)])
    walker = Walker(data, pcap_step(data, variant.record_bytes, variant.unit_ns, _lengths(major, minor)))
    place, room = Place(at=variant.header_bytes, swapped=order != _NATIVE), Room()

    def tell(stop: Stop, event: Event) -> None:
        if stop is Stop.BAD_LENGTH:
            text = f"a record claims {event.bytes} bytes, more than any packet has ({LONGEST_PACKET})"
            found.faults.append(Fault(event.block, text))
        elif place.at < len(data):
            text = f"the file was cut short in the middle of a packet: {len(data) - place.at} bytes are left over"
            found.faults.append(Fault(place.at, text))

    def again(begin: Place, count: int) -> Packets:
        room = Room(most=count)
        walker.again(begin, room)
        return _packets(room, linktype)

    for begin in walker.first(place, room, tell, progress):
        found.add(_packets(room, linktype), partial(again, begin, len(room)))
    return found


def _lengths(major: int, minor: int) -> Lengths:
    """Files before version 2.3 have the two lengths in the other order; some of version 2.3 do."""
    if (major == 2 and minor < 3) or major == _DG_UX:
        return Lengths.SWAPPED
    return Lengths.SMALLER_CAPTURED if (major, minor) == (2, 3) else Lengths.CAPTURED_FIRST


def _packets(room: Room, linktype: int) -> Packets:
    """Of the file's only interface."""
    stamps = room["stamp"].view(np.int64)
    link = np.broadcast_to(np.int32(linktype), len(room))
    return Packets(room["at"], room["captured"], room["length"], stamps, room["interface"], link, room["direction"])
