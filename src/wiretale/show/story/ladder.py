"""The rows of a ladder, in order: the same for text and SVG, so that they agree."""

from wiretale.decode.durations import duration
from wiretale.explain.story import Arrow, Figure, Mark
from wiretale.light import dataclass, field

PAUSE_NS, PAUSE_SHARE = 1_000_000, 0.02  # a time without rows that is said: at least so long, and so much of the whole


@dataclass(slots=True)
class Row:
    """One line: a packet, or what one end does, or only a `note` on what is not drawn. `title` says more."""

    time_ns: int | None = None
    arrow: Arrow | None = None
    left: str = ""
    right: str = ""
    note: str = ""
    mark: Mark | None = None
    busy: set[bool] = field(default_factory=set)  # the ends (True: the left one) that have a call in the kernel


@dataclass(frozen=True, slots=True)
class Stay:
    """A call in the kernel: from row to row, both included. `lane` counts those of one end at the same time."""

    mark: Mark
    first: int
    last: int
    lane: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """A figure laid out."""

    rows: tuple[Row, ...]
    stays: tuple[Stay, ...]


@dataclass(frozen=True, slots=True)
class _Point:
    """A moment of an item: `order` 0 a call's beginning, 1 a packet, 2 a call's return."""

    time_ns: int
    order: int
    item: Arrow | Mark


def laid_out(figure: Figure) -> Ladder:
    """All rows, with the pauses and the omission between them."""
    points = [_Point(a.time_ns, 1, a) for a in figure.arrows] + [_Point(m.from_ns, 0, m) for m in figure.marks]
    points += [_Point(m.to_ns, 2, m) for m in figure.marks if m.to_ns is not None]
    gap = figure.omitted
    if gap is not None:  # what returned meanwhile began before: its beginning is drawn, its return is not
        points = [p for p in points if p.order != 2 or not gap.from_ns < p.time_ns < gap.to_ns]
    points.sort(key=lambda p: (p.time_ns, p.order))
    whole = points[-1].time_ns - points[0].time_ns if points else 0
    rows: list[Row] = []
    began: dict[int, int] = {}
    ended: dict[int, int] = {}
    for i, point in enumerate(points):
        before = points[i - 1] if i else None
        if before is not None:
            if gap is not None and before.time_ns <= gap.from_ns and point.time_ns >= gap.to_ns:
                rows += [Row(note=gap.text), Row(note="left out")]
            elif point.time_ns - before.time_ns >= max(PAUSE_NS, whole * PAUSE_SHARE):
                rows.append(Row(note=duration(point.time_ns - before.time_ns)))
        if isinstance(point.item, Arrow):
            rows.append(Row(point.time_ns, arrow=point.item))
            continue
        mark, key = point.item, id(point.item)
        if point.order == 0:
            began[key] = len(rows)
            rows.append(_side(mark, point.time_ns, mark.label + (" ..." if mark.to_ns is None else "")))
        elif before is not None and before.item is mark and rows[-1].mark is mark:
            rows[-1] = _side(mark, mark.from_ns, f"{mark.label} = {mark.result}")
            ended[key] = began[key]
        else:
            if before is not None and before.item is mark:  # it waited, and nothing else was seen meanwhile
                rows[began[key]] = _side(mark, mark.from_ns, mark.label)
            ended[key] = len(rows)
            rows.append(_side(mark, point.time_ns, f"{mark.label} = {mark.result}"))
    stays = _stays(figure, began, ended, len(rows) - 1)
    for stay in stays:
        for row in rows[stay.first : stay.last + 1]:
            row.busy.add(stay.mark.on_left)
    return Ladder(tuple(rows), stays)


def _side(mark: Mark, time_ns: int, text: str) -> Row:
    return Row(time_ns, left=text if mark.on_left else "", right="" if mark.on_left else text, mark=mark)


def _stays(figure: Figure, began: dict[int, int], ended: dict[int, int], last: int) -> tuple[Stay, ...]:
    found: list[Stay] = []
    for mark in sorted(figure.marks, key=lambda m: began[id(m)]):
        first, final = began[id(mark)], ended.get(id(mark), last)
        taken = {s.lane for s in found if s.mark.on_left is mark.on_left and s.last >= first}
        lane = next(lane for lane in range(len(taken) + 1) if lane not in taken)
        found.append(Stay(mark, first, final, lane))
    return tuple(found)
