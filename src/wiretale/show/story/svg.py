"""Figures as SVG: text stays text, colours follow the reader's scheme, everything drawn has its title.

Nothing here needs a script or another file. Widths are those of a monospace font; texts that must not run into their
neighbours say their width, so that another font is set narrower instead.
"""

from html import escape
from importlib.resources import files

from wiretale.decode.escape import escape_text
from wiretale.explain.story import Arrow, Figure, Story
from wiretale.light import dataclass
from wiretale.show.story import ladder, timeline
from wiretale.show.story.text_figures import caption
from wiretale.show.story.timeline import seconds, span_times
from wiretale.show.story.wrap import cut, width, wrapped

COLUMN, LINE = 7.2, 17  # pixels of one character at 12 pixels, and from line to line
_TIMELINE_COLUMNS = 128
_TIME, _SIDE, _MIDDLE = 84, 36, 330  # of a ladder: pixels, columns of calls, pixels
_ROW, _ARROW_ROW, _TRACK = 18, 27, 24
_LANE = 7


def figure_css() -> str:
    """The style of figures, for a page that holds them."""
    return files(__package__).joinpath("figure.css").read_text("utf-8")


def svg(figure: Figure, story: Story, *, alone: bool = False) -> str:
    """One figure; `alone` for a file of its own, with style and caption inside."""
    body, wide, high = _timeline(figure, story) if figure.tracks else _ladder(figure, story)
    said = caption(figure)
    if alone:
        lines = [figure.title, *wrapped(f"{story.name}. {said}", int(wide / COLUMN) - 2)]
        head = "".join(_text(8, 20 + i * LINE, line, "name" if i == 0 else "dim") for i, line in enumerate(lines))
        down = len(lines) * LINE + 12
        body, high = f'{head}<g transform="translate(0 {down})">{body}</g>', high + down
    style = f"<style>{figure_css()}</style>" if alone else ""
    size = f'viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}" height="{high:.0f}"'
    label = safe(f"{figure.title}. {said}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} class="figure" role="img" aria-label="{label}">'
        f'{style}<rect class="paper" width="100%" height="100%"/>{body}</svg>'
    )


def safe(text: str) -> str:
    """Harmless inside XML and HTML, and as it looks: nothing in it acts, turns around or hides."""
    return escape(escape_text(text))


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "", fit: bool = False) -> str:
    placed = f' text-anchor="{anchor}"' if anchor else ""
    length = f' textLength="{width(text) * COLUMN:.1f}" lengthAdjust="spacingAndGlyphs"' if fit and text else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{placed}{length}>{safe(text)}</text>'


def _title(text: str) -> str:
    return f"<title>{safe(text)}</title>"


def _timeline(figure: Figure, story: Story) -> tuple[str, float, float]:
    found = timeline.laid_out(figure, story.origin_ns, _TIMELINE_COLUMNS)
    left, y = (found.names + 1.5) * COLUMN + 8, 8.0
    bottom = y + len(found.rows) * _TRACK
    parts = [
        _line("grid", (left + tick.column * COLUMN, y), (left + tick.column * COLUMN, bottom + 6))
        for tick in found.ticks
    ]
    for row in found.rows:
        parts.append(_text(8, y + 16, row.label, "label" if row.bars else "name"))
        for bar in row.bars:
            x, wide = left + bar.low * COLUMN, (bar.high - bar.low) * COLUMN
            full = f"{row.label.strip()}: {bar.span.text} ({span_times(bar.span, story.origin_ns)})"
            guess = " guess" if bar.span.inferred else ""
            parts.append(
                f'<g>{_title(full)}<rect class="bar {bar.span.kind}{guess}" x="{x:.1f}" y="{y + 2:.1f}" '
                f'width="{max(wide - 1, 1):.1f}" height="{_TRACK - 4}" rx="2"/>'
            )
            shown = cut(bar.text, max(int(bar.high - bar.low), 1))
            parts.append(
                _text(x + min(5, max(wide - width(shown) * COLUMN, 0) / 2), y + 16, shown, "in", fit=True) + "</g>"
            )
        y += _TRACK
    wide = left + found.room * COLUMN + 8
    for tick in found.ticks:
        x = min(left + tick.column * COLUMN, wide - 8 - len(tick.text) * COLUMN)
        parts.append(_text(x, bottom + 20, tick.text, "dim", fit=True))
    parts.append(_text(left - 1.5 * COLUMN, bottom + 20, timeline.AXIS, "dim", anchor="end"))
    y = bottom + 30
    for kind, said in found.key:
        y += LINE
        parts.append(f'<rect class="bar {kind}" x="8" y="{y - 11:.1f}" width="18" height="13" rx="2"/>')
        parts.append(_text(8 + 4 * COLUMN, y, said, "label"))
    for key, text in found.legend:
        for i, line in enumerate(wrapped(text, _TIMELINE_COLUMNS - 8)):
            y += LINE
            parts.append((_text(8, y, key, "name") if i == 0 else "") + _text(8 + 4 * COLUMN, y, line, "label"))
    return "".join(parts), wide, y + 10


@dataclass(frozen=True, slots=True)
class _Paper:
    """Where the columns of a ladder are: the ends' lines, how far texts keep from them, columns of calls."""

    left: float
    right: float
    reach: int
    side: int
    origin_ns: int


def _ladder(figure: Figure, story: Story) -> tuple[str, float, float]:
    found = ladder.laid_out(figure)
    lanes = max([s.lane for s in found.stays], default=0)
    texts = [figure.left, figure.right, *(t for row in found.rows for t in (row.left, row.right))]
    side, reach = min(max(width(t) for t in texts), _SIDE), 10 + lanes * _LANE
    first = _TIME + side * COLUMN + reach
    paper = _Paper(first, first + _MIDDLE, reach, side, story.origin_ns)
    tops, y = [], 34.0
    for row in found.rows:
        tops.append(y)
        y += _ARROW_ROW if row.arrow is not None else _ROW
    tops.append(y)
    parts = [
        _text(paper.left - reach, 18, cut(figure.left, side), "name", anchor="end", fit=True),
        _text(paper.right + reach, 18, cut(figure.right, side), "name", fit=True),
        _line("life", (paper.left, 26), (paper.left, y + 4)),
        _line("life", (paper.right, 26), (paper.right, y + 4)),
    ]
    parts += [_stay(stay, tops, paper) for stay in found.stays]
    parts += [_ladder_row(row, top, paper) for row, top in zip(found.rows, tops, strict=False)]
    return "".join(parts), paper.right + reach + side * COLUMN + 10, y + 12


def _line(kind: str, begin: tuple[float, float], end: tuple[float, float]) -> str:
    return f'<line class="{kind}" x1="{begin[0]:.1f}" y1="{begin[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'


def _stay(stay: ladder.Stay, tops: list[float], paper: _Paper) -> str:
    mark = stay.mark
    x = paper.left - stay.lane * _LANE if mark.on_left else paper.right + stay.lane * _LANE
    top, bottom = tops[stay.first] + 4, tops[stay.last + 1] - 2
    end = seconds(mark.to_ns, paper.origin_ns) if mark.to_ns is not None else "the end"
    full = f"{mark.label} = {mark.result}, {seconds(mark.from_ns, paper.origin_ns)} to {end}"
    place = f'x="{x - 3:.1f}" y="{top:.1f}" width="6" height="{max(bottom - top, 5):.1f}" rx="2"'
    return f'<rect class="stay" {place}>{_title(full)}</rect>'


def _ladder_row(row: ladder.Row, top: float, paper: _Paper) -> str:
    low = top + (_ARROW_ROW - 6 if row.arrow is not None else _ROW - 5)
    middle = (paper.left + paper.right) / 2
    parts = []
    if row.time_ns is not None:
        parts.append(_text(_TIME - 8, low, seconds(row.time_ns, paper.origin_ns), "dim", anchor="end"))
    if row.note:
        text = cut(row.note, int(_MIDDLE / COLUMN) - 4)
        parts.append(_text(middle, low, f"· {text} ·", "dim", anchor="middle", fit=True))
    if row.left:
        parts.append(_text(paper.left - paper.reach, low, cut(row.left, paper.side), "label", anchor="end", fit=True))
    if row.right:
        parts.append(_text(paper.right + paper.reach, low, cut(row.right, paper.side), "label", fit=True))
    if row.arrow is not None:
        parts.append(_arrow(row.arrow, top + _ARROW_ROW - 8, paper))
    return "".join(parts)


def _arrow(arrow: Arrow, y: float, paper: _Paper) -> str:
    tail, head, back = paper.left + 4, paper.right - 4, -8
    if not arrow.to_right:
        tail, head, back = head, tail, 8
    label = cut(arrow.label, int(_MIDDLE / COLUMN) - 3)
    full = f"{arrow.ref.label}: {arrow.label} at {seconds(arrow.time_ns, paper.origin_ns)}"
    return (
        f'<g class="arrow {arrow.kind}">{_title(full)}{_line("", (tail, y), (head + back, y))}'
        f'<path d="M{head:.1f} {y:.1f}l{back} -4v8z"/>'
        f"{_text((tail + head) / 2, y - 5, label, 'label', anchor='middle', fit=True)}</g>"
    )
