"""The pcap format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html, and its older relatives.

Both byte orders, stamps in micro- and nanoseconds, Kuznetzov's patched records, IXIA's files, lengths in the other
order (before version 2.3).
"""

import struct
from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.words import Ints, Words
from wiretale.ingest.found import LONGEST_PACKET, Fault, Found, Interface, nothing
from wiretale.ingest.packed import forget
from wiretale.store.progress import Progress, silent

FILE_HEADER_BYTES = 24
_RECORD_BYTES = 16
_DG_UX = 543  # major version that its tcpdump wrote
_SECOND_NS = 1_000_000_000
_STEP_BYTES = 1 << 24  # of the file between two reports of progress
_STEP_ROWS = 1 << 17


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
    found = variant_of(head)
    assert found is not None
    variant, order = found
    if len(head) < FILE_HEADER_BYTES:
        return nothing(
            variant.name, data, Fault(len(head), f"the file ends inside its header of {FILE_HEADER_BYTES} bytes")
        )
    major, minor, snaplen, network = struct.unpack_from(order + "HH8xII", head, 4)
    linktype = network & 0xFFFF  # the upper bits tell of checksums at the end of the frames
    if major < 2:
        return nothing(variant.name, data, Fault(4, f"version {major}.{minor} of the format is not known"))
    swapped = _lengths_swapped(major, minor)
    at, faults = _walk(data, order, variant, swapped, progress)
    count = len(at)
    captured, length, realtime_ns = np.empty(count, np.uint32), np.empty(count, np.uint32), np.empty(count, np.int64)
    words = Words(data, order)
    for first in range(0, count, _STEP_ROWS):  # all at once, what is computed on the way would take twice the memory
        rows = slice(first, first + _STEP_ROWS)
        headers = at[rows]
        one, other = words.u32(headers + 8), words.u32(headers + 12)
        if swapped == "yes":
            one, other = other, one
        elif swapped == "maybe":
            one, other = np.minimum(one, other), np.maximum(one, other)
        captured[rows], length[rows] = one, other
        realtime_ns[rows] = words.u32(headers) * _SECOND_NS + words.u32(headers + 4) * variant.unit_ns
        headers += variant.record_bytes
        forget(data)
    return Found(
        variant.name,
        data,
        at,
        captured,
        length,
        realtime_ns,
        np.broadcast_to(np.int32(0), count),
        np.broadcast_to(np.int32(linktype), count),
        np.broadcast_to(np.int8(0), count),
        [Interface(None, linktype, snaplen)],
        faults=faults,
    )


def _lengths_swapped(major: int, minor: int) -> str:
    """Files before version 2.3 have the two lengths in the other order; some of version 2.3 do."""
    if (major == 2 and minor < 3) or major == _DG_UX:
        return "yes"
    return "maybe" if (major, minor) == (2, 3) else "no"


def _walk(
    data: NDArray[np.uint8], order: str, variant: Variant, swapped: str, progress: Progress
) -> tuple[Ints, list[Fault]]:
    """Where the records begin, up to the end or the first that is damaged."""
    raw = data.data
    lengths = struct.Struct(order + "II").unpack_from
    size, before = len(data), variant.record_bytes
    at = variant.header_bytes
    headers = array("q")
    note = headers.append
    faults: list[Fault] = []
    last = size - before
    first_is_captured = swapped == "no"
    reported = 0
    while at <= last:
        if at >= reported:
            progress("finding packets", at / size)
            forget(data)
            reported = at + _STEP_BYTES
        captured, length = lengths(raw, at + 8)
        if not first_is_captured:
            captured = length if swapped == "yes" else min(captured, length)
        if captured > LONGEST_PACKET:
            text = f"a record claims {captured} bytes, more than any packet has ({LONGEST_PACKET})"
            faults.append(Fault(at, text))
            return np.frombuffer(headers, np.int64), faults
        following = at + before + captured
        if following > size:
            break
        note(at)
        at = following
    if at < size:
        faults.append(Fault(at, f"the file was cut short in the middle of a packet: {size - at} bytes are left over"))
    return np.frombuffer(headers, np.int64), faults
