"""The live list of `wiretale run`: what the sources have spooled so far, merged in the order of the one clock.

Packets reach the spool a few milliseconds after calls do, so every line is held back for a moment and then printed in
order. A call that has not returned by then is printed as it begins, and once more when it returns.
"""

import heapq
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Any, TextIO

from wiretale.cli.live_filter import LiveFilter
from wiretale.cli.live_folds import Folds, LiveCall
from wiretale.cli.output import Output, is_terminal
from wiretale.clock import now_ns
from wiretale.decode.constants import signal_name
from wiretale.decode.packet_text import Known, packet_text
from wiretale.decode.record_types import RawCall
from wiretale.filter.condition import Filter
from wiretale.light import replace
from wiretale.model.spool import EventKind
from wiretale.record.recording import Recording
from wiretale.show.lines import Line, LineRenderer, Style
from wiretale.show.records import Actor, CallRecord, PacketRecord, SignalRecord, TaskRecord
from wiretale.show.selected import LONG_CALL_NS
from wiretale.show.startup_live import Run
from wiretale.show.times import TimeFormat
from wiretale.store.load.live_calls import CallReader, LiveEvent
from wiretale.store.load.packets import PacketReader

HOLD_NS = 60_000_000  # the packet ring hands over a block after 10 ms; twice the control loop's turn covers the rest
LAG_NS = 1_000_000_000  # on a busy machine packets are waited for, but not for ever
_NEVER = 1 << 62
_SYN, _ACK = 0x02, 0x10


class _RelativeNumbers:
    """Sequence numbers counted from each end's first one (RFC 9293), and windows scaled (RFC 7323), as packets come."""

    def __init__(self) -> None:
        self._first: dict[tuple[object, ...], int] = {}
        self._scale: dict[tuple[object, ...], int | None] = {}

    def of(self, row: Mapping[str, Any]) -> Known | None:
        """What is known of a TCP segment; None for anything else. `row` has the columns of the table packet."""
        if row["seq"] is None or row["flags"] is None:
            return None
        end = (row["src"], row["srcport"], row["dst"], row["dstport"])
        other = (*end[2:], *end[:2])
        if row["flags"] & _SYN:
            self._first[end] = row["seq"]
            self._scale[end] = row["wscale"]
        seq = (row["seq"] - self._first.setdefault(end, row["seq"])) & 0xFFFFFFFF
        ack = None
        if row["flags"] & _ACK:
            ack = (row["ack"] - self._first.setdefault(other, row["ack"])) & 0xFFFFFFFF
        window = None
        if not row["flags"] & _SYN and self._scale.get(end) is not None and self._scale.get(other) is not None:
            window = row["window"] << (self._scale[end] or 0)
        return Known(seq, ack, window)


class LiveView:
    """Follows one recording; `tick` after every turn of its control loop, `finish` when it has ended."""

    def __init__(
        self,
        recording: Recording,
        out: TextIO,
        output: Output,
        *,
        numbers: bool,
        strings: int,
        unfold: bool,
        chosen: Filter | None = None,
    ) -> None:
        self._recording = recording
        self._out = out
        to_terminal = is_terminal(out)
        self._renderer = LineRenderer(
            Style(
                color=output.color_on(out),
                width=output.width if to_terminal else None,
                numbers=numbers,
                strings=strings,
            )
        )
        self._filter = LiveFilter(chosen) if chosen is not None else None
        self._unfold = unfold or chosen is not None  # what a folded line stands for, a filter cannot see
        self._calls: CallReader | None = None
        self._packets: PacketReader | None = None
        self._names: dict[int, str] = {}  # tid -> comm
        self._open: dict[int, LiveCall] = {}  # tid -> the call it is in
        self._folds = Folds(self._put_call, self._put_fold)
        self._queue: list[tuple[int, int, LiveCall | None, Callable[[], Line | None]]] = []
        self._relative = _RelativeNumbers()
        self._order = count()
        self._origin_ns = 0
        self.lost: OSError | None = None  # why the list could not be written on

    def tick(self) -> None:
        """Take what is new, print what is old enough."""
        horizon_ns = now_ns() - HOLD_NS
        if self._recording.packets_are_behind():
            horizon_ns -= LAG_NS
        self._read()
        self._print_until(horizon_ns)

    def finish(self) -> None:
        """Print everything that is left; calls that never returned as such."""
        self._read()
        self._print_until(_NEVER)

    # -- taking ------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        if self._calls is None:
            self._calls = CallReader(self._recording.spool)
        while events := self._calls.read():
            for event in events:
                self._take(event)
        for report in self._recording.reports():
            if report.source == "packets" and report.ran and self._packets is None:
                snapshots = self._recording.spool.read_clock_snapshots()
                self._packets = PacketReader(self._recording.spool, report.detail, snapshots)
                if self._filter is not None:
                    self._filter.set_clock(snapshots)
            if report.source == "ptrace" and report.items:
                cost = 2 * int(report.detail.get("cpu_ns_per_stop") or 0)
                self._renderer.style = replace(self._renderer.style, cost_ns=cost)
        if self._packets is not None:
            self._take_packets(self._packets.read())

    def _take_packets(self, rows: list[dict[str, Any]]) -> None:
        names = self._interface_names()
        shown = [row for row in rows if row["shown"]]
        known = [self._relative.of(row) for row in shown]
        matching = self._filter.packets(shown, known) if self._filter is not None else [True] * len(shown)
        for row, relative, matches in zip(shown, known, matching, strict=True):
            if matches:
                name = names.get(row["ifindex"], f"if{row['ifindex']}")
                record = PacketRecord(0, row["number"], row["time_ns"], name, packet_text(row, relative))
                self._put(row["time_ns"], partial(self._renderer.packet, record))

    def _interface_names(self) -> dict[int, str]:
        detail = next(r.detail for r in self._recording.reports() if r.source == "packets")
        return {int(i["ifindex"]): str(i["name"]) for i in detail.get("interfaces", ())}

    def _take(self, event: LiveEvent) -> None:
        if event.comm:
            self._names[event.tid] = event.comm
        actor = Actor(event.pid, event.tid, self._names.get(event.tid, ""))
        if event.kind is EventKind.ENTRY and event.call is not None:
            call = LiveCall(CallRecord(0, actor, event.call, event.time_ns))
            self._open[event.tid] = call
            if self._unfold:
                self._put_call(call)
            else:
                self._folds.enter(event.tid, call)
        elif event.kind is EventKind.EXIT and event.call is not None:
            self._return(event, actor, event.call)
        elif event.kind is EventKind.EXEC:
            self._folds.program_starts(event.tid, event.exe, event.argv, event.cwd)
        elif event.kind is EventKind.CLONE:
            self._names.setdefault(event.number, actor.comm)
            self._folds.child_begins(event.tid, event.number)
        elif event.kind is EventKind.SIGNAL:
            record = SignalRecord(event.time_ns, actor, signal_name(event.number))
            if self._filter is None or self._filter.signals([(record, event.number)])[0]:
                self._put(event.time_ns, lambda: self._renderer.signal(record))
        elif event.kind is EventKind.END:
            self._end(event, actor)

    def _return(self, event: LiveEvent, actor: Actor, raw: RawCall) -> None:
        call = self._open.pop(event.tid, None)
        if call is None:  # attached inside the call
            whole = LiveCall(CallRecord(0, actor, raw, event.entry_ns or event.time_ns, event.time_ns))
            self._put(event.time_ns, lambda: self._renderer.returned(whole.record) if whole.matches else None, whole)
            return
        call.record = replace(call.record, actor=actor, raw=raw, exit_ns=event.time_ns)
        self._folds.leave(event.tid, call, raw, event.time_ns)
        if call.begun:
            self._put(event.time_ns, lambda: self._renderer.returned(call.record))
        elif call.hidden:
            self._put(event.time_ns, lambda: self._renderer.call(call.record) if call.matches else None, call)

    def _put_call(self, call: LiveCall) -> None:
        self._put(call.record.entry_ns, lambda: self._begin_or_whole(call), call)

    def _put_fold(self, actor: Actor, run: Run) -> None:
        span = run.to_ns - run.from_ns
        self._put(run.from_ns, lambda: self._renderer.folded(actor, run.from_ns, run.calls, span, run.what.value))

    def _end(self, event: LiveEvent, actor: Actor) -> None:
        if (call := self._open.pop(event.tid, None)) is not None:
            call.never_returns = True
            if call.held:
                self._put_call(call)
        self._folds.forget(event.tid)
        status = event.number
        killed = bool(status & 0x7F)
        record = TaskRecord(
            0, event.time_ns, actor, "", end_how="killed" if killed else "exited",
            exit_status=None if killed else status >> 8 & 0xFF, signal=signal_name(status & 0x7F) if killed else None,
            is_leader=event.tid == event.pid,
        )  # fmt: skip
        how = (actor, event.time_ns, record.end_how or "", record.exit_status)
        if self._filter is None or self._filter.tasks([how])[0]:
            self._put(event.time_ns, lambda: self._renderer.ended(record, event.time_ns))

    # -- printing ----------------------------------------------------------------------------------------------------

    def _put(self, time_ns: int, line: Callable[[], Line | None], call: LiveCall | None = None) -> None:
        """A line to come; `call` is the call that the filter is asked about before."""
        heapq.heappush(self._queue, (time_ns, next(self._order), call, line))

    def _ask_filter(self, horizon_ns: int) -> None:
        """Ask once about all calls whose turn comes now."""
        if self._filter is None:
            return
        due = [call for time_ns, _, call, _ in self._queue if call is not None and time_ns <= horizon_ns]
        for call, matches in zip(due, self._filter.calls([c.record for c in due]), strict=True):
            call.matches = matches

    def _begin_or_whole(self, call: LiveCall) -> Line | None:
        """At the turn of a call's beginning: all of it if it is over and nothing else happened meanwhile."""
        exit_ns = call.record.exit_ns
        if not call.matches:
            call.hidden = True
            return None
        if call.never_returns:
            return self._renderer.call(call.record)
        if exit_ns is not None:
            waited = exit_ns - call.record.entry_ns > LONG_CALL_NS and self._queue and self._queue[0][0] < exit_ns
            if not waited:
                return self._renderer.call(call.record)
            self._put(exit_ns, lambda: self._renderer.returned(call.record))
        call.begun = True
        return self._renderer.entered(call.record)

    def _set_origin(self, time_ns: int) -> None:
        if not self._origin_ns:
            self._origin_ns = time_ns
            self._renderer.style = replace(self._renderer.style, times=TimeFormat(origin_ns=time_ns))
            if self._filter is not None:
                self._filter.set_origin(time_ns)

    def _print_until(self, horizon_ns: int) -> None:
        # What may still fold is printed late, and nothing that is younger before it.
        oldest_held = self._folds.release(None if horizon_ns == _NEVER else now_ns())
        if oldest_held is not None:
            horizon_ns = min(horizon_ns, oldest_held - 1)
        if self._queue and self._queue[0][0] <= horizon_ns:
            self._set_origin(self._queue[0][0])
            self._ask_filter(horizon_ns)
        printed = False
        while self._queue and self._queue[0][0] <= horizon_ns:
            _, _, _, make = heapq.heappop(self._queue)
            line = make()
            if line is not None:
                self._write(self._renderer.layout(line) + "\n")
                printed = True
        if printed:
            self._write("")

    def _write(self, text: str) -> None:
        """Print; with "" see that it is there. A list that cannot be written any more does not end the program."""
        if self.lost is not None:
            return
        try:
            if text:
                self._out.write(text)
            else:
                self._out.flush()
        except OSError as fault:
            self.lost = fault
