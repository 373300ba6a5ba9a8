"""Usual frames decoded by the compiled `usual.c`, the others left out; packets.py decides, and decodes those."""

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiretale.decode.frames import ABSENT, FRAGMENT_NUMBERS, NUMBERS, SACK_EDGES
from wiretale.decode.network import ipv4_text, ipv6_text
from wiretale.decode.words import Ints, Words
from wiretale.native import load_library

LIBRARY_PATH = Path(__file__).with_name("_usual.so")

COLUMNS = (  # enum column
    "ethertype", "ip_version", "ip_protocol", "ip_id", "ttl", "fragment", "srcport", "dstport", "seq", "ack", "flags",
    "window", "mss", "wscale", "sack_permitted", "tsval", "tsecr", "network_offset", "transport_offset",
    "payload_offset", "payload_bytes", *SACK_EDGES,
)  # fmt: skip


def decode_usual(
    buffer: NDArray[np.uint8], offset: Ints, captured: Ints, length: Ints, linktype: Ints
) -> tuple[dict[str, Any], Ints]:
    """The columns of decode_frames, and the rows that are not usual: what stands there has no meaning."""
    count = len(offset)
    names = (*NUMBERS, *SACK_EDGES, *FRAGMENT_NUMBERS)
    columns: dict[str, Any] = {name: np.full(count, ABSENT, np.int64) for name in names}
    buffer = np.ascontiguousarray(buffer)
    given = [np.ascontiguousarray(values, np.int64) for values in (offset, captured, length, linktype)]
    pointers = (ctypes.c_void_p * len(COLUMNS))(*(columns[name].ctypes.data for name in COLUMNS))
    usual = np.zeros(count, np.uint8)
    arrays = [values.ctypes.data for values in given]
    _library().wt_decode_usual(buffer.ctypes.data, len(buffer), *arrays, count, pointers, usual.ctypes.data)
    _put_addresses(columns, buffer, offset, usual)
    columns["undecoded"] = np.full(count, None, object)
    return columns, np.flatnonzero(usual == 0)


def _put_addresses(columns: dict[str, Any], buffer: NDArray[np.uint8], offset: Ints, usual: NDArray[np.uint8]) -> None:
    words = Words(buffer, ">")
    version = np.where(usual != 0, columns["ip_version"], 0)
    four, six = np.flatnonzero(version == 4), np.flatnonzero(version == 6)
    network = offset + columns["network_offset"]
    for name, at_four, at_six in (("src", 12, 8), ("dst", 16, 24)):
        columns[name] = np.full(len(offset), None, object)
        columns[name][four] = ipv4_text(words.u32(network[four] + at_four))
        columns[name][six] = ipv6_text(words, network[six] + at_six)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "decoder")
    library.wt_decode_usual.restype = None
    library.wt_decode_usual.argtypes = [
        ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_void_p] * 4, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    return library
