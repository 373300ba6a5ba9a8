"""What a process number in another PID namespace is in ours, from the status of traced tasks (--decode-pids).

A status names a task in every namespace it is in, from that of /proc down to its own (pid_namespaces(7), proc(5)).
Which namespaces two tasks share follows from who made whom: a child is in its maker's, or in a new one below it.
"""

from collections.abc import Callable
from pathlib import Path

from wiretale.model.spool import EventKind, Role
from wiretale.store.load.tracer_events import TracerEvent

_KEYS = ("NSpid:", "NSpgid:", "NSsid:")
_Space = object  # one namespace; only its identity counts


class PidNamespaces:
    """Takes all events in order. `speaker`: the task whose numbers `text` is asked about.

    `name`: of a process, by its number here: `4021<nc>`; `tells`: whether the number here is said.
    """

    def __init__(self, name: Callable[[int], str] | None, *, tells: bool) -> None:
        self.speaker = 0
        self._name = name
        self._tells = tells
        self._spaces: dict[int, list[_Space]] = {}  # of a task, from ours down to its own
        self._makers: dict[int, int] = {}
        self._in_proc: dict[int, int] = {}  # number in /proc -> ours
        self._below: dict[int, _Space] = {}  # the namespace that a task last made a child in
        self._ours: _Space = object()
        self._known: dict[tuple[_Space, int], int] = {}
        self._skipped = max(len(_numbers(_status("self"), "NSpid:")) - 1, 0)  # of /proc, above ours

    def take(self, e: TracerEvent) -> None:
        """Learn who a task is."""
        if e.kind == EventKind.CLONE:
            self._makers[e.number] = e.tid
        for chunk in e.chunks:
            if chunk.role == Role.STATUS:
                self._learn(e.tid, chunk.data.decode("ascii", "replace"))

    def _learn(self, tid: int, status: str) -> None:
        chain = _numbers(status, "NSpid:")[self._skipped :]
        if not chain:
            return
        self._in_proc[_numbers(status, "NSpid:")[0]] = tid
        if tid not in self._makers:  # it may be seen before its maker's report
            thread = _numbers(status, "Tgid:") != _numbers(status, "Pid:")
            self._makers[tid] = self._in_proc.get(_numbers(status, "Tgid:" if thread else "PPid:")[0], 0)
        spaces = self._spaces.get(tid)
        if spaces is None or len(spaces) != len(chain):
            spaces = self._spaces[tid] = self._found(tid, chain)
        for key in _KEYS:
            numbers = _numbers(status, key)[self._skipped :]
            for space, number in zip(spaces, numbers, strict=False):
                if number and numbers[0]:
                    self._known[space, number] = numbers[0]

    def _found(self, tid: int, chain: list[int]) -> list[_Space]:
        maker = self._makers.get(tid, 0)
        spaces = list(self._spaces.get(maker, [self._ours]))[: len(chain)]
        while len(spaces) < len(chain):
            if chain[len(spaces)] == 1 or maker not in self._below:  # the first process of a new one
                self._below[maker] = object()
            spaces.append(self._below[maker])
        return spaces

    def text(self, number: int) -> str:
        """A number that the speaker says, with what it is in our namespace where that is another."""
        spaces = self._spaces.get(self.speaker, [])
        if len(spaces) < 2:
            return self._named(number)
        ours = self._known.get((spaces[-1], abs(number))) or self._untraced(len(spaces) - 1, abs(number))
        if not ours:
            return str(number)
        label = "" if self._name is None or number < 0 else self._name(ours).removeprefix(str(ours))
        note = f" /* {ours if number > 0 else -ours} in strace's PID NS */" if self._tells else ""
        return f"{number}{label}{note}"

    def _named(self, number: int) -> str:
        return self._name(number) if self._name is not None and number > 0 else str(number)

    def _untraced(self, depth: int, number: int) -> int:
        """A process that nobody traces, by what /proc says of it now; 0 if there is none in the speaker's namespace."""
        space = _namespace(str(self.speaker))
        for pid in (folder.name for folder in Path("/proc").iterdir() if space and folder.name.isdigit()):
            for key in _KEYS:
                chain = _numbers(_status(pid), key)[self._skipped :]
                if len(chain) == depth + 1 and chain[depth] == number and _namespace(pid) == space:
                    return chain[0]
        return 0


def _namespace(pid: str) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _status(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return ""


def _numbers(status: str, key: str) -> list[int]:
    line = next((line for line in status.splitlines() if line.startswith(key)), "")
    return [int(word) for word in line.split()[1:]]
