"""The filter of `wiretale run`: the rows of the moment in tables in memory, asked with the same SQL as a capture."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from wiretale.clock import Snapshot
from wiretale.decode.packet_text import Known
from wiretale.decode.syscalls import call_spec
from wiretale.filter.condition import NEVER, Filter
from wiretale.filter.events import EventKind
from wiretale.filter.select import selecting
from wiretale.model.raw import PACKET
from wiretale.model.tables import BY_NAME, TABLES
from wiretale.show.records import Actor, CallRecord, SignalRecord

Row = Mapping[str, Any]


class LiveFilter:
    """Says which events of a batch match. What it is asked about is forgotten after each answer."""

    def __init__(self, chosen: Filter) -> None:
        self._chosen = chosen
        self._db = duckdb.connect()
        for table in TABLES:
            self._db.execute(table.ddl)
        self._db.execute("CREATE TABLE origin (origin_ns BIGINT); INSERT INTO origin VALUES (0)")
        self._db.execute("CREATE TABLE first_packet (time_ns BIGINT)")
        self._has_first_packet = False

    def can_match(self, kind: EventKind) -> bool:
        """Whether any event of the kind can match."""
        return self._chosen.conditions[kind] != NEVER

    def set_clock(self, snapshots: list[Snapshot]) -> None:
        """The snapshots that date packets."""
        self._db.execute("DELETE FROM clock_snapshot")
        for s in snapshots:
            self._db.execute("INSERT INTO clock_snapshot VALUES (?, ?, ?)", [s.monotonic_ns, s.realtime_ns, s.error_ns])

    def set_origin(self, origin_ns: int) -> None:
        """The time of the first event."""
        self._db.execute("UPDATE origin SET origin_ns = ?", [origin_ns])

    def packets(self, rows: Sequence[Row], known: Sequence[Known | None]) -> list[bool]:
        """Which of some packets match; rows have the columns of `packet`."""
        if rows and not self._has_first_packet:
            first = next((r["time_ns"] for r in rows if r["shown"]), None)
            if first is not None:
                self._db.execute("INSERT INTO first_packet VALUES (?)", [first])
                self._has_first_packet = True
        if not rows or not self.can_match(EventKind.PACKET):
            return [False] * len(rows)
        with_ids = [{**r, "packet_id": n} for n, r in enumerate(rows)]
        segments = [
            {
                "packet_id": n, "rel_seq": k.rel_seq, "rel_ack": k.rel_ack, "shown_seq": k.rel_seq,
                "shown_ack": k.rel_ack, "scaled_window": k.scaled_window,
            }
            for n, k in enumerate(known)
            if k is not None
        ]  # fmt: skip
        return self._ask(EventKind.PACKET, "p.packet_id", {PACKET.name: with_ids, "segment": segments}, len(rows))

    def calls(self, records: Sequence[CallRecord]) -> list[bool]:
        """Which of some calls match, as far as they are known: one that has not returned has no result."""
        if not records or not self.can_match(EventKind.CALL):
            return [False] * len(records)
        calls = [_call_row(n, r) for n, r in enumerate(records)]
        data = [
            {
                "call_id": n, "at_exit": d.at_exit, "role": d.role, "arg": d.arg, "idx": d.idx, "address": d.address,
                "offset": d.offset, "full_bytes": d.full_bytes, "error": d.error, "bytes": d.bytes,
            }
            for n, r in enumerate(records) for d in r.raw.data
        ]  # fmt: skip
        tables: dict[str, Sequence[Row]] = {
            "call": calls,
            "call_data": data,
            "task": _tasks([r.actor for r in records]),
        }
        return self._ask(EventKind.CALL, "c.call_id", tables, len(records))

    def signals(self, records: Sequence[tuple[SignalRecord, int]]) -> list[bool]:
        """Which of some signals, each with its number, match."""
        if not records or not self.can_match(EventKind.SIGNAL):
            return [False] * len(records)
        rows = [
            {
                "time_ns": r.time_ns, "task_id": n, "tid": r.actor.tid, "number": number, "name": r.name,
                "sender_pid": r.sender_pid, "stopped": r.stopped,
            }
            for n, (r, number) in enumerate(records)
        ]  # fmt: skip
        tables: dict[str, Sequence[Row]] = {"signal": rows, "task": _tasks([r.actor for r, _ in records])}
        return self._ask(EventKind.SIGNAL, "s.task_id", tables, len(records))

    def tasks(self, ends: Sequence[tuple[Actor, int, str, int | None]]) -> list[bool]:
        """Which of some ends of tasks (who, when, how, exit status) match."""
        if not ends or not self.can_match(EventKind.TASK):
            return [False] * len(ends)
        rows = [
            {**row, "start_ns": at, "end_ns": at, "end_how": how, "exit_status": status}
            for row, (_, at, how, status) in zip(_tasks([e[0] for e in ends]), ends, strict=True)
        ]
        return self._ask(EventKind.TASK, "t.task_id", {"task": rows}, len(ends))

    def _ask(self, kind: EventKind, key: str, tables: Mapping[str, Sequence[Row]], count: int) -> list[bool]:
        for name, rows in tables.items():
            self._fill(name, rows)
        sql, parameters = selecting(self._chosen, kind, key)
        found = {row[0] for row in self._db.execute(sql, parameters).fetchall()}
        for name in tables:
            self._db.execute(f'DELETE FROM "{name}"')  # noqa: S608 (names of the model)
        return [n in found for n in range(count)]

    def _fill(self, name: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        columns = [c for c in BY_NAME[name].columns if c.name in rows[0]]
        unnested = ", ".join(f"unnest(${n}::{c.type}[])" for n, c in enumerate(columns, 1))
        named = ", ".join(f'"{c.name}"' for c in columns)
        values = [[_plain(r[c.name]) for r in rows] for c in columns]
        self._db.execute(f'INSERT INTO "{name}" ({named}) SELECT {unnested}', values)


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


def _call_row(number: int, record: CallRecord) -> dict[str, object]:
    raw = record.raw
    spec = call_spec(raw.name, raw.arch)
    fd = raw.args[spec.fd_arg] & 0xFFFFFFFF if spec is not None and spec.fd_arg >= 0 else None
    row: dict[str, object] = {
        "call_id": number, "task_id": number, "tid": record.actor.tid, "pid": record.actor.pid, "arch": raw.arch,
        "number": None if record.number < 0 else record.number, "name": raw.name,
        "fd": fd if fd is not None and fd < 1 << 31 else None, "retval": raw.retval, "errno": raw.errno,
        "entry_ns": record.entry_ns, "start_ns": record.entry_ns, "exit_ns": record.exit_ns,
        "complete": record.exit_ns is not None,
    }  # fmt: skip
    padded = (*raw.args, 0, 0, 0, 0, 0, 0)[:6]
    return row | {f"a{n}": argument & 0xFFFFFFFFFFFFFFFF for n, argument in enumerate(padded)}


def _tasks(actors: Sequence[Actor]) -> list[dict[str, object]]:
    return [{"task_id": n, "tid": a.tid, "pid": a.pid, "comm": a.comm} for n, a in enumerate(actors)]
