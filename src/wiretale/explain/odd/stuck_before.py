"""Threads that a recorder finds in a call on a socket, and leaves in it: what the kernel's samples of that socket tell.

Reads of TCP connections are told by `asked_before`: there the last bytes that came and went say whether it is a rest.
"""

from typing import Any

from wiretale.decode.durations import duration
from wiretale.decode.tcp_info import decode_tcp_info
from wiretale.explain.conversation import RECEIVES, SENDS
from wiretale.explain.odd._blocked import thread
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, count, place
from wiretale.explain.world import World
from wiretale.light import dataclass

LEAST_NS = 1_000_000_000
MOST = 4

# The first call of each thread that was there before, where it never returned; `last` is the last sample of its socket,
# `other` that of the other end, where that was on the same machine.
_QUERY = f"""
WITH found AS (
    SELECT min(call_id) AS call_id FROM call JOIN task t USING (task_id) WHERE t.how = 'attached' GROUP BY task_id
),
sample AS (
    SELECT inode, arg_max({{'state': state, 'addr': local_addr, 'port': local_port, 'peer': peer_addr,
        'peer_port': peer_port, 'unread': recv_queue, 'unsent': send_queue, 'info': tcp_info}}, time_ns) AS last
    FROM socket_sample WHERE recv_queue IS NOT NULL AND protocol IN (6, 17) GROUP BY inode
)
SELECT c.pid, c.tid, c.call_id, c.name, w.fd, w.from_ns, w.wait_id, s.socket_id, m.last,
    (SELECT any_value(o.last.unread) FROM sample o WHERE o.last.addr = m.last.peer
        AND o.last.port = m.last.peer_port AND coalesce(o.last.peer_port, 0) IN (0, m.last.port)) AS unread
FROM wait w JOIN found USING (call_id) JOIN call c USING (call_id) JOIN socket s USING (socket_id)
JOIN sample m USING (inode)
WHERE w.ended_by = 'not ended' AND $end - w.from_ns >= {LEAST_NS} AND s.inode <> 0 AND m.last.peer_port > 0 AND (
    c.name = 'connect' AND m.last.state = 'SYN-SENT'
    OR c.name IN {SENDS} AND s.type = 'SOCK_STREAM' AND m.last.unsent > 0
    OR c.name IN {RECEIVES} AND s.type = 'SOCK_DGRAM')
ORDER BY c.call_id"""  # noqa: S608 (fixed text)

_SYNS = """
SELECT count(*) FROM segment g JOIN packet p USING (packet_id) JOIN endpoint e USING (connection_id)
WHERE e.socket_id = ? AND g.shown AND g.direction = e.sends AND p.flags & 18 = 2"""


@dataclass(frozen=True, slots=True)
class _Stuck:
    """A thread in its call. Times in ns; queues in bytes."""

    pid: int
    tid: int
    call_id: int
    name: str
    fd: int
    since: int
    wait_id: int
    socket_id: int
    last: dict[str, Any]
    unread: int | None  # at the other end

    @property
    def peer(self) -> str:
        """The other end's address."""
        return place(self.last["peer"], self.last["peer_port"])


def find(world: World) -> list[Step]:
    """One step for each process, call and place."""
    alike: dict[tuple[int, str, str], list[_Stuck]] = {}
    for row in world.db.execute(_QUERY, {"end": world.end_ns}).fetchall():
        stuck = _Stuck(*row)
        alike.setdefault((stuck.pid, stuck.name, stuck.peer), []).append(stuck)
    return [_step(world, same) for same in list(alike.values())[:MOST]]


def _step(world: World, same: list[_Stuck]) -> Step:
    first = same[0]
    who = thread(world, first.tid, first.pid) + (f" of {world.who(first.pid)}" if first.tid != first.pid else "")
    said = [
        f"{capital(who)} was in {code(first.name + '()')} on descriptor {first.fd} ({code(first.peer)}) when the "
        f"recording began, and was still in it {duration(world.end_ns - first.since)} later, at the end."
    ]
    tell = _connecting if first.name == "connect" else _sending if first.name in SENDS else _asking
    title, more, remedy = tell(world, first)
    said += more
    if len(same) > 1:
        said.append(f"{count(len(same) - 1, 'more thread')} wait{'s' if len(same) == 2 else ''} for the same place so.")
    evidence: list[Ref] = [*refs("call", [s.call_id for s in same][:3]), *refs("wait", [first.wait_id])]
    evidence += refs("socket", [first.socket_id])
    return Step("", title, tuple(said), first.since, refs=tuple(evidence), inferred=tell is _asking, remedy=remedy)


def _connecting(world: World, stuck: _Stuck) -> tuple[str, list[str], str]:
    (seen,) = world.db.execute(_SYNS, [stuck.socket_id]).fetchone() or (0,)
    again = _info(stuck).get("tcpi_retransmits", 0)
    said = (
        "The socket is in the state SYN-SENT: nothing has answered its SYN"
        + (f", which the kernel has sent {count(again + 1, 'time')} by now" if again else "")
        + (f" ({seen:,} of them while it was recorded)." if seen else ".")
    )
    return (
        "A connection is not made", [said, "A firewall that drops, a host that is gone and a full accept queue of the "
        "server look alike from here."],
        f"at the server: ss -ltn 'sport = :{stuck.last['peer_port']}' (Recv-Q above Send-Q is a full queue); from "
        f"here: tracepath or ping {stuck.last['peer']}",
    )  # fmt: skip


def _sending(world: World, stuck: _Stuck) -> tuple[str, list[str], str]:
    said = [f"Its kernel holds {count(stuck.last['unsent'], 'byte')} that wait to be sent or acknowledged."]
    info = _info(stuck)
    if info.get("tcpi_retransmits"):
        said.append(
            f"It has sent the first of them again {count(info['tcpi_retransmits'], 'time')} without an answer: they do "
            "not arrive, or nobody is there."
        )
        return (
            "Sent, and not acknowledged",
            said,
            f"see whether the way is there: tracepath or ping {stuck.last['peer']}",
        )
    if info.get("tcpi_notsent_bytes") and not info.get("tcpi_unacked", 1):
        said.append(
            "The other end has acknowledged all that was sent, and has no room for more: its receive buffer is full, "
            "as its program does not read."
        )
    if stuck.unread:
        said.append(f"{count(stuck.unread, 'byte')} lie unread there.")
    return (
        "Nobody reads what is sent", said,
        f"see what the program at the other end does (wiretale record -p PID): ss -tnp 'sport = "
        f":{stuck.last['peer_port']}' on its host shows which it is",
    )  # fmt: skip


def _asking(world: World, stuck: _Stuck) -> tuple[str, list[str], str]:
    said = ["The socket is connected, so it takes datagrams of that address only, and none came."]
    if stuck.unread:
        said.append(f"There, {count(stuck.unread, 'byte')} of the socket's memory hold datagrams that nobody has read.")
    said.append("If it has asked something, the question or its answer is lost, or nobody reads it (inferred).")
    return (
        "A datagram is waited for", said,
        f"see whether the server answers others (nc -u {stuck.last['peer']} {stuck.last['peer_port']}), and at its end "
        "ss -ulnp",
    )  # fmt: skip


def _info(stuck: _Stuck) -> dict[str, int]:
    info = stuck.last["info"]
    return decode_tcp_info(info) if info is not None else {}
