"""Who was blocked, where, and what ended it: table `wait`."""

import duckdb

from wiretale.join.children import put_children
from wiretale.join.models import run, run_in_parts
from wiretale.join.ready import put_ready

# A call shorter than this with no cause found between its start and end did not wait: a ptrace stop costs that much.
BLOCKING_NS = 300_000


def build_waits(db: duckdb.DuckDBPyConnection) -> None:
    """Fill `wait`."""
    put_ready(db)
    put_children(db)
    db.execute(f"SET VARIABLE blocking_ns = {BLOCKING_NS}")
    run_in_parts(db, "j_waiter", "call")
    run(db, "wait")
