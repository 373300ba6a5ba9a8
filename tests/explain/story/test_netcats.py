"""The story of real netcats against the tables of the same capture: each test asks SQL, never the story's own code."""

import json
from pathlib import Path

import pytest

from tests.e2e.session import program
from tests.e2e.subjects import Subject
from tests.explain.story.recordings import NETCATS, conversation, ids, refusal, steps_of, text, told
from wiretale.cli import run
from wiretale.errors import Exit
from wiretale.explain.entry import Reader
from wiretale.explain.tell import Options, tell

pytestmark = pytest.mark.e2e

FIN, RST = 1, 4
EVERYONE = [pytest.param(subject, id=subject.name) for subject in NETCATS]
KEYS = {"stream_write": "write_id", "stream_read": "read_id"}

# The TCP connection between the two, and the sockets of its ends.
TALK = "SELECT connection_id FROM connection WHERE protocol = 'tcp' AND server_port = 4000"
SOCKETS = f"SELECT socket_id FROM endpoint WHERE connection_id IN ({TALK})"


@pytest.mark.parametrize("subject", EVERYONE)
def test_every_step_has_its_own_anchor_and_rests_on_rows_that_exist(subject: Subject) -> None:
    with told(conversation(subject)) as (db, story):
        anchors = [step.anchor for step in story.steps()]
        assert len(set(anchors)) == len(anchors) > 10
        assert [s.anchor for s in tell(db, Options("again", Reader.BEGINNER)).steps()] == anchors
        for step in story.steps():
            assert step.evidence, step
            for ref in step.evidence:
                key = KEYS.get(ref.table, f"{ref.table}_id")
                assert db.execute(f"SELECT 1 FROM {ref.table} WHERE {key} = ?", [ref.id]).fetchone(), ref


@pytest.mark.parametrize("subject", EVERYONE)
def test_every_call_that_makes_the_connection_is_told_once(subject: Subject) -> None:
    with told(conversation(subject)) as (db, story):
        calls = db.execute(
            "SELECT c.call_id, c.name FROM call c JOIN call_file f USING (call_id) WHERE f.socket_id IN"
            f" (SELECT socket_id FROM socket WHERE listening OR socket_id IN ({SOCKETS}))"
            " AND c.name IN ('bind', 'listen', 'connect', 'setsockopt', 'shutdown')"
            f" UNION SELECT made_call_id, 'made' FROM socket WHERE socket_id IN ({SOCKETS})"
        ).fetchall()
        assert {name for _, name in calls} >= {"bind", "listen", "connect", "made"}
        for call_id, name in calls:
            found = [step for step in steps_of(story, "call", call_id) if step.call.startswith(name) or name == "made"]
            assert len(found) == 1, (call_id, name, found)


@pytest.mark.parametrize("subject", EVERYONE)
def test_the_handshake_is_told_with_its_segments_and_ends_the_waiting_of_the_server(subject: Subject) -> None:
    with told(conversation(subject)) as (db, story):
        row = db.execute(
            "SELECT p.packet_id, p.number FROM connection k JOIN segment g USING (connection_id) JOIN packet p"
            f" USING (packet_id) WHERE k.connection_id IN ({TALK}) AND g.shown AND p.time_ns = k.established_ns"
        ).fetchone()
        assert row is not None
        third, number = row
        (connect,) = [s for s in steps_of(story, "packet", third) if s.call.startswith("connect")]
        assert [hop.what.partition(":")[0] for hop in connect.hops if hop.lane == "wire"] == ["SYN", "SYN, ACK", "ACK"]
        waited = db.execute(
            "SELECT w.wait_id FROM wait w JOIN socket s USING (socket_id) WHERE s.listening AND w.packet_id = ?",
            [third],
        ).fetchone()
        (accept,) = [s for s in story.steps() if s.call.startswith("accept")]
        assert (waited is not None) == (f"Packet {number}, the third segment of the handshake, ended" in text(accept))
        if waited is not None:
            assert waited[0] in ids(accept, "wait")


@pytest.mark.parametrize("subject", EVERYONE)
def test_the_line_is_followed_from_the_input_to_the_output(subject: Subject) -> None:
    with told(conversation(subject)) as (db, story):
        write_id, write_call, read_call, packet = (
            db.execute(
                "SELECT w.write_id, w.call_id, r.call_id, c.packet_id FROM link l JOIN stream_write w USING (write_id)"
                " JOIN stream_read r ON r.read_id = l.read_id JOIN link c ON c.write_id = l.write_id"
                f" WHERE l.kind = 'write_read' AND c.kind = 'write_segment' AND l.connection_id IN ({TALK})"
            ).fetchone()
            or (None,) * 4
        )
        (step,) = steps_of(story, "stream_write", write_id)
        assert {write_call, read_call} <= set(ids(step, "call"))
        assert packet in ids(step, "packet")
        assert step.title.startswith("6 bytes from ")
        assert "bytes 0 to 5 of its stream" in text(step)
        assert "exactly these bytes" in text(step)
        told_calls = db.execute(
            "SELECT name FROM call WHERE call_id IN (SELECT unnest(?)) ORDER BY call_id", [ids(step, "call")]
        ).fetchall()
        assert sum('"salam\\n"' in hop.what for hop in step.hops) == 4, told_calls  # read, write, read, write


@pytest.mark.parametrize("subject", EVERYONE)
def test_who_closes_first_is_who_sent_the_first_fin(subject: Subject) -> None:
    with told(conversation(subject)) as (db, story):
        fins = db.execute(
            "SELECT g.direction, p.packet_id, e.pid, p.flags FROM segment g JOIN packet p USING (packet_id)"
            " JOIN endpoint e ON e.connection_id = g.connection_id AND e.sends = g.direction"
            f" WHERE g.connection_id IN ({TALK}) AND g.shown AND p.flags & {FIN | RST} <> 0 ORDER BY p.packet_id"
        ).fetchall()
        assert fins
        assert fins[0][3] & FIN
        (first,) = [s for s in story.steps() if s.title.endswith("closes first")]
        assert fins[0][1] in ids(first, "packet")
        assert f"id {fins[0][2]} (" in first.title
        closers = {pid for _, _, pid, flags in fins if flags & FIN}
        assert len([s for s in story.steps() if s.title.endswith(("closes first", "closes, too"))]) == len(closers)
        zero_reads = db.execute(
            "SELECT c.call_id FROM call c JOIN call_file f USING (call_id) WHERE c.retval = 0"
            f" AND c.name IN ('read', 'recvfrom', 'recvmsg') AND f.socket_id IN ({SOCKETS})"
        ).fetchall()
        ends = [s for s in story.steps() if s.title == "Read returns 0: the end of the stream"]
        assert {call for s in ends for call in ids(s, "call")} == {call for (call,) in zero_reads}


@pytest.mark.parametrize("subject", EVERYONE)
def test_time_wait_is_borne_by_the_end_that_the_kernel_lists_in_it(subject: Subject) -> None:
    with told(conversation(subject)) as (db, story):
        listed = db.execute(
            "SELECT DISTINCT local_addr, local_port FROM socket_sample WHERE state = 'TIME-WAIT' AND 4000 IN"
            " (local_port, peer_port)"
        ).fetchall()
        steps = [s for s in story.steps() if s.title == "TIME-WAIT"]
        for step in steps:
            assert step.inferred or any(f"{addr}:{port}" in step.sentences[0] for addr, port in listed)
        assert not listed or steps


@pytest.mark.parametrize(
    "command", [("nc.openbsd", "127.0.0.1", "4009"), ("nc.traditional", "127.0.0.1", "4009")], ids=lambda c: c[0]
)
def test_a_refusal_is_told_with_the_reset_and_the_error(command: tuple[str, ...]) -> None:
    program(command[0])
    with told(refusal(*command)) as (db, story):
        reset = db.execute(f"SELECT packet_id FROM packet WHERE shown AND flags & {RST} <> 0").fetchone()
        assert reset is not None
        (step,) = [s for s in steps_of(story, "packet", reset[0]) if s.call.startswith("connect")]
        assert "RST" in text(step)
        assert "ECONNREFUSED" in " ".join(text(s) for s in story.steps())
        assert "was refused by" in story.summary[1]


def test_a_step_opens_exactly_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    capture = conversation(NETCATS[0])
    with told(capture) as (_, story):
        steps = [s for s in story.steps() if {r.table for r in s.evidence} <= {"call", "packet"}]
    for step in (steps[0], steps[-1], next(s for s in steps if ids(s, "packet"))):
        of_chapter = [s for s in story.steps() if s.anchor.partition(".")[0] == step.anchor.partition(".")[0]]
        third = f"{step.anchor.partition('.')[0]}.{of_chapter.index(step) + 1}"
        for name in (step.anchor, str(story.steps().index(step) + 1), third):
            assert run(["show", str(capture), "--step", name, "--json"]) == Exit.OK
            rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            assert {r["call_id"] for r in rows if r.get("call_id")} >= set(ids(step, "call"))
            assert {r["kind"] for r in rows} <= {"call", "enter", "return", "packet"}
            packets = {label for ref in step.evidence if ref.table == "packet" for label in [int(ref.label.split()[1])]}
            assert {r["number"] for r in rows if r["kind"] == "packet"} == packets
    assert run(["show", str(capture), "--step", "c99.1"]) == Exit.USAGE


def test_a_story_can_be_of_one_connection_and_go_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = conversation(NETCATS[0])
    with told(capture) as (db, _):
        (talk,) = db.execute(TALK).fetchone() or (0,)
    into = tmp_path / "story.json"
    command = ["explain", str(capture), "--connection", str(talk), "--format", "json", "-o", str(into)]
    assert run(command) == Exit.OK
    assert capsys.readouterr().out == ""
    found = json.loads(into.read_text())
    assert [c["connection_id"] for c in found["chapters"] if c["connection_id"] is not None] == [talk]
    assert run(["explain", str(capture), "--connection", "9999"]) == Exit.USAGE
