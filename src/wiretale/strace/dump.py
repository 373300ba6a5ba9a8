"""-e read= and -e write=: the bytes themselves, in hexadecimal and as text."""

from itertools import groupby

from wiretale.decode.syscalls import CALLS
from wiretale.decode.syscalls.spec import Effect
from wiretale.decode.writer import signed32
from wiretale.model.spool import EventFlag, Role
from wiretale.store.load.tracer_events import TracerChunk, TracerEvent
from wiretale.strace.options import StraceOptions
from wiretale.strace.output import Sink

_WIDTH = 16
_STEP = 65536
_DIGITS = 5  # of an offset, unless the last one has more


def dump(data: bytes, size: int) -> str:
    """Lines such as ` | 00000  61 62 63 0a                                       abc.             |`.

    `size`: how many bytes there were to read.
    """
    lines = []
    digits = max(_DIGITS, len(f"{max(size - 1, 0):x}"))
    for at in range(0, len(data), _WIDTH):
        row = data[at : at + _WIDTH]
        left = " ".join(f"{b:02x}" for b in row[:8])
        right = " ".join(f"{b:02x}" for b in row[8:])
        text = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in row)
        lines.append(f" | {at:0{digits}x}  {left:<23}  {right:<23}  {text:<16} |\n")
    return "".join(lines)


def _dump_piece(sink: Sink, piece: TracerChunk, pid: int) -> None:
    """In steps as strace reads: one that ends behind readable memory is not shown, the first not even mentioned."""
    missing = piece.full_bytes - len(piece.data)
    if not missing or not piece.error:
        sink.write(dump(piece.data, piece.full_bytes))
        return
    shown = len(piece.data) // _STEP * _STEP
    if shown:
        sink.write(dump(piece.data[:shown], piece.full_bytes))
        left = min(piece.full_bytes - shown, _STEP)
        sink.write(f" | <Cannot fetch {left} byte{'s' * (left != 1)} from pid {pid} @{piece.address + shown:#x}>\n")


def dump_call(sink: Sink, begun: TracerEvent, e: TracerEvent, name: str, options: StraceOptions) -> None:
    """The bytes that a call carried, if its descriptor is among those of -e read and -e write."""
    fd = signed32(begun.args[0])
    if fd < 0:
        return
    spec = CALLS.get(name)
    effects = spec.effects if spec is not None else frozenset()
    for wanted, effect, event in (
        (options.dump_read, Effect.RECEIVES, e),
        (options.dump_write, Effect.SENDS, begun),
    ):
        if wanted is None or effect not in effects or not wanted(fd):
            continue
        if event is e and e.flags & EventFlag.ERROR:
            continue
        if any(c.role == Role.IOVEC and len(c.data) < c.full_bytes for c in begun.chunks):
            continue  # where its buffers lie could not be read
        pieces = [c for c in event.chunks if c.role == Role.PAYLOAD]
        lists = [c for c in begun.chunks if c.role == Role.IOVEC and c.detail]
        sizes = {c.place >> 16: c.full_bytes // c.detail for c in lists}  # also of buffers that nothing came into
        in_vectors = name.endswith("mmsg")
        in_buffers = name.rstrip("2").endswith("v") or "msg" in name or name == "vmsplice"
        for vector, group in groupby(pieces, lambda c: c.place >> 16):
            buffers = list(group)
            if in_vectors:
                sink.write(f" = {sizes.get(vector, len(buffers))} buffers in vector {vector}\n")
            for number, piece in enumerate(buffers):
                if in_buffers and piece.place & 0xFFFF != number:
                    break  # at a buffer without bytes
                if in_buffers:
                    sink.write(f" * {piece.full_bytes} bytes in buffer {number}\n")
                _dump_piece(sink, piece, begun.tid)
