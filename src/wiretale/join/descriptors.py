"""The descriptor tables of all processes over time: which file each number meant, from when to when.

A process has one `_Table`, shared with every process made by clone(CLONE_FILES). Numbers refer to `File`s (open file
descriptions), which dup and fork share. The rows are few (one per descriptor made), so this is plain Python.
"""

from collections.abc import Callable, Mapping

import duckdb

from wiretale.join.descriptor_events import Change, Event, read_events
from wiretale.join.models import run
from wiretale.join.rows import put
from wiretale.light import dataclass, field
from wiretale.model.enums import FileKind

# calls whose result is always of one kind, whatever a sample says
_KIND_BY_HOW = {
    "socket": FileKind.SOCKET,
    "accept": FileKind.SOCKET,
    "socketpair": FileKind.SOCKET,
    "pipe": FileKind.PIPE,
    "open": FileKind.REGULAR,
    "memfd_create": FileKind.REGULAR,
}
_EVENT_CALLS = (
    "epoll_create",
    "eventfd",
    "timerfd_create",
    "signalfd",
    "inotify_init",
    "io_uring_setup",
    "userfaultfd",
)


def file_kind(how: str, name: str | None) -> FileKind:
    """What a file is, from the text of its /proc link (proc(5)) if there is one, else from the call that made it."""
    if name is not None:
        prefixes = (("socket:", FileKind.SOCKET), ("pipe:", FileKind.PIPE), ("anon_inode:", FileKind.EVENT))
        for prefix, kind in prefixes:
            if name.startswith(prefix):
                return kind
        if name.startswith(("/dev/pts/", "/dev/tty", "/dev/console", "/dev/ptmx")):
            return FileKind.TERMINAL
        if how not in _KIND_BY_HOW and not how.startswith(_EVENT_CALLS):
            return FileKind.REGULAR if name.startswith("/") else FileKind.OTHER
    if how.startswith(_EVENT_CALLS):
        return FileKind.EVENT
    return _KIND_BY_HOW.get(how, FileKind.OTHER)


@dataclass(slots=True, eq=False)
class File:
    """One open file description."""

    kind: FileKind
    name: str | None
    inode: int | None
    open_call_id: int | None
    from_ns: int
    to_ns: int | None = None
    holders: int = 0


@dataclass(slots=True, eq=False)
class Span:
    """One number of one table meaning one file."""

    fd: int
    file: File
    from_ns: int
    how: str
    open_call_id: int | None
    cloexec: bool
    to_ns: int | None = None
    end_how: str | None = None
    close_call_id: int | None = None


@dataclass(slots=True, eq=False)
class _Table:
    """One descriptor table; `pids` are the processes that share it."""

    open: dict[int, Span] = field(default_factory=dict)
    pids: set[int] = field(default_factory=set)


class Descriptors:
    """Takes events in order of time; `files` and `rows` (process, span) are what it found."""

    def __init__(self, born_ns: Mapping[int, int] | None = None) -> None:
        """`born_ns`: first sight of each process, from which its inherited descriptors are known."""
        self._born_ns = born_ns or {}
        self._used: set[tuple[int, int]] = set()
        self.files: list[File] = []
        self.rows: list[tuple[int, Span]] = []
        self._tables: dict[int, _Table] = {}
        self._by_inode: dict[int, File] = {}
        self._parent: dict[int, int] = {}
        self._unseen: dict[tuple[int, int], File] = {}
        self._apply: dict[Change, Callable[[Event], None]] = {
            Change.FORK: self._fork,
            Change.EXEC: self._exec,
            Change.CLOSE: self._close,
            Change.CLOSE_RANGE: self._close_range,
            Change.MAKE: self._make,
            Change.COPY: self._copy,
            Change.CLOEXEC: self._set_cloexec,
            Change.SAMPLE: self._sample,
            Change.USE: self._use,
            Change.EXIT: self._exit,
        }

    def apply(self, event: Event) -> None:
        self._apply[event.change](event)

    def _table(self, pid: int) -> _Table:
        table = self._tables.get(pid)
        if table is None:
            table = self._tables[pid] = _Table(pids={pid})
        return table

    def _new_file(self, event: Event, kind: FileKind) -> File:
        name = event.name
        if name is None and event.inode is not None and kind in (FileKind.SOCKET, FileKind.PIPE):
            name = f"{kind.value}:[{event.inode}]"
        file = File(kind, name, event.inode, event.call_id, event.time_ns)
        self.files.append(file)
        if event.inode is not None:
            self._by_inode[event.inode] = file
        return file

    def _add(self, table: _Table, span: Span) -> None:
        span.file.holders += 1
        span.file.to_ns = None
        table.open[span.fd] = span
        self._used |= {(pid, span.fd) for pid in table.pids}
        self.rows += [(pid, span) for pid in sorted(table.pids)]

    def _end(self, table: _Table, fd: int, time_ns: int, how: str, call_id: int | None) -> None:
        span = table.open.pop(fd, None)
        if span is None:
            return
        span.to_ns, span.end_how, span.close_call_id = max(time_ns, span.from_ns), how, call_id
        span.file.holders -= 1
        if span.file.holders == 0:
            span.file.to_ns = span.to_ns

    def _make(self, event: Event) -> None:
        table = self._table(event.pid)
        self._end(table, event.fd, event.time_ns, "unseen", None)
        file = self._passed(event) or self._new_file(event, file_kind(event.how, event.name))
        self._add(table, Span(event.fd, file, event.time_ns, event.how, event.call_id, event.cloexec))

    def _passed(self, event: Event) -> File | None:
        """The file of a descriptor received through a socket, if its inode is one that is known."""
        if event.how.startswith("received") and event.inode is not None:
            return self._by_inode.get(event.inode)
        return None

    def _copy(self, event: Event) -> None:
        table = self._table(event.pid)
        old = table.open.get(event.other)
        file = old.file if old is not None else self._inherit(event.pid, event.other, event).file
        self._end(table, event.fd, event.time_ns, f"{event.how} (replaced)", event.call_id)
        self._add(table, Span(event.fd, file, event.time_ns, event.how, event.call_id, event.cloexec))

    def _close(self, event: Event) -> None:
        table = self._table(event.pid)
        if event.fd not in table.open:
            self._inherit(event.pid, event.fd, event)
        self._end(table, event.fd, event.time_ns, "close", event.call_id)

    def _close_range(self, event: Event) -> None:
        table = self._table(event.pid)
        for fd in [fd for fd in table.open if event.fd <= fd <= event.other]:
            if event.how == "cloexec":
                table.open[fd].cloexec = True
            else:
                self._end(table, fd, event.time_ns, "close", event.call_id)

    def _set_cloexec(self, event: Event) -> None:
        span = self._table(event.pid).open.get(event.fd)
        if span is not None:
            span.cloexec = event.cloexec

    def _fork(self, event: Event) -> None:
        parent = self._table(event.pid)
        self._parent[event.other] = event.pid
        if event.how == "share":
            parent.pids.add(event.other)
            self._tables[event.other] = parent
            self.rows += [(event.other, span) for span in parent.open.values()]
            return
        child = self._tables[event.other] = _Table(pids={event.other})
        for span in list(parent.open.values()):
            self._add(child, Span(span.fd, span.file, event.time_ns, "fork", span.open_call_id, span.cloexec))

    def _exec(self, event: Event) -> None:
        table = self._table(event.pid)
        if len(table.pids) > 1:  # execve(2): a shared table is copied first
            table.pids.discard(event.pid)
            shared, table = table, _Table(pids={event.pid})
            self._tables[event.pid] = table
            for span in shared.open.values():
                self._add(table, Span(span.fd, span.file, event.time_ns, "fork", span.open_call_id, span.cloexec))
        for fd in [fd for fd, span in table.open.items() if span.cloexec]:
            self._end(table, fd, event.time_ns, "exec", event.call_id)

    def _exit(self, event: Event) -> None:
        table = self._table(event.pid)
        table.pids.discard(event.pid)
        if not table.pids:
            for fd in list(table.open):
                self._end(table, fd, event.time_ns, "exit", None)

    def _sample(self, event: Event) -> None:
        """procfs saw it: a descriptor older than the recording, or the name of one that is known."""
        table = self._table(event.pid)
        span = table.open.get(event.fd)
        if span is not None and (event.inode is None or span.file.inode in (None, event.inode)):
            file = span.file
            if event.name is not None and (file.name is None or file.kind is FileKind.OTHER):
                file.name, file.kind = event.name, file_kind(span.how, event.name)
            if event.inode is not None and file.inode is None:
                file.inode = event.inode
                self._by_inode[event.inode] = file
            return
        self._end(table, event.fd, event.time_ns, "unseen", None)
        same = self._by_inode.get(event.inode) if event.inode is not None else None
        file = same or self._new_file(event, file_kind("inherited", event.name))
        self._add(table, Span(event.fd, file, event.time_ns, "inherited", None, event.cloexec))

    def _use(self, event: Event) -> None:
        if event.fd not in self._table(event.pid).open:
            self._inherit(event.pid, event.fd, event)

    def _inherit(self, pid: int, fd: int, event: Event) -> Span:
        """A number in use that nothing explains. All descendants of one ancestor share the file they got from it."""
        root = pid
        while root in self._parent:
            root = self._parent[root]
        file = self._unseen.get((root, fd))
        if file is None:
            file = File(FileKind.OTHER, None, None, None, self._born_ns.get(root, event.time_ns))
            self.files.append(file)
            self._unseen[root, fd] = file
        # A number that meant something else before cannot have been there from the start.
        from_ns = event.time_ns if (pid, fd) in self._used else self._born_ns.get(pid, event.time_ns)
        span = Span(fd, file, min(from_ns, event.time_ns), "inherited", None, cloexec=False)
        self._add(self._table(pid), span)
        return span


_FILE = (
    ("file_id", "BIGINT"),
    ("kind", "VARCHAR"),
    ("name", "VARCHAR"),
    ("inode", "UBIGINT"),
    ("open_call_id", "BIGINT"),
    ("from_ns", "BIGINT"),
    ("to_ns", "BIGINT"),
)
_DESCRIPTOR = (
    ("pid", "INTEGER"),
    ("fd", "INTEGER"),
    ("file_id", "BIGINT"),
    ("from_ns", "BIGINT"),
    ("to_ns", "BIGINT"),
    ("how", "VARCHAR"),
    ("end_how", "VARCHAR"),
    ("open_call_id", "BIGINT"),
    ("close_call_id", "BIGINT"),
    ("cloexec", "BOOLEAN"),
)


def build_descriptors(db: duckdb.DuckDBPyConnection) -> None:
    """Fill `file` and `descriptor`."""
    born = db.execute("SELECT pid, min(start_ns) FROM task GROUP BY pid").fetchall()
    state = Descriptors(dict(born))
    for event in read_events(db):
        state.apply(event)
    files = sorted(state.files, key=lambda f: f.from_ns)
    ids = {id(f): n for n, f in enumerate(files, 1)}
    put(
        db,
        "j_file",
        _FILE,
        ((ids[id(f)], f.kind.value, f.name, f.inode, f.open_call_id, f.from_ns, f.to_ns) for f in files),
    )
    put(
        db,
        "j_descriptor",
        _DESCRIPTOR,
        (
            (
                pid,
                s.fd,
                ids[id(s.file)],
                s.from_ns,
                s.to_ns,
                s.how,
                s.end_how,
                s.open_call_id,
                s.close_call_id,
                s.cloexec,
            )
            for pid, s in state.rows
        ),
    )
    run(db, "file")
    run(db, "descriptor")
