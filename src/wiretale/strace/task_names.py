"""The names of processes and threads (-Y), as they were at the stop."""

from pathlib import Path

from wiretale.decode.strace.strings import label_text
from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.store.load.tracer_events import TracerEvent

_PR_SET_NAME, _MOST = 15, 15  # linux/prctl.h, TASK_COMM_LEN - 1 of linux/sched.h


class TaskNames:
    """Takes all events in order."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def take(self, e: TracerEvent) -> None:
        """Learn the name that a task has from now on, and those of the processes that it names."""
        for chunk in e.chunks:
            if chunk.role in (Role.COMM, Role.NAME):
                whose = e.tid if chunk.role == Role.COMM else chunk.detail
                self._names[whose] = label_text(chunk.data.rstrip(b"\n")[:_MOST])
        if e.kind == EventKind.CLONE and e.tid in self._names:
            self._names.setdefault(e.number, self._names[e.tid])

    def renamed(self, begun: TracerEvent, e: TracerEvent, name: str) -> None:
        """After a call has returned: prctl(PR_SET_NAME) changes the name of its caller."""
        if name == "prctl" and begun.args[0] == _PR_SET_NAME and not e.flags & EventFlag.ERROR:
            text = next((c.data for c in begun.chunks if c.role == Role.STRING), b"")
            self._names[e.tid] = label_text(text[:_MOST])

    def forget(self, tid: int) -> None:
        """The task has ended; its number may come again."""
        self._names.pop(tid, None)

    def text(self, pid: int) -> str:
        """`4021<nc>`; the number alone if no such task can be found."""
        name = self._names.get(pid)
        if name is None:
            try:
                name = label_text(Path(f"/proc/{pid}/comm").read_bytes().rstrip(b"\n")[:_MOST])
            except OSError:
                return str(pid)
        return f"{pid}<{name}>"
