"""A file of any known format, opened: told apart by its first bytes, uncompressed if need be."""

import mmap
import os
import tempfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiretale.errors import CaptureError, PermissionFault, ResourceFault
from wiretale.ingest.found import Fault, Found
from wiretale.ingest.pcap import read_pcap, variant_of
from wiretale.ingest.pcapng import SECTION, read_pcapng

HINT = "a file of tcpdump, dumpcap or Wireshark: pcap or pcapng, as it is or compressed with gzip"
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20

# First bytes of what people may try, with what to type instead.
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (_GZIP, "is compressed twice", "zcat {path} > OUT.gz"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", "zstd -d {path}"),
    (b"\x04\x22\x4d\x18", "is compressed with lz4", "lz4 -d {path}"),
    (b"BZh", "is compressed with bzip2", "bunzip2 -k {path}"),
    (b"\xfd7zXZ\x00", "is compressed with xz", "unxz -k {path}"),
    (b"PK\x03\x04", "is a zip archive", "unzip {path}"),
    (b"snoop\x00\x00\x00", "is a capture of snoop", "editcap -F pcapng {path} OUT.pcapng"),
    (b"XCP\x00", "is a capture of NetXRay", "editcap -F pcapng {path} OUT.pcapng"),
    (b"RTSS", "is a capture of Network Monitor", "editcap -F pcapng {path} OUT.pcapng"),
    (b"GMBU", "is a capture of Network Monitor", "editcap -F pcapng {path} OUT.pcapng"),
    (b"TRSNIFF data", "is a capture of Sniffer", "editcap -F pcapng {path} OUT.pcapng"),
)
_DATABASE = b"DUCK"  # at offset 8


def read_capture(path: Path) -> Found:
    """Everything that can be read from `path`. Raises CaptureError if it is no capture of a known format."""
    data, faults = _uncompressed(_mapped(path), path)
    head = data[:16].tobytes()
    if variant_of(head) is not None:
        found = read_pcap(data)
    elif head[:4] == SECTION.to_bytes(4, "big"):
        found = read_pcapng(data)
    else:
        raise _unknown(path, head)
    found.faults = sorted([*found.faults, *faults], key=lambda f: f.at)
    return found


def _mapped(path: Path) -> NDArray[np.uint8]:
    try:
        if path.is_dir():
            raise CaptureError(f"{path} is a folder", HINT)
        with path.open("rb") as file:
            if not path.is_file():  # a pipe
                return np.frombuffer(file.read(), np.uint8)
            return _all_of(file.fileno())
    except FileNotFoundError as fault:
        raise CaptureError(f"there is no file {path}", HINT) from fault
    except PermissionError as fault:
        raise PermissionFault(f"you may not read {path}", "sudo, or ask its owner for a copy") from fault
    except OSError as fault:
        raise CaptureError(f"{path} cannot be read: {fault.strerror}", HINT) from fault


def _uncompressed(data: NDArray[np.uint8], path: Path) -> tuple[NDArray[np.uint8], list[Fault]]:
    if data[:2].tobytes() != _GZIP:
        return data, []
    faults: list[Fault] = []
    # A file, because what is packed small may be larger than the memory.
    with tempfile.TemporaryFile() as out:
        at = 0
        while data[at : at + 2].tobytes() == _GZIP:  # several members may follow each other
            member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            try:
                while not member.eof and at < len(data):
                    piece = data[at : at + _CHUNK].tobytes()
                    out.write(member.decompress(piece, _CHUNK))
                    at += len(piece) - len(member.unused_data) - len(member.unconsumed_tail)
            except zlib.error as fault:
                text = f"the compressed data is damaged near byte {at} of {path.name} ({fault})"
                faults.append(Fault(out.tell(), text))
                break
            except OSError as fault:
                raise ResourceFault(
                    f"{path} cannot be unpacked: {fault.strerror}", f"unpack it where there is room: zcat {path}"
                ) from fault
            if not member.eof:
                faults.append(Fault(out.tell(), f"the compressed data of {path.name} was cut short"))
                break
        out.flush()
        return _all_of(out.fileno()), faults


def _all_of(descriptor: int) -> NDArray[np.uint8]:
    """A file's bytes; they stay after it is closed."""
    size = os.fstat(descriptor).st_size
    return np.frombuffer(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) if size else b"", np.uint8)


def _unknown(path: Path, head: bytes) -> CaptureError:
    if not head:
        return CaptureError(f"{path} is empty", HINT)
    if head[8:12] == _DATABASE:
        return CaptureError(f"{path} is a wiretale capture already", f"wiretale show {path}")
    for magic, what, remedy in _OTHERS:
        if head.startswith(magic):
            return CaptureError(f"{path} {what}, which import does not read", remedy.format(path=path))
    return CaptureError(f"{path} is no capture file: it begins with the bytes {head[:4].hex(' ')}", HINT)
