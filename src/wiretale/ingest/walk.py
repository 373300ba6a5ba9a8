"""The compiled walk over a file's records (walk.c): a slice of frames at a time.

A file is walked twice: first to count its frames and to learn what is true of them together (found.py:Totals), then
slice by slice while they are decoded. What is kept of a slice meanwhile is where it begins.
"""

import ctypes
from collections.abc import Callable, Iterator
from ctypes import POINTER, c_int, c_int64, c_uint32, c_void_p
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiretale.errors import CaptureError
from wiretale.ingest.packed import forget
from wiretale.light import dataclass
from wiretale.native import load_library
from wiretale.store.bulk import BATCH_ROWS
from wiretale.store.load.packet_rows import BATCH_BYTES
from wiretale.store.progress import Progress

LIBRARY_PATH = Path(__file__).with_name("_walk.so")

MOST_BLOCK = 16 << 20  # bytes of a pcapng block; a longer one is a damaged length (Wireshark's limit too)
_STEP_BYTES = 1 << 24  # of the file between two reports of progress
CHANGED = CaptureError("the file was changed while it was read", "copy it first, then import the copy")


class Stop(IntEnum):
    """Why the walk came back."""

    END = 0  # of what is whole
    FULL = 1  # the slice
    PAUSED = 2
    NEW_SECTION = 3
    NEW_INTERFACE = 4
    NEW_STATISTICS = 5
    BAD_PACKET = 6
    BAD_OPTION = 7
    BAD_LENGTH = 8
    DIFFERENT = 9  # the two lengths of a block
    BAD_VERSION = 10


class Lengths(IntEnum):
    """Which of the two lengths of a pcap record is what."""

    CAPTURED_FIRST = 0
    SWAPPED = 1
    SMALLER_CAPTURED = 2


LAST = (Stop.END, Stop.BAD_LENGTH, Stop.DIFFERENT, Stop.BAD_VERSION)  # nothing behind it can be found


class Place(ctypes.Structure):
    """struct place: where the walk stands, and what it needs to go on from there."""

    _fields_ = (
        ("at", c_int64),
        ("before", c_int64),
        ("interfaces", c_int64),
        ("snaplen", c_uint32),
        ("swapped", c_uint32),
    )

    at: int
    before: int
    interfaces: int
    swapped: int


class Event(ctypes.Structure):
    """struct event."""

    _fields_ = (("block", c_int64), ("number", c_uint32), ("bytes", c_uint32))

    block: int
    number: int
    bytes: int


class _Slice(ctypes.Structure):
    """struct slice."""

    _fields_ = (
        *((name, c_int64) for name in ("most", "most_bytes", "count", "bytes", "comments", "text_bytes")),
        *((name, c_void_p) for name in ("at", "stamp", "captured", "length", "interface", "direction", "stamped")),
        *((name, c_void_p) for name in ("comment_of", "comment_end", "text")),
    )


_KINDS = {
    "at": np.int64, "stamp": np.uint64, "captured": np.uint32, "length": np.uint32, "interface": np.int32,
    "direction": np.int8, "stamped": np.bool_, "comment_of": np.int32, "comment_end": np.int64,
}  # fmt: skip


class Room:
    """Arrays for the frames of one slice, and how many there are. `with_text`: also of their comments."""

    def __init__(self, with_text: bool = False, most: int = BATCH_ROWS, most_bytes: int = BATCH_BYTES) -> None:
        self.with_text, self.most = with_text, most
        self.columns: dict[str, NDArray[Any]] = {name: np.zeros(most, kind) for name, kind in _KINDS.items()}
        if with_text:
            self.columns["text"] = np.empty(most_bytes + MOST_BLOCK, np.uint8)
        pointers = {name: values.ctypes.data for name, values in self.columns.items()}
        self.slice = _Slice(most=most, most_bytes=most_bytes, **pointers)

    def __len__(self) -> int:
        return int(self.slice.count)

    def clear(self) -> None:
        """For the next slice, which may take the place of this one."""
        self.slice.count = self.slice.bytes = self.slice.comments = self.slice.text_bytes = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name][: self.slice.count]

    def comments(self) -> dict[int, str]:
        """By index of the frame in the slice."""
        if not self.with_text:
            return {}
        count = self.slice.comments
        ends = self.columns["comment_end"][:count].tolist()
        text = self.columns["text"][: self.slice.text_bytes].tobytes()
        begins = [0, *ends]
        return {
            row: text[begin:end].decode("utf-8", "replace")
            for row, begin, end in zip(self.columns["comment_of"][:count].tolist(), begins, ends, strict=False)
        }


Step = Callable[[int, Place, Room, Event], Stop]  # as far as this place in the file


def pcap_step(data: NDArray[np.uint8], header_bytes: int, unit_ns: int, lengths: Lengths) -> Step:
    """Of records with headers of this size, whose stamps have fractions of this unit."""
    walk = _library().wt_walk_pcap
    given = (data.ctypes.data, len(data), header_bytes, unit_ns, lengths)
    return lambda until, place, room, event: Stop(walk(*given, until, place, room.slice, event))


def pcapng_step(data: NDArray[np.uint8], *, again: bool) -> Step:
    """`again`: only ends are told."""
    walk = _library().wt_walk_pcapng
    given = (data.ctypes.data, len(data), again)
    return lambda until, place, room, event: Stop(walk(*given, until, place, room.slice, event))


@dataclass(frozen=True, slots=True)
class Walker:
    """Of one file, in the steps of its format."""

    data: NDArray[np.uint8]
    step: Step

    def first(
        self, place: Place, room: Room, tell: Callable[[Stop, Event], None], progress: Progress
    ) -> Iterator[Place]:
        """From `place` to the end. Yields where each slice that has frames begins, while `room` holds it; `tell` hears
        of all else."""
        event = Event()
        begin = Place.from_buffer_copy(place)
        until = 0
        while True:
            stop = self.step(until, place, room, event)
            if stop is Stop.PAUSED:
                progress("finding packets", place.at / len(self.data))
                forget(self.data)
                until = place.at + _STEP_BYTES
                continue
            if stop is not Stop.FULL:
                tell(stop, event)
            if stop is Stop.FULL or stop in LAST:
                if len(room):
                    yield begin
                room.clear()
                begin = Place.from_buffer_copy(place)
            if stop in LAST:
                return

    def again(self, begin: Place, room: Room) -> None:
        """The frames of the slice that begins there into `room`, which is as large as it. Raises CaptureError if they
        are not all there."""
        place, event = Place.from_buffer_copy(begin), Event()
        while self.step(place.at + _STEP_BYTES, place, room, event) is Stop.PAUSED:
            forget(self.data)
        if len(room) < room.most:
            raise CHANGED


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "reader of capture files")
    found = (c_int64, POINTER(Place), POINTER(_Slice), POINTER(Event))
    library.wt_walk_pcap.argtypes = [c_void_p, c_int64, c_int64, c_int64, c_int, *found]
    library.wt_walk_pcapng.argtypes = [c_void_p, c_int64, c_int, *found]
    return library
