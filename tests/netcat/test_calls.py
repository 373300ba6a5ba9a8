"""Our system calls beside OpenBSD nc's, both as strace tells them, in the same conversation."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require
from tests.netcat.programs import OURS, found, free_port, started, wait_bound, wait_path, wait_until

pytestmark = pytest.mark.e2e

# What Python's own memory management and exit do, and what names the trace's first call of interest.
_NOISE = re.compile(r"^(brk|mmap|munmap|madvise|rt_sig\w+|futex|exit_group|\+\+\+|---|openat|lseek|getcwd)")
_FIRST = re.compile(r"^socket\((AF_INET|AF_INET6|AF_UNIX, SOCK_(STREAM|DGRAM)(\|SOCK_CLOEXEC)?, 0)")


def conversation(words: list[str], folder: Path, where: list[str], own_port: int = 0) -> dict[str, list[str]]:
    """Trace a server and a client while "salam" is typed and, once it has arrived, the input ends."""
    folder.mkdir()
    tracer = ["strace", "-s", "64", "-o"]
    inputs = ["-N", *(["-p", str(own_port)] if own_port else [])]
    with (
        (folder / "out").open("wb") as out,
        started(
            [*tracer, str(folder / "server"), *words, "-l", *where], stdin=subprocess.DEVNULL, stdout=out
        ) as server,
    ):
        wait_path(Path(where[-1])) if "-U" in where else wait_bound(int(where[-1]))
        with started([*tracer, str(folder / "client"), *words, *inputs, *where]) as client:
            assert client.stdin
            client.stdin.write(b"salam\n")
            client.stdin.flush()
            wait_until(lambda: (folder / "out").read_bytes() == b"salam\n", "the line")
            client.stdin.close()
            assert client.wait(20) == 0
        assert server.wait(20) == 0
    return {side: calls((folder / side).read_text(), where[-1], own_port) for side in ("server", "client")}


def calls(trace: str, place: str, own_port: int) -> list[str]:
    """The calls from the first socket on, without polls, with ports and paths made equal."""
    lines = trace.splitlines()
    start = max(number for number, line in enumerate(lines) if _FIRST.match(line) and "nscd" not in line)
    result = []
    for line in lines[start:]:
        if _NOISE.match(line):
            continue
        text = line.replace(place, "PLACE").replace(str(own_port or "no port"), "OWN").replace("|SOCK_CLOEXEC", "")
        text = re.sub(r"AF_UNIX, sun_path=[^}]*}, \d+", "PLACE", text)
        result.append(re.sub(r"\s+= ", " = ", text))
    return result


def polls(lines: list[str]) -> list[str]:
    """What each poll asked for."""
    return [line.split("=", 1)[0] and line.split(") = ")[0] for line in lines if line.startswith("poll")]


def without_polls(lines: list[str]) -> list[str]:
    """Everything else: how often poll wakes depends on timing."""
    return [line for line in lines if not line.startswith("poll")]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_tcp_conversations_make_the_same_calls(host: str, tmp_path: Path) -> None:
    require(found("nc.openbsd") and found("strace"), "nc.openbsd and strace are needed")
    traces = []
    for name, words in (("theirs", ["nc.openbsd"]), ("ours", list(OURS))):
        traces.append(conversation(words, tmp_path / name, [host, str(free_port(host=host))], free_port(host=host)))
    theirs, ours = traces
    assert without_polls(theirs["server"])[-2:] == ["close(3) = 0", "close(3) = -1 EBADF (Bad file descriptor)"]
    assert without_polls(ours["server"]) == without_polls(theirs["server"])[:-1]
    reuse = "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0"
    assert [line for line in without_polls(ours["client"]) if line != reuse] == without_polls(theirs["client"])
    assert without_polls(ours["client"])[1] == reuse
    for side in ("server", "client"):
        assert set(polls(ours[side])) == set(polls(theirs[side]))


def test_unix_conversations_make_the_same_calls(tmp_path: Path) -> None:
    require(found("nc.openbsd") and found("strace"), "nc.openbsd and strace are needed")
    theirs, ours = (
        conversation(words, tmp_path / name, ["-U", str(tmp_path / name / "sock")])
        for name, words in (("theirs", ["nc.openbsd"]), ("ours", list(OURS)))
    )
    assert without_polls(ours["client"]) == without_polls(theirs["client"])
    taken = [line for line in without_polls(theirs["server"])[:-1] if not line.startswith("unlink")]
    given_back = [line for line in without_polls(ours["server"]) if not line.startswith(("unlink", "newfstatat"))]
    assert [re.sub(r"\{sa_family=AF_UNIX\}, \[128 => 2\]", "", line) for line in given_back] == [
        re.sub(r"\{sa_family=AF_UNIX\}, \[128 => 2\]", "", line) for line in taken
    ]


def test_a_refused_connection_makes_the_same_calls(tmp_path: Path) -> None:
    require(found("nc.openbsd") and found("strace"), "nc.openbsd and strace are needed")
    found_calls = []
    for name, words in (("theirs", ["nc.openbsd"]), ("ours", list(OURS))):
        port = str(free_port())
        subprocess.run(
            ["strace", "-o", str(tmp_path / name), *words, "127.0.0.1", port], capture_output=True, check=False
        )
        found_calls.append(
            [line for line in calls((tmp_path / name).read_text(), port, 0) if not line.startswith("write(2")]
        )
    theirs, ours = found_calls
    assert "getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0" in ours
    restored = "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0"
    assert [line for line in ours if line != restored] == [line for line in theirs if line != restored]
