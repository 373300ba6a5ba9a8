"""What strace and tshark say of the same work, to compare a capture with."""

import os
import re
import shlex
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.e2e.session import PORT, WIRETALE, Session, program
from tests.netcat.programs import wait_until
from wiretale.store.capture import open_capture

# Set-up calls, whose order a program does not change from run to run. Transfers and waits depend on timing.
SET_UP = ("socket", "bind", "listen", "accept", "accept4", "connect", "setsockopt", "shutdown")
_SENDS = ("write", "writev", "sendto", "sendmsg", "sendfile")
_RECEIVES = ("read", "readv", "recvfrom", "recvmsg")
_MOVES = ("read", "readv", "write", "writev", "sendfile")  # those that are not %network
_PAYLOAD = ["-y", "-s", "0", "-e", f"trace=%network,{','.join(_MOVES)}"]  # what each call moved, none of the bytes

# One line of `strace -f -y`, or its two halves where another process came between.
_CALL = re.compile(
    r"^(\d+) +(\w+)\((?:(\d+)<([^>]*)>)?(.*?)(?:\) += (-?\d+|\?)(?:<([^>]*)>)?(?: (E\w+))?.*| <unfinished \.\.\.>)$"
)
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*?)\) += (-?\d+|\?)(?:<([^>]*)>)?(?: (E\w+))?.*$")

_BOTH_ENDS = """
ip link set lo up
{server} &
until {listens}; do :; done
{client}
{end_server}
wait
"""


@dataclass
class Calls:
    """One end's calls: set-up calls with their errors, in order, and the bytes that passed its sockets."""

    set_up: list[str] = field(default_factory=list)
    sent: int = 0
    received: int = 0

    def without_order(self) -> tuple[set[str], int, int]:
        """For programs with threads: which calls there were and what they carried."""
        return set(self.set_up), self.sent, self.received


def strace(session: Session, listens: str, *, server_stays: bool = False) -> dict[str, Calls]:
    """What strace counts of the same two ends, each; see `strace_logs`."""
    logs = strace_logs(session, listens, _PAYLOAD, server_stays=server_stays)
    return {end: parse_strace(log) for end, log in logs.items()}


def strace_payload(session: Session, port: int) -> dict[str, Counter[str]]:
    """The same for servers that stay: bytes by call of each end, on connections of `port`."""
    logs = strace_logs(session, listening_test("tcp", port), _PAYLOAD, server_stays=True)
    return {end: _payload_by_call(log, port) for end, log in logs.items()}


def strace_logs(session: Session, listens: str, options: list[str], *, server_stays: bool = False) -> dict[str, str]:
    """Run the same two ends under strace in a network of their own; `listens` is a shell test for the server.

    Under strace two ends sometimes wait for each other for ever. That run is no reference, and is made once more.
    """
    try:
        return _logs_of_a_run(session, listens, options, server_stays)
    except AssertionError:
        return _logs_of_a_run(session, listens, options, server_stays)


def _logs_of_a_run(session: Session, listens: str, options: list[str], server_stays: bool) -> dict[str, str]:
    folder = session.folder
    server, client = session.commands()
    tracer = [program("strace"), "-f", *options, "-o"]
    script = _BOTH_ENDS.format(
        server=shlex.join([*tracer, str(folder / "server.strace"), *server]) + " <>" + shlex.quote(_idle(folder)),
        client=shlex.join([*tracer, str(folder / "client.strace"), *client]) + " <>" + shlex.quote(_idle(folder)),
        listens=listens,
        # not SIGINT: a shell without job control lets its background programs ignore that
        end_server=f"kill -TERM $(cat {shlex.quote(str(folder))}/server.pid)" if server_stays else "",
    )
    for end in ("server", "client"):
        (folder / f"{end}.out").unlink(missing_ok=True)
        (folder / f"{end}.pid").unlink(missing_ok=True)
    # Only a real root can become another user, as servers do.
    words = [program("unshare"), "-n" if os.geteuid() == 0 else "-rn", "sh", "-c", script]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        session.end_client_if_it_stays(process)
        wait_until(lambda: process.poll() is not None, "the two ends under strace")
    finally:
        for end in ("client", "server"):
            with suppress(ProcessLookupError, FileNotFoundError, ValueError):
                if process.poll() is None:
                    os.kill(int((folder / f"{end}.pid").read_text()), signal.SIGKILL)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:  # the shell waits for what never comes
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return {end: (folder / f"{end}.strace").read_text(errors="replace") for end in ("server", "client")}


def _idle(folder: Path) -> str:
    """A named pipe that, opened for reading and writing, never delivers and never ends."""
    path = folder / "idle"
    if not path.exists():
        os.mkfifo(path)
    return str(path)


def parse_strace(text: str) -> Calls:
    """Sum up one end's log."""
    calls = Calls()
    for line in _lines(text):
        _count(calls, line)
    return calls


def _payload_by_call(text: str, port: int) -> Counter[str]:
    """`-yy` would name the ports, but strace keeps the name that a socket had before it was connected."""
    of_port: set[str] = set()  # the sockets that were bound, connected or accepted there, or name it in a message
    found: Counter[str] = Counter()
    for call in _lines(text):
        if f"htons({port})" in call.rest:
            of_port.add(call.target)
        if call.target in of_port and call.name.startswith("accept"):
            of_port.add(call.made)
        is_payload = call.name in (*_SENDS, *_RECEIVES) and call.result.isdigit() and "MSG_PEEK" not in call.rest
        if is_payload and call.target in of_port:
            found[call.name] += int(call.result)
    return +found


class _Line(NamedTuple):
    name: str
    target: str  # what its first descriptor is
    rest: str  # its other arguments
    result: str
    made: str  # what the descriptor is that it returned
    errno: str


def _lines(text: str) -> Iterator[_Line]:
    begun: dict[str, tuple[str, str, str]] = {}
    for line in text.splitlines():
        if match := _CALL.match(line):
            task, name, _, target, rest, *outcome = match.groups(default="")
            if not outcome[0]:
                begun[task] = (name, target, rest)
                continue
        elif match := _RESUMED.match(line):
            task, name, more, *outcome = match.groups(default="")
            _, target, rest = begun.pop(task, ("", "", ""))
            rest += more
        else:
            continue
        yield _Line(name, target, rest, *outcome)


def _set_up(name: str, errno: str) -> str:
    """A call and how it failed. Whether the last shutdown() finds a connection depends on who closes first."""
    return name if (name, errno) == ("shutdown", "ENOTCONN") else f"{name} {errno}".strip()


def _count(calls: Calls, line: _Line) -> None:
    if line.name in SET_UP:
        calls.set_up.append(_set_up(line.name, line.errno))
    elif line.target.startswith("socket:") and line.result.isdigit() and "MSG_PEEK" not in line.rest:
        if line.name in _SENDS:
            calls.sent += int(line.result)
        elif line.name in _RECEIVES:
            calls.received += int(line.result)


def comparable(calls: dict[str, Calls], *, in_order: bool) -> dict[str, object]:
    """What the calls of each end are compared by; those of several threads have no order of their own."""
    return {end: found if in_order else found.without_order() for end, found in calls.items()}


def recorded(session: Session) -> dict[str, Calls]:
    """The same figures from the capture, by the process ids the ends wrote down while they were recorded."""
    result = {}
    with open_capture(session.capture) as db:
        for end in ("server", "client"):
            tree = _processes(session, end)
            set_up = db.execute(
                f"{tree} SELECT name, coalesce(errno, 0) FROM call WHERE pid IN (FROM tree) AND name IN {SET_UP}"
                " AND complete ORDER BY exit_ns"
            ).fetchall()
            calls = Calls([_set_up(name, _errno_name(errno)) for name, errno in set_up])
            for names, side in ((_SENDS, "sent"), (_RECEIVES, "received")):
                row = db.execute(
                    f"{tree} SELECT coalesce(sum(retval), 0)::BIGINT FROM call JOIN call_file USING (call_id)"
                    f" WHERE pid IN (FROM tree) AND name IN {names} AND socket_id IS NOT NULL AND {_MOVED}"
                ).fetchone()
                setattr(calls, side, row[0] if row else 0)
            result[end] = calls
    return result


def recorded_payload(session: Session, port: int) -> dict[str, Counter[str]]:
    """Bytes by call of each end, on connections to `port`."""
    with open_capture(session.capture) as db:
        return {
            end: Counter(dict(db.execute(
                f"{_processes(session, end)} SELECT name, sum(retval)::BIGINT FROM call"
                " JOIN call_connection USING (call_id) JOIN connection USING (connection_id)"
                f" WHERE pid IN (FROM tree) AND name IN {(*_SENDS, *_RECEIVES)} AND server_port = {port} AND {_MOVED}"
                " GROUP BY name"
            ).fetchall()))
            for end in ("server", "client")
        }  # fmt: skip


_MOVED = "retval > 0 AND NOT (name = 'recvfrom' AND a3 & 2 <> 0) AND NOT (name = 'recvmsg' AND a2 & 2 <> 0)"  # MSG_PEEK


def _processes(session: Session, end: str) -> str:
    """A WITH clause: `tree` has the process ids of one end."""
    pid = int((session.folder / f"{end}.pid").read_text())
    return f"""WITH RECURSIVE tree(pid) AS (
        SELECT {pid} UNION SELECT t.pid FROM task t JOIN tree ON t.parent_pid = tree.pid)"""


def _errno_name(number: int) -> str:
    import errno

    # two names of one number (asm-generic/errno.h has only this one)
    return errno.errorcode[number].replace("ENOTSUP", "EOPNOTSUPP") if number else ""


@dataclass
class Packets:
    """Payload bytes by direction, seen from the server's port; retransmissions not counted."""

    to_server: bytes
    to_client: bytes
    count: int
    uncommented: int  # packets with payload and without the comment that names the calls


def tshark(session: Session, protocol: str, port: int = PORT) -> Packets:
    """What tshark reads from the exported packets."""
    target = session.folder / "run.pcapng"
    words = [*WIRETALE, "export", "--to", "pcapng", str(session.capture), "-o", str(target), "--force"]
    subprocess.run(words, check=True, capture_output=True)
    fields = [f"{protocol}.dstport", f"{protocol}.payload", "tcp.analysis.retransmission", "frame.comment"]
    command = [program("tshark"), "-n", "-r", str(target), "-Y", protocol, "-T", "fields", "-E", "separator=|", "-E"]
    command += ["occurrence=f", *(word for name in fields for word in ("-e", name))]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    up, down, uncommented = bytearray(), bytearray(), 0
    for line in lines:
        to_port, payload, again, comment = line.split("|", 3)
        if again or not payload:
            continue
        (up if int(to_port) == port else down).extend(bytes.fromhex(payload))
        uncommented += not comment
    return Packets(bytes(up), bytes(down), len(lines), uncommented)


def listening_test(protocol: str, port: int = PORT) -> str:
    """A shell command that succeeds once the port is served, in the network namespace of the shell."""
    state = "0A" if protocol == "tcp" else "07"
    return f"grep -q ':{port:04X} [0-9A-F]*:0000 {state}' /proc/net/{protocol} /proc/net/{protocol}6"


def serving_test(path: Path) -> str:
    """The same for a unix socket."""
    return f"grep -Eq '(00010000 0001|00000000 0002) .* {path}$' /proc/net/unix"
