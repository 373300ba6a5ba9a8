"""What one reads off strace, lsof and Wireshark by eye in two accounts of netcat, looked for in the story.

Each thing is looked for in the story's JSON, in its text, and in what strace or tshark say of the same experiment.
"""

import re
from collections.abc import Callable

import pytest

from tests.explain.story.accounts import (
    FIRST,
    PAIRS,
    SECOND,
    Account,
    Pair,
    account,
    account_of_one_run,
    frames,
    refused,
    set_up,
    steps,
)

pytestmark = pytest.mark.e2e

SERVER, CLIENT = "server", "client"
ADDRESS = r'\{{sa_family=AF_INET, sin_port=htons\({port}\), sin_addr=inet_addr\("{addr}"\)\}}'
SERVED = ADDRESS.format(port=4000, addr=r"127\.0\.0\.1")
ANY_SERVED = ADDRESS.format(port=4000, addr=r"0\.0\.0\.0")
THEIRS = ADDRESS.format(port=4444, addr=r"127\.0\.0\.1")
MINE = ADDRESS.format(port=4444, addr=r"0\.0\.0\.0")

# End, the call as strace writes it (a pattern), and what the story says to it (a pattern over its text).
FIRST_LIST = (
    (SERVER, r"socket\(AF_INET, SOCK_STREAM, IPPROTO_TCP\) = 3",
     r"AF_INET \(2\).*SOCK_STREAM \(1\).*IPPROTO_TCP \(6\)"),
    (SERVER, r"setsockopt\(3, SOL_SOCKET, SO_REUSEADDR, \[1\], 4\) = 0", r"SOL_SOCKET \(1\).*SO_REUSEADDR \(2\)"),
    (SERVER, r"setsockopt\(3, SOL_SOCKET, SO_REUSEPORT, \[1\], 4\) = 0", r"SO_REUSEPORT \(15\)"),
    (SERVER, rf"bind\(3, {SERVED}, 16\) = 0", r"the local address 127\.0\.0\.1:4000"),
    (SERVER, r"listen\(3, 1\) = 0", r"The backlog of 1 "),
    (SERVER, rf"accept4\(3, {THEIRS}, \[128 => 16\], SOCK_NONBLOCK\) = 4",
     r"a new descriptor, 4,.*The kernel names the peer: 127\.0\.0\.1:4444.*SOCK_NONBLOCK \(0x800\)"),
    (CLIENT, r"socket\(AF_INET, SOCK_STREAM\|SOCK_NONBLOCK, IPPROTO_TCP\) = 3", r"with descriptor 3"),
    (CLIENT, rf"bind\(3, {MINE}, 16\) = 0", r"the local address 0\.0\.0\.0:4444"),
    (CLIENT, rf"connect\(3, {SERVED}, 16\) = -1 EINPROGRESS \(Operation now in progress\)",
     r"connect descriptor 3 to 127\.0\.0\.1:4000\. It returns EINPROGRESS"),
    (CLIENT, r"pselect6\(4, NULL, \[3\], NULL, NULL, NULL\) = 1 \(out \[3\]\)", r"until descriptor 3 is ready"),
    (CLIENT, r"getsockopt\(3, SOL_SOCKET, SO_ERROR, \[0\], \[4\]\) = 0", r"The answer is 0: no error"),
    (CLIENT, r'read\(0, "salam\\n", 16384\) = 6', r"reads these 6 bytes from descriptor 0"),
    (CLIENT, r'write\(3, "salam\\n", 6\) = 6', r"hands them to the kernel with write\(\): bytes 0 to 5"),
    (SERVER, r"poll\(.*\], 4, -1\) = 1 \(\[\{fd=4, revents=POLLIN\}\]\)",
     r"with no limit of time; packet 4 ended the wait"),
    (SERVER, r'read\(4, "salam\\n", 16384\) = 6',
     r"with read\(\) on descriptor 4, which returns 6: exactly these bytes"),
    (SERVER, r'write\(1, "salam\\n", 6\) = 6', r"writes the same bytes to descriptor 1"),
    (SERVER, r'read\(4, "", 16384\) = 0', r"gets 0 bytes: the end of the stream"),
    (SERVER, r"shutdown\(4, SHUT_RD\) = 0", r"\(SHUT_RD, the number 0\)"),
    (SERVER, r"close\(4\) = 0", r"closes descriptor 4\. That sends its FIN"),
    (SERVER, r"close\(3\) = -1 EBADF \(Bad file descriptor\)", r"closed descriptor 3 again.*EBADF"),
    (CLIENT, r'openat\(AT_FDCWD, "/etc/services", .*\) = \d+', r"opens .*/etc/services"),
)  # fmt: skip

SECOND_LIST = (
    (SERVER, r"socket\(AF_INET, SOCK_STREAM, IPPROTO_TCP\) = 3", r"IPPROTO_TCP \(6\)"),
    (SERVER, rf"bind\(3, {ANY_SERVED}, 16\) = 0", r"0\.0\.0\.0:4000\. That means every local address"),
    (SERVER, r"accept\(3, .*\) = 4", r"a new descriptor, 4,"),
    (SERVER, r"close\(3\) = 0", r"closes descriptor 3"),
    (CLIENT, rf"connect\(3, {ANY_SERVED}, 16\) = 0", r"It returns 0 after [^:]*: the connection stands"),
    (CLIENT, r"pselect6\(4, \[0 3\], NULL, NULL, NULL, NULL\) = 1 \(in \[0\]\)", ""),
    (CLIENT, r'read\(0, "salam\\n", 8192\) = 6', r"reads these 6 bytes from descriptor 0"),
    (CLIENT, r'write\(3, "salam\\n", 6\) = 6', r"bytes 0 to 5"),
    (SERVER, r"pselect6\(5, \[0 4\], NULL, NULL, NULL, NULL\) = 1 \(in \[4\]\)",
     r"waiting in pselect6\(\).*packet 4 ended the wait"),
    (SERVER, r'read\(4, "salam\\n", 8192\) = 6', r"which returns 6: exactly these bytes"),
    (SERVER, r'write\(1, "salam\\n", 6\) = 6', r"writes the same bytes to descriptor 1"),
    (SERVER, r'read\(4, "", 8192\) = 0', r"the end of the stream"),
    (SERVER, r"close\(4\) = 0", r"closes descriptor 4\. That sends its FIN"),
    (CLIENT, r'openat\(AT_FDCWD, "/etc/services", .*\) = \d+', r"opens .*/etc/services"),
)  # fmt: skip

# Calls that the story tells in sentences only: what a program looked up, what it did in vain, what it waited in.
IN_WORDS = ("openat", "poll", "pselect6", r"close\(3\) = -1")


@pytest.mark.parametrize(
    ("pair", "end", "call", "says"),
    [(pair, *row) for pair, rows in ((FIRST, FIRST_LIST), (SECOND, SECOND_LIST)) for row in rows],
    ids=lambda v: v.name if isinstance(v, Pair) else None,
)
def test_everything_the_accounts_show_is_in_the_story_and_in_strace(pair: Pair, end: str, call: str, says: str) -> None:
    seen = account(pair)
    assert any(re.fullmatch(call, line) for line in seen.strace[end]), "strace does not show it"
    assert re.search(says, seen.text), "the text does not say it"
    if not call.startswith(IN_WORDS):
        assert any(re.fullmatch(call, shown) for shown in seen.shown()), "the JSON does not show it"
        assert re.search(call, seen.text), "the text does not show it"


EVERY_PAIR = [pytest.param(pair, id=pair.name) for pair in PAIRS]


def told_calls(seen: Account, pid: int) -> list[str]:
    """The calls of one process in the order of time, from the story's steps on sockets."""
    whose = rf"[Pp]id {pid} \("
    found = [s for s in steps(seen.json) if s["call"] and re.match(r"[cs]\d", str(s["anchor"]))]
    found.sort(key=lambda s: s["time"])
    return [str(s["call"]) for s in found if any(re.match(whose, t) for t in [*s["sentences"], s["title"]])]


VIEWS = [
    *(pytest.param(pair, account, id=pair.name) for pair in PAIRS),
    *(pytest.param(pair, account_of_one_run, id=f"{pair.name}-one-run") for pair in (FIRST, SECOND)),
]
See = Callable[[Pair], Account]


@pytest.mark.parametrize(("pair", "see"), VIEWS)
def test_the_story_tells_the_socket_calls_that_strace_shows_in_their_order(pair: Pair, see: See) -> None:
    seen = see(pair)
    for end, pid in seen.pids.items():
        assert set_up(told_calls(seen, pid)) == set_up(seen.strace[end]), end


@pytest.mark.parametrize(("pair", "see"), VIEWS)
def test_the_line_is_read_written_and_read_in_calls_that_strace_shows(pair: Pair, see: See) -> None:
    seen = see(pair)
    (message,) = [s for s in steps(seen.json) if str(s["title"]).startswith("6 bytes from")]
    calls = [str(h["what"]) for h in message["hops"] if '"salam' in str(h["what"])]
    assert len(calls) == 4
    assert calls[:2] == [c for c in seen.strace[CLIENT] if '"salam' in c]
    assert calls[2:] == [c for c in seen.strace[SERVER] if '"salam' in c]
    assert f"{pair.buffer}" in calls[0]
    assert f"{pair.buffer}" in calls[2]


@pytest.mark.parametrize("pair", EVERY_PAIR)
def test_every_packet_stands_in_the_ladder_as_tshark_reads_it(pair: Pair) -> None:
    seen = account(pair)
    theirs = frames(seen.capture)
    (chapter,) = [c for c in seen.story.chapters if "→" in c.title and c.title.startswith("TCP")]
    (ladder,) = [f for f in chapter.figures if f.arrows]
    first = ladder.arrows[0].time_ns
    ours = [(a.ref.label, a.to_right, a.time_ns - first) for a in ladder.arrows]
    assert [(label, right) for label, right, _ in ours] == [(f"packet {f.number}", f.target == 4000) for f in theirs]
    assert all(abs(at - f.since_ns) <= 1000 for (_, _, at), f in zip(ours, theirs, strict=True))  # a microsecond
    for arrow, frame in zip(ladder.arrows, theirs, strict=True):
        names = {"S": "SYN", "A": "ACK", "P": "PSH", "F": "FIN", "R": "RST"}
        assert all(names[letter] in arrow.label for letter in frame.flags)
        assert frame.size == 0 or f"{frame.size} bytes" in arrow.label


@pytest.mark.parametrize("pair", EVERY_PAIR)
def test_calls_stand_against_the_segments_as_tshark_numbers_them(pair: Pair) -> None:
    """accept after the third segment, the end of the stream after the client's FIN, the ends in the FINs' order."""
    seen = account(pair)
    theirs = frames(seen.capture)
    assert [f.flags for f in theirs[:3]] == ["S", "AS", "A"]
    third = theirs[2].number
    told = steps(seen.json)
    (accept,) = [s for s in told if str(s["call"] or "").startswith("accept")]
    assert f"Packet {third}, the third segment of the handshake, ended the wait" in " ".join(accept["sentences"])
    returned = accept["hops"][-1]["time"]
    assert returned > seconds(seen, third)
    (connect,) = [s for s in told if str(s["call"] or "").startswith("connect") and "packet" in str(s["hops"])]
    begun, *_, ended = [h["time"] for h in connect["hops"]]
    assert begun < seconds(seen, 1) <= seconds(seen, 3) < ended

    fins = [f for f in theirs if "F" in f.flags]
    assert [f.target == 4000 for f in fins] == [True, False]  # the client first, then the server
    closers = [s for s in told if str(s["title"]).endswith(("closes first", "closes, too"))]
    for fin, step, pid in zip(fins, closers, (seen.pids[CLIENT], seen.pids[SERVER]), strict=True):
        assert f"FIN (packet {fin.number})" in " ".join(step["sentences"])
        assert str(step["title"]).startswith(f"Pid {pid} (")
    (ends,) = [s for s in told if s["title"] == "Read returns 0: the end of the stream"]
    assert f"the FIN in packet {fins[0].number}" in " ".join(ends["sentences"])
    assert ends["time"] > seconds(seen, fins[0].number)


def seconds(seen: Account, number: int) -> float:
    """When the story says that a packet passed."""
    (at,) = {
        h["time"] for s in steps(seen.json) for h in s["hops"] if re.match(rf"packet {number}\b", str(h["where"]))
    }  # fmt: skip
    return at


def test_the_descriptors_are_listed_with_their_times() -> None:
    """3 listens before the connection, 4 is there from accept() to close(); as one reads off lsof and /proc/PID/fd."""
    seen = account(FIRST)
    whose = {
        pid: next(s for s in steps(seen.json) if str(s["title"]).startswith(f"Pid {pid} ("))
        for pid in seen.pids.values()
    }
    server, client = whose[seen.pids[SERVER]], whose[seen.pids[CLIENT]]
    opened = {(h["where"], h["what"]): h for h in server["hops"]}
    listening = opened["fd 3", "a TCP socket that listens on 127.0.0.1:4000"]
    connected = opened["fd 4", "a TCP socket, 127.0.0.1:4000 → 127.0.0.1:4444"]
    assert ("fd 3", "a TCP socket, 127.0.0.1:4444 → 127.0.0.1:4000") in {
        (h["where"], h["what"]) for h in client["hops"]
    }
    (accept,) = [s for s in steps(seen.json) if str(s["call"] or "").startswith("accept")]
    assert listening["time"] < connected["time"] <= accept["hops"][-1]["time"]
    closed = [float(h["note"].split()[1]) for h in (connected, listening)]
    assert closed == sorted(closed)
    closes = [line for line in seen.strace[SERVER] if line.startswith("close(") and line.endswith("= 0")]
    assert closes[-2:] == ["close(4) = 0", "close(3) = 0"]


REFUSED = {
    "openbsd": (("nc.openbsd", "0", "4009"), r"getsockopt\(3, SOL_SOCKET, SO_ERROR, \[ECONNREFUSED\], \[4\]\) = 0",
                r"The answer is error 111, ECONNREFUSED: Connection refused"),
    "traditional": (("nc.traditional", "0", "4009"), r"connect\(3, .*\) = -1 ECONNREFUSED \(Connection refused\)",
                    r"It fails after .*ECONNREFUSED \(Connection refused\)"),
    "busybox": (("busybox", "nc", "127.0.0.1", "4009"), r"connect\(3, .*\) = -1 ECONNREFUSED \(Connection refused\)",
                r"It fails after .*ECONNREFUSED \(Connection refused\)"),
    "ncat": (("ncat", "127.0.0.1", "4009"), r"getsockopt\(3, SOL_SOCKET, SO_ERROR, \[ECONNREFUSED\], \[4\]\) = 0",
             r"The answer is error 111, ECONNREFUSED: Connection refused"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_told_as_strace_and_tshark_show_it(name: str) -> None:
    command, call, says = REFUSED[name]
    seen = refused(*command)
    (log,) = seen.strace.values()
    assert any(re.fullmatch(call, line) for line in log)
    assert re.search(says, seen.text)
    theirs = frames(seen.capture)
    assert [f.flags for f in theirs] == ["S", "AR"]
    (connect,) = [s for s in steps(seen.json) if str(s["call"] or "").startswith("connect") and s["hops"]]
    wire = [h["where"] for h in connect["hops"] if h["lane"] == "wire"]
    assert wire == [f"packet {theirs[0].number} →", f"packet {theirs[1].number} ←"]
    (pid,) = seen.pids.values()
    without_words = [re.sub(r"\[ECONNREFUSED \(.*?\)\]", "[ECONNREFUSED]", c) for c in told_calls(seen, pid)]
    assert set_up(without_words) == set_up(log)
