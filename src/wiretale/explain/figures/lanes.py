"""Lanes over an even axis of time: of each thread what it did, of each CPU which thread had it.

A stretch of time is drawn as what filled most of it, so that a picture has a bounded size whatever the capture's.
"""

from string import ascii_letters

import duckdb

from wiretale.decode.durations import duration
from wiretale.explain import thread_times
from wiretale.explain.story import Figure, Span, Track
from wiretale.explain.thread_times import Part, Stretch
from wiretale.explain.words import count

TRACKS = 16
_STATES = {
    thread_times.OWN_CODE: "ran its own code",
    thread_times.IN_CALL: "ran in a call",
    thread_times.RUNNABLE: "waited for a CPU",
    thread_times.BLOCKED: "was blocked",
    thread_times.STOPPED: "was stopped by a signal",
}
OTHERS = "others"
_MOST_COLOURS = 8


def thread_lanes(db: duckdb.DuckDBPyConnection, part: Part, stretches: int, most: int = TRACKS) -> Figure | None:
    """One lane for each thread; None if nothing is known of any."""
    width = _width(part, stretches)
    found = thread_times.by_thread(db, part, width)
    if not found:
        return None
    names = thread_times.thread_names(db)
    busiest = [t.tid for t in thread_times.times(db, part)][:most]
    shown = sorted(busiest, key=lambda tid: (found[tid][0].number, tid))
    tracks = tuple(Track(names.get(tid, f"thread {tid}"), _spans(found[tid], part, width)) for tid in shown)
    used = {span.kind for track in tracks for span in track.spans}
    key = tuple((kind, said) for kind, said in _STATES.items() if kind in used)
    caption = f"Each stretch of {duration(width)} is drawn as what the thread did for most of it."
    caption += _left(len(found) - len(shown), "thread")
    return Figure("fig-threads", "What each thread did", caption, tracks, even=(part.from_ns, part.to_ns), key=key)


def cpu_lanes(db: duckdb.DuckDBPyConnection, part: Part, stretches: int) -> Figure | None:
    """One lane for each CPU; None if no recorded thread ran."""
    width = _width(part, stretches)
    found = thread_times.by_cpu(db, part, width)
    if not found:
        return None
    names = thread_times.thread_names(db)
    spent: dict[str, int] = {}
    for stretch in (s for lane in found.values() for s in lane):
        spent[stretch.what] = spent.get(stretch.what, 0) + stretch.ns
    ranked = sorted(spent, key=lambda tid: (-spent[tid], int(tid)))[: len(ascii_letters)]
    letters = dict(zip(ranked, ascii_letters, strict=False))
    kinds = {tid: f"lane{number % _MOST_COLOURS}" for number, tid in enumerate(ranked)}
    tracks = []
    for cpu, lane in sorted(found.items()):
        named = [Stretch(s.number, kinds.get(s.what, OTHERS), letters.get(s.what, "?"), s.ns) for s in lane]
        tracks.append(Track(f"CPU {cpu}", _spans(named, part, width, by_label=True)))
    key = [(kinds[tid], f"{letters[tid]} {names.get(int(tid), f'thread {tid}')}") for tid in ranked[:TRACKS]]
    caption = (
        f"In each stretch of {duration(width)} stands the recorded thread that had the CPU longest, however short."
    )
    caption += " Where nothing is drawn the CPU was idle, or a program had it that was not recorded."
    caption += _left(len(spent) - len(key), "thread")
    return Figure(
        "fig-cpus", "Which thread had each CPU", caption, tuple(tracks), even=(part.from_ns, part.to_ns), key=tuple(key)
    )


def _width(part: Part, stretches: int) -> int:
    return max(-(-(part.to_ns - part.from_ns) // max(stretches, 1)), 1)


def _left(number: int, what: str) -> str:
    return f" {count(number, f'more {what}')} {'is' if number == 1 else 'are'} not named." if number > 0 else ""


def _spans(lane: list[Stretch], part: Part, width: int, *, by_label: bool = False) -> tuple[Span, ...]:
    """Neighbours that are the same are one span; it is named after the call of its longest stretch."""
    spans: list[Span] = []
    most = 0
    for stretch in lane:
        begin = part.from_ns + stretch.number * width
        end = min(begin + width, part.to_ns)
        last = spans[-1] if spans else None
        same = last is not None and last.to_ns == begin and last.kind == stretch.what
        if last is not None and same and (not by_label or last.label == stretch.label):
            label, most = (stretch.label, stretch.ns) if stretch.ns > most else (last.label, most)
            spans[-1] = Span(label, last.from_ns, end, last.kind)
        else:
            most = stretch.ns
            spans.append(Span(stretch.label, begin, end, stretch.what))
    return tuple(spans)
