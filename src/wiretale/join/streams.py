"""Positions of calls in their streams: tables `stream_write` and `stream_read`."""

import duckdb

from wiretale.join.coverage import add_coverage
from wiretale.join.datagrams import put_datagrams
from wiretale.join.models import run
from wiretale.join.order import put_order
from wiretale.join.rows import clock_error_ns
from wiretale.join.start import put_starts


def place_transfers(db: duckdb.DuckDBPyConnection) -> None:
    """Make `j_placed`; count the messages whose conversation is not certain."""
    run(db, "j_placed")
    row = db.execute(
        """
        SELECT count(*) FILTER (NOT other), count(*) FILTER (other) FROM (
        SELECT coalesce(s.family <> 'AF_UNIX' AND (s.type = 'SOCK_RAW' OR s.protocol NOT IN (0, 6, 17, 136, 262)),
            FALSE) AS other
        FROM j_transfer t JOIN socket s USING (socket_id)
        WHERE s.family IN ('AF_INET', 'AF_INET6', 'AF_UNIX') AND t.bytes > 0
          AND t.call_id NOT IN (SELECT call_id FROM packet_call)
          AND NOT EXISTS (
              SELECT 1 FROM j_placed p WHERE p.call_id = t.call_id AND p.message = t.message AND p.side = t.side))
        """
    ).fetchone()
    if row:
        reason = "the other end of the socket is not known, so these messages belong to no connection for certain"
        add_coverage(db, "messages without a connection", int(row[0]), "unmatched", reason)
        reason = (
            "their sockets are SCTP's or the like, or raw and carry IP packets of which too little was captured to "
            "know them by: these are not joined"
        )
        add_coverage(db, "messages of other sockets", int(row[1]), "unmatched", reason)


def build_streams(db: duckdb.DuckDBPyConnection) -> None:
    """Fill `stream_write` and `stream_read`; make what segments and links need of datagrams."""
    put_starts(db)
    put_order(db)
    put_datagrams(db, clock_error_ns(db))
    run(db, "stream_write")
    run(db, "stream_read")
