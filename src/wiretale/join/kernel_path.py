"""The way of one call's bytes through the kernel, stitched from the events that are proven to belong to it.

The way of bytes is the events, in order of time, that are
  - of the writing thread's own work in the call,
  - about a packet that carried the call's bytes,
  - of the softirq in which such a packet was received, as far as they concern the receiving socket or its reader,
  - the reader's way from being woken to running, and its own work in the call that took the bytes.
What a bystander did in between is not part of it.

A call that moved no bytes (connect, accept, close, ...) has the events of its own work, and those of its sockets and
their connections while it lasted. A packet without payload has its own events, and those of the sockets it reached.
"""

import json
from typing import Any

import duckdb

from wiretale.join.kernel_passing import PassedOn, passed_on
from wiretale.join.kernel_stacks import CAUSED, Stack, stacks
from wiretale.light import dataclass, field

_LAST_NS = (1 << 63) - 1
_MOST_HOPS = 8  # bridges and routers in one machine
Reasons = dict[str, dict[int, str]]  # names of drop and reset reasons by number, as the recorded kernel numbers them


@dataclass(frozen=True, slots=True)
class PathEvent:
    """One kernel event on the way. Times are CLOCK_MONOTONIC nanoseconds."""

    event_id: int
    time_ns: int
    cpu: int
    name: str
    tid: int
    context: str
    softirq: str | None
    other_tid: int | None
    value: int
    value2: int
    call_id: int | None
    packet_number: int | None
    payload_bytes: int | None
    rel_seq: int | None
    flags: int | None
    interface: str | None
    netns: int | None  # of the interface, if that is not the recorder's
    protocol: int | None
    head: int | None  # the packet's data, and its sk_buff: a clone has the first, one that was made writable the second
    skb: int | None
    source: str | None  # address and port in a packet's headers
    destination: str | None
    state: str | None
    stack_id: int | None
    captured_payload: int | None  # payload bytes of the captured packet: fewer than `payload_bytes` where it was cut
    own_port: int | None  # of the socket that an event without a packet is about
    answer: bool  # about a packet of the other direction: the acknowledgement


@dataclass(frozen=True, slots=True)
class PathCall:
    """A call at one end of the way."""

    call_id: int
    name: str
    fd: int | None
    tid: int
    pid: int
    comm: str
    start_ns: int
    exit_ns: int | None
    retval: int | None


@dataclass(frozen=True, slots=True)
class Did:
    """What a thread did for a time: a state of thread_state, and the call it was in, if any."""

    tid: int
    from_ns: int
    to_ns: int
    state: str
    call: str | None


@dataclass(slots=True)
class KernelPath:
    """What is known of one call's way: `reads` took its bytes, `waits` are the reader's waits that they ended."""

    call: PathCall | None  # None: the way is that of a packet without payload, the first of `packets`
    lo: int = 0  # its bytes' place in the stream; lo = hi: it wrote none
    hi: int = 0
    reads: list[PathCall] = field(default_factory=list)
    waits: list[PathCall] = field(default_factory=list)
    packets: list[int] = field(default_factory=list)  # their numbers
    events: list[PathEvent] = field(default_factory=list)
    threads: dict[int, str] = field(default_factory=dict)  # command name, process and thread, by thread id
    calls: dict[int, str] = field(default_factory=dict)  # names of the calls that events happened in, by call_id
    did: list[Did] = field(default_factory=list)  # of the writer and of the first reader, in order of time
    stacks: dict[int, Stack] = field(default_factory=dict)  # by stack_id
    caused: set[int] = field(default_factory=set)  # events in softirqs that the thread's own call caused
    passed_on: dict[int, PassedOn] = field(default_factory=dict)  # events that pass a packet on, by their number
    reasons: Reasons = field(default_factory=dict)
    stopped: bool = False  # the calls were recorded by ptrace, whose stops are in the times

    @property
    def begin_ns(self) -> int:
        """What times are counted from."""
        return self.call.start_ns if self.call is not None else self.events[0].time_ns if self.events else 0


_CALL = """SELECT c.call_id, c.name, c.fd, c.tid, c.pid, coalesce(t.comm, '?'), c.start_ns, c.exit_ns, c.retval
FROM call c LEFT JOIN task t USING (task_id) WHERE c.call_id IN (SELECT unnest(?)) ORDER BY c.start_ns"""

_READS = """SELECT DISTINCT r.call_id
FROM stream_write w JOIN link l USING (write_id) JOIN stream_read r USING (read_id)
WHERE w.call_id = $call AND l.kind = 'write_read' AND NOT r.peeked
UNION SELECT r.call_id FROM packet_call w JOIN packet_call r USING (packet_id)
WHERE w.call_id = $call AND w.side = 'w' AND r.side = 'r' AND NOT r.peeked"""

_PACKETS = """SELECT DISTINCT l.packet_id, p.number
FROM stream_write w JOIN link l USING (write_id) JOIN packet p USING (packet_id)
WHERE w.call_id = $call AND l.kind = 'write_segment'
UNION SELECT packet_id, p.number FROM packet_call JOIN packet p USING (packet_id) WHERE call_id = $call AND side = 'w'
ORDER BY 2"""

_END = "CASE WHEN e.head IS NOT NULL AND e.{0}port > 0 THEN e.{0} || ' port ' || e.{0}port END"
_COLUMNS = f"""e.event_id, e.time_ns, e.cpu, e.name, e.tid, e.context, e.softirq, e.other_tid, e.value, e.value2,
       k.call_id, p.number, e.bytes, g.rel_seq, e.flags, e.device, nullif(e.netns, $own_netns), e.protocol, e.head,
       e.skb, {_END.format("src")}, {_END.format("dst")}, e.state, e.stack_id, p.payload_bytes,
       CASE WHEN e.head IS NULL THEN nullif(e.srcport, 0) END"""

_READS_OF_PACKETS = """SELECT DISTINCT r.call_id FROM link l JOIN stream_read r USING (read_id)
WHERE l.packet_id IN (SELECT unnest($packets)) AND l.kind = 'segment_read' AND NOT r.peeked
UNION SELECT call_id FROM packet_call WHERE packet_id IN (SELECT unnest($packets)) AND side = 'r' AND NOT peeked"""

_NUMBERED = "SELECT packet_id FROM packet WHERE number IN (SELECT unnest(?)) AND shown"

_NUMBERS = "SELECT number FROM packet WHERE packet_id IN (SELECT unnest(?)) ORDER BY number"

_EVENTS = f"""
WITH mine AS (SELECT unnest($packets) AS packet_id),
sends AS ( -- of datagrams: through which socket, and whether the call itself handed them to a device
    SELECT e.sk, e.value AS bytes, k.call_id, k.call_id IN (
        SELECT l.call_id FROM kernel_event q JOIN kernel_link l USING (event_id)
        WHERE q.name = 'net:net_dev_queue' AND q.context = 'task' AND q.bytes > 0 AND l.call_id IS NOT NULL) AS at_once
    FROM kernel_event e JOIN kernel_link k USING (event_id)
    WHERE e.name = 'sock:sock_send_length' AND e.protocol = 17 AND e.value > 0
),
kept AS ( -- by IP, until the neighbour's link address was known; only where no other datagram can be meant
    SELECT any_value(e.head) AS head, any_value(e.srcport) AS srcport, any_value(e.dstport) AS dstport, e.bytes
    FROM kernel_event e JOIN kernel_link k USING (event_id) JOIN sends s ON s.sk = e.sk AND s.bytes = e.bytes
    WHERE NOT s.at_once AND e.name = 'net:net_dev_queue' AND e.context = 'softirq' AND e.protocol = 17
      AND k.packet_id IS NULL AND e.srcport > 0
      AND NOT EXISTS ( -- what a bridge or router passes on is still the sender's
        SELECT 1 FROM kernel_event q WHERE q.name = 'net:net_dev_queue' AND q.context = 'task'
            AND q.sk = e.sk AND q.head = e.head AND q.time_ns < e.time_ns)
    GROUP BY e.sk, e.bytes HAVING count(*) = 1 AND any_value(s.call_id) = $write AND min(e.time_ns) >= $from_ns
),
unseen AS ( -- packets that the call sent and no capture has: by where their data lies, and their ports
    SELECT DISTINCT e.head, e.srcport, e.dstport, e.bytes FROM kernel_event e JOIN kernel_link k USING (event_id)
    WHERE k.call_id = $write AND e.context = 'task' AND e.name = 'net:net_dev_queue' AND k.packet_id IS NULL
      AND e.srcport > 0 AND e.bytes > 0
    UNION FROM kept
),
ends AS ( -- of the sockets the packets were for, where the calls do not tell them
    SELECT DISTINCT p.srcport AS peer, p.dstport AS own FROM packet p JOIN mine USING (packet_id)
    UNION SELECT srcport, dstport FROM unseen
),
on_way AS (
    SELECT k.event_id FROM kernel_link k JOIN mine USING (packet_id)
    UNION SELECT e.event_id FROM kernel_event e JOIN unseen USING (head, srcport, dstport, bytes)
        WHERE e.time_ns BETWEEN $from_ns AND $to_ns
),
runs AS ( -- the softirq an event ran in, counted per CPU
    SELECT e.event_id, e.cpu, sum(CAST(e.name = 'irq:softirq_entry' AS INTEGER)) OVER (
        PARTITION BY e.cpu ORDER BY e.time_ns, e.event_id ROWS UNBOUNDED PRECEDING) AS run
    FROM kernel_event e WHERE e.context = 'softirq'
),
received AS (
    SELECT DISTINCT r.cpu, r.run FROM runs r JOIN kernel_event e USING (event_id) JOIN on_way USING (event_id)
    -- or sent from: a packet that waited for its neighbour's address leaves when the answer is received
    WHERE e.name IN ('net:netif_receive_skb', 'net:napi_gro_receive_entry', 'net:net_dev_queue')
),
again AS ( -- tcp_retransmit_skb follows the transmission it is about, and does not know the headers
    SELECT e.event_id FROM kernel_event e ASOF JOIN (
        SELECT e.cpu, e.sk, e.time_ns, k.packet_id FROM kernel_event e JOIN kernel_link k USING (event_id)
        WHERE e.name = 'net:net_dev_queue'
    ) q ON q.cpu = e.cpu AND q.sk = e.sk AND e.time_ns >= q.time_ns
    WHERE e.name = 'tcp:tcp_retransmit_skb' AND q.packet_id IN (FROM mine)
),
receiver AS (SELECT DISTINCT socket_id FROM stream_read WHERE call_id IN (SELECT unnest($reads))),
reader AS (SELECT DISTINCT tid FROM call WHERE call_id IN (SELECT unnest($readers))),
chosen AS (
    SELECT e.event_id FROM kernel_event e JOIN kernel_link k USING (event_id)
    WHERE k.call_id = $write AND e.context = 'task' AND e.name NOT LIKE 'sched:sched_wak%'
    UNION FROM on_way
    UNION SELECT event_id FROM again
    UNION SELECT e.event_id FROM received s JOIN runs r ON r.cpu = s.cpu AND r.run = s.run
        JOIN kernel_event e ON e.event_id = r.event_id JOIN kernel_link k ON k.event_id = e.event_id
        WHERE e.name IN ('irq:softirq_entry', 'irq:softirq_exit', 'neigh:neigh_update')
           OR k.socket_id IN (FROM receiver) OR e.other_tid IN (FROM reader) OR e.name = 'net:net_dev_queue'
           OR (e.head IS NULL AND (e.srcport, e.dstport) IN (SELECT (own, peer) FROM ends))
           OR (e.head IS NULL AND (e.srcport, e.dstport) IN (SELECT (own, 0) FROM ends)) -- UDP, not connected
    UNION SELECT e.event_id FROM kernel_event e
        WHERE e.other_tid IN (FROM reader) AND e.name LIKE 'sched:%' AND e.time_ns BETWEEN $from_ns AND $to_ns
    UNION SELECT e.event_id FROM kernel_event e -- the writer had to wait in its call, for room or for a CPU
        WHERE e.other_tid = $writer AND e.name LIKE 'sched:%' AND e.time_ns BETWEEN $from_ns AND $written_ns
    UNION SELECT e.event_id FROM kernel_event e JOIN kernel_link k USING (event_id)
        WHERE k.call_id IN (SELECT unnest($reads)) AND e.context = 'task' AND e.name NOT LIKE 'sched:sched_wak%'
)
SELECT {_COLUMNS},
       coalesce(g.direction <> (SELECT any_value(direction) FROM stream_write WHERE call_id = $write), false)
FROM chosen JOIN kernel_event e USING (event_id) JOIN kernel_link k USING (event_id)
LEFT JOIN packet p ON p.packet_id = k.packet_id LEFT JOIN segment g ON g.packet_id = k.packet_id
WHERE e.time_ns BETWEEN $from_ns AND $to_ns
ORDER BY e.time_ns, e.event_id"""  # noqa: S608 (constants)

_EVENTS_OF_CALL = f"""
WITH mine AS (
    SELECT socket_id FROM call_file WHERE call_id = $call AND socket_id IS NOT NULL
    UNION SELECT socket_id FROM socket WHERE made_call_id = $call
),
connected AS (SELECT connection_id FROM endpoint WHERE socket_id IN (FROM mine) AND connection_id IS NOT NULL)
SELECT {_COLUMNS}, false
FROM kernel_event e JOIN kernel_link k USING (event_id)
LEFT JOIN packet p ON p.packet_id = k.packet_id LEFT JOIN segment g ON g.packet_id = k.packet_id
WHERE e.time_ns BETWEEN $from_ns AND $to_ns
  AND (k.call_id = $call OR k.socket_id IN (FROM mine) OR k.connection_id IN (FROM connected) OR e.other_tid = $tid)
ORDER BY e.time_ns, e.event_id"""  # noqa: S608 (constants)

# A packet without payload: itself, and in the softirq that received it the sockets it was for and whom they woke.
_EVENTS_OF_PACKET = f"""
WITH runs AS (
    SELECT e.event_id, e.cpu, sum(CAST(e.name = 'irq:softirq_entry' AS INTEGER)) OVER (
        PARTITION BY e.cpu ORDER BY e.time_ns, e.event_id ROWS UNBOUNDED PRECEDING) AS run
    FROM kernel_event e WHERE e.context = 'softirq'
),
own AS (
    SELECT e.event_id, e.time_ns, e.cpu, e.context, e.tid, e.name, r.run FROM kernel_event e
    JOIN kernel_link k USING (event_id) LEFT JOIN runs r USING (event_id) WHERE k.packet_id = $packet
),
reached AS (SELECT DISTINCT cpu, run FROM own WHERE run IS NOT NULL AND name IN (
    'net:netif_receive_skb', 'net:napi_gro_receive_entry')),
chosen AS (
    SELECT event_id FROM own
    UNION SELECT e.event_id FROM reached s JOIN runs r ON r.cpu = s.cpu AND r.run = s.run
        JOIN kernel_event e ON e.event_id = r.event_id
        WHERE e.name IN ('irq:softirq_entry', 'irq:softirq_exit') OR e.name LIKE 'sched:sched_wak%'
           OR (e.head IS NULL AND (e.srcport, e.dstport) IN (
               SELECT (dstport, srcport) FROM packet WHERE packet_id = $packet))
)
SELECT {_COLUMNS}, false
FROM chosen JOIN kernel_event e USING (event_id) JOIN kernel_link k USING (event_id)
LEFT JOIN packet p ON p.packet_id = k.packet_id LEFT JOIN segment g ON g.packet_id = k.packet_id
ORDER BY e.time_ns, e.event_id"""  # noqa: S608 (constants)

_EVENTS_BY_ID = f"""
SELECT {_COLUMNS}, false
FROM kernel_event e LEFT JOIN kernel_link k USING (event_id)
LEFT JOIN packet p ON p.packet_id = k.packet_id LEFT JOIN segment g ON g.packet_id = k.packet_id
WHERE e.event_id IN (SELECT unnest($events))"""  # noqa: S608 (constants)

_THREADS = """SELECT tid, coalesce(arg_max(comm, start_ns), '?') || ' ' || any_value(pid)
    || CASE WHEN any_value(pid) <> tid THEN '/' || tid ELSE '' END FROM task GROUP BY tid"""

_NAMES = "SELECT call_id, name FROM call WHERE call_id IN (SELECT unnest(?))"

_DID = """SELECT s.tid, s.from_ns, s.to_ns, s.state, c.name FROM thread_state s LEFT JOIN call c USING (call_id)
WHERE s.tid IN (SELECT unnest($tids)) AND s.to_ns > $from_ns AND s.from_ns < $to_ns ORDER BY s.from_ns"""

_WAITS = """SELECT DISTINCT w.call_id FROM wait w WHERE w.packet_id IN (SELECT unnest(?)) AND w.call_id IN (
    SELECT call_id FROM call WHERE tid IN (SELECT tid FROM call WHERE call_id IN (SELECT unnest(?))))"""


def packet_path(db: duckdb.DuckDBPyConnection, number: int) -> KernelPath | None:
    """The way of one packet, whatever it carried; None if there is no such packet."""
    row = db.execute("SELECT packet_id FROM packet WHERE number = ? AND shown", [number]).fetchone()
    if row is None:
        return None
    found = db.execute(_EVENTS_OF_PACKET, {"packet": row[0], "own_netns": _own_netns(db)}).fetchall()
    path = KernelPath(None, packets=[number], events=[PathEvent(*event) for event in found], threads=threads(db))
    _complete(db, path)
    return path


def kernel_path(db: duckdb.DuckDBPyConnection, call_id: int) -> KernelPath | None:
    """The way of one call's bytes, or what the kernel did for a call without any; None if there is no such call."""
    found = _calls(db, [call_id])
    if not found:
        return None
    call = found[0]
    path = KernelPath(call, threads=threads(db))
    place = db.execute("SELECT min(lo), max(hi) FROM stream_write WHERE call_id = ?", [call_id]).fetchone()
    if place is None or place[0] is None:
        end = call.exit_ns if call.exit_ns is not None else _LAST_NS
        within = {"from_ns": call.start_ns, "to_ns": end}
        parameters = {"call": call_id, "tid": call.tid, "own_netns": _own_netns(db), **within}
        path.events = [PathEvent(*row) for row in db.execute(_EVENTS_OF_CALL, parameters).fetchall()]
        _complete(db, path)
        return path
    path.lo, path.hi = place
    _follow(db, path, call)
    _complete(db, path)
    if path.events:
        window = {"from_ns": call.start_ns, "to_ns": path.events[-1].time_ns}
        tids = [call.tid, *(read.tid for read in path.reads[:1])]
        path.did = [Did(*row) for row in db.execute(_DID, {"tids": tids, **window}).fetchall()]
    return path


def _follow(db: duckdb.DuckDBPyConnection, path: KernelPath, call: PathCall) -> None:
    """The packets that carried a call's bytes, who read them, and the events of both.

    What a bridge or router passes on is another packet, perhaps with other addresses: it is followed from there.
    """
    ids = [i for i, _ in db.execute(_PACKETS, {"call": call.call_id}).fetchall()]
    reads = [i for (i,) in db.execute(_READS, {"call": call.call_id}).fetchall()]
    for _ in range(_MOST_HOPS):
        reads = reads or [i for (i,) in db.execute(_READS_OF_PACKETS, {"packets": ids}).fetchall()]
        path.reads = _calls(db, reads)
        ends = [c.exit_ns for c in (call, *path.reads) if c.exit_ns is not None]
        of_bytes = {
            "packets": ids, "reads": reads, "readers": reads, "write": call.call_id, "writer": call.tid,
            "own_netns": _own_netns(db), "written_ns": call.exit_ns if call.exit_ns is not None else _LAST_NS,
            # without a known reader the packets' own way goes on after the sender's call
            "from_ns": call.start_ns, "to_ns": max(ends) if path.reads and ends else _LAST_NS,
        }  # fmt: skip
        path.events = [PathEvent(*row) for row in db.execute(_EVENTS, of_bytes).fetchall()]
        path.passed_on = passed_on(path.events)
        more = {e.packet_number for e in path.events if e.event_id in path.passed_on and not e.answer}
        found = db.execute(_NUMBERED, [[number for number in more if number is not None]]).fetchall()
        new = [i for (i,) in found if i not in ids]
        if not new:
            break
        ids += new
    path.packets = [number for (number,) in db.execute(_NUMBERS, [ids]).fetchall()]
    path.waits = _calls(db, [i for (i,) in db.execute(_WAITS, [ids, reads]).fetchall()])


def _complete(db: duckdb.DuckDBPyConnection, path: KernelPath) -> None:
    """What is known of the events: the calls they happened in, and their stacks."""
    path.reasons = reasons(db)
    path.passed_on = passed_on(path.events)
    path.stopped = db.execute("SELECT 1 FROM source WHERE source = 'ptrace' AND ran").fetchone() is not None
    within = sorted({e.call_id for e in path.events if e.call_id is not None})
    path.calls = dict(db.execute(_NAMES, [within]).fetchall())
    wanted = {e.stack_id for e in path.events if e.stack_id is not None}
    if not wanted:
        return
    path.stacks = stacks(db, sorted(wanted))
    of_way = {e.event_id for e in path.events}
    path.caused = {event_id for event_id, _ in db.execute(CAUSED).fetchall() if event_id in of_way}


def events(db: duckdb.DuckDBPyConnection, wanted: list[int]) -> dict[int, PathEvent]:
    """Events by their number, without regard to any way."""
    found = db.execute(_EVENTS_BY_ID, {"events": wanted, "own_netns": _own_netns(db)}).fetchall()
    return {row[0]: PathEvent(*row) for row in found}


def threads(db: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """Command name and numbers of the capture's threads; of those that were not recorded, name and thread id."""
    return strangers(db) | dict(db.execute(_THREADS).fetchall())


def strangers(db: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """Threads that were not recorded and had a CPU beside those that were, or lent their time."""
    return {int(tid): f"{name} {tid} (not recorded)" for tid, name in _reported(db).get("strangers", {}).items()}


def reasons(db: duckdb.DuckDBPyConnection) -> Reasons:
    """The reasons' names, which the recorder has asked the kernel for."""
    named = _reported(db).get("reasons", {})
    return {kind: {int(number): str(name) for number, name in names.items()} for kind, names in named.items()}


def _own_netns(db: duckdb.DuckDBPyConnection) -> int:
    """The recorder's network namespace; 0 if it is not known."""
    return int(_reported(db).get("netns", 0))


def _reported(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What the recorder says of the kernel level."""
    row = db.execute("SELECT detail FROM source WHERE source = 'ebpf'").fetchone()
    return json.loads(row[0]) if row and row[0] else {}


def _calls(db: duckdb.DuckDBPyConnection, wanted: list[int]) -> list[PathCall]:
    return [PathCall(*row) for row in db.execute(_CALL, [wanted]).fetchall()]
