"""A descriptor that is not open: closed twice, or -1 from an earlier failure."""

from wiretale.explain.odd._rows import Group, groups
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

EBADF = 9
# What is the matter: the number as the register held it, and whether the process had it open before.
_KIND = """
c.name || ' ' || CASE WHEN (c.a0 & 4294967295) >= 2147483648 THEN 'negative'
    WHEN EXISTS (SELECT 1 FROM descriptor d WHERE d.pid = c.pid AND d.fd = (c.a0 & 4294967295)::BIGINT
        AND d.to_ns <= c.entry_ns AND d.end_how = 'close') THEN 'closed' ELSE 'never' END"""
_FD = "CASE WHEN (c.a0 & 4294967295) < 2147483648 THEN (c.a0 & 4294967295)::INTEGER END"
# Calls whose first argument is a descriptor are those that act on one (call.fd), and close, for which -1 is none.
# To read the flags of a number (fcntl's F_GETFD is 1, F_GETFL 3) is how a shell asks whether it is open.
_CONDITION = f"""c.errno = {EBADF} AND (c.fd IS NOT NULL OR c.name = 'close')
AND NOT (c.name IN ('fcntl', 'fcntl64') AND (c.a1 & 4294967295) IN (1, 3))"""
# One call after the other on each number of a range, whatever is open: to close all, as before exec, or to ask or set
# something of all. Of such calls the number rises or falls by one from call to call of the thread.
_RANGE = 8
_SWEPT = f"""
SELECT call_id FROM (
    SELECT call_id, count(*) OVER (PARTITION BY task_id, name, fd - n) AS rising,
        count(*) OVER (PARTITION BY task_id, name, fd + n) AS falling
    FROM (SELECT call_id, task_id, name, (a0 & 4294967295)::BIGINT AS fd,
            row_number() OVER (PARTITION BY task_id ORDER BY call_id) AS n
        FROM call WHERE task_id IN (SELECT task_id FROM call WHERE errno = {EBADF}))
) WHERE greatest(rising, falling) >= {_RANGE}"""  # noqa: S608 (fixed text)


# Of programs that have a socket at some time: what shells and others do with their files is no tale of a network.
_NETWORKS = "c.pid IN (SELECT d.pid FROM descriptor d JOIN file f USING (file_id) WHERE f.kind = 'socket')"


def find(world: World) -> list[Step]:
    """Calls that failed with EBADF in programs of one thread, where nothing comes of it."""
    return [_step(world, group) for group in _found(world) if not _has_threads(world, group)][:8]


def find_risky(world: World) -> list[Step]:
    """The same in programs with threads: there the number can be another's by then."""
    if not any(process.threads for process in world.processes.values()):
        return []
    return [_step(world, group) for group in _found(world) if _has_threads(world, group)][:8]


def _found(world: World) -> list[Group]:
    if not world.signs.met(EBADF):
        return []
    return groups(world, f"{_CONDITION} AND {_NETWORKS} AND c.call_id NOT IN ({_SWEPT})", _KIND, fd=_FD)


def _has_threads(world: World, group: Group) -> bool:
    return any(world.processes[pid].threads for pid in group.pids if pid in world.processes)


def _step(world: World, group: Group) -> Step:
    name, _, kind = group.key.partition(" ")
    who = group.who(world)
    background: tuple[str, ...] = ()
    title, remedy = "A descriptor that is not open", ""
    number = "a descriptor" if group.fd is None else f"descriptor {group.fd}"
    if kind == "negative":
        title = f"{name}() of a negative number"
        said = f"{who} called {code(name + '()')} with a negative number as descriptor ({group.times}): EBADF."
        background = ("That is what a call returns that failed: the program goes on with it without having looked.",)
    elif kind == "closed" and name == "close":
        title = "A descriptor is closed twice"
        said = f"{who} closed {number} again ({group.times}) when it was already closed; the kernel answered EBADF."
        background = (
            "The program has threads: by then the number may be another file's, which is then closed by mistake."
            if _has_threads(world, group) else
            "In a program with one thread that does nothing. With several, the number may by then be another file's.",
        )  # fmt: skip
        remedy = "forget the number when it is closed (set the variable to -1)"
    elif kind == "closed":
        said = f"{who} called {code(name + '()')} on {number} {group.times} after having closed it: EBADF."
        background = ("Had the number been given to another file meanwhile, the call would have acted on that one.",)
    else:
        said = f"{who} called {code(name + '()')} on {number} {group.times}, which was not open: EBADF."
    return Step(
        "", title, (said,), group.first_ns, refs=group.refs, topics=("EBADF",), background=background, remedy=remedy
    )
