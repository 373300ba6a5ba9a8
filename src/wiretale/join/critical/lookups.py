"""Names that were looked up (DNS over UDP) while a chain's threads waited: which, of whom, and whether it answered.

A wait is for the questions that its socket had sent before and whose answers it had not read. Both are in the calls'
bytes, so packets are not needed for it.
"""

from collections import defaultdict

import duckdb

from wiretale.decode.dns import DnsMessage, decode_dns
from wiretale.light import dataclass, field

DNS_PORT = 53

_WAITS = """SELECT w.call_id, w.from_ns, w.socket_id, coalesce(w.ended_by = 'timeout', false)
FROM wait w WHERE w.call_id IN (SELECT unnest(?)) AND w.socket_id IN (
    SELECT e.socket_id FROM endpoint e JOIN connection c USING (connection_id)
    WHERE c.protocol = 'udp' AND e.role = 'client')"""

# The first buffer of each datagram; element numbers of a vector's buffers carry the message above 16 bits.
_MESSAGES = """SELECT {which}.socket_id, c.call_id, c.tid, {time} AS at_ns, x.server_addr, x.server_port, d.bytes
FROM {table} {which} JOIN call c USING (call_id) JOIN connection x USING (connection_id)
JOIN call_data d ON d.call_id = c.call_id AND d.role = 'payload' AND d.idx = ({which}.message << 16)
WHERE {which}.socket_id IN (SELECT unnest(?)) AND x.protocol = 'udp' AND c.exit_ns IS NOT NULL {only} ORDER BY at_ns"""
_QUESTIONS = _MESSAGES.format(which="w", time="c.start_ns", table="stream_write", only="AND w.direction = 'c2s'")
_ANSWERS = _MESSAGES.format(
    which="r", time="c.exit_ns", table="stream_read", only="AND r.direction = 's2c' AND NOT r.peeked"
)

_Key = tuple[int, int, str, str]  # socket, number of the question, name, type


@dataclass(slots=True)
class Lookup:
    """Questions of one socket for one name. Times are CLOCK_MONOTONIC nanoseconds; `answered_ns` of the last answer.

    `rcode` is the first answer's that is not NOERROR. `unanswered` are types of which no answer was read.
    """

    tid: int
    server: str  # address and port
    name: str
    asked_ns: int
    types: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    answered_ns: int | None = None
    rcode: str = "NOERROR"
    times: int = 1  # the question was sent


@dataclass(frozen=True, slots=True)
class WaitFor:
    """What a call waited for. `gave_up`: its time was over before one came."""

    answers: tuple[tuple[Lookup, tuple[str, ...]], ...]  # each with the types that were not answered yet
    gave_up: bool


@dataclass(slots=True)
class Question:
    """One type of a name. `times` it was sent; times are CLOCK_MONOTONIC nanoseconds."""

    socket_id: int
    call_id: int  # that sent it first
    lookup: Lookup
    type: str
    asked_ns: int
    answered_ns: int | None = None
    times: int = 1


def waits_for_names(db: duckdb.DuckDBPyConnection, calls: list[int]) -> dict[int, WaitFor]:
    """By call_id, of those calls that waited for an answer."""
    waits = db.execute(_WAITS, [calls]).fetchall()
    sockets = sorted({socket for _, _, socket, _ in waits})
    asked = questions(db, sockets) if sockets else []
    found = {}
    for call_id, from_ns, socket, gave_up in waits:
        still: dict[int, tuple[Lookup, list[str]]] = {}
        for one in asked:
            if one.socket_id == socket and one.asked_ns <= from_ns and (one.answered_ns or from_ns + 1) > from_ns:
                still.setdefault(id(one.lookup), (one.lookup, []))[1].append(one.type)
        if still:
            found[call_id] = WaitFor(tuple((name, tuple(types)) for name, types in still.values()), gave_up)
    return found


def questions(db: duckdb.DuckDBPyConnection, sockets: list[int]) -> list[Question]:
    """All questions of some sockets, in order; on other ports than 53 those of names of which a type was answered."""
    asked: dict[_Key, Question] = {}
    lookups: dict[tuple[int, str], Lookup] = {}
    on_port: dict[_Key, bool] = defaultdict(bool)
    for socket, call_id, tid, at, address, port, data in db.execute(_QUESTIONS, [sockets]).fetchall():
        message = decode_dns(bytes(data or b""))
        if message is None or message.is_answer:
            continue
        key = _key(socket, message)
        if key in asked:
            asked[key].lookup.times += 1
            asked[key].times += 1
            continue
        lookup = lookups.setdefault((socket, key[2]), Lookup(tid, f"{address} port {port}", message.name, at))
        lookup.types.append(message.type)
        lookup.unanswered.append(message.type)
        asked[key] = Question(socket, call_id, lookup, message.type, at)
        on_port[key] = port == DNS_PORT
    for socket, _, _, at, _, _, data in db.execute(_ANSWERS, [sockets]).fetchall():
        message = decode_dns(bytes(data or b""))
        known = asked.get(_key(socket, message)) if message is not None and message.is_answer else None
        if message is None or known is None or known.answered_ns is not None:
            continue
        known.answered_ns = known.lookup.answered_ns = at
        known.lookup.unanswered.remove(message.type)
        if known.lookup.rcode == "NOERROR":
            known.lookup.rcode = message.rcode
    return [q for key, q in asked.items() if on_port[key] or q.lookup.answered_ns is not None]


def _key(socket: int, message: DnsMessage) -> _Key:
    return socket, message.id, message.name.lower(), message.type
