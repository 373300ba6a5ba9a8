"""Only small segments arrive: a link with a smaller MTU on the way, of which no ICMP message tells (RFC 2923 2.1)."""

from typing import Any

from wiretale.explain.choose import is_told
from wiretale.explain.odd._rows import packet_refs
from wiretale.explain.story import Step
from wiretale.explain.words import count, numbers
from wiretale.explain.world import World

# How often the first missing segment must have been sent. By chance alone it is the larger ones each time only rarely.
LEAST_TIMES = 3

# Beyond what the other end acknowledged: segments that it reports as arrived in SACK blocks (RFC 2018), and those that
# it does not. Positions are told from the acknowledgement number, as both are 32 bits wide.
_QUERY = f"""
WITH reached AS (
    SELECT connection_id, direction, max(acked) AS upto FROM segment
    WHERE shown AND acked IS NOT NULL AND {is_told()} GROUP BY ALL
),
block AS (
    SELECT g.connection_id, g.direction, p.packet_id, p.number, g.acked,
        unnest(range(1, len(p.sack), 2)) AS i, p.sack AS edges, p.ack
    FROM segment g JOIN packet p USING (packet_id) JOIN reached r ON r.connection_id = g.connection_id
        AND r.direction = g.direction AND r.upto = g.acked
    WHERE g.shown AND p.number IS NOT NULL AND len(p.sack) >= 2
),
has AS (
    SELECT connection_id, direction, packet_id, number,
        acked + ((edges[i]::BIGINT - ack::BIGINT) & 4294967295) AS lo,
        acked + ((edges[i + 1]::BIGINT - ack::BIGINT) & 4294967295) AS hi
    FROM block WHERE ((edges[i]::BIGINT - ack::BIGINT) & 4294967295) < 2147483648
),
beyond AS (
    SELECT g.connection_id, g.direction, p.packet_id, p.number, p.time_ns, g.lo, g.hi, r.upto,
        (SELECT min({{'id': h.packet_id, 'n': h.number}}) FROM has h WHERE h.connection_id = g.connection_id
            AND h.direction <> g.direction AND h.lo <= g.lo AND g.hi <= h.hi) AS report
    FROM segment g JOIN packet p USING (packet_id)
    JOIN reached r ON r.connection_id = g.connection_id AND r.direction <> g.direction
    WHERE g.shown AND p.number IS NOT NULL AND g.hi > greatest(g.lo, r.upto)
        AND EXISTS (FROM has h WHERE h.connection_id = g.connection_id AND h.direction <> g.direction)
)
SELECT connection_id, direction, min(time_ns) FILTER (report IS NULL), max(hi - lo) FILTER (report IS NOT NULL),
    min(hi - lo) FILTER (report IS NULL) AS lost_size, count(*) FILTER (lo = upto AND report IS NULL) AS times,
    list_sort(list({{'id': packet_id, 'n': number}}) FILTER (lo = upto AND report IS NULL))[1:4], min(report)
FROM beyond GROUP BY connection_id, direction
HAVING times >= {LEAST_TIMES} AND lost_size > max(hi - lo) FILTER (report IS NOT NULL) ORDER BY 3 LIMIT 4"""  # noqa: S608 (fixed text)


def find(world: World) -> list[Step]:
    """One step for each direction of a connection."""
    if "retransmission" not in world.signs.analysis:
        return []
    return [_step(row) for row in world.db.execute(_QUERY).fetchall()]


def _step(row: tuple[Any, ...]) -> Step:
    connection_id, direction, at, small, large, times, some, report = row
    way = "to the server" if direction == "c2s" else "to the client"
    shown = numbers("packet", [p["n"] for p in some])
    said = (
        f"On connection {connection_id} no segment {way} of {count(large, 'byte')} or more arrived from here on: the "
        f"first of them was sent {count(times, 'time')} ({shown}{' and more' if times > len(some) else ''}). What was "
        f"sent behind it in {'a segment' if small else 'segments'} of {count(small, 'byte')} did: packet {report['n']} "
        "reports it in a SACK block. So the way is open, but not for large packets: most likely a link on it takes "
        "only smaller ones, and the ICMP message that would say so does not arrive.",
    )
    return Step(
        "", "Large segments vanish, small ones arrive", said, at, inferred=True,
        refs=(*packet_refs((p["id"], p["n"]) for p in some), *packet_refs([(report["id"], report["n"])])),
        background=("A router that may not divide a packet drops it and says by ICMP which size would pass. Where that "
                    "message is filtered, the sender never learns it: connections are made, and hang at the first long "
                    "message (RFC 2923 2.1).",),
        remedy="ping -M do -s SIZE finds the size that passes; let ICMP through, set that MTU on the route, or "
        "sysctl net.ipv4.tcp_mtu_probing=1",
    )  # fmt: skip
