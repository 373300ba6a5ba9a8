"""Connections that wait in the accept queue of a listener, and that no thread takes."""

from wiretale.decode.durations import duration
from wiretale.explain.conversation import ACCEPTS
from wiretale.explain.odd._cpu import on_cpu
from wiretale.explain.odd._rows import refs
from wiretale.explain.odd._stands import in_calls, where_it_stands
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import code, count, place
from wiretale.explain.world import World

LEAST_NS = 1_000_000_000
MOST = 4

# Of a listening socket the kernel gives the length of this queue and the backlog (sock_diag(7)). Two samples are
# compared: one connection or more waited in both, and no recorded process accepted any in between.
_QUERY = f"""
WITH queue AS (
    SELECT inode, min(time_ns) AS from_ns, max(time_ns) AS to_ns, min(recv_queue) AS least,
        arg_max({{'addr': local_addr, 'port': local_port, 'length': recv_queue, 'room': send_queue}}, time_ns) AS last
    FROM socket_sample WHERE state = 'LISTEN' AND inode <> 0 AND recv_queue IS NOT NULL
    GROUP BY inode HAVING least > 0 AND max(time_ns) - min(time_ns) >= {LEAST_NS}
),
held AS (
    SELECT q.*, s.socket_id, s.family, s.file_id, d.pid, d.fd FROM queue q JOIN socket s USING (inode)
    JOIN descriptor d ON d.file_id = s.file_id AND coalesce(d.to_ns, q.to_ns) >= q.to_ns
    WHERE d.from_ns <= q.to_ns AND d.pid IN (SELECT pid FROM task WHERE traced)
)
SELECT from_ns, to_ns, last, family, any_value(socket_id), list_sort(list({{'pid': pid, 'fd': fd}}))
FROM held h WHERE NOT EXISTS (FROM call c JOIN call_file x USING (call_id)
    WHERE x.file_id = h.file_id AND c.name IN {ACCEPTS} AND c.retval >= 0 AND c.exit_ns BETWEEN h.from_ns AND h.to_ns)
GROUP BY ALL ORDER BY any_value(last.length) DESC LIMIT {MOST}"""  # noqa: S608 (fixed text)


def find(world: World) -> list[Step]:
    """One step for each listening socket, the longest queue first."""
    steps = []
    for since, until, last, family, socket_id, holders in world.db.execute(_QUERY).fetchall():
        pid, fd = holders[0]["pid"], holders[0]["fd"]
        port = last["port"] if family != "AF_UNIX" else None
        where = f" on {code(place(last['addr'], port))}" if last["addr"] else ""
        stands = "connection stands" if last["length"] == 1 else "connections stand"
        said = [
            f"{last['length']:,} {stands} in the accept queue of descriptor {fd} of {world.who(pid)}, which listens"
            f"{where}: made by the kernel, and taken by nobody. At least one stood there {duration(until - since)} "
            "before, and none was accepted in between."
        ]
        if last["length"] > last["room"]:
            said.append(
                f"The queue is full: {code('listen()')} allowed for {last['room']:,}, the kernel takes one more. It "
                "drops the SYNs that come then, and those clients see no answer at all."
                if family != "AF_UNIX"
                else f"The queue is full ({last['room']:,} and one more): {code('connect()')} waits now."
            )
        others = len({holder["pid"] for holder in holders}) - 1
        if others:
            said.append(f"{count(others, 'more recorded process', 'more recorded processes')} could accept them, too.")
        evidence: list[Ref] = [*refs("socket", [socket_id])]
        said += in_calls(world, pid, until, evidence)
        said += on_cpu(world, pid)
        steps.append(
            Step("", "Nobody accepts", tuple(said), until, refs=tuple(evidence), topics=("accept",),
                 background=("The kernel completes the handshake by itself, and takes what a client sends: the client "
                             "is connected, and waits for an answer, while the program does not know of it.",),
                 remedy=where_it_stands(world, pid, until))
        )  # fmt: skip
    return steps
