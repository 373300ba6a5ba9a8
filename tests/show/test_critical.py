"""A critical path as text: a thread that lost its CPU a thousand times is one line, not two thousand."""

import re

from wiretale.explain.critical import summary, totals
from wiretale.join.critical.chain import By, Did, Piece
from wiretale.join.critical.path import CallFacts, CriticalPath
from wiretale.join.critical.span import Span
from wiretale.light import replace
from wiretale.show.critical import critical_lines

ONE, TWO = 100, 200
CALL = CallFacts(1, "read", 3, ONE, 5, None, None, None, sleeps=False)


# no packet only acknowledges or waited for that, no window was full, nobody had a CPU before
NOTHING = (frozenset[int](), frozenset[int](), frozenset[int](), dict[tuple[int, int], int]())


def piece(from_ns: int, to_ns: int, did: Did, tid: int = ONE, by: By = By.NEXT, **more: bool | int) -> Piece:
    return Piece(from_ns, to_ns, did, by, tid, 0, 0, (), **more)  # type: ignore[arg-type]


def chain_of(*pieces: Piece, every: bool = False) -> list[str]:
    """The lines of the chain, without their times."""
    span = Span(1, 1, ONE, pieces[0].from_ns, pieces[-1].to_ns)
    path = CriticalPath(
        span, list(pieces), {1: CALL}, {ONE: "one 100", TWO: "two 200"}, {}, *NOTHING, stopped=False, lost=0
    )
    lines = list(critical_lines(path, color=False, every=every))
    begin = lines.index("the chain, in order of time")
    return [re.sub(r"^.*%  ", "", line) for line in lines[begin + 2 :]]


def test_turns_between_which_a_thread_lost_its_cpu_are_one_line() -> None:
    turns = [piece(10 * i, 10 * i + 9, Did.USER) for i in range(100)]
    waits = [piece(10 * i + 9, 10 * i + 10, Did.RUNNABLE) for i in range(100)]
    pieces = sorted([*turns, *waits], key=lambda p: p.from_ns)
    (line,) = chain_of(*pieces)
    assert "ran; it lost its CPU 100 times, for 100 ns in all" in line
    assert len(chain_of(*pieces, every=True)) == 200


def test_a_wait_for_a_cpu_after_a_waking_is_no_loss_of_it() -> None:
    lines = chain_of(
        piece(0, 10, Did.USER, TWO, By.WOKE, other_tid=ONE), piece(10, 15, Did.RUNNABLE), piece(15, 1000, Did.USER)
    )
    assert "waited for a CPU" in lines[1] and "lost" not in "".join(lines)


def test_who_was_stopped_is_said_to_have_been() -> None:
    lines = chain_of(piece(0, 500, Did.STOPPED), piece(500, 1000, Did.USER))
    assert "was stopped by a signal, a debugger or the recorder" in lines[0]


def test_many_short_waits_of_one_kind_are_one_cause() -> None:
    """Each is shorter than what the thread ran, all together are most of the time."""
    waits = [replace(piece(100 + 10 * i, 107 + 10 * i, Did.BLOCKED, by=By.DISK), call_id=2 + i) for i in range(50)]
    turns = [replace(piece(107 + 10 * i, 110 + 10 * i, Did.CALL), call_id=2 + i) for i in range(50)]
    calls = {2 + i: replace(CALL, call_id=2 + i, name="pread64") for i in range(50)} | {1: CALL}
    span = Span(1, 1, ONE, 100, 600)
    pieces = sorted([*waits, *turns], key=lambda p: p.from_ns)
    path = CriticalPath(span, pieces, calls, {ONE: "one 100"}, {}, *NOTHING, stopped=False, lost=0)
    first, second = totals(path)
    assert (first.ns, second.ns) == (350, 150)
    assert first.clause.endswith("was blocked in pread64(fd 3), on the disk, or something inside the kernel (50 times)")
    assert summary(path).startswith("70 % of the 500 ns")
