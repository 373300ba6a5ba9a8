"""Copies of a socket: descriptors made by dup() and fork() mean the same one, and closing a copy ends nothing."""

from collections.abc import Iterable, Sequence

import duckdb

from wiretale.explain.rows import Call
from wiretale.explain.story import Step
from wiretale.explain.words import listed
from wiretale.explain.world import World

Holder = tuple[int, int]  # a process and its descriptor

_HOLDERS = """
SELECT x.close_call_id, d.pid, d.fd FROM descriptor x JOIN descriptor d USING (file_id)
WHERE x.close_call_id IN (SELECT unnest(?)) AND d.descriptor_id <> x.descriptor_id AND d.from_ns <= x.to_ns
    AND (d.to_ns IS NULL OR d.to_ns > x.to_ns)
ORDER BY ALL"""


def holders_after(db: duckdb.DuckDBPyConnection, calls: Iterable[Call]) -> dict[int, tuple[Holder, ...]]:
    """For each close() that left the socket open: who held it then."""
    wanted = [call.call_id for call in calls if call.name == "close" and not call.failed]
    found: dict[int, tuple[Holder, ...]] = {}
    for call_id, pid, fd in db.execute(_HOLDERS, [wanted]).fetchall() if wanted else ():
        found[call_id] = (*found.get(call_id, ()), (pid, fd))
    return found


def copies_closed(world: World, closes: Sequence[tuple[Call, tuple[Holder, ...]]]) -> list[Step]:
    """One step for all copies that were closed while somebody still held the socket."""
    if not closes:
        return []
    first, last = closes[0][0], closes[-1]
    who = listed([world.who(pid) for pid in dict.fromkeys(call.pid for call, _ in closes)], 4)
    left = listed([f"{world.who(pid)} as descriptor {fd}" for pid, fd in last[1]], 3)
    many = len(closes) > 1
    numbers = list(dict.fromkeys(call.fd for call, _ in closes))
    which = "descriptors which are" if len(numbers) > 1 else f"descriptor {numbers[0]}, which is"
    said = (
        f"{who} {'close' if who.count('pid ') > 1 else 'closes'} {which} not the last of this socket (fork() and dup() "
        "make more of them). That sends nothing and ends nothing: afterwards the socket was still held by "
        f"{left}."
    )
    title = "Descriptors are closed, and the socket stays" if many else "A descriptor is closed, and the socket stays"
    return [
        Step(
            "", title, (said,), first.entry_ns, first.text,
            refs=tuple(call.ref for call, _ in closes), topics=("close",),
        )
    ]  # fmt: skip
