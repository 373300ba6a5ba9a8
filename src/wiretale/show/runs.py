"""Which calls stand in runs that are long enough to fold, told from their names alone: of the others nothing need be
known. NumPy, for a window over all calls takes SQL ten times as long."""

from collections.abc import Collection

import duckdb
import numpy as np


def keep_candidates(db: duckdb.DuckDBPyConnection, names: Collection[str], at_least: int) -> int:
    """Make the temporary table `candidate` (call_id, at_begin) of the calls in runs of `at_least` or more of these
    names, each run with the call before it, which ends the one before; `at_begin`: it is its task's first. Returns
    how many calls there are.
    """
    columns = db.execute(
        "SELECT call_id, task_id, list_contains(?, name) AS may FROM call"
        " WHERE task_id IS NOT NULL AND name IS NOT NULL",
        [list(names)],
    ).fetchnumpy()
    call, task, may = (np.asarray(columns[name]) for name in ("call_id", "task_id", "may"))
    if (call[1:] < call[:-1]).any():
        in_order = np.argsort(call, kind="stable")  # quick, for they are nearly so
        call, task, may = call[in_order], task[in_order], may[in_order]
    # NumPy sorts numbers of 16 bits in linear time.
    in_order = np.argsort(task.astype(np.min_scalar_type(int(task.max(initial=0)))), kind="stable")
    call, task, may = call[in_order], task[in_order], may[in_order]
    begins = np.flatnonzero(np.append(True, task[1:] != task[:-1])[: len(call)] | ~may)
    lengths = np.diff(np.append(begins, len(call)))
    is_long = np.repeat(lengths >= at_least + ~may[begins], lengths)
    at_begin = np.repeat(may[begins], lengths)
    db.register("runs", {"call_id": call[is_long], "at_begin": at_begin[is_long]})
    db.execute("CREATE OR REPLACE TEMP TABLE candidate AS SELECT call_id, at_begin FROM runs")
    db.unregister("runs")
    return int(is_long.sum())
