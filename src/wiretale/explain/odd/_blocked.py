"""Shared by the oddities: the call in which a thread was blocked at a moment, on what, and since when."""

from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.explain.conversation import SENDS
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Ref
from wiretale.explain.words import code, listed, place
from wiretale.explain.world import World
from wiretale.light import dataclass

_CALL = """
SELECT c.call_id, c.pid, c.tid, coalesce(c.restarts, c.name), c.start_ns, coalesce(w.fd, c.fd), f.kind, f.file_id,
    f.inode, f.name, o.addr, o.port
FROM call c LEFT JOIN wait w USING (call_id) LEFT JOIN call_file x USING (call_id) LEFT JOIN file f USING (file_id)
LEFT JOIN endpoint e ON e.socket_id = coalesce(w.socket_id, x.socket_id)
LEFT JOIN endpoint o ON o.connection_id = e.connection_id AND o.role <> e.role
WHERE c.tid = $tid AND c.start_ns <= $at AND (c.exit_ns IS NULL OR c.exit_ns > $at)
ORDER BY c.call_id DESC LIMIT 1"""

# Descriptors of the other end of a pipe. Both ends are one file where the pipe was there before the recording: which is
# which stands in the flags of the sample.
_OTHER_END = """
SELECT DISTINCT d.pid, d.fd FROM descriptor d JOIN file f USING (file_id)
WHERE f.kind = 'pipe' AND f.inode = $inode AND d.from_ns <= $at AND (d.to_ns IS NULL OR d.to_ns > $at)
    AND coalesce((SELECT arg_max(s.flags & 1, s.time_ns) = CASE WHEN $writes THEN 0 ELSE 1 END FROM descriptor_sample s
        WHERE s.pid = d.pid AND s.fd = d.fd AND s.inode = f.inode AND s.flags IS NOT NULL), f.file_id <> $file)
ORDER BY ALL LIMIT 10"""

_NAME = """SELECT arg_max(comm, start_ns) FROM task WHERE tid = ? AND comm <> ''"""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A call that had not returned at a moment. `took_ns`: how long it had been in the kernel then, as recorded."""

    call_id: int
    pid: int
    tid: int
    name: str
    took_ns: int
    on: str  # ` on descriptor 4 (a pipe)`, or nothing; of a plain file its path

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The row."""
        return refs("call", [self.call_id])

    @property
    def sentence(self) -> str:
        """`had been in write() on descriptor 4 (a pipe) for 3 s`."""
        return f"had been in {code(self.name + '()')}{self.on} for {duration(self.took_ns)}"


def blocked(world: World, tid: int, at: int) -> Blocked | None:
    """The call a thread was in at a time in ns; None if in none that was recorded."""
    row = world.db.execute(_CALL, {"tid": tid, "at": at}).fetchone()
    if row is None:
        return None
    call_id, pid, _, name, since, fd, kind, file_id, inode, path, addr, port = row
    on = f" on descriptor {fd}" if fd is not None else ""
    if kind == "pipe":
        on += f" (a pipe{other_end(world, pid, (file_id, inode), at, writes=name in SENDS)})"
    elif kind == "file" and path:
        on += f" ({code(escape_text(path))})"
    elif addr:
        on += f" (connected to {code(place(addr, port))})"
    return Blocked(call_id, pid, tid, name, at - since, on)


def other_end(world: World, pid: int, pipe: tuple[int, int | None], at: int, *, writes: bool) -> str:
    """`, whose other end pid 9 (cat) holds as descriptor 0`; nothing if no recorded process does.

    `pipe`: file_id and inode; `writes`: the end at hand is that for writing.
    """
    asked = {"file": pipe[0], "inode": pipe[1], "at": at, "writes": writes}
    held = world.db.execute(_OTHER_END, asked).fetchall()
    if not held:
        return ""
    own = [fd for holder, fd in held if holder == pid]
    parts = [f"the same process holds as descriptor {listed([str(fd) for fd in own])}"] if own else []
    parts += [f"{world.who(holder)} holds as descriptor {fd}" for holder, fd in held if holder != pid]
    return f", whose other end {listed(parts)}"


def thread(world: World, tid: int, pid: int) -> str:
    """`thread 14 (worker)`, by the name it gave itself; the first thread of a process by its process."""
    if tid == pid:
        return world.who(pid)
    row = world.db.execute(_NAME, [tid]).fetchone()
    process = world.processes.get(pid)
    name = row[0] if row else None
    own = f" ({escape_text(name)})" if name and (process is None or name != process.comm) else ""
    return f"thread {tid}{own}"
