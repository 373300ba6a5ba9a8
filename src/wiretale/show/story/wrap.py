"""Breaking a story's texts into lines. The marks of code have no width and are kept whole across lines."""

import unicodedata

from wiretale.explain.words import CODE_BEGIN, CODE_END

_MARKS = str.maketrans("", "", CODE_BEGIN + CODE_END)


def width(text: str) -> int:
    """Columns a text takes: wide characters two, combining ones none, marks none."""
    bare = text.translate(_MARKS)
    if bare.isascii():
        return len(bare)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in bare)


def wrapped(text: str, columns: int) -> list[str]:
    """Lines of at most `columns`, broken at spaces; a word that is longer is broken inside. Code stays marked."""
    columns = max(columns, 8)
    lines: list[str] = []
    line, used, inside = "", 0, False
    for word in text.split(" "):
        for piece in _pieces(word, columns):
            size = width(piece)
            if line and used + 1 + size > columns:
                lines.append(line + (CODE_END if inside else ""))
                line, used = (CODE_BEGIN if inside else ""), 0
            gap = " " if used else ""
            line += gap + piece
            used += len(gap) + size
            inside = _open_after(piece, inside)
    return [*lines, line] if line else lines


def _open_after(piece: str, inside: bool) -> bool:
    """Whether code goes on behind a piece."""
    begin, end = piece.rfind(CODE_BEGIN), piece.rfind(CODE_END)
    return inside if begin == end == -1 else begin > end


def _pieces(word: str, columns: int) -> list[str]:
    if width(word) <= columns:
        return [word]
    pieces, piece = [], ""
    for character in word:
        if width(piece) + width(character) > columns:
            pieces.append(piece)
            piece = ""
        piece += character
    return [*pieces, piece]


def padded(text: str, columns: int) -> str:
    """Filled with spaces to a width."""
    return text + " " * max(columns - width(text), 0)


def cut(text: str, columns: int) -> str:
    """Cut to a width; what was cut shows as an ellipsis."""
    if width(text) <= columns:
        return text
    kept = text[:columns]
    while width(kept) > columns - 1:
        kept = kept[:-1]
    return kept + "…"
