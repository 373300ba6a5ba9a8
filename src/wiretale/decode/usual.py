"""Usual frames decoded by the compiled `usual.c`, the others left out; packets.py decides, and decodes those."""

import ctypes
import socket
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.frames import FRAGMENT_NUMBERS, NUMBERS, SACK_EDGES
from wiretale.decode.texts import Texts
from wiretale.decode.words import Ints
from wiretale.native import load_library

LIBRARY_PATH = Path(__file__).with_name("_usual.so")

COLUMNS = (  # enum column
    "ethertype", "ip_version", "ip_protocol", "ip_id", "ttl", "fragment", "srcport", "dstport", "seq", "ack", "flags",
    "window", "mss", "wscale", "sack_permitted", "tsval", "tsecr", "network_offset", "transport_offset",
    "payload_offset", "payload_bytes", *SACK_EDGES,
)  # fmt: skip


Table = NDArray[np.int64]  # one row for each column of frames
_NAMES = (*COLUMNS, *(n for n in (*NUMBERS, *SACK_EDGES, *FRAGMENT_NUMBERS) if n not in COLUMNS))
_SEED = hash(b"addresses") & 0xFFFF_FFFF_FFFF_FFFF  # another one in each process (PYTHONHASHSEED)


def new_table(rows: int) -> Table:
    """Room for the numbers of so many frames. A large one is worth using again: the kernel takes as long to give it
    as the frames take to decode."""
    return np.empty((len(_NAMES), rows), np.int64)


def decode_usual(
    buffer: NDArray[np.uint8], offset: Ints, captured: Ints, length: Ints, linktype: Ints, *, into: Table | None = None
) -> tuple[dict[str, Any], Ints]:
    """The columns of decode_frames, and the rows that are not usual: what stands there has no meaning."""
    count = len(offset)
    table = (new_table(count) if into is None else into)[:, :count]
    columns: dict[str, Any] = dict(zip(_NAMES, table, strict=True))
    buffer = np.ascontiguousarray(buffer)
    offset, *others = (np.ascontiguousarray(values, np.int64) for values in (offset, captured, length, linktype))
    pointers = (ctypes.c_void_p * len(table))(*(column.ctypes.data for column in table))
    usual = np.zeros(count, np.uint8)
    arrays = [values.ctypes.data for values in (offset, *others)]
    _library().wt_decode_usual(
        buffer.ctypes.data, len(buffer), *arrays, count, pointers, len(table), usual.ctypes.data
    )  # fmt: skip
    columns["src"], columns["dst"] = _addresses(buffer, offset, pointers, usual)
    columns["undecoded"] = Texts.absent(count)
    return columns, np.flatnonzero(usual == 0)


def _addresses(buffer: NDArray[np.uint8], offset: Ints, columns: Any, usual: NDArray[np.uint8]) -> tuple[Texts, Texts]:
    count = len(offset)
    src, dst = np.empty(count, np.int32), np.empty(count, np.int32)
    slots = np.zeros(1 << (4 * count).bit_length(), np.int32)
    known = np.empty((2 * count, 2), np.int64)
    found = _library().wt_number_addresses(
        buffer.ctypes.data, offset.ctypes.data, count, columns, usual.ctypes.data, _SEED,
        slots.ctypes.data, len(slots), known.ctypes.data, src.ctypes.data, dst.ctypes.data,
    )  # fmt: skip
    family = {4: socket.AF_INET, 16: socket.AF_INET6}
    texts = [socket.inet_ntop(family[size], buffer[at : at + size].tobytes()) for at, size in known[:found].tolist()]
    return Texts(src, texts), Texts(dst, list(texts))


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "decoder")
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.wt_decode_usual.restype = None
    library.wt_decode_usual.argtypes = [pointer, number, *[pointer] * 4, number, pointer, number, pointer]
    library.wt_number_addresses.restype = number
    library.wt_number_addresses.argtypes = [
        pointer, pointer, number, pointer, pointer, ctypes.c_uint64, pointer, number, *[pointer] * 3,
    ]  # fmt: skip
    return library
