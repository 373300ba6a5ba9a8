"""Threads that wait for a mutex, and the thread that holds it: who it is stands in the mutex itself.

glibc keeps the owner beside the word on which futex() waits; it was read when the recording was stopped, while the
thread waited (`thread_sample`). Locks of other makers name nobody: of those nothing is told.
"""

from wiretale.decode.durations import duration
from wiretale.explain.odd._blocked import blocked, thread
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, count, listed
from wiretale.explain.world import World
from wiretale.light import dataclass

LEAST_NS = 1_000_000_000
MOST = 4

# The futex() must be the one in which the thread was when its mutex was read.
_QUERY = """
SELECT s.pid, s.tid, s.lock_address, s.lock_kind, s.lock_owner_tid, s.lock_owner_pid, s.time_ns, c.call_id, c.start_ns,
    c.a3 <> 0
FROM thread_sample s JOIN call c ON c.tid = s.tid AND c.a0 = s.lock_address AND c.start_ns <= s.time_ns
    AND (c.exit_ns IS NULL OR c.exit_ns > s.time_ns)
WHERE s.lock_owner_tid IS NOT NULL AND c.name LIKE 'futex%' AND s.time_ns - c.start_ns >= $least
ORDER BY s.pid, c.start_ns, s.tid"""

_ENDED = "SELECT max(end_ns) FROM task WHERE pid = ? AND tid = ? AND end_how IN ('exited', 'killed')"
_PARENT = "SELECT parent_pid FROM task WHERE pid = ? AND parent_pid IS NOT NULL ORDER BY start_ns LIMIT 1"


@dataclass(frozen=True, slots=True)
class _Waiter:
    """One thread that waits for a mutex. Times in ns."""

    pid: int
    tid: int
    address: int
    kind: str
    owner_tid: int
    owner_pid: int | None
    at: int
    call_id: int
    since: int
    has_limit: bool

    @property
    def took(self) -> int:
        """How long, as far as it was recorded."""
        return self.at - self.since


def find(world: World) -> list[Step]:
    """One step for each circle of threads, and one for each other lock that threads wait for."""
    waiters = {row[1]: _Waiter(*row) for row in world.db.execute(_QUERY, {"least": LEAST_NS}).fetchall()}
    steps, told = [], set[int]()
    for waiter in waiters.values():
        circle = _circle(waiter, waiters)
        if circle and waiter.tid not in told:
            told.update(w.tid for w in circle)
            steps.append(_deadlock(world, circle, waiters))
    by_lock: dict[tuple[int, int], list[_Waiter]] = {}
    for waiter in waiters.values():
        if waiter.tid not in told and waiter.owner_tid not in told:
            by_lock.setdefault((waiter.pid, waiter.address), []).append(waiter)
    ends_at: dict[int, list[_Waiter]] = {}
    for same in by_lock.values():
        if same[0].owner_tid not in waiters:
            ends_at.setdefault(same[0].owner_tid, []).extend(same)
    behind = [w for same in by_lock.values() for w in same if w.owner_tid in waiters]
    steps += [_held(world, same, behind) for same in ends_at.values()]
    return steps[:MOST]


def _circle(first: _Waiter, waiters: dict[int, _Waiter]) -> list[_Waiter]:
    """The threads of which each waits for the next, and the last for the first; empty if there is no such circle."""
    found = [first]
    while (nearest := waiters.get(found[-1].owner_tid)) is not None and nearest.pid == first.pid:
        if nearest is first:
            return found
        if nearest in found:
            return []
        found.append(nearest)
    return []


def _lock(waiter: _Waiter) -> str:
    return f"the mutex at {code(hex(waiter.address))}"


def _deadlock(world: World, circle: list[_Waiter], waiters: dict[int, _Waiter]) -> Step:
    first = circle[0]
    evidence: list[Ref] = [*refs("call", [w.call_id for w in circle])]
    said = []
    if len(circle) == 1:
        said.append(
            f"{capital(thread(world, first.tid, first.pid))} of {world.who(first.pid)} has waited in "
            f"{code('futex()')} for {duration(first.took)}, to the end of what was recorded, for {_lock(first)}, whose "
            f"owner is that thread itself: it locked a mutex of kind {code(first.kind)} twice."
        )
    else:
        for waiter in circle:
            said.append(
                f"{capital(thread(world, waiter.tid, waiter.pid))} of {world.who(waiter.pid)} has waited in "
                f"{code('futex()')} for {duration(waiter.took)}, to the end of what was recorded, for {_lock(waiter)}, "
                f"whose owner is {thread(world, waiter.owner_tid, waiter.pid)}."
            )
    if any(w.has_limit for w in circle):
        said.append("None of them goes on before a time limit of one of these waits runs out.")
    else:
        who = "It" if len(circle) == 1 else "Each waits for the next, and the last for the first: none of them"
        said.append(f"{who} will {'never' if len(circle) == 1 else 'ever'} go on: a deadlock.")
    owners = {w.tid for w in circle}
    others = [w for w in waiters.values() if w.tid not in owners and _ends_in(w, owners, waiters)]
    if others:
        whom = listed([thread(world, w.tid, w.pid) for w in others], 4)
        said.append(f"{capital(whom)} wait{'s' if len(others) == 1 else ''} for a lock behind them.")
        evidence += refs("call", [w.call_id for w in others][:3])
    return _step("A deadlock", said, first, evidence)


def _ends_in(waiter: _Waiter, owners: set[int], waiters: dict[int, _Waiter]) -> bool:
    """Whether what a thread waits for is in the end held by one of `owners`."""
    seen: set[int] = set()
    at: _Waiter | None = waiter
    while at is not None and at.tid not in seen:
        seen.add(at.tid)
        if at.owner_tid in owners:
            return True
        at = waiters.get(at.owner_tid)
    return False


def _held(world: World, same: list[_Waiter], behind: list[_Waiter]) -> Step:
    first = min(same, key=lambda w: w.since)
    evidence: list[Ref] = [*refs("call", [w.call_id for w in same][:3])]
    who = (
        f"{thread(world, first.tid, first.pid)} of {world.who(first.pid)} has"
        if len(same) == 1
        else f"{len(same)} threads of {world.who(first.pid)} have"
    )
    longest = f"{'' if len(same) == 1 else 'up to '}{duration(first.took)}"
    said = [
        f"{capital(who)} waited in {code('futex()')} for {longest}, to the end of what was recorded, for "
        f"{_locks(same)} that {_owner(world, first)}."
    ]
    if first.owner_pid == first.pid:
        said.append(_what_it_does(world, first, evidence))
    if chained := [w for w in behind if w.pid == first.pid]:
        said.append(
            f"{count(len(chained), 'more thread')} wait{'s' if len(chained) == 1 else ''} for locks that "
            f"{'that thread' if len(same) == 1 else 'those threads'} or others behind hold."
        )
        evidence += refs("call", [w.call_id for w in chained][:3])
    return _step("Waits for a lock that another thread holds", said, first, evidence)


def _locks(same: list[_Waiter]) -> str:
    addresses = dict.fromkeys(w.address for w in same)
    return _lock(same[0]) if len(addresses) == 1 else f"{len(addresses)} mutexes"


def _owner(world: World, waiter: _Waiter) -> str:
    """`thread 18 (logger) holds`, and what is to be said if there is no such thread in the process."""
    if waiter.owner_pid == waiter.pid:
        return f"{thread(world, waiter.owner_tid, waiter.pid)} holds"
    parent = world.db.execute(_PARENT, [waiter.pid]).fetchone()
    if waiter.owner_pid is not None and parent is not None and parent[0] == waiter.owner_pid:
        return (
            f"names a thread of its parent, {waiter.owner_tid}, as its owner: fork() copied it while it was locked, "
            "and nobody is left to unlock the copy (inferred)"
        )
    ended = world.db.execute(_ENDED, [waiter.pid, waiter.owner_tid]).fetchone()
    if ended is not None and ended[0] is not None:
        return f"thread {waiter.owner_tid} held when it ended, at {world.at(ended[0])}"
    return f"names thread {waiter.owner_tid} as its owner, which is none of the process's threads"


def _what_it_does(world: World, waiter: _Waiter, evidence: list[Ref]) -> str:
    at = blocked(world, waiter.owner_tid, waiter.at)
    if at is None:
        return "That thread was in no call then: it ran its own code, or waited for a CPU."
    evidence += at.refs
    return f"That thread {at.sentence} then."


def _step(title: str, said: list[str], first: _Waiter, evidence: list[Ref]) -> Step:
    return Step(
        "", title, tuple(said), first.since, refs=tuple(evidence),
        background=("Who holds a mutex stands in the mutex: glibc writes the thread's number beside the word that "
                    "futex() waits on. It was read when the recording was stopped.",),
        remedy=f"see where the threads took their locks: gdb -p {first.pid} -batch -ex 'thread apply all bt'",
    )  # fmt: skip
