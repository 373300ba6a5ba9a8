"""The kernel source: BPF programs at tracepoints write fixed records into a buffer of their CPU, which is emptied into
the spool.

Nothing is looked at while recording, and NumPy must not be imported here (see `record.packets.source`).
"""

import ctypes
import errno
import os
import struct
import threading
from functools import lru_cache
from pathlib import Path

from wiretale.clock import now_ns
from wiretale.errors import ResourceFault
from wiretale.light import dataclass
from wiretale.model.kernel_ring import EVENT_BYTES, KINDS, RING_HEADER_BYTES, STACK_BYTES
from wiretale.record.ebpf.libbpf import NO_MEMORY, SMALLER_RING, Object, RefusedProgram
from wiretale.record.ebpf.symbols import Symbols
from wiretale.store.report import SourceReport
from wiretale.store.spool import Spool

MIB = 1 << 20
_FOLDER = Path(__file__).parent
OBJECT_PATH = _FOLDER / "_wiretale.bpf.o"
LIBRARY_PATH = _FOLDER / "_ring.so"
NOT_BUILT = "wiretale was installed without its kernel program, which clang makes"
BUILD = "apt install clang llvm libbpf-dev, then install wiretale anew: pip install --force-reinstall ."


_CPUS = os.sysconf("SC_NPROCESSORS_CONF")
_SLOT_BYTES = RING_HEADER_BYTES + EVENT_BYTES  # struct wt_kernel_slot
_LEAST_RING_BYTES = 1 << 16  # whole pages on every machine
_FOLLOWS = "sched_process_fork"  # without it no program would be followed
_RETURNS = "sys_exit"  # the program there follows sockets
_MOST_REFUSED = 8  # each costs another try; more than these, and it is no matter of single tracepoints
_PLACE, _NUMBER, _NAME_BYTES = struct.Struct("=II"), struct.Struct("=I"), 16  # struct place, a tid, struct name
_REASONS = {"drop": "skb_drop_reason", "reset": "sk_rst_reason"}


class _Out(ctypes.Structure):
    """struct wt_out of ring.c."""

    _fields_ = [
        ("file", ctypes.c_int32),
        ("error", ctypes.c_int32),
        ("records", ctypes.c_uint64),
        ("lost", ctypes.c_uint64),
    ]


class _Buffers(ctypes.Structure):
    """struct wt_buffers of ring.c."""

    _fields_ = [
        ("out", _Out),
        ("slots", ctypes.c_void_p),
        ("filling", ctypes.c_void_p),
        ("of_cpu", ctypes.c_uint64),
        ("cpus", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


class _Ring(ctypes.Structure):
    """struct wt_ring of ring.c."""

    _fields_ = [
        ("out", _Out),
        ("consumed", ctypes.c_void_p),
        ("produced", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_uint64),
        ("record_bytes", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


ALL_STACKS = (1 << 64) - 1
GROUPS = tuple(dict.fromkeys(kind.name.partition(":")[0] for kind in KINDS))  # sched, irq, napi, net, ...


@dataclass(frozen=True, slots=True)
class KernelOptions:
    """Sizes are bytes, and powers of two."""

    ring_bytes: int = 64 * MIB  # of the buffers of all CPUs: up to half a million events
    stacks: int = 0  # of so many events of each kind and context; ALL_STACKS: of all
    stack_ring_bytes: int = 32 * MIB  # some 40,000 stacks
    groups: tuple[str, ...] = ()  # only the tracepoints of these, see GROUPS; (): all

    @property
    def events_of_cpu(self) -> int:
        """How many events the buffer of one CPU holds."""
        return max(self.ring_bytes // _CPUS, min(self.ring_bytes, MIB)) // _SLOT_BYTES

    @property
    def unwanted(self) -> list[str]:
        """The tracepoints that were not asked for. What follows programs is always there."""
        named = (k.name.partition(":") for k in KINDS)
        return [n for group, _, n in named if self.groups and group not in self.groups and n != _FOLLOWS]


class KernelSource:
    """open, start, stop, report: in this order, all from one thread."""

    def __init__(self, spool: Spool, options: KernelOptions) -> None:
        self.options = options
        self._path = spool.kernel_path
        self._stacks_path = spool.stacks_path
        self._symbols = Symbols(spool.symbols_path) if options.stacks else None
        self._report = SourceReport("ebpf", "kernel", ran=False)
        self._object: Object | None = None
        self._events, self._stacks = _Buffers(_Out(-1)), _Ring(_Out(-1))
        self._thread: threading.Thread | None = None
        self._wake = (-1, -1)

    def open(self) -> None:
        """Load the programs. PermissionFault or ResourceFault with the next step where that is impossible."""
        loaded, absent = _load(self.options)
        try:
            loaded.put("recorder", bytes(4), os.getpid().to_bytes(4, "little"))
            self._open_events(loaded)
            if self._symbols is not None:
                self._open_stacks(loaded)
                self._symbols.take()  # now, that the programs, whose functions are on every stack, have names too
        except BaseException:
            self._close_files()
            loaded.close()
            raise
        self._object = loaded
        self._report.detail = {
            "ring_bytes": self.options.ring_bytes,
            "netns": Path("/proc/self/ns/net").stat().st_ino,
            **absent,
            "groups": list(self.options.groups),
            # Their numbers shift from kernel to kernel: the names are kept with the events.
            "reasons": {kind: loaded.enum_names(name) for kind, name in _REASONS.items()},
        }
        if self._symbols is not None:
            asked = "all" if self.options.stacks == ALL_STACKS else self.options.stacks
            self._report.detail |= {"stacks": asked, "symbols": self._symbols.facts()}

    def start(self) -> None:
        """Record from here on: the programs that this process forks, and those given to `follow`."""
        loaded = self._opened()
        self._report.start_ns = now_ns()
        refused = self._report.detail["refused_tracepoints"]
        left_out = {*self._report.detail["missing_tracepoints"], *refused, *self.options.unwanted}
        refused += [n for n, program in loaded.programs().items() if n not in left_out and not loaded.attach(program)]
        self._report.ran = True
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._drain, name="kernel", daemon=True)
        self._thread.start()

    def follow(self, pid: int) -> None:
        """Also record a process that runs already, with the sockets it has, and its children from now on."""
        self._opened().put("tasks", pid.to_bytes(4, "little"), b"\1")
        if not self._opened().iterate("task_file"):
            self._report.detail["sockets_of_attached"] = "followed from their first use only"

    def run_in(self, calls: Object) -> None:
        """Let the program that follows sockets be run by those that record calls, not at each return of a call."""
        loaded = self._opened()
        program = loaded.programs()[_RETURNS]
        try:
            calls.put("at_socket_calls", bytes(4), loaded.program_fd(program).to_bytes(4, "little"))
        except ResourceFault:  # it goes on where it is
            return
        loaded.detach_program(program)

    def stop(self) -> None:
        """Detach, take what is left, close. Does nothing the second time."""
        loaded = self._object
        if loaded is None:
            return
        if self._symbols is not None:
            self._symbols.take_again_if_modules_came()
        loaded.detach()
        self._report.end_ns = now_ns()
        if self._thread is not None:
            os.write(self._wake[1], b"x")
            self._thread.join()
            self._thread = None
            for end in self._wake:
                os.close(end)
        self.report()
        self._object = None
        self._close_files()
        loaded.close()

    def report(self) -> SourceReport:
        """What was recorded so far; complete after `stop`."""
        report = self._report
        events, stacks = self._events.out, self._stacks.out
        report.items = events.records
        if self._object is None or not report.ran:
            return report
        lost, counts, no_room = (self._counted(place) for place in range(3))
        report.lost = sum(lost.values()) + events.lost
        report.detail |= {"events": counts, "lost": lost, "devices": self._devices(), "strangers": self._strangers()}
        report.detail |= {"missed": self._opened().missed()}
        if self._symbols is not None:
            report.detail |= {"stacks_recorded": stacks.records, "stacks_lost": sum(no_room.values()) + stacks.lost}
        reasons = [f"the ring of a CPU was full: {sum(lost.values())} events lost"] if lost else []
        if events.lost:
            reasons.append(f"{self._path.name}: {os.strerror(events.error)}")
        report.reason = "; ".join(reasons) or None
        report.remedy = "free space on the disk" if events.lost else "a larger ring (--ring)" if lost else None
        return report

    def _opened(self) -> Object:
        if self._object is None:
            raise ValueError("open() comes first")
        return self._object

    def _devices(self) -> list[tuple[int, int, str]]:
        """Of the devices that events are about: network namespace (inode), index, name."""
        found = self._opened().entries("devices", _PLACE.size, _NAME_BYTES)
        return [(*_PLACE.unpack(place), _text(name)) for place, name in found]

    def _strangers(self) -> dict[int, str]:
        """Names of threads that are not recorded and had a part in what was."""
        names = self._opened().entries("strangers", _NUMBER.size, _NAME_BYTES)
        return {_NUMBER.unpack(tid)[0]: _text(name) for tid, name in names}

    def _counted(self, place: int) -> dict[str, int]:
        """Of each kind with any: events lost (0), events written (1), stacks lost (2)."""
        loaded, first = self._opened(), place * (len(KINDS) + 1)
        counts = {kind.name: loaded.per_cpu("counters", first + kind.number) for kind in KINDS}
        return {name: count for name, count in counts.items() if count}

    def _open_events(self, loaded: Object) -> None:
        maps = loaded.map_fd("events"), loaded.map_fd("filling")
        self._events.out.file = _new_file(self._path)
        error = _library().wt_buffers_open(ctypes.byref(self._events), *maps, self.options.events_of_cpu, _CPUS)
        if error:
            raise no_ring(-error)

    def _open_stacks(self, loaded: Object) -> None:
        ring_bytes = self.options.stack_ring_bytes
        self._stacks.out.file = _new_file(self._stacks_path)
        error = _library().wt_ring_open(ctypes.byref(self._stacks), loaded.map_fd("stacks"), ring_bytes)
        if error:
            raise no_ring(-error)
        self._stacks.record_bytes = STACK_BYTES

    def _close_files(self) -> None:
        if self._events.of_cpu:
            _library().wt_buffers_close(ctypes.byref(self._events))
        if self._stacks.record_bytes:
            _library().wt_ring_close(ctypes.byref(self._stacks))
        for opened in (self._events.out, self._stacks.out):
            if opened.file >= 0:
                os.close(opened.file)

    def _drain(self) -> None:
        _library().wt_drain_run(ctypes.byref(self._events), ctypes.byref(self._stacks), self._wake[0])


def _text(name: bytes) -> str:
    return name.partition(b"\0")[0].decode(errors="backslashreplace")


def can_run() -> list[str]:
    """Load the programs and let go of them; the tracepoints this kernel lacks. PermissionFault or ResourceFault."""
    loaded, absent = _load(KernelOptions(ring_bytes=_LEAST_RING_BYTES))
    loaded.close()
    return absent["missing_tracepoints"] + absent["refused_tracepoints"]


def _new_file(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise ResourceFault(f"{path} cannot be written: {fault.strerror}") from fault


def no_ring(number: int) -> ResourceFault:
    """The ring is there and cannot be mapped: the errno in words."""
    if number == errno.ENOMEM:
        return ResourceFault(NO_MEMORY, SMALLER_RING)
    return ResourceFault(f"the kernel's ring cannot be mapped: {os.strerror(number)}")


def _load(options: KernelOptions) -> tuple[Object, dict[str, list[str]]]:
    """The programs, loaded but for those this kernel has no tracepoint for, and those it refuses: both by name."""
    if not OBJECT_PATH.exists() or not LIBRARY_PATH.exists():
        raise ResourceFault(NOT_BUILT, BUILD)
    refused: list[str] = []
    while True:  # an object that failed to load cannot be loaded again
        loaded = Object(OBJECT_PATH)
        try:
            unwanted = options.unwanted
            missing = [name for name in loaded.leave_out_missing(loaded.programs()) if name not in unwanted]
            if _FOLLOWS in missing:
                raise ResourceFault(f"this kernel lacks the tracepoint {_FOLLOWS}, by which programs are followed")
            loaded.leave_out(refused + unwanted)
            loaded.set_size("events", _CPUS * options.events_of_cpu)
            loaded.set_size("filling", _CPUS)
            loaded.set_constant(".rodata.events", options.events_of_cpu.to_bytes(8, "little"))
            loaded.set_size("stacks", options.stack_ring_bytes if options.stacks else _LEAST_RING_BYTES)
            loaded.set_constant(".rodata.stacks", options.stacks.to_bytes(8, "little"))
            loaded.load()
        except RefusedProgram as fault:
            loaded.close()
            if fault.program == _FOLLOWS or len(refused) == _MOST_REFUSED:
                raise
            refused.append(fault.program)
        except BaseException:
            loaded.close()
            raise
        else:
            return loaded, {"missing_tracepoints": missing, "refused_tracepoints": refused}


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(os.fspath(LIBRARY_PATH))
    buffers, ring = ctypes.POINTER(_Buffers), ctypes.POINTER(_Ring)
    library.wt_buffers_open.argtypes = [buffers, ctypes.c_int, ctypes.c_int, ctypes.c_uint64, ctypes.c_uint32]
    library.wt_buffers_close.argtypes = [buffers]
    library.wt_buffers_close.restype = None
    library.wt_ring_open.argtypes = [ring, ctypes.c_int, ctypes.c_uint64]
    library.wt_ring_close.argtypes = [ring]
    library.wt_ring_close.restype = None
    library.wt_drain_run.argtypes = [buffers, ring, ctypes.c_int]
    library.wt_drain_run.restype = None
    return library
