"""Shared by the oddities: groups of like calls, each with its first calls as evidence."""

from dataclasses import dataclass

from wiretale.explain.story import Ref
from wiretale.explain.words import count
from wiretale.explain.world import World

SHOWN_CALLS = 5


@dataclass(frozen=True, slots=True)
class Group:
    """Like calls of one process."""

    pid: int
    key: str  # what they have in common: a name, an option
    fd: int | None
    total: int
    first_ns: int
    refs: tuple[Ref, ...]

    @property
    def times(self) -> str:
        """`once`, `twice`, `7 times`."""
        return {1: "once", 2: "twice"}.get(self.total, count(self.total, "time"))


def groups(world: World, condition: str, key: str = "c.name", joins: str = "", fd: str = "c.fd") -> list[Group]:
    """Calls that satisfy `condition` (fixed text of the oddity), by process, key and descriptor."""
    rows = world.db.execute(
        f"SELECT c.pid, {key} AS key, {fd} AS fd, count(*), min(c.entry_ns),"  # noqa: S608 (fixed text of this package)
        f" list_sort(list(c.call_id))[1:{SHOWN_CALLS}] FROM call c {joins} WHERE {condition}"
        " GROUP BY ALL ORDER BY min(c.entry_ns), c.pid LIMIT 12"
    ).fetchall()
    return [
        Group(pid, str(found), number, total, first, tuple(Ref("call", i, f"call {i}") for i in ids))
        for pid, found, number, total, first, ids in rows
    ]
