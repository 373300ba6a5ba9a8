from itertools import groupby

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.show.runs import keep_candidates

NAMES = ("close", "mmap")
# of each call: its task (None: unknown), its name
CALLS = st.lists(
    st.tuples(st.sampled_from([1, 2, 300, 1 << 40, None]), st.sampled_from(["close", "mmap", "read", None]))
)


def candidates(calls, at_least):
    """As `keep_candidates` finds them: (id, whether its run is its task's first)."""
    with duckdb.connect() as db:
        db.execute("CREATE TABLE call (call_id BIGINT, task_id BIGINT, name VARCHAR)")
        if calls:
            db.executemany("INSERT INTO call VALUES (?, ?, ?)", [list(call) for call in calls])
        count = keep_candidates(db, NAMES, at_least)
        rows = db.execute("FROM candidate ORDER BY call_id").fetchall()
        assert count == len(rows)
        return rows


def expected(calls, at_least):
    """The same by the rule's words."""
    found = []
    known = sorted((c for c in calls if None not in c), key=lambda c: (c[1], c[0]))
    for _, of_task in groupby(known, key=lambda c: c[1]):
        runs = [[]]
        for number, _, name in of_task:
            if name not in NAMES:
                runs.append([])
            runs[-1].append((number, name))
        for number, run in enumerate(runs):
            if sum(name in NAMES for _, name in run) >= at_least:
                found += [(call, number == 0) for call, _ in run]
    return sorted(found)


@given(CALLS, st.integers(1, 4), st.randoms())
def test_the_calls_in_long_runs_of_a_task_are_found_with_the_call_before_them(calls, at_least, random):
    numbered = [(n + 1, *call) for n, call in enumerate(calls)]
    assert candidates(numbered, at_least) == expected(numbered, at_least)
    mixed = random.sample(numbered, len(numbered))
    assert candidates(mixed, at_least) == expected(numbered, at_least)


@pytest.mark.parametrize("tasks", [1, 1000])
def test_many_calls_of_many_tasks_are_told_apart(tasks):
    with duckdb.connect() as db:
        db.execute(
            "CREATE TABLE call AS SELECT i AS call_id, i % ? * 7919 AS task_id,"
            " CASE WHEN i // ? % 10 < 3 THEN 'read' ELSE 'close' END AS name FROM range(500_000) r(i)",
            [tasks, tasks],
        )
        calls = db.execute("FROM call").fetchall()
        assert keep_candidates(db, NAMES, 7) == len(expected(calls, 7)) > 0
        assert db.execute("FROM candidate ORDER BY call_id").fetchall() == expected(calls, 7)
        assert keep_candidates(db, NAMES, 8) == 0
