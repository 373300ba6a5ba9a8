"""A critical path as text and as JSON."""

from collections.abc import Iterator

from wiretale.decode.durations import duration
from wiretale.explain.critical import Told, caveats, share, summary, tell, totals
from wiretale.join.critical.chain import Did, Piece
from wiretale.join.critical.path import CriticalPath
from wiretale.light import asdict, dataclass

_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_SMALL = 50  # turns shorter than this part of the whole are shown together
_MOST_TOTALS = 5
_RUNNING = frozenset({Did.USER, Did.CALL, Did.RAN})


@dataclass(frozen=True, slots=True)
class _Line:
    from_ns: int
    to_ns: int
    told: Told


def critical_lines(path: CriticalPath, *, color: bool, every: bool) -> Iterator[str]:
    """The sentence, what the time went to, and the chain; `every`: short turns of a thread are not put together."""
    bold, dim, reset = (_BOLD, _DIM, _RESET) if color else ("", "", "")
    length = path.span.end_ns - path.span.begin_ns
    yield f"{bold}{summary(path)}{reset}"
    yield ""
    yield f"{bold}what the time went to{reset}"
    found = totals(path)
    for total in found[:_MOST_TOTALS]:
        yield f"{share(total.ns, length):>6}  {duration(total.ns):>8}  {total.clause}"
    rest = sum(t.ns for t in found[_MOST_TOTALS:])
    if rest:
        yield f"{share(rest, length):>6}  {duration(rest):>8}  all else"
    yield ""
    yield f"{bold}the chain, in order of time{reset}"
    lines = _lines(path, length, every)
    who = max(len(line.told.who) for line in lines)
    what = max(len(line.told.what) for line in lines)
    yield f"{dim}{'start':>9}  {'duration':>8}  {'share':>6}  {'thread':<{who}}  {'what it did':<{what}}  until{reset}"
    for line in lines:
        lasted = line.to_ns - line.from_ns
        yield (
            f"{'+' + duration(line.from_ns - path.span.begin_ns):>9}  {duration(lasted):>8}  {share(lasted, length):>6}"
            f"  {line.told.who:<{who}}  {line.told.what:<{what}}  {line.told.until}"
        ).rstrip()
    for caveat in caveats(path):
        yield ""
        yield f"note: {caveat}"


def critical_json(path: CriticalPath) -> dict[str, object]:
    """One object; times are nanoseconds of CLOCK_MONOTONIC."""
    length = path.span.end_ns - path.span.begin_ns
    intervals = [
        {
            "from_ns": piece.from_ns,
            "to_ns": piece.to_ns,
            "ns": piece.to_ns - piece.from_ns,
            "share": (piece.to_ns - piece.from_ns) / length,
            "did": piece.did.value,
            "ended_by": piece.by.value,
            "tid": piece.tid or None,
            "call_id": piece.call_id or None,
            "cpu": piece.cpu,
            "packet": path.packets.get(piece.packet_id),
            "waiter_tid": piece.waiter or None,
            "waiter_call_id": piece.waiter_call or None,
            **asdict(told),
            "parts": [asdict(part) for part in piece.parts],
            "evidence": [{"table": table, "id": number} for table, number in piece.evidence],
        }
        for piece, told in zip(path.pieces, tell(path), strict=True)
    ]
    return {
        "summary": summary(path),
        "span": asdict(path.span),
        "ns": length,
        "totals": [{"ns": total.ns, "share": total.ns / length, "what": total.clause} for total in totals(path)],
        "intervals": intervals,
        "notes": list(caveats(path)),
    }


def _lines(path: CriticalPath, length: int, every: bool) -> list[_Line]:
    lines: list[_Line] = []
    together: list[tuple[Piece, Told]] = []
    for piece, told in zip(path.pieces, tell(path), strict=True):
        # between two turns it may have had to give up its CPU
        goes_on = bool(together) and together[0][0].tid == piece.tid
        turns = _RUNNING | {Did.RUNNABLE} if goes_on else _RUNNING
        small = piece.did in turns and (piece.to_ns - piece.from_ns) * _SMALL < length and not every
        if together and not (small and goes_on):
            lines.append(_one(together))
            together = []
        if small:
            together.append((piece, told))
        else:
            lines.append(_Line(piece.from_ns, piece.to_ns, told))
    return [*lines, _one(together)] if together else lines


def _one(together: list[tuple[Piece, Told]]) -> _Line:
    """Short turns of one thread, one after the other, as one line."""
    (first, told), (last, end) = together[0], together[-1]
    if len(together) > 1:
        calls = len({p.call_id for p, _ in together if p.call_id})
        calls += sum(part.calls for p, _ in together for part in p.parts if part.call)
        what = f"ran: {calls} call{'' if calls == 1 else 's'}" if calls else "ran"
        own = any(not p.call_id for p, _ in together if p.did in _RUNNING)
        what += " and its own code between" if own and calls else ""
        gave_up = [p.to_ns - p.from_ns for p, _ in together if p.did is Did.RUNNABLE]
        if gave_up:
            times = "once" if len(gave_up) == 1 else f"{len(gave_up)} times"
            what += f"; it lost its CPU {times}, for {duration(sum(gave_up))} in all"
        told = Told(told.who, what, end.until, told.waiter)
    return _Line(first.from_ns, last.to_ns, told)
