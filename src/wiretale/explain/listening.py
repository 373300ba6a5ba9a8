"""How a server came to listen and stopped: the calls on a listening socket that are not those of its connections."""

from wiretale.explain import asks
from wiretale.explain.conversation import socket_calls
from wiretale.explain.copies import Holder, copies_closed, holders_after
from wiretale.explain.preparing import prepared
from wiretale.explain.rows import Call
from wiretale.explain.serving import served
from wiretale.explain.story import Anchors, Chapter, Section, Step
from wiretale.explain.words import capital, code, count, place
from wiretale.explain.world import World
from wiretale.light import replace

LISTENERS_TOLD = 6
_NOT_TOLD = ("accept", "accept4", "close", "shutdown", "epoll_ctl", "read", "write")

_LISTENERS = """
WITH bound AS (
    SELECT inode, arg_max(local_addr, time_ns) AS addr, arg_max(local_port, time_ns) AS port FROM socket_sample
    WHERE inode <> 0 AND local_addr IS NOT NULL GROUP BY inode
)
SELECT s.socket_id, b.addr, b.port, coalesce(c.pid, d.pid), count(DISTINCT a.socket_id), s.made_call_id
FROM socket s LEFT JOIN bound b USING (inode) LEFT JOIN call c ON c.call_id = s.made_call_id
LEFT JOIN (SELECT file_id, min(pid) AS pid FROM descriptor GROUP BY file_id) d ON d.file_id = s.file_id
LEFT JOIN socket a ON a.listener_id = s.socket_id
WHERE s.listening AND s.file_id IS NOT NULL AND coalesce(c.pid, d.pid) IN (SELECT pid FROM task WHERE traced)
GROUP BY ALL ORDER BY s.socket_id"""


def listening(world: World) -> list[Chapter]:
    """One chapter for each listening socket that a traced process made."""
    rows = world.db.execute(_LISTENERS).fetchall()[:LISTENERS_TOLD]
    found = socket_calls(world.db, [r[0] for r in rows])
    held = holders_after(world.db, (call for calls in found.values() for call in calls))
    chapters = []
    for socket_id, addr, port, pid, accepted, made in rows:
        anchors = Anchors(f"s{socket_id}")
        told = [c for c in found.get(socket_id, []) if c.name not in _NOT_TOLD]
        where = place(addr, port) if addr is not None else "its address"
        others = [r for r in rows if r[1:4] == (addr, port, pid)]
        by = f" (descriptor {told[0].retval})" if len(others) > 1 and told and told[0].name == "socket" else ""
        if not told:
            continue
        while_seen = "" if made is not None else " while it was recorded"
        verb = "was" if accepted == 1 else "were"
        intro = (f"{capital(count(accepted, 'connection'))} {verb} accepted through this socket{while_seen}.",)
        sections = [
            Section("", anchors.all_named(prepared(world, told))),
            Section("How its clients were served", anchors.all_named(served(world, socket_id))),
            Section(
                "How it stopped listening", anchors.in_order(_ended(world, socket_id, found[socket_id], held, where))
            ),
        ]
        title = f"How {world.who(pid)} came to listen on {where}{by}"
        if made is None:
            title = f"What became of the listening socket of {world.who(pid)} on {where}{by}"
        chapters.append(Chapter(f"s{socket_id}", title, intro, tuple(s for s in sections if s.steps)))
    return chapters


# Who held a socket last, if it was the kernel that closed it when that process was gone.
_LEFT = """
SELECT d.pid, d.to_ns FROM socket s JOIN descriptor d ON d.file_id = s.file_id AND d.to_ns = s.to_ns
WHERE s.socket_id = ? AND d.end_how = 'exit' LIMIT 1"""


def _ended(
    world: World, socket_id: int, calls: list[Call], held: dict[int, tuple[Holder, ...]], where: str
) -> list[Step]:
    """The calls that closed it; where none closed the last descriptor, the end of the process that had it."""
    steps = _closed(world, calls, held, where)
    is_closed = any(c.name == "close" and not c.failed and c.call_id not in held for c in calls)
    return steps if is_closed else [*steps, *_left(world, socket_id, where)]


def _left(world: World, socket_id: int, where: str) -> list[Step]:
    """The end of the process that still listened."""
    row = world.db.execute(_LEFT, [socket_id]).fetchone()
    process = world.processes.get(row[0]) if row is not None else None
    if row is None or process is None:
        return []
    how = f"was killed by {code(process.signal or 'a signal')}" if process.end_how == "killed" else "ended"
    said = (
        f"{process.name} {how} with the socket still open; the kernel closed it. With that nobody listens on "
        f"{code(where)} by this socket any more."
    )
    return [Step("", "Closed by the end of the process", (said,), row[1], refs=(process.ref,), inferred=True)]


def _closed(world: World, calls: list[Call], held: dict[int, tuple[Holder, ...]], where: str) -> list[Step]:
    """The calls that closed the socket; those of copies as one."""
    closes = [c for c in calls if c.name == "close" and not c.failed]
    steps = copies_closed(world, [(c, held[c.call_id]) for c in closes if c.call_id in held])
    for call in closes:
        if call.call_id not in held:
            step = asks.step(world, call, "")
            said = (
                f"With that nobody listens on {code(where)} by this socket any more; connections that were accepted "
                "are sockets of their own and stay."
            )
            steps.append(replace(step, title="No more connections", sentences=(*step.sentences, said)))
    return steps
