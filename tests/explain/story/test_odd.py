"""What is odd: told of each program that does the odd thing, with its rows as evidence, and of no other."""

from collections.abc import Iterator

import pytest

from tests.explain.story.recorded import Recorded, opened, record, text
from wiretale.explain.odd import HARMLESS, TROUBLE, failed_setup, oddities
from wiretale.explain.story import Step
from wiretale.store.capture import open_capture

pytestmark = pytest.mark.e2e

# Which programs of odd_programs.py each oddity is about: these, and no other.
ABOUT = {
    "failed_setup": {"in_use", "in_time_wait", "no_right", "no_ping", "raw_instead"},
    "no_answer": {"no_answer", "waits_for_more", "not_read", "dropped"},
    "held_lock": set(),  # test_held_lock.py has those
    "no_room": set(),
    "stopped": set(),  # test_stopped.py has those
    "handed_on": set(),  # test_handed_on.py has those
    "asked_before": set(),
    "unanswered": set(),  # test_unanswered.py has those
    "stuck_before": set(),  # test_stuck_before.py has those
    "not_accepted": set(),
    "left_open": set(),
    "slow_answer": set(),
    "awaited": set(),
    "no_reply": set(),
    "black_hole": set(),  # test_network.py has those
    "no_port": set(),
    "slow_names": set(),  # test_slow_names.py has those
    "out_of_descriptors": set(),
    "no_route": {"no_name_server", "no_route"},
    "queue_full": {"queue_full"},
    "broken_pipe": {"unread_reset", "linger_reset", "broken_pipe", "killed_by_pipe"},
    "unread_reset": {"unread_reset", "linger_reset", "peeked", "linger_off", "not_read"},
    "unsent_datagram": {"unsent"},
    "cut_datagram": {"cut_datagram"},
    "held_back": {"held_back"},
    "late_reader": {"late_reader", "full_receiver"},
    "full_receiver": {"full_receiver"},
    "again_and_again": {"spinning"},
    "tiny_transfers": {"tiny_writes", "tiny_reads"},
    "leaked_socket": {"leaked_listener"},
    "reuse_too_late": {"reuse_too_late"},
    "shared_port": {"shared_port", "shared_by_two"},
    "connect_in_progress": {"in_progress", "queue_full"},
    "both_families": {"both_families"},
    "half_shutdown": {"shut_reading", "shut_what_is_over"},
    "option_twice": {"option_twice"},
    "bad_descriptor": {"double_close", "close_failed"},
    "not_a_socket": {"not_a_socket"},
    "unused_sockets": {"raw_instead", "double_close", "close_failed", "option_twice", "option_back", "unused"},
    "silent_sockets": {"silent"},
    "exit_unclosed": {"unclosed"},
    "service_names": set(),
    "name_cache": set(),
}

# A busy machine makes a kernel send a segment again; test_imported.py has one that is known.
MAY_HAPPEN = {"resent"}

# What is said of a program, and the number of rows at least that prove it.
SAID = [
    ("failed_setup", "in_use", "`127.0.0.1:5040` failed once with `EADDRINUSE`", "listens there with descriptor 3"),
    ("failed_setup", "no_ping", "`socket()` of", "net.ipv4.ping_group_range, which by default has none"),
    ("failed_setup", "raw_instead", "`socket()` of", "Programs then try a raw socket"),
    ("failed_setup", "in_time_wait", "in TIME-WAIT on that port", "this socket did not set `SO_REUSEADDR`"),
    ("failed_setup", "in_time_wait", "failed twice with `EADDRINUSE`", "listens there with descriptor 3. At "),
    ("failed_setup", "no_right", "`EACCES`", "CAP_NET_BIND_SERVICE"),
    ("no_route", "no_name_server", "A server of names could not be asked", "`203.0.113.7:53` failed with"),
    ("no_route", "no_route", "to `203.0.113.7:80` failed with `ENETUNREACH`", "Nothing was sent"),
    ("no_answer", "no_answer", "stopped when its time limit ran out", "took them with `recvfrom()`"),
    ("no_answer", "no_answer", "it had sent 8 bytes with `sendto()`", "in `clock_nanosleep()`, and was still in it"),
    ("no_answer", "waits_for_more", "and was still in it then", "So each end waits for the other to go on"),
    ("no_answer", "not_read", "The kernel at the other end has them", "did not read them"),
    ("queue_full", "queue_full", "2 SYNs from 2 clients got no answer", "`listen(3, 0)` allows for 0"),
    ("broken_pipe", "broken_pipe", "got `EPIPE`", "a reset from the other end, had ended the connection before"),
    ("broken_pipe", "broken_pipe", "`SIGPIPE` came with it once", "It ended nobody: the program ignores or handles it"),
    ("broken_pipe", "killed_by_pipe", "`SIGPIPE` came with it once", "It ended the process"),
    ("broken_pipe", "unread_reset", "got `ECONNRESET`", "a reset from the other end"),
    ("unread_reset", "unread_reset", "with 10 bytes unread", "a reset (packet"),
    ("unread_reset", "peeked", "closed descriptor", "with 10 bytes unread"),
    ("unread_reset", "linger_off", "closed descriptor", "with 10 bytes unread"),
    ("unread_reset", "linger_reset", "`SO_LINGER`", "with a reset (packet"),
    ("unsent_datagram", "unsent", "called `sendto()`", "to `203.0.113.7:80`, and got `ENETUNREACH`"),
    ("cut_datagram", "cut_datagram", "a datagram of 100 bytes", "room for 10: the other 90 bytes are lost"),
    ("held_back", "held_back", "stayed in its own kernel after `sendto()` had returned", "The other end had put off"),
    ("late_reader", "late_reader", "4 bytes of connection", "was asleep in `clock_nanosleep()`"),
    ("full_receiver", "full_receiver", "that it had no room (a window of 0", "its receive buffer was full"),
    ("again_and_again", "spinning", "60 times in a row", "`EAGAIN`"),
    ("tiny_transfers", "tiny_writes", "wrote 100 bytes", "100 calls of `sendto()`, 1 byte each"),
    ("tiny_transfers", "tiny_reads", "read 100 bytes", "100 calls of `recvfrom()`, 1 byte each"),
    ("leaked_socket", "leaked_listener", "the listening socket on `127.0.0.1:5002`", "the port stays taken"),
    ("reuse_too_late", "reuse_too_late", "after bind()", "without it"),
    ("shared_port", "shared_port", "Another process of the same user", "the kernel deals new connections out"),
    ("shared_port", "shared_by_two", "2 sockets listened on `127.0.0.1:5050` at the same time", "none came to"),
    ("both_families", "both_families", "tries `[::1]:5042` first", "`127.0.0.1:5042`, which answers"),
    ("half_shutdown", "shut_reading", "No segment is sent", "does not learn of it"),
    ("half_shutdown", "shut_what_is_over", "`ENOTCONN`", "Nothing was sent"),
    ("option_twice", "option_twice", "`SO_KEEPALIVE`", "to `1` twice"),
    ("bad_descriptor", "double_close", "closed descriptor 3 again", "EBADF"),
    ("bad_descriptor", "close_failed", "a negative number", "EBADF"),
    ("not_a_socket", "not_a_socket", "`sendto()`", "`ENOTSOCK`"),
    ("silent_sockets", "silent", "`127.0.0.1:5043`", "sends no packet"),
    ("exit_unclosed", "unclosed", "1 socket open (descriptor 3)", "The kernel closes"),
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """All programs, recorded once."""
    capture, pids = record("odd_programs.py", tmp_path_factory.mktemp("odd"))
    with open_capture(capture) as db:
        yield opened(db, pids)


@pytest.fixture(scope="module")
def told(run: Recorded) -> dict[str, list[Step]]:
    """The steps of each oddity."""
    found: dict[str, list[Step]] = {}
    for finder in (*TROUBLE, *HARMLESS):
        found.setdefault(finder.__module__.rpartition(".")[2], []).extend(finder(run.world))
    return found


@pytest.mark.parametrize("oddity", ABOUT)
def test_it_is_told_of_the_programs_that_have_it_and_of_no_other(
    oddity: str, run: Recorded, told: dict[str, list[Step]]
) -> None:
    about = {program for step in told[oddity] for program in run.about(step)}
    assert about == ABOUT[oddity]


@pytest.mark.parametrize(("oddity", "program", "first", "second"), SAID)
def test_it_is_said_in_full(  # noqa: PLR0917 (a table)
    oddity: str, program: str, first: str, second: str, run: Recorded, told: dict[str, list[Step]]
) -> None:
    said = [text(step) for step in told[oddity] if program in run.about(step)]
    assert any(first in words and second in words for words in said), said


@pytest.mark.parametrize(("program", "title"), [
    ("unread_reset", "Closed with bytes unread"), ("peeked", "Closed with bytes unread"),
    ("linger_off", "Closed with bytes unread"), ("linger_reset", "Closed by a reset on purpose"),
])  # fmt: skip
def test_a_reset_has_one_reason(program: str, title: str, run: Recorded, told: dict[str, list[Step]]) -> None:
    assert [step.title for step in told["unread_reset"] if program in run.about(step)] == [title]


def test_every_oddity_is_in_the_table_and_every_step_rests_on_rows(told: dict[str, list[Step]]) -> None:
    assert set(told) == set(ABOUT) | MAY_HAPPEN
    assert all(step.evidence for steps in told.values() for step in steps)


def test_a_ping_that_was_refused_and_had_a_raw_socket_is_no_trouble(run: Recorded) -> None:
    about = {program for step in failed_setup.find(run.world) for program in run.about(step)}
    assert "no_ping" in about and "raw_instead" not in about


def test_the_chapter_tells_trouble_first_and_gives_each_step_its_anchor(run: Recorded) -> None:
    chapter = oddities(run.world)
    assert chapter is not None
    assert [section.title for section in chapter.sections] == ["Worth a look", "Looks odd, and is harmless"]
    steps = [step for section in chapter.sections for step in section.steps]
    assert len({step.anchor for step in steps}) == len(steps)
    # An anchor names the oddity and its first row, so it is the same whatever else is odd.
    for step in steps:
        prefix, oddity, row = step.anchor.split(".")
        assert prefix == "odd"
        assert (
            oddity.replace("-", "_").removesuffix("_risky").removesuffix("_raw_instead").removesuffix("_sorted")
            in ABOUT.keys() | MAY_HAPPEN
        )
        assert row == step.evidence[0].label.replace(" ", ""), step
