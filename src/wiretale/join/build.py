"""The visible list of joins: every derived table from the raw ones, each step after what it needs."""

from collections.abc import Callable

import duckdb

from wiretale.join.connections import build_pairs
from wiretale.join.coverage import add_coverage
from wiretale.join.descriptors import build_descriptors
from wiretale.join.effects import put_effects
from wiretale.join.failures import put_failures
from wiretale.join.links import build_links
from wiretale.join.models import run, run_in_parts
from wiretale.join.segments import build_segments, put_segments
from wiretale.join.sockets import build_sockets, put_transfers
from wiretale.join.streams import build_streams, place_transfers
from wiretale.join.tcp_states import build_tcp_states
from wiretale.join.unseen import put_unseen
from wiretale.join.waits import build_waits
from wiretale.model.derived import DERIVED_TABLES
from wiretale.store.capture import make_tables
from wiretale.store.progress import Progress, silent

Step = Callable[[duckdb.DuckDBPyConnection], None]


def _endpoints(db: duckdb.DuckDBPyConnection) -> None:
    run(db, "connection")
    run(db, "endpoint")


def _kernel_links(db: duckdb.DuckDBPyConnection) -> None:
    if db.execute("SELECT 1 FROM kernel_event LIMIT 1").fetchone():
        run(db, "kernel_link")


# A thread that leaves a CPU must have come to one, and the other way round. Some kernels do not pass the tracepoint at
# a switch away from certain threads of other programs: perf's record of the same seconds lacks the same switches (in
# 82,489 there were 125 gaps, 124 of them of one program), and the kernel had not kept a program of ours from running
# (`missed` in the source's detail).
# With ptrace the switches of its stops are left out, one end of them at times.
_UNSEEN_SWITCHES = """
WITH switch AS (
    SELECT tid, time_ns, event_id, false AS comes FROM kernel_event WHERE name = 'sched:sched_switch'
    UNION ALL SELECT other_tid, time_ns, event_id, true FROM kernel_event WHERE name = 'sched:sched_switch'
)
SELECT count(*) FROM (
    SELECT comes, lag(comes) OVER (PARTITION BY tid ORDER BY time_ns, event_id) AS before FROM switch
    WHERE tid IN (SELECT tid FROM task WHERE traced)
) WHERE comes = before AND NOT EXISTS (SELECT 1 FROM source WHERE source = 'ptrace' AND ran)"""


def _thread_states(db: duckdb.DuckDBPyConnection) -> None:
    run(db, "thread_state")
    run(db, "cpu_use")
    row = db.execute(_UNSEEN_SWITCHES).fetchone()
    unseen = "a thread left a CPU that it was not seen to get, or got one twice: its times there are not exact"
    add_coverage(db, "switches of threads", row[0] if row else 0, "lost", unseen)


STEPS: tuple[tuple[str, Step], ...] = (
    ("what calls do", put_effects),
    ("descriptors and files", build_descriptors),
    ("sockets", build_sockets),
    ("payload of calls", put_transfers),
    ("TCP analysis", put_segments),
    ("connections", build_pairs),
    ("payload of connections", place_transfers),
    ("streams", build_streams),
    ("segments", build_segments),
    ("failed connections", put_failures),
    ("endpoints", _endpoints),
    ("links", build_links),
    ("TCP states", build_tcp_states),
    ("states of threads", _thread_states),
    ("waits", build_waits),
    ("connections of calls", lambda db: run_in_parts(db, "call_connection", "call")),
    ("what no call shows", put_unseen),
    ("kernel events", _kernel_links),
)

# Temporary tables with a row for each call or packet, by the last step that needs them: they would fill the memory.
LAST_USES = {
    "streams": ("j_order",),
    "segments": ("j_flow_packet",),
    "endpoints": ("j_transfer",),
    "links": (
        "j_start",
        "j_write_row",
        "j_read_row",
        "j_segment_row",
        "j_match",
        "j_datagram_packet",
        "j_datagram_pair",
        "j_linked",
    ),
    "waits": ("j_segment", "j_ready", "j_waiter", "j_waiting_side", "j_lacks_room", "j_cause", "j_was_busy"),
}


def build(db: duckdb.DuckDBPyConnection, progress: Progress = silent) -> None:
    """Create and fill every derived table of model.derived; add `coverage` rows for what could not be joined.

    The raw tables must exist; any of them may be empty. `progress` is told of each step as it begins.
    """
    # DuckDB answers an ASOF join by a nested loop where it expects few rows on the left. Over temporary tables it
    # expects too few: a conversation of 100,000 calls took half a minute instead of a tenth of a second.
    db.execute("SET asof_loop_join_threshold = 0")
    make_tables(db, DERIVED_TABLES)
    for number, (name, step) in enumerate(STEPS):
        progress(f"joining: {name}", number / len(STEPS))
        step(db)
        for temporary in LAST_USES.get(name, ()):
            db.execute(f'DROP TABLE temp."{temporary}"')
    _drop_temporary(db)


def _drop_temporary(db: duckdb.DuckDBPyConnection) -> None:
    rows = db.execute(
        "SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name LIKE 'j\\_%' ESCAPE '\\'"
    ).fetchall()
    for (name,) in rows:
        db.execute(f'DROP TABLE temp."{name}"')
