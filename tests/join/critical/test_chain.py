"""The chain over rows made by hand: whatever the rows say, the pieces tile the interval."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wiretale.join.critical.chain import By, Did, Piece, chain
from wiretale.join.critical.timeline import Event, State, Timeline

ONE, TWO, STRANGER = 100, 200, 999
SWITCH, WAKING = "sched:sched_switch", "sched:sched_waking"
SENT, RECEIVED = "net:net_dev_queue", "net:netif_receive_skb"


def state(tid: int, from_ns: int, to_ns: int, what: str, *more: Any) -> State:
    """`more`: the call's number and the reason, as far as there are any."""
    call_id, reason = (*more, 0, "")[:1] + (*more[1:], "")[:1]
    return State(tid, from_ns, to_ns, what, call_id, 0, reason)


def event(number: int, time_ns: int, name: str, tid: int, other: int = 0, **more: Any) -> Event:
    values: dict[str, Any] = {
        "cpu": 0, "context": "task", "softirq": "", "value": 1, "bytes": 0, "seq": 0, "ack": 0, "flags": 16, "sk": 7,
        "packet_id": 0, "skb": 0, "head": 0, "flow": "", "back": "", **more,
    }  # fmt: skip
    return Event(event_id=number, time_ns=time_ns, name=name, tid=tid, other_tid=other, **values)


def timeline(states: list[State], events: list[Event]) -> Timeline:
    states = sorted(states, key=lambda s: (s.tid, s.from_ns))
    events = sorted(events, key=lambda e: (e.time_ns, e.event_id))
    columns = {name: np.array([getattr(s, name) for s in states]) for name in State.__slots__}
    columns["call"] = np.array([f"call{s.call_id}" if s.call_id else "" for s in states])
    return Timeline(
        columns, {name: np.array([getattr(e, name) for e in events]) for name in Event.__slots__}, {ONE, TWO}
    )


def assert_tiles(pieces: list[Piece], begin: int, end: int) -> None:
    assert [p.from_ns for p in pieces] == [begin, *(p.to_ns for p in pieces[:-1])]
    assert pieces[-1].to_ns == end and all(p.from_ns < p.to_ns for p in pieces)


def test_who_was_stopped_is_left_for_whoever_let_it_go_on() -> None:
    rows = timeline(
        [state(ONE, 0, 10, "running"), state(ONE, 10, 80, "stopped"), state(ONE, 80, 100, "running"),
         state(TWO, 0, 90, "running", 1)],
        [event(1, 10, SWITCH, ONE), event(2, 80, WAKING, TWO, ONE)],
    )  # fmt: skip
    pieces = chain(rows, ONE, 0, 100)
    assert [(p.to_ns, p.did, p.tid, p.waiter, p.waiter_stopped) for p in pieces] == [
        (80, Did.CALL, TWO, ONE, True), (100, Did.USER, ONE, 0, False),
    ]  # fmt: skip
    alone = chain(timeline([state(ONE, 10, 80, "stopped"), state(ONE, 80, 100, "running")], []), ONE, 10, 100)
    assert [p.did for p in alone] == [Did.STOPPED, Did.USER]


def test_a_sleeper_is_left_for_whoever_woke_it() -> None:
    rows = timeline(
        [
            state(ONE, 0, 10, "running", 1), state(ONE, 10, 80, "blocked", 1),
            state(ONE, 80, 90, "runnable", 1, "woken"), state(ONE, 90, 100, "running", 1), state(TWO, 0, 90, "running"),
        ],
        [event(1, 10, SWITCH, ONE), event(2, 80, WAKING, TWO, ONE), event(3, 90, SWITCH, TWO, ONE)],
    )  # fmt: skip
    pieces = chain(rows, ONE, 0, 100)
    assert [(p.from_ns, p.to_ns, p.did, p.tid, p.by) for p in pieces] == [
        (0, 80, Did.USER, TWO, By.WOKE), (80, 90, Did.RUNNABLE, ONE, By.NEXT), (90, 100, Did.CALL, ONE, By.END),
    ]  # fmt: skip
    assert (pieces[0].waiter, pieces[0].waiter_call) == (ONE, 1)


def test_a_packet_leads_to_its_sender_and_a_second_copy_to_the_loss() -> None:
    flow: dict[str, Any] = {"flow": "6 a 1 b 2", "back": "6 b 2 a 1", "bytes": 5, "seq": 7, "flags": 24}
    rows = timeline(
        [
            state(ONE, 0, 89, "blocked", 1), state(ONE, 89, 90, "runnable", 1, "woken"),
            state(ONE, 90, 100, "running", 1), state(TWO, 0, 20, "running", 2),
        ],
        [
            event(1, 10, SENT, TWO, **flow),
            event(2, 60, SENT, STRANGER, context="softirq", softirq="TIMER", **flow),
            event(3, 80, RECEIVED, STRANGER, context="softirq", softirq="NET_RX", **flow),
            event(4, 89, WAKING, STRANGER, ONE, context="softirq", softirq="NET_RX"),
        ],
    )  # fmt: skip
    assert [(p.from_ns, p.to_ns, p.did, p.by) for p in chain(rows, ONE, 0, 100)] == [
        (0, 10, Did.CALL, By.SENT), (10, 60, Did.LOST, By.TIMER), (60, 89, Did.WIRE, By.DELIVERED),
        (89, 90, Did.RUNNABLE, By.NEXT), (90, 100, Did.CALL, By.END),
    ]  # fmt: skip


def test_who_was_not_recorded_is_said_to_be() -> None:
    rows = timeline(
        [state(ONE, 0, 80, "blocked", 1), state(ONE, 80, 100, "runnable", 1, "woken")],
        [event(1, 80, WAKING, STRANGER, ONE)],
    )
    pieces = chain(rows, ONE, 20, 100)
    assert [(p.did, p.by, p.other_tid) for p in pieces] == [
        (Did.BLOCKED, By.STRANGER, STRANGER), (Did.RUNNABLE, By.END, 0),
    ]  # fmt: skip


def test_many_calls_of_one_turn_are_one_piece_with_their_sums() -> None:
    rows = timeline([state(ONE, n, n + 1, "running", 1 + n % 3 if n % 2 else 0) for n in range(1000)], [])
    (piece,) = chain(rows, ONE, 100, 1000)
    assert piece.did is Did.RAN and sum(part.ns for part in piece.parts) == 900
    assert {part.call: (part.ns, part.calls) for part in piece.parts}[""] == (450, 500)


_TIMES = st.integers(0, 40)
_ROWS = st.lists(
    st.tuples(st.sampled_from([ONE, TWO]), _TIMES, st.sampled_from(["running", "runnable", "blocked"]),
              st.integers(0, 3), st.sampled_from(["", "new", "woken", "preempted"])), max_size=30,
)  # fmt: skip
_EVENTS = st.lists(
    st.tuples(_TIMES, st.sampled_from([WAKING, SENT, RECEIVED, SWITCH, "irq:softirq_exit", "sched:sched_process_fork"]),
              st.sampled_from([ONE, TWO, STRANGER, 0]), st.sampled_from([ONE, TWO]),
              st.sampled_from(["task", "softirq"]),
              st.sampled_from(["", "TIMER", "NET_RX"]), st.integers(0, 2), st.booleans()), max_size=40,
)  # fmt: skip


@given(_ROWS, _EVENTS, st.integers(0, 39))
def test_the_pieces_tile_the_interval_whatever_the_rows_say(
    rows: list[tuple[int, int, str, int, str]],
    events: list[tuple[int, str, int, int, str, str, int, bool]],
    begin: int,
) -> None:
    states = []
    for tid in (ONE, TWO):  # rows of a thread do not overlap; there may be gaps
        times = sorted({t for who, t, *_ in rows if who == tid})
        of = {t: row for row in rows if row[0] == tid for t in [row[1]]}
        for at, following in pairwise(times):
            states.append(state(tid, at, following, *of[at][2:]))
    made = [
        event(n, at, name, tid, other, context=context, softirq=softirq, bytes=seq, seq=seq,
              flow="f" if forward else "b", back="b" if forward else "f")
        for n, (at, name, tid, other, context, softirq, seq, forward) in enumerate(events, 1)
    ]  # fmt: skip
    pieces = chain(timeline(states, made), ONE, begin, 40)
    assert_tiles(pieces, begin, 40)
