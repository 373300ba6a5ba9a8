"""One run: start or attach, follow the tracer's spool, print, and end as the traced program ended.

The program is started before the decoders are imported: it runs, and is recorded, while they load.
"""

import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress

from wiretale import inherited
from wiretale.clock import now_ns
from wiretale.errors import WiretaleError
from wiretale.model.spool import EventFlag, EventKind
from wiretale.store.load.tracer_events import EventReader
from wiretale.store.tracer_files import TracerFiles, UnnamedFiles, unnamed_files
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import CAPTURE_SUFFIX, StraceOptions, needs_stops
from wiretale.strace.output import Outputs
from wiretale.strace.requests import spawn_request, tracer_options

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from wiretale.record.ptrace.source import PtraceSource
    from wiretale.strace.begun import Begun, Held
    from wiretale.strace.printer import StracePrinter

_POLL_S = 0.01
_COUNT_BYTES = 8  # eventfd(2)
_INIT = 1
_WNOTHREAD = 0x20000000  # linux/wait.h: only children of this thread
_NOT_BY_EBPF = "not shown: signals that the program ignores, stops by job control, calls that found the ring full"
_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTERM)


def run(options: StraceOptions, begun: str = "") -> int:
    """Trace; returns the exit code. A program killed by a signal takes this process with it, as under strace.

    `begun`: what the launcher says of a program that it has begun to trace.
    """
    if options.daemon:
        from wiretale.strace.daemon import leave_tracing_to_grandchild  # rarely wanted

        options = leave_tracing_to_grandchild(options)
    if options.output is not None and options.output.endswith(CAPTURE_SUFFIX):
        from wiretale.strace.capture import run as trace_and_capture  # loads the packet sources

        status = trace_and_capture(options)
    else:
        status = _follow_begun(options, begun) if begun else _start(options, Outputs(options))
    if options.tip_format != "none":
        from wiretale.strace.tips import tip_text  # rarely wanted

        sys.stderr.write(tip_text(options.tip_format, options.tip))
    if status < 0:
        _die_of(-status)
    return status


def _follow_begun(options: StraceOptions, begun: str) -> int:
    from wiretale.strace.begun import Begun, read_held

    held = read_held(begun)
    source = Begun(held, tracer_options(options))
    outputs = Outputs(options, opened=held.printed.output if held.printed is not None else -1)
    try:
        return _Run(options, outputs, source, UnnamedFiles(_folder(), *held.files), held).go()
    finally:
        source.reap()


def _start(options: StraceOptions, outputs: Outputs) -> int:
    files = _files()
    try:
        return _Run(options, outputs, _source(options, outputs, files), files).go()
    finally:
        files.remove()


def _folder() -> str:
    return os.environ.get("TMPDIR") or "/tmp"


def _files() -> TracerFiles:
    """Where the tracer writes. Not by tempfile: loading it takes longer than tracing a short program."""
    with suppress(OSError):
        return unnamed_files(_folder())
    files = TracerFiles(f"{_folder()}/wiretale-strace-{os.getpid()}-{now_ns()}")
    try:
        os.mkdir(files.path, mode=0o700)
    except OSError as fault:
        raise StraceFault(f"{files.path} cannot be made: {fault.strerror}; TMPDIR says where") from fault
    return files


class _Run:
    def __init__(
        self,
        options: StraceOptions,
        outputs: Outputs,
        source: "PtraceSource | Begun",
        files: TracerFiles,
        held: "Held | None" = None,
    ) -> None:
        """`held`: what the launcher hands over of a program that it has begun to trace."""
        self._held_back = held.held_back if held is not None else 0
        self._printed = held.printed if held is not None else None
        self._options = options
        self._outputs = outputs
        self._offset_ns = self._printed.offset_ns if self._printed is not None else time.time_ns() - now_ns()
        self._source = source
        self._reader = EventReader(files)
        self._lazy_printer: StracePrinter | None = None
        self._ended_by: signal.Signals | None = None
        # -I anywhere: a signal ends strace where it stands; what it followed goes on, and nothing more is printed.
        self._ends_at_once = options.interruptible == 1
        self._not_started = False  # the program could not be executed

    @property
    def _printer(self) -> "StracePrinter":
        if self._lazy_printer is None:
            from wiretale.strace.printer import StracePrinter  # see above

            self._lazy_printer = StracePrinter(self._options, self._outputs, self._offset_ns)
            if self._printed is not None:
                self._lazy_printer.go_on(self._printed, self._reader)
        return self._lazy_printer

    def go(self) -> int:
        """Trace to the end; returns the exit code, or the negative number of the signal to die of."""
        self._source.start()
        self._catch_signals()
        pid = 0
        try:
            self._attach_all()
            if self._options.attached_fd >= 0:
                os.write(self._options.attached_fd, b"x")
            if self._options.command:
                pid = self._spawn()
                _leave_standard_files()
            self._follow(pid)
        finally:
            self._source.stop()
            while not self._not_started and self._print() and self._ended_by is None:
                pass
            self._reader.close()
        self._say_lost()
        self._print_summary()
        self._outputs.close()
        return self._exit_code(pid)

    def _print_summary(self) -> None:
        if self._printer.summary is not None:
            self._outputs.main.write(self._printer.summary.text())

    def _say_lost(self) -> None:
        """Of kernel programs: what found their ring full. ptrace loses nothing but what the disk does not take."""
        from wiretale.record.ptrace.faults import ENDED_EARLY  # the tracer has loaded it

        lost, reason = self._source.lost()
        if lost:
            sys.stderr.write(f"wiretale strace: {lost} event{'s' * (lost != 1)} lost: {reason}\n")
        if reason.startswith(ENDED_EARLY):
            sys.stderr.write("  try: TMPDIR=FOLDER with more room; what is not printed yet is kept there\n")

    def _attach_all(self) -> None:
        """One of several that cannot be traced is no reason to leave the others alone."""
        attached = []
        refused: StraceFault | None = None
        for pid in self._options.pids:
            if refused is not None:
                sys.stderr.write(f"strace: {refused.message}\n")
                refused = None
            try:
                self._source.attach(pid)
                attached.append(pid)
            except WiretaleError as fault:
                refused = StraceFault(f"attach: {fault.message}", hint=fault.hint.replace("record", "strace"))
        if refused is not None and not attached and not self._options.command:
            raise refused
        if refused is not None:
            sys.stderr.write(f"strace: {refused.message}\n")
        for pid in attached:
            self._printer.attach(pid)

    def _spawn(self) -> int:
        try:
            return self._source.spawn(spawn_request(self._options))
        except WiretaleError as fault:
            self._print_failed_start()
            raise StraceFault(fault.message, hint=fault.hint) from fault

    def _print_failed_start(self) -> None:
        """The execve that failed, and the end of its process: what that does between them, it does for the tracer."""
        self._not_started = True
        events = self._reader.read()
        failed = next((i for i, e in enumerate(events, 1) if e.kind == EventKind.EXIT and e.flags & EventFlag.ERROR), 0)
        if failed:
            self._printer.take_all([*events[:failed], *(e for e in events[failed:] if e.kind == EventKind.END)])
        self._print_summary()
        self._outputs.flush()

    def _catch_signals(self) -> None:
        default = 3 if self._options.command and self._options.output is not None else 2
        level = self._options.interruptible or default
        # Handlers and not SIG_IGN: an ignored signal would be inherited by the program (execve(2)).
        wanted = _ENDING if level < 4 else (*_ENDING, signal.SIGTSTP)
        for number in wanted:
            ignored = signal.getsignal(number) is signal.SIG_IGN
            if number == signal.SIGPIPE:  # which Python ignores
                ignored = bool(inherited.found & inherited.SIGPIPE)
            if not ignored:
                signal.signal(number, _stay if level > 2 else self._note)
        # Those that were blocked before stay so, as under strace.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [n for n in _ENDING if self._held_back >> n & 1])

    def _note(self, number: int, _frame: object) -> None:
        self._ended_by = signal.Signals(number)

    def _follow(self, pid: int) -> None:
        while self._source.alive() or self._outlives_recording(pid):
            if self._ended_by is not None:
                self._source.detach_all()
                if pid and not self._ends_at_once and self._source.status_of(pid) is None:  # it may have had it, too
                    with suppress(ProcessLookupError):
                        os.kill(pid, self._ended_by)
                return
            if pid in self._printer.let_go:
                self._source.status_of(pid)  # which reaps it: what is still traced may wait for it to be gone
            if os.getpid() == _INIT:
                self._reap_orphans(pid)
            if not self._print():
                self._wait()
        while self._options.awaits_exec and self._print():
            pass  # before the end of the program is known to whoever started it

    def _wait(self) -> None:
        """Until there may be something to do. Where the program waits for its lines, they are printed now."""
        behind, caught_up = self._source.in_step()
        wanted = [fd for fd in (self._source.notable_fd, behind) if fd >= 0]
        if behind in select.select(wanted, [], [], _POLL_S)[0]:
            asked = os.read(behind, _COUNT_BYTES)
            while self._print():
                pass
            os.write(caught_up, asked)
        self._source.acknowledge()

    def _outlives_recording(self, pid: int) -> bool:
        """Whether the program, which was let go because the disk is full, still runs."""
        return bool(pid) and self._source.finished() and self._source.status_of(pid) is None

    def _reap_orphans(self, spawned: int) -> None:
        """As the first process of a PID namespace: without it the namespaces of what was traced cannot end."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT | _WNOTHREAD)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid == spawned or ended.si_pid in self._source.alive():
                return  # the tracer's thread waits for these
            os.waitpid(ended.si_pid, os.WNOHANG)

    def _print(self) -> bool:
        """Print some of what is new; whether there was something."""
        printer = self._printer
        events = self._reader.read()
        if self._ended_by is not None and self._ends_at_once:
            return False
        printer.take_all(events)
        self._outputs.flush()
        if self._options.awaits_exec:
            self._source.have_read(self._reader.position)
        return bool(events)

    def _exit_code(self, pid: int) -> int:
        if self._ended_by is not None:
            return -self._ended_by
        # What becomes of a program after it was let go (-b execve) is not this run's, even if it ended meanwhile.
        status = self._source.status_of(pid) if pid and pid not in self._printer.let_go else None
        if status is None:
            return 0
        if os.WIFSIGNALED(status):
            return -os.WTERMSIG(status)
        return os.WEXITSTATUS(status)


def _source(options: StraceOptions, outputs: Outputs, files: TracerFiles) -> "PtraceSource":
    """Who records the calls, by --engine. What it cannot show, or why it could not be used, is said."""
    from wiretale.record.ptrace.source import PtraceSource  # loads the tracer

    tracing = tracer_options(options, outputs.shared_fd())
    if options.engine == "ptrace" or needs_stops(options):
        return PtraceSource(files, tracing)
    from wiretale.record.ebpf.calls import EbpfCalls, RingOptions  # loads libbpf

    try:
        source = EbpfCalls(files, tracing, RingOptions(live=True))
    except WiretaleError as fault:
        if options.engine == "ebpf":
            raise StraceFault(
                f"--engine ebpf: {fault.message}" + (f"; try: {fault.hint}" if fault.hint else "")
            ) from fault
        sys.stderr.write(f"wiretale strace: ptrace records the calls, because eBPF could not: {fault.message}\n")
        return PtraceSource(files, tracing)
    sys.stderr.write(f"wiretale strace: kernel programs record the calls; {_NOT_BY_EBPF}\n")
    return source


def _leave_standard_files() -> None:
    """They are the program's: whoever reads what it writes sees the end when it closes it, not when its tracer ends."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(nowhere, fd)
    os.close(nowhere)


def _stay(_number: int, _frame: object) -> None:
    """-I never: the signal is for the program."""


def _die_of(number: int) -> None:
    """End by the signal that ended the program, without a second core file."""
    sys.stderr.flush()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
