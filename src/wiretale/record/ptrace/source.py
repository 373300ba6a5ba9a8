"""The ptrace source: runs the tracer in a thread of its own, starts and attaches programs, tells what became of them.

NumPy must not be imported here: a recorder starts quickly, and is single-threaded until it says otherwise.
"""

import contextlib
import ctypes
import errno
import os
import signal
import threading
import time

from wiretale import inherited
from wiretale.clock import now_ns
from wiretale.errors import SHORTAGES, ResourceFault, WiretaleError
from wiretale.record.ptrace import library
from wiretale.record.ptrace.faults import attach_fault, disk_error, find_program, full_reason, spawn_fault
from wiretale.record.ptrace.options import PtraceOptions, SpawnRequest, option_flags
from wiretale.record.ptrace.planned import native_plan
from wiretale.store.tracer_files import TracerFiles

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from wiretale.record.ptrace.notable import Notable
    from wiretale.record.ptrace.tamper import Tamper
    from wiretale.store.report import SourceReport

__all__ = ["PtraceOptions", "PtraceSource", "SpawnRequest", "attach_fault", "find_program"]

_RESULT, _CALL, _SIGNAL, _ERROR = 1, 2, 4, 8  # enum wt_tamper_flag
_AT_ENTRY, _AT_EXIT = 1, 2  # enum wt_when
# enum wt_spawn_flag
_SETSID, _CTTY, _IDS, _DEFAULT_SIGPIPE, _DEFAULT_SIGXFSZ = 1, 2, 4, 8, 16
_NOTABLES_AT_ONCE = 64


class PtraceSource:
    """start, then spawn and attach, then stop, then report. spawn, attach and stop from one thread."""

    def __init__(self, files: TracerFiles, options: PtraceOptions) -> None:
        self.options = options
        self._files = files
        self._library = library.load()
        self._plan = native_plan(links=options.links or options.names)
        self._tampers = (library.Tamper * max(len(options.tampers), 1))(*map(_tamper, options.tampers))
        self._tampered_paths = (ctypes.c_char_p * max(len(options.tampered_paths), 1))(*options.tampered_paths)
        self._handle = 0
        self._thread: threading.Thread | None = None
        self._cursor = ctypes.c_uint64(0)
        self._pin_cpu = max(os.sched_getaffinity(0)) if options.pin else -1
        self._filtered = options.calls == "network" and options.kill_on_recorder_exit
        self._unfiltered_reason = ""
        if options.calls == "network" and not self._filtered:
            self._unfiltered_reason = (
                "every call was recorded: a program that outlives the recorder cannot run with its filter"
            )
        self._started_ns: int | None = None
        self._ended_ns: int | None = None
        self._stats = library.Stats()
        self._spawned: set[int] = set()
        self._reaped: dict[int, int] = {}
        self._unwinder: library.Unwinder | None = None

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the spool files and start the tracer thread. Raises ResourceFault if the files cannot be made."""
        fault = ctypes.c_int(0)
        o = self.options
        if o.stacks is not None:
            from wiretale.record.ptrace.unwinding import unwinder  # rarely wanted

            self._unwinder = unwinder(o.stacks)
        options = library.Options(
            os.fsencode(self._files.events_path),
            os.fsencode(self._files.chunks_path),
            os.fsencode(self._files.data_path),
            self._plan.ops,
            self._plan.tables,
            len(self._plan.tables),
            option_flags(o),
            library.ALL_BYTES if o.snaplen is None else o.snaplen,
            self._pin_cpu,
            len(o.tampers),
            self._tampers,
            self._tampered_paths,
            len(o.tampered_paths),
            *self._ring(),
            printed_fd=o.printed_fd,
        )
        self._handle = self._library.call("wt_open", ctypes.byref(options), ctypes.byref(fault))
        if not self._handle:
            raise self._not_opened(fault.value)
        if self._unwinder is not None:
            self._library.call("wt_unwind_with", self._handle, ctypes.byref(self._unwinder))
        self._thread = threading.Thread(
            target=self._library.call, args=("wt_run", self._handle), name="wiretale-tracer"
        )
        self._thread.daemon = True  # a recorder that fails must not wait for the traced programs
        self._thread.start()
        self._started_ns = now_ns()

    def _not_opened(self, number: int) -> ResourceFault:
        if number == errno.ENOMEM:
            return ResourceFault(
                "there is not enough memory to record", "ulimit -v says how much address space a process may have"
            )
        if number in (errno.EMFILE, errno.ENFILE):
            return ResourceFault(*SHORTAGES[number])
        return ResourceFault(
            f"{self._files.path} cannot be written: {disk_error(number)}",
            "free space there, or choose another place: record with -o FILE, run and strace with TMPDIR=FOLDER",
        )

    def _ring(self) -> tuple[int | bytes, ...]:
        """Where the calls come from, if not by ptrace: see struct wt_options."""
        return (-1, -1, -1, 0)

    def spawn(self, request: SpawnRequest) -> int:
        """Start a program, recorded from its execve on. Returns its pid. Raises WiretaleError if it cannot start."""
        search = request.search or request.env
        path = find_program(request.argv[0], search, request.cwd, even_folder=request.even_folder)
        filter_program = self._filter()
        with_ids = request.uid is not None
        groups = request.groups if request.groups is not None else [request.gid or 0]
        arguments = library.SpawnArguments(
            os.fsencode(path),
            _strings([os.fsencode(a) for a in request.argv]),
            _strings([os.fsencode(f"{k}={v}") for k, v in request.env.items()]),
            os.fsencode(request.cwd) if request.cwd is not None else None,
            (ctypes.c_int32 * 3)(request.stdin_fd, request.stdout_fd, request.stderr_fd),
            filter_program,
            (ctypes.c_uint32 * max(len(groups), 1))(*groups),
            len(filter_program) // 8 if filter_program else 0,
            len(groups),
            (_SETSID if request.new_session else 0)
            | (_CTTY if request.new_session and os.isatty(request.stdin_fd) else 0)
            | (_IDS if with_ids else 0)
            | _inherited(),
            request.uid if request.uid is not None else 0,
            request.gid if request.gid is not None else 0,
            0,
        )
        pid = self._library.call("wt_spawn", self._handle, ctypes.byref(arguments))
        if pid < 0:
            raise spawn_fault(request.argv[0], int(arguments.stage), -pid)
        self._spawned.add(pid)
        return pid

    def _filter(self) -> bytes | None:
        if not self._filtered:
            return None
        from wiretale.record.ptrace.plan import native_arches  # loads all that is known of calls
        from wiretale.record.ptrace.selection import seccomp_filter

        return seccomp_filter(native_arches(), self.options.only)

    def attach(self, pid: int) -> None:
        """Trace all threads of a running process. Raises WiretaleError or PermissionFault with the reason."""
        if pid == os.getpid():
            raise WiretaleError("wiretale cannot trace itself", "give the PID of another process")
        result = self._library.call("wt_attach", self._handle, pid)
        if result < 0 and result != -errno.EALREADY:
            raise attach_fault(pid, -result)
        if self.options.calls == "network":
            self._unfiltered_reason = (
                "every call of attached processes was recorded: a filter can only be given to a program when it starts"
            )

    def detach_all(self) -> None:
        """Let every process go; each runs on untraced after its next stop.

        Programs under the filter of `calls="network"` cannot be let go (their calls would fail): they stay traced,
        unrecorded, until they end.
        """
        if self._handle and not self.finished():
            self._library.call("wt_detach", self._handle)

    def stop(self, timeout_s: float = 2.0) -> None:
        """Let every process go, wait for the tracer to end, close the files. May be called more than once.

        Programs that cannot be let go (see detach_all) are waited for, and killed after `timeout_s`: they would not
        survive the recorder either.
        """
        if not self._handle:
            return
        if self._thread is not None:
            stuck = self._library.call("wt_stop", self._handle)
            self._thread.join(timeout_s if stuck else None)
            while self._thread.is_alive():
                for pid in self.alive():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self._thread.join(0.1)
        self._library.call("wt_stats", self._handle, ctypes.byref(self._stats))
        for pid in self._spawned:
            self.status_of(pid)
        self._library.call("wt_close", self._handle)
        self._handle = 0
        self._ended_ns = now_ns()

    def finished(self) -> bool:
        """Whether recording has ended by itself: the disk is full, or stop was called."""
        return not self._handle or self._now().full_errno != 0

    # -- what happens ------------------------------------------------------------------------------------------------

    @property
    def notable_fd(self) -> int:
        """Readable when nothing is traced any more; while `be_impatient`, when `notable` has something to say, too."""
        return self._library.call("wt_notable_fd", self._handle)

    def be_impatient(self, impatient: bool) -> None:
        """Whether notable events must be known at once. Each one that is takes time from the programs."""
        self._library.call("wt_impatient", self._handle, impatient)

    def in_step(self) -> tuple[int, int]:
        """With `printed_fd` two descriptors: the first is readable while the program waits until all that happened is
        printed; what is read there is written to the second once it is. -1: the program never waits.
        """
        if not self._handle:
            return -1, -1
        return self._library.call("wt_behind_fd", self._handle), self._library.call("wt_caught_up_fd", self._handle)

    def have_read(self, events: int) -> None:
        """With `holds_ends`: what was made of the first `events` events is done."""
        if self._handle:
            self._library.call("wt_have_read", self._handle, events)

    def acknowledge(self) -> None:
        """Make `notable_fd` unreadable until something happens again; what `notable` has to say stays."""
        self._library.call("wt_notable", self._handle, ctypes.byref(self._cursor), None, 0)

    def notable(self) -> "list[Notable]":
        """The notable events since the last call, in order."""
        from wiretale.record.ptrace.notable import decode_notable  # not for wiretale strace

        found: list[Notable] = []
        if not self._handle:
            return found
        room = (library.Event * _NOTABLES_AT_ONCE)()
        while True:
            n = self._library.call("wt_notable", self._handle, ctypes.byref(self._cursor), room, _NOTABLES_AT_ONCE)
            if n:
                chunks = self._library.chunks(self._handle)
                data = self._library.call("wt_data", self._handle)
                found += [decode_notable(room[i], chunks, data) for i in range(n)]
            if n < _NOTABLES_AT_ONCE:
                return found

    def alive(self) -> list[int]:
        """Processes traced now."""
        if not self._handle:
            return []
        room = 256
        while True:
            pids = (ctypes.c_int32 * room)()
            n = self._library.call("wt_alive", self._handle, pids, room)
            if n <= room:
                return list(pids[:n])
            room = 2 * n

    def status_of(self, pid: int) -> int | None:
        """Wait status of a program that was started or attached; None while it runs, traced or let go."""
        if pid in self._reaped:
            return self._reaped[pid]
        status = ctypes.c_int(0)
        if self._handle and self._library.call("wt_status", self._handle, pid, ctypes.byref(status)) == 1:
            self._reaped[pid] = status.value
        elif pid in self._spawned and pid not in self.alive():
            with contextlib.suppress(ChildProcessError):
                found, waited = os.waitpid(pid, os.WNOHANG)
                if found == pid:
                    self._reaped[pid] = waited
        return self._reaped.get(pid)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is traced any more; False after the timeout."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while self._handle:
            left = 0.1 if end is None else min(0.1, max(end - time.monotonic(), 0))
            if self._library.call("wt_wait", self._handle, int(left * 1000)):
                return True
            if end is not None and time.monotonic() >= end:
                return False
        return True

    # -- what to say about it ----------------------------------------------------------------------------------------

    def _now(self) -> library.Stats:
        if self._handle:
            self._library.call("wt_stats", self._handle, ctypes.byref(self._stats))
        return self._stats

    def lost(self) -> tuple[int, str]:
        """How many events were lost so far, and why."""
        s = self._now()
        return int(s.lost), full_reason(s.full_errno)

    def reduced(self) -> str:
        """The first program that had not the privileges of its file (set-user-ID and the like), being traced; or ""."""
        return os.fsdecode(self._now().reduced)

    def report(self) -> "SourceReport":
        """What was recorded and what it cost; while it runs, so far."""
        from wiretale.store.report import SourceReport  # not for wiretale strace

        s = self._now()
        stops = max(int(s.stops), 1)
        reason = full_reason(s.full_errno) or None
        detail = {
            "calls": self.options.calls,
            "mode": "filtered" if self._filtered else "every call",
            "mode_reason": self._unfiltered_reason or None,
            "snaplen": self.options.snaplen,
            "kill_on_recorder_exit": self.options.kill_on_recorder_exit,
            "stops": int(s.stops),
            "service_ns_per_stop": int(s.service_ns) // stops,
            "cpu_ns_per_stop": int(s.cpu_ns) // stops,
            "pinned_cpu": self._pin_cpu if self.options.pin else None,
            "same_cpu_share": round(s.same_cpu / s.samples, 3) if s.samples else None,
            "tracer_moves": int(s.moves),
            "tracer_starved": int(s.yielded),
            "idle_scheduling": bool(s.idle_policy),
            "placement_refused": "RLIMIT_NICE is too low: run as root, or ulimit -e 21" if s.no_privilege else None,
        }
        return SourceReport(
            "ptrace",
            "syscall",
            ran=self._started_ns is not None,
            reason=reason,
            remedy="free space, or keep less: --snaplen 64, --calls network" if s.full_errno else None,
            start_ns=self._started_ns,
            end_ns=self._ended_ns,
            items=int(s.events),
            lost=int(s.lost),
            clock_error_ns=0,
            detail=detail,
        )


def _tamper(rule: "Tamper") -> library.Tamper:
    flags = (_RESULT if rule.result is not None else 0) | (_CALL if rule.other is not None else 0)
    flags |= (_SIGNAL if rule.signal else 0) | (_ERROR if rule.fails else 0)
    pokes = (library.Poke * max(len(rule.pokes), 1))(
        *(library.Poke(p.data, len(p.data), p.argument, _AT_EXIT if p.at_exit else _AT_ENTRY) for p in rule.pokes)
    )
    return library.Tamper(
        rule.arch, flags, rule.number, rule.result or 0, rule.other or 0, rule.delay_enter_ns, rule.delay_exit_ns,
        rule.first, rule.last, rule.step, rule.signal, pokes, len(rule.pokes),
    )  # fmt: skip


def _strings(items: list[bytes]) -> "ctypes.Array[ctypes.c_char_p]":
    return (ctypes.c_char_p * (len(items) + 1))(*items, None)


def _inherited() -> int:
    """What Python has changed is as it was again: members of enum wt_spawn_flag."""
    flags = 0 if inherited.found & inherited.SIGPIPE else _DEFAULT_SIGPIPE
    return flags | (0 if inherited.found & inherited.SIGXFSZ else _DEFAULT_SIGXFSZ)
