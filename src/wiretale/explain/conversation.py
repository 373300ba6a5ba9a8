"""Everything about some connections, fetched in bulk: ends, calls that set up and end them, packets, states, waits."""

from collections import defaultdict
from collections.abc import Iterable

import duckdb

from wiretale.decode.sockaddr import decode_sockaddr
from wiretale.explain.copies import Holder, holders_after
from wiretale.explain.rows import Call, Packet, calls, packets
from wiretale.explain.story import Ref
from wiretale.light import dataclass, field

SENDS = ("write", "writev", "pwritev", "pwritev2", "sendto", "send", "sendmsg", "sendmmsg", "sendfile", "sendfile64",
         "splice", "tee", "vmsplice")  # fmt: skip
RECEIVES = ("read", "readv", "preadv", "preadv2", "recvfrom", "recv", "recvmsg", "recvmmsg")
WAITS = ("poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "epoll_wait",
         "epoll_pwait", "epoll_pwait2")  # fmt: skip
ACCEPTS = ("accept", "accept4")
EAGAIN, EALREADY, EINPROGRESS = 11, 114, 115

SAME_CALL_MOST = 4  # set-up calls of one name on one socket that are told
FIRST_PACKETS, LAST_PACKETS = 40, 12


LEAST_BLOCKING_SEND = 2048  # a smaller send that took long found room at once; it was the machine that was busy
ICMP_ERRORS = (111, 113, 101, 112)  # by which a socket tells of an ICMP message (udp(7), ip(7))


@dataclass(frozen=True, slots=True)
class End:
    """One end. `socket_id`, `pid` and `fd` are None where it was not traced."""

    endpoint_id: int
    role: str
    addr: str | None
    port: int | None
    socket_id: int | None
    pid: int | None
    fd: int | None
    sends: str
    initial_seq: int | None
    made_call_id: int | None
    listener_id: int | None
    closed_ns: int | None
    closer_pid: int | None  # who let go of it last, and how (close, exit, ...); None if it stayed open
    closed_how: str | None


@dataclass(frozen=True, slots=True)
class Wait:
    """One span a task was blocked, and what ended it."""

    wait_id: int
    call_id: int
    pid: int
    from_ns: int
    to_ns: int | None
    socket_id: int | None
    fd: int | None
    ended_by: str
    packet_id: int | None
    cause_call_id: int | None
    latency_ns: int | None
    name: str
    tid: int
    task_id: int | None

    @property
    def ref(self) -> Ref:
        """The row."""
        return Ref("wait", self.wait_id, f"wait {self.wait_id}")


@dataclass(frozen=True, slots=True)
class State:
    """One TCP state of one end."""

    role: str
    state: str
    from_ns: int
    to_ns: int | None
    packet_id: int | None
    call_id: int | None
    inferred: bool


@dataclass(slots=True)
class Conversation:
    """One connection with all that its chapter needs. `calls` are those that carry no payload, by end."""

    connection_id: int
    protocol: str
    client: End
    server: End
    known_by: str
    from_ns: int
    to_ns: int | None
    established_ns: int | None
    outcome: str
    client_bytes: int
    server_bytes: int
    packet_count: int
    calls: list[tuple[End, Call]] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)  # direction -> payload bytes that segments carried
    counted: set[str] = field(default_factory=set)  # directions whose bytes are counted from their true beginning
    held: dict[int, tuple[Holder, ...]] = field(default_factory=dict)  # close() -> who still held the socket after it

    @property
    def was_there(self) -> bool:
        """Whether the recording did not see it begin: neither its SYN nor the call that made either end."""
        return self.is_tcp and self.known_by in ("guess", "listener")

    @property
    def ref(self) -> Ref:
        """The row."""
        return Ref("connection", self.connection_id, f"connection {self.connection_id}")

    @property
    def is_udp(self) -> bool:
        """UDP or UDP-Lite."""
        return self.protocol in ("udp", "udplite")

    @property
    def is_icmp(self) -> bool:
        """An ICMP exchange of questions and answers, or other ICMP messages."""
        return self.protocol in ("icmp", "icmpv6")

    @property
    def is_raw(self) -> bool:
        """Of a raw or ICMP socket: whole IP packets are counted."""
        return self.is_icmp or self.protocol == "raw"

    @property
    def is_tcp(self) -> bool:
        """Whether it is a TCP connection."""
        return self.protocol == "tcp"

    @property
    def is_attempt(self) -> bool:
        """Whether it is one that never came to be; one that was there before the recording is none."""
        met = (
            self.client_bytes or self.server_bytes or any(not p.flags & 6 for p in self.packets)
        )  # neither SYN nor RST
        return self.is_tcp and self.established_ns is None and not met and self.outcome not in ("closed", "reset")

    @property
    def is_stream(self) -> bool:
        """Whether it carries a stream, or messages over a connection, rather than datagrams."""
        return not (self.is_udp or self.is_raw or self.protocol == "unix-dgram")

    @property
    def ends(self) -> tuple[End, End]:
        """Client, server."""
        return self.client, self.server

    def sender(self, direction: str) -> End:
        """The end that sends that way."""
        return self.client if direction == "c2s" else self.server

    def receiver(self, direction: str) -> End:
        """The end that receives that way."""
        return self.server if direction == "c2s" else self.client

    def of(self, end: End, *names: str) -> list[Call]:
        """The calls of one end with one of these names."""
        return [c for e, c in self.calls if e is end and c.name in names]

    def packet(self, packet_id: int | None) -> Packet | None:
        """One of its packets that were fetched."""
        return next((p for p in self.packets if p.packet_id == packet_id), None) if packet_id is not None else None

    @property
    def lived_ns(self) -> int | None:
        """From its beginning to its end; without a connection, from the first datagram to the last, where captured."""
        if (self.is_udp or self.is_raw) and self.packets:
            return self.packets[-1].time_ns - self.packets[0].time_ns
        return self.to_ns - self.from_ns if self.to_ns is not None else None

    def wait_of(self, call_id: int) -> Wait | None:
        """The wait inside a call."""
        return next((w for w in self.waits if w.call_id == call_id), None)


_CONNECTIONS = """
SELECT connection_id, protocol, client_known_by, from_ns, to_ns, established_ns, outcome, client_bytes, server_bytes,
    packets FROM connection WHERE connection_id IN (SELECT unnest(?)) ORDER BY connection_id"""

_ENDS = """
SELECT e.connection_id, e.endpoint_id, e.role, e.addr, e.port, e.socket_id, e.pid, e.fd, e.sends, e.initial_seq,
    s.made_call_id, s.listener_id, s.to_ns, d.pid, d.end_how
FROM endpoint e LEFT JOIN socket s USING (socket_id)
LEFT JOIN (SELECT file_id, arg_max(pid, to_ns) AS pid, arg_max(end_how, to_ns) AS end_how, max(to_ns) AS to_ns
           FROM descriptor GROUP BY file_id) d ON d.file_id = s.file_id AND d.to_ns = s.to_ns
WHERE e.connection_id IN (SELECT unnest(?))"""

# Calls on a socket that carry no payload: set-up, the end, and transfers that returned 0 or an error other than EAGAIN.
_CALLS = f"""
WITH mine AS (
    SELECT f.socket_id, c.call_id, c.name FROM call_file f JOIN call c USING (call_id)
    WHERE f.socket_id IN (SELECT unnest(?)) AND (
        c.name NOT IN {(*SENDS, *RECEIVES, *ACCEPTS)}
        OR c.name IN {RECEIVES} AND c.retval = 0
        OR c.name IN {(*SENDS, *RECEIVES)} AND c.errno IS NOT NULL AND c.errno <> {EAGAIN})
    UNION SELECT socket_id, made_call_id, 'made' FROM socket
    WHERE socket_id IN (SELECT unnest(?)) AND made_call_id IS NOT NULL
)
SELECT socket_id, call_id FROM mine
QUALIFY row_number() OVER (PARTITION BY socket_id, name ORDER BY call_id) <= {SAME_CALL_MOST}
    OR name = 'close' OR row_number() OVER (PARTITION BY socket_id, name ORDER BY call_id DESC) = 1
ORDER BY call_id"""  # noqa: S608 (fixed text; values are parameters)

_STATES = """
SELECT e.connection_id, e.role, s.state, s.from_ns, s.to_ns, s.packet_id, s.call_id, s.inferred
FROM tcp_state s JOIN endpoint e USING (endpoint_id) WHERE e.connection_id IN (SELECT unnest(?))
ORDER BY s.from_ns, s.to_ns NULLS LAST"""

WAIT_COLUMNS = (
    "w.wait_id, w.call_id, c.pid, w.from_ns, w.to_ns, w.socket_id, w.fd, w.ended_by, w.packet_id, w.cause_call_id,"
    " w.latency_ns, c.name, c.tid, c.task_id"
)
_WAITS = f"""
SELECT {WAIT_COLUMNS} FROM wait w JOIN call c USING (call_id) WHERE w.socket_id IN (SELECT unnest(?))
    OR w.call_id IN (SELECT unnest(?)) OR w.packet_id IN (SELECT unnest(?))
QUALIFY row_number() OVER (PARTITION BY w.socket_id ORDER BY w.wait_id) <= 400 ORDER BY w.wait_id"""  # noqa: S608 (fixed)

# Not those of MPTCP's further subflows: their handshakes are not the connection's.
_SOME_PACKETS = f"""g.connection_id IN (SELECT unnest(?)) AND coalesce(g.tcp_stream, -1) =
    coalesce((SELECT k.tcp_stream FROM connection k WHERE k.connection_id = g.connection_id), -1)
QUALIFY row_number() OVER (PARTITION BY g.connection_id ORDER BY p.packet_id) <= {FIRST_PACKETS}
    OR row_number() OVER (PARTITION BY g.connection_id ORDER BY p.packet_id DESC) <= {LAST_PACKETS}"""  # noqa: S608 (fixed text)


_LEFT = """
SELECT g.connection_id, g.direction, max(g.hi) FROM segment g JOIN connection k USING (connection_id)
WHERE g.shown AND g.hi IS NOT NULL AND k.protocol = 'tcp' AND g.connection_id IN (SELECT unnest(?)) GROUP BY ALL"""


def conversations(db: duckdb.DuckDBPyConnection, wanted: Iterable[int]) -> dict[int, Conversation]:
    """Connections by id, each with what its chapter needs."""
    ids = sorted(set(wanted))
    if not ids:
        return {}
    ends: dict[int, dict[str, End]] = defaultdict(dict)
    for connection_id, *row in db.execute(_ENDS, [ids]).fetchall():
        ends[connection_id][row[1]] = End(*row)
    nobody = [_nobody(role, sends) for role, sends in (("client", "c2s"), ("server", "s2c"))]
    found = {}
    for facts in db.execute(_CONNECTIONS, [ids]).fetchall():
        pair = ends[facts[0]]
        client, server = pair.get("client", nobody[0]), pair.get("server", nobody[1])
        found[facts[0]] = Conversation(facts[0], facts[1] or "", client, server, facts[2] or "", *_rest(facts))
    by_socket: dict[int, list[tuple[Conversation, End]]] = defaultdict(list)
    for talk in found.values():
        for end in talk.ends:
            if end.socket_id is not None:
                by_socket[end.socket_id].append((talk, end))
    _add_calls(db, by_socket)
    for connection_id, *row in db.execute(_STATES, [ids]).fetchall():
        if connection_id in found:
            found[connection_id].states.append(State(*row))
    for packet in packets(db, _SOME_PACKETS, [ids]):
        if packet.connection_id in found:
            found[packet.connection_id].packets.append(packet)
    for connection_id, direction, high in db.execute(_LEFT, [ids]).fetchall():
        if connection_id in found:
            found[connection_id].left[direction] = high
    _add_waits(db, by_socket, found.values())
    return found


def _nobody(role: str, sends: str) -> End:
    """An end of which nothing is known."""
    return End(0, role, None, None, None, None, None, sends, None, None, None, None, None, None)


def _rest(row: tuple[object, ...]) -> tuple[int, int | None, int | None, str, int, int, int]:
    def number(value: object) -> int | None:
        return None if value is None else int(str(value))

    begin, end, up, outcome, sent, received, count = row[3:10]
    return (
        number(begin) or 0, number(end), number(up), str(outcome or "open"), number(sent) or 0, number(received) or 0,
        number(count) or 0,
    )  # fmt: skip


def socket_calls(db: duckdb.DuckDBPyConnection, sockets: Iterable[int]) -> dict[int, list[Call]]:
    """The calls on sockets that carried no payload, by socket, in order."""
    wanted = list(sockets)
    if not wanted:
        return {}
    pairs = db.execute(_CALLS, [wanted, wanted]).fetchall()
    rows = calls(db, (call_id for _, call_id in pairs))
    found: dict[int, list[Call]] = {socket_id: [] for socket_id in wanted}
    for socket_id, call_id in pairs:
        if call_id in rows:
            found[socket_id].append(rows[call_id])
    return found


def _about(end: End, talk: Conversation, found: list[Call]) -> list[Call]:
    """Of the calls on a UDP socket, which may talk with several: those about this conversation, as far as one can tell.

    A connect() is about the address it names, and so are the errors after it: a connected socket hears of no other.
    """
    other = talk.server if end is talk.client else talk.client
    kept, peer = [], None
    for call in sorted(found, key=lambda c: c.call_id):
        if call.name == "connect":
            named = decode_sockaddr(call.address()).port if call.address() else None
            peer = named if not call.failed else peer
            if named is not None and named != other.port:
                continue
        elif call.errno in ICMP_ERRORS and peer is not None and peer != other.port:
            continue
        kept.append(call)
    return kept


def _add_calls(db: duckdb.DuckDBPyConnection, by_socket: dict[int, list[tuple[Conversation, End]]]) -> None:
    for socket_id, found in socket_calls(db, by_socket).items():
        for talk, end in by_socket[socket_id]:
            mine = _about(end, talk, found) if talk.is_udp else found
            talk.calls += [(end, call) for call in mine]
    held = holders_after(db, (call for pairs in by_socket.values() for talk, _ in pairs for _, call in talk.calls))
    for pairs in by_socket.values():
        for talk, _ in pairs:
            talk.calls.sort(key=lambda pair: pair[1].call_id)
            talk.held = held


def _add_waits(
    db: duckdb.DuckDBPyConnection, by_socket: dict[int, list[tuple[Conversation, End]]], talks: Iterable[Conversation]
) -> None:
    """Waits for these sockets, waits in these calls, and waits that these packets ended (a listener's, for one)."""
    sockets = list(by_socket)
    if not sockets:
        return
    carried = {packet.packet_id: talk for talk in talks for packet in talk.packets}
    made = {call.call_id: talk for pairs in by_socket.values() for talk, _ in pairs for _, call in talk.calls}
    for row in db.execute(_WAITS, [sockets, list(made), list(carried)]).fetchall():
        wait = Wait(*row)
        owners = {id(talk): talk for talk, _ in by_socket.get(wait.socket_id or -1, ())}
        if wait.call_id in made:
            owners[id(made[wait.call_id])] = made[wait.call_id]
        if wait.packet_id in carried:
            owners[id(carried[wait.packet_id])] = carried[wait.packet_id]
        for talk in owners.values():
            talk.waits.append(wait)
