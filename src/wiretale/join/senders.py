"""Who sent what a datagram socket read without asking for the address (recv, read, recvmmsg without names).

A socket's queue keeps the order of arrival, whoever sent: its reads and what was sent to its address are matched as two
lists. Where equal datagrams of several senders leave it open, nobody is named.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb

from wiretale.join.addresses import Address, same_spelling
from wiretale.join.associations import DATAGRAMS, Socket, local_of
from wiretale.join.datagram import PREFIX_BYTES, Datagram, align, doubtful
from wiretale.join.rows import put

Message = tuple[int, int]  # call_id, which message of it

_PREFIXES = """
SELECT d.call_id, d.idx // 65536, d.bytes[1:{most}] FROM call_data d JOIN (SELECT DISTINCT * FROM ({calls})) c
  ON c.call_id = d.call_id AND d.at_exit = (c.side = 'r')
WHERE d.role = 'payload' AND d."offset" < {most} ORDER BY d.call_id, d."offset"
"""
_CALLS = """
SELECT t.call_id, t.message, t.bytes, t.start_ns, t.exit_ns, t.peeked, t.socket_id, t.cut, t.remote_addr
FROM j_transfer t JOIN socket s USING (socket_id)
WHERE s.type = 'SOCK_DGRAM' AND s.family {family} 'AF_UNIX' AND t.side = 'r' ORDER BY t.exit_ns, t.call_id, t.message
"""
_PACKETS = f"""
WITH addressed AS (
    SELECT f.packet_id, f.time_ns, w.cookie, f.proto,
           CASE WHEN f.forward THEN w.a_addr ELSE w.b_addr END AS src,
           CASE WHEN f.forward THEN w.a_port ELSE w.b_port END AS srcport,
           CASE WHEN f.forward THEN w.b_addr ELSE w.a_addr END AS dst,
           CASE WHEN f.forward THEN w.b_port ELSE w.a_port END AS dstport
    FROM j_flow_packet f JOIN j_flow w USING (flow_id) WHERE f.proto IN (17, 136)
)
SELECT packet_id, p.payload_bytes, p.prefix, a.time_ns, a.cookie, a.proto, a.src, a.srcport, a.dst, a.dstport
FROM addressed a JOIN (
    SELECT packet_id, payload_bytes,
           frame[payload_offset + 1:payload_offset + least(payload_bytes, {PREFIX_BYTES})] AS prefix
    FROM packet WHERE ip_protocol IN (17, 136)
) p USING (packet_id) WHERE a.dstport IN (SELECT unnest($ports)) ORDER BY packet_id
"""  # noqa: S608 (PREFIX_BYTES)
_UNIX_WRITES = """
SELECT call_id, message, bytes, start_ns, exit_ns, peeked, socket_id, cut
FROM j_transfer t JOIN socket s USING (socket_id)
WHERE s.type = 'SOCK_DGRAM' AND s.family = 'AF_UNIX' AND side = 'w' ORDER BY exit_ns, call_id, message
"""


def read_prefixes(db: duckdb.DuckDBPyConnection, calls: str) -> dict[Message, bytes]:
    """The first bytes of messages; `calls` is a query for call_id and side."""
    found: dict[Message, bytes] = {}
    for call_id, message, data in db.execute(_PREFIXES.format(most=PREFIX_BYTES, calls=calls)).fetchall():
        found[call_id, message] = (found.get((call_id, message), b"") + (data or b""))[:PREFIX_BYTES]
    return found


# call_id, message, bytes, start, exit, peeked, socket_id, cut: its buffer was full, or said to be too small
CallRow = tuple[int, int, int, int, int, bool, int, bool]


def datagram_of_call(prefixes: dict[Message, bytes], side: str, row: CallRow) -> Datagram:
    """One message of a call."""
    call_id, message, size, start_ns, exit_ns, peeked, socket_id, cut = row
    prefix = prefixes.get((call_id, message), b"")[:size]
    whole = -1 if side == "r" and cut else size
    return Datagram((call_id, message), size, whole, prefix, start_ns, exit_ns, peeked, socket_id)


def _matched(sent: Sequence[Datagram], reads: Sequence[Datagram], error_ns: int) -> Iterable[tuple[int, Datagram]]:
    """Which of `sent` each read is, where that is certain, or where all it could be have one sender (`socket_id`)."""
    pairs = align(sent, reads, error_ns)
    unsure = doubtful(sent, reads, pairs, error_ns)
    senders: dict[tuple[int, bytes], set[int | None]] = defaultdict(set)
    for d in sent:
        senders[d.content].add(d.socket_id)
    for i, j in pairs:
        if j not in unsure or len(senders[sent[i].content]) == 1:
            yield i, reads[j]


def _nameless(
    db: duckdb.DuckDBPyConnection, sockets: dict[int, Socket], *, unix: bool
) -> dict[int, tuple[list[Datagram], set[Message]]]:
    """Of sockets with reads that name nobody: all that they read, and which of it is nameless."""
    rows = db.execute(_CALLS.format(family="=" if unix else "<>")).fetchall()
    wanted: dict[int, set[Message]] = defaultdict(set)
    for call_id, message, _, start, _, _, socket_id, _, addr in rows:
        if addr is None and socket_id in sockets and sockets[socket_id].peer_at(start) is None:
            wanted[socket_id].add((call_id, message))
    if not wanted:
        return {}
    prefixes = read_prefixes(db, "SELECT call_id, side FROM j_transfer WHERE side = 'r'")
    reads: dict[int, list[Datagram]] = defaultdict(list)
    for *row, _ in rows:
        if row[6] in wanted:
            reads[row[6]].append(datagram_of_call(prefixes, "r", (*row,)))
    return {socket_id: (reads[socket_id], messages) for socket_id, messages in wanted.items()}


def _named(
    sent: Sequence[Datagram], reads: Sequence[Datagram], wanted: set[Message], error_ns: int
) -> Iterable[tuple[Message, int]]:
    """Of `reads` those in `wanted`, with the index of what they are; a peek shows what the next read takes."""
    takes = [r for r in reads if not r.peeked]
    found = {r.key: i for i, r in _matched(sent, takes, error_ns)}
    waiting: list[Message] = []
    for r in reads:
        key = (r.key[0], r.key[1])
        if r.peeked:
            waiting.append(key)
            continue
        if r.key in found:
            yield from ((k, found[r.key]) for k in (*waiting, key) if k in wanted)
        waiting = []


def udp_senders(
    db: duckdb.DuckDBPyConnection, sockets: dict[int, Socket], error_ns: int
) -> dict[Message, tuple[Address, Address]]:
    """For messages that name nobody: whom they came from, and the address they were sent to, as their packets say."""
    nameless = {s: n for s, n in _nameless(db, sockets, unix=False).items() if _port(sockets[s])}
    if not nameless:
        return {}
    ports = sorted({_port(sockets[s]) or 0 for s in nameless})
    packets: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in db.execute(_PACKETS, {"ports": ports}).fetchall():
        packets[row[-1]].append(row)
    found: dict[Message, tuple[Address, Address]] = {}
    for socket_id, (reads, wanted) in nameless.items():
        socket = sockets[socket_id]
        port = _port(socket)
        taken = {s.peer_at(s.end_ns) for s in sockets.values() if s is not socket and s.connects and _port(s) == port}
        local = local_of(socket, None, socket.from_ns, socket.end_ns)
        numbers: dict[tuple[Address, Address], int] = {}
        sent = []
        for packet_id, size, prefix, time, cookie, proto, src, srcport, dst, dstport in packets[port or 0]:
            pair = Address(same_spelling(src), srcport), Address(same_spelling(dst), dstport)
            if (
                (local is None or local.is_wildcard or local.addr == pair[1].addr)
                and cookie in (None, socket.netns_cookie)
                and DATAGRAMS[proto] == socket.datagrams
                and socket.from_ns <= time <= socket.end_ns
                and pair[0] not in taken
            ):
                number = numbers.setdefault(pair, len(numbers))
                sent.append(Datagram((packet_id,), size or 0, size or 0, prefix or b"", time, time, socket_id=number))
        pairs = list(numbers)
        for message, i in _named(sent, reads, wanted, error_ns):
            source = sent[i].socket_id
            assert source is not None
            found[message] = pairs[source]
    return found


def _port(socket: Socket) -> int | None:
    local = local_of(socket, None, socket.from_ns, socket.end_ns)
    return local.port if local is not None else None


def put_unix_senders(
    db: duckdb.DuckDBPyConnection, sockets: dict[int, Socket], sent_to: dict[int, list[int]], error_ns: int
) -> None:
    """Make `j_sender`: whose socket sent a message that names nobody. `sent_to`: receiver's socket -> writing calls."""
    rows: list[tuple[int, int, int]] = []
    nameless = _nameless(db, sockets, unix=True) if sent_to else {}
    if nameless:
        prefixes = read_prefixes(db, "SELECT call_id, side FROM j_transfer WHERE side = 'w'")
        writes = [datagram_of_call(prefixes, "w", row) for row in db.execute(_UNIX_WRITES).fetchall()]
        places: dict[int, list[int]] = defaultdict(list)
        for place, w in enumerate(writes):
            places[w.key[0]].append(place)
        for socket_id, (reads, wanted) in nameless.items():
            calls = set(sent_to.get(socket_id, ()))
            sent = [writes[place] for place in sorted(p for call in calls for p in places.get(call, ()))]
            rows += [(*m, sent[i].socket_id or 0) for m, i in _named(sent, reads, wanted, error_ns)]
    put(db, "j_sender", (("call_id", "BIGINT"), ("message", "INTEGER"), ("socket_id", "BIGINT")), rows)
