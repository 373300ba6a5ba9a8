"""Segments that were sent again: lost or late ones, needless ones, and probes of a quiet connection."""

from typing import Any

from wiretale.decode.durations import duration
from wiretale.explain.choose import is_told
from wiretale.explain.odd._rows import packet_refs
from wiretale.explain.story import Step
from wiretale.explain.words import count, numbers
from wiretale.explain.world import World

# A repeated segment, and the D-SACK (RFC 2883) by which the other end reports that it had it already: the first block
# of an acknowledgement lies below the acknowledgement number. Spans are 32-bit, so they are compared as differences.
_QUERY = f"""
WITH again AS (
    SELECT g.connection_id, g.direction, p.packet_id, p.number, p.time_ns, p.seq, g.rto_ns, g.rto_number, g.lo, g.hi
    FROM segment g JOIN packet p USING (packet_id)
    WHERE g.shown AND p.number IS NOT NULL AND list_contains(g.analysis, 'retransmission') AND g.truth IS NULL
        AND p.flags & 2 = 0 AND {is_told("g.connection_id")}
),
report AS (
    SELECT g.connection_id, g.direction, p.packet_id, p.number, p.sack[1] AS low,
        (p.sack[2]::BIGINT - p.sack[1]::BIGINT) & 4294967295 AS size
    FROM segment g JOIN packet p USING (packet_id)
    WHERE g.shown AND p.number IS NOT NULL AND len(p.sack) >= 2
        AND ((p.ack::BIGINT - p.sack[2]::BIGINT) & 4294967295) < 2147483648
),
judged AS (
    SELECT a.*, (SELECT min({{'id': r.packet_id, 'n': r.number}}) FROM report r WHERE r.connection_id = a.connection_id
        AND r.direction <> a.direction AND r.packet_id > a.packet_id
        AND ((a.seq::BIGINT - r.low::BIGINT) & 4294967295) + a.hi - a.lo <= r.size) AS report
    FROM again a
)
SELECT connection_id, direction, count(*), count(report), min(time_ns), max(rto_ns),
    list_sort(list({{'id': packet_id, 'n': number}}))[1:4], min(report), sum(hi - lo)::BIGINT
FROM judged GROUP BY connection_id, direction ORDER BY 5 LIMIT 6"""  # noqa: S608 (fixed text)

_PROBES = f"""
SELECT g.connection_id, g.truth, count(*), min(p.time_ns), list_sort(list({{'id': p.packet_id, 'n': p.number}}))[1:4]
FROM segment g JOIN packet p USING (packet_id)
WHERE g.shown AND p.number IS NOT NULL AND g.truth IS NOT NULL AND {is_told("g.connection_id")}
GROUP BY ALL ORDER BY 4 LIMIT 6"""  # noqa: S608 (fixed text)

_PROBE = {
    "keep_alive": (
        "Is anybody there?",
        "asked whether the other end is still there: a probe without new bytes, sent because nothing had passed for a "
        "while.",
        "SO_KEEPALIVE",
    ),
    "zero_window_probe": (
        "Is there room again?",
        "asked whether a full receiver has room again, as its word that it has could have been lost.",
        "zero_window_probe",
    ),
}


def find(world: World) -> list[Step]:
    """One step for each direction of a connection with repeated segments, and for each kind of probe."""
    again = "retransmission" in world.signs.analysis
    steps = [_resent(row) for row in world.db.execute(_QUERY).fetchall()] if again else []
    if not world.signs.has_probes:
        return steps
    for connection_id, kind, total, at, some in world.db.execute(_PROBES).fetchall():
        if kind in _PROBE:
            title, meaning, topic = _PROBE[kind]
            said = f"{count(total, 'segment')} of connection {connection_id} {meaning}"
            steps.append(
                Step("", title, (said,), at, refs=packet_refs((p["id"], p["n"]) for p in some), topics=(topic,))
            )
    return steps


def _resent(row: tuple[Any, ...]) -> Step:
    connection_id, direction, total, needless, at, longest, some, report, size = row
    way = "to the server" if direction == "c2s" else "to the client"
    shown = numbers("packet", [p["n"] for p in some])
    said = [
        f"{count(total, 'segment')} {way} on connection {connection_id} {'was' if total == 1 else 'were'} sent again "
        f"({shown}{' and more' if total > len(some) else ''}; "
        f"{count(size, 'byte') if size else 'no payload, but a FIN'})."
    ]
    if longest is not None:
        which = "It" if total == 1 else "The longest of them"
        said.append(f"{which} came {duration(longest)} after the one it repeats.")
    evidence = packet_refs((p["id"], p["n"]) for p in some)
    if needless and report is not None:
        which = "It" if total == needless == 1 else f"All {total}" if total == needless else f"{needless} of them"
        said.append(
            f"{which} {'was' if needless == 1 else 'were'} needless: the receiver reports that it had the bytes "
            "already "
            f"(packet {report['n']} names them in a D-SACK block). The first copy, or its acknowledgement, was merely "
            "late."
        )
        evidence = (*evidence, *packet_refs([(report["id"], report["n"])]))
    if needless < total:
        rest = "The sender had" if not needless else "For the others the sender had"
        said.append(f"{rest} no acknowledgement in time: a segment or its acknowledgement was lost or late.")
    return Step("", "Segments sent again", tuple(said), at, refs=evidence, topics=("retransmission",))
