"""`ptrace.calls` unpacked: what it holds, appended to what the tracer's three files hold, in files without a name.

Most calls that kernel programs record are packed by them and copied to the spool unseen; here they become the events,
chunks and data that a tracer would have written.
"""

import ctypes
import errno
import mmap
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from wiretale.errors import ResourceFault
from wiretale.model.spool import CHUNK_BYTES, EVENT_BYTES
from wiretale.native import load_library

LIBRARY_PATH = Path(__file__).with_name("_packed_calls.so")
_RECORD_BYTES = (EVENT_BYTES, CHUNK_BYTES, 1)


class _Counts(ctypes.Structure):
    """struct packed_counts of packed_calls.c."""

    _fields_ = [
        ("events", ctypes.c_uint64),
        ("chunks", ctypes.c_uint64),
        ("data_bytes", ctypes.c_uint64),
        ("damaged_blocks", ctypes.c_uint64),
    ]


def unpack(path: Path, tracer: tuple[memoryview, ...]) -> tuple[tuple[mmap.mmap, ...], int]:
    """Events, chunks and data: those of `tracer`, then those of the file; and how many of its blocks are damaged.

    ResourceFault if there is no room for them beside the file.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        packed = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""
    raw = np.frombuffer(packed, np.uint8)
    counts = _Counts()
    _library().wt_packed_count(raw.ctypes.data, size, ctypes.byref(counts))
    before = _Counts(*(len(body) // each for body, each in zip(tracer, _RECORD_BYTES, strict=True)))
    made = (counts.events, counts.chunks, counts.data_bytes)
    files = []
    for body, count, each in zip(tracer, made, _RECORD_BYTES, strict=True):
        into = _scratch(path.parent, len(body) + count * each)
        into[: len(body)] = body
        files.append(into)
    ends = [np.frombuffer(f, np.uint8).ctypes.data + len(body) for f, body in zip(files, tracer, strict=True)]
    _library().wt_packed_unpack(raw.ctypes.data, size, ctypes.byref(counts), ctypes.byref(before), *ends)
    return tuple(files), int(counts.damaged_blocks)


def _scratch(folder: Path, size: int) -> mmap.mmap:
    """So many bytes of a file without a name, in `folder` where that can be written."""
    try:
        try:
            file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (the map lives longer)
        except PermissionError:
            file = tempfile.TemporaryFile()  # noqa: SIM115
        with file:
            os.posix_fallocate(file.fileno(), 0, max(size, 1))  # a full disk must not be a signal later
            return mmap.mmap(file.fileno(), max(size, 1))
    except OSError as fault:
        if fault.errno != errno.ENOSPC:
            raise ResourceFault(f"the calls of {folder} cannot be unpacked: {fault.strerror}") from fault
        raise ResourceFault(
            f"the disk is full: to unpack the calls of {folder} takes {size} bytes",
            f"free space, then: wiretale recover {folder}",
        ) from fault


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load_library(LIBRARY_PATH, "reader of packed calls")
    pointer, size = ctypes.c_void_p, ctypes.c_uint64
    library.wt_packed_count.argtypes = [pointer, size, pointer]
    library.wt_packed_unpack.argtypes = [pointer, size, *[pointer] * 5]
    library.wt_packed_count.restype = library.wt_packed_unpack.restype = None
    return library
