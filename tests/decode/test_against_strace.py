"""The same programs under wiretale and under strace: the same calls in the same order, in the same words.

Deliberate differences, and only these, are in `DIFFERENT` and `same_words`.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest

from tests.conftest import require
from wiretale.decode.calls import decode_call
from wiretale.decode.record_types import Datum, RawCall
from wiretale.decode.syscalls import CALLS
from wiretale.decode.syscalls.spec import Effect

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent
NETWORK = {c.name for c in CALLS.values() if Effect.NETWORK in c.effects}

# Where strace prints bytes or bare numbers and we decode: compared up to here only.
DIFFERENT = re.compile(
    r".*?(SO_RCVTIMEO_OLD|SO_SNDTIMEO_OLD|SO_TYPE|TCP_INFO|TCP_CONGESTION|cmsg_level=SOL_IPV6|SO_ERROR)"
)


def ours(capture: Path) -> list[list[str]]:
    """The calls of each thread in words, threads in order of appearance."""
    found: dict[int, list[str]] = defaultdict(list)
    pieces: dict[int, list[Datum]] = defaultdict(list)
    with duckdb.connect(str(capture), read_only=True) as db:
        columns = 'call_id, at_exit, role, arg, idx, address, "offset", full_bytes, error, bytes'
        for row in db.execute(f"SELECT {columns} FROM call_data").fetchall():
            pieces[row[0]].append(Datum(*row[1:9], bytes(row[9] or b"")))
        columns = "call_id, tid, name, arch, a0, a1, a2, a3, a4, a5, retval, errno"
        for row in db.execute(f"SELECT {columns} FROM call ORDER BY call_id").fetchall():
            call = RawCall(row[2], row[3], tuple(row[4:10]), row[10], row[11], tuple(pieces[row[0]]))
            found[row[1]].append(decode_call(call).text)
    return list(found.values())


def straces(path: Path) -> list[list[str]]:
    """strace's lines by thread, the two halves of interrupted lines joined."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text(errors="replace").splitlines():
        tid, _, text = line.partition(" ")
        text = text.strip()
        if text.startswith(("+++", "---")):
            continue
        resumed = re.match(r"<\.\.\. \S+ resumed>(.*)", text)
        if resumed:
            found[tid][-1] += resumed[1]
        else:
            found[tid].append(text.removesuffix("<unfinished ...>").rstrip())
    return [[re.sub(r"\)\s+= ", ") = ", re.sub(r",(?=[\"\[{0-9A-Z])", ", ", t)) for t in v] for v in found.values()]


def same_words(text: str) -> str:
    """What differs between two runs, and between strace's habits and ours, made equal."""
    text = re.sub(r"0x[0-9a-f]{5,}", "ADDRESS", text)
    text = re.sub(r"\{tv_sec=\d+, tv_([nu])sec=\d+\}", "{TIME}", text)
    text = re.sub(r"htons\((3[2-9]|4|5|6)\d{3,4}\)", "htons(PORT)", text)
    text = re.sub(r"(\bpid=|kill\()\d+", r"\1PID", text)
    text = re.sub(r"/every\w+/", "/FOLDER/", text)
    text = text.replace('if_nametoindex("lo")', "1")
    text = re.sub(r", ?", ", ", text)
    cut = DIFFERENT.match(text)
    return cut[0] if cut else text


def is_network(text: str) -> bool:
    return text.partition("(")[0] in NETWORK


def trace(tmp_path: Path, *programs: list[str], port: int = 0, given: str = "", ends: bool = True) -> int:
    for tool in ("strace", "unshare"):
        require(shutil.which(tool), tool)
    for argv in programs:
        require(shutil.which(argv[0]), argv[0])
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"programs": programs, "port": port, "input": given, "ends": ends}))
    namespace = ["unshare", "--user", "--map-root-user", "--net"]
    possible = subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode == 0
    require(possible, "user and network namespaces")
    driver = [*namespace, sys.executable, str(HERE / "trace_twice.py"), str(tmp_path), str(plan)]
    done = subprocess.run(driver, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return len(programs)


def test_a_program_of_many_calls_reads_the_same_call_by_call(tmp_path: Path) -> None:
    trace(tmp_path, [sys.executable, "-I", "-S", str(HERE / "every_call.py")])
    left, right = ours(tmp_path / "0.wiretale"), straces(tmp_path / "0.strace")
    begin = next(i for i, text in enumerate(left[0]) if is_network(text))
    left_begin, right_begin = left[0][begin:], right[0][next(i for i, t in enumerate(right[0]) if is_network(t)) :]
    names = [
        [t.partition("(")[0] for t in texts if not t.startswith(("brk", "m", "futex"))]
        for texts in (left_begin, right_begin)
    ]
    assert names[0] == names[1]
    network = [[same_words(t) for t in texts if is_network(t)] for texts in (left_begin, right_begin)]
    assert network[0] == network[1]
    waits = (
        "poll",
        "pselect6",
        "epoll",
        "fcntl",
        "flock",
        "rt_sig",
        "pipe2",
        "eventfd2",
        "memfd",
        "sched",
        "kill",
        "access",
    )
    others = [
        [same_words(t) for t in texts if t.startswith(waits) and not t.startswith("rt_sigreturn")]
        for texts in (left_begin, right_begin)
    ]
    assert others[0] == others[1]
    assert len(network[0]) > 50


PAIRS = {
    "nc.openbsd": (["nc.openbsd", "-l", "127.0.0.1", "4571"], ["nc.openbsd", "-N", "127.0.0.1", "4571"]),
    "nc.openbsd udp": (["nc.openbsd", "-u", "-l", "::1", "4571"], ["nc.openbsd", "-u", "-w", "1", "::1", "4571"]),
    "nc.traditional": (
        ["nc.traditional", "-l", "-s", "127.0.0.1", "-p", "4571"],
        ["nc.traditional", "-q", "0", "127.0.0.1", "4571"],
    ),
    "ncat": (["ncat", "-l", "127.0.0.1", "4571"], ["ncat", "127.0.0.1", "4571"]),
    "http": (
        [sys.executable, "-m", "http.server", "4571", "--bind", "127.0.0.1", "--directory", str(HERE)],
        [sys.executable, "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:4571/every_call.py').read()"],
    ),
}


def _received_as_one(texts: list[str]) -> list[str]:
    """The same calls, with what all receives of a process returned in the place of the receives."""
    sizes = [int(t.rpartition("= ")[2]) for t in texts if t.startswith("recv") and t[-1].isdigit()]
    return [f"received {sum(sizes)}", *(t for t in texts if not t.startswith("recv"))]


@pytest.mark.parametrize("which", PAIRS)
def test_both_ends_of_a_conversation_read_the_same(which: str, tmp_path: Path) -> None:
    server, client = PAIRS[which]
    ends = which in ("nc.openbsd", "nc.traditional", "ncat")
    for n in range(trace(tmp_path, server, client, port=4571, given="salam\n", ends=ends)):
        left, right = ours(tmp_path / f"{n}.wiretale"), straces(tmp_path / f"{n}.strace")
        network = [sorted([same_words(t) for t in texts if is_network(t)] for texts in side) for side in (left, right)]
        if which == "http":  # how much of an answer is there when it is asked for is a matter of time
            network = [sorted(_received_as_one(texts) for texts in side) for side in network]
        if which == "ncat":  # whether it sends its line or sees the other end first is a matter of time
            network = [sorted(sorted(texts) for texts in side) for side in network]
        assert network[0] == network[1]
        assert any(network[0])


def test_a_pipeline_of_processes_makes_the_same_calls(tmp_path: Path) -> None:
    trace(tmp_path, ["/bin/sh", "-c", "echo salam | cat | wc -c; exit 3"])
    sides = ours(tmp_path / "0.wiretale"), straces(tmp_path / "0.strace")
    words = ("execve", "pipe2", "dup2", "write", "read", "close", "exit_group", "wait4", "openat", "clone", "fcntl")
    again = "ERESTARTNOINTR"  # a fork that a child's end interrupts is made again: that is a matter of time
    shown = [
        sorted(
            [re.sub(r"= \d{3,}|wait4.*", "", same_words(t)) for t in texts if t.startswith(words) and again not in t]
            for texts in side
        )
        for side in sides
    ]
    assert shown[0] == shown[1]
    assert len(sides[0]) == 4


def test_a_32_bit_program_reads_the_same_call_by_call(tmp_path: Path) -> None:
    require(platform.machine() == "x86_64" and shutil.which("gcc"), "gcc on x86-64")
    program = tmp_path / "four_byte_words"
    assemble = ["gcc", "-m32", "-nostdlib", "-static", "-o", str(program), str(HERE / "four_byte_words.S")]
    built = subprocess.run(assemble, capture_output=True, text=True, check=False)
    require(built.returncode == 0, f"an assembler for i386: {built.stderr}")
    trace(tmp_path, [str(program)])
    (left,), (right,) = ours(tmp_path / "0.wiretale"), straces(tmp_path / "0.strace")
    assert [same_words(t) for t in left[1:]] == [same_words(t) for t in right[1:]]
    assert "setsockopt(3, SOL_SOCKET, SO_RCVTIMEO_OLD, {tv_sec=1, tv_usec=500000}, 8) = 0" in left
    assert len(left) == 13
