"""The kernel source: BPF programs at tracepoints write fixed records into a ring, which is emptied into the spool.

Nothing is looked at while recording, and NumPy must not be imported here (see `record.packets.source`).
"""

import ctypes
import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from wiretale.clock import now_ns
from wiretale.errors import ResourceFault
from wiretale.model.kernel_ring import EVENT_BYTES, KINDS
from wiretale.record.ebpf.libbpf import Object
from wiretale.store.report import SourceReport
from wiretale.store.spool import Spool

MIB = 1 << 20
_FOLDER = Path(__file__).parent
OBJECT_PATH = _FOLDER / "_wiretale.bpf.o"
LIBRARY_PATH = _FOLDER / "_ring.so"
NOT_BUILT = "wiretale was installed without its kernel program, which clang makes"
BUILD = "apt install clang llvm libbpf-dev, then install wiretale anew: pip install --force-reinstall ."


_LEAST_RING_BYTES = 1 << 16  # whole pages on every machine
_REASONS = {"drop": "skb_drop_reason", "reset": "sk_rst_reason"}


class _Ring(ctypes.Structure):
    """struct wt_ring of ring.c."""

    _fields_ = [
        ("consumed", ctypes.c_void_p),
        ("produced", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_uint64),
        ("record_bytes", ctypes.c_uint32),
        ("file", ctypes.c_int32),
        ("records", ctypes.c_uint64),
        ("lost", ctypes.c_uint64),
        ("error", ctypes.c_int32),
        ("reserved", ctypes.c_uint32),
    ]


@dataclass(frozen=True, slots=True)
class KernelOptions:
    """Sizes are bytes."""

    ring_bytes: int = 64 * MIB  # a power of two: some half a million events


class KernelSource:
    """open, start, stop, report: in this order, all from one thread."""

    def __init__(self, spool: Spool, options: KernelOptions) -> None:
        self.options = options
        self._path = spool.kernel_path
        self._report = SourceReport("ebpf", "kernel", ran=False)
        self._object: Object | None = None
        self._ring = _Ring()
        self._file = -1
        self._thread: threading.Thread | None = None
        self._wake = (-1, -1)

    def open(self) -> None:
        """Load the programs. PermissionFault or ResourceFault with the next step where that is impossible."""
        loaded = _built()
        try:
            missing = _load(loaded, self.options.ring_bytes)
            loaded.put("recorder", bytes(4), os.getpid().to_bytes(4, "little"))
            self._map_ring(loaded.map_fd("events"))
            try:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            except OSError as fault:
                raise ResourceFault(f"{self._path} cannot be written: {fault.strerror}") from fault
        except BaseException:
            loaded.close()
            raise
        self._object = loaded
        self._report.detail = {
            "ring_bytes": self.options.ring_bytes,
            "missing_tracepoints": missing,
            # Their numbers shift from kernel to kernel: the names are kept with the events.
            "reasons": {kind: loaded.enum_names(name) for kind, name in _REASONS.items()},
        }

    def start(self) -> None:
        """Record from here on: the programs that this process forks, and those given to `follow`."""
        loaded = self._opened()
        self._ring.file = self._file
        self._ring.record_bytes = EVENT_BYTES
        self._report.start_ns = now_ns()
        missing = self._report.detail["missing_tracepoints"]
        refused = [n for n, program in loaded.programs().items() if n not in missing and not loaded.attach(program)]
        self._report.detail["refused_tracepoints"] = refused
        self._report.ran = True
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._drain, name="kernel", daemon=True)
        self._thread.start()

    def follow(self, pid: int) -> None:
        """Also record a process that runs already, with the sockets it has, and its children from now on."""
        self._opened().put("tasks", pid.to_bytes(4, "little"), b"\1")
        if not self._opened().iterate("task_file"):
            self._report.detail["sockets_of_attached"] = "followed from their first use only"

    def stop(self) -> None:
        """Detach, take what is left, close. Does nothing the second time."""
        loaded = self._object
        if loaded is None:
            return
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
        _library().wt_ring_close(ctypes.byref(self._ring))
        loaded.close()
        os.close(self._file)

    def report(self) -> SourceReport:
        """What was recorded so far; complete after `stop`."""
        report = self._report
        report.items = self._ring.records
        if self._object is None or not report.ran:
            return report
        counts = {kind.name: self._object.per_cpu("counters", len(KINDS) + 1 + kind.number) for kind in KINDS}
        lost = {kind.name: self._object.per_cpu("counters", kind.number) for kind in KINDS}
        report.lost = sum(lost.values()) + self._ring.lost
        report.detail["events"] = {name: n for name, n in counts.items() if n}
        report.detail["lost"] = {name: n for name, n in lost.items() if n}
        reasons = [f"the ring was full: {sum(lost.values())} events lost"] if any(lost.values()) else []
        if self._ring.lost:
            reasons.append(f"{self._path.name}: {os.strerror(self._ring.error)}")
        report.reason = "; ".join(reasons) or None
        report.remedy = "free space on the disk" if self._ring.lost else None
        return report

    def _opened(self) -> Object:
        if self._object is None:
            raise ValueError("open() comes first")
        return self._object

    def _map_ring(self, fd: int) -> None:
        error = _library().wt_ring_open(ctypes.byref(self._ring), fd, self.options.ring_bytes)
        if error:
            raise ResourceFault(f"the kernel's ring cannot be mapped: {os.strerror(-error)}")

    def _drain(self) -> None:
        _library().wt_ring_run(ctypes.byref(self._ring), self._wake[0])


def can_run() -> list[str]:
    """Load the programs and let go of them; the tracepoints this kernel lacks. PermissionFault or ResourceFault."""
    loaded = _built()
    try:
        return _load(loaded, _LEAST_RING_BYTES)
    finally:
        loaded.close()


def _built() -> Object:
    if not OBJECT_PATH.exists() or not LIBRARY_PATH.exists():
        raise ResourceFault(NOT_BUILT, BUILD)
    return Object(OBJECT_PATH)


def _load(loaded: Object, ring_bytes: int) -> list[str]:
    missing = loaded.leave_out_missing(loaded.programs())
    loaded.set_size("events", ring_bytes)
    loaded.load()
    return missing


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(os.fspath(LIBRARY_PATH))
    ring = ctypes.POINTER(_Ring)
    library.wt_ring_open.argtypes = [ring, ctypes.c_int, ctypes.c_uint64]
    library.wt_ring_close.argtypes = [ring]
    library.wt_ring_close.restype = None
    library.wt_ring_run.argtypes = [ring, ctypes.c_int]
    library.wt_ring_run.restype = None
    return library
