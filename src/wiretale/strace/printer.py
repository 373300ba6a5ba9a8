"""From events to lines, in the order of the stops and in strace's layout.

A call's beginning is printed at once. When another task has something to say meanwhile, the open line is closed with
`<unfinished ...>` and continued later with `<... name resumed>`.
"""

import socket
from dataclasses import dataclass
from itertools import groupby

from wiretale.decode.record_types import Datum, FdLabel, RawCall
from wiretale.decode.strace.calls import Returned, StraceDecoder
from wiretale.decode.strace.names import signal_text
from wiretale.decode.strace.special import siginfo_text
from wiretale.decode.strace.style import StraceStyle
from wiretale.decode.syscalls import CALLS, table
from wiretale.decode.syscalls.spec import Effect
from wiretale.model.enums import Arch
from wiretale.model.spool import EventFlag, EventKind, Role
from wiretale.store.load.tracer_events import TracerChunk, TracerEvent
from wiretale.strace.descriptors import Descriptors
from wiretale.strace.dump import dump
from wiretale.strace.netlink_sockets import NetlinkSockets
from wiretale.strace.options import StraceOptions
from wiretale.strace.output import Outputs, Sink
from wiretale.strace.paths import Paths
from wiretale.strace.summary import Summary
from wiretale.strace.task_names import TaskNames
from wiretale.strace.times import Stamps, fixed

_ROLE_NAMES = {int(role): role.name.lower() for role in Role}
_NOT_DATA = frozenset({int(Role.SOCKET), int(Role.LINK)})
_CACHED = 4096
# Plain integers: arithmetic with members of an enumeration is slow, and this is done at every call.
_ERROR, _FOLLOWED, _EXIT = int(EventFlag.ERROR), int(EventFlag.FOLLOWED), int(EventKind.EXIT)
_INJECTED, _DELAYED = int(EventFlag.INJECTED), int(EventFlag.DELAYED)
_OF_CALLS = (EventKind.ENTRY, EventKind.EXIT)
_RESTART, _FIRST_RESTART = 516, 512  # include/linux/errno.h
_SIGNAL_MASK, _CORE = 0x7F, 0x80


@dataclass(slots=True)
class _Task:
    """One thread. `line` holds the column reached by its open call; None when no call of it is open."""

    tid: int
    pid: int
    begun: TracerEvent | None = None
    passed: bool = False  # its call names none of the paths of -P
    shown: bool = False  # the beginning of its call was printed
    held: str = ""  # the beginning, kept back until it is known whether the call is printed (-z, -Z)
    interrupted: str = ""  # the call that restart_syscall goes on with
    seen: int = 0


class StracePrinter:
    """Takes events in order. `offset_ns` as in Stamps."""

    def __init__(self, options: StraceOptions, outputs: Outputs, offset_ns: int) -> None:
        self._options = options
        self._outputs = outputs
        self._stamps = Stamps(options, offset_ns)
        self._decoder = StraceDecoder(
            StraceStyle(
                strings=options.strings,
                names=options.names,
                hex=options.hex,
                abbreviated=options.abbreviated,
                raw=options.raw,
                verbose=options.verbose,
                argument_names=options.argument_names,
                interfaces=_interface,
                more=options.more,
            ),
            self._pid_text if options.pid_names else None,
        )
        wants_links = options.descriptors or options.paths
        self._descriptors = Descriptors(options.descriptors) if wants_links else None
        self._paths = Paths(options.paths, self._descriptors) if self._descriptors and options.paths else None
        self._names = TaskNames() if options.pid_names else None
        self._tasks: dict[int, _Task] = {}
        self._entries: dict[object, str] = {}
        self._exits: dict[object, Returned] = {}
        self._wanted: dict[tuple[int, int], str] = {}  # (arch, number) -> name, "" if it is not traced
        self.summary = Summary(options) if options.summary else None
        self._silent = options.summary == "only"
        self._pid_always = options.follow and not outputs.to_stderr and not outputs.separately
        self._holds = options.statuses is not None
        self._netlink = NetlinkSockets()
        self._awaits_exec = options.awaits_exec
        self._labels = bool(options.descriptors or options.pid_names)  # a line depends on more than its call
        self._plain_head = not (self._stamps.used or options.instruction_pointer or options.call_numbers)
        self.first_pid = 0
        self.let_go: set[int] = set()  # tasks that run on untraced

    # -- events ------------------------------------------------------------------------------------------------------

    def take(self, e: TracerEvent) -> None:
        """One event."""
        if self._names is not None:
            self._names.take(e)
        if self._descriptors is not None:
            self._descriptors.take(e, table(e.arch).get(e.number, "") if e.kind in _OF_CALLS else "")
        if e.chunks:
            self._netlink.take(e)
        if self._awaits_exec:
            self._awaits_exec = e.kind != EventKind.ENTRY or table(e.arch).get(e.number) != "execve"
        handler = None if self._awaits_exec else _HANDLERS.get(e.kind)
        if handler is not None:
            handler(self, e)

    def _task(self, e: TracerEvent) -> _Task:
        task = self._tasks.get(e.tid)
        if task is None:
            task = self._tasks[e.tid] = _Task(e.tid, e.pid)
        return task

    def _name(self, arch: int, number: int) -> str:
        key = (arch, number)
        found = self._wanted.get(key)
        if found is None:
            name = table(arch).get(number) or f"syscall_{number:#x}"
            found = self._wanted[key] = name if self._options.trace(name) else ""
        return found

    def _entered(self, e: TracerEvent) -> None:
        task = self._task(e)
        task.begun, task.shown, task.held, task.passed = e, False, "", False
        name = self._name(e.arch, e.number)
        if not name:
            return
        task.passed = self._paths is not None and not self._paths.match(e, name)
        if task.passed or self._silent:
            return
        text = self._entry_text(e, name, task)
        if self._holds:
            task.held, task.shown = text, True
            return
        sink = self._outputs.of(e.tid)
        width = self._head(sink, task, e.time_ns, e)
        sink.write(text)
        sink.owner, sink.column = e.tid, width + len(text)
        task.shown = True

    def _entry_text(self, e: TracerEvent, name: str, task: _Task) -> str:
        if name == "restart_syscall":
            return f"restart_syscall(<... resuming interrupted {task.interrupted or 'system call'} ...>"
        if self._labels:
            return self._decoder.entry(self._raw(e, name), self._label(e.pid), self._netlink.protocol(e, name))
        netlink = self._netlink.protocol(e, name)
        key = (e.number, e.arch, e.args, e.chunks, netlink)
        text = self._entries.get(key)
        if text is None:
            if len(self._entries) >= _CACHED:
                self._entries.clear()
            text = self._entries[key] = self._decoder.entry(self._raw(e, name), None, netlink)
        return text

    def _exited(self, e: TracerEvent) -> None:
        task = self._task(e)
        begun, task.begun = task.begun, None
        if begun is None:
            return
        name = self._name(begun.arch, begun.number)
        if name and not task.passed:
            self._finish_call(task, begun, e, name)
        self._learn(begun, e)

    def _learn(self, begun: TracerEvent, e: TracerEvent) -> None:
        """What a call changed for the lines to come, whether it was printed or not."""
        name = table(begun.arch).get(begun.number, "")
        if self._descriptors is not None:
            self._descriptors.returned(begun, e, name)
        if self._names is not None:
            self._names.renamed(begun, e, name)

    def _finish_call(self, task: _Task, begun: TracerEvent, e: TracerEvent, name: str) -> None:
        failed = bool(e.flags & _ERROR)
        if self.summary is not None:
            self.summary.add(name, max(e.time_ns - begun.resume_ns, 0), failed and -e.value < _FIRST_RESTART)
        if failed and -e.value == _RESTART:
            task.interrupted = name
        if not task.shown or self._silent:
            return
        if self._holds and not self._status_wanted("failed" if failed else "successful"):
            return
        returned = self._exit_text(begun, e, name)
        sink = self._outputs.of(e.tid)
        self._continue(sink, task, e.time_ns, begun, name)
        tampered = (" (INJECTED)" if e.flags & _INJECTED else "") + (" (DELAYED)" if e.flags & _DELAYED else "")
        self._end_line(sink, returned.arguments, returned.result + returned.extra + tampered, begun, e)
        if self._options.dump_read is not None or self._options.dump_write is not None:
            self._dump(sink, begun, e, name)

    def _exit_text(self, begun: TracerEvent, e: TracerEvent, name: str) -> Returned:
        if name == "restart_syscall":
            call = RawCall(name, e.arch, (), e.value, -e.value if e.flags & _ERROR else None)
            return self._decoder.exit(call)
        if self._labels:
            return self._decoder.exit(
                self._raw(begun, name, e), self._label(e.pid), self._netlink.protocol(begun, name)
            )
        netlink = self._netlink.protocol(begun, name)
        key = (begun.number, e.arch, begun.args, begun.chunks, e.value, e.flags, e.chunks, netlink)
        found = self._exits.get(key)
        if found is None:
            if len(self._exits) >= _CACHED:
                self._exits.clear()
            found = self._exits[key] = self._decoder.exit(self._raw(begun, name, e), None, netlink)
        return found

    def _end_line(self, sink: Sink, arguments: str, result: str, begun: TracerEvent | None, e: TracerEvent) -> None:
        column = sink.column + len(arguments) + 2
        pad = " " * (self._options.column - column)
        took = ""
        if self._options.took is not None and begun is not None and e.kind == _EXIT:
            took = f" <{fixed(max(e.time_ns - begun.resume_ns, 0), self._options.took)}>"
        sink.write(f"{arguments}) {pad}= {result}{took}\n")
        sink.owner = None

    def _continue(self, sink: Sink, task: _Task, time_ns: int, begun: TracerEvent, name: str) -> None:
        """Make the open line this task's."""
        if task.held:
            width = self._head(sink, task, begun.time_ns, begun)
            sink.write(task.held)
            sink.owner, sink.column, task.held = task.tid, width + len(task.held), ""
        elif sink.owner != task.tid:
            width = self._head(sink, task, time_ns, begun)
            text = f"<... {name} resumed>"
            sink.write(text)
            sink.column = width + len(text)

    def _status_wanted(self, status: str) -> bool:
        return self._options.statuses is None or status in self._options.statuses

    # -- what is not a call ------------------------------------------------------------------------------------------

    def _attached(self, e: TracerEvent) -> None:
        self._task(e)
        if not self.first_pid:
            self.first_pid = e.pid
        followed = bool(e.flags & _FOLLOWED)
        spawned = not followed and bool(self._options.command) and e.tid == self.first_pid
        if "attach" not in self._options.quiet and not spawned:
            self._outputs.message(f"Process {e.tid} attached")

    def _signalled(self, e: TracerEvent) -> None:
        if self._silent or not self._options.signals(e.number):
            return
        info = next((c.data for c in e.chunks if c.role == Role.SIGINFO), b"")
        name = signal_text(e.number)
        text = f"{name} {siginfo_text(info, Arch.X86_64)}" if info else name
        self._whole_line(e, f"--- {text} ---")

    def _stopped(self, e: TracerEvent) -> None:
        if not self._silent and self._options.signals(e.number):
            self._whole_line(e, f"--- stopped by {signal_text(e.number)} ---")

    def _exiting(self, e: TracerEvent) -> None:
        self._give_up_call(self._task(e), e)

    def _give_up_call(self, task: _Task, e: TracerEvent) -> None:
        """The task ends in its call: `= ?`."""
        begun, task.begun = task.begun, None
        if begun is None:
            return
        name = self._name(begun.arch, begun.number)
        if name and self.summary is not None and not task.passed:
            self.summary.add(name, 0, False)
        if not task.shown or self._silent or (self._holds and not self._status_wanted("unfinished")):
            task.held = ""
            return
        sink = self._outputs.of(e.tid)
        self._continue(sink, task, e.time_ns, begun, name)
        self._end_line(sink, "", "?", begun, e)

    def _ended(self, e: TracerEvent) -> None:
        task = self._task(e)
        self._give_up_call(task, e)
        status = e.number
        if "exit" not in self._options.quiet and not self._silent:
            self._whole_line(e, _end_text(status))
        if self._names is not None:
            self._names.forget(e.tid)
        del self._tasks[e.tid]

    def _replaced(self, e: TracerEvent) -> None:
        """execve by a thread that is not the first: it takes over the leader's number."""
        former = e.number
        task = self._task(e)
        if former != e.tid and former in self._tasks:
            old = self._tasks.pop(former)
            if not self._silent and "thread-execve" not in self._options.quiet:
                self._whole_line(e, f"+++ superseded by execve in pid {former} +++")
            task.begun, task.shown, task.held = old.begun, old.shown, old.held

    def _detached(self, e: TracerEvent) -> None:
        task = self._tasks.pop(e.tid, None)
        self.let_go.add(e.tid)
        sink = self._outputs.of(e.tid)
        if task is not None and task.begun is not None and task.shown and not self._silent:
            if sink.owner != e.tid:
                self._continue(sink, task, e.time_ns, task.begun, self._name(task.begun.arch, task.begun.number))
            if "attach" not in self._options.quiet:
                self._outputs.message(f"Process {e.tid} detached")
            sink.write(" <detached ...>\n")
            sink.owner = None
        elif "attach" not in self._options.quiet:
            self._outputs.message(f"Process {e.tid} detached")

    # -- lines -------------------------------------------------------------------------------------------------------

    def _whole_line(self, e: TracerEvent, text: str) -> None:
        sink = self._outputs.of(e.tid)
        self._head(sink, self._task(e), e.time_ns, None)
        sink.write(text + "\n")
        sink.owner = None

    def _head(self, sink: Sink, task: _Task, time_ns: int, begun: TracerEvent | None) -> int:
        """Close the line of another task, then write what stands before every line; returns how wide that is."""
        if sink.owner is not None:
            sink.write(" <unfinished ...>\n")
            sink.owner = None
        head = ""
        if self._pid_always:
            head = f"{self._pid_text(task.tid):<5} "
        elif len(self._tasks) > 1 and not self._outputs.separately:
            head = f"[pid {self._pid_text(task.tid):>5}] "
        if not self._plain_head:
            head += self._stamps.text(time_ns)
            if self._options.call_numbers:
                task.seen = begun.number if begun is not None else task.seen
                head += f"[{task.seen:4}] "
            if self._options.instruction_pointer:
                head += f"[{begun.value:016x}] " if begun is not None else "[????????????????] "
        if head:
            sink.write(head)
        return len(head)

    def _dump(self, sink: Sink, begun: TracerEvent, e: TracerEvent, name: str) -> None:
        fd = int(begun.args[0]) & 0xFFFFFFFF
        effects = _effects(name)
        for wanted, effect, event in (
            (self._options.dump_read, Effect.RECEIVES, e),
            (self._options.dump_write, Effect.SENDS, begun),
        ):
            if wanted is None or effect not in effects or not wanted(fd) or e.flags & _ERROR:
                continue
            pieces = [c for c in event.chunks if c.role == Role.PAYLOAD]
            in_vectors, in_buffers = name.endswith("mmsg"), name.rstrip("2").endswith("v") or "msg" in name
            for vector, group in groupby(pieces, lambda c: c.place >> 16):
                buffers = list(group)
                if in_vectors:
                    sink.write(f" = {len(buffers)} buffers in vector {vector}\n")
                for number, piece in enumerate(buffers):
                    if in_buffers:
                        sink.write(f" * {len(piece.data)} bytes in buffer {number}\n")
                    sink.write(dump(piece.data))

    def _label(self, pid: int) -> FdLabel | None:
        return self._descriptors.label(pid) if self._descriptors is not None and self._options.descriptors else None

    def _pid_text(self, pid: int) -> str:
        return self._names.text(pid) if self._names is not None else str(pid)

    # -- values ------------------------------------------------------------------------------------------------------

    def _raw(self, begun: TracerEvent, name: str, e: TracerEvent | None = None) -> RawCall:
        data = _data(begun.chunks, False)
        if e is None:
            return RawCall(name, begun.arch, begun.args, None, None, data)
        errno = -e.value if e.flags & _ERROR and e.value < 0 else None
        return RawCall(name, begun.arch, begun.args, e.value, errno, data + _data(e.chunks, True))


def _interface(index: int) -> str:
    try:
        return socket.if_indextoname(index) if 0 < index < 1 << 31 else ""
    except OSError:
        return ""


def _effects(name: str) -> frozenset[Effect]:
    spec = CALLS.get(name)
    return spec.effects if spec is not None else frozenset()


def _data(chunks: tuple[TracerChunk, ...], at_exit: bool) -> tuple[Datum, ...]:
    return tuple(
        Datum(at_exit, _ROLE_NAMES[c.role], c.arg, c.place, c.address, c.detail, c.full_bytes, c.error, c.data)
        for c in chunks
        if c.role not in _NOT_DATA
    )


def _end_text(status: int) -> str:
    number = status & _SIGNAL_MASK
    if number:
        core = " (core dumped)" if status & _CORE else ""
        return f"+++ killed by {signal_text(number)}{core} +++"
    return f"+++ exited with {status >> 8 & 0xFF} +++"


_HANDLERS = {
    int(EventKind.ENTRY): StracePrinter._entered,
    int(EventKind.EXIT): StracePrinter._exited,
    int(EventKind.EXEC): StracePrinter._replaced,
    int(EventKind.SIGNAL): StracePrinter._signalled,
    int(EventKind.GROUP_STOP): StracePrinter._stopped,
    int(EventKind.END): StracePrinter._ended,
    int(EventKind.EXITING): StracePrinter._exiting,
    int(EventKind.ATTACHED): StracePrinter._attached,
    int(EventKind.DETACHED): StracePrinter._detached,
}
