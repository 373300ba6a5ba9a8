"""A window of 0: the reader is slower than the sender, which has to stop."""

from wiretale.decode.durations import duration
from wiretale.explain.choose import is_told
from wiretale.explain.odd._rows import packet_refs, refs, times
from wiretale.explain.story import Step
from wiretale.explain.words import count
from wiretale.explain.world import World

# Stretches in which an end announced no room, from the segment that closed the window to the one that opened it again.
_QUERY = f"""
WITH told AS (
    SELECT g.connection_id, g.direction, p.packet_id, p.number, p.time_ns, g.acked, g.scaled_window = 0 AS shut,
        lag(g.scaled_window = 0, 1, FALSE) OVER w AS was_shut,
    FROM segment g JOIN packet p USING (packet_id)
    WHERE g.shown AND p.number IS NOT NULL AND p.flags & 6 = 0 AND g.scaled_window IS NOT NULL
        AND g.connection_id IN (SELECT connection_id FROM segment WHERE list_contains(analysis, 'zero_window')
            AND {is_told()})
    WINDOW w AS (PARTITION BY g.connection_id, g.direction ORDER BY p.packet_id)
),
turn AS (
    SELECT *, lead(time_ns) OVER w AS until, lead(packet_id) OVER w AS opened_id, lead(number) OVER w AS opened
    FROM told WHERE shut <> was_shut WINDOW w AS (PARTITION BY connection_id, direction ORDER BY packet_id)
)
SELECT t.connection_id, t.direction, count(*), min(t.time_ns), sum(t.until - t.time_ns)::BIGINT,
    max(t.until - t.time_ns),
    count(*) FILTER (t.until IS NULL),
    arg_min({{'id': t.packet_id, 'n': t.number, 'acked': t.acked}}, t.packet_id),
    arg_min({{'id': t.opened_id, 'n': t.opened}}, t.packet_id), any_value(e.pid), any_value(e.socket_id)
FROM turn t LEFT JOIN endpoint e ON e.connection_id = t.connection_id AND e.sends = t.direction
WHERE t.shut GROUP BY t.connection_id, t.direction ORDER BY 4 LIMIT 6"""  # noqa: S608 (fixed text)


def find(world: World) -> list[Step]:
    """One step for each end that announced it."""
    if "zero_window" not in world.signs.analysis:
        return []
    steps = []
    for row in world.db.execute(_QUERY).fetchall():
        connection_id, direction, total, at, stalled, longest, never, shut, opened, pid, socket_id = row
        who = world.who(pid) if pid is not None else "the client" if direction == "c2s" else "the server"
        said = [
            f"The kernel of {who} announced {times(total)} on connection {connection_id} that it had no room (a window "
            f"of 0{', first' if total > 1 else ''} in packet {shut['n']}): its receive buffer was full, and the other "
            "end had to stop sending."
        ]
        evidence = packet_refs([(shut["id"], shut["n"])])
        if pid is not None and shut["acked"] is not None:
            read = _read_until(world, connection_id, direction, at)
            arrived = shut["acked"]
            if read < arrived:
                said.append(f"The program had then read {read:,} of the {count(arrived, 'byte')} that had arrived.")
                evidence = (*evidence, *refs("socket", [socket_id]))
        if stalled is not None:
            most = f"; the longest time was {duration(longest)}" if duration(longest) != duration(stalled) else ""
            said.append(f"There was no room for {duration(stalled)} altogether{most}.")
        if opened["n"] is not None:
            evidence = (*evidence, *packet_refs([(opened["id"], opened["n"])]))
        if never:
            said.append("After the last of them no room was announced any more." if total > 1 else "No room was "
                        "announced any more.")  # fmt: skip
        steps.append(
            Step("", "A full receiver", tuple(said), at, refs=evidence, topics=("zero_window",),
                 background=("This is flow control at work: the sender may never have more bytes under way than the "
                             "receiver "
                             "announced. Short stops are ordinary where a fast sender meets a program that also has "
                             "other "
                             "work; long ones mean that the reader is what limits the speed.",))
        )  # fmt: skip
    return steps


def _read_until(world: World, connection_id: int, direction: str, at: int) -> int:
    row = world.db.execute(
        "SELECT max(r.hi) FROM stream_read r JOIN call c USING (call_id) WHERE r.connection_id = ? AND r.direction <> ?"
        " AND NOT r.peeked AND c.start_ns <= ?",
        [connection_id, direction, at],
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
