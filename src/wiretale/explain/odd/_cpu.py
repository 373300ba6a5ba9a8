"""Shared by the oddities: threads that ran, or waited for a CPU, most of the time between the recorder's looks."""

from wiretale.decode.durations import duration
from wiretale.explain.odd._blocked import thread
from wiretale.explain.words import capital, listed
from wiretale.explain.world import World

LEAST_NS = 1_000_000_000
LEAST_SHARE = 50  # per cent
MOST = 3

_TIMES = """
SELECT tid, max(time_ns) - min(time_ns) AS between, arg_max(cpu_ns, time_ns) - arg_min(cpu_ns, time_ns) AS ran,
    arg_max(delay_ns, time_ns) - arg_min(delay_ns, time_ns) AS waited
FROM thread_sample WHERE pid = ? AND cpu_ns IS NOT NULL AND delay_ns IS NOT NULL GROUP BY tid
HAVING max(time_ns) - min(time_ns) >= ? ORDER BY ran + waited DESC, tid"""


def on_cpu(world: World, pid: int) -> list[str]:
    """`Thread 9 had a CPU for 3.9 s of 4 s.`: a sentence for each such thread, of no more than a few."""
    said = []
    for tid, between, ran, waited in world.db.execute(_TIMES, [pid, LEAST_NS]).fetchall():
        parts = [f"had a CPU for {duration(ran)}"] if ran * 100 >= LEAST_SHARE * between else []
        if waited * 100 >= LEAST_SHARE * between:
            parts.append(f"could run and waited for a CPU for {duration(waited)}")
        if parts:
            said.append(f"{capital(thread(world, tid, pid))} {listed(parts)} of the {duration(between)} between the "
                        "recorder's two looks at it.")  # fmt: skip
    return said[:MOST]
