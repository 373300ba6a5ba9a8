"""The pieces of a followed connection as text, hexadecimal or JSON."""

import base64
from collections.abc import Iterator

from wiretale.decode.escape import escape_bytes, escape_text
from wiretale.light import dataclass
from wiretale.show.follow import Boundary, Data, Gap, Piece
from wiretale.show.notes import byte_range

ARROWS = {"c2s": ">", "s2c": "<"}
_COLORS = {"c2s": "\x1b[36m", "s2c": "\x1b[32m"}
_GAP_COLOR, _MARK_COLOR, _RESET = "\x1b[33m", "\x1b[2m", "\x1b[0m"
_ROW = 16


@dataclass(slots=True)
class TextWriter:
    """Lines of text, each with its direction before it; a line goes on where its direction goes on."""

    color: bool = False
    origin_ns: int = 0
    _open: str = ""  # direction of the line that is not ended

    def write(self, piece: Piece) -> Iterator[str]:
        if isinstance(piece, Data):
            yield from self._data(piece)
            return
        yield from self.end()
        yield _remark(piece, self.origin_ns, color=self.color)

    def end(self) -> Iterator[str]:
        """End the line that is open."""
        if self._open:
            yield (_RESET if self.color else "") + "\n"
            self._open = ""

    def _data(self, piece: Data) -> Iterator[str]:
        for line in piece.data.splitlines(keepends=True) if b"\r" not in piece.data else _lines(piece.data):
            if self._open != piece.direction:
                yield from self.end()
                yield (_COLORS[piece.direction] if self.color else "") + ARROWS[piece.direction] + " "
                self._open = piece.direction
            ends = line.endswith(b"\n")
            body = line.removesuffix(b"\n").removesuffix(b"\r") if ends else line
            yield _spelled(body)
            if ends:
                yield from self.end()


def _lines(data: bytes) -> list[bytes]:
    """Lines end with LF; a CR elsewhere is a byte like any other."""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _spelled(data: bytes) -> str:
    """Text as it is where it is UTF-8 that acts on nothing, all else escaped."""
    try:
        return escape_text(data.decode())
    except UnicodeDecodeError:
        return escape_bytes(data)[1:-1].replace('\\"', '"')


def _remark(piece: Gap | Boundary, origin_ns: int, *, color: bool) -> str:
    arrow = ARROWS[piece.direction]
    if isinstance(piece, Gap):
        text = f"{arrow} [{piece.hi - piece.lo} bytes missing: {byte_range(piece.lo, piece.hi)}, {piece.reason}]"
        return f"{_GAP_COLOR}{text}{_RESET}\n" if color else f"{text}\n"
    seconds = (piece.time_ns - origin_ns) / 1e9
    extent = byte_range(piece.lo, piece.hi) or "no bytes"
    call = f"call {piece.number}, " if piece.what != "segments" else ""
    text = f"{arrow} -- {seconds:.6f} {call}{escape_text(piece.who)}: {extent}"
    return f"{_MARK_COLOR}{text}{_RESET}\n" if color else f"{text}\n"


@dataclass(slots=True)
class HexWriter:
    """Sixteen bytes a line with their position in the stream."""

    color: bool = False
    origin_ns: int = 0

    def write(self, piece: Piece) -> Iterator[str]:
        if not isinstance(piece, Data):
            yield _remark(piece, self.origin_ns, color=self.color)
            return
        before, after = (_COLORS[piece.direction], _RESET) if self.color else ("", "")
        for at in range(0, len(piece.data), _ROW):
            row = piece.data[at : at + _ROW]
            digits = f"{row[:8].hex(' ')}  {row[8:].hex(' ')}"
            text = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in row)
            yield f"{before}{ARROWS[piece.direction]} {piece.lo + at:08x}  {digits:<49}  {text}{after}\n"

    def end(self) -> Iterator[str]:
        return iter(())


def as_json(piece: Piece, origin_ns: int) -> dict[str, object]:
    """One object; keys are documented in docs/follow.md."""
    kind = {Data: "data", Gap: "gap", Boundary: "boundary"}[type(piece)]
    common: dict[str, object] = {
        "kind": kind, "direction": piece.direction, "lo": piece.lo, "hi": piece.hi, "time_ns": piece.time_ns,
        "time": (piece.time_ns - origin_ns) / 1e9,
    }  # fmt: skip
    if isinstance(piece, Data):
        return common | {"source": piece.source, "base64": base64.b64encode(piece.data).decode()}
    if isinstance(piece, Gap):
        return common | {"reason": piece.reason}
    key = "packet" if piece.what == "segments" else "call_id"
    return common | {"of": piece.what, key: piece.number, "who": piece.who}
