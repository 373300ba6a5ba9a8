"""Figures hold what the tables hold: nothing is invented, and what is left out is counted."""

import pytest

from scripts.large_spool import Size
from tests.large import capture_of
from tests.show.synthetic import make
from wiretale.explain import figures
from wiretale.explain.conversation import conversations
from wiretale.explain.figures.ladder import HEAD, TAIL
from wiretale.explain.tell import Options, tell
from wiretale.explain.world import load_world
from wiretale.filter.tables import with_all_tables
from wiretale.store.capture import open_capture

ROUNDS = 60


@pytest.fixture(scope="module")
def netcat(tmp_path_factory):
    with open_capture(make(tmp_path_factory.mktemp("netcat") / "c.wiretale")) as db:
        yield with_all_tables(db)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Two connections of many requests and answers."""
    with open_capture(capture_of(tmp_path_factory.mktemp("long"), Size(2, ROUNDS, 2))) as db:
        yield with_all_tables(db)


def ladder_of(db, connection_id):
    return figures.ladder(load_world(db), conversations(db, [connection_id])[connection_id])


def test_the_ladder_of_a_short_connection_has_all_its_packets_and_the_calls_on_both_sockets(netcat):
    ((connection_id,),) = netcat.execute("SELECT connection_id FROM connection WHERE protocol = 'tcp'").fetchall()
    figure = ladder_of(netcat, connection_id)
    shown = netcat.execute(
        "SELECT p.packet_id, p.time_ns, g.direction = 'c2s' FROM segment g JOIN packet p USING (packet_id)"
        " WHERE g.shown ORDER BY 1"
    ).fetchall()
    assert [(a.ref.id, a.time_ns, a.to_right) for a in figure.arrows] == shown
    assert figure.omitted is None
    sides = dict(netcat.execute("SELECT socket_id, role = 'client' FROM endpoint").fetchall())
    moved = netcat.execute(
        "SELECT f.socket_id, c.call_id, c.start_ns, c.exit_ns FROM call_file f JOIN call c USING (call_id)"
        " WHERE c.name IN ('read', 'write', 'connect', 'close', 'shutdown') AND f.socket_id IS NOT NULL"
        " AND c.errno IS DISTINCT FROM 11"
    ).fetchall()
    drawn = {(m.ref.id, m.from_ns, m.to_ns, m.on_left) for m in figure.marks}
    assert {(c, begin, end, sides[s]) for s, c, begin, end in moved if s in sides} <= drawn
    assert moved


def test_each_mark_has_the_result_of_its_call(netcat):
    ((connection_id,),) = netcat.execute("SELECT connection_id FROM connection WHERE protocol = 'tcp'").fetchall()
    for mark in ladder_of(netcat, connection_id).marks:
        ((retval, errno, name),) = netcat.execute(
            "SELECT retval, errno, name FROM call WHERE call_id = ?", [mark.ref.id]
        ).fetchall()
        assert mark.label.startswith(f"{name}(")
        assert errno is not None or mark.result == ("?" if retval is None else str(retval))


def test_of_a_long_connection_the_beginning_and_the_end_are_drawn_and_the_rest_is_counted(long):
    figure = ladder_of(long, 1)
    ((packets,),) = long.execute("SELECT packets FROM connection WHERE connection_id = 1").fetchall()
    assert len(figure.arrows) + len(figure.marks) == HEAD + TAIL
    assert f"{packets - len(figure.arrows):,} packets" in figure.omitted.text
    kept = [a.ref.id for a in figure.arrows]
    first = [r[0] for r in long.execute(
        "SELECT packet_id FROM segment WHERE connection_id = 1 AND shown ORDER BY packet_id").fetchall()]  # fmt: skip
    split = next(i for i, (a, b) in enumerate(zip(kept, first, strict=False)) if a != b)
    assert kept == first[:split] + first[split - len(kept) :]
    assert figure.omitted.text in figure.caption
    inside = [a for a in figure.arrows if figure.omitted.from_ns < a.time_ns < figure.omitted.to_ns]
    assert inside == []


def test_the_longest_waits_are_drawn_and_the_others_counted(long):
    figure = figures.waits(load_world(long))
    drawn = {span.ref.id for track in figure.tracks for span in track.spans}
    longest = long.execute(
        "SELECT wait_id FROM wait ORDER BY to_ns - from_ns DESC, wait_id LIMIT ?", [len(drawn)]
    ).fetchall()
    total = long.execute("SELECT count(*) FROM wait").fetchone()[0]
    assert drawn == {row[0] for row in longest}
    assert total > len(drawn)
    assert f"the {len(drawn)} longest of {total:,} waits" in figure.caption


def test_every_descriptor_that_is_no_plain_file_is_in_its_number_s_track(netcat):
    figure = figures.descriptors(load_world(netcat), [])
    drawn = {
        (t.group.rpartition("[")[2].rstrip("]"), t.label, s.from_ns, s.to_ns) for t in figure.tracks for s in t.spans
    }
    rows = netcat.execute(
        "SELECT d.pid, d.fd, d.from_ns, d.to_ns FROM descriptor d JOIN file f USING (file_id) WHERE f.kind <> 'file'"
    ).fetchall()
    assert rows
    assert {(str(pid), f"fd {fd}", begin, end) for pid, fd, begin, end in rows} <= drawn


def test_the_states_are_those_of_the_table(netcat):
    ((connection_id,),) = netcat.execute("SELECT connection_id FROM connection WHERE protocol = 'tcp'").fetchall()
    figure = figures.states(conversations(netcat, [connection_id])[connection_id])
    rows = netcat.execute(
        "SELECT e.role, s.state, s.from_ns, s.to_ns FROM tcp_state s JOIN endpoint e USING (endpoint_id)"
    ).fetchall()
    drawn = [(t.label.split(" ")[0], s.label, s.from_ns, s.to_ns) for t in figure.tracks for s in t.spans]
    assert sorted(drawn, key=str) == sorted(rows, key=str)


def test_the_anchors_of_figures_are_all_different(long):
    found = tell(long, Options()).figures()
    assert len({figure.anchor for figure in found}) == len(found)
