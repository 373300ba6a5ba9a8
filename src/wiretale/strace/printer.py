"""From events to lines, in the order of the stops: which events are shown, and what each of them says.

`layout.py` knows how a line is laid out, `texts.py` the words of a call.
"""

import os
from collections.abc import Callable, Iterable

from wiretale.decode.strace.calls import Returned
from wiretale.decode.strace.names import signal_text
from wiretale.decode.strace.siginfo import siginfo_text
from wiretale.decode.syscalls import table
from wiretale.model.enums import Arch
from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.store.load.tracer_events import EventReader, TracerEvent
from wiretale.strace.layout import BITS, NATIVE_ARCH, Layout, Task
from wiretale.strace.netlink_sockets import NetlinkSockets
from wiretale.strace.options import StraceOptions, counts_system_time
from wiretale.strace.output import Outputs, Sink
from wiretale.strace.texts import CallTexts

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from wiretale.strace.begun import Printed
    from wiretale.strace.descriptors import Descriptors
    from wiretale.strace.paths import Paths
    from wiretale.strace.pid_namespaces import PidNamespaces
    from wiretale.strace.summary import Summary
    from wiretale.strace.task_names import TaskNames

# Plain integers: arithmetic with members of an enumeration is slow, and this is done at every call.
_ERROR, _FOLLOWED = int(EventFlag.ERROR), int(EventFlag.FOLLOWED)
_ENTRY, _EXIT = int(EventKind.ENTRY), int(EventKind.EXIT)
_INJECTED, _DELAYED = int(EventFlag.INJECTED), int(EventFlag.DELAYED)
_POKED, _NOT_POKED = int(EventFlag.POKED), int(EventFlag.NOT_POKED)
_CHANGED = _INJECTED | _POKED
_TAMPERED = _CHANGED | _DELAYED
_OF_CALLS = (EventKind.ENTRY, EventKind.EXIT)
_RESTART, _FIRST_RESTART = 516, 512  # include/linux/errno.h
_SIGNAL_MASK, _CORE = 0x7F, 0x80
_KEPT = 4096


class StracePrinter:
    """Takes events in order. `offset_ns` as in Stamps."""

    def __init__(self, options: StraceOptions, outputs: Outputs, offset_ns: int) -> None:
        self._options = options
        self._outputs = outputs
        self._descriptors, self._paths, self._names, self._spaces = _watchers(options)
        self._netlink = NetlinkSockets()
        self._texts = CallTexts(
            options,
            self._netlink,
            self._descriptors if options.descriptors else None,
            self._pid_label(),
        )
        self._tasks: dict[int, Task] = {}
        pid_text = self._names.text if self._names is not None else str
        self._layout = Layout(options, outputs, offset_ns, self._tasks, pid_text)
        self._wanted: dict[tuple[int, int], str] = {}  # (arch, number) -> name, "" if it is not traced
        self.summary = _summary(options) if options.summary else None
        self._counts_system = counts_system_time(options)
        self._silent = options.summary == "only"
        self._holds = options.statuses is not None
        self._awaits_exec = options.awaits_exec
        self._learns = any(w is not None for w in (self._descriptors, self._names, self._spaces))
        self._dumps = options.dump_read is not None or options.dump_write is not None
        pokes = any(rule.pokes for rule in options.tampers)
        self._stacks = options.stacks and not self._silent
        prints_more = self._stacks or self._dumps
        special = pokes or prints_more or self._learns or self._holds or self._silent or self._paths is not None
        self._repeats = self._layout.repeats and self.summary is None and not special
        self._lines: dict[object, str] = {}  # what was printed of calls that returned at once
        self._first_pid = 0
        self.let_go: set[int] = set()  # tasks that run on untraced

    def _pid_label(self) -> Callable[[int], str] | None:
        return self._spaces.text if self._spaces is not None else None

    def go_on(self, printed: "Printed", reader: EventReader) -> None:
        """Begin behind what the launcher has printed; `reader` as well."""
        for row in printed.tasks:
            task = self._task(row.tid)
            if row.begun >= 0:
                task.begun = reader.event(row.begun)
                task.name, task.shown = self._name(task.begun.arch, task.begun.number), True
            if row.interrupted >= 0:
                interrupted = reader.event(row.interrupted)
                task.interrupted = self._name(interrupted.arch, interrupted.number)
        for pid, fd, protocol in printed.netlink:
            self._netlink.know(pid, fd, protocol)
        self._outputs.main.owner, self._outputs.main.column = printed.owner or None, printed.column
        self._first_pid = printed.first_pid
        self._layout.last_line_began(printed.last_ns)
        reader.skip_to(printed.next)

    # -- events ------------------------------------------------------------------------------------------------------

    def take_all(self, events: Iterable[TracerEvent]) -> None:
        """Several events."""
        begun: TracerEvent | None = None
        for e in events:
            if begun is not None:
                if e.kind == _EXIT and e.tid == begun.tid and self._repeats and not self._awaits_exec:
                    self._take_call(begun, e)
                    begun = None
                    continue
                self.take(begun)
                begun = None
            if e.kind == _ENTRY:
                begun = e
            else:
                self.take(e)
        if begun is not None:
            self.take(begun)

    def _take_call(self, begun: TracerEvent, e: TracerEvent) -> None:
        """A call that returned before anything else happened; the line of an equal one is printed again."""
        sink = self._outputs.of(e.tid)
        key = (
            self._layout.whose(e.tid), begun.number, begun.arch, begun.args, begun.chunks, e.value, e.flags, e.chunks
        )  # fmt: skip
        line, task = self._lines.get(key), self._tasks.get(e.tid)
        if task is not None and task.arch != begun.arch:
            self._changed_mode(task, begun)
        if line is not None and task is not None:
            task.begun = None
            if line:
                self._layout.put(sink, line)
            return
        name = self._wanted.get((begun.arch, begun.number))
        if task is None or name is None or name == "restart_syscall" or -e.value == _RESTART:
            self.take(begun)
            self.take(e)
            return
        knew = self._netlink.seen
        line = self._whole_line(begun, e, name)
        # The protocol of a netlink socket is not in the key; a call that made or changed a socket teaches something.
        if not knew and not any(c.role == Role.SOCKET for c in e.chunks):
            if len(self._lines) >= _KEPT:
                self._lines.clear()
            self._lines[key] = line
        if line:
            self._layout.put(sink, line)

    def _whole_line(self, begun: TracerEvent, e: TracerEvent, name: str) -> str:
        """The line of a call; empty if it is not wanted."""
        if not name:
            if e.chunks:
                self._netlink.take(e)
            return ""
        beginning, returned = self._texts.whole(begun, e, name)
        return self._layout.line(e.tid, beginning, returned.arguments, _result(returned, e))

    def take(self, e: TracerEvent) -> None:
        """One event."""
        if self._learns:
            self._learn(e)
        if e.chunks and e.kind != _ENTRY:
            self._netlink.take(e)
        if self._awaits_exec:
            self._awaits_exec = e.kind != _ENTRY or table(e.arch).get(e.number) != "execve"
        handler = None if self._awaits_exec else _HANDLERS.get(e.kind)
        if handler is not None:
            handler(self, e)

    def _learn(self, e: TracerEvent) -> None:
        """What an event says for the lines to come, whether it is printed or not."""
        if self._names is not None:
            self._names.take(e)
        if self._spaces is not None:
            self._spaces.take(e)
            self._spaces.speaker = e.tid
        if self._descriptors is not None:
            self._descriptors.take(e, table(e.arch).get(e.number, "") if e.kind in _OF_CALLS else "")

    def _learn_return(self, begun: TracerEvent, e: TracerEvent) -> None:
        """The same of a call that has returned, after its own line."""
        name = table(begun.arch).get(begun.number, "")
        if self._descriptors is not None:
            self._descriptors.returned(begun, e, name)
        if self._names is not None:
            self._names.renamed(begun, e, name)

    def _task(self, tid: int) -> Task:
        task = self._tasks.get(tid)
        if task is None:
            task = self._tasks[tid] = Task(tid)
        return task

    def _name(self, arch: int, number: int) -> str:
        name = table(arch).get(number) or f"syscall_{number:#x}"
        # A call that nobody knows is shown whatever was asked for, as strace does.
        wanted = number not in table(arch) or self._options.trace(name, arch)
        found = self._wanted[arch, number] = name if wanted else ""
        return found

    def _entered(self, e: TracerEvent) -> None:
        task = self._tasks.get(e.tid) or self._task(e.tid)
        if task.arch != e.arch:
            self._changed_mode(task, e)
        name = self._wanted.get((e.arch, e.number))
        if name is None:
            name = self._name(e.arch, e.number)
        if name and self._paths is not None and not self._paths.match(e, name):
            name = ""
        task.begun, task.name, task.shown, task.held = e, name, False, ""
        self._say_not_poked(e, e)
        self._layout.entered(task, e)
        if not name or self._silent:
            return
        task.shown = True
        text = self._texts.entry(e, name, task.interrupted)
        if self._holds:
            task.held = text
        else:
            self._layout.begin(task, e.time_ns, e, text)

    def _changed_mode(self, task: Task, e: TracerEvent) -> None:
        """The calls of a task have other words than those before."""
        task.arch = e.arch
        if "personality" not in self._options.quiet:
            self._say(e, f"[ Process PID={e.tid} runs in {BITS.get(e.arch, 'unknown')} bit mode. ]")

    def _say_not_poked(self, e: TracerEvent, call: TracerEvent) -> None:
        if e.flags & _NOT_POKED:
            from wiretale.strace.inject import why_not_poked  # there are rules, so it is loaded

            reason = why_not_poked(self._options.tampers, call.arch, call.number)
            self._outputs.message(f"Failed to tamper with process {e.tid}: {reason}")

    def _exited(self, e: TracerEvent) -> None:
        task = self._tasks.get(e.tid) or self._task(e.tid)
        begun, task.begun = task.begun, None
        if begun is None:
            return
        self._say_not_poked(e, begun)
        if task.name:
            self._finish_call(task, begun, e)
        if self._learns:
            self._learn_return(begun, e)

    def _finish_call(self, task: Task, begun: TracerEvent, e: TracerEvent) -> None:
        failed = bool(e.flags & _ERROR)
        took_ns = max(e.time_ns - begun.resume_ns, 0)
        if self.summary is not None:
            counted_ns = e.extra if self._counts_system else took_ns
            self.summary.add(begun.arch, task.name, counted_ns, failed and -e.value < _FIRST_RESTART)
        if failed and -e.value == _RESTART:
            task.interrupted = task.name
        if not task.shown or (self._holds and not self._status_wanted("failed" if failed else "successful")):
            return
        returned = self._texts.exit(begun, e, task.name)
        sink = self._layout.go_on(task, e.time_ns, begun)
        self._layout.end(sink, returned.arguments, _result(returned, e), took_ns)
        if self._dumps:
            from wiretale.strace.dump import dump_call

            dump_call(sink, begun, e, task.name, self._options)
        if self._stacks:
            self._write_stack(sink, e)

    def _status_wanted(self, status: str) -> bool:
        return self._options.statuses is None or status in self._options.statuses

    # -- what is not a call ------------------------------------------------------------------------------------------

    def _attached(self, e: TracerEvent) -> None:
        self._task(e.tid)
        if not self._first_pid:
            self._first_pid = e.pid
        if e.flags & _FOLLOWED and "attach" not in self._options.quiet:
            self._outputs.message(f"Process {e.tid} attached")

    def _cloned(self, e: TracerEvent) -> None:
        """A new task begins in the mode of its maker."""
        maker = self._tasks.get(e.tid)
        if maker is not None and maker.arch != NATIVE_ARCH:
            self._task(e.number).arch = maker.arch

    def attach(self, pid: int) -> None:
        """A process that ran already is traced from now on."""
        self._task(pid)
        self._first_pid = self._first_pid or pid
        threads = _threads(pid) if self._options.follow else 1
        if "attach" not in self._options.quiet:
            self._outputs.message(f"Process {pid} attached" + (f" with {threads} threads" if threads > 1 else ""))

    def _signalled(self, e: TracerEvent) -> None:
        if self._silent or not self._options.signals(e.number):
            return
        info = next((c.data for c in e.chunks if c.role == Role.SIGINFO), b"")
        name = signal_text(e.number)
        text = siginfo_text(info, Arch.X86_64, self._pid_label(), style=self._options.names) if info else ""
        self._say(e, f"--- {name} {text} ---" if info else f"--- {name} ---", e.value or None)
        if self._stacks:
            self._write_stack(self._outputs.of(e.tid), e)

    def _write_stack(self, sink: Sink, e: TracerEvent) -> None:
        from wiretale.strace.stacks import stack_text  # rarely wanted

        sink.write(stack_text(e))

    def _stopped(self, e: TracerEvent) -> None:
        if not self._silent and self._options.signals(e.number):
            self._say(e, f"--- stopped by {signal_text(e.number)} ---")

    def _say(self, e: TracerEvent, text: str, at: int | None = None) -> None:
        self._layout.whole(self._task(e.tid), e.time_ns, text, at)

    def _exiting(self, e: TracerEvent) -> None:
        self._give_up_call(self._task(e.tid), e)

    def _give_up_call(self, task: Task, e: TracerEvent) -> None:
        """The task ends in its call: `= ?`."""
        begun, task.begun = task.begun, None
        if begun is None:
            return
        if not task.shown or (self._holds and not self._status_wanted("unfinished")):
            task.held = ""
            return
        rest = self._texts.never_returned(begun, task.name)
        sink = self._layout.go_on(task, e.time_ns, begun)
        self._layout.end(sink, rest, "?")
        if self._stacks:
            self._write_stack(sink, begun)

    def _ended(self, e: TracerEvent) -> None:
        self._give_up_call(self._task(e.tid), e)
        if "exit" not in self._options.quiet and not self._silent:
            self._say(e, _end_text(e.number))
        if self._names is not None:
            self._names.forget(e.tid)
        del self._tasks[e.tid]

    def _replaced(self, e: TracerEvent) -> None:
        """execve by a thread that is not the first: it takes over the leader's number."""
        former = e.number
        task = self._task(e.tid)
        if former != e.tid and former in self._tasks:
            old = self._tasks.pop(former)
            self._layout.change_owner(former, e.tid)
            if not self._silent and "thread-execve" not in self._options.quiet:
                self._say(e, f"+++ superseded by execve in pid {former} +++")
            task.begun, task.name, task.shown, task.held = old.begun, old.name, old.shown, old.held

    def _detached(self, e: TracerEvent) -> None:
        task = self._tasks.pop(e.tid, None)
        self.let_go.add(e.tid)
        if (
            "attach" not in self._options.quiet
        ):  # a child that is traced by its own wish is let go before anything is said
            known = task is not None
            self._outputs.message(f"Process {e.tid} detached" if known else f"Detached unknown pid {e.tid}")
        sink = self._outputs.of(e.tid) if task is not None and task.begun is not None and task.shown else None
        if task is not None and task.begun is not None and task.held and self._status_wanted("detached"):
            sink = self._layout.go_on(task, e.time_ns, task.begun)
        if sink is not None and sink.owner == e.tid:
            sink.write(" <detached ...>\n")
            sink.owner = None


def _threads(pid: int) -> int:
    """How many it has now."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 (pathlib is not loaded: see ARCHITECTURE.md)
    except OSError:
        return 1


def _result(returned: Returned, e: TracerEvent) -> str:
    """What stands behind the equals sign."""
    result = returned.result + returned.extra
    if e.flags & _TAMPERED:
        what = "INJECTED: args" if e.flags & _POKED else "INJECTED"
        if e.flags & _POKED and e.flags & _INJECTED:
            what += ", retval"
        result += (f" ({what})" if e.flags & _CHANGED else "") + (" (DELAYED)" if e.flags & _DELAYED else "")
    return result


def _watchers(
    options: StraceOptions,
) -> "tuple[Descriptors | None, Paths | None, TaskNames | None, PidNamespaces | None]":
    """What learns from events, as far as the options need it; loaded only then."""
    descriptors = paths = names = spaces = None
    if options.descriptors or options.paths:
        from wiretale.strace.descriptors import Descriptors

        descriptors = Descriptors(options.descriptors, more=options.more)
    if descriptors is not None and options.paths:
        from wiretale.strace.paths import Paths

        paths = Paths(options.paths, descriptors)
    if options.pid_names:
        from wiretale.strace.task_names import TaskNames

        names = TaskNames()
    if options.pid_names or options.pid_namespaces:
        from wiretale.strace.pid_namespaces import PidNamespaces

        spaces = PidNamespaces(names.text if names is not None else None, tells=options.pid_namespaces)
    return descriptors, paths, names, spaces


def _summary(options: StraceOptions) -> "Summary":
    from wiretale.strace.summary import Summary

    return Summary(options)


def _end_text(status: int) -> str:
    number = status & _SIGNAL_MASK
    if number:
        core = " (core dumped)" if status & _CORE else ""
        return f"+++ killed by {signal_text(number)}{core} +++"
    return f"+++ exited with {status >> 8 & 0xFF} +++"


_HANDLERS = {
    int(EventKind.ENTRY): StracePrinter._entered,
    int(EventKind.EXIT): StracePrinter._exited,
    int(EventKind.CLONE): StracePrinter._cloned,
    int(EventKind.EXEC): StracePrinter._replaced,
    int(EventKind.SIGNAL): StracePrinter._signalled,
    int(EventKind.GROUP_STOP): StracePrinter._stopped,
    int(EventKind.END): StracePrinter._ended,
    int(EventKind.EXITING): StracePrinter._exiting,
    int(EventKind.ATTACHED): StracePrinter._attached,
    int(EventKind.DETACHED): StracePrinter._detached,
}
