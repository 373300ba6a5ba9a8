"""One event -> one line of text. Used by `show` on a capture and by `run` on a live recording.

Interface for live use, which needs no database: make one `LineRenderer`, then for each record, in the order of time,
`print(renderer.layout(renderer.call(record)))`, with `entered` when a call begins to block and `returned` when it comes
back, and `packet`, `signal`, `began`, `ended` for the rest. Every method returns a `Line`; only `layout` knows about
width and colour.
"""

import errno
import textwrap
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

from wiretale.decode.calls import decode_call
from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.decode.record_types import DecodedCall, FdLabel, RawCall
from wiretale.light import dataclass, field, replace
from wiretale.show.records import Actor, CallRecord, KernelRecord, PacketRecord, SignalRecord, TaskRecord
from wiretale.show.times import TimeFormat

_NO_BREAK = "\u00a0"  # stands for a space where no line may be broken; escaped text never holds one
_LATER = (errno.EAGAIN, errno.EINPROGRESS, errno.EINTR, errno.EALREADY)


class Mark(StrEnum):
    """The level column."""

    CALL = "call"
    PACKET = "pkt"
    SIGNAL = "sig"
    PROCESS = "proc"
    KERNEL = "kern"


_COLORS = {Mark.CALL: "36", Mark.PACKET: "33", Mark.SIGNAL: "31", Mark.PROCESS: "35", Mark.KERNEL: "34"}
_DIM, _RED, _GREEN, _RESET = "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Style:
    """How lines look. `cost_ns` is what one call costs at least under the tracer: shorter durations are marked ~."""

    times: TimeFormat = field(default_factory=TimeFormat)
    color: bool = False
    width: int | None = None
    numbers: bool = False
    strings: int = 64
    cost_ns: int = 0
    who_columns: int = 14  # width of the column of processes and interfaces


@dataclass(frozen=True, slots=True)
class Line:
    """One line before layout. `text` is the event itself, `took` its duration, `notes` what the joins prove about
    it."""

    time_ns: int
    mark: Mark
    who: str
    text: str
    took: str = ""
    notes: tuple[str, ...] = ()
    failed: bool = False


def who(actor: Actor) -> str:
    """`name pid`, with `/tid` for a thread that is not the first."""
    return _who(actor.comm, actor.pid, actor.tid)


@lru_cache(maxsize=4096)
def _who(comm: str, pid: int, tid: int) -> str:
    thread = f"/{tid}" if tid != pid else ""
    return f"{escape_text(comm) or '?'} {pid}{thread}"


class LineRenderer:
    """Makes lines in one style."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self._begun: dict[int, DecodedCall] = {}  # by call: what stood at the entry of those that have not returned

    def call(self, record: CallRecord, notes: Sequence[str] = (), label: FdLabel | None = None) -> Line:
        """A whole call: `name(arguments) = result`, with its duration; `= ?` if it did not return."""
        decoded = self._decode(record.raw, label)
        took = "" if record.exit_ns is None else self._took(record.exit_ns - record.entry_ns)
        text = decoded.text
        return Line(record.entry_ns, Mark.CALL, who(record.actor), text, took, tuple(notes), _failed(record.raw))

    def entered(self, record: CallRecord, notes: Sequence[str] = (), label: FdLabel | None = None) -> Line:
        """The beginning of a call that waits: what was asked, nothing that was only known at its return."""
        decoded = self._decode(_as_entered(record.raw), label)
        if record.call_id:
            self._begun[record.call_id] = decoded
        arguments = ", ".join(a.text for a in decoded.args)
        return Line(record.entry_ns, Mark.CALL, who(record.actor), f"{decoded.name}({arguments}) ...", "", tuple(notes))

    def returned(self, record: CallRecord, notes: Sequence[str] = (), label: FdLabel | None = None) -> Line:
        """The return of a call whose beginning was shown: its result, and the arguments the kernel filled in."""
        whole = self._decode(record.raw, label)
        before = self._begun.pop(record.call_id, None) or self._decode(_as_entered(record.raw), label)
        filled = [a.text for a, b in zip(whole.args, before.args, strict=False) if a.text != b.text]
        shown = f" ({', '.join(filled)})" if filled and record.raw.errno is None else ""
        text = f"{whole.name} resumed = {whole.result}{shown}"
        exit_ns = record.exit_ns if record.exit_ns is not None else record.entry_ns
        took = self._took(exit_ns - record.entry_ns)
        return Line(exit_ns, Mark.CALL, who(record.actor), text, took, tuple(notes), _failed(record.raw))

    def packet(self, record: PacketRecord, notes: Sequence[str] = ()) -> Line:
        """A packet with its number; a copy that is not counted says which tap saw it."""
        number = f"#{record.number}" if record.number is not None else f"({record.tap or 'hidden'})"
        place = f"{escape_text(record.interface)} {number}"
        return Line(record.time_ns, Mark.PACKET, place, record.text, "", tuple(notes))

    def kernel(self, record: KernelRecord) -> Line:
        """A step of the kernel's work: whose call it was part of, or that it was anybody's time."""
        event = record.event
        deferred = event.context != "task"
        place = f"{event.softirq or 'interrupt'} cpu {event.cpu}" if deferred else who(record.actor)
        function = record.where.partition(",")[0]
        notes = (
            []
            if deferred
            else [f"in {escape_text(record.call)}()" if record.call else "in no call", f"cpu {event.cpu}"]
        )
        return Line(event.time_ns, Mark.KERNEL, place, f"{event.name} in {function}(): {record.text}", "", tuple(notes))

    def signal(self, record: SignalRecord) -> Line:
        """A signal delivered, or a stop by job control."""
        verb = "stopped by" if record.stopped else "received"
        sender = f" from pid {record.sender_pid}" if record.sender_pid else ""
        return Line(record.time_ns, Mark.SIGNAL, who(record.actor), f"{verb} {escape_text(record.name)}{sender}")

    def began(self, record: TaskRecord) -> Line:
        """A process or thread that came to be, or was attached to."""
        command = escape_text(" ".join(record.argv))
        parent = f" by pid {record.parent_pid}" if record.parent_pid else ""
        text = {
            "started": f"started: {command}",
            "attached": f"attached: {command}",
            "thread": "new thread",
        }.get(record.how, f"new process ({escape_text(record.how)}{parent})")
        return Line(record.time_ns, Mark.PROCESS, who(record.actor), text)

    def ended(self, record: TaskRecord, time_ns: int) -> Line:
        """The end of a process or thread, at `time_ns`."""
        what = "" if record.is_leader else "thread "
        if record.end_how == "killed":
            text = f"{what}killed by {escape_text(record.signal or 'a signal')}"
        elif record.end_how == "detached":
            text = f"{what}detached; it runs on"
        else:
            text = f"{what}exited" + (f" with status {record.exit_status}" if record.exit_status is not None else "")
        failed = record.end_how == "killed" or bool(record.exit_status)
        return Line(time_ns, Mark.PROCESS, who(record.actor), text, failed=failed)

    def folded(self, actor: Actor, time_ns: int, count: int, span_ns: int, what: str = "program start") -> Line:
        """Many calls as one; `what` says of which kind."""
        text = f"({count} calls: {what}, --unfold to see them)"
        return Line(time_ns, Mark.CALL, who(actor), text, self._took(span_ns))

    def layout(self, line: Line) -> str:
        """The line as printed: broken at the width of a terminal, or whole when there is none."""
        time = self.style.times.text(line.time_ns)
        head = f"{time} {line.mark:<4} {line.who:<{self.style.who_columns}} "
        took = f"  <{line.took}>".replace(" ", _NO_BREAK).replace(_NO_BREAK, " ", 2) if line.took else ""
        notes = "; ".join(line.notes)
        texts, below = [line.text + took], f"  {notes}" if notes else ""
        if self.style.width is not None and len(head) + len(texts[0]) + len(below) > self.style.width:
            room = max(20, self.style.width - len(head))
            texts = _wrap(texts[0], room)
            indent = "\n" + " " * (len(head) + 4)
            below = indent + indent.join(_wrap(notes, max(16, room - 4))) if notes else ""
        return self._paint(line, time, head, texts, below).replace(_NO_BREAK, " ")

    def _paint(self, line: Line, time: str, head: str, texts: list[str], notes: str) -> str:
        indent = "\n" + " " * (len(head) + 2)
        if not self.style.color:
            return head + indent.join(texts) + notes
        color = f"\x1b[{_COLORS[line.mark]}m"
        rest = head[len(time) :]
        body = indent.join(texts)
        if line.failed:
            body = f"{_RED}{body}{_RESET}"
        return f"{_DIM}{time}{_RESET}{color}{rest}{_RESET}{body}" + (f"{_GREEN}{notes}{_RESET}" if notes else "")

    def _decode(self, raw: RawCall, label: FdLabel | None) -> DecodedCall:
        return decode_call(raw, fd_label=label, string_limit=self.style.strings, numbers=self.style.numbers)

    def _took(self, nanoseconds: int) -> str:
        return ("~" if nanoseconds < self.style.cost_ns else "") + duration(nanoseconds)


def _failed(raw: RawCall) -> bool:
    """Whether to print it as a failure: not for the errors that only mean "later"."""
    return raw.errno is not None and raw.errno not in _LATER


def _as_entered(raw: RawCall) -> RawCall:
    """The call as it was known at its entry."""
    return replace(raw, retval=None, errno=None, data=tuple(d for d in raw.data if not d.at_exit))


def _wrap(text: str, room: int) -> list[str]:
    """Broken at spaces where possible; continuation lines are two columns shorter for their indent."""
    wrapper = textwrap.TextWrapper(
        room, subsequent_indent="", drop_whitespace=True, break_on_hyphens=False, replace_whitespace=False
    )
    first, *rest = wrapper.wrap(text) or [""]
    if not rest:
        return [first]
    wrapper.width = max(16, room - 2)
    return [first, *wrapper.wrap(" ".join(rest))]
