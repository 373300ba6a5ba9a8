"""Two netcats that say one line, in the shape of the accounts: recorded, and the same again under strace.

As with a person at the keyboards the client begins when the server waits, the line is typed when both wait for it, and
the client is ended by a signal when both wait again. So nothing in the order of their calls is left to chance but
what both do at once. strace cannot follow a process that is recorded by ptrace, so it follows a second run of the same
two commands; what kernel programs record, it follows in the same run. tshark reads the exported packets.
"""

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.conftest import require
from tests.e2e.reference import listening_test, strace_logs
from tests.e2e.session import PORT, WIRETALE, Session, program, record_alone
from tests.explain.story.recordings import TEXT, new_folder
from tests.netcat.programs import wait_until
from wiretale.explain.entry import Reader
from wiretale.explain.story import Story
from wiretale.explain.tell import Options, tell
from wiretale.record.ebpf import calls
from wiretale.show.story.json_story import story_json
from wiretale.show.story.terminal import Terminal
from wiretale.store.capture import open_capture

ENDS = ("server", "client")
_TRACED = ["-s", "64", "-e", "trace=execve,%network,poll,pselect6,read,write,close,openat"]


@dataclass(frozen=True)
class Pair:
    """Two netcats: how the server and the client are called. `buffer` is what their reads ask for."""

    name: str
    server: tuple[str, ...]
    client: tuple[str, ...]
    buffer: int


FIRST = Pair(
    "first", ("nc.openbsd", "-l", "127.0.0.1", "4000"), ("nc.openbsd", "-p", "4444", "127.0.0.1", "4000"), 16384
)
SECOND = Pair("second", ("nc.traditional", "-l", "-p", "4000"), ("nc.traditional", "0", "4000"), 8192)
PAIRS = (
    FIRST,
    SECOND,
    Pair("openbsd", ("nc.openbsd", "-l", "0", "4000"), ("nc.openbsd", "0", "4000"), 16384),
    Pair("busybox", ("busybox", "nc", "-l", "-p", "4000"), ("busybox", "nc", "127.0.0.1", "4000"), 1024),
    Pair("ncat", ("ncat", "-l", "127.0.0.1", "4000"), ("ncat", "127.0.0.1", "4000"), 8192),
)  # fmt: skip


@dataclass(frozen=True)
class Account:
    """One experiment seen from all sides. `strace` has the lines of each end, from the start of its program on."""

    capture: Path
    pids: dict[str, int]
    strace: dict[str, list[str]]
    story: Story
    json: dict[str, Any]
    text: str

    def shown(self) -> list[str]:
        """Every call and event that the story's JSON shows."""
        return [text for step in steps(self.json) for text in (step["call"] or "", *(h["what"] for h in step["hops"]))]


class Typed(Session):
    """The two ends with somebody at the keyboard."""

    is_below_strace = False

    def end_client_if_it_stays(self, process: subprocess.Popen[bytes]) -> None:
        """Let the client begin, type the line, end the client; each when both ends wait for it."""
        out = self.folder / "server.out"
        wait_until(lambda: self._waits("server") and _serves(self.pid("server")), "the server to listen")
        with (self.folder / "gate").open("w") as gate:
            gate.write("go\n")
        wait_until(lambda: self._fd(4).exists() and self._waits("server") and self._waits("client"), "a connection")
        os.write(self._held[0], TEXT)
        wait_until(lambda: out.stat().st_size >= len(TEXT) and self._waits("server") and self._waits("client"), "it")
        os.kill(self.pid("client"), signal.SIGTERM)

    def commands(self) -> tuple[list[str], list[str]]:
        """The client waits at the gate first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        gate = self.folder / "gate"
        if not gate.exists():
            os.mkfifo(gate)
            self.client = ["sh", "-c", 'read go <"$0"; exec "$@"', str(gate), *self.client]
        return super().commands()

    def pid(self, end: str) -> int:
        """The netcat, which is what the shell became or the child of that; 0 while there is none."""
        path = self.folder / f"{end}.pid"
        shell = int((path.read_text() if path.exists() else "") or 0)
        return _child_of(shell) if self.is_below_strace else shell

    def _fd(self, number: int) -> Path:
        return Path(f"/proc/{self.pid('server')}/fd/{number}")

    def _waits(self, end: str) -> bool:
        """The process sleeps: in a call that waits, as nothing else they do takes time."""
        try:
            fields = Path(f"/proc/{self.pid(end)}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        return fields[0] == "S"


def _child_of(pid: int) -> int:
    """The program that strace runs; strace has short-lived children of its own before."""
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() not in ("strace", ""):
                return int(child)
    return 0


def _serves(pid: int) -> bool:
    try:
        tables = [Path(f"/proc/{pid}/net/tcp{version}").read_text() for version in ("", "6")]
    except OSError:
        return False
    rows = [line.split() for table in tables for line in table.splitlines()]
    return any(row[1].endswith(f":{PORT:04X}") and row[3] == "0A" for row in rows)


def steps(story: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of a story in JSON."""
    return [step for c in story["chapters"] for section in c["sections"] for step in section["steps"]]


@cache
def account(pair: Pair) -> Account:
    """Record the pair, run it again under strace, and tell its story."""
    folder = new_folder()
    session = _typed(pair, folder)
    capture = session.record()
    pids = {end: session.pid(end) for end in ENDS}
    logs = strace_logs(session, listening_test("tcp"), _TRACED)
    return _told(capture, pids, {end: lines_of(log) for end, log in logs.items()})


@cache
def account_of_one_run(pair: Pair) -> Account:
    """Record the pair by kernel programs while strace follows both."""
    require(os.geteuid() == 0 and calls.OBJECT_PATH.exists(), "root, and the kernel programs compiled")
    folder = new_folder()
    session = _typed(pair, folder)
    tracer = [program("strace"), "-f", *_TRACED, "-o"]
    session.server = [*tracer, str(folder / "server.strace"), *session.server]
    session.client = [*tracer, str(folder / "client.strace"), *session.client]
    session.options += ["--engine", "ebpf"]
    session.is_below_strace = True
    capture = session.record()
    logs = {end: (folder / f"{end}.strace").read_text(errors="replace") for end in ENDS}
    pids = {end: int(log.split()[0]) for end, log in logs.items()}
    return _told(capture, pids, {end: lines_of(log) for end, log in logs.items()})


def _typed(pair: Pair, folder: Path) -> Typed:
    server, client = ([program(words[0]), *words[1:]] for words in (pair.server, pair.client))
    return Typed(folder, server, client, None, b"", client_stays=True, input_stays_open=True)


@cache
def refused(*command: str) -> Account:
    """A client that nobody serves, recorded and again under strace."""
    folder = new_folder()
    capture = record_alone([program(command[0]), *command[1:]], folder)
    log = folder / "client.strace"
    words = [program("unshare"), "-rn", "sh", "-c", 'ip link set lo up; exec "$0" "$@"', program("strace"), *_TRACED]
    words += ["-f", "-o", str(log), *command]
    subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    with open_capture(capture) as db:
        (pid,) = db.execute("SELECT min(pid) FROM task WHERE traced").fetchone() or (0,)
    return _told(capture, {"client": pid}, {"client": lines_of(log.read_text(errors="replace"))})


def _told(capture: Path, pids: dict[str, int], logs: dict[str, list[str]]) -> Account:
    with open_capture(capture) as db:
        story = tell(db, Options("capture", Reader.BEGINNER))
    text = " ".join(" ".join(Terminal(story, 4000, color=False).lines()).split())
    return Account(capture, pids, logs, story, story_json(story), text)


def lines_of(log: str) -> list[str]:
    """The calls of an strace log as strace writes them elsewhere: no process, one space before the result.

    Only those since the last program was executed: before that the shell set up its input and output.
    """
    lines = [re.sub(r"\) +=", ") =", line.split(maxsplit=1)[1].strip()) for line in log.splitlines()]
    last = max(i for i, line in enumerate(lines) if line.startswith("execve(") and line.endswith("= 0"))
    return lines[last + 1 :]


_SET_UP = ("socket", "setsockopt", "bind", "listen", "accept", "accept4", "connect", "getsockopt", "shutdown", "close")


def set_up(calls: Sequence[str]) -> list[str]:
    """Calls on internet sockets that make, prepare and end connections and that succeeded or tell how they stand.

    A port the kernel chose is written as such. close() counts for sockets only: after socket() or accept() returned it.
    """
    found, ours = [], set()
    for call in calls:
        name = call.partition("(")[0]
        made = re.match(r"(?:socket\(AF_INET6?|accept4?).* = (\d+)$", call)
        on = re.match(r"\w+\((\d+)", call)
        if name not in _SET_UP or (not made and (on is None or on[1] not in ours)):
            continue
        if made:
            ours.add(made[1])
        if name == "close" and on is not None:
            ours.discard(on[1])
        found.append(re.sub(r"htons\(\d{5}\)", "htons(chosen)", call))
    return found


@dataclass(frozen=True)
class Frame:
    """A packet as tshark reads it from the exported file; `since_ns` counts from the first."""

    number: int
    since_ns: int
    source: int
    target: int
    flags: str
    size: int


_FIELDS = ("frame.number", "frame.time_relative", "tcp.srcport", "tcp.dstport", "tcp.flags.str", "tcp.len")


def frames(capture: Path) -> list[Frame]:
    """The TCP packets of a capture by tshark."""
    target = capture.with_suffix(".pcapng")
    words = [*WIRETALE, "export", "--to", "pcapng", str(capture), "-o", str(target), "--force"]
    subprocess.run(words, check=True, capture_output=True)
    command = [program("tshark"), "-n", "-r", str(target), "-Y", "tcp", "-T", "fields"]
    command += [word for name in _FIELDS for word in ("-e", name)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    return [
        Frame(int(n), round(float(t) * 1e9), int(s), int(d), "".join(x for x in f if x.isalpha()), int(size))
        for n, t, s, d, f, size in rows
    ]
