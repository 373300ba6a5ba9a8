"""Shared by the oddities: like calls put together, and the rows they are proven by."""

from collections.abc import Iterable

from wiretale.decode.escape import escape_text
from wiretale.explain.story import Ref
from wiretale.explain.words import count, listed
from wiretale.explain.world import World
from wiretale.light import dataclass, replace

SHOWN_CALLS = 5
MOST_GROUPS = 200
MOST_REFS = 10
SAME_PROGRAM_TOLD = 2  # processes of one program that are told one by one


@dataclass(frozen=True, slots=True)
class Group:
    """Like calls of one process, or of several that run one program (`pids`). `fd` is None if they differ."""

    pids: tuple[int, ...]
    key: str  # what they have in common: a name, an option
    fd: int | None
    total: int
    first_ns: int
    refs: tuple[Ref, ...]

    @property
    def times(self) -> str:
        """`once`, `twice`, `7 times`."""
        return times(self.total)

    def who(self, world: World) -> str:
        """`pid 12 (nc)`, or `4 processes (nginx)`."""
        return people(world, self.pids)

    @property
    def is_one(self) -> bool:
        """Whether it speaks of one process."""
        return len(self.pids) == 1


def times(total: int) -> str:
    """`once`, `twice`, `7 times`."""
    return {1: "once", 2: "twice"}.get(total, count(total, "time"))


def people(world: World, pids: tuple[int, ...]) -> str:
    """`pid 12 (nc)`; several processes of one program by their number."""
    if len(pids) == 1:
        return world.who(pids[0])
    return f"{count(len(pids), 'process', 'processes')} ({_comm(world, pids[0])})"


def _comm(world: World, pid: int) -> str:
    process = world.processes.get(pid)
    return escape_text(process.comm) if process is not None else f"pid {pid}"


def refs(table: str, ids: Iterable[int], label: str = "") -> tuple[Ref, ...]:
    """Rows as evidence."""
    return tuple(Ref(table, i, f"{label or table} {i}") for i in ids)


def packet_refs(packets: Iterable[tuple[int, int]]) -> tuple[Ref, ...]:
    """Packets, given as (id, number), as evidence."""
    return tuple(Ref("packet", i, f"packet {n}") for i, n in packets)


def groups(world: World, condition: str, key: str = "c.name", joins: str = "", fd: str = "c.fd") -> list[Group]:
    """Calls that satisfy `condition` (fixed text of the oddity), by process, key and descriptor.

    The same of more than a few processes of one program is one group: the workers of a server all do alike.
    """
    rows = world.db.execute(
        f"SELECT c.pid, {key} AS key, {fd} AS fd, count(*), min(c.entry_ns),"  # noqa: S608 (fixed text of this package)
        f" list_sort(list(c.call_id))[1:{SHOWN_CALLS}] FROM call c {joins} WHERE {condition}"
        f" GROUP BY ALL ORDER BY min(c.entry_ns), c.pid LIMIT {MOST_GROUPS}"
    ).fetchall()
    found = [
        Group((pid,), str(value), number, total, first, refs("call", ids))
        for pid, value, number, total, first, ids in rows
    ]
    return merged(world, found)


def merged(world: World, found: list[Group]) -> list[Group]:
    """Groups of many processes of one program put together."""
    alike: dict[tuple[str, str], list[Group]] = {}
    for group in found:
        alike.setdefault((_comm(world, group.pids[0]), group.key), []).append(group)
    result: list[Group] = []
    for same in alike.values():
        pids = tuple(dict.fromkeys(pid for group in same for pid in group.pids))
        if len(pids) <= SAME_PROGRAM_TOLD:
            result += same
            continue
        fds = {group.fd for group in same}
        result.append(
            replace(
                same[0], pids=pids, fd=fds.pop() if len(fds) == 1 else None, total=sum(g.total for g in same),
                refs=tuple(ref for group in same for ref in group.refs)[:SHOWN_CALLS],
            )
        )  # fmt: skip
    return sorted(result, key=lambda group: group.first_ns)


def each(world: World, found: list[Group], most: int = 6) -> str:
    """`pid 12 (nc) twice, pid 13 (curl) once`: one sentence for all that did a thing."""
    return listed([f"{group.who(world)} {group.times}" for group in found], most)


def all_refs(found: list[Group]) -> tuple[Ref, ...]:
    """The rows of several groups, some of each."""
    some = max(1, MOST_REFS // max(len(found), 1))
    return tuple(ref for group in found for ref in group.refs[:some])[:MOST_REFS]


def descriptor(fd: int | None) -> str:
    """` on descriptor 3`, or nothing where they differ."""
    return f" on descriptor {fd}" if fd is not None else ""
