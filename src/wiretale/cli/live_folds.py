"""What the live list holds back: calls that may become one line, until it is known that they do or do not."""

from collections.abc import Callable

from wiretale.decode.record_types import RawCall
from wiretale.light import dataclass, field, replace
from wiretale.show.records import Actor, CallRecord
from wiretale.show.startup import FOLD_AT_LEAST
from wiretale.show.startup_live import Judgement, Program, Run

START_HOLD_NS = 1_000_000_000  # a start that lasts longer is printed in parts, so that others need not wait for it
LOOK_HOLD_NS = 150_000_000
BLOCKED_NS = 100_000_000  # a call that has not returned by then blocks, and is printed


@dataclass(slots=True)
class LiveCall:
    """A call whose beginning was seen. `begun` when its beginning has been printed, `held` while it may still fold."""

    record: CallRecord
    begun: bool = False
    held: bool = False
    never_returns: bool = False  # the task ended in it
    matches: bool = True  # the filter, as far as the call was known when it was last asked
    hidden: bool = False  # its beginning did not match; the whole call may


@dataclass(slots=True)
class _Task:
    program: Program = field(default_factory=Program)
    actor: Actor | None = None
    run: Run | None = None
    calls: list[LiveCall] = field(default_factory=list)  # those of the run
    probe: LiveCall | None = None  # made a descriptor; belongs to the run if the next call closes it
    entered: LiveCall | None = None  # held, not yet returned

    def oldest_ns(self) -> int | None:
        """When the first thing that is held back began."""
        times = [c.record.entry_ns for c in (self.probe, self.entered) if c is not None]
        if self.run is not None:
            times.append(self.run.from_ns)
        return min(times, default=None)


class Folds:
    """`show` puts a call into the list, `fold` a line that stands for a run of calls."""

    def __init__(self, show: Callable[[LiveCall], None], fold: Callable[[Actor, Run], None]) -> None:
        self._show = show
        self._fold = fold
        self._tasks: dict[int, _Task] = {}

    def program_starts(self, tid: int, exe: str, argv: tuple[str, ...], cwd: str) -> None:
        """An execve: what was collected before ends here."""
        self.flush(tid)
        self._tasks[tid] = _Task(Program(exe, argv, cwd, starting=True))

    def child_begins(self, parent: int, child: int) -> None:
        """A fork or thread: it has its parent's program, and is not starting one."""
        if parent in self._tasks:
            self._tasks.setdefault(child, _Task(self._tasks[parent].program.forked()))

    def enter(self, tid: int, call: LiveCall) -> None:
        """A call begins. It is shown at once unless it may fold."""
        task = self._tasks.setdefault(tid, _Task())
        task.actor = call.record.actor
        raw = call.record.raw
        self._settle_probe(task, raw)
        if task.program.may_fold(raw):
            call.held, task.entered = True, call
        else:
            self._flush(task)
            self._show(call)

    def leave(self, tid: int, call: LiveCall, raw: RawCall, exit_ns: int) -> None:
        """A call returns: `raw` is all of it."""
        task = self._tasks.setdefault(tid, _Task())
        if raw.name in {"execve", "execveat"} and raw.errno is None:
            return  # the program that it started is here already
        judgement = task.program.judge(raw)
        if not call.held:
            return
        call.held, task.entered = False, None
        if judgement is Judgement.PROBES:
            task.probe = call
        elif judgement in {Judgement.START, Judgement.LOOK}:
            self._collect(task, call, judgement, exit_ns)
        else:
            self._flush(task)
            self._show(call)

    def flush(self, tid: int) -> None:
        """Show what is held back of a task."""
        if tid in self._tasks:
            self._flush(self._tasks[tid])

    def forget(self, tid: int) -> None:
        """A task has ended."""
        self.flush(tid)
        self._tasks.pop(tid, None)

    def release(self, now_ns: int | None) -> int | None:
        """Show what has been held back for too long (None: everything); the time of the oldest that is still held."""
        oldest: int | None = None
        for task in self._tasks.values():
            since = task.oldest_ns()
            if since is None:
                continue
            limit = START_HOLD_NS if task.program.starting else LOOK_HOLD_NS
            blocks = task.entered is not None and (now_ns is None or now_ns - task.entered.record.entry_ns > BLOCKED_NS)
            if now_ns is None or blocks or now_ns - since > limit:
                self._flush(task, blocks=blocks)
                since = task.oldest_ns()
            if since is not None:
                oldest = since if oldest is None else min(oldest, since)
        return oldest

    def _settle_probe(self, task: _Task, following: RawCall) -> None:
        """The call after a probe tells whether it was one."""
        if (probe := task.probe) is None:
            return
        task.probe = None
        made = probe.record.raw.retval
        if following.name == "close" and following.args[0] == made:
            self._collect(task, probe, Judgement.START, probe.record.exit_ns or probe.record.entry_ns)
        else:
            self._flush(task)
            self._show(probe)

    def _collect(self, task: _Task, call: LiveCall, what: Judgement, exit_ns: int) -> None:
        if task.run is not None and task.run.what is not what:
            self._flush(task)
        if task.run is None:
            task.run = Run(what, call.record.entry_ns, exit_ns)
        task.run.calls += 1
        task.run.to_ns = exit_ns
        task.run.names_file = task.run.names_file or task.program.names_file(call.record.raw)
        task.calls.append(call)

    def _flush(self, task: _Task, *, blocks: bool = False) -> None:
        run, calls = task.run, task.calls
        task.run, task.calls = None, []
        if run is not None and task.actor is not None and run.folds and len(calls) >= FOLD_AT_LEAST:
            self._fold(replace(task.actor), run)
        else:
            for call in calls:
                self._show(call)
        if task.probe is not None:
            self._show(task.probe)
            task.probe = None
        if blocks and task.entered is not None:
            task.entered.held = False
            self._show(task.entered)
            task.entered = None
