"""Stacks of kernel events, and for which softirqs the call they ran in is proven to be the cause."""

import duckdb

from wiretale.decode.kernel_stack import plain_name
from wiretale.light import dataclass, field

# A run of a softirq (counted per CPU) is the work of the call in whose time it ran if every recorded packet received in
# it was put there by the same thread in the same call, or by the run itself (an acknowledgement, answered at once).
CAUSED = """
WITH runs AS (
    SELECT e.event_id, e.time_ns, e.cpu, e.tid, e.head, e.name, e.context, k.call_id,
           sum(CAST(e.name = 'irq:softirq_entry' AS INTEGER)) OVER (
               PARTITION BY e.cpu ORDER BY e.time_ns, e.event_id ROWS UNBOUNDED PRECEDING) AS run
    FROM kernel_event e JOIN kernel_link k USING (event_id)
    WHERE e.context = 'softirq' OR e.name = 'net:netif_rx'
),
put AS (FROM runs WHERE name = 'net:netif_rx' AND call_id IS NOT NULL),
received AS (FROM runs WHERE name IN ('net:netif_receive_skb', 'net:napi_gro_receive_entry') AND context = 'softirq'),
proven AS (
    SELECT r.cpu, r.run, min(r.call_id) AS call_id
    FROM received r ASOF LEFT JOIN put p ON p.head = r.head AND r.time_ns >= p.time_ns
    GROUP BY r.cpu, r.run
    HAVING bool_and(coalesce(p.tid = r.tid AND p.call_id = r.call_id
                             AND (p.context = 'task' OR (p.cpu = r.cpu AND p.run = r.run)), false))
)
SELECT r.event_id, p.call_id FROM runs r JOIN proven p ON p.cpu = r.cpu AND p.run = r.run AND p.call_id = r.call_id
WHERE r.context = 'softirq'
"""

_STACKS = """
SELECT s.stack_id, s.context, s.backlog, s.truncated, f.function, f.part, f.module, f.address
FROM kernel_stack s JOIN kernel_frame f USING (stack_id)
WHERE s.stack_id IN (SELECT unnest(?)) ORDER BY s.stack_id, f.depth"""


@dataclass(frozen=True, slots=True)
class Frame:
    """One function on a stack; `function` is None where it has no name. Parts are those of model/raw.py."""

    function: str | None
    part: str
    module: str | None
    address: int


@dataclass(slots=True)
class Stack:
    """Frames have the innermost first."""

    stack_id: int
    context: str
    backlog: bool
    truncated: bool
    frames: list[Frame] = field(default_factory=list)

    def way(self, *, with_caller: bool) -> list[Frame]:
        """What was done for the event, the outermost first; the caller of a softirq only where it is the cause."""
        wanted = ("work", "entry", "caller") if with_caller else ("work",)
        way = [f for f in reversed(self.frames) if f.part in wanted]
        return way or [f for f in self.frames if f.part == "entry"][:1]  # the softirq itself, which begins or ends


def stacks(db: duckdb.DuckDBPyConnection, wanted: list[int]) -> dict[int, Stack]:
    """Stacks by their number."""
    found: dict[int, Stack] = {}
    for stack_id, context, backlog, truncated, function, part, module, address in db.execute(
        _STACKS, [wanted]
    ).fetchall():
        stack = found.setdefault(stack_id, Stack(stack_id, context, backlog, truncated))
        stack.frames.append(Frame(plain_name(function) if function else None, part, module, address))
    return found
