"""Shared by the oddities: what the threads of a silent process were in, and how to see more of it."""

from shlex import quote

from wiretale.decode.escape import escape_text
from wiretale.explain.odd._blocked import blocked
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Ref
from wiretale.explain.words import code, listed
from wiretale.explain.world import World

LEAST_NS = 1_000_000_000

# By how a program's name begins: what shows the stacks of its own language.
_STACKS = {"python": "py-spy dump --pid {pid}", "java": "jstack {pid}"}
_NATIVE = "gdb -p {pid} -batch -ex 'thread apply all bt'"

# What the threads of a process were in at the end, and since when.
_IN_CALLS = """
SELECT coalesce(c.restarts, c.name), coalesce(w.fd, c.fd), CASE WHEN c.name LIKE 'futex%' THEN c.a0 END,
    arg_min(c.tid, c.call_id), list(c.call_id ORDER BY c.call_id)
FROM call c LEFT JOIN wait w USING (call_id)
WHERE c.pid = ? AND c.start_ns <= ? AND (c.exit_ns IS NULL OR c.exit_ns >= ?) GROUP BY ALL ORDER BY min(c.call_id)"""

# Calls that wait for something outside the process, of which the kernel knows more. fcntl: F_SETLKW, F_OFD_SETLKW.
_OUTSIDE = """
SELECT c.name, f.name FROM call c LEFT JOIN call_file x USING (call_id) LEFT JOIN file f USING (file_id)
WHERE c.pid = $pid AND c.start_ns <= $until AND (c.exit_ns IS NULL OR c.exit_ns >= $until)
    AND (c.name IN ('wait4', 'waitid', 'flock') OR c.name = 'fcntl' AND c.a1 IN (7, 38)) ORDER BY c.call_id LIMIT 1"""


def in_calls(world: World, pid: int, until: int, evidence: list[Ref]) -> list[str]:
    """What its threads were in for all of the second until a time in ns; nothing if none was in any call as long."""
    rows = world.db.execute(_IN_CALLS, [pid, until - LEAST_NS, until]).fetchall()
    threads = sum(len(calls) for *_, calls in rows)
    if not threads:
        return []
    locks = [(address, calls) for _, _, address, _, calls in rows if address is not None]
    waiting = sum(len(calls) for _, calls in locks)
    parts = [
        f"{code(name + '()')}{_on(world, fd, tid, until)}{_threads(calls)}"
        for name, fd, address, tid, calls in rows
        if address is None
    ]
    if waiting:
        parts.append(code("futex()") + _threads([call for _, calls in locks for call in calls]))
        evidence += refs("call", [call for _, calls in locks for call in calls][:3])
    had = "thread of the process had" if threads == 1 else f"{threads} threads of the process had"
    said = [f"By then {'one ' if threads == 1 else ''}{had} been blocked for a second or longer: in {listed(parts)}."]
    if waiting:
        said.append(
            f"In {code('futex()')} a thread waits for a lock, or for another thread to give it work: which of the two, "
            "and who holds a lock, is known only of the mutexes that are told of elsewhere."
        )
    return said


def _on(world: World, fd: int | None, tid: int, until: int) -> str:
    """` on descriptor 5 (`/run/lock`)`; of a call without a descriptor nothing."""
    if fd is None:
        return ""
    call = blocked(world, tid, until - 1)
    return call.on if call is not None else f" on descriptor {fd}"


def _threads(calls: list[int]) -> str:
    """` (2 threads)`; of one nothing."""
    return f" ({len(calls)} threads)" if len(calls) > 1 else ""


def where_it_stands(world: World, pid: int, until: int) -> str:
    """How to see what a process waits for: what to ask depends on the call that one of its threads was in."""
    process = world.processes.get(pid)
    name, path = world.db.execute(_OUTSIDE, {"pid": pid, "until": until}).fetchone() or (None, None)
    if name in ("wait4", "waitid"):
        return (
            f"see which child it waits for (ps -o pid,stat,wchan:20,args --ppid {pid}), and what that child waits for: "
            "wiretale record -p CHILD"
        )
    if name is not None and path:
        return (
            f"see who holds the lock: lsof {quote(escape_text(path))}, where W or R after the descriptor means a lock"
        )
    if process is not None and process.comm == "postgres":  # a backend waits for a database lock in epoll_wait()
        return f"ask the database, in psql: SELECT pg_blocking_pids({pid}); pg_stat_activity says what they do"
    comm = process.comm if process is not None else ""
    stacks = next((tool for begin, tool in _STACKS.items() if comm.startswith(begin)), _NATIVE).format(pid=pid)
    return f"see where the threads of {world.who(pid)} stand: {stacks}"
