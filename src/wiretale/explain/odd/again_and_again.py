"""A program that asks a descriptor over and over without having been told that there is something: EAGAIN in a row."""

from wiretale.decode.durations import duration
from wiretale.explain.odd._rows import refs
from wiretale.explain.story import Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World

EAGAIN = 11
MANY = 10  # in a row
SLEEPS = ("nanosleep", "clock_nanosleep", "sched_yield")

# Runs of one call on one descriptor that met EAGAIN, with nothing but sleep between them.
_QUERY = f"""
WITH tasks AS (
    SELECT task_id FROM call WHERE errno = {EAGAIN} AND fd IS NOT NULL GROUP BY task_id HAVING count(*) >= {MANY}
),
numbered AS (
    SELECT c.*, row_number() OVER (PARTITION BY task_id ORDER BY call_id) AS n FROM call c JOIN tasks USING (task_id)
    WHERE c.name NOT IN {SLEEPS}
),
vain AS (
    SELECT *, n - row_number() OVER (PARTITION BY task_id, name, fd ORDER BY call_id) AS run
    FROM numbered WHERE errno = {EAGAIN} AND fd IS NOT NULL
),
runs AS (
    SELECT task_id, pid, name, fd, count(*) AS total, min(entry_ns) AS first, max(coalesce(exit_ns, entry_ns)) AS last,
        list_sort(list(call_id))[1:5] AS ids, min(call_id) AS low, max(call_id) AS high
    FROM vain GROUP BY task_id, pid, name, fd, run HAVING count(*) >= {MANY}
)
SELECT r.pid, r.name, r.fd, sum(r.total)::BIGINT, count(*), max(r.total), min(r.first), sum(r.last - r.first)::BIGINT,
    arg_max(r.ids, r.total),
    (SELECT count(*) FROM call s WHERE s.task_id = any_value(r.task_id) AND s.name IN {SLEEPS}
        AND s.call_id BETWEEN min(r.low) AND max(r.high))
FROM runs r GROUP BY r.pid, r.name, r.fd, r.task_id ORDER BY min(r.first) LIMIT 4"""  # noqa: S608 (fixed text of this module)


def find(world: World) -> list[Step]:
    """One step for each task, call and descriptor."""
    if world.signs.met(EAGAIN) < MANY:
        return []
    steps = []
    for pid, name, fd, total, runs, most, first, took, ids, sleeps in world.db.execute(_QUERY).fetchall():
        said = [
            f"{world.who(pid)} called {code(name + '()')} on descriptor {fd} {most} times in a row and each time got "
            f"{code('EAGAIN')}: not ready, try again."
        ]
        if runs > 1:
            said.append(f"It did so {runs} times, {count(total, 'call')} altogether.")
        if sleeps:
            said.append(
                f"It slept between them ({count(sleeps, 'time')}) instead of waiting for the descriptor: what arrives "
                "meanwhile lies there until it asks again."
            )
        else:
            said.append(f"No call of it between them waited: in those {duration(took)} it did nothing but ask.")
        steps.append(
            Step("", f"{name}() asks again and again", tuple(said), first, refs=refs("call", ids), topics=("EAGAIN",),
                 background=("One such answer is normal for a program that empties a socket before it waits. Many in a "
                             "row "
                             "mean that it does not wait.",),
                 remedy="wait with poll() or epoll_wait() until the descriptor is ready")
        )  # fmt: skip
    return steps
