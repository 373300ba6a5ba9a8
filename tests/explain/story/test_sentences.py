"""What readers stumbled over: numbers that do not fit each other, things said twice, an end of the wrong process."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.conftest import require
from tests.e2e.session import WIRETALE
from tests.explain.story.recorded import Recorded, opened, record, text
from wiretale.decode.durations import duration
from wiretale.explain.cast import cast
from wiretale.explain.choose import choose
from wiretale.explain.connection import connection_chapter
from wiretale.explain.conversation import conversations
from wiretale.explain.files import descriptors
from wiretale.explain.listening import listening
from wiretale.explain.messages import Traffic, traffic
from wiretale.explain.netlink import netlink
from wiretale.explain.story import Chapter, Step
from wiretale.explain.summary import longest_waits, opening
from wiretale.explain.tell import Options, tell
from wiretale.explain.words import numbers, plain, sizes, spread
from wiretale.light import replace
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e
MS = 1_000_000


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """All programs, recorded once."""
    capture, pids = record("ending_programs.py", tmp_path_factory.mktemp("ending"))
    with open_capture(capture) as db:
        yield opened(db, pids)


def told(run: Recorded, program: str) -> tuple[Chapter, Traffic]:
    """The chapter of the program's connection, and what moved over it."""
    connection_id = run.connection(program)
    talks = conversations(run.db, [connection_id])
    moved = traffic(run.db, talks)[connection_id]
    return connection_chapter(run.world, talks[connection_id], moved, []), moved


def steps(chapter: Chapter) -> list[Step]:
    return [step for section in chapter.sections for step in section.steps]


@pytest.mark.parametrize(("figures", "said"), [
    ((1 * MS, 1 * MS, 1 * MS, 1), "1 ms"), ((1 * MS, 2 * MS, 3 * MS, 2), "1 ms and 3 ms"),
    ((1 * MS, 2 * MS, 3 * MS, 5), "1 ms to 3 ms, half of them within 2 ms"), ((5, 5, 5, 9), "5 ns"),
])  # fmt: skip
def test_half_of_two_is_not_spoken_of(figures: tuple[int, int, int, int], said: str) -> None:
    assert spread(*figures) == said


@pytest.mark.parametrize(("figures", "said"), [
    ((4, 4, 4, 3), "4 bytes"), ((4, 4, 5, 6), "4 or 5 bytes"), ((4, 47, 90, 2), "4 and 90 bytes"),
    ((4, 9, 90, 3), "4 to 90 bytes (median 9)"),
])  # fmt: skip
def test_neighbouring_sizes_have_no_median(figures: tuple[int, int, int, int], said: str) -> None:
    assert sizes(*figures) == said


def test_all_numbers_given_are_named() -> None:
    assert numbers("packet", range(1, 10)) == "packets 1, 2, 3, 4, 5, 6, 7, 8 and 9"
    assert numbers("packet", [1, 2], 7) == "packets 1, 2 and 7 more"
    assert numbers("packet", [1], -8) == "packet 1"


def test_an_end_is_closed_by_the_process_that_held_it_last(run: Recorded) -> None:
    chapter, _ = told(run, "killed_child")
    parent, (kid,) = run.pids["killed_child"], [p for p, name in run.programs.items()
                                                if name == "killed_child" and p != run.pids[name]]  # fmt: skip
    by_title = {step.title: text(step) for step in steps(chapter)}
    first = next(title for title in by_title if title.endswith("closes first"))
    assert first == f"pid {kid} ({run.world.processes[kid].comm}) closes first"
    assert "was killed by `SIGKILL`" in by_title[first]
    end = by_title["Read returns 0: the end of the stream"]
    assert f"pid {parent}" in end
    assert "The other end will send nothing more" in end


def test_a_wait_does_not_outlive_its_process(run: Recorded) -> None:
    """Of the call that SIGKILL ended no return was seen."""
    (kid,) = [p for p, name in run.programs.items() if name == "killed_child" and p != run.pids[name]]
    process = run.world.processes[kid]
    assert process.end_ns is not None
    (wait,) = [w for w in longest_waits(run.world) if w[0] == kid]
    assert wait[2] == "recvfrom"
    assert wait[-1] == "killed"
    assert 0 < wait[4] <= process.end_ns - process.start_ns


def test_a_listener_that_a_process_leaves_open_is_told_to_its_end(run: Recorded) -> None:
    chapter = next(c for c in listening(run.world) if "5502" in c.title)
    assert chapter.intro == ("1 connection was accepted through this socket.",)
    ending = [s for section in chapter.sections if section.title == "How it stopped listening" for s in section.steps]
    assert [s.title for s in ending] == [
        "A descriptor is closed, and the socket stays", "Closed by the end of the process",
    ]  # fmt: skip
    assert "With that nobody listens on `127.0.0.1:5502`" in text(ending[1])


def test_each_segment_of_a_large_message_is_told_once_and_its_acknowledgement_follows_the_last(run: Recorded) -> None:
    chapter, moved = told(run, "large_message")
    (message,) = moved.told
    assert len(message.packets) == len({p.packet_id for p in message.packets}) > 1
    row = run.db.execute(
        "SELECT count(DISTINCT packet_id), max(packet_id) FROM link WHERE kind = 'write_segment' AND write_id = ?",
        [message.id],
    ).fetchone()
    assert row is not None
    assert message.packet_total == row[0] > len(message.packets)
    assert message.last_packet is not None
    ack = message.acknowledged
    assert ack is not None
    assert ack.packet_id > message.last_packet.packet_id >= message.packets[-1].packet_id
    said = next(text(s) for s in steps(chapter) if s.title.startswith("4,000,000 bytes"))
    assert f"after packet {message.last_packet.number}, the last of them." in said


def test_what_the_kernel_sent_after_the_call_is_not_told_as_sent_in_it(run: Recorded) -> None:
    chapter, moved = told(run, "sent_later")
    (message,) = moved.told
    assert message.write is not None
    assert message.write.exit_ns is not None
    assert message.last_packet is not None
    assert message.packets[0].time_ns < message.write.exit_ns < message.last_packet.time_ns
    late = duration(message.last_packet.time_ns - message.write.exit_ns)
    said = next(text(s) for s in steps(chapter) if s.title.startswith("100,000 bytes"))
    assert f"while the call was still in the kernel, the last {late} after its return." in said


def test_a_datagram_to_a_group_is_taken_whole_by_each_socket(run: Recorded) -> None:
    chapter, _ = told(run, "group")
    said = next(text(s) for s in steps(chapter) if s.title.startswith("3 bytes"))
    assert "The kernel gave each of 2 sockets a copy of its own" in said
    assert "descriptor 3 and pid" in said
    assert "takes them with 2 calls" not in said


def test_two_rounds_are_told_in_the_order_of_time(run: Recorded) -> None:
    chapter, _ = told(run, "two_rounds")
    said = next(text(s) for s in steps(chapter) if s.title == "2 rounds")
    assert "sends 30 and 6 bytes a round" in said
    assert "answers with 3 and 60 bytes" in said


def test_of_many_descriptors_those_that_carried_something_are_listed(run: Recorded) -> None:
    pid = run.pids["many_before"]
    chapter = cast(replace(run.world, processes={pid: run.world.processes[pid]}), descriptors(run.world))
    assert chapter is not None
    (step,) = steps(chapter)
    whats = [hop.what for hop in step.hops]
    assert any("127.0.0.1:5508 → " in w for w in whats), whats
    assert any("listens on 127.0.0.1:5508" in w for w in whats), whats


def test_an_opening_names_those_that_talked_before_their_parents(run: Recorded) -> None:
    chosen = choose(run.world, None)
    talks = conversations(run.db, chosen.told)
    talks = {i: t for i, t in talks.items() if i == run.connection("large_message")}
    (talk,) = talks.values()
    both = {run.world.who(talk.client.pid), run.world.who(talk.server.pid)}
    said = opening(run.world, chosen, talks)[0]
    assert all(said.index(name) < said.index(" more took part") for name in both)


def test_what_is_set_again_to_what_it_is_is_one_step(run: Recorded) -> None:
    chapter, _ = told(run, "set_again")
    titles = [s.title for s in steps(chapter)]
    assert titles.count("When another program is executed") == 1
    # again after it had been set to something else: that is a step of its own
    assert [t for t in titles if t.startswith("The descriptor")] == [
        "The descriptor shall not wait", "The descriptor may wait", "The descriptor shall not wait",
    ]  # fmt: skip
    assert sum("It does so once more." in text(s) for s in steps(chapter)) == 2


def test_urgent_data_is_told_as_such(run: Recorded) -> None:
    chapter, _ = told(run, "urgent")
    said = next(text(s) for s in steps(chapter) if s.title.startswith("2 bytes"))
    assert "The last of them is marked as urgent (`MSG_OOB`)" in said


def test_an_attempt_takes_until_its_answer_and_not_until_the_socket_is_closed(run: Recorded) -> None:
    chapter, _ = told(run, "set_again")
    row = run.db.execute(
        "SELECT p.time_ns - k.from_ns FROM connection k JOIN segment g USING (connection_id) JOIN packet p USING"
        " (packet_id) WHERE k.connection_id = ? AND p.flags & 4 <> 0 AND g.shown", [chapter.connection_id],
    ).fetchone()  # fmt: skip
    assert row is not None
    assert chapter.intro[-1] == f"The attempt took {run.world.took(row[0])}."


def test_netlink_is_a_talk_with_the_kernel(run: Recorded) -> None:
    chapter = netlink(run.world)
    assert chapter is not None
    (step,) = steps(chapter)
    assert f"pid {run.pids['asks_the_kernel']} " in step.title
    assert "1 netlink socket (`NETLINK_ROUTE`" in text(step)
    assert "It sends 1 request (20 bytes). It reads 1 answer" in text(step)


def test_a_summary_speaks_of_others_before_programs_that_talk_to_themselves(run: Recorded) -> None:
    chosen = choose(run.world, None)
    talks = conversations(run.db, chosen.told)
    said = opening(run.world, chosen, talks)
    assert not any("talked to itself: no bytes went" in s for s in said)


ECHO = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
peer = listener.accept()[0]
while data := peer.recv(100):
    peer.sendall(data)
"""


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A conversation of which the recording saw only the end: 7 bytes each way went before."""
    require(os.geteuid() == 0, "the test runs as root, to attach and to capture packets")
    capture = tmp_path_factory.mktemp("late") / "late.wiretale"
    with subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        client = socket.create_connection(("127.0.0.1", int(server.stdout.readline())))
        client.sendall(b"earlier")
        assert client.recv(7, socket.MSG_WAITALL) == b"earlier"
        words = [*WIRETALE, "record", "-q", "-i", "lo", "-o", str(capture), "-p", str(server.pid)]
        with subprocess.Popen(words) as recorder:
            deadline = time.monotonic() + 60
            while "TracerPid:\t0\n" in Path(f"/proc/{server.pid}/status").read_text():
                assert time.monotonic() < deadline
                assert recorder.poll() is None
            for line in (b"first\n", b"second line\n"):
                client.sendall(line)
                assert client.recv(len(line), socket.MSG_WAITALL) == line
            client.close()
    with open_capture(capture) as db:
        yield db


def test_a_conversation_that_began_before_is_no_attempt_and_counts_from_its_beginning(
    late: duckdb.DuckDBPyConnection,
) -> None:
    story = tell(late, Options("late"))
    (chapter,) = [c for c in story.chapters if c.connection_id is not None]
    assert any("It was there before the recording. It was seen for" in plain(said) for said in chapter.intro)
    assert not any("attempt" in said for said in chapter.intro)
    sent = next(text(s) for s in steps(chapter) if s.title.startswith("6 bytes from") and "hands" in text(s))
    assert "bytes 7 to 12 of its stream." in sent
    (listener,) = [c for c in story.chapters if c.anchor.startswith("s") and c.anchor != "sum"]
    assert listener.title.startswith("What became of the listening socket of ")
    assert listener.intro == ("No connections were accepted through this socket while it was recorded.",)


def test_an_acknowledgement_is_found_whatever_the_stream_is_counted_from(late: duckdb.DuckDBPyConnection) -> None:
    """What acknowledges a segment, by the numbers in the headers."""
    row = late.execute("SELECT connection_id FROM endpoint WHERE pid IS NOT NULL").fetchone()
    assert row is not None
    moved = traffic(late, conversations(late, [row[0]]))[row[0]].told
    assert len(moved) >= 3  # the first line may have been read before the tracer's first stop
    for message in moved:
        (packet,) = message.packets
        wanted = late.execute(
            "SELECT min(a.packet_id) FROM packet p, packet a JOIN segment g USING (packet_id) WHERE p.packet_id = ?"
            " AND a.shown AND a.packet_id > p.packet_id AND g.direction <> ? AND g.connection_id = ?"
            " AND a.ack = p.seq + p.payload_bytes",
            [packet.packet_id, packet.direction, row[0]],
        ).fetchone()
        assert message.acknowledged is not None
        assert wanted == (message.acknowledged.packet_id,)
