"""A program that `launcher.c` has begun to trace in a process of its own, while Python was starting.

`Begun` is to `run.py` what a PtraceSource is. Its tracer can be asked for one thing: to let the program go.
`Printed` is what the launcher has printed already (`printing.c`), from where Python goes on.
"""

import contextlib
import os
import select
import struct

from wiretale.errors import Exit, WiretaleError
from wiretale.light import dataclass
from wiretale.record.ptrace.faults import full_reason, spawn_fault
from wiretale.record.ptrace.options import BUSY_START, PtraceOptions, SpawnRequest, option_flags

HELLO = struct.Struct("=iiIIQ")  # struct hello, struct goodbye of launcher.h
GOODBYE = struct.Struct("=iiiIQ")
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class PrintedTask:
    """A thread between two events. Events are told by their numbers, -1: none."""

    tid: int
    begun: int  # the entry of its open call
    interrupted: int  # the entry of the call that restart_syscall goes on with


@dataclass(frozen=True, slots=True)
class Printed:
    """What has been printed: all before the event `next`."""

    hello: tuple[int, int, int]  # as in HELLO: pid, flags, snaplen; the launcher has read it
    output: int  # a descriptor
    next: int
    owner: int  # the task whose line is open, 0: none
    column: int  # how long that line is
    first_pid: int
    offset_ns: int  # as in times.Stamps
    last_ns: int  # when the last line began, with -r; -1: there is none
    tasks: list[PrintedTask]
    netlink: list[tuple[int, int, int]]  # process, descriptor, protocol


@dataclass(frozen=True, slots=True)
class Held:
    """All that the launcher hands over."""

    tracer: int
    channel: int
    files: tuple[int, int, int]  # without names, by the descriptors that the launcher left open
    in_step: tuple[int, int]  # as PtraceSource.in_step
    held_back: int  # the signals that it blocked until there is an answer to them, bit N for signal N
    printed: Printed | None  # None: nothing was, and nothing is known


def read_held(text: str) -> Held:
    """What `launcher.c` and `printing.c` wrote."""
    (recording,), *rest = [[_numbers(row) for row in part.split(":") if row] for part in text.split(";")]
    tracer, channel, events, chunks, data, behind, caught_up, held_back = recording
    printed = None
    if rest:
        ((pid, flags, snaplen),), ((output, number, owner, column, first_pid, offset_ns, last_ns),), tasks, netlink = (
            rest
        )
        printed = Printed(
            hello=(pid, flags, snaplen),
            output=output,
            next=number,
            owner=owner,
            column=column,
            first_pid=first_pid,
            offset_ns=offset_ns,
            last_ns=last_ns,
            tasks=[PrintedTask(tid, begun, interrupted) for tid, begun, interrupted in tasks],
            netlink=[(process, fd, protocol) for process, fd, protocol in netlink],
        )
    return Held(tracer, channel, (events, chunks, data), (behind, caught_up), held_back, printed)


def _numbers(row: str) -> list[int]:
    return [int(word) for word in row.split(",")]


class Begun:
    """The part of PtraceSource that `run.py` needs. `channel` is the socket to the tracer's process."""

    def __init__(self, held: Held, options: PtraceOptions) -> None:
        for fd in (held.channel, *held.files, *held.in_step):
            if fd >= 0:
                os.set_inheritable(fd, False)
        self._tracer = held.tracer
        self._channel = held.channel
        self._in_step = held.in_step
        self._hello = held.printed.hello if held.printed is not None else None
        self._options = options
        self._pid = 0
        self._status: int | None = None
        self._lost, self._full_errno = 0, 0
        self._over = False

    def start(self) -> None:
        """It was started before this process was Python."""

    def attach(self, pid: int) -> None:
        """Never asked for: the launcher begins no command line with -p."""
        raise AssertionError(pid)

    def spawn(self, request: SpawnRequest) -> int:
        """The pid of the program. Raises WiretaleError if it could not be started."""
        self._over = True
        self._pid, flags, snaplen = self._hello or self._read_hello(request)
        # Where Python loads only when a line needs it, the program started alone.
        assert (flags | BUSY_START, snaplen) == (option_flags(self._options), self._options.snaplen)
        self._over = False
        return self._pid

    def _read_hello(self, request: SpawnRequest) -> tuple[int, int, int]:
        told = os.read(self._channel, _LONGEST)
        if len(told) != HELLO.size:
            raise WiretaleError("the program could not be traced: its tracer ended", exit_code=Exit.INTERNAL)
        pid, stage, flags, _, snaplen = HELLO.unpack(told)
        if pid < 0:
            raise spawn_fault(request.argv[0], stage, -pid)
        return pid, flags, snaplen

    def alive(self) -> list[int]:
        """The program, until nothing is traced any more."""
        return [] if self._over else [self._pid]

    def finished(self) -> bool:
        """Never before the program has ended: also where recording ends early, the tracer's process waits for it."""
        return False

    @property
    def notable_fd(self) -> int:
        """Readable when nothing is traced any more."""
        return self._channel

    def in_step(self) -> tuple[int, int]:
        """As of PtraceSource."""
        return self._in_step

    def have_read(self, events: int) -> None:
        """Nothing waits for this: the launcher attaches to no process."""

    def acknowledge(self) -> None:
        """Take note of what the tracer says, if it says something: that it has ended."""
        if not self._over and select.select([self._channel], [], [], 0)[0]:
            self._hear_the_end()

    def detach_all(self) -> None:
        """Have everything let go; returns when it is."""
        self.stop()

    def stop(self) -> None:
        """Let go what is still traced, and wait for the tracer's end."""
        if not self._over:
            with contextlib.suppress(OSError):  # it was killed
                os.write(self._channel, b"let go")
            self._hear_the_end()

    def _hear_the_end(self) -> None:
        told = os.read(self._channel, _LONGEST)
        self._over = True
        if len(told) != GOODBYE.size:
            raise WiretaleError("the tracer was killed: the program goes on without it")
        ended, status, self._full_errno, _, self._lost = GOODBYE.unpack(told)
        if ended:
            self._status = status

    def reap(self) -> None:
        """Wait for the tracer's process to be gone. Its time counts as this process's then, as the program's does."""
        self.stop()
        os.waitpid(self._tracer, 0)

    def status_of(self, pid: int) -> int | None:
        """Wait status of the program; None while it runs, traced or let go."""
        return self._status if pid == self._pid else None

    def lost(self) -> tuple[int, str]:
        """How many events were lost, and why."""
        return self._lost, full_reason(self._full_errno)
