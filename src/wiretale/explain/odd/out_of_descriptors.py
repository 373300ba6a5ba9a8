"""A process, or the machine, that may open no more descriptors: EMFILE, ENFILE; what those that are open are."""

from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, count, listed
from wiretale.explain.world import World

EMFILE, ENFILE = 24, 23
MOST = 4

_QUERY = f"""
SELECT pid, errno, count(*), min(entry_ns), max(entry_ns), list(DISTINCT name ORDER BY name),
    list(call_id ORDER BY call_id)[1:4]
FROM call WHERE errno IN ({EMFILE}, {ENFILE}) GROUP BY pid, errno ORDER BY min(entry_ns)"""  # noqa: S608 (numbers)

# The descriptors of a process at one moment by what they are; of TCP sockets whether the other end has closed.
_OPEN = """
SELECT f.kind, count(*), count(*) FILTER (d.file_id IN (
    SELECT s.file_id FROM tcp_state t JOIN socket s USING (socket_id)
    WHERE t.state = 'CLOSE-WAIT' AND t.from_ns <= $at AND coalesce(t.to_ns, $at + 1) > $at))
FROM descriptor d JOIN file f USING (file_id)
WHERE d.pid = $pid AND d.from_ns <= $at AND coalesce(d.to_ns, $at + 1) > $at GROUP BY 1 ORDER BY 2 DESC, 1"""

# Connections to a port at which the process listens that stood, and that no recorded accept() took.
_QUEUED = """
SELECT count(*) FROM connection k JOIN endpoint e ON e.connection_id = k.connection_id AND e.role = 'server'
WHERE k.established_ns IS NOT NULL AND e.socket_id IS NULL AND k.protocol = 'tcp' AND e.port IN (
    SELECT m.local_port FROM descriptor d JOIN socket s USING (file_id) JOIN socket_sample m ON m.inode = s.inode
    WHERE d.pid = ? AND s.listening AND m.state = 'LISTEN')"""

_BACKGROUND = (
    "A server that meets this in accept() leaves the connection in the queue and, if it waits for events, is told of "
    "it again at once: it may turn in a circle.",
)
_REMEDY = {
    EMFILE: "wiretale fds FILE lists what was open: close what is not needed, or raise the limit (ulimit -n)",
    ENFILE: "sysctl fs.file-nr fs.file-max; lsof shows who holds them",
}
_KINDS = {"socket": ("socket", "sockets"), "file": ("file", "files"), "pipe": ("end of a pipe", "ends of pipes")}


def find(world: World) -> list[Step]:
    """One step for each process and error."""
    if not world.signs.met(EMFILE, ENFILE):
        return []
    return [_step(world, row) for row in world.db.execute(_QUERY).fetchmany(MOST)]


def _step(world: World, row: tuple[int, int, int, int, int, list[str], list[int]]) -> Step:
    pid, errno, total, first, last, names, calls = row
    error = "EMFILE" if errno == EMFILE else "ENFILE"
    why = (
        "no number below its limit (RLIMIT_NOFILE) is free"
        if errno == EMFILE
        else "the whole machine has as many files open as it may (fs.file-max)"
    )
    span = f"between {world.at(first)} and {world.at(last)}" if total > 1 else f"at {world.at(first)}"
    who = f"{listed([code(name + '()') for name in names])} of {world.who(pid)}"
    said = [f"{who} failed {count(total, 'time')} {span} with {code(error)}: {why}."]
    evidence: list[Ref] = list(refs("call", calls))
    said += _open(world, pid, first)
    queued = world.db.execute(_QUEUED, [pid]).fetchone()
    if queued is not None and queued[0] and any(name.startswith("accept") for name in names):
        them, whose = ("it", "its client") if queued[0] == 1 else ("them", "their clients")
        said.append(
            f"{capital(count(queued[0], 'connection'))} to it stood, by the kernel's doing, and no recorded call "
            f"accepted {them}: unless a process that was not recorded did, what {whose} sent lay in the "
            "queue."
        )
    return Step(
        "", f"No descriptor left: {error}", tuple(said), first, refs=tuple(evidence), topics=(error,),
        background=_BACKGROUND if errno == EMFILE else (), remedy=_REMEDY[errno],
    )  # fmt: skip


def _open(world: World, pid: int, at: int) -> list[str]:
    """What the process had open, as far as the recording knows."""
    rows = world.db.execute(_OPEN, {"pid": pid, "at": at}).fetchall()
    if not rows:
        return []
    kinds = [count(number, *_KINDS.get(kind, ("other", "others"))) for kind, number, _ in rows]
    said = [f"It had {count(sum(number for _, number, _ in rows), 'descriptor')} open then: {listed(kinds)}."]
    waiting = sum(closed for *_, closed in rows)
    if waiting:
        said.append(
            f"The other end of {waiting:,} of these sockets had closed (CLOSE-WAIT): the program has only to close "
            "them."
        )
    return said
