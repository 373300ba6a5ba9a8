"""Proving a capture against what is known from outside: the bytes each end was given to send.

Three independent questions, all answered from the raw tables where the derived ones could hide a fault:

1. How many bytes did the calls of each end carry (`call.retval` of sends and receives on the connection's sockets)?
2. Do the links cover all of them, per kind?
3. Is any link wrong? The payload is known (and random), so every captured byte of every write, segment and read must be
   the payload's byte at the position the join gave it. Rows whose positions are right cannot be linked wrongly as
   long as a link lies inside both of its rows.

`python -m tests.e2e.proof FILE.wiretale` prints the first two for any capture.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from wiretale.store.capture import open_capture

STREAM_KINDS = ("write_segment", "segment_read", "write_read")

_SENDS = ("write", "writev", "sendto", "sendmsg", "send", "pwrite64", "pwritev")
_RECEIVES = ("read", "readv", "recvfrom", "recvmsg", "recv", "pread64", "preadv")

# Bytes per connection and direction as the system calls returned them. MSG_PEEK (2) takes nothing out of the stream.
_CARRIED = f"""
SELECT e.connection_id,
       CASE WHEN c.name IN {_SENDS} THEN e.sends WHEN e.sends = 'c2s' THEN 's2c' ELSE 'c2s' END AS direction,
       CASE WHEN c.name IN {_SENDS} THEN 'sent' ELSE 'received' END AS side,
       sum(c.retval)::BIGINT AS bytes
FROM endpoint e JOIN call_file f USING (socket_id) JOIN call c USING (call_id)
WHERE c.retval > 0 AND c.name IN {(*_SENDS, *_RECEIVES)}
  AND NOT (c.name = 'recvfrom' AND c.a3 & 2 <> 0) AND NOT (c.name = 'recvmsg' AND c.a2 & 2 <> 0)
GROUP BY ALL ORDER BY ALL
"""

# The length of the union of the links' ranges: a range counts from where the ones before it ended.
_COVERED = """
SELECT connection_id, direction, kind, sum(greatest(0, hi - greatest(lo, coalesce(before, lo))))::BIGINT
FROM (SELECT *, max(hi) OVER (PARTITION BY connection_id, direction, kind ORDER BY lo, hi
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM link)
GROUP BY ALL ORDER BY ALL
"""

_OUTSIDE = """
SELECT l.link_id, l.kind, l.lo, l.hi FROM link l
LEFT JOIN stream_write w USING (write_id) LEFT JOIN stream_read r USING (read_id) LEFT JOIN segment s USING (packet_id)
WHERE l.lo >= l.hi
   OR (l.kind <> 'segment_read' AND (w.write_id IS NULL OR l.lo < w.lo OR l.hi > w.hi
       OR (w.connection_id, w.direction) <> (l.connection_id, l.direction)))
   OR (l.kind <> 'write_segment' AND (r.read_id IS NULL OR l.lo < r.lo OR l.hi > r.hi
       OR (r.connection_id, r.direction) <> (l.connection_id, l.direction)))
   OR (l.kind <> 'write_read' AND (s.packet_id IS NULL OR l.lo < s.lo OR l.hi > s.hi
       OR (s.connection_id, s.direction) <> (l.connection_id, l.direction)))
"""

_CALL_BYTES = """
SELECT {id}, t.connection_id, t.direction, t.lo + d.offset, d.bytes FROM {table} t
JOIN call_data d ON d.call_id = t.call_id AND d.role = 'payload'
WHERE octet_length(d.bytes) > 0 AND t.message = 0
"""

_SEGMENT_BYTES = """
SELECT s.packet_id, s.connection_id, s.direction, s.lo, p.frame, p.payload_offset, s.hi - s.lo
FROM segment s JOIN packet p USING (packet_id) WHERE s.hi > s.lo
"""


@dataclass
class Proof:
    """What one connection carried, and how much of it the links cover. Keys of `covered` are link kinds."""

    sent: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)
    covered: dict[str, dict[str, int]] = field(default_factory=dict)

    def text(self) -> str:
        """A few lines for a failure message."""
        lines = []
        for direction in ("c2s", "s2c"):
            kinds = self.covered.get(direction, {})
            lines.append(
                f"{direction}: sent {self.sent.get(direction, 0)}, received {self.received.get(direction, 0)}, linked "
                + ", ".join(f"{kind} {kinds.get(kind, 0)}" for kind in STREAM_KINDS)
            )
        return "\n".join(lines)


def proofs(db: duckdb.DuckDBPyConnection) -> dict[int, Proof]:
    """Per connection, what was carried and what is linked."""
    result: dict[int, Proof] = {}
    for connection, direction, side, count in db.execute(_CARRIED).fetchall():
        proof = result.setdefault(connection, Proof())
        (proof.sent if side == "sent" else proof.received)[direction] = count
    for connection, direction, kind, count in db.execute(_COVERED).fetchall():
        result.setdefault(connection, Proof()).covered.setdefault(direction, {})[kind] = count
    return result


def faults(db: duckdb.DuckDBPyConnection) -> list[str]:
    """What the capture itself admits: lost, unmatched, ambiguous or out of order."""
    rows = db.execute(
        "SELECT item, count, reason FROM coverage WHERE state IN ('lost', 'unmatched', 'ambiguous', 'clock error')"
    ).fetchall()
    found = [f"{count} {item}: {reason}" for item, count, reason in rows]
    for link, kind, low, high in db.execute(_OUTSIDE).fetchall():
        found.append(f"{kind} link {link} [{low}, {high}) lies outside its rows")
    return found


def misplaced(db: duckdb.DuckDBPyConnection, connection: int, payload: dict[str, bytes]) -> list[str]:
    """Rows whose captured bytes are not the payload's bytes at their position."""
    found = []
    for table, name in (("stream_write", "write_id"), ("stream_read", "read_id")):
        for row, its_connection, direction, low, data in db.execute(
            _CALL_BYTES.format(table=table, id=name)
        ).fetchall():
            if its_connection == connection and payload[direction][low : low + len(data)] != data:
                found.append(f"{table} {row} {direction}: {len(data)} bytes at {low}")
    for packet, its_connection, direction, low, frame, offset, size in db.execute(_SEGMENT_BYTES).fetchall():
        data = bytes(frame[offset : offset + size])
        if its_connection == connection and payload[direction][low : low + len(data)] != data:
            found.append(f"packet {packet} {direction}: {size} bytes at {low}")
    return found


def over(db: duckdb.DuckDBPyConnection, protocol: str) -> list[int]:
    """The connections of one protocol that carried bytes between two processes (socat wakes itself by a socketpair)."""
    rows = db.execute(
        """
        SELECT connection_id FROM connection c WHERE client_bytes + server_bytes > 0 AND protocol = $p
        AND (SELECT count(DISTINCT pid) FROM endpoint e WHERE e.connection_id = c.connection_id) <> 1
        """,
        {"p": protocol},
    )
    return [connection for (connection,) in rows.fetchall()]


def prove(
    capture: Path, payload: dict[str, bytes], kinds: tuple[str, ...] = STREAM_KINDS, protocol: str = "tcp"
) -> int:
    """Assert that the one connection of `protocol` carried exactly `payload` (by direction), all linked, none wrongly.

    Returns its connection_id. `kinds` are the links to expect: unix sockets have no packets.
    """
    with open_capture(capture) as db:
        admitted = faults(db)
        assert not admitted, "\n".join(admitted)
        carrying = over(db, protocol)
        assert len(carrying) == 1, f"{len(carrying)} connections carried bytes"
        proof = proofs(db)[carrying[0]]
        for direction in ("c2s", "s2c"):
            size = len(payload.get(direction, b""))
            figures = [proof.sent.get(direction, 0), proof.received.get(direction, 0)]
            figures += [proof.covered.get(direction, {}).get(kind, 0) for kind in kinds]
            assert figures == [size] * len(figures), f"{direction} should be {size} everywhere:\n{proof.text()}"
        wrong = misplaced(db, carrying[0], {"c2s": b"", "s2c": b"", **payload})
        assert not wrong, "\n".join(wrong[:10])
        return carrying[0]


def main(path: str) -> None:
    """Print what every connection of a capture carried and how much of it is linked."""
    with open_capture(path) as db:
        for connection, proof in proofs(db).items():
            print(f"connection {connection}\n{proof.text()}")
        print(*faults(db), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1])
