"""Proving a capture against what is known from outside: the bytes each end was given to send.

1. How many bytes did the calls of each end carry, do the links cover all of them, and does every link hold? `wiretale
   check` answers that from the raw tables (`wiretale.check`).
2. Is any row misplaced? The payload is known (and random), so every captured byte of every write, segment and read must
   be the payload's byte at the position the join gave it. Rows whose positions are right cannot be linked wrongly as
   long as a link lies inside both of its rows.
"""

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from wiretale.check.check import check
from wiretale.store.capture import open_capture

STREAM_KINDS = ("write_segment", "segment_read", "write_read")

_CALL_BYTES = """
SELECT {id}, t.connection_id, t.direction, t.lo + d.offset, d.bytes[: t.hi - t.lo - d.offset] FROM {table} t
JOIN call_data d ON d.call_id = t.call_id AND d.role = 'payload'
WHERE octet_length(d.bytes) > 0 AND t.message = 0 AND t.lo + d.offset < t.hi  -- a call may carry less than it was given
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
    """Per connection, what `wiretale check` finds to be carried and linked; only directions that carried something."""
    result: dict[int, Proof] = {}
    for s in check(db).streams:
        proof = result.setdefault(s.connection_id, Proof())
        if s.written:
            proof.sent[s.direction] = s.written
        if s.read:
            proof.received[s.direction] = s.read
        if any(s.covered.values()):
            proof.covered[s.direction] = s.covered
    return result


def faults(db: duckdb.DuckDBPyConnection) -> list[str]:
    """What the capture itself admits (lost, unmatched, ambiguous, out of order), and what the check finds wrong."""
    rows = db.execute(
        "SELECT item, count, reason FROM coverage WHERE state IN ('lost', 'unmatched', 'ambiguous', 'clock error')"
    ).fetchall()
    found = check(db)
    return [
        *(f"{count} {item}: {reason}" for item, count, reason in rows),
        *found.wrong,
        *(f"{g.bytes} bytes {g.what}: {g.reason}" for s in found.streams for g in s.gaps if not g.explained),
    ]


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
