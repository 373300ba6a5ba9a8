"""Many tiny writes or reads in a row, where one call would have done."""

from typing import Any

from wiretale.explain.odd._rows import packet_refs, refs
from wiretale.explain.story import Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World

TINY_WRITE, MANY_WRITES = 64, 20  # bytes at most; calls in a row
TINY_READ, MANY_READS = 4, 50
HEADERS = 40  # an IPv4 and a TCP header without options (RFC 791, RFC 9293)

# Runs of transfers on one stream with no other call of the thread between them: nothing was waited for or looked up.
_RUNS = """
WITH tiny AS (
    SELECT m.call_id, m.connection_id, m.direction, m.hi - m.lo AS size, m.{id} AS id, c.task_id, c.pid, c.name, c.fd
    FROM {table} m JOIN call c USING (call_id) JOIN connection k USING (connection_id)
    WHERE m.hi - m.lo BETWEEN 1 AND {most} AND k.protocol IN ('tcp', 'unix-stream'){extra}
),
tasks AS (SELECT task_id FROM tiny GROUP BY task_id HAVING count(*) >= {many}),
numbered AS (
    SELECT call_id, row_number() OVER (PARTITION BY task_id ORDER BY call_id) AS n
    FROM call WHERE task_id IN (SELECT task_id FROM tasks)
),
run AS (
    SELECT t.*, n - row_number() OVER (PARTITION BY task_id, connection_id, direction ORDER BY call_id) AS run
    FROM tiny t JOIN numbered USING (call_id)
)
SELECT any_value(pid), any_value(name), any_value(fd), connection_id, count(*), sum(size)::BIGINT, max(size),
    list_sort(list(call_id))[1:3], list(id), min(call_id)
FROM run GROUP BY task_id, connection_id, direction, run HAVING count(*) >= {many}
QUALIFY row_number() OVER (PARTITION BY connection_id, task_id ORDER BY count(*) DESC) = 1
ORDER BY min(call_id) LIMIT 4"""


def find(world: World) -> list[Step]:
    """The longest run of each thread and connection."""
    return [*_writes(world), *_reads(world)]


def _writes(world: World) -> list[Step]:
    if world.signs.writes < MANY_WRITES:
        return []
    query = _RUNS.format(id="write_id", table="stream_write", most=TINY_WRITE, many=MANY_WRITES, extra="")
    steps = []
    for row in world.db.execute(query).fetchall():
        total, ids, writes, first = row[4], *row[7:]
        said = [_said(world, row, "wrote")]
        evidence = refs("call", ids)
        segments = world.db.execute(
            "SELECT count(DISTINCT packet_id), min({'id': packet_id, 'n': p.number}) FROM link JOIN packet p USING "
            "(packet_id)"
            " WHERE kind = 'write_segment' AND NOT retransmission AND write_id IN (SELECT unnest(?))",
            [writes],
        ).fetchone()
        if segments and segments[0]:
            merged = " (the kernel put several into one)" if segments[0] < total else ""
            said.append(
                f"They left in {count(segments[0], 'segment')}{merged}, each with at least {HEADERS} bytes of headers."
            )
            evidence = (*evidence, *packet_refs([(segments[1]["id"], segments[1]["n"])]))
        steps.append(
            Step("", "Many tiny writes", tuple(said), _time(world, first), refs=evidence, topics=("TCP_NODELAY",),
                 remedy="collect the bytes in a buffer and write them in one call, or use writev()")
        )  # fmt: skip
    return steps


def _reads(world: World) -> list[Step]:
    if world.signs.reads < MANY_READS:
        return []
    extra = " AND NOT m.peeked"
    query = _RUNS.format(id="read_id", table="stream_read", most=TINY_READ, many=MANY_READS, extra=extra)
    return [
        Step("", "Many tiny reads", (_said(world, row, "read"),), _time(world, row[9]), refs=refs("call", row[7]),
             background=("Each call costs a way into the kernel and back, whether it brings one byte or thousands.",),
             remedy="read into a buffer of some kilobytes and take the bytes from there")
        for row in world.db.execute(query).fetchall()
    ]  # fmt: skip


def _said(world: World, row: tuple[Any, ...], verb: str) -> str:
    pid, name, fd, connection_id, total, size, most = row[:7]
    each = count(most, "byte") if size == most * total else f"at most {count(most, 'byte')}"
    return (
        f"{world.who(pid)} {verb} {count(size, 'byte')} on descriptor {fd} (connection {connection_id}) in "
        f"{count(total, 'call')} of {code(name + '()')}, {each} each, with no other call between them."
    )


def _time(world: World, call_id: int) -> int | None:
    row = world.db.execute("SELECT entry_ns FROM call WHERE call_id = ?", [call_id]).fetchone()
    return row[0] if row else None
