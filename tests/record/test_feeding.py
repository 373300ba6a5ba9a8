"""Input given to a program arrives as typed, ends, and never blocks the recorder."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.errors import UsageFault
from wiretale.record.feeding import Feed, from_file, idle, typed


def feed_to_cat(feed: Feed) -> bytes:
    """What a program that copies its input receives."""
    with subprocess.Popen(["cat"], stdin=feed.program_end, stdout=subprocess.PIPE) as cat:
        feed.program_started()
        assert cat.stdout is not None
        received = b""
        while True:
            if not feed.finished:
                feed.give()
            if select.select([cat.stdout], [], [], 0.05)[0]:
                data = os.read(cat.stdout.fileno(), 1 << 16)
                if not data:
                    break
                received += data
    feed.close()
    return received


def test_typed_text_arrives_with_enter_and_ends() -> None:
    assert feed_to_cat(typed("salam")) == b"salam\n"
    assert feed_to_cat(typed("two\nlines\n")) == b"two\nlines\n"
    assert feed_to_cat(typed("")) == b"\n"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=80))
@settings(max_examples=25, deadline=None)
def test_control_characters_reach_the_program_instead_of_acting(text: str) -> None:
    expected = text if text.endswith("\n") else text + "\n"
    assert feed_to_cat(typed(text)) == expected.encode()


def test_more_than_a_terminal_line_buffer_holds_is_given_as_it_is_read() -> None:
    text = "\n".join("x" * 1000 for _ in range(40)) + "\n"
    assert feed_to_cat(typed(text)) == text.encode()


def test_the_program_sees_a_terminal() -> None:
    feed = typed("x")
    assert os.isatty(feed.program_end)
    feed.close()


def test_a_file_is_fed_whole(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(os.urandom(300_000))
    assert feed_to_cat(from_file(path)) == path.read_bytes()


def test_a_program_that_does_not_read_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(bytes(1_000_000))
    feed = from_file(path)
    subprocess.run([sys.executable, "-c", ""], stdin=feed.program_end, check=True)
    feed.program_started()
    assert feed.give()
    assert feed.finished
    feed.close()


def test_a_missing_file_is_a_usage_fault(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="cannot be read"):
        from_file(tmp_path / "none")


def test_an_idle_input_neither_gives_nor_ends() -> None:
    feed = idle()
    assert select.select([feed.program_end], [], [], 0)[0] == []
    feed.close()
