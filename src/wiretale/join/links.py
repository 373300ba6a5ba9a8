"""Links between writes, segments and reads (table `link`), and what could not be linked (table `coverage`).

A pair whose captured bytes differ anywhere is no link, and is counted.
"""

from typing import Any

import duckdb
import numpy as np

from wiretale.join.candidates import DIRECTIONS, KINDS, NULL, SEGMENT_READ, WRITE_SEGMENT, Ints, find_candidates
from wiretale.join.coverage import add_coverage
from wiretale.join.evidence import compare
from wiretale.join.models import run
from wiretale.join.rows import clock_error_ns
from wiretale.join.start import REASON as NOWHERE
from wiretale.store.bulk import BATCH_ROWS, Batch, Coded, insert

EVIDENCE = ("bytes", "position", "ambiguous")

UNEQUAL = "the captured bytes of the two rows differ, so they are not linked"
UNSENT = "they were still in the socket when the connection or the recording ended"
LOST = "no captured packet carries them: lost by the capture, or not comparable"
LATE = "the second row is earlier than the first by more than the clocks' stated error"


def build_links(db: duckdb.DuckDBPyConnection) -> None:
    """Fill `link`; say what differs, what is out of order in time, and which bytes have no link."""
    run(db, "j_datagram_pair")
    make_linked(db)
    count = 0
    differing = np.zeros((len(KINDS), 2), np.int64)  # pairs, bytes
    for pairs in find_candidates(db):
        compared, equal = compare(db, pairs)
        unequal = np.flatnonzero(~equal)
        size = pairs["hi"][unequal] - pairs["lo"][unequal]
        np.add.at(differing, pairs["kind"][unequal], np.stack([np.ones_like(size), size], axis=1))
        linked = np.flatnonzero(equal)
        _put_links(db, pairs, compared, linked, count + 1)
        put_linked(db, pairs, linked)
        count += len(equal)
    for kind, (number, size) in zip(KINDS, differing.tolist(), strict=True):
        add_coverage(db, f"{kind} pairs whose bytes differ", number, "unmatched", f"{UNEQUAL} ({size} bytes)")
    for kind, count, worst in db.execute(
        "SELECT kind, count(*), min(lag_ns) FROM link WHERE lag_ns < -$error GROUP BY kind ORDER BY kind",
        {"error": clock_error_ns(db)},
    ).fetchall():
        add_coverage(db, f"{kind} links against the clock", count, "clock error", f"{LATE}; the worst by {-worst} ns")
    _put_proof(db)


def _put_links(
    db: duckdb.DuckDBPyConnection, pairs: dict[str, Any], compared: Ints, linked: Ints, first_id: int
) -> None:
    """One row is one proven relation between a write, a segment and a read; a pair that differs anywhere is none."""
    streams = db.execute("SELECT connection_id FROM j_connection WHERE protocol IN ('tcp', 'unix-stream')").fetchnumpy()
    # Equal bytes tell where in a stream they are, but not which of several equal datagrams they were.
    telling = pairs["exact"] | np.isin(pairs["connection_id"], np.ma.getdata(streams["connection_id"]))
    proven = np.where((compared > 0) & telling, 0, np.where(pairs["exact"], 1, 2))

    def batch(begin: int) -> Batch:
        rows = linked[begin : begin + BATCH_ROWS]
        columns: dict[str, Any] = {name: pairs[name][rows] for name in ("connection_id", "lo", "hi")}
        for name in ("write_id", "packet_id", "read_id", "lag_ns"):
            values = pairs[name][rows]
            columns[name] = np.ma.masked_array(values, values == NULL)
        first = pairs["first_copy"][rows]
        return columns | {
            "link_id": rows + first_id,
            "kind": Coded(pairs["kind"][rows], KINDS),
            "direction": Coded(pairs["s2c"][rows], DIRECTIONS),
            "first_copy": np.ma.masked_array(first == 1, first < 0),
            "retransmission": pairs["retransmission"][rows].astype(bool),
            "evidence": Coded(proven[rows], EVIDENCE),
            "compared_bytes": compared[rows],
        }

    insert(db, "INSERT INTO link BY NAME SELECT * FROM batch", (batch(at) for at in range(0, len(linked), BATCH_ROWS)))


def make_linked(db: duckdb.DuckDBPyConnection) -> None:
    """Make `j_linked`, empty."""
    db.execute("CREATE OR REPLACE TEMP TABLE j_linked (kind VARCHAR, id BIGINT, bytes BIGINT)")


def put_linked(db: duckdb.DuckDBPyConnection, pairs: dict[str, Any], linked: Ints) -> None:
    """Rows of `j_linked`: how many bytes of a write, or of a read, its links with packets cover; the union of them."""
    for kind, column in ((WRITE_SEGMENT, "write_id"), (SEGMENT_READ, "read_id")):
        rows = linked[pairs["kind"][linked] == kind]
        # The candidates stand in order of position, so each row's links do.
        rows = rows[np.argsort(pairs[column][rows], kind="stable")]
        if not len(rows):
            continue
        own, lo, hi = (pairs[name][rows] for name in (column, "lo", "hi"))
        first = np.flatnonzero(np.diff(own, prepend=-1))
        group = np.repeat(np.arange(len(first)), np.diff(first, append=len(own)))
        # Ranges of rows one behind the other on a line: what earlier rows reached is before any of this one's bytes.
        least = np.minimum.reduceat(lo, first)
        width = np.maximum.reduceat(hi, first) - least
        shift = (np.cumsum(width) - width - least)[group]
        begin, end = lo + shift, np.maximum.accumulate(hi + shift)
        before = np.concatenate([begin[:1], end[:-1]])
        size = np.add.reduceat(np.maximum(end - np.maximum(begin, before), 0), first)
        batch = {"kind": Coded(np.full(len(first), kind), KINDS), "id": own[first], "bytes": size}
        insert(db, "INSERT INTO j_linked SELECT * FROM batch", [batch])


def _put_proof(db: duckdb.DuckDBPyConnection) -> None:
    """How much of the payload that calls moved through packets is linked; `wiretale check` proves it again."""
    run(db, "j_unlinked")
    rows = db.execute("SELECT what, bytes, linked, unsent, unplaced FROM j_unlinked").fetchall()
    for what, size, linked, unsent, unplaced in rows:
        add_coverage(db, f"{what} bytes linked to packets", linked, "recorded", f"of {size}")
        add_coverage(db, f"{what} bytes that were never sent", unsent, "recorded", UNSENT)
        add_coverage(db, f"{what} bytes whose place in the stream is unknown", unplaced, "unmatched", NOWHERE)
        add_coverage(db, f"{what} bytes without a packet", size - linked - unsent - unplaced, "unmatched", LOST)
    row = db.execute("SELECT coalesce(sum(compared_bytes), 0)::BIGINT FROM link").fetchone()
    if row:
        add_coverage(db, "linked bytes compared and equal", int(row[0]), "recorded", "counted for each link")
