"""System calls without ptrace: kernel programs (`calls.bpf.c`) read them, the tracer's library empties their ring.

Everything else is as with ptrace: the same plan says which memory a call carries, the same files are written.
"""

import ctypes
import errno
import os
import platform
from pathlib import Path

from wiretale.errors import PermissionFault, ResourceFault
from wiretale.light import dataclass
from wiretale.model.enums import Arch
from wiretale.record.ebpf.libbpf import Object, RefusedProgram
from wiretale.record.ebpf.source import BUILD, MIB, NOT_BUILT, KernelSource, no_ring
from wiretale.record.ptrace import library
from wiretale.record.ptrace.plan import native_arches
from wiretale.record.ptrace.planned import native_plan
from wiretale.record.ptrace.source import PtraceOptions, PtraceSource
from wiretale.store.report import SourceReport
from wiretale.store.tracer_files import TracerFiles

SOURCE = "ebpf calls"
OBJECT_PATH = Path(__file__).with_name("_calls.bpf.o")
_SNAP_EACH, _NO_FOLLOW, _SELECTED_ONLY = 4, 8, 128  # enum wt_option_flag
_LOST = ("calls", "events of tasks", "processes that could not be followed")  # enum lost
_MOST_CALLS = 4096  # of calls_maps.h
_EXECVE = {Arch.X86_64: (59, 322), Arch.AARCH64: (221, 281)}  # execve, execveat
_FIRST_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO of linux/proc_ns.h
_LEAST_RING_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 16  # WT_PACKED_BLOCK
_TAIL_CALLS = "sys_exit"  # the program that makes one
_LEAST_BLOCKS = 2  # one is filled while the other is taken
_MISSING = "this kernel lacks the {} {}, without which calls cannot be recorded by eBPF"
_HELPERS = ("loop", "task_storage_get")  # bpf-helpers(7): the youngest that are called, of Linux 5.17 and 5.11


@dataclass(frozen=True, slots=True)
class RingOptions:
    """Sizes are bytes."""

    ring_bytes: int = 64 * MIB  # a power of two: some 700,000 calls
    live: bool = False  # the calls are read while they are recorded; which costs the recorder some 50 ns for each

    @property
    def read_bytes(self) -> int:
        """Of the ring of what is read while recording."""
        return self.ring_bytes if self.live else max(self.ring_bytes // 2, _LEAST_RING_BYTES)

    @property
    def blocks(self) -> int:
        """Of the buffer in which each CPU packs all other calls; a power of two."""
        if self.live:
            return 0
        all_bytes = self.ring_bytes // 2
        of_each = max(all_bytes // os.sysconf("SC_NPROCESSORS_CONF"), min(all_bytes, MIB))
        return max(1 << (of_each // _BLOCK_BYTES).bit_length() >> 1, _LEAST_BLOCKS)


_LEAST = RingOptions(_LEAST_RING_BYTES)


class EbpfCalls(PtraceSource):
    """The interface of PtraceSource, by kernel programs. PermissionFault or ResourceFault where they cannot run."""

    def __init__(self, files: TracerFiles, options: PtraceOptions, ring: RingOptions) -> None:
        super().__init__(files, options)
        self._filtered = False  # by the kernel programs, not by a filter that the program carries
        self._unfiltered_reason = ""
        self._pin_cpu = -1
        self._options = ring
        self._object, self._can_tail_call = _load(ring)
        try:
            _tell(self._object, options)
        except BaseException:
            self._object.close()
            raise
        self._lost = [0] * len(_LOST)

    def _ring(self) -> tuple[int | bytes, ...]:
        of, ring = self._object.map_fd, self._options
        path = os.fsencode(self._files.calls_path)
        packed = (path, of("packed"), of("packing"), ring.blocks * _BLOCK_BYTES)
        return of("ring"), of("tasks"), of("states"), ring.read_bytes, *packed

    def start(self) -> None:
        """Make the spool files, attach the kernel programs and start emptying their ring."""
        try:
            super().start()
            for name, program in self._object.programs().items():
                if not self._object.attach(program):
                    raise ResourceFault(f"the kernel program at {name} cannot be attached", "wiretale doctor")
        except BaseException:
            self.stop()
            raise

    def _not_opened(self, number: int) -> ResourceFault:
        return no_ring(number) if number == errno.ENOMEM else super()._not_opened(number)

    def run_also(self, kernel: KernelSource) -> None:
        """Do what the kernel level does where sockets are made: one program at each return of a call, not two."""
        # without follow_forks the kernel level follows tasks whose calls are not recorded
        if self.options.follow_forks and self._can_tail_call:
            kernel.run_in(self._object)

    def detach_all(self) -> None:
        """Let every process go: at once, because nothing holds them."""
        self._object.detach()
        super().detach_all()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Detach, take what is left in the ring, close the files. May be called more than once."""
        self._object.detach()
        super().stop(timeout_s)
        self._count_lost()
        self._object.close()

    def _count_lost(self) -> None:
        if self._object.is_open:
            self._lost = [self._object.per_cpu("counters", i) for i in range(len(_LOST))]

    def lost(self) -> tuple[int, str]:
        """How many events were lost so far, and why."""
        report = self.report()
        return report.lost, report.reason or ""

    def report(self) -> SourceReport:
        """What was recorded and what was lost; while it runs, so far."""
        report = super().report()
        self._count_lost()
        report.source = SOURCE
        report.detail = {
            "calls": self.options.calls,
            "snaplen": self.options.snaplen,
            "ring_bytes": self._options.ring_bytes,
            "records": self._now().stops,
            "drain_ns": int(self._now().cpu_ns),
            "lost": {name: n for name, n in zip(_LOST, self._lost, strict=True) if n},
        }
        if any(self._lost):
            lost = ", ".join(f"{n} {name}" for name, n in zip(_LOST, self._lost, strict=True) if n)
            report.lost += sum(self._lost)
            report.reason = "; ".join(filter(None, (report.reason, f"the ring was full: {lost}")))
            report.remedy = report.remedy or "a larger ring (--ring), or keep less: --snaplen 64, --calls network"
        return report


def load(ring: RingOptions = _LEAST) -> Object:
    """The kernel programs, loaded and not attached. PermissionFault or ResourceFault with the reason."""
    return _load(ring)[0]


def _load(ring: RingOptions) -> tuple[Object, bool]:
    """The same, and whether they can run the kernel level's program (`run_also`).

    A program that has functions may not make a tail call on arm64 before Linux 6.0, nor on any machine without JIT
    (kernel/bpf/verifier.c check_helper_call): there the same program is loaded without it.
    """
    if Arch(native_arches()[:1][0]) not in _EXECVE:
        raise ResourceFault(f"calls cannot be recorded by eBPF on {platform.machine()} yet", "--engine ptrace")
    if Path("/proc/self/ns/pid").stat().st_ino != _FIRST_PID_NAMESPACE:
        raise PermissionFault(
            "eBPF numbers processes as the machine does, not as this container does", "--engine ptrace, or --pid=host"
        )
    if not OBJECT_PATH.exists():
        raise ResourceFault(NOT_BUILT, BUILD)
    try:
        return _loaded(ring, may_tail_call=True), True
    except RefusedProgram as fault:
        if fault.program != _TAIL_CALLS:
            raise
        return _loaded(ring, may_tail_call=False), False


def _loaded(ring: RingOptions, *, may_tail_call: bool) -> Object:
    loaded = Object(OBJECT_PATH)
    try:
        if missing := loaded.leave_out_missing(loaded.programs()):
            raise ResourceFault(_MISSING.format("tracepoints", ", ".join(missing)), "--engine ptrace")
        helpers = set(loaded.enum_names("bpf_func_id").values())
        if without := [name for name in _HELPERS if f"BPF_FUNC_{name}" not in helpers]:
            raise ResourceFault(_MISSING.format("helpers", ", ".join(without)), "--engine ptrace, or Linux 5.17")
        cpus = os.sysconf("SC_NPROCESSORS_CONF")
        loaded.set_size("ring", ring.read_bytes)
        loaded.set_size("works", cpus)
        loaded.set_size("packing", cpus)
        loaded.set_size("packed", cpus * max(ring.blocks, 1))
        loaded.set_constant(".rodata.packed", ring.blocks.to_bytes(4, "little"))
        loaded.set_constant(".rodata.tail", may_tail_call.to_bytes(4, "little"))
        loaded.load()
    except BaseException:
        loaded.close()
        raise
    return loaded


def _tell(loaded: Object, options: PtraceOptions) -> None:
    """Put the plan and the options into the maps."""
    plan = native_plan()
    for index, op in enumerate(plan.ops):
        loaded.put("ops", index.to_bytes(4, "little"), bytes(op))
    at: list[int] = []
    index = 0
    for table in plan.tables:
        at.append(index)
        for number in range(min(table.count, _MOST_CALLS - index)):
            loaded.put("calls", index.to_bytes(4, "little"), bytes(table.calls[number]))
            index += 1
    native, compat = plan.tables[0], plan.tables[1]
    flags = (_SNAP_EACH if options.snaplen_each else 0) | (0 if options.follow_forks else _NO_FOLLOW)
    flags |= _SELECTED_ONLY if options.calls == "network" else 0
    settings = library.Settings(
        library.ALL_BYTES if options.snaplen is None else options.snaplen,
        flags,
        native.arch,
        compat.arch,
        at[0],
        at[1],
        native.count,
        min(compat.count, _MOST_CALLS - at[1]),
        (ctypes.c_uint32 * 2)(*_EXECVE[Arch(native.arch)]),
        0,
    )
    loaded.put("settings", bytes(4), bytes(settings))
