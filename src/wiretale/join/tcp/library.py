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
_NO_MEMORY = "no memory for the TCP analysis"

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
    library.wt_tcp_begin.restype = ctypes.c_void_p
    library.wt_tcp_begin.argtypes = [ctypes.c_uint32, ctypes.c_int]
    library.wt_tcp_judge.restype = ctypes.c_int64
    library.wt_tcp_judge.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
    library.wt_tcp_streams.restype = None
    library.wt_tcp_streams.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    library.wt_tcp_end.restype = None
    library.wt_tcp_end.argtypes = [ctypes.c_void_p]
    return library


class Analysis:
    """The analysis of one capture by the rules of a Wireshark version; its memory goes when the `with` block ends.

    `tuples`: how many pairs of endpoints there are; every `tuple` of a segment must be below.
    """

    def __init__(self, tuples: int, version: str) -> None:
        self._tuples = tuples
        self._count = 0
        self._handle = _library().wt_tcp_begin(tuples, VERSIONS[version])
        if not self._handle:
            raise MemoryError(_NO_MEMORY)

    def __enter__(self) -> "Analysis":
        return self

    def __exit__(self, *_: object) -> None:
        _library().wt_tcp_end(self._handle)
        self._handle = None

    def judge(self, segments: NDArray[Any]) -> NDArray[Any]:
        """A VERDICT for each of the next `segments` (SEGMENT, in capture order)."""
        segments = np.ascontiguousarray(segments)
        assert segments.dtype == SEGMENT
        assert int(segments["tuple"].max(initial=0)) < max(self._tuples, 1)
        verdicts = np.zeros(len(segments), VERDICT)
        arrays = (segments.ctypes.data, len(segments), verdicts.ctypes.data)
        self._count = _library().wt_tcp_judge(self._handle, *arrays)
        if self._count < 0:
            raise MemoryError(_NO_MEMORY)
        return verdicts

    def streams(self) -> NDArray[Any]:
        """A STREAM for each stream so far; they are numbered as Wireshark's tcp.stream."""
        streams = np.zeros(self._count, STREAM)
        _library().wt_tcp_streams(self._handle, streams.ctypes.data, len(streams))
        return streams


def analyse(segments: NDArray[Any], version: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Judge all `segments` of a capture at once: a VERDICT for each, and the STREAMs."""
    with Analysis(int(segments["tuple"].max(initial=0)) + 1, version) as analysis:
        return analysis.judge(segments), analysis.streams()
