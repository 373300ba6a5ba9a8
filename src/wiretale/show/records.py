"""The values that lines are made from: one call, packet, signal or task, as a capture or a live recording gives it."""

from wiretale.decode.record_types import RawCall
from wiretale.join.kernel_path import PathEvent
from wiretale.light import dataclass  # a million records are made: no check on each of their fields


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `comm` is the kernel's name of the thread, raw."""

    pid: int
    tid: int
    comm: str


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call. `exit_ns` is None while it has not returned. `call_id` is 0 for a live one."""

    call_id: int
    actor: Actor
    raw: RawCall
    entry_ns: int
    exit_ns: int | None = None
    fd: int | None = None
    number: int = -1


@dataclass(frozen=True, slots=True)
class PacketRecord:
    """One packet. `text` is decode's one-line summary, already safe. `number` is None if it is not a shown one."""

    packet_id: int
    number: int | None
    time_ns: int
    interface: str
    text: str
    tap: str = ""


@dataclass(frozen=True, slots=True)
class KernelRecord:
    """One step of the kernel's work. `actor` is the thread whose time was used; in a softirq it is a bystander."""

    event: PathEvent
    actor: Actor
    text: str  # what happened, in words
    where: str  # function, and file of the kernel tree
    call: str  # name of the call whose own work it is; "" if of none


@dataclass(frozen=True, slots=True)
class SignalRecord:
    """One signal. `sender_pid` is None where the kernel names none; `stopped` says a job-control stop."""

    time_ns: int
    actor: Actor
    name: str
    sender_pid: int | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A process or thread that begins or ends. `how` and `end_how` are those of the table `task`."""

    task_id: int
    time_ns: int
    actor: Actor
    how: str
    argv: tuple[str, ...] = ()
    parent_pid: int | None = None
    end_how: str | None = None
    exit_status: int | None = None
    signal: str | None = None
    is_leader: bool = True
