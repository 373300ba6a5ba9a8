"""A signal that asks to end is noted, stops a query that runs, and comes out as KeyboardInterrupt at a known place."""

import os
import signal
import threading

import duckdb
import pytest

from wiretale.errors import CaptureError
from wiretale.store.ending import ended_by_signals

ENDLESS = "SELECT sum(a.range * b.range) FROM range(10_000_000) a, range(10_000_000) b"


def test_a_query_that_runs_is_interrupted() -> None:
    ask = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    with (
        pytest.raises(KeyboardInterrupt),
        ended_by_signals() as ending,
        duckdb.connect() as db,
        ending.stops(db.interrupt),
    ):
        ask.start()
        db.execute(ENDLESS).fetchall()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_work_goes_on_until_it_looks(number: signal.Signals) -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), ended_by_signals() as ending:
        step = ending.checked(lambda text, _done=None: reached.append(text))
        step("first")
        os.kill(os.getpid(), number)
        reached.append("still here")
        step("second")
    assert reached == ["first", "still here"]


def test_what_fails_because_of_it_is_the_interrupt_and_a_sentence_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt), ended_by_signals() as ending, ended_by_signals() as same:
        assert same is ending
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("the query broke off")
    with pytest.raises(CaptureError), ended_by_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        raise CaptureError("damaged")
    with pytest.raises(RuntimeError, match="by itself"), ended_by_signals():
        raise RuntimeError("by itself")


def test_a_signal_with_an_answer_of_its_own_is_left_alone() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals() as ending:
            os.kill(os.getpid(), signal.SIGHUP)
            ending.check()
    finally:
        signal.signal(signal.SIGHUP, former)
