"""What fails, and what is not TCP: why, with the rows that prove it; and nothing of it where all went well."""

from collections.abc import Iterator

import pytest

from tests.explain.story.recorded import Recorded, opened, record, text
from wiretale.explain.conversation import conversations
from wiretale.explain.datagrams import datagram_section
from wiretale.explain.failed import why_it_failed
from wiretale.explain.serving import served
from wiretale.explain.story import Section, Step
from wiretale.explain.tell import Options, tell
from wiretale.explain.unix import unix_section
from wiretale.explain.words import plain
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

# What is said of a program's (first) connection.
SAID = [
    ("refused", "a segment with RST, is a plain no from `127.0.0.1:5100`", "found no socket that listens"),
    ("refused_later", "`connect()` had returned before", "the program learned it from `SO_ERROR`"),
    ("refused_elsewhere", "listens on `127.0.0.2:5102`", "which is another address"),
    ("refused_early", "began to listen on that port only", "later"),
    ("unreachable", "No packet was sent: the client's own kernel has no route to `203.0.113.7`", "`ENETUNREACH`"),
    ("never_accepted", "no recorded accept() took it", "closed the listening descriptor 3"),
    ("given_up", "The SYN (packet", "It was the program that gave up"),
    ("no_name", "asks the server of names for the `A` record of `none.test`", "`NXDOMAIN`: there is no such name"),
    ("refused_datagram", "an ICMP message: `port unreachable`", "`recvfrom()` (`ECONNREFUSED`)"),
    ("unheard_datagram", "an ICMP message: `port unreachable`", "The program was not told"),
    ("unread_datagram", "1 datagram (6 bytes;", "no call read it before the socket was closed"),
    ("unix_stream", "is a file of the type socket", "no packet is made"),
    ("unix_abstract", "`@wiretale-story` is an abstract name", "no file"),
    ("unix_pair", "Neither end has an address", "socketpair()"),
    ("unix_missing", "(`ENOENT`)", "nothing has that path"),
    ("unix_deserted", "(`ECONNREFUSED`)", "whose socket was closed before"),
    ("passed", "1 open file came over this socket", "`SCM_RIGHTS`"),
]  # fmt: skip

WENT_WELL = ("datagrams", "unconnected", "many_clients", "forking_server", "reset")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """All programs, recorded once."""
    capture, pids = record("talking_programs.py", tmp_path_factory.mktemp("talking"))
    with open_capture(capture) as db:
        yield opened(db, pids)


def section(run: Recorded, connection_id: int) -> Section | None:
    """What these modules add to the chapter of one connection."""
    talk = conversations(run.db, [connection_id])[connection_id]
    return why_it_failed(run.world, talk) or unix_section(run.world, talk) or datagram_section(run.world, talk)


@pytest.mark.parametrize(("program", "first", "second"), SAID)
def test_it_is_told_with_its_reason_and_rests_on_rows_of_that_program(
    program: str, first: str, second: str, run: Recorded
) -> None:
    found = section(run, run.connection(program))
    assert found is not None
    said = plain(" ".join(text(step) for step in found.steps), "`")
    assert first in said, said
    assert second in said, said
    for step in found.steps:
        assert step.evidence
        assert program in run.about(step)


@pytest.mark.parametrize("program", WENT_WELL)
def test_nothing_is_said_where_all_went_well(program: str, run: Recorded) -> None:
    assert section(run, run.connection(program)) is None


def clients_of(run: Recorded, program: str) -> list[Step]:
    """What is said of the clients of a program's listening socket."""
    row = run.db.execute(
        "SELECT min(f.socket_id) FROM call c JOIN call_file f USING (call_id) WHERE c.name = 'listen' AND c.pid = ?",
        [run.pids[program]],
    ).fetchone()
    assert row is not None
    return served(run.world, row[0])


def test_many_clients_are_counted_with_their_time_in_the_queue(run: Recorded) -> None:
    said = [text(step) for step in clients_of(run, "many_clients")]
    assert "12 connections were accepted" in said[0]
    assert "At most 12 of them were open at once" in said[0]
    assert "12 of 12 were complete before the program called `accept()`" in said[1]
    assert len(said) == 2


def test_a_forking_server_leaves_the_talking_to_its_children(run: Recorded) -> None:
    said = [text(step) for step in clients_of(run, "forking_server")]
    assert "They came one after the other" in said[0]
    assert "3 children do the talking" in said[-1]
    children = [pid for pid, name in run.programs.items() if name == "forking_server" and pid != run.pids[name]]
    assert len(children) == 3
    assert all(f"pid {pid} " in said[-1] for pid in children)


def test_a_server_of_one_client_is_not_told_as_one_of_many(run: Recorded) -> None:
    assert clients_of(run, "reset") == []


def test_the_story_has_the_reason_in_the_chapter_of_the_connection(run: Recorded) -> None:
    connection_id = run.connection("refused")
    story = tell(run.db, Options(connection_id=connection_id))
    chapter = next(c for c in story.chapters if c.connection_id == connection_id)
    assert "Why it failed" in [s.title for s in chapter.sections]
    assert all(s.anchor.startswith(f"c{connection_id}.") for section in chapter.sections for s in section.steps)


def test_a_port_without_listener_never_had_a_tcp_state(run: Recorded) -> None:
    states = run.db.execute(
        "SELECT e.role, s.state FROM tcp_state s JOIN endpoint e USING (endpoint_id) WHERE e.connection_id = ?",
        [run.connection("refused")],
    ).fetchall()
    assert {role for role, _ in states} == {"client"}
