"""Processes that were stopped by a signal, and not continued: they do nothing, and look as if they hung."""

from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Step
from wiretale.explain.words import capital, code
from wiretale.explain.world import World

MOST = 4

# Every thread of it was stopped when the recorder looked for the last time; under ptrace that is a stop by the tracer,
# and a stop by a signal if it was one before and nothing has returned from a call since.
_QUERY = """
WITH looked AS (
    SELECT pid, tid, arg_max(state, time_ns) AS last, arg_min(state, time_ns) AS first, max(time_ns) AS at
    FROM thread_sample GROUP BY pid, tid
)
SELECT l.pid, bool_and(l.first = 'T'), max(l.at), any_value(t.task_id),
    (SELECT arg_max({'name': g.name, 'sender': g.sender_pid, 'at': g.time_ns}, g.time_ns)
     FROM signal g JOIN task o USING (task_id) WHERE o.pid = l.pid AND NOT g.stopped
        AND g.name IN ('SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'))
FROM looked l JOIN task t ON t.pid = l.pid AND t.is_leader AND t.traced
GROUP BY l.pid HAVING bool_and(l.last = 'T' OR l.last = 't' AND (l.first = 'T' OR EXISTS (
    FROM signal g WHERE g.tid = l.tid AND g.stopped))
    AND NOT EXISTS (FROM call c WHERE c.tid = l.tid AND c.exit_ns >= l.at))
ORDER BY l.pid"""


def find(world: World) -> list[Step]:
    """One step for each process."""
    steps = []
    for pid, from_the_start, at, task_id, sent in world.db.execute(_QUERY).fetchmany(MOST):
        since = "when the recorder came, and still" if from_the_start else "by a signal"
        by = ""
        if sent is not None and not from_the_start:
            sender = f" sent by {world.who(sent['sender'])}" if sent["sender"] else ""
            by = f" It got {code(sent['name'])}{sender} at {world.at(sent['at'])}."
        said = (
            f"{capital(world.who(pid))} was stopped {since} at {world.at(at)}: none of its threads runs before it is "
            f"continued.{by}"
        )
        steps.append(
            Step("", "Stopped", (said,),
                 None if from_the_start or sent is None else sent["at"], refs=refs("task", [task_id]),
                 background=("A stopped process takes no signal but SIGKILL and SIGCONT; the kernel goes on to "
                             "acknowledge what comes for it, until its buffers are full.",),
                 remedy=f"kill -CONT {pid}")
        )  # fmt: skip
    return steps
