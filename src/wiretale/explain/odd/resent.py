"""Segments that were sent again, windows that were full: trouble on the way, or a slow reader."""

from wiretale.explain.story import Ref, Step
from wiretale.explain.words import count
from wiretale.explain.world import World

_KINDS = {
    "retransmission": (
        "Segments sent again",
        "carried bytes that had been sent before: a segment or its acknowledgement was lost or late.",
    ),
    "zero_window": (
        "A full receiver",
        "announced a window of 0: the receiving program had not read, its buffer was full, and the sender had to stop.",
    ),
}


def find(world: World) -> list[Step]:
    """One step for each connection and kind."""
    rows = world.db.execute(
        """
        SELECT g.connection_id, kind, count(*), min(p.time_ns), list_sort(list({'id': p.packet_id, 'n': p.number}))[1:5]
        FROM segment g JOIN packet p USING (packet_id), (SELECT unnest(['retransmission', 'zero_window']) AS kind) k
        WHERE g.shown AND p.number IS NOT NULL AND list_contains(g.analysis, kind)
        GROUP BY ALL ORDER BY 4 LIMIT 8"""
    ).fetchall()
    steps = []
    for connection_id, kind, total, at, some in rows:
        title, meaning = _KINDS[kind]
        said = f"On connection {connection_id} {count(total, 'segment')} {meaning}"
        refs = tuple(Ref("packet", p["id"], f"packet {p['n']}") for p in some)
        steps.append(Step("", title, (said,), at, refs=refs))
    return steps
