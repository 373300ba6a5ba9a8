"""A file of any known format, opened: told apart by its first bytes, uncompressed if need be."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiretale.errors import CaptureError, PermissionFault
from wiretale.ingest.found import Found
from wiretale.ingest.packed import all_of, unpacked
from wiretale.ingest.pcap import read_pcap, variant_of
from wiretale.ingest.pcapng import SECTION, read_pcapng
from wiretale.store.progress import Progress, silent

HINT = (
    "a file of tcpdump, dumpcap or Wireshark: pcap or pcapng, as it is or compressed with gzip, zstd, lz4, bzip2 or xz"
)

# First bytes of what people may try, with what to type instead.
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "is compressed twice", "unpack it once, then import what comes out"),
    (b"\x28\xb5\x2f\xfd", "is compressed twice", "unpack it once, then import what comes out"),
    (b"\x04\x22\x4d\x18", "is compressed twice", "unpack it once, then import what comes out"),
    (b"BZh", "is compressed twice", "unpack it once, then import what comes out"),
    (b"\xfd7zXZ\x00", "is compressed twice", "unpack it once, then import what comes out"),
    (b"PK\x03\x04", "is a zip archive", "unzip {path}"),
    (b"snoop\x00\x00\x00", "is a capture of snoop", "editcap -F pcapng {path} OUT.pcapng"),
    (b"XCP\x00", "is a capture of NetXRay", "editcap -F pcapng {path} OUT.pcapng"),
    (b"RTSS", "is a capture of Network Monitor", "editcap -F pcapng {path} OUT.pcapng"),
    (b"GMBU", "is a capture of Network Monitor", "editcap -F pcapng {path} OUT.pcapng"),
    (b"TRSNIFF data", "is a capture of Sniffer", "editcap -F pcapng {path} OUT.pcapng"),
)
_DATABASE = b"DUCK"  # at offset 8


def read_capture(path: Path, progress: Progress = silent) -> Found:
    """Everything that can be read from `path`. Raises CaptureError if it is no capture of a known format."""
    data, faults = unpacked(_mapped(path), path, progress)
    head = data[:16].tobytes()
    if variant_of(head) is not None:
        found = read_pcap(data, progress)
    elif head[:4] == SECTION.to_bytes(4, "big"):
        found = read_pcapng(data, progress)
    elif faults and not head:
        raise CaptureError(f"{path} cannot be read: {faults[0].text}", HINT)
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
            return all_of(file.fileno())
    except FileNotFoundError as fault:
        raise CaptureError(f"there is no file {path}", HINT) from fault
    except PermissionError as fault:
        raise PermissionFault(f"you may not read {path}", "sudo, or ask its owner for a copy") from fault
    except OSError as fault:
        raise CaptureError(f"{path} cannot be read: {fault.strerror}", HINT) from fault


def _unknown(path: Path, head: bytes) -> CaptureError:
    if not head:
        return CaptureError(f"{path} is empty", HINT)
    if head[8:12] == _DATABASE:
        return CaptureError(f"{path} is a wiretale capture already", f"wiretale show {path}")
    for magic, what, remedy in _OTHERS:
        if head.startswith(magic):
            return CaptureError(f"{path} {what}, which import does not read", remedy.format(path=path))
    return CaptureError(f"{path} is no capture file: it begins with the bytes {head[:4].hex(' ')}", HINT)
