"""Who talked to whom: pairs sockets and packets into connections (temporary tables j_connection, j_side, ...)."""

import duckdb

from wiretale.join.associations import DATAGRAMS, TCP, read_sockets, tcp_associations
from wiretale.join.coverage import add_coverage
from wiretale.join.models import run
from wiretale.join.mptcp import put_mptcp
from wiretale.join.pairing import Conversation, read_flows, write_conversations
from wiretale.join.raw_connections import RawPairing
from wiretale.join.rows import clock_error_ns
from wiretale.join.segments import name_flows
from wiretale.join.senders import put_unix_senders
from wiretale.join.tcp_connections import TcpPairing
from wiretale.join.udp_connections import UdpPairing, read_uses
from wiretale.join.unix_connections import UnixPairing
from wiretale.join.whole_packets import put_whole_packets

_SUBFLOWS = """
CREATE OR REPLACE TEMP TABLE j_subflow AS
SELECT connection_id, flow_id, forward FROM j_connection_flow
UNION ALL
SELECT c.connection_id, j.flow_id, CASE WHEN j.same = (c.forward = 'c2s') THEN 'c2s' ELSE 's2c' END
FROM j_joined j JOIN j_connection_flow c ON c.flow_id = j.main_id
"""
_LISTENING = "SELECT DISTINCT netns_cookie, local_port FROM socket_sample WHERE state = 'LISTEN' AND local_port > 0"


def build_pairs(db: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary tables that the models of connection, endpoint, streams and segments start from."""
    run(db, "j_flow")
    name_flows(db)
    joined = put_mptcp(db)
    error_ns = clock_error_ns(db)
    sockets = read_sockets(db)
    listening = frozenset(db.execute(_LISTENING).fetchall())
    flows = [f for f in read_flows(db, TCP) if f.flow_id not in joined]
    tcp = TcpPairing(flows, tcp_associations(sockets), error_ns, listening)
    uses = read_uses(db, sockets, error_ns)
    talks: list[Conversation] = []
    for number, protocol in DATAGRAMS.items():
        same = [u for u in uses if u.socket.datagrams == protocol]
        talks += UdpPairing(protocol, read_flows(db, number), same, error_ns).conversations
    unix = UnixPairing(db, sockets)
    put_unix_senders(db, sockets, unix.sent_to, error_ns)
    raw = RawPairing(db, sockets, error_ns)
    write_conversations(db, [*tcp.conversations, *talks, *raw.conversations, *unix.conversations])
    raw.put()
    put_whole_packets(db, raw.ported, error_ns)
    db.execute(_SUBFLOWS)
    if tcp.unplaced:
        add_coverage(
            db,
            "connects without a known packet flow",
            tcp.unplaced,
            "ambiguous",
            "the socket's own port was never learned and several connections to that address began in the same call",
        )
