"""A socket that another program inherited and never used: close-on-exec was not set."""

from typing import Any

from wiretale.decode.escape import escape_text
from wiretale.explain.odd._rows import people, refs
from wiretale.explain.story import Step
from wiretale.explain.words import code, place
from wiretale.explain.world import World

# Sockets of the process that executed the program (so no stranger's), still open in it afterwards, that no call of it
# touched. Numbers 0 to 2 are handed over on purpose.
_HELD = """
SELECT 1 FROM task t JOIN descriptor d USING (pid)
WHERE t.how = 'execve' AND t.is_leader AND t.traced AND d.fd > 2 AND d.from_ns < t.start_ns
    AND coalesce(d.to_ns, t.start_ns + 1) > t.start_ns AND d.how <> 'inherited' LIMIT 1"""
_QUERY = """
WITH image AS (SELECT pid, start_ns, task_id, comm FROM task WHERE how = 'execve' AND is_leader AND traced),
bound AS (
    SELECT inode, arg_max(local_addr, time_ns) AS addr, arg_max(local_port, time_ns) AS port FROM socket_sample
    WHERE inode <> 0 AND local_addr IS NOT NULL AND local_addr <> '' GROUP BY inode
)
SELECT i.pid, d.fd, s.listening, b.addr, b.port, i.start_ns, c.pid, s.made_call_id, d.descriptor_id, i.comm,
    s.socket_id, d.to_ns IS NOT NULL
FROM image i JOIN descriptor d ON d.pid = i.pid AND d.from_ns < i.start_ns AND (d.to_ns IS NULL OR d.to_ns > i.start_ns)
JOIN file f ON f.file_id = d.file_id AND f.kind = 'socket' JOIN socket s ON s.file_id = f.file_id
JOIN call c ON c.call_id = s.made_call_id LEFT JOIN bound b ON b.inode = s.inode
WHERE d.fd > 2 AND d.how <> 'inherited' AND (s.listening OR s.family IN ('AF_INET', 'AF_INET6'))
    AND (d.to_ns IS NULL OR d.end_how = 'exit')
    AND NOT EXISTS (SELECT 1 FROM call_file x JOIN call y USING (call_id) WHERE x.file_id = f.file_id AND y.pid = i.pid
        AND y.entry_ns >= i.start_ns)
QUALIFY row_number() OVER (PARTITION BY i.pid, d.fd ORDER BY i.start_ns DESC) = 1
ORDER BY i.start_ns, d.fd LIMIT 200"""


def find(world: World) -> list[Step]:
    """One step for each socket, whoever has it."""
    if world.db.execute(_HELD).fetchone() is None:
        return []
    by_socket: dict[int, list[Any]] = {}
    rows = world.db.execute(_QUERY).fetchall()
    for row in rows:
        by_socket.setdefault(row[10], []).append(row)
    steps = []
    for same in list(by_socket.values())[:4]:
        pid, fd, listening, addr, port, at, maker, made, descriptor_id, comm, *_ = same[0]
        pids = tuple(dict.fromkeys(row[0] for row in same))
        what = "listening socket" if listening else "socket"
        where = f" on {code(place(addr, port))}" if addr is not None else ""
        many = len(pids) > 1
        who = people(world, pids) if many else f"pid {pid} ({escape_text(str(comm))})"
        if len({row[9] for row in same}) > 1:
            who = f"{len(pids)} processes ({escape_text(str(comm))} and others)"
        ended = all(row[-1] for row in same)
        holds, uses, they = ("hold", "use", "they") if many else ("holds", "uses", "it")
        holding = f"held, until {they} ended," if ended else f"still {holds}"
        said = [
            f"{who} {holding} the {what}{where} as descriptor {fd}, which {world.who(maker)} had made, and never "
            f"{'used' if ended else uses} it: "
            "the descriptor was not marked close-on-exec when the program was executed."
        ]
        stays = "the port stays taken, even when the server has ended"
        if not listening:
            stays = "the connection is not closed, even when its owner has closed it"
        said.append(f"As long as such a program runs, {stays}.")
        steps.append(
            Step("", f"A {what} leaks into another program", tuple(said), at,
                 refs=(*refs("descriptor", [descriptor_id]), *refs("call", [made])), topics=("SOCK_CLOEXEC",),
                 remedy="make the socket with SOCK_CLOEXEC (accept4() too), or set FD_CLOEXEC")
        )  # fmt: skip
    return steps
