"""TCP state of each endpoint over time (RFC 9293, section 3.3.2), from segments where captured, else from calls.

A segment changes its sender's state when it is sent and its receiver's when it arrives; one tap gives both one time.
"""

from collections.abc import Iterator

import duckdb

from wiretale.join.models import model, run
from wiretale.join.rows import Row, put
from wiretale.light import dataclass

TIME_WAIT_NS = 60_000_000_000  # TCP_TIMEWAIT_LEN, include/net/tcp.h

# (state, event) -> next state. Events: `send X` and `receive X` of a segment X; `ack` acknowledges this side's FIN.
TRANSITIONS: dict[tuple[str, str], str] = {
    ("CLOSED", "send syn"): "SYN-SENT",
    ("CLOSED", "receive syn"): "SYN-RECEIVED",  # of the listener's child
    ("SYN-SENT", "receive syn"): "SYN-RECEIVED",  # both opened at once
    ("SYN-SENT", "receive syn-ack"): "ESTABLISHED",
    ("SYN-RECEIVED", "receive syn-ack"): "ESTABLISHED",
    ("SYN-RECEIVED", "receive handshake-ack"): "ESTABLISHED",
    ("SYN-RECEIVED", "send fin"): "FIN-WAIT-1",
    ("ESTABLISHED", "send fin"): "FIN-WAIT-1",
    ("ESTABLISHED", "receive fin"): "CLOSE-WAIT",
    ("FIN-WAIT-1", "receive ack-of-fin"): "FIN-WAIT-2",
    ("FIN-WAIT-1", "receive fin"): "CLOSING",
    ("FIN-WAIT-2", "receive fin"): "TIME-WAIT",
    ("CLOSING", "receive ack-of-fin"): "TIME-WAIT",
    ("CLOSE-WAIT", "send fin"): "LAST-ACK",
    ("LAST-ACK", "receive ack-of-fin"): "CLOSED",
}


@dataclass(slots=True)
class _Event:
    """One segment (or call standing for it): who sent it, what it was, and what to cite as the cause."""

    time_ns: int
    from_client: bool
    what: str
    packet_id: int | None
    call_id: int | None
    inferred: bool = False


@dataclass(slots=True)
class _Endpoint:
    """The state of one endpoint as events come."""

    endpoint_id: int
    socket_id: int | None
    connection_id: int
    is_client: bool
    state: str = "CLOSED"
    entered: _Event | None = None

    def row(self, to_ns: int | None) -> Row:
        e = self.entered
        assert e is not None
        ids = (self.endpoint_id, self.socket_id, self.connection_id)
        return (*ids, self.state, e.time_ns, to_ns, e.packet_id, None if e.packet_id else e.call_id, e.inferred)

    def take(self, event: _Event) -> Iterator[Row]:
        """Apply one event; gives the row of the state that it ended, if any."""
        if event.what == "rst":
            after = "CLOSED" if self.state not in ("CLOSED", "TIME-WAIT") else self.state
        elif event.what == "established":
            after = "ESTABLISHED"
        else:
            way = "send" if event.from_client == self.is_client else "receive"
            after = TRANSITIONS.get((self.state, f"{way} {event.what}"), self.state)
        if after == self.state:
            return
        # One segment can move a state twice (a FIN that also acknowledges ours): what lasted no time is no row.
        if self.entered is not None and self.entered.time_ns < event.time_ns:
            yield self.row(event.time_ns)
        self.state, self.entered = after, event


SEGMENT_EVENTS = """
SELECT f.connection_id, e.time_ns, e.forward = (f.forward = 'c2s'), e.what, e.packet_id, NULL
FROM j_event e JOIN j_connection_flow f USING (flow_id) ORDER BY f.connection_id, e.packet_id
"""


ENDPOINTS = """
SELECT e.endpoint_id, e.socket_id, e.connection_id, e.role = 'client', c.from_ns, c.outcome, c.packets
FROM endpoint e JOIN connection c USING (connection_id) WHERE c.protocol = 'tcp' ORDER BY e.connection_id, e.role
"""

_COLUMNS = (
    ("endpoint_id", "BIGINT"),
    ("socket_id", "BIGINT"),
    ("connection_id", "BIGINT"),
    ("state", "VARCHAR"),
    ("from_ns", "BIGINT"),
    ("to_ns", "BIGINT"),
    ("packet_id", "BIGINT"),
    ("call_id", "BIGINT"),
    ("inferred", "BOOLEAN"),
)


def build_tcp_states(db: duckdb.DuckDBPyConnection) -> None:
    """Fill `tcp_state`."""
    events: dict[int, list[_Event]] = {}
    for connection_id, *fields in db.execute(SEGMENT_EVENTS).fetchall():
        events.setdefault(connection_id, []).append(_Event(*fields))
    called: dict[int, list[_Event]] = {}
    for connection_id, *fields in db.execute(model("j_call_event")).fetchall():
        called.setdefault(connection_id, []).append(_Event(*fields))
    events |= {connection_id: list(_told_by_calls(found)) for connection_id, found in called.items()}
    end_row = db.execute(
        "SELECT greatest(max(exit_ns), max(start_ns), (SELECT max(time_ns) FROM packet)) FROM call"
    ).fetchone()
    end_ns = int(end_row[0] or 0) if end_row else 0
    rows: list[Row] = []
    for endpoint_id, socket_id, connection_id, is_client, from_ns, _, _ in db.execute(ENDPOINTS).fetchall():
        endpoint = _Endpoint(endpoint_id, socket_id, connection_id, is_client)
        rows += _life(endpoint, events.get(connection_id, []), from_ns, end_ns)
    put(db, "j_tcp_state", _COLUMNS, rows)
    run(db, "tcp_state")


def _told_by_calls(events: list[_Event]) -> Iterator[_Event]:
    """Calls only: the segments that must have followed each of them, marked as inferred."""
    sent_fin: set[bool] = set()
    up = False
    for e in events:
        if e.what == "up":
            if not up:
                yield _Event(e.time_ns, e.from_client, "established", None, e.call_id)
            up = True
        elif e.what == "fin":
            if not up or e.from_client in sent_fin:
                continue
            sent_fin.add(e.from_client)
            yield e
            yield _Event(e.time_ns, not e.from_client, "ack-of-fin", None, e.call_id, inferred=True)
        else:
            yield e


def _life(endpoint: _Endpoint, events: list[_Event], from_ns: int, end_ns: int) -> Iterator[Row]:
    """The states of one endpoint in order. Without a SYN the connection was there before: established, inferred."""
    if any(e.what == "unsent" for e in events):
        return  # closed before and after
    if not any(e.what in ("syn", "syn-ack") for e in events):
        endpoint.state, endpoint.entered = "ESTABLISHED", _Event(from_ns, True, "", None, None, inferred=True)
    if not endpoint.is_client and events and all(e.what in ("syn", "rst") for e in events):
        return  # nothing but silence or a reset answered: nobody listened, so there is no child of a listener
    for event in events:
        yield from endpoint.take(event)
    if endpoint.entered is None:
        return
    over = endpoint.entered.time_ns + TIME_WAIT_NS
    if endpoint.state == "TIME-WAIT" and over <= end_ns:
        yield endpoint.row(over)
        endpoint.state, endpoint.entered = "CLOSED", _Event(over, True, "", None, None, inferred=True)
    yield endpoint.row(None)
