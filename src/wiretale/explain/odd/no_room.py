"""Writes that waited a second or longer for room: in a pipe that nobody emptied, or in a queue of datagrams.

A write to a pipe sleeps only while there is no room for it (pipe(7)); how long a large one takes tells of its size and
not of the reader, so it counts only up to the size of a whole pipe.
"""

from wiretale.decode.durations import duration
from wiretale.explain.conversation import SENDS
from wiretale.explain.odd._blocked import other_end, thread
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Ref, Step
from wiretale.explain.words import capital, code, count
from wiretale.explain.world import World

LEAST_NS = 1_000_000_000
MOST = 3
PIPE_BYTES = 65536  # what a pipe holds unless it was asked to hold more (pipe(7))

# A thread that was stopped, by a signal or a debugger, did not wait for room meanwhile.
_QUERY = f"""
SELECT c.pid, c.fd, f.file_id, f.inode, f.kind, min(c.start_ns), count(*), arg_max({{'call': c.call_id, 'tid': c.tid,
    'name': c.name, 'size': c.a2, 'start': c.start_ns, 'end': c.exit_ns}}, coalesce(c.exit_ns, $end) - c.start_ns)
FROM call c JOIN call_file x USING (call_id) JOIN file f USING (file_id) LEFT JOIN socket s ON s.socket_id = x.socket_id
WHERE c.name IN {SENDS} AND coalesce(c.exit_ns, $end) - c.start_ns >= $least
    AND (f.kind = 'pipe' AND c.a2 <= {PIPE_BYTES} AND c.name = 'write'
        OR f.kind = 'socket' AND s.family = 'AF_UNIX' AND s.type = 'SOCK_DGRAM')
    AND NOT EXISTS (FROM signal g WHERE g.tid = c.tid AND g.stopped AND g.time_ns BETWEEN c.start_ns
        AND coalesce(c.exit_ns, $end))
    AND NOT EXISTS (FROM thread_sample m WHERE m.tid = c.tid AND m.state = 'T')
GROUP BY ALL ORDER BY max(coalesce(c.exit_ns, $end) - c.start_ns) DESC LIMIT {MOST}"""  # noqa: S608 (fixed text)

_READS = """
SELECT count(*), max(c.exit_ns) FROM call c JOIN call_file x USING (call_id) JOIN file f USING (file_id)
WHERE f.kind = 'pipe' AND f.inode = ? AND c.retval > 0 AND c.name IN ('read', 'readv', 'splice')"""


def find(world: World) -> list[Step]:
    """One step for each descriptor, the longest wait first."""
    steps = []
    for pid, fd, file_id, inode, kind, since, total, longest in world.db.execute(
        _QUERY, {"end": world.end_ns, "least": LEAST_NS}
    ).fetchall():
        end = longest["end"]
        until = world.end_ns if end is None else end
        what = "a pipe" if kind == "pipe" else "a unix socket for datagrams"
        end_of_it = "and had not returned when the recording ended" if end is None else "and then returned"
        whose = other_end(world, pid, (file_id, inode), until, writes=True) if kind == "pipe" else ""
        evidence: list[Ref] = [*refs("call", [longest["call"]])]
        who = thread(world, longest["tid"], pid)
        if longest["tid"] != pid:
            who += f" of {world.who(pid)}"
        said = [
            f"{capital(who)} waited {duration(until - longest['start'])} in {code(longest['name'] + '()')} on "
            f"descriptor {fd} ({what}{whose}), {end_of_it}: "
            + (f"the pipe had no room for {count(longest['size'], 'byte')}."
               if kind == "pipe" else "the queue of the other end was full."),
        ]  # fmt: skip
        if kind == "pipe" and whose:
            reads, last = world.db.execute(_READS, [inode]).fetchone() or (0, None)
            said.append(
                f"The last recorded read of it returned at {world.at(last)}." if reads else "No recorded call read it."
            )
        if total > 1:
            said.append(f"{total} calls on that descriptor waited so long.")
        steps.append(
            Step("", "Waits for room to write", tuple(said), since, refs=tuple(evidence),
                 background=("Whoever holds the other end has to read before a blocking write goes on; a thread that "
                             "holds a lock meanwhile stops all who want it.",),
                 remedy=f"who holds the other end: lsof -nP -p {pid} -a -d {fd} +E")
        )  # fmt: skip
    return steps
