"""The rows behind a batch of lines, fetched in bulk: a few queries a batch, never one a line."""

from collections.abc import Iterable, Sequence

import duckdb

from wiretale.decode.packet_text import Known, packet_text
from wiretale.decode.record_types import RawCall
from wiretale.explain.rows import call_data
from wiretale.join import kernel_path
from wiretale.light import dataclass, field
from wiretale.show.kernel_event import WHERE, in_words
from wiretale.show.order import LineKind, Place
from wiretale.show.records import Actor, CallRecord, KernelRecord, PacketRecord, SignalRecord, TaskRecord
from wiretale.show.wanted import want_calls, want_packets

_OF_CALL = (LineKind.CALL, LineKind.ENTER, LineKind.RETURN)
_OF_TASK = (LineKind.BEGIN, LineKind.END, LineKind.START, LineKind.LOOK)
HEADER_BYTES = 256  # no header that is decoded reaches further into a frame


@dataclass(slots=True)
class Rows:
    """Records by id, for one batch of places."""

    calls: dict[int, CallRecord] = field(default_factory=dict)
    packets: dict[int, PacketRecord] = field(default_factory=dict)
    kernel: dict[int, KernelRecord] = field(default_factory=dict)
    signals: dict[int, SignalRecord] = field(default_factory=dict)
    tasks: dict[int, TaskRecord] = field(default_factory=dict)


def ids(places: Iterable[Place], kinds: Sequence[LineKind]) -> list[int]:
    """Distinct ids of the places of some kinds."""
    return sorted({p.id for p in places if p.kind in kinds})


def fetch(db: duckdb.DuckDBPyConnection, places: Sequence[Place]) -> Rows:
    """Everything needed to print `places`. Leaves their calls and packets in the tables of `show/wanted.py`."""
    rows = Rows()
    if wanted := ids(places, _OF_CALL):
        want_calls(db, wanted)
        rows.calls = calls(db)
    if wanted := ids(places, (LineKind.PACKET,)):
        want_packets(db, wanted)
        rows.packets = packets(db)
    if wanted := ids(places, (LineKind.KERNEL,)):
        rows.kernel = _kernel(db, wanted)
    if wanted := ids(places, (LineKind.SIGNAL,)):
        rows.signals = _signals(db, wanted)
    if wanted := ids(places, _OF_TASK):
        rows.tasks = _tasks(db, wanted)
    return rows


def calls(db: duckdb.DuckDBPyConnection) -> dict[int, CallRecord]:
    """The wanted calls with what they carried."""
    data = call_data(db, " WHERE call_id IN (FROM wanted_call)")
    found = db.execute(
        "SELECT c.call_id, c.pid, c.tid, t.comm, c.name, c.arch, c.a0, c.a1, c.a2, c.a3, c.a4, c.a5, c.retval, c.errno,"
        " c.entry_ns, c.exit_ns, c.fd, c.number FROM call c LEFT JOIN task t ON t.task_id = c.task_id"
        " WHERE c.call_id IN (FROM wanted_call)"
    ).fetchall()
    return {
        r[0]: CallRecord(
            r[0],
            Actor(r[1], r[2], r[3] or ""),
            RawCall(r[4], r[5], tuple(a or 0 for a in r[6:12]), r[12], r[13], tuple(data.get(r[0], ()))),
            r[14],
            r[15],
            r[16],
            r[17],
        )
        for r in found
    }


# What packet_text reads of a packet; the frame is cut behind the part of the payload that is printed.
_PACKET_COLUMNS = (
    "ethertype", "ip_version", "ip_protocol", "fragment", "src", "dst", "srcport", "dstport", "seq", "ack", "flags",
    "window", "mss", "wscale", "sack_permitted", "sack", "icmp_type", "icmp_code", "payload_offset", "payload_bytes",
    "frame_bytes", "undecoded", "frame",
)  # fmt: skip


# A zero-window probe of Linux has the shape that Wireshark's rules call a keep-alive: it is shown for what it is.
_ANALYSIS = (
    "CASE WHEN g.truth = 'other_interface' THEN ['other_interface']"
    " WHEN g.truth <> 'keep_alive' AND list_contains(g.analysis, 'keep_alive')"
    " THEN list_transform(g.analysis, lambda a: CASE a WHEN 'keep_alive' THEN g.truth ELSE a END)"
    " ELSE g.analysis END AS analysis"
)


def packets(db: duckdb.DuckDBPyConnection, payload_shown: int = 32) -> dict[int, PacketRecord]:
    """The wanted packets with their one-line summary."""
    columns = ", ".join(f'p."{name}"' for name in _PACKET_COLUMNS if name != "frame")
    found = db.execute(
        "SELECT p.packet_id, p.number, p.time_ns, i.interface, p.ifindex, p.tap, g.rel_seq, g.rel_ack, g.scaled_window,"  # noqa: S608 (built from fixed text; values are parameters)
        f" {_ANALYSIS}, {columns}, p.frame[1 : {HEADER_BYTES + payload_shown}] AS frame FROM packet p"
        " LEFT JOIN segment g ON g.packet_id = p.packet_id"
        " LEFT JOIN interface i ON i.ifindex = p.ifindex AND i.netns IS NOT DISTINCT FROM p.netns"
        " WHERE p.packet_id IN (FROM wanted_packet)"
    ).fetchall()
    records = {}
    for packet_id, number, time_ns, interface, ifindex, tap, seq, ack, window, analysis, *rest in found:
        row = dict(zip(_PACKET_COLUMNS, rest, strict=True))
        text = packet_text(row, Known(seq, ack, window, tuple(analysis or ())), payload_shown)
        records[packet_id] = PacketRecord(packet_id, number, time_ns, interface or f"if{ifindex}", text, tap or "")
    return records


def _kernel(db: duckdb.DuckDBPyConnection, wanted: list[int]) -> dict[int, KernelRecord]:
    found, names, reasons = kernel_path.events(db, wanted), kernel_path.threads(db), kernel_path.reasons(db)
    calls_of = {e.call_id for e in found.values() if e.call_id is not None and e.context == "task"}
    named = dict(
        db.execute("SELECT call_id, name FROM call WHERE call_id IN (SELECT unnest(?))", [sorted(calls_of)]).fetchall()
    )
    query = (
        "SELECT e.event_id, e.pid, e.tid, arg_max(t.comm, t.start_ns) FROM kernel_event e"
        " LEFT JOIN task t ON t.tid = e.tid AND t.start_ns <= e.time_ns"
        " WHERE e.event_id IN (SELECT unnest(?)) GROUP BY ALL"
    )
    actors = {
        r[0]: Actor(r[1], r[2], r[3] or ("idle" if r[2] == 0 else "")) for r in db.execute(query, [wanted]).fetchall()
    }
    return {
        i: KernelRecord(
            event,
            actors[i],
            in_words(event, names, reasons),
            WHERE[event.name],
            named.get(event.call_id, "") if event.call_id is not None and event.context == "task" else "",
        )
        for i, event in found.items()
    }


def _signals(db: duckdb.DuckDBPyConnection, wanted: list[int]) -> dict[int, SignalRecord]:
    found = db.execute(
        "SELECT s.rowid, s.time_ns, t.pid, s.tid, t.comm, s.name, s.sender_pid, s.stopped FROM signal s"
        " LEFT JOIN task t ON t.task_id = s.task_id WHERE s.rowid IN (SELECT unnest(?))",
        [wanted],
    ).fetchall()
    return {
        r[0]: SignalRecord(
            r[1], Actor(r[2] if r[2] is not None else r[3], r[3], r[4] or ""), r[5] or "?", r[6], bool(r[7])
        )
        for r in found
    }


def _tasks(db: duckdb.DuckDBPyConnection, wanted: list[int]) -> dict[int, TaskRecord]:
    # A started program's first image is the recorder's own child; what it was started for is the image it executes.
    found = db.execute(
        "SELECT t.task_id, t.start_ns, t.pid, t.tid, t.comm, t.how, coalesce(n.argv, t.argv), t.parent_pid, t.end_how,"
        " t.exit_status, t.signal, t.is_leader, n.comm FROM task t LEFT JOIN task n"
        " ON n.parent_task_id = t.task_id AND n.how = 'execve' AND n.pid = t.pid AND t.how = 'started'"
        " WHERE t.task_id IN (SELECT unnest(?))",
        [wanted],
    ).fetchall()
    return {
        r[0]: TaskRecord(
            r[0], r[1], Actor(r[2], r[3], r[12] or r[4] or ""), r[5] or "", tuple(r[6] or ()), r[7], r[8], r[9], r[10],
            bool(r[11]),
        )
        for r in found
    }  # fmt: skip
