"""What a recording is asked to do, and what became of it."""

from pathlib import Path
from typing import Literal

from wiretale.errors import WiretaleError
from wiretale.light import dataclass, field
from wiretale.record.ebpf.calls import RingOptions
from wiretale.record.ebpf.source import KernelOptions
from wiretale.record.packets.source import PacketOptions
from wiretale.record.ptrace.source import PtraceOptions
from wiretale.record.user import User
from wiretale.store.report import SourceReport
from wiretale.store.spool import Spool


@dataclass(frozen=True, slots=True)
class Plan:
    """What to record, and how."""

    output: Path  # the capture to be; the spool stands beside it
    commands: tuple[tuple[str, ...], ...] = ()  # each starts when the one before it listens
    attach: tuple[int, ...] = ()
    engine: Literal["auto", "ebpf", "ptrace"] = "ptrace"  # who records the calls; auto: eBPF where it can
    ptrace: PtraceOptions = field(default_factory=PtraceOptions)
    ring: RingOptions = field(default_factory=RingOptions)  # of eBPF
    packets: PacketOptions | None = field(default_factory=PacketOptions)  # None: not asked for
    kernel: KernelOptions | None = None  # None: not asked for
    private_net: bool = False
    type_text: str | None = None
    stdin_file: Path | None = None
    interrupt_when_idle: bool = False
    duration_s: float | None = None  # after this long the recording is stopped; None: when the programs have ended
    terminals: bool = False  # programs that nobody types at wait at terminals of their own, not at pipes
    user: User | None = None  # who the programs run as; None: whoever records
    command_line: tuple[str, ...] = ()

    @property
    def spool_path(self) -> Path:
        """Where the spool stands: beside the capture."""
        return self.output.with_name(self.output.name + ".spool")


@dataclass(slots=True)
class Outcome:
    """What became of a recording."""

    spool: Spool
    status: int  # exit status for the shell: the last program's own, 128 + signal if it was killed
    fault: WiretaleError | None = None  # the recording did not go as asked; the spool holds what there is
    reports: list[SourceReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what the user should know of it, in sentences
