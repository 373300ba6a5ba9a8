"""One recording: arm the sources, start the programs in order, feed them, end everything in order, leave a spool.

The control loop never looks at the recorded events; it is woken only by the few notable ones (a listen, a connect, the
end of a task), and only while it waits for one. What must stay true: the spool's manifest is on disk before the first
program runs, and a source that cannot run is reported, not fatal, as long as another one can.
"""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from wiretale import __version__
from wiretale.clock import SECOND_NS, SNAPSHOT_INTERVAL_NS, now_ns, take_snapshot
from wiretale.errors import ResourceFault, WiretaleError
from wiretale.light import asdict
from wiretale.record.control import Waiter, terminal_signals_reach_us
from wiretale.record.feeding import Feed, from_file, idle, typed, untouched_terminal
from wiretale.record.namespace import enter_private_net
from wiretale.record.plan import Outcome, Plan
from wiretale.record.procfs.processes import process_tree
from wiretale.record.procfs.source import look_at_threads, snapshot
from wiretale.record.ptrace.faults import DISK_ERRORS, disk_error, without_privileges
from wiretale.record.ptrace.notable import Notable
from wiretale.record.ptrace.source import PtraceSource, SpawnRequest
from wiretale.record.sources import Sources
from wiretale.record.stillness import LEFT_ALONE_NS, Stillness
from wiretale.store.report import SourceReport
from wiretale.store.spool import Manifest, Program, Spool

GRACE_NS = 5 * SECOND_NS  # between SIGINT, SIGTERM and SIGKILL
_TICK_S = 0.05
_COUNT_BYTES = 8  # eventfd(2)

Observer = Callable[[], None]


class Recording:
    """Runs one Plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._observer: Observer | None = None
        self._behind, self._caught_up = -1, -1  # with `printed_fd`: see PtraceSource.in_step
        self._spool = Spool(plan.spool_path)
        self._manifest = Manifest()
        self._sources = Sources(plan, self._spool)
        self._feed: Feed | None = None
        self._inputs: list[Feed] = []
        self._trees: dict[int, int] = {}  # process -> index of the program it belongs to
        self._listening: set[int] = set()
        self._connected: set[int] = set()
        self._fault: WiretaleError | None = None
        self._asked_to_end = 0
        self._looked = False
        self._escalate_at_ns = 0
        self._stop_at_ns: int | None = None
        self._stillness = Stillness(self._spool)
        self._next_snapshot_ns = 0

    @property
    def spool(self) -> Spool:
        """The spool, readable while recording."""
        return self._spool

    def observe(self, observer: Observer) -> None:
        """Call `observer` at every turn of the control loop (20 times a second, or more).

        With `printed_fd` it prints all that has happened.
        """
        self._observer = observer

    def packets_are_behind(self) -> bool:
        """Whether the spool may lack packets that were captured some time ago."""
        return self._sources.packets_are_behind()

    def reports(self) -> list[SourceReport]:
        """What the sources say of themselves now."""
        return self._sources.reports()

    @property
    def _tracer(self) -> PtraceSource:
        return self._sources.calls

    def run(self) -> Outcome:
        """Record until every program is gone or, attached, until interrupted. WiretaleError if it cannot begin."""
        if self._plan.private_net:
            enter_private_net()
        try:
            self._record()
        except OSError as fault:
            if fault.errno not in DISK_ERRORS:
                raise
            kept = self._spool.path.exists()
            raise ResourceFault(
                f"{disk_error(fault.errno)}: {self._spool.path} cannot be written",
                f"free space, then: wiretale recover {self._spool.path}" if kept else "another place: -o FILE",
            ) from fault
        return Outcome(self._spool, self._exit_status(), self._fault, self._manifest.sources, self._manifest.notes)

    def _record(self) -> None:
        self._spool.make()
        with Waiter() as waiter:
            try:
                self._begin_spool()
                self._arm()
                self._start(waiter)
            except BaseException:
                try:
                    self._disarm()
                finally:
                    shutil.rmtree(self._spool.path)  # nothing was recorded
                raise
            try:
                self._loop(waiter)
            finally:
                self._disarm()

    # -- arming ------------------------------------------------------------------------------------------------------

    def _begin_spool(self) -> None:
        system = os.uname()
        self._manifest = Manifest(
            tool_version=__version__,
            command=list(self._plan.command_line),
            host=system.nodename,
            kernel=system.release,
            machine=system.machine,
            uid=os.getuid(),
            recorder_pid=os.getpid(),
            started_ns=now_ns(),
            options={
                "private_net": self._plan.private_net,
                "engine": self._plan.engine,
                "ptrace": asdict(self._plan.ptrace),
                "packets": asdict(self._plan.packets) if self._plan.packets else None,
                "kernel": asdict(self._plan.kernel) if self._plan.kernel else None,
                "user": self._plan.user.name if self._plan.user else None,
            },
        )
        self._take_clock_snapshot()
        self._spool.write_manifest(self._manifest)

    def _take_clock_snapshot(self) -> None:
        self._spool.add_clock_snapshot(take_snapshot())
        self._next_snapshot_ns = now_ns() + SNAPSHOT_INTERVAL_NS

    def _arm(self) -> None:
        self._sources.arm()
        self._manifest.notes += self._sources.notes
        self._manifest.sources = self._sources.reports()  # what is known now, in case the recorder is killed
        self._spool.write_manifest(self._manifest)

    # -- starting programs -------------------------------------------------------------------------------------------

    def _start(self, waiter: Waiter) -> None:
        waiter.watch(self._tracer.notable_fd)
        self._behind, self._caught_up = self._tracer.in_step()
        if self._behind >= 0:
            waiter.watch(self._behind)
        for pid in self._plan.attach:
            self._sources.follow(pid)
            snapshot(self._spool, [pid], "before")
            look_at_threads(self._spool, process_tree([pid]))
            self._tracer.attach(pid)
            self._note_program(pid, _command_line_of(pid), attached=True)
        if self._plan.commands:
            if not self._plan.attach:
                snapshot(self._spool, [], "before")
            self._start_next(waiter)
        if self._plan.duration_s is not None:
            self._stop_at_ns = now_ns() + int(self._plan.duration_s * SECOND_NS)

    def _start_next(self, waiter: Waiter) -> None:
        number = len(self._manifest.programs) - len(self._plan.attach)
        command = self._plan.commands[number]
        is_last = number == len(self._plan.commands) - 1
        feed = self._input_for(is_last)
        request = SpawnRequest(
            argv=list(command),
            env=dict(os.environ),
            stdin_fd=feed.program_end if feed else 0,
            new_session=bool(feed and feed.is_terminal),
            uid=self._plan.user.uid if self._plan.user else None,
            gid=self._plan.user.gid if self._plan.user else None,
            groups=list(self._plan.user.groups) if self._plan.user else None,
        )
        pid = self._tracer.spawn(request)
        self._note_program(pid, list(command))
        if feed:
            feed.program_started()
            if is_last:
                self._feed = feed
                waiter.watch(feed.recorder_end, readable=feed.is_terminal)

    def _input_for(self, is_last: bool) -> Feed | None:
        """The last program is the one that is spoken to; on the input of the others nothing comes."""
        if is_last:
            if self._plan.type_text is not None:
                feed = typed(self._plan.type_text)
            elif self._plan.stdin_file is not None:
                feed = from_file(self._plan.stdin_file)
            else:
                return None
        else:
            feed = untouched_terminal() if self._plan.terminals else idle()
        self._inputs.append(feed)
        return feed

    def _note_program(self, pid: int, argv: list[str], *, attached: bool = False) -> None:
        self._trees[pid] = len(self._manifest.programs)
        self._manifest.programs.append(Program(pid, argv, now_ns(), attached))
        self._spool.write_manifest(self._manifest)

    # -- while it runs -----------------------------------------------------------------------------------------------

    def _loop(self, waiter: Waiter) -> None:
        while not self._is_over():
            self._tracer.be_impatient(self._is_awaited())
            ready, signals = waiter.wait(_TICK_S)
            for number in signals:
                self._on_signal(number)
            for event in self._tracer.notable():
                self._on_notable(event)
            self._advance(waiter, ready)
            asked = os.read(self._behind, _COUNT_BYTES) if self._behind in ready else b""
            if self._observer:
                self._observer()
            if asked:
                os.write(self._caught_up, asked)

    def _is_awaited(self) -> bool:
        """Whether the next step waits for a program to listen or to connect; all else has time until the next tick."""
        return self._programs_left() or (self._feed is not None and not self._feed.begun)

    def _is_over(self) -> bool:
        if self._tracer.finished():
            # Recording stopped early (the disk is full) and let the programs go: they are waited for all the same.
            return not self._running()
        return not self._tracer.alive() and (not self._programs_left() or self._fault is not None)

    def _running(self) -> set[int]:
        """Programs started here that have not ended, traced or not."""
        started = [p.pid for p in self._manifest.programs if not p.attached]
        return {pid for pid in started if self._tracer.status_of(pid) is None}

    def _programs_left(self) -> bool:
        return len(self._manifest.programs) < len(self._plan.attach) + len(self._plan.commands)

    def _on_notable(self, event: Notable) -> None:
        self._stillness.stirred(now_ns())
        program = self._trees.get(event.tgid)
        if program is None:
            return
        if event.child_pid:
            self._trees.setdefault(event.child_pid, program)
        if event.listens:
            self._listening.add(program)
        if event.connected:
            self._connected.add(program)

    def _advance(self, waiter: Waiter, ready: set[int]) -> None:
        """Do what the programs' state now calls for."""
        now = now_ns()
        if now >= self._next_snapshot_ns:
            self._take_clock_snapshot()
        newest = len(self._manifest.programs) - 1
        if self._stop_at_ns is not None and now >= self._stop_at_ns and not self._asked_to_end:
            self._stop(signal.SIGINT)
        if self._tracer_stopped_early(now):
            return
        if self._programs_left() and self._fault is None and not self._asked_to_end:
            if newest in self._listening:
                self._start_or_fail(waiter)
            elif not self._tree_is_alive(newest):
                self._never_listened(newest)
        self._advance_feed(waiter, ready, newest)
        self._advance_end(now, newest)

    def _tracer_stopped_early(self, now: int) -> bool:
        """Nobody knows any more who listens or waits: several programs are ended, a single one is awaited."""
        if not self._tracer.finished():
            return False
        if self._asked_to_end and now >= self._escalate_at_ns:
            self._end_programs(signal.SIGTERM if self._asked_to_end == 1 else signal.SIGKILL)
        elif len(self._plan.commands) > 1 and not self._asked_to_end:
            self._end_programs(signal.SIGINT)
        return True

    def _start_or_fail(self, waiter: Waiter) -> None:
        try:
            self._start_next(waiter)
        except WiretaleError as fault:
            self._fault = fault
            self._end_programs(signal.SIGINT)

    def _never_listened(self, program: int) -> None:
        ended = " ".join(self._manifest.programs[program].argv)
        waiting = " ".join(self._plan.commands[program + 1 - len(self._plan.attach)])
        self._fault = ResourceFault(
            f"`{ended}` ended before it listened, so `{waiting}` was not started",
            "see its own message above: the port may be taken (ss -tulpn), or use --private-net",
        )
        self._end_programs(signal.SIGINT)

    def _advance_feed(self, waiter: Waiter, ready: set[int], newest: int) -> None:
        feed = self._feed
        if feed is None or feed.recorder_end < 0:
            return
        end = feed.recorder_end
        if feed.is_terminal and end in ready:
            feed.discard_output()
        if not feed.finished and (feed.begun or newest in self._connected):
            # A pipe is forgotten before give() may close it.
            waiter.watch(end, readable=False)
            feed.give()
        if feed.recorder_end >= 0:
            # A program that is gone leaves its end ready for ever.
            is_read = self._tree_is_alive(newest)
            wants_to_give = feed.begun and not feed.finished
            waiter.watch(end, readable=is_read and feed.is_terminal, writable=is_read and wants_to_give)

    def _advance_end(self, now: int, newest: int) -> None:
        """Interrupt what would wait for ever, and insist with those that do not listen."""
        if self._asked_to_end and now >= self._escalate_at_ns:
            self._end_programs(signal.SIGTERM if self._asked_to_end == 1 else signal.SIGKILL)
            return
        if self._programs_left() or self._plan.attach or self._asked_to_end:
            return
        feed = self._feed if self._plan.interrupt_when_idle else None
        if len(self._plan.commands) == 1 and feed is None:
            return
        quiet, silent = self._stillness.is_quiet(now), self._stillness.is_silent(now)
        if not self._tree_is_alive(newest):
            # The last program is done; if nobody talks any more, only its servers are left (some tick for ever).
            if len(self._plan.commands) > 1 and (self._stillness.is_quiet(now, LEFT_ALONE_NS) or silent):
                self._end_programs(signal.SIGINT)
        elif quiet and feed is not None and feed.finished:
            feed.interrupt()
            self._stillness.stirred(now)

    def _tree_is_alive(self, program: int) -> bool:
        return any(self._trees.get(pid, -1) == program for pid in self._tracer.alive())

    # -- ending ------------------------------------------------------------------------------------------------------

    def _on_signal(self, number: signal.Signals) -> None:
        self._look_once_more()
        attached_only = self._plan.attach and not self._plan.commands
        if number in (signal.SIGINT, signal.SIGQUIT) and terminal_signals_reach_us() and not attached_only:
            # The terminal has sent it to every program of our process group; only a session of its own misses it.
            if not self._asked_to_end:
                for feed in self._inputs:
                    feed.interrupt()
            if self._asked_to_end:
                self._end_programs(signal.SIGTERM if self._asked_to_end == 1 else signal.SIGKILL)
            self._asked_to_end = max(self._asked_to_end, 1)
            self._escalate_at_ns = now_ns() + 1000 * SECOND_NS  # a program may take its time to end, as under a shell
            return
        self._stop(number)

    def _look_once_more(self) -> None:
        """At threads and sockets, before anything of what is recorded is ended or let go."""
        if not self._looked:
            self._looked = True
            look_at_threads(self._spool, sorted(self._tracer.alive()))
            if self._running():  # those that were there before keep their sockets: `_disarm` looks at them
                snapshot(self._spool, [], "stopped")

    def _stop(self, number: signal.Signals) -> None:
        """Let go of processes that ran before; end programs that were started here."""
        self._look_once_more()
        if not self._plan.attach or self._plan.commands:
            self._end_programs(number)
            return
        self._tracer.detach_all()
        self._asked_to_end = 1
        self._escalate_at_ns = now_ns() + GRACE_NS

    def _end_programs(self, number: signal.Signals) -> None:
        """Send `number` to every program that still runs, newest first; insist after a while."""
        self._asked_to_end += 1
        self._escalate_at_ns = now_ns() + GRACE_NS
        alive = set(self._tracer.alive()) | self._running()
        for program in reversed(self._manifest.programs):
            if program.pid in alive and not program.attached:
                _send(program.pid, number)
        started = {p.pid for p in self._manifest.programs}
        for pid in alive - started:  # children that outlived their program
            _send(pid, number)

    def _disarm(self) -> None:
        for feed in self._inputs:
            feed.close()
        if self._sources.are_armed:
            self._sources.stop_calls()
            for program in self._manifest.programs:
                program.status = self._tracer.status_of(program.pid)
            if self._tracer.reduced():
                self._manifest.notes.append(without_privileges(self._tracer.reduced()))
        try:
            if self._manifest.programs:
                snapshot(self._spool, [p.pid for p in self._manifest.programs if p.attached], "after")
        finally:  # a full disk stops no source
            self._sources.stop_others()
        self._take_clock_snapshot()
        self._manifest.sources = self._sources.reports()
        self._manifest.ended_ns = now_ns()
        self._spool.write_manifest(self._manifest)

    def _exit_status(self) -> int:
        started = [p for p in self._manifest.programs if not p.attached]
        if not started or started[-1].status is None:
            return 0
        status = started[-1].status
        return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended in the meantime, which is what was wanted


def _command_line_of(pid: int) -> list[str]:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="backslashreplace") for part in raw.rstrip(b"\0").split(b"\0")]
