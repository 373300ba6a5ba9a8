"""What one reads off strace, lsof and Wireshark by eye for two OpenBSD netcats, looked for in their story."""

import re

import pytest

from tests.explain.story.recordings import NETCATS, conversation, text, told
from wiretale.explain.story import Step, Story

pytestmark = pytest.mark.e2e

SERVER_FD, CONNECTION_FD = 3, 4


def step_of(story: Story, call: str) -> Step:
    """The one step of that call, as a pattern over its text."""
    (found,) = [s for s in story.steps() if re.match(call, s.call)]
    return found


def numbers(step: Step) -> dict[str, int]:
    """Names of constants in its arguments and their numbers."""
    return {name: value for argument in step.arguments for name, value in argument.numbers}


def test_the_story_has_every_number_and_relation_of_the_experiment() -> None:
    capture = conversation(next(s for s in NETCATS if s.name == "openbsd"))
    with told(capture) as (_, story):
        made = step_of(story, r"socket\(AF_INET, SOCK_STREAM, IPPROTO_TCP\) = 3")
        assert numbers(made) == {"AF_INET": 2, "SOCK_STREAM": 1, "IPPROTO_TCP": 6}
        assert f"The kernel answers with descriptor {SERVER_FD}" in text(made)
        for option, number in (("SO_REUSEADDR", 2), ("SO_REUSEPORT", 15)):
            set_to = step_of(story, rf"setsockopt\(3, SOL_SOCKET, {option}, \[1\]")
            assert numbers(set_to) == {"SOL_SOCKET": 1, option: number}
        order = [s.call.split("(")[0] for s in story.steps() if s.anchor.startswith("s") and s.anchor[1].isdecimal()]
        assert order == ["socket", "setsockopt", "setsockopt", "bind", "listen"]
        assert "127.0.0.1:4000" in text(step_of(story, r"bind\(3, .*4000"))
        assert "The backlog of 1 " in text(step_of(story, r"listen\(3, 1\)"))

        accept = step_of(story, r"accept4\(3")
        assert numbers(accept)["SOCK_NONBLOCK"] == 0x800
        assert f"returns a new descriptor, {CONNECTION_FD}," in text(accept)
        assert "127.0.0.1:4444" in text(accept)
        connect = step_of(story, r"connect\(3, .*4000")
        assert "EINPROGRESS" in text(connect)
        assert "passed while connect() was in the kernel" in text(connect)
        assert numbers(step_of(story, r"getsockopt\(3, SOL_SOCKET, SO_ERROR"))["SO_ERROR"] == 4

        (message,) = [s for s in story.steps() if s.title.startswith("6 bytes from")]
        assert [h.what for h in message.hops if "16384" in h.what] == [
            'read(0, "salam\\n", 16384) = 6', 'read(4, "salam\\n", 16384) = 6',
        ]  # fmt: skip
        assert [h.what for h in message.hops if h.what.startswith("write")] == [
            'write(3, "salam\\n", 6) = 6', 'write(1, "salam\\n", 6) = 6',
        ]  # fmt: skip
        for call in (r"shutdown\(\d, SHUT_RD\)", r"shutdown\(\d, SHUT_WR\)"):
            assert any(re.match(call, s.call) for s in story.steps()), call
        descriptors = {(h.where, h.what) for s in story.steps() if s.anchor.startswith("cast") for h in s.hops}
        assert ("fd 3", "a TCP socket that listens on 127.0.0.1:4000") in descriptors
        assert ("fd 4", "a TCP socket, 127.0.0.1:4000 → 127.0.0.1:4444") in descriptors
        assert ("fd 3", "a TCP socket, 127.0.0.1:4444 → 127.0.0.1:4000") in descriptors
