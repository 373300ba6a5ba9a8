"""A critical path as text: a thread that lost its CPU a thousand times is one line, not two thousand."""

import re

from wiretale.join.critical.chain import By, Did, Piece
from wiretale.join.critical.path import CallFacts, CriticalPath
from wiretale.join.critical.span import Span
from wiretale.show.critical import critical_lines

ONE, TWO = 100, 200
CALL = CallFacts(1, "read", 3, ONE, 5, None, None, None, sleeps=False)


def piece(from_ns: int, to_ns: int, did: Did, tid: int = ONE, by: By = By.NEXT, **more: bool | int) -> Piece:
    return Piece(from_ns, to_ns, did, by, tid, 0, 0, (), **more)  # type: ignore[arg-type]


def chain_of(*pieces: Piece, every: bool = False) -> list[str]:
    """The lines of the chain, without their times."""
    span = Span(1, 1, ONE, pieces[0].from_ns, pieces[-1].to_ns)
    path = CriticalPath(span, list(pieces), {1: CALL}, {ONE: "one 100", TWO: "two 200"}, {}, stopped=False, lost=0)
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
    assert "was stopped by a signal, or by a debugger" in lines[0]
