"""Figures in text: the ladder of packets between two ends, and timelines of states, descriptors and waits."""

from collections.abc import Iterator

from wiretale.explain.story import Figure, Story
from wiretale.show.story import ladder, timeline
from wiretale.show.story.scale import SAID
from wiretale.show.story.timeline import seconds
from wiretale.show.story.wrap import cut, padded, width, wrapped

Piece = tuple[str, str]  # text, style
_TIME = 12  # columns of the ladder's times
_LEAST_MIDDLE, _MOST_MIDDLE = 24, 56
_FILLS = {
    "listening": "░", "idle": "·", "connected": "█", "waiting": "▒", "opening": "░", "open": "█", "closing": "▓",
    "over": "·", "pipe": "▒", "terminal": "▒", "event": "▒", "file": "░", "other": "░",
    "own-code": "█", "in-call": "▓", "runnable": "▒", "blocked": "·", "stopped": "x",
}  # fmt: skip
# For terminals that lack the characters: each has one of ASCII in its place.
OWN_CHARACTERS = "─│┃┬└▶◀█▓▒░·…→←"
_ASCII = str.maketrans(OWN_CHARACTERS, "-|#+`><#%=..~><")


def as_ascii(text: str) -> str:
    """A figure's line in ASCII, as far as its characters are the figure's own."""
    return text.translate(_ASCII)


def figure_lines(figure: Figure, story: Story, columns: int) -> Iterator[list[Piece]]:
    """The lines of a figure, in pieces of one style each."""
    yield [(figure.title, "title")]
    if figure.tracks:
        yield from _timeline(figure, story, columns)
    if figure.arrows or figure.marks:
        yield from _ladder(figure, story, columns)
    for line in wrapped(caption(figure), columns):
        yield [(line, "dim")]


def caption(figure: Figure) -> str:
    """What stands below a figure: what it shows, and how its axis is to be read."""
    return f"{figure.caption} {SAID}" if figure.tracks and figure.even is None else figure.caption


def _timeline(figure: Figure, story: Story, columns: int) -> Iterator[list[Piece]]:
    found = timeline.laid_out(figure, story.origin_ns, columns)
    for row in found.rows:
        if not row.bars:
            yield [(row.label, "")]
            continue
        pieces: list[Piece] = [(f"{padded(row.label, found.names)} │", "")]
        at = 0
        for bar in row.bars:
            low = max(min(round(bar.low), found.room - 1), at)
            high = min(max(round(bar.high), low + 1), found.room)
            if high <= low:
                continue
            fill, text = _FILLS.get(bar.span.kind, "─"), bar.text
            if figure.even is not None and bar.span.kind not in _FILLS:  # one of many: it is told by its letter
                fill, text = bar.span.label, ""
            spare = high - low - width(text)
            text = f" {text} " if text and spare >= 4 else cut(text, high - low)
            before = 1 if spare >= 2 else 0
            pieces.append((" " * (low - at), ""))
            pieces.append((fill * before + text + fill * (high - low - before - width(text)), bar.span.kind))
            at = high
        yield pieces
    yield from _axis(found)
    for kind, said in found.key:
        yield [("  ", ""), (f"{_FILLS[kind]}  {said}" if kind in _FILLS else said, kind)]
    for key, text in found.legend:
        for i, line in enumerate(wrapped(text, columns - 6)):
            yield [(f"  {padded(key if i == 0 else '', 2)}  ", "time"), (line, "")]


def _axis(found: timeline.Timeline) -> Iterator[list[Piece]]:
    line, times = ["─"] * found.room, [" "] * found.room
    for tick in found.ticks:
        at = min(round(tick.column), found.room - 1)
        line[at] = "┬"
        start = min(at, found.room - len(tick.text))
        times[start : start + len(tick.text)] = tick.text
    yield [(f"{' ' * found.names} └{''.join(line)}", "dim")]
    yield [(f"{timeline.AXIS.rjust(found.names)}  {''.join(times)}".rstrip(), "dim")]


def _ladder(figure: Figure, story: Story, columns: int) -> Iterator[list[Piece]]:
    """Time runs down; the calls of each end stand outside its line, packets between the lines."""
    found = ladder.laid_out(figure)
    most = (columns - _TIME - 4 - _LEAST_MIDDLE) // 2
    ends = [[width(word) for word in end.rsplit(" ", 1)] for end in (figure.left, figure.right)]
    left = min(max([*(width(row.left) for row in found.rows), *(wide - _TIME for wide in ends[0])]), most)
    right = min(max([*(width(row.right) for row in found.rows), *ends[1]]), most)
    middle = min(columns - _TIME - 4 - left - right, _MOST_MIDDLE)
    for one, two in _headings(figure, left + _TIME, right):
        yield [(f"{one} {' ' * (middle + 2)} {two}".rstrip(), "title")]
    yield [(f"{' ' * (_TIME + left)} ┬{' ' * middle}┬", "dim")]
    for row in found.rows:
        at = seconds(row.time_ns, story.origin_ns) if row.time_ns is not None else ""
        lines = ["┃" if side in row.busy else "│" for side in (True, False)]
        between = " " * middle
        if row.arrow is not None:
            between = _arrow(row.arrow.label, middle, to_right=row.arrow.to_right)
        elif row.note:
            between = padded(_centred(cut(f"· {row.note} ·", middle), middle), middle)
        yield [
            (f"{at.rjust(_TIME - 2)}  ", "time"), (f"{_fit(row.left, left)} ", "client"), (lines[0], "dim"),
            (between, "wire" if row.arrow is not None else "dim"), (lines[1], "dim"),
            (f" {cut(row.right, right)}".rstrip(), "server"),
        ]  # fmt: skip


def _headings(figure: Figure, left: int, right: int) -> Iterator[tuple[str, str]]:
    """Who the ends are: the name, and the address below it."""
    one, two = figure.left.rsplit(" ", 1), figure.right.rsplit(" ", 1)
    for i in range(max(len(one), len(two))):
        yield (_fit(one[i] if i < len(one) else "", left), cut(two[i] if i < len(two) else "", right))


def _arrow(label: str, columns: int, *, to_right: bool) -> str:
    text = f" {cut(label, columns - 6)} "
    line = _centred(text, columns - 1, "─")
    line += "─" * (columns - 1 - width(line))
    return f"{line}▶" if to_right else f"◀{line}"


def _centred(text: str, columns: int, fill: str = " ") -> str:
    return fill * ((columns - width(text)) // 2) + text


def _fit(text: str, columns: int) -> str:
    """Cut or filled on the left, so that it ends at the line."""
    found = cut(text, columns)
    return " " * max(columns - width(found), 0) + found
