"""The sources of one recording: which of them run, what they say of themselves, how they end.

What must stay true: a source that cannot run is reported, not fatal; only without calls there is no recording.
"""

from wiretale.errors import PermissionFault, ResourceFault
from wiretale.record.ebpf.calls import EbpfCalls
from wiretale.record.ebpf.source import KernelOptions, KernelSource
from wiretale.record.packets.source import PacketSource
from wiretale.record.plan import Plan
from wiretale.record.ptrace.source import PtraceSource
from wiretale.store.report import SourceReport
from wiretale.store.spool import Spool


class Sources:
    """Calls, packets and the kernel's work, as a plan asks for them."""

    def __init__(self, plan: Plan, spool: Spool) -> None:
        self._plan = plan
        self._spool = spool
        self._calls: PtraceSource | None = None
        self._packets: PacketSource | None = None
        self._kernel: KernelSource | None = None
        self._absent: list[SourceReport] = []
        self.notes: list[str] = []  # what is recorded in another way than was asked for

    @property
    def calls(self) -> PtraceSource:
        """The source of calls. Only once armed."""
        assert self._calls is not None
        return self._calls

    @property
    def are_armed(self) -> bool:
        """Whether calls are recorded, without which nothing is."""
        return self._calls is not None

    def packets_are_behind(self) -> bool:
        """Whether the spool may lack packets that were captured some time ago."""
        return self._packets is not None and self._packets.is_behind()

    def reports(self) -> list[SourceReport]:
        """What the sources say of themselves now, those that could not run first."""
        return [*self._absent, *(s.report() for s in (self._packets, self._kernel, self._calls) if s is not None)]

    def follow(self, pid: int) -> None:
        """Record the kernel's work for a process that runs already."""
        if self._kernel is not None:
            self._kernel.follow(pid)

    def arm(self) -> None:
        """Make ready what the plan asks for. PermissionFault or ResourceFault if calls cannot be recorded."""
        self._arm_packets()
        if self._plan.kernel is not None:
            self._arm_kernel(self._plan.kernel)
        self._calls = self._armed_calls()

    def stop_calls(self) -> None:
        """Let go of every task, and write the last of its calls."""
        self.calls.detach_all()
        self.calls.stop()

    def stop_others(self) -> None:
        """Stop what runs beside the calls: what came until now is recorded."""
        if self._packets is not None:
            self._packets.stop()
        if self._kernel is not None:
            self._kernel.stop()

    def _arm_packets(self) -> None:
        if self._plan.packets is None:
            self._absent.append(
                SourceReport("packets", "packet", False, "not asked for", "record without --no-packets")
            )
            return
        source = PacketSource(self._spool, self._plan.packets)
        try:
            source.open()
            source.start()
            self._packets = source
        except PermissionFault as fault:
            self._absent.append(SourceReport("packets", "packet", False, fault.message, fault.hint))

    def _arm_kernel(self, options: KernelOptions) -> None:
        source = KernelSource(self._spool, options)
        try:
            source.open()
            source.start()
            self._kernel = source
        except (PermissionFault, ResourceFault) as fault:
            self._absent.append(SourceReport("ebpf", "kernel", False, fault.message, fault.hint))

    def _armed_calls(self) -> PtraceSource:
        if self._plan.engine == "ptrace":
            return self._traced()
        try:
            by_kernel = EbpfCalls(self._spool.tracer, self._plan.ptrace, self._plan.ring)
            by_kernel.start()
            if self._kernel is not None:
                by_kernel.run_also(self._kernel)
        except (PermissionFault, ResourceFault) as fault:
            if self._plan.engine == "ebpf":
                raise
            self.notes.append(f"calls were recorded by ptrace, because eBPF could not: {fault.message}")
            return self._traced()
        return by_kernel

    def _traced(self) -> PtraceSource:
        source = PtraceSource(self._spool.tracer, self._plan.ptrace)
        source.start()
        return source
