"""Links between writes, segments and reads (table `link`), and what could not be linked (table `coverage`)."""

import duckdb

from wiretale.join.candidates import put_candidates
from wiretale.join.coverage import add_coverage
from wiretale.join.models import run
from wiretale.join.rows import clock_error_ns

UNEQUAL = "the captured bytes of the two rows differ, so they are not linked"
UNSENT = "they were still in the socket when the connection or the recording ended"
LOST = "no captured packet carries them: lost by the capture, or not comparable"
LATE = "the second row is earlier than the first by more than the clocks' stated error"


def build_links(db: duckdb.DuckDBPyConnection) -> None:
    """Fill `link`; say what differs, what is out of order in time, and which bytes have no link."""
    run(db, "j_datagram_pair")
    put_candidates(db)
    run(db, "link")
    for kind, count, size in db.execute(
        "SELECT kind, count(*), sum(hi - lo) FROM j_unequal GROUP BY kind ORDER BY kind"
    ).fetchall():
        add_coverage(db, f"{kind} pairs whose bytes differ", count, "unmatched", f"{UNEQUAL} ({size} bytes)")
    for kind, count, worst in db.execute(
        "SELECT kind, count(*), min(lag_ns) FROM link WHERE lag_ns < -$error GROUP BY kind ORDER BY kind",
        {"error": clock_error_ns(db)},
    ).fetchall():
        add_coverage(db, f"{kind} links against the clock", count, "clock error", f"{LATE}; the worst by {-worst} ns")
    _put_proof(db)


def _put_proof(db: duckdb.DuckDBPyConnection) -> None:
    """How much of the payload that calls moved through packets is linked; `wiretale check` proves it again."""
    run(db, "j_unlinked")
    for what, size, linked, unsent in db.execute("SELECT what, bytes, linked, unsent FROM j_unlinked").fetchall():
        add_coverage(db, f"{what} bytes linked to packets", linked, "recorded", f"of {size}")
        add_coverage(db, f"{what} bytes that were never sent", unsent, "recorded", UNSENT)
        add_coverage(db, f"{what} bytes without a packet", size - linked - unsent, "unmatched", LOST)
    row = db.execute("SELECT coalesce(sum(compared_bytes), 0)::BIGINT FROM link").fetchone()
    if row:
        add_coverage(db, "linked bytes compared and equal", int(row[0]), "recorded", "counted for each link")
