"""Compressed capture files: gzip (RFC 1952), zstd (RFC 8878), lz4 (its frame format), bzip2 and xz, in any number of
members.

gzip, bzip2 and xz are Python's own. The others are read with libzstd.so.1 and liblz4.so.1, which nearly every Linux
has; where one is missing, the file is refused with the command that unpacks it. What comes before damage is kept.
"""

import bz2
import ctypes
import lzma
import mmap
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from ctypes import POINTER, byref, c_char_p, c_size_t, c_uint, c_void_p
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiretale.errors import CaptureError, ResourceFault
from wiretale.ingest.found import Fault
from wiretale.store.progress import Progress

Bytes = NDArray[np.uint8]

_CHUNK = 1 << 18
_SMALL_CHUNK = 1 << 12  # where a call that fails gives nothing of what it had unpacked
_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
_LZ4F_VERSION = 100  # LZ4F_VERSION, lz4frame.h


class _Damage(Exception):
    """Unpacking ends here, and why."""


def unpacked(data: Bytes, path: Path, progress: Progress) -> tuple[Bytes, list[Fault]]:
    """The bytes that `data`, the contents of `path`, stand for, and where they end too early.

    Raises CaptureError where the library is missing, ResourceFault where there is no room.
    """
    unpack = next((u for magic, u in _UNPACKERS.items() if data[: len(magic)].tobytes() == magic), None)
    if unpack is None:
        return data, []
    faults = []
    # A file, because what is packed small may be larger than the memory.
    with tempfile.TemporaryFile() as out:
        try:
            for piece in unpack(data, path):
                out.write(piece)
                progress(f"unpacking {path.name}: {out.tell() >> 20} MB")
        except _Damage as damage:
            faults.append(Fault(out.tell(), f"the compressed data of {path.name} {damage}"))
        except OSError as fault:
            raise ResourceFault(f"{path} cannot be unpacked: {fault.strerror}", "free space in /tmp") from fault
        out.flush()
        return all_of(out.fileno()), faults


def all_of(descriptor: int) -> Bytes:
    """A file's bytes; they stay after it is closed."""
    size = os.fstat(descriptor).st_size
    return np.frombuffer(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) if size else b"", np.uint8)


def forget(data: Bytes) -> None:
    """Give back the memory of what was read of the file that `all_of` mapped; it is read again where looked at."""
    mapped = data.base.obj if isinstance(data.base, memoryview) else None
    if isinstance(mapped, mmap.mmap):
        mapped.madvise(mmap.MADV_DONTNEED)


def _gzip(data: Bytes, _: Path) -> Iterator[bytes]:
    at = 0
    while data[at : at + 2].tobytes() == _GZIP:  # what follows the last member is padding
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        while not member.eof and at < len(data):
            before = member.copy()
            piece = data[at : at + _CHUNK].tobytes()
            try:
                out = member.decompress(piece, 4 * _CHUNK)
            except zlib.error as fault:
                yield from _up_to_damage(before, piece)
                raise _Damage(f"is damaged near its byte {at} ({fault})") from fault
            at += len(piece) - len(member.unused_data) - len(member.unconsumed_tail)
            yield out
        if not member.eof:
            yield member.flush()
            raise _Damage("was cut short")


def _up_to_damage(member: "zlib._Decompress", piece: bytes) -> Iterator[bytes]:
    """A call that fails gives nothing of what it had unpacked: the same byte by byte."""
    for byte in piece:
        try:
            yield member.decompress(bytes((byte,)))
        except zlib.error:
            return


def _of_python(
    magic: bytes, begin: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor], error: type[Exception]
) -> Callable[[Bytes, Path], Iterator[bytes]]:
    """An unpacker of the standard library's, for files that begin with `magic`."""

    def unpack(data: Bytes, _: Path) -> Iterator[bytes]:
        at = 0
        while data[at : at + len(magic)].tobytes() == magic:  # what follows the last member is padding
            member = begin()
            while not member.eof:
                piece = data[at : at + _SMALL_CHUNK].tobytes() if member.needs_input else b""
                if member.needs_input and not piece:
                    raise _Damage("was cut short")
                try:
                    out = member.decompress(piece, 4 * _CHUNK)
                except error as fault:
                    raise _Damage(f"is damaged near its byte {at} ({fault})") from fault
                at += len(piece)
                yield out
            at -= len(member.unused_data)

    return unpack


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer, zstd.h."""

    _fields_ = (("start", c_void_p), ("size", c_size_t), ("pos", c_size_t))


def _library(name: str, program: str, path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as fault:
        raise CaptureError(
            f"{path} is compressed with {program}, and {name} is missing", f"{program} -d {path}"
        ) from fault


def _zstd(data: Bytes, path: Path) -> Iterator[bytes]:
    library = _library("libzstd.so.1", "zstd", path)
    library.ZSTD_createDStream.restype = c_void_p
    library.ZSTD_decompressStream.argtypes = [c_void_p, POINTER(_Buffer), POINTER(_Buffer)]
    library.ZSTD_decompressStream.restype = c_size_t
    library.ZSTD_isError.argtypes = library.ZSTD_getErrorName.argtypes = [c_size_t]
    library.ZSTD_getErrorName.restype = c_char_p
    library.ZSTD_freeDStream.argtypes = [c_void_p]
    stream = library.ZSTD_createDStream()
    room = ctypes.create_string_buffer(_CHUNK)
    given = _Buffer(data.ctypes.data, len(data), 0)
    try:
        while True:
            taken = _Buffer(ctypes.addressof(room), _CHUNK, 0)
            at = given.pos
            left = library.ZSTD_decompressStream(stream, byref(taken), byref(given))
            if library.ZSTD_isError(left):
                raise _Damage(f"is damaged near its byte {at} ({library.ZSTD_getErrorName(left).decode()})")
            yield room.raw[: taken.pos]
            if given.pos == given.size and taken.pos < _CHUNK:
                break
        if left:
            raise _Damage("was cut short")
    finally:
        library.ZSTD_freeDStream(stream)


def _lz4(data: Bytes, path: Path) -> Iterator[bytes]:
    library = _library("liblz4.so.1", "lz4", path)
    library.LZ4F_createDecompressionContext.argtypes = [POINTER(c_void_p), c_uint]
    sizes = POINTER(c_size_t)
    library.LZ4F_decompress.argtypes = [c_void_p, c_void_p, sizes, c_void_p, sizes, c_void_p]
    library.LZ4F_decompress.restype = c_size_t
    library.LZ4F_isError.argtypes = library.LZ4F_getErrorName.argtypes = [c_size_t]
    library.LZ4F_getErrorName.restype = c_char_p
    library.LZ4F_freeDecompressionContext.argtypes = [c_void_p]
    context = c_void_p()
    library.LZ4F_createDecompressionContext(byref(context), _LZ4F_VERSION)
    room = ctypes.create_string_buffer(_CHUNK)
    at = 0
    try:
        while True:
            taken, given = c_size_t(_CHUNK), c_size_t(len(data) - at)
            left = library.LZ4F_decompress(context, room, byref(taken), data.ctypes.data + at, byref(given), None)
            if library.LZ4F_isError(left):
                raise _Damage(f"is damaged near its byte {at} ({library.LZ4F_getErrorName(left).decode()})")
            at += given.value
            yield room.raw[: taken.value]
            if at == len(data) and taken.value < _CHUNK:
                break
        if left:
            raise _Damage("was cut short")
    finally:
        library.LZ4F_freeDecompressionContext(context)


_UNPACKERS: dict[bytes, Callable[[Bytes, Path], Iterator[bytes]]] = {
    _GZIP: _gzip,
    b"\x28\xb5\x2f\xfd": _zstd,
    b"\x04\x22\x4d\x18": _lz4,
    _BZIP2: _of_python(_BZIP2, bz2.BZ2Decompressor, OSError),
    _XZ: _of_python(_XZ, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ), lzma.LZMAError),
}
