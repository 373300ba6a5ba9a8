"""When each thread was blocked, in which call, and what ended it."""

from wiretale.explain.conversation import LEAST_BLOCKING_SEND, SENDS
from wiretale.explain.story import Figure, Ref, Span, Track
from wiretale.explain.words import count
from wiretale.explain.world import World

TRACKS, SPANS = 8, 24

# Of the threads that waited longest the longest waits. A connect that did not wait is none (EINPROGRESS is 115).
_QUERY = f"""
WITH one AS (
    SELECT c.pid, c.tid, w.wait_id, w.from_ns, w.to_ns, c.name, c.fd, w.fd AS ready_fd, w.ended_by, p.number,
        w.cause_call_id, coalesce(w.to_ns, ?) - w.from_ns AS took
    FROM wait w JOIN call c USING (call_id) LEFT JOIN packet p ON p.packet_id = w.packet_id
    WHERE c.errno IS DISTINCT FROM 115 AND NOT (c.name IN {SENDS} AND coalesce(c.retval, 0) < {LEAST_BLOCKING_SEND})
),
thread AS (
    SELECT pid, tid, row_number() OVER (ORDER BY sum(took) DESC, pid, tid) AS rank FROM one GROUP BY pid, tid
)
SELECT o.*, (SELECT count(*) FROM one), (SELECT count(*) FROM thread)
FROM one o JOIN thread t USING (pid, tid) WHERE t.rank <= {TRACKS}
QUALIFY row_number() OVER (ORDER BY took DESC, wait_id) <= {SPANS}
ORDER BY o.pid, o.tid, o.from_ns"""  # noqa: S608 (numbers and fixed names)

_ENDED = {
    "peer": "another's call", "child": "a child", "thread": "the end of a thread",
    "input": "input", "timeout": "its time limit", "signal": "a signal",
    "error": "an error", "unknown": "a cause not seen", "packet": "a packet",
}  # fmt: skip


def waits(world: World) -> Figure | None:
    """One track for each thread; None if nobody waited."""
    tracks: dict[tuple[int, int], list[Span]] = {}
    total = threads = 0
    for row in world.db.execute(_QUERY, [world.end_ns]).fetchall():
        pid, tid, wait_id, begin, end, name, fd, ready, ended_by, number, cause, _, total, threads = row
        by = f"packet {number}" if number is not None else _ENDED.get(ended_by, ended_by or "")
        by = f"call {cause}" if cause is not None else by
        if fd is None and ready is not None:
            by += f" (descriptor {ready})"
        label = f"{name}({fd if fd is not None else ''})"
        ref = Ref("wait", wait_id, f"wait {wait_id}")
        how = "not ended" if ended_by == "not ended" else f"until {by}"
        tracks.setdefault((pid, tid), []).append(Span(label, begin, end, "waiting", ref, how))
    if not tracks:
        return None
    named = tuple(
        Track(world.short(pid) + (f" thread {tid}" if tid != pid else ""), tuple(spans))
        for (pid, tid), spans in tracks.items()
    )
    caption = "Each bar is a call in which the thread was blocked; beside the bars it ran, or was ready to."
    drawn = sum(len(t.spans) for t in named)
    if drawn < total:
        caption += f" These are the {drawn} longest of {count(total, 'wait')}"
        caption += f" of {count(threads, 'thread')}." if threads > 1 else "."
    return Figure("fig-waits", "Who waited, in which call, and what ended it", caption, named)
