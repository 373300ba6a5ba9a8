"""The compiled analysis (`tcp_analysis.c`), loaded with ctypes. Layouts are those of `tcp_rules.h`."""

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiretale.join.tcp.verdicts import VERSIONS
from wiretale.native import load_library

LIBRARY_PATH = Path(__file__).with_name("_tcp_analysis.so")

NO_LENGTH, CUT_OPTIONS, BAD_HEADER, QUOTED = 1, 2, 4, 8  # bits of `quality`
MOST_SACK_BLOCKS = 4

# struct wt_segment
SEGMENT = np.dtype(
    [
        ("realtime_ns", "<i8"), ("number", "<i8"), ("tuple", "<u4"), ("seq", "<u4"), ("ack", "<u4"), ("length", "<u4"),
        ("sack", "<u4", 2 * MOST_SACK_BLOCKS), ("flags", "<u2"), ("window", "<u2"), ("mptcp", "<u2"), ("scale", "<i2"),
        ("forward", "u1"), ("sacks", "u1"), ("fast_open", "u1"), ("quality", "u1"), ("reserved", "<u4"),
    ]
)  # fmt: skip
# struct wt_verdict
VERDICT = np.dtype(
    [
        ("rel_seq", "<i8"), ("rel_ack", "<i8"), ("scaled_window", "<i8"), ("bytes_in_flight", "<i8"), ("push_bytes", "<i8"),
        ("ack_rtt_ns", "<i8"), ("acks_number", "<i8"), ("rto_ns", "<i8"), ("rto_number", "<i8"), ("initial_rtt_ns", "<i8"),
        ("duplicate_number", "<i8"), ("duplicates", "<u4"), ("stream", "<u4"), ("verdicts", "<u4"), ("shown_seq", "<u4"),
        ("shown_ack", "<u4"), ("events", "u1"), ("is_new", "u1"), ("has_times", "u1"), ("truth", "u1"),
    ]
)  # fmt: skip
# struct wt_stream
STREAM = np.dtype(
    [
        ("tuple", "<u4"), ("completeness", "<u4"), ("initial_rtt_ns", "<i8"), ("initial_seq", "<u4", 2), ("known", "u1", 2),
        ("reserved", "u1", 6),
    ]
)  # fmt: skip


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "TCP analysis")
    library.wt_tcp_analyse.restype = ctypes.c_int64
    library.wt_tcp_analyse.argtypes = [
        ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint32, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64,
    ]  # fmt: skip
    return library


def analyse(segments: NDArray[Any], version: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Judge `segments` (SEGMENT, in capture order) by the rules of a Wireshark version.

    Returns a VERDICT for each, and a STREAM for each stream; streams are numbered as Wireshark's tcp.stream.
    """
    segments = np.ascontiguousarray(segments)
    assert segments.dtype == SEGMENT
    verdicts = np.zeros(len(segments), VERDICT)
    streams = np.zeros(len(segments), STREAM)
    tuples = int(segments["tuple"].max()) + 1 if len(segments) else 0
    count = _library().wt_tcp_analyse(
        segments.ctypes.data,
        len(segments),
        tuples,
        VERSIONS[version],
        verdicts.ctypes.data,
        streams.ctypes.data,
        len(streams),
    )
    if count < 0:
        raise MemoryError("no memory for the TCP analysis")
    return verdicts, streams[:count].copy()
