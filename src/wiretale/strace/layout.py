"""How lines are laid out: what stands before them, where results stand, and whose line is open.

A call's beginning is written at once. When another task has something to say meanwhile, the open line is closed with
`<unfinished ...>` and continued later with `<... name resumed>`.
"""

import os
from collections.abc import Callable

from wiretale.light import dataclass
from wiretale.model.enums import Arch
from wiretale.model.spool import EventFlag
from wiretale.store.load.tracer_events import TracerEvent
from wiretale.strace.options import StraceOptions
from wiretale.strace.output import Outputs, Sink
from wiretale.strace.times import Stamps, fixed

NATIVE_ARCH = int(Arch.AARCH64 if os.uname().machine == "aarch64" else Arch.X86_64)
BITS: dict[int, int] = {Arch.X86_64: 64, Arch.AARCH64: 64, Arch.I386: 32, Arch.ARM: 32}
_SOCKETCALL = 102  # asm/unistd_32.h: what was called, whatever it stands for


@dataclass(slots=True)
class Task:
    """One thread."""

    tid: int
    begun: TracerEvent | None = None  # the entry of its open call
    name: str = ""  # of that call; empty if it is not wanted
    shown: bool = False  # the beginning of its call was printed, or is `held`
    held: str = ""  # the beginning, kept back until it is known whether the call is printed (-z, -Z)
    interrupted: str = ""  # the call that restart_syscall goes on with
    seen: int = 0  # the number of its last call (-n)
    arch: int = NATIVE_ARCH  # of its last call


class Layout:
    """Writes lines of `tasks`. `offset_ns` as in Stamps; `pid_text` gives what is printed for a process."""

    def __init__(
        self,
        options: StraceOptions,
        outputs: Outputs,
        offset_ns: int,
        tasks: dict[int, Task],
        pid_text: Callable[[int], str],
    ) -> None:
        self._options = options
        self._outputs = outputs
        self._stamps = Stamps(options, offset_ns)
        self._tasks = tasks
        self._pid_text = pid_text
        several = options.follow or len(options.pids) + bool(options.command) > 1
        self._pid_in_file = several and not outputs.to_stderr and not outputs.separately
        self._plain = not (self._stamps.used or options.instruction_pointer or options.call_numbers)
        self._column = options.column
        self.repeats = self._plain and options.took is None  # equal calls of a task have equal lines

    def last_line_began(self, time_ns: int) -> None:
        """When the last line began that somebody else has written; -1: there is none."""
        self._stamps.go_on(time_ns)

    def begin(self, task: Task, time_ns: int, begun: TracerEvent, text: str) -> Sink:
        """Open a line of the task."""
        sink = self._outputs.of(task.tid)
        line = self._head(sink, task, time_ns, begun.value) + text
        sink.write(line)
        sink.owner, sink.column = task.tid, len(line)
        return sink

    def go_on(self, task: Task, time_ns: int, begun: TracerEvent) -> Sink:
        """Make the open line this task's."""
        if task.held:
            text, task.held = task.held, ""
            return self.begin(task, begun.time_ns, begun, text)
        sink = self._outputs.of(task.tid)
        if sink.owner != task.tid:
            return self.begin(task, time_ns, begun, f"<... {task.name} resumed>")
        return sink

    def end(self, sink: Sink, arguments: str, result: str, took_ns: int | None = None) -> None:
        """The rest of the open line; `took_ns`: how long the call took, if that is known."""
        pad = " " * (self._column - sink.column - len(arguments) - 2)
        took = ""
        if took_ns is not None and self._options.took is not None:
            took = f" <{fixed(took_ns, self._options.took)}>"
        sink.write(f"{arguments}) {pad}= {result}{took}\n")
        sink.owner = None

    def change_owner(self, former: int, tid: int) -> None:
        """The line that is open for `former` ends, because its thread is `tid` from now on."""
        sink = self._outputs.of(former)
        if sink.owner == former:
            sink.write(f" <pid changed to {self._pid_text(tid)} ...>\n")
            sink.owner = None

    def whole(self, task: Task, time_ns: int, text: str, at: int | None = None) -> None:
        """A line that is no call; `at`: where the task is, if that is known."""
        sink = self._outputs.of(task.tid)
        sink.write(f"{self._head(sink, task, time_ns, at)}{text}\n")

    def line(self, tid: int, beginning: str, arguments: str, result: str) -> str:
        """The line of a call that returned before anything else happened, where lines are `plain`."""
        head = self.whose(tid) + beginning + arguments
        return f"{head}) {' ' * (self._column - len(head) - 2)}= {result}\n"

    def put(self, sink: Sink, line: str) -> None:
        """A whole line."""
        self._close(sink)
        sink.write(line)

    def _close(self, sink: Sink) -> None:
        if sink.owner is not None:
            sink.write(" <unfinished ...>\n")
            sink.owner = None

    def whose(self, tid: int) -> str:
        """Whose line it is, where that is said."""
        if self._pid_in_file:
            return f"{self._pid_text(tid):<5} "
        if len(self._tasks) > 1 and self._outputs.to_stderr:
            return f"[pid {self._pid_text(tid):>5}] "
        return ""

    @staticmethod
    def entered(task: Task, e: TracerEvent) -> None:
        """A call begins, shown or not: its number is that of the lines to come (-n)."""
        task.seen = _SOCKETCALL if e.flags & EventFlag.SOCKETCALL else e.number

    def _head(self, sink: Sink, task: Task, time_ns: int, at: int | None) -> str:
        """What stands before every line; closes the line of another task."""
        self._close(sink)
        head = self.whose(task.tid)
        if self._plain:
            return head
        head += self._stamps.text(time_ns)
        if self._options.call_numbers:
            head += f"[{task.seen:4}] "
        if self._options.instruction_pointer:
            head += f"[{at:016x}] " if at is not None else "[????????????????] "
        return head
