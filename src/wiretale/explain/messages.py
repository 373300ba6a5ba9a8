"""What travelled through connections: messages, the rounds they form, and for some of them every step of their way.

A message is what one call wrote; where the writing end was not traced, what one call read; where neither was, what one
packet carried. Everything is counted in SQL over all of them; only those that are told in full become Python values.
"""

from collections import defaultdict

import duckdb

from wiretale.explain.conversation import RECEIVES, SENDS, WAIT_COLUMNS, Conversation, Wait
from wiretale.explain.rows import Call, Packet, calls, packets
from wiretale.light import dataclass, field

TOLD_WHOLE = 8  # a connection with no more messages is told message by message
PACKETS_TOLD, READS_TOLD = 6, 4
NEAR_CALLS = 40  # how far from a transfer the call is looked for that took the same bytes in or passed them on


@dataclass(slots=True)
class Message:
    """One message and its way. `kind` says which row it stands for: write, read or packet."""

    connection_id: int
    kind: str
    id: int
    direction: str
    low: int | None
    high: int | None
    at_ns: int
    run: int
    write: Call | None = None
    exact: bool = True
    reason: str = ""
    packets: list[Packet] = field(default_factory=list)
    packet_total: int = 0
    last_packet: Packet | None = None  # of those that carried it, also where not all are told
    resent: list[Packet] = field(default_factory=list)
    acknowledged: Packet | None = None
    reads: list[Call] = field(default_factory=list)
    read_total: int = 0
    evidence: set[str] = field(default_factory=set)
    before: Call | None = None  # took the same bytes from another descriptor
    input: Wait | None = None  # what the sender waited in until there was something to read there
    after: Call | None = None  # passed the same bytes on to another descriptor
    wakes: list[Wait] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Payload bytes."""
        return (self.high or 0) - (self.low or 0)

    def content(self) -> bytes:
        """The captured bytes: of the write, else of the read or the packet."""
        if self.write is not None and (found := self.write.payload()):
            return found
        for read in self.reads:
            if found := read.payload():
                return found[: self.size] if self.size else found
        return self.packets[0].payload[: self.packets[0].payload_bytes] if self.packets else b""


@dataclass(frozen=True, slots=True)
class Flow:
    """One direction of one connection in figures."""

    direction: str
    kind: str
    messages: int
    bytes: int
    least: int
    median: int
    most: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often one end spoke and the other answered. Sizes in bytes, times in ns."""

    count: int
    asked_by: str  # direction of the first message
    ask: tuple[int, int, int]  # least, median, most; of two rounds the first and the second
    answer: tuple[int, int, int]
    took: tuple[int, int, int]
    slowest_run: int
    slowest_ns: int
    first_ns: int


@dataclass(slots=True)
class Traffic:
    """All about the payload of one connection."""

    flows: dict[str, Flow] = field(default_factory=dict)
    runs: int = 0
    rounds: Rounds | None = None
    told: list[Message] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many messages there were."""
        return sum(f.messages for f in self.flows.values())

    @property
    def is_whole(self) -> bool:
        """Whether every message is told."""
        return self.total == len(self.told)


_UNITS = """
CREATE OR REPLACE TEMP TABLE x_message AS
WITH mine AS (SELECT unnest(?) AS connection_id),
w AS (
    SELECT s.connection_id, s.direction, 'write' AS kind, s.write_id AS id, s.call_id, s.lo, s.hi, c.start_ns AS at_ns,
        s.exact, s.reason
    FROM stream_write s SEMI JOIN mine USING (connection_id) JOIN call c USING (call_id)
),
r AS (
    SELECT s.connection_id, s.direction, 'read', s.read_id, s.call_id, s.lo, s.hi, c.exit_ns, s.exact, s.reason
    FROM stream_read s SEMI JOIN mine USING (connection_id) JOIN call c USING (call_id)
    WHERE NOT s.peeked AND (s.connection_id, s.direction) NOT IN (SELECT DISTINCT (connection_id, direction) FROM w)
),
p AS (
    SELECT g.connection_id, g.direction, 'packet', g.packet_id, NULL, g.lo, g.hi, p.time_ns, TRUE, NULL
    FROM segment g SEMI JOIN mine USING (connection_id) JOIN packet p USING (packet_id)
    WHERE g.shown AND g.is_new AND p.payload_bytes > 0
        AND (g.connection_id, g.direction) NOT IN (SELECT DISTINCT (connection_id, direction) FROM w)
        AND (g.connection_id, g.direction) NOT IN (SELECT DISTINCT (connection_id, direction) FROM r)
),
u AS (SELECT * FROM w UNION ALL SELECT * FROM r UNION ALL SELECT * FROM p),
turned AS (
    SELECT *, direction IS DISTINCT FROM lag(direction) OVER (PARTITION BY connection_id ORDER BY at_ns, id) AS turns,
    FROM u
)
SELECT * EXCLUDE (turns), sum(CAST(turns AS INTEGER)) OVER so_far AS run,
    row_number() OVER (PARTITION BY connection_id ORDER BY at_ns, id) AS n
FROM turned WINDOW so_far AS (PARTITION BY connection_id ORDER BY at_ns, id ROWS UNBOUNDED PRECEDING)"""

_FLOWS = """
SELECT connection_id, direction, any_value(kind), count(*), coalesce(sum(hi - lo), 0)::BIGINT,
    coalesce(min(hi - lo), 0), coalesce(CAST(median(hi - lo) AS BIGINT), 0), coalesce(max(hi - lo), 0),
    min(at_ns), max(at_ns), max(run)
FROM x_message GROUP BY ALL ORDER BY connection_id, direction"""

# A round: a run of messages one way and the run that answers it, from the first byte asked to the last answered.
_ROUNDS = """
WITH run AS (
    SELECT connection_id, run, any_value(direction) AS direction, sum(hi - lo)::BIGINT AS bytes, min(at_ns) AS from_ns,
        max(at_ns) AS to_ns
    FROM x_message GROUP BY connection_id, run
),
round AS (
    SELECT a.connection_id, a.run, a.direction, a.bytes AS ask, b.bytes AS answer, b.to_ns - a.from_ns AS took,
        a.from_ns
    FROM run a JOIN run b ON b.connection_id = a.connection_id AND b.run = a.run + 1 WHERE a.run % 2 = 1
)
SELECT connection_id, count(*), any_value(direction), {figures}, arg_max(run, took), max(took), min(from_ns)
FROM round GROUP BY connection_id"""
# Two rounds are told one by one, so their figures stay in the order of time.
_FIGURES = """CASE count(*) WHEN 2 THEN arg_min({0}, run) ELSE min({0}) END, CAST(median({0}) AS BIGINT),
    CASE count(*) WHEN 2 THEN arg_max({0}, run) ELSE max({0}) END"""

# Of a long connection: the first two of its first two runs, the same of the slowest round, and the last message.
_TOLD = f"""
SELECT m.connection_id, m.kind, m.id, m.direction, m.lo, m.hi, m.at_ns, m.run, m.call_id, m.exact, m.reason
FROM (
    SELECT *, count(*) OVER (PARTITION BY connection_id) AS total,
        row_number() OVER (PARTITION BY connection_id, run ORDER BY n) AS in_run,
    FROM x_message
) m LEFT JOIN (SELECT unnest(?) AS connection_id, unnest(?) AS run) slow USING (connection_id)
WHERE m.total <= {TOLD_WHOLE} OR m.in_run <= 2 AND (m.run <= 2 OR m.run IN (slow.run, slow.run + 1))
    OR m.n = m.total
ORDER BY m.connection_id, m.n"""  # noqa: S608 (fixed text; values are parameters)


def traffic(db: duckdb.DuckDBPyConnection, talks: dict[int, Conversation]) -> dict[int, Traffic]:
    """The payload of connections, by id."""
    found: dict[int, Traffic] = {connection_id: Traffic() for connection_id in talks}
    if not talks:
        return found
    db.execute(_UNITS, [list(talks)])
    for connection_id, direction, *row in db.execute(_FLOWS).fetchall():
        found[connection_id].flows[direction] = Flow(direction, *row[:8])
        found[connection_id].runs = max(found[connection_id].runs, row[8])
    if not any(t.flows for t in found.values()):
        return found
    query = _ROUNDS.format(figures=", ".join(_FIGURES.format(column) for column in ("ask", "answer", "took")))
    for connection_id, count, asked_by, *figures in db.execute(query).fetchall():
        ask, answer, took = (tuple(int(x) for x in figures[i : i + 3]) for i in (0, 3, 6))
        found[connection_id].rounds = Rounds(count, asked_by, ask, answer, took, *figures[9:])  # type: ignore[arg-type]
    slow = {c: t.rounds.slowest_run for c, t in found.items() if t.rounds is not None}
    rows = db.execute(_TOLD, [list(slow), list(slow.values())]).fetchall()
    written = calls(db, (r[8] for r in rows if r[8] is not None))
    for connection_id, kind, id_, direction, low, high, at_ns, run, call_id, exact, reason in rows:
        message = Message(connection_id, kind, id_, direction, low, high, at_ns, run)
        message.exact, message.reason = bool(exact), reason or ""
        call = written.get(call_id)
        if kind == "write":
            message.write = call
        elif kind == "read" and call is not None:
            message.reads, message.read_total = [call], 1
        found[connection_id].told.append(message)
    told = [message for t in found.values() for message in t.told]
    _add_packets(db, told)
    _add_reads(db, told)
    _add_acknowledgements(db, told)
    _add_wakes(db, told)
    _add_neighbours(db, told, talks)
    _add_inputs(db, told)
    return found


# A segment of which only a part was sent again has two links, and is told once; whether all of it was sent before.
_CARRIED = """
WITH one AS (
    SELECT {key} AS id, packet_id, bool_and(coalesce(retransmission, FALSE)) AS again, any_value(evidence) AS evidence
    FROM link WHERE kind = '{kind}' AND {key} IN (SELECT unnest(?)) GROUP BY {key}, packet_id
)
SELECT *, count(*) OVER of_message, max(packet_id) FILTER (NOT again) OVER of_message FROM one
WINDOW of_message AS (PARTITION BY id)
QUALIFY row_number() OVER (PARTITION BY id ORDER BY packet_id) <= {most} ORDER BY packet_id"""


def _add_packets(db: duckdb.DuckDBPyConnection, told: list[Message]) -> None:
    carried: dict[tuple[str, int], list[tuple[int, bool, str, int, int | None]]] = defaultdict(list)
    for kind, key in (("write_segment", "write_id"), ("segment_read", "read_id")):
        which = "write" if key == "write_id" else "read"
        ids = [m.id for m in told if m.kind == which]
        if not ids:
            continue
        query = _CARRIED.format(key=key, kind=kind, most=PACKETS_TOLD)
        for id_, *row in db.execute(query, [ids]).fetchall():
            carried[which, id_].append((row[0], bool(row[1]), row[2], row[3], row[4]))
    for message in told:
        if message.kind == "packet":
            carried["packet", message.id].append((message.id, False, "", 1, message.id))
    wanted = sorted({i for rows in carried.values() for packet_id, *_, last in rows for i in (packet_id, last) if i})
    if not wanted:
        return
    rows = {p.packet_id: p for p in packets(db, "p.packet_id IN (SELECT unnest(?))", [wanted])}
    for message in told:
        for packet_id, again, evidence, total, last in carried[message.kind, message.id]:
            message.last_packet = rows.get(last or -1)
            if packet_id in rows:
                (message.resent if again else message.packets).append(rows[packet_id])
                message.packet_total = total
                if evidence:
                    message.evidence.add(evidence)


_READ_BY = f"""
WITH of_message AS (
    SELECT 'write' AS kind, l.write_id AS id, l.read_id, l.evidence FROM link l
    WHERE l.kind = 'write_read' AND l.write_id IN (SELECT unnest(?))
    UNION ALL
    SELECT 'packet', l.packet_id, l.read_id, l.evidence FROM link l
    WHERE l.kind = 'segment_read' AND l.packet_id IN (SELECT unnest(?))
)
SELECT o.kind, o.id, r.call_id, o.evidence, count(*) OVER (PARTITION BY o.kind, o.id)
FROM of_message o JOIN stream_read r USING (read_id) WHERE NOT r.peeked
QUALIFY row_number() OVER (PARTITION BY o.kind, o.id ORDER BY r.call_id) <= {READS_TOLD} ORDER BY r.call_id"""  # noqa: S608 (fixed text; values are parameters)


def _add_reads(db: duckdb.DuckDBPyConnection, told: list[Message]) -> None:
    ids = [[m.id for m in told if m.kind == kind] for kind in ("write", "packet")]
    if not any(ids):
        return
    rows = db.execute(_READ_BY, ids).fetchall()
    found = calls(db, (r[2] for r in rows))
    by_message = {(m.kind, m.id): m for m in told}
    for kind, id_, call_id, evidence, total in rows:
        if call_id in found:
            message = by_message[kind, id_]
            message.reads.append(found[call_id])
            message.read_total = total
            message.evidence.add(evidence)


# The first segment of the other side that acknowledges a message's last byte.
_ACKNOWLEDGED = """
SELECT w.i, arg_min(g.packet_id, g.packet_id)
FROM (SELECT unnest(?) AS i, unnest(?) AS connection_id, unnest(?) AS direction, unnest(?) AS hi, unnest(?) AS packet_id
) w JOIN segment g ON g.connection_id = w.connection_id AND g.direction <> w.direction AND g.acked >= w.hi
    AND g.packet_id > w.packet_id AND g.shown
GROUP BY w.i"""


def _add_acknowledgements(db: duckdb.DuckDBPyConnection, told: list[Message]) -> None:
    chosen = [
        (i, m, m.last_packet)
        for i, m in enumerate(told)
        if m.last_packet and m.last_packet.is_tcp and m.high is not None
    ]
    if not chosen:
        return
    columns = [
        [i for i, _, _ in chosen], [m.connection_id for _, m, _ in chosen], [m.direction for _, m, _ in chosen],
        [m.high for _, m, _ in chosen], [last.packet_id for _, _, last in chosen],
    ]  # fmt: skip
    found = dict(db.execute(_ACKNOWLEDGED, columns).fetchall())
    if not found:
        return
    rows = packets(db, "p.packet_id IN (SELECT unnest(?))", [sorted(set(found.values()))])
    by_id = {p.packet_id: p for p in rows}
    for i, message, _ in chosen:
        message.acknowledged = by_id.get(found.get(i, -1))


def _add_wakes(db: duckdb.DuckDBPyConnection, told: list[Message]) -> None:
    """The waits that these messages ended: by their packets, by the write itself, or inside the reads."""
    by_packet = {p.packet_id: m for m in told for p in m.packets}
    by_cause = {m.write.call_id: m for m in told if m.write is not None}
    by_read = {r.call_id: m for m in told for r in m.reads}
    # A call that sends waits for room, never for a message: a packet seen meanwhile did not end that.
    query = f"""
        SELECT {WAIT_COLUMNS} FROM wait w JOIN call c USING (call_id) WHERE c.name NOT IN {SENDS} AND (
            w.packet_id IN (SELECT unnest(?)) OR w.cause_call_id IN (SELECT unnest(?))
            OR w.call_id IN (SELECT unnest(?))) ORDER BY w.wait_id"""  # noqa: S608 (fixed)
    parameters = [list(by_packet), list(by_cause), list(by_read)]
    if not any(parameters):
        return
    for row in db.execute(query, parameters).fetchall():
        wait = Wait(*row)
        message = by_packet.get(wait.packet_id or -1) or by_cause.get(wait.cause_call_id or -1)
        message = message or by_read.get(wait.call_id)
        if message is not None:
            message.wakes.append(wait)


_NEAR = f"""
SELECT i, call_id, before FROM (
SELECT t.i, c.call_id, c.call_id < t.call_id AS before, c.retval = t.size AS fits,
    row_number() OVER (PARTITION BY t.i ORDER BY abs(c.call_id - t.call_id)) AS n
FROM (SELECT unnest(?) AS i, unnest(?) AS call_id, unnest(?) AS task_id, unnest(?) AS size, unnest(?) AS forward) t
JOIN call c ON c.task_id = t.task_id AND c.retval > 0
    AND CASE WHEN t.forward THEN c.name IN {SENDS} AND c.call_id > t.call_id AND c.call_id <= t.call_id + {NEAR_CALLS}
        ELSE c.name IN {RECEIVES} AND c.call_id < t.call_id AND c.call_id >= t.call_id - {NEAR_CALLS} END)
WHERE n = 1 AND fits"""  # noqa: S608 (fixed)


def _add_neighbours(db: duckdb.DuckDBPyConnection, told: list[Message], talks: dict[int, Conversation]) -> None:
    """Where a written message came from, and where a read one went: the nearest transfer of the same thread, if it
    moved the same bytes. One further away moves bytes of another matter, however alike they are."""
    points: list[tuple[Message, Call, bool]] = [(m, m.write, False) for m in told if m.write is not None]
    points += [(m, m.reads[0], True) for m in told if len(m.reads) == 1]
    points = [(m, c, f) for m, c, f in points if c.retval and c.task_id is not None and c.payload()]
    if not points:
        return
    columns = [
        list(range(len(points))), [c.call_id for _, c, _ in points], [c.task_id for _, c, _ in points],
        [c.retval for _, c, _ in points], [f for _, _, f in points],
    ]  # fmt: skip
    rows = db.execute(_NEAR, columns).fetchall()
    found = calls(db, (r[1] for r in rows))
    for i, call_id, is_before in sorted(rows, key=lambda r: (r[0], -r[1] if r[2] else r[1])):
        message, call, _ = points[i]
        near = found.get(call_id)
        if near is None or near.fd is None or near.fd == call.fd or near.payload() != call.payload():
            continue
        if is_before and message.before is None:
            message.before = near
        elif not is_before and message.after is None:
            message.after = near


# The wait for input that came before such a read, if no other read of that descriptor lies between.
_INPUT = f"""
SELECT t.i, {WAIT_COLUMNS}
FROM (SELECT unnest(?) AS i, unnest(?) AS call_id, unnest(?) AS task_id, unnest(?) AS fd) t
JOIN wait w ON w.task_id = t.task_id AND w.ended_by = 'input'
    AND w.call_id BETWEEN t.call_id - {NEAR_CALLS} AND t.call_id
JOIN call c ON c.call_id = w.call_id
WHERE NOT EXISTS (FROM call x WHERE x.task_id = t.task_id AND x.fd = t.fd AND x.name IN {RECEIVES}
    AND x.call_id > w.call_id AND x.call_id < t.call_id)
QUALIFY row_number() OVER (PARTITION BY t.i ORDER BY w.call_id DESC) = 1"""  # noqa: S608 (fixed text; values are parameters)


def _add_inputs(db: duckdb.DuckDBPyConnection, told: list[Message]) -> None:
    found = [(i, m.before) for i, m in enumerate(told) if m.before is not None]
    if not found:
        return
    columns = [
        [i for i, _ in found], [c.call_id for _, c in found], [c.task_id for _, c in found], [c.fd for _, c in found],
    ]  # fmt: skip
    for i, *row in db.execute(_INPUT, columns).fetchall():
        told[i].input = Wait(*row)
