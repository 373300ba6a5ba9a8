"""The conversation that pairing produces, and how it is written down for the SQL models."""

from collections.abc import Sequence

import duckdb

from wiretale.join.addresses import Address
from wiretale.join.associations import FOREVER, Association
from wiretale.join.rows import put
from wiretale.light import dataclass, field


@dataclass(frozen=True, slots=True)
class Flow:
    """One row of j_flow: an incarnation of a 4-tuple among the packets. `began` is the end that sent the first SYN."""

    flow_id: int
    proto: int
    cookie: int | None
    a: Address
    b: Address
    first_ns: int
    last_ns: int
    began: str | None
    first_forward: bool

    def sent_first(self) -> Address:
        return self.a if self.first_forward else self.b


@dataclass(slots=True, eq=False)
class Side:
    """One end: its address and the traced sockets that were it (one, unless a datagram socket was replaced)."""

    addr: Address | None = None
    sides: list[Association] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Conversation:
    """A connection in the making. Packets of `flow` belong to it from `flow_from_ns` to `to_ns`."""

    protocol: str
    cookie: int | None
    client: Side
    server: Side
    known_by: str
    from_ns: int
    to_ns: int = FOREVER
    flow: Flow | None = None
    flow_from_ns: int = 0
    connection_id: int = 0  # once it is written down

    @property
    def errno(self) -> int | None:
        """Why the client's connect failed; None if it did not."""
        return next((a.errno for a in self.client.sides if a.errno), None)


def read_flows(db: duckdb.DuckDBPyConnection, proto: int) -> list[Flow]:
    """Flows of one IP protocol in order of time."""
    rows = db.execute(
        """
        SELECT flow_id, proto, cookie, a_addr, a_port, b_addr, b_port, first_ns, last_ns, began, first_forward
        FROM j_flow WHERE proto = $proto ORDER BY first_ns
        """,
        {"proto": proto},
    ).fetchall()
    return [Flow(r[0], r[1], r[2], Address(r[3], r[4]), Address(r[5], r[6]), *r[7:]) for r in rows]


_CONNECTION = (
    ("connection_id", "BIGINT"),
    ("protocol", "VARCHAR"),
    ("netns_cookie", "UBIGINT"),
    ("client_addr", "VARCHAR"),
    ("client_port", "INTEGER"),
    ("server_addr", "VARCHAR"),
    ("server_port", "INTEGER"),
    ("client_known_by", "VARCHAR"),
    ("from_ns", "BIGINT"),
    ("errno", "INTEGER"),
)
_SIDE = (
    ("connection_id", "BIGINT"),
    ("role", "VARCHAR"),
    ("socket_id", "BIGINT"),
    ("call_id", "BIGINT"),
    ("from_ns", "BIGINT"),
    ("to_ns", "BIGINT"),
    ("remote_addr", "VARCHAR"),
    ("remote_port", "INTEGER"),
)
_CONNECTION_FLOW = (
    ("connection_id", "BIGINT"),
    ("flow_id", "BIGINT"),
    ("from_ns", "BIGINT"),
    ("to_ns", "BIGINT"),
    ("forward", "VARCHAR"),
)
_DATAGRAMS = ("udp", "udplite", "unix-dgram", "icmp", "icmpv6", "raw")


def write_conversations(db: duckdb.DuckDBPyConnection, found: Sequence[Conversation]) -> None:
    """Make j_connection, j_side (which socket was which end, when) and j_connection_flow."""
    ordered = sorted(found, key=lambda c: c.from_ns)
    connections, sides, flows = [], [], []
    for n, c in enumerate(ordered, 1):
        c.connection_id = n
        ends = (*_place(c.client.addr), *_place(c.server.addr))
        connections.append((n, c.protocol, c.cookie, *ends, c.known_by, c.from_ns, c.errno))
        for role, side, other in (("client", c.client, c.server), ("server", c.server, c.client)):
            remote = _place(other.addr if c.protocol in _DATAGRAMS else None)
            sides += [
                (n, role, a.socket.socket_id, a.call_id, a.from_ns, min(a.to_ns, c.to_ns), *remote) for a in side.sides
            ]
        if c.flow is not None:
            forward = "c2s" if c.flow.a == c.client.addr else "s2c"
            flows.append((n, c.flow.flow_id, c.flow_from_ns, c.to_ns, forward))
    put(db, "j_connection", _CONNECTION, connections)
    put(db, "j_side", _SIDE, sides)
    put(db, "j_connection_flow", _CONNECTION_FLOW, flows)


def _place(address: Address | None) -> tuple[str | None, int | None]:
    """Address and port; both None where the end is not known."""
    return (None, None) if address is None else (address.addr, address.port)
