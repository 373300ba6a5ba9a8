"""Slices of time are a matter of speed: wherever they are cut, the lines are those of one slice over everything."""

import itertools
import shutil

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.show.synthetic import MS, SERVER, T0, US, Builder, insert, make
from wiretale.filter.compile import compile_filter
from wiretale.light import replace
from wiretale.model.raw import CAPTURE_VERSION
from wiretale.show import selected
from wiretale.show.order import LineKind, places
from wiretale.show.selected import Selection
from wiretale.store.capture import create_capture, open_capture, write_meta

FILTERS = (
    "tcp", 'call.name == "read" || tcp.len > 0', "frame.time_delta > 0", "signal || wait.duration > 0",
    'payload contains "ala"', 'data matches "sal+am"', "tcp.port == 4000", "fd == 3 || ip.addr == 127.0.0.0/8",
)  # fmt: skip


def found(path, every, **choice):
    """The lines, with borders of slices at every so-many-th call and packet."""
    with pytest.MonkeyPatch.context() as patch, open_capture(path) as db:
        patch.setattr(selected, "_MARK_EVERY", every)
        patch.setattr(selected, "_WIDER", 1)
        return [p for batch in places(db, Selection(**choice)) for p in batch]


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return make(tmp_path_factory.mktemp("slices") / "c.wiretale")


@pytest.mark.parametrize("text", ["", *FILTERS])
def test_every_cut_gives_the_same_lines(capture, text):
    choice = {"filter": compile_filter(text)} if text else {}
    whole = found(capture, 1 << 30, **choice)
    assert whole
    assert whole == sorted(whole, key=lambda p: p.time_ns)
    assert found(capture, 4, **choice) == whole
    for lines in (1, len(whole) // 2, len(whole) + 1):
        assert found(capture, 2, tail=lines, **choice) == whole[max(len(whole) - lines, 0) :]
    assert found(capture, 2, limit=3, **choice) == whole[:3]


@pytest.fixture(scope="module")
def beside_others(capture, tmp_path_factory):
    """The same, and each packet of a connection once more on one of which no traced process has an end."""
    path = tmp_path_factory.mktemp("others") / "c.wiretale"
    shutil.copy(capture, path)
    changes = {"packet": "number + 1000 AS number", "segment": "99 AS connection_id"}
    with duckdb.connect(str(path)) as db:
        for table, change in changes.items():
            columns = f"* REPLACE (packet_id + 1000 AS packet_id, {change})"
            db.execute(f"INSERT INTO {table} SELECT {columns} FROM {table}")
    return path


PACKET_FILTERS = ("tcp", "tcp.len > 0", 'payload contains "ala"', 'data matches "sal+am"', "tcp.port == 4000", "ip")


@pytest.mark.parametrize("text", ["", *PACKET_FILTERS])
def test_packets_of_other_programs_are_left_out_whatever_the_filter(capture, beside_others, text):
    choice = {"filter": compile_filter(text)} if text else {}
    assert found(beside_others, 4, **choice) == found(capture, 4, **choice)
    assert any(map(is_of_others, found(beside_others, 4, **choice, all_packets=True)))


def test_they_are_left_out_where_a_filter_is_asked_of_the_whole_capture_at_once(beside_others):
    whole = compile_filter("frame.time_delta >= 0")
    own = found(beside_others, 4, filter=whole)
    assert own and not any(map(is_of_others, own))
    assert any(map(is_of_others, found(beside_others, 4, filter=whole, all_packets=True)))


def is_of_others(place):
    return place.kind == LineKind.PACKET and place.id > 1000


@pytest.mark.parametrize("text", ['payload contains "ala"', 'payload matches "SA.AM" && frame.time_delta >= 0'])
def test_bytes_are_looked_for_in_the_events_of_all_slices(capture, text, monkeypatch):
    searched = []

    def narrow(db, kind, needles):
        searched.append(kind)
        return selected_narrow(db, kind, needles)

    selected_narrow = selected.narrow
    monkeypatch.setattr(selected, "narrow", narrow)
    with open_capture(capture) as db:
        without = replace(compile_filter(text), needles={})
        expected = [p for batch in places(db, Selection(filter=without)) for p in batch]
    assert expected
    assert not searched
    assert found(capture, 2, filter=compile_filter(text)) == expected
    assert searched


def test_what_may_fold_is_not_asked_where_hardly_a_call_holds_the_bytes(capture, monkeypatch):
    """That takes as long as the search, over a million calls."""
    asked = []

    def keep_candidates(*arguments):
        asked.append(arguments)
        return candidates(*arguments)

    candidates = selected.keep_candidates
    monkeypatch.setattr(selected, "keep_candidates", keep_candidates)
    assert not found(capture, 2, filter=compile_filter('payload contains "no such thing"'))
    assert found(capture, 2, filter=compile_filter('payload contains "salam"'))
    assert not asked
    assert found(capture, 2, filter=compile_filter("call"))
    assert asked


CALLS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=12)


@settings(max_examples=5, deadline=None)
@given(CALLS)
def test_returns_stand_where_they_belong_whatever_overlaps(tmp_path_factory, calls):
    """Calls of several threads, long and short, many at the same moment: (begin, length in ms)."""
    path = tmp_path_factory.mktemp("overlap") / "c.wiretale"
    with create_capture(path) as db:
        write_meta(db, {"version": CAPTURE_VERSION})
        insert(db, "task", {"task_id": 1, "tid": SERVER, "pid": SERVER, "is_leader": True, "traced": True,
                            "how": "execve", "start_ns": T0})  # fmt: skip
        builder = Builder(db)
        for begin, length in sorted(calls):
            builder.call(SERVER, "poll", 0, (0, 0, 0), 0, begin * MS, length * MS + US, None, ())
    whole = found(path, 1 << 30)
    assert found(path, 2) == whole
    for lines in (1, len(whole) // 2):
        assert found(path, 1, tail=lines) == whole[len(whole) - lines :]
    opened = [p.id for p in whole if p.kind.value == "enter"]
    assert sorted(opened) == sorted(p.id for p in whole if p.kind.value == "return")
    for one, after in itertools.pairwise(whole):
        assert one.time_ns <= after.time_ns
    for place in whole:  # twice if, and only if, something else began before it returned
        if place.kind.value in {"call", "enter"}:
            rest = [p for p in whole[whole.index(place) + 1 :] if p.kind.value in {"call", "enter"}]
            overlaps = bool(rest) and rest[0].time_ns < place.until_ns and place.until_ns - place.time_ns > MS
            assert (place.kind.value == "enter") == overlaps
