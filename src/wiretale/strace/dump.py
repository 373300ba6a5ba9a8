"""-e read= and -e write=: the bytes themselves, in hexadecimal and as text."""

from itertools import groupby

from wiretale.decode.syscalls import CALLS
from wiretale.decode.syscalls.spec import Effect
from wiretale.model.spool import EventFlag, Role
from wiretale.store.load.tracer_events import TracerEvent
from wiretale.strace.options import StraceOptions
from wiretale.strace.output import Sink

_WIDTH = 16


def dump(data: bytes) -> str:
    """Lines such as ` | 00000  61 62 63 0a                                       abc.             |`."""
    lines = []
    for at in range(0, len(data), _WIDTH):
        row = data[at : at + _WIDTH]
        left = " ".join(f"{b:02x}" for b in row[:8])
        right = " ".join(f"{b:02x}" for b in row[8:])
        text = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in row)
        lines.append(f" | {at:05x}  {left:<23}  {right:<23}  {text:<16} |\n")
    return "".join(lines)


def dump_call(sink: Sink, begun: TracerEvent, e: TracerEvent, name: str, options: StraceOptions) -> None:
    """The bytes that a call carried, if its descriptor is among those of -e read and -e write."""
    fd = int(begun.args[0]) & 0xFFFFFFFF
    spec = CALLS.get(name)
    effects = spec.effects if spec is not None else frozenset()
    for wanted, effect, event in (
        (options.dump_read, Effect.RECEIVES, e),
        (options.dump_write, Effect.SENDS, begun),
    ):
        if wanted is None or effect not in effects or not wanted(fd) or e.flags & EventFlag.ERROR:
            continue
        pieces = [c for c in event.chunks if c.role == Role.PAYLOAD]
        in_vectors, in_buffers = name.endswith("mmsg"), name.rstrip("2").endswith("v") or "msg" in name
        for vector, group in groupby(pieces, lambda c: c.place >> 16):
            buffers = list(group)
            if in_vectors:
                sink.write(f" = {len(buffers)} buffers in vector {vector}\n")
            for number, piece in enumerate(buffers):
                if in_buffers:
                    sink.write(f" * {len(piece.data)} bytes in buffer {number}\n")
                sink.write(dump(piece.data))
