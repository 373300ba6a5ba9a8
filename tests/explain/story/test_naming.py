"""Who does what: threads, programs before and after exec, both ends in one process; and what was said too often."""

import re
from collections.abc import Iterator

import pytest

from tests.explain.story.recorded import Recorded, opened, record
from wiretale.explain.choose import candidates
from wiretale.explain.connection import connection_chapter
from wiretale.explain.conversation import conversations
from wiretale.explain.entry import Reader
from wiretale.explain.messages import traffic
from wiretale.explain.story import Chapter, Step, Story
from wiretale.explain.tell import Options, tell
from wiretale.explain.words import in_sentences, plain
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """All programs, recorded once."""
    capture, pids = record("naming_programs.py", tmp_path_factory.mktemp("naming"))
    with open_capture(capture) as db:
        yield opened(db, pids)


@pytest.fixture(scope="module")
def story(run: Recorded) -> Story:
    return tell(run.db, Options("capture", Reader.ENGINEER))


def chapter(run: Recorded, program: str) -> Chapter:
    """The chapter of a program's connection, told by itself."""
    connection_id = run.connection(program)
    found = tell(run.db, Options("capture", Reader.ENGINEER, connection_id)).chapters
    return next(c for c in found if c.connection_id == connection_id)


def steps(of: Chapter) -> list[Step]:
    return [step for section in of.sections for step in section.steps]


def said(of: Chapter) -> str:
    """All sentences of a chapter, with code in backticks."""
    return plain(" ".join([*of.intro, *(" ".join([s.title, *s.sentences]) for s in steps(of))]), "`")


def test_each_thread_of_a_process_goes_by_its_own_number(run: Recorded) -> None:
    of = chapter(run, "two_threads")
    pid = run.pids["two_threads"]
    threads = run.db.execute("SELECT DISTINCT tid FROM call WHERE pid = ? AND tid <> pid", [pid]).fetchall()
    ((tid,),) = threads
    accept = next(s for s in steps(of) if s.title.endswith("accepts"))
    assert accept.sentences[0].startswith(f"Thread {tid} of pid {pid} (")
    connect = next(s for s in steps(of) if s.call.startswith("connect"))
    assert connect.sentences[0].startswith(f"Pid {pid} (")
    message = next(s for s in steps(of) if s.anchor.startswith(f"{of.anchor}.write"))
    assert re.fullmatch(r"4 bytes from descriptor \d+ to descriptor \d+", message.title)
    assert f"thread {tid} of pid {pid}" in " ".join(message.sentences).lower()
    assert any(f"[{pid}/{tid}]" in hop.where for hop in message.hops)


def test_one_process_at_both_ends_is_not_named_twice(run: Recorded) -> None:
    connection_id = run.connection("two_threads")
    found = plain(tell(run.db, Options("capture", connection_id=connection_id)).summary[1])
    assert f"Pid {run.pids['two_threads']} (" in found
    assert "talked to itself" in found
    assert "4 bytes went from descriptor" in found


def test_a_call_before_an_exec_is_told_under_the_program_that_made_it(run: Recorded, story: Story) -> None:
    of = chapter(run, "after_exec")
    (pid,) = (p for p, name in run.programs.items() if name == "after_exec" and p != run.pids[name])
    before = run.db.execute("SELECT comm FROM task WHERE pid = ? ORDER BY start_ns LIMIT 1", [pid]).fetchone()
    assert before is not None
    connect = next(s for s in steps(of) if s.call.startswith("connect"))
    assert connect.sentences[0].startswith(f"Pid {pid} ({before[0]}) asks")
    write = next(s for s in steps(of) if s.anchor.startswith(f"{of.anchor}.write"))
    assert write.sentences[0].startswith(f"Pid {pid} (echo) hands 6 bytes")
    cast = next(s for s in story.steps() if s.anchor.startswith("cast.") and s.title == f"Pid {pid} (echo)")
    assert f"it ran `{before[0]}`" in plain(" ".join(cast.sentences), "`")


def test_questions_that_only_look_are_one_step_that_opens_all_of_them(run: Recorded) -> None:
    of = chapter(run, "looking")
    looks = [s for s in steps(of) if "looks at descriptor" in " ".join(s.sentences)]
    assert len(looks) == 1
    assert "no terminal" in looks[0].sentences[0]
    assert "not seekable" in looks[0].sentences[0]
    ids = {ref.id for ref in looks[0].evidence}
    asked = run.db.execute(
        "SELECT c.call_id FROM call c JOIN call_file f USING (call_id) WHERE c.pid = ? AND f.socket_id IS NOT NULL"
        " AND (c.name = 'ioctl' AND c.errno = 25 OR c.name = 'lseek' AND c.errno = 29)",
        [run.pids["looking"]],
    ).fetchall()
    assert {row[0] for row in asked} <= ids
    assert len(asked) == 4


def test_a_datagram_server_that_connects_is_not_said_to_have_a_connection(run: Recorded) -> None:
    of = chapter(run, "datagram_server")
    connects = [s for s in steps(of) if s.call.startswith("connect")]
    assert len(connects) == 1
    assert "nothing was sent for that" in " ".join(connects[0].sentences)
    assert "the connection stands" not in said(of)


def test_an_icmp_error_is_told_of_the_conversation_it_is_about(run: Recorded) -> None:
    rows = run.db.execute(
        "SELECT k.connection_id, k.server_port FROM connection k JOIN endpoint e USING (connection_id)"
        " WHERE e.role = 'client' AND e.pid = ? ORDER BY 2",
        [run.pids["two_peers"]],
    ).fetchall()
    texts = {}
    for connection_id, port in rows:
        found = tell(run.db, Options("capture", Reader.ENGINEER, connection_id)).chapters
        texts[port] = said(next(c for c in found if c.connection_id == connection_id))
    assert set(texts) == {5204, 5205}
    assert "ECONNREFUSED" not in texts[5204]
    assert "5205" not in texts[5204]
    assert "port unreachable" in texts[5205]


def test_attempts_at_many_ports_of_one_address_are_told_once(run: Recorded) -> None:
    rows = run.db.execute("SELECT connection_id FROM endpoint WHERE pid = ?", [run.pids["scan"]]).fetchall()
    mine = [c for c in candidates(run.world) if (c.connection_id,) in rows]
    assert len(mine) == 5
    assert len({c.shape for c in mine}) == 1
    talks = conversations(run.db, [mine[0].connection_id])
    talk = talks[mine[0].connection_id]
    told = said(connection_chapter(run.world, talk, traffic(run.db, talks)[talk.connection_id], mine[1:]))
    assert (
        "of the same programs to other ports of the same address (5211, 5212, 5213 and 5214) ended the same way" in told
    )


def test_bytes_that_never_left_are_not_said_to_have_gone(run: Recorded) -> None:
    of = chapter(run, "stuffed")
    row = run.db.execute(
        "SELECT max(g.hi), any_value(k.client_bytes) FROM segment g JOIN connection k USING (connection_id)"
        " WHERE k.connection_id = ? AND g.direction = 'c2s' AND g.shown",
        [of.connection_id],
    ).fetchone()
    assert row is not None
    assert row[0] < row[1]
    assert f"Only {row[0]:,} of the {row[1]:,} bytes" in plain(" ".join(of.intro))


def test_bytes_that_are_alike_by_chance_are_not_said_to_be_passed_on(run: Recorded) -> None:
    rows = run.db.execute(
        "SELECT connection_id FROM endpoint WHERE role = 'client' AND pid = ?", [run.pids["alike_by_chance"]]
    ).fetchall()
    assert len(rows) == 2
    for (connection_id,) in rows:
        found = tell(run.db, Options("capture", Reader.ENGINEER, connection_id)).chapters
        text = said(next(c for c in found if c.connection_id == connection_id))
        assert "the same bytes" not in text
        assert "reads these" not in text
    assert "then writes the same bytes to descriptor" in said(chapter(run, "passed_on"))


def test_a_duplicate_is_called_another_name(run: Recorded) -> None:
    assert "makes descriptor 40 another name of what descriptor" in said(chapter(run, "doubled"))


def test_two_ends_that_one_process_leaves_are_closed_in_one_step(run: Recorded) -> None:
    of = chapter(run, "both_left_open")
    left = [s for s in steps(of) if "still open" in " ".join(s.sentences)]
    assert [s.title for s in left] == ["Closed by the end of the process"]
    assert "with both ends still open" in left[0].sentences[0]


def test_a_reset_after_close_says_why(run: Recorded) -> None:
    of = chapter(run, "answered_by_reset")
    (reset,) = (s for s in steps(of) if s.title.endswith("resets the connection"))
    assert "had closed its socket by then" in reset.sentences[0]
    assert "answers what still comes with a reset" in reset.sentences[0]


def test_descriptor_0_is_named_as_any_other(run: Recorded) -> None:
    assert "calls `fcntl()` on descriptor 0; it returns `0" in said(chapter(run, "as_standard_input"))


def test_every_sentence_begins_with_a_capital_letter(story: Story) -> None:
    for step in story.steps():
        for text in (step.title, *step.sentences):
            assert not re.match(r"[a-z]\w* ", text), text
    assert in_sentences("pid 1 (x) ends. pid 2 goes on.") == "Pid 1 (x) ends. Pid 2 goes on."
    assert in_sentences("connect() ends.") == "connect() ends."


def test_no_step_needs_a_number_to_have_an_anchor_of_its_own(story: Story) -> None:
    assert [s.anchor for s in story.steps() if re.search(r"\d-\d+$", s.anchor)] == []
