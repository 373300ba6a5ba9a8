"""Figures in text: the ladder of packets between two ends, and timelines of states, descriptors and waits."""

from collections.abc import Iterator

from wiretale.explain.story import Figure, Span, Story
from wiretale.show.story.scale import Scale, compressed
from wiretale.show.story.wrap import padded, width, wrapped

Line = tuple[str, str]  # text, style
_FILLS = {"listening": "░", "idle": "·", "connected": "█", "waiting": "▒", "open": "█", "closing": "▓", "over": "·"}


def figure_lines(figure: Figure, story: Story, columns: int) -> Iterator[Line]:
    """The lines of a figure, each with its style."""
    yield figure.title, "title"
    if figure.tracks:
        yield from _timeline(figure, story, columns)
    if figure.arrows or figure.marks:
        yield from _ladder(figure, story, columns)
    for line in wrapped(figure.caption, columns):
        yield line, "dim"


def moments_of(figure: Figure, end_ns: int) -> Scale:
    """The scale of a timeline: the borders of its spans."""
    found = {s.from_ns for t in figure.tracks for s in t.spans}
    found |= {s.to_ns if s.to_ns is not None else end_ns for t in figure.tracks for s in t.spans}
    return compressed(found)


def last_ns(figure: Figure) -> int:
    """The last moment of a timeline that is known."""
    return max((s.to_ns or s.from_ns for t in figure.tracks for s in t.spans), default=0)


def _timeline(figure: Figure, story: Story, columns: int) -> Iterator[Line]:
    end = last_ns(figure)
    scale = moments_of(figure, end)
    names = max(width(t.label) for t in figure.tracks)
    room = max(columns - names - 3, 20)
    for track in figure.tracks:
        bar = [" "] * room
        for span in track.spans:
            low, high = _cells(span, scale, end, room)
            fill = _FILLS.get(span.kind, "─")
            bar[low:high] = [fill] * (high - low)
            text = f" {span.label} "
            if width(text) + 2 <= high - low:
                at = low + 1
                bar[at : at + len(text)] = list(text)
        yield f"{padded(track.label, names)} │{''.join(bar)}", ""
    first = min((s.from_ns for t in figure.tracks for s in t.spans), default=0)
    left, right = _seconds(first, story), _seconds(end, story)
    yield f"{' ' * names} └{left}{' ' * max(room - len(left) - len(right), 1)}{right}", "dim"


def _cells(span: Span, scale: Scale, end: int, room: int) -> tuple[int, int]:
    low = round(scale.at(span.from_ns) * room)
    high = round(scale.at(span.to_ns if span.to_ns is not None else end) * room)
    low = min(low, room - 1)
    return low, max(high, low + 1)


def _seconds(time_ns: int, story: Story) -> str:
    return f"{(time_ns - story.origin_ns) / 1e9:.6f} s"


def _ladder(figure: Figure, story: Story, columns: int) -> Iterator[Line]:
    """Time runs down; the calls of each end stand outside its line, packets between the lines."""
    side = max((columns - 12) * 3 // 10, 12)
    middle = columns - 12 - 2 * side - 4
    blank = " " * 10
    yield f"{blank}  {_fit(figure.left, side)} ┬{' ' * middle}┬ {_cut(figure.right, side)}", "title"
    events: list[tuple[int, int, str, str, str]] = []
    for arrow in figure.arrows:
        text = _cut(arrow.label, middle - 6)
        dashes = "─" * max((middle - width(text) - 4) // 2, 1)
        line = padded(f"{dashes} {text} ", middle - 1).rstrip(" ") + " "
        line += "─" * max(middle - width(line) - 1, 0)
        drawn = f"{line}▶" if arrow.to_right else f"◀{line}"
        events.append((arrow.time_ns, 1, " " * side, padded(drawn[:middle], middle), ""))
    for mark in figure.marks:
        left, right = (_fit(mark.label, side), "") if mark.on_left else (" " * side, _cut(mark.label, side))
        events.append((mark.from_ns, 0, left, " " * middle, right))
    for time_ns, _, left, between, right in sorted(events, key=lambda e: (e[0], e[1])):
        at = f"{(time_ns - story.origin_ns) / 1e9:.6f}"
        yield f"{at.rjust(10)}  {left} │{between}│ {right}".rstrip(), ""


def _cut(text: str, columns: int) -> str:
    if width(text) <= columns:
        return text
    kept = text
    while width(kept) > columns - 1:
        kept = kept[:-1]
    return kept + "…"


def _fit(text: str, columns: int) -> str:
    """Cut or filled on the left, so that it ends at the line."""
    cut = _cut(text, columns)
    return " " * max(columns - width(cut), 0) + cut
