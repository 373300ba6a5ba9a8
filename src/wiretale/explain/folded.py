"""Ways through the kernel as folded stacks: one text per stack, the outermost first, and a number. For flame graphs.

A stack begins with the task it was worked for. Work that only ran in a task's time begins with the kernel instead.
"""

from collections import Counter
from collections.abc import Iterable

import duckdb

from wiretale.decode.escape import escape_text
from wiretale.explain.kernel_functions import is_own, stacks_of_run, way_of
from wiretale.join.kernel_path import KernelPath
from wiretale.join.kernel_stacks import CAUSED, Frame, stacks
from wiretale.model.kernel_ring import KINDS

Folded = Counter[str]
_WHERE = {kind.name: kind.where.partition(",")[0] for kind in KINDS}
_KERNEL = "kernel"
_OF_KERNEL = frozenset(("idle", "kernel thread", "interrupt"))
_SWITCH, _ENTRY = "sched:sched_switch", "irq:softirq_entry"

_COUNTS = f"""
WITH caused AS ({CAUSED}),
who AS (SELECT pid, arg_max(comm, start_ns) AS comm FROM task GROUP BY pid)
SELECT coalesce(w.comm, 'not recorded') || ' ' || e.pid,
       e.context = 'task' OR (c.event_id IS NOT NULL AND s.context = 'softirq in a call') AS own,
       s.context, e.softirq, e.stack_id, count(*)
FROM kernel_event e JOIN kernel_stack s USING (stack_id) LEFT JOIN caused c USING (event_id)
LEFT JOIN who w ON w.pid = e.pid
GROUP BY ALL ORDER BY ALL"""  # noqa: S608 (a constant)


def of_way(path: KernelPath) -> Folded:
    """The nanoseconds of one way, each on the step that they led to: in all the time from the call to the last step."""
    found: Folded = Counter()
    before = path.begin_ns
    for event in path.events:
        stack = path.stacks.get(event.stack_id or 0)
        own, context = is_own(path, event, stack), stack.context if stack else event.context
        if stack is None and event.name == _SWITCH:  # from a thread that is not recorded
            own, context = False, "waiting for a CPU"
        frames = way_of(path, event, stack) if stack else []
        begun = next(stacks_of_run(path, event), None) if event.name == _ENTRY else None
        if stack is None and begun is not None:  # written late, and how it began is on the stacks of what it did
            own, context = is_own(path, event, begun), begun.context
            way = way_of(path, event, begun)
            frames = way[: next((at for at, f in enumerate(way, 1) if f.function == _WHERE[_ENTRY]), 0)]
        names = [_frame(f) for f in frames] or [_WHERE[event.name]]
        root = _root(path.threads.get(event.tid, f"thread {event.tid}"), context, event.softirq, own=own)
        found[_line([*root, *names])] += max(event.time_ns - before, 0)
        before = max(event.time_ns, before)
    return +found


def of_capture(db: duckdb.DuckDBPyConnection) -> Folded:
    """How many events of the whole capture have each stack; empty if none was recorded."""
    rows = db.execute(_COUNTS).fetchall()
    known = stacks(db, sorted({row[4] for row in rows}))
    found: Folded = Counter()
    for who, own, context, softirq, stack_id, count in rows:
        frames = known[stack_id].way(with_caller=own)
        found[_line([*_root(who, context, softirq, own=own), *map(_frame, frames)])] += count
    return found


def _root(who: str, context: str, softirq: str | None, *, own: bool) -> list[str]:
    if own and context not in _OF_KERNEL:
        return [who, context]
    return [_KERNEL, context.replace("softirq", f"softirq {softirq}", 1) if softirq else context]


def _frame(frame: Frame) -> str:
    return frame.function or f"{frame.address:#x}"


def _line(names: Iterable[str]) -> str:
    """Frames are divided by semicolons, so they have none, and no line ends in one."""
    return ";".join(escape_text(name).replace(";", ":") for name in names)
