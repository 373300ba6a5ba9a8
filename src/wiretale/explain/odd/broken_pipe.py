"""Using a connection that the other end has given up: EPIPE, SIGPIPE, ECONNRESET."""

from wiretale.decode.constants import error_name
from wiretale.explain.odd._rows import Group, groups, packet_refs, times
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import code
from wiretale.explain.world import World

EPIPE, ECONNRESET = 32, 104


def find(world: World) -> list[Step]:
    """Transfers on sockets that failed so."""
    if not world.signs.met(EPIPE, ECONNRESET):
        return []
    joins = "JOIN call_file f ON f.call_id = c.call_id AND f.socket_id IS NOT NULL"
    found = groups(world, f"c.errno IN ({EPIPE}, {ECONNRESET})", "c.name || ' ' || c.errno", joins)
    return [_step(world, group) for group in found[:8]]


def _step(world: World, group: Group) -> Step:
    name, _, number = group.key.partition(" ")
    error = error_name(int(number))
    where = f" on descriptor {group.fd}" if group.fd is not None else ""
    said = [f"{group.who(world)} called {code(name + '()')}{where} {group.times} and got {code(error)}."]
    refs = group.refs
    topics: tuple[str, ...] = (error,)
    remedy = ""
    reset = _reset_before(world, group.refs[0].id)
    if reset is not None:
        said.append(f"Packet {reset[1]}, a reset from the other end, had ended the connection before.")
        refs = (*refs, *packet_refs([reset]))
        topics = (error, "RST")
    if int(number) == EPIPE:
        remedy = "treat EPIPE as the end of the connection"
        if reset is None and _shut_before(world, group.refs[0].id):
            said.append("The program itself had shut down sending with shutdown().")
        signals = [s for pid in group.pids for s in _signals(world, pid, name)]
        if signals:
            said.append(f"{code('SIGPIPE')} came with it {times(len(signals))}.")
            refs = (*refs, *signals)
            topics = (*topics, "SIGPIPE")
        died = [p for p in (world.processes.get(pid) for pid in group.pids) if p is not None and p.signal == "SIGPIPE"]
        if signals and died:
            said.append(f"It ended {'the process' if group.is_one else 'them'}: the default action of that signal.")
            refs = (*refs, *(p.ref for p in died[:3]))
            remedy = "ignore SIGPIPE, or send with MSG_NOSIGNAL, and treat EPIPE as the end"
        elif signals:
            said.append("It ended nobody: the program ignores or handles it.")
    return Step("", f"{error} on a connection", tuple(said), group.first_ns, refs=refs, topics=topics,
                remedy=remedy)  # fmt: skip


def _reset_before(world: World, call_id: int) -> tuple[int, int] | None:
    """The reset that the other end had sent before the call returned: (packet id, number)."""
    row = world.db.execute(
        """
        SELECT arg_min(p.packet_id, p.packet_id), min(p.number)
        FROM call c JOIN call_file f USING (call_id) JOIN endpoint e ON e.socket_id = f.socket_id
        JOIN segment g ON g.connection_id = e.connection_id AND g.direction <> e.sends
        JOIN packet p USING (packet_id)
        WHERE c.call_id = ? AND p.flags & 4 <> 0 AND p.number IS NOT NULL AND p.time_ns <= c.exit_ns""",
        [call_id],
    ).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def _shut_before(world: World, call_id: int) -> bool:
    row = world.db.execute(
        """
        SELECT count(*) FROM call c JOIN call_file f USING (call_id) JOIN call_file g ON g.file_id = f.file_id
        JOIN call s ON s.call_id = g.call_id AND s.name = 'shutdown' AND s.a1 IN (1, 2) AND s.errno IS NULL
        WHERE c.call_id = ? AND s.call_id < c.call_id""",
        [call_id],
    ).fetchone()
    return bool(row and row[0])


def _signals(world: World, pid: int, name: str) -> list[Ref]:
    """The SIGPIPEs that came with calls of that name: each follows one of its thread that failed with EPIPE."""
    rows = world.db.execute(
        """
        SELECT s.task_id FROM signal s JOIN task t USING (task_id)
        ASOF JOIN call c ON c.task_id = s.task_id AND s.time_ns >= c.start_ns
        WHERE t.pid = ? AND s.name = 'SIGPIPE' AND NOT s.stopped AND c.errno = ? AND c.name = ?""",
        [pid, EPIPE, name],
    ).fetchall()
    return [Ref("task", row[0], f"task {row[0]}") for row in rows]
