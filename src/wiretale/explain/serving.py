"""How a listening socket was served: how many clients at once, how long they waited, by which processes."""

from wiretale.decode.durations import duration
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import code, count, listed
from wiretale.explain.world import World

FEW = 2  # with fewer connections their own chapters say it all

# The connections of one listener: when the handshake was complete, when accept returned, when they ended, who served.
_SERVED = """
SELECT k.connection_id, k.established_ns, c.entry_ns, c.exit_ns, k.to_ns, c.call_id, c.pid, e.pid, d.how
FROM socket s JOIN call c ON c.call_id = s.made_call_id
JOIN endpoint e ON e.socket_id = s.socket_id AND e.role = 'server' JOIN connection k
    ON k.connection_id = e.connection_id
LEFT JOIN descriptor d ON d.pid = e.pid AND d.file_id = s.file_id AND d.fd = e.fd
WHERE s.listener_id = ? QUALIFY row_number() OVER (PARTITION BY s.socket_id ORDER BY d.descriptor_id) = 1
ORDER BY c.exit_ns"""


def served(world: World, listener_id: int) -> list[Step]:
    """Steps for the chapter of a listening socket; none for a server of one client."""
    rows = world.db.execute(_SERVED, [listener_id]).fetchall()
    if len(rows) < FEW:
        return []
    return [_together(world, rows), *_waited(world, rows), *_workers(world, rows)]


def _together(world: World, rows: list[tuple[int, ...]]) -> Step:
    """How many connections were accepted and open at once."""
    turns = sorted([*((r[3], 1) for r in rows), *((r[4], -1) for r in rows if r[4] is not None)])
    now = most = 0
    for _, change in turns:
        now += change
        most = max(most, now)
    first, last = rows[0][3], rows[-1][3]
    said = [f"{count(len(rows), 'connection')} were accepted, within {duration(last - first)}."]
    if most > 1:
        said.append(f"At most {most} of them were open at once.")
    else:
        said.append("They came one after the other: never were two open at once.")
    return Step("", f"{count(len(rows), 'client')}", tuple(said), first, key="clients",
                refs=tuple(Ref("connection", r[0], f"connection {r[0]}") for r in rows[:5]))  # fmt: skip


def _waited(world: World, rows: list[tuple[int, ...]]) -> list[Step]:
    """How long finished connections waited in the queue before accept() was called for them."""
    queued = [(r[2] - r[1], r) for r in rows if r[1] is not None and r[2] - r[1] > world.error_ns]
    if not queued:
        return []
    longest, row = max(queued, key=lambda pair: pair[0])
    said = [
        f"{len(queued)} of {len(rows)} were complete before the program called {code('accept()')} for them and waited "
        f"in the "
        f"queue meanwhile, the longest (connection {row[0]}) for {duration(longest)}."
    ]
    return [Step("", "Waiting in the queue", tuple(said), row[1], key="queue",
                 refs=(Ref("connection", row[0], f"connection {row[0]}"), Ref("call", row[5], f"call {row[5]}")),
                 topics=("backlog", "accept"))]  # fmt: skip


def _workers(world: World, rows: list[tuple[int, ...]]) -> list[Step]:
    """Who accepted and who served: one process, several that share the listener, or a child for each client."""
    accepted = list(dict.fromkeys(r[6] for r in rows))
    inherited = [r for r in rows if r[7] is not None and r[7] != r[6] and str(r[8]) == "fork"]
    if inherited:
        parents = list(dict.fromkeys(r[6] for r in inherited))
        children = list(dict.fromkeys(r[7] for r in inherited))
        processes = [world.processes.get(c) for c in children]
        own = all(p is not None and p.parent_pid in parents for p in processes)
        whom = count(len(children), *(("child", "children") if own else ("other process", "other processes")))
        said = (
            f"{listed([world.who(p) for p in parents])} accepts, and {whom} do the talking "
            f"({listed([world.who(c) for c in children], 5)}): {code('fork()')} gave them the descriptor. The "
            f"connection "
            "ends when the last of the copies is closed, so the parent must close its own.",
        )
        first = inherited[0]
        return [Step("", "A child for each client", said, first[3], topics=("fork",), key="children",
                     refs=tuple(Ref("connection", r[0], f"connection {r[0]}") for r in inherited[:5]))]  # fmt: skip
    if len(accepted) > 1:
        shares = [f"{world.who(pid)} {sum(1 for r in rows if r[6] == pid)}" for pid in accepted]
        said = (
            f"{count(len(accepted), 'process', 'processes')} wait for clients on the same listening socket; each "
            f"connection goes "
            f"to one of them: {listed(shares, 8)}.",
        )
        return [Step("", "Several processes share the work", said, rows[0][3], topics=("accept",), key="processes",
                     refs=tuple(Ref("call", r[5], f"call {r[5]}") for r in rows[:5]))]  # fmt: skip
    return []
