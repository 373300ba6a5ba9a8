"""Where everything of a timeline stands, in columns of text: the same for text and SVG, so that they agree.

A bar carries its text if there is room; else a key, and the key is explained below with the times.
"""

from collections.abc import Iterator
from itertools import count, product
from string import ascii_letters

from wiretale.decode.durations import duration
from wiretale.explain.story import Figure, Span
from wiretale.light import dataclass
from wiretale.show.story.scale import Scale, compressed, even
from wiretale.show.story.wrap import cut, width

AXIS = "seconds"  # the name of the time axis
NAMES_MOST = 34  # columns of the names of tracks
_AFTER = 2  # columns behind the last moment for what began then or did not end


@dataclass(frozen=True, slots=True)
class Bar:
    """One span: from column to column, and what is written into it."""

    span: Span
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One track. A row without bars is the name of the group that follows."""

    label: str
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """One time printed below the axis."""

    column: float
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A figure laid out: `names` columns for names, `room` for bars."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    legend: tuple[tuple[str, str], ...]
    names: int
    room: int
    key: tuple[tuple[str, str], ...] = ()  # kinds of bars, and what they mean


def seconds(time_ns: int, origin_ns: int) -> str:
    """Seconds since the first event, to the microsecond."""
    return f"{(time_ns - origin_ns) / 1e9:.6f}"


def span_times(span: Span, origin_ns: int) -> str:
    """From when, and how long: `0.043809, 53.5 ms`."""
    lasted = duration(span.to_ns - span.from_ns) if span.to_ns is not None else "to the end"
    return f"{seconds(span.from_ns, origin_ns)}, {lasted}"


def laid_out(figure: Figure, origin_ns: int, columns: int) -> Timeline:
    """The places of everything for that many columns in all."""
    grouped = any(track.group for track in figure.tracks)
    indent = "  " if grouped else ""
    widest = max(width(track.label) for track in figure.tracks) + len(indent)
    names = min(max(widest, len(AXIS)), NAMES_MOST)
    room = max(columns - names - 2, 20)
    spans = [span for track in figure.tracks for span in track.spans]
    end = max((s.to_ns or s.from_ns for s in spans), default=0)
    after = _AFTER if any(s.to_ns is None or s.from_ns == end for s in spans) else 0
    # what lasted no time takes the column of a nanosecond
    moments = (t for s in spans for t in (s.from_ns, max(s.to_ns, s.from_ns + 1) if s.to_ns is not None else end))
    scale = compressed(moments, room - after) if figure.even is None else even(*figure.even, room)
    keys, legend, rows, group = _keys(), [], [], ""
    for track in figure.tracks:
        if track.group != group:
            group = track.group
            rows.append(Row(cut(group, names + room)))
        bars: list[Bar] = []
        for span in track.spans:
            free = bars[-1].high if bars else 0.0
            low = min(max(scale.at(span.from_ns), free), room - 1)
            high = scale.at(span.to_ns) if span.to_ns is not None else float(room)
            high = min(max(high, low + 1), room)
            text = span.text
            if width(text) + 2 > high - low:
                if figure.even is not None:
                    bars.append(Bar(span, low, high, ""))
                    continue
                key = next(keys)
                legend.append((key, f"{span_times(span, origin_ns)}: {text}"))
                text = f"{key} {span.label}" if width(span.label) + len(key) + 3 <= high - low else key
            bars.append(Bar(span, low, high, text))
        rows.append(Row(indent + cut(track.label, NAMES_MOST - len(indent)), tuple(bars)))
    ticks = tuple(_ticks(scale, origin_ns, room))
    return Timeline(tuple(rows), ticks, tuple(legend), names, room, figure.key)


def _keys() -> Iterator[str]:
    """a to z, A to Z, aa to ZZ, ..."""
    for length in count(1):
        for letters in product(ascii_letters, repeat=length):
            yield "".join(letters)


def _ticks(scale: Scale, origin_ns: int, room: int) -> Iterator[Tick]:
    """As many as stand beside each other without touching; the first and the last moment are always among them."""
    if not scale.moments:
        return
    last = Tick(scale.places[-1], seconds(scale.moments[-1], origin_ns))
    free = 0.0
    for moment, column in zip(scale.moments[:-1], scale.places[:-1], strict=True):
        text = seconds(moment, origin_ns)
        if column >= free and column + len(text) + 1 <= room - len(last.text):
            free = column + len(text) + 1
            yield Tick(column, text)
    yield last
