"""Packets that a machine passes on: from the device they came in by to another, by its bridge or by IP.

The sk_buff, or the data it holds, stays the same; the addresses in its headers may not (NAT).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wiretale.light import dataclass

if TYPE_CHECKING:
    from wiretale.join.kernel_path import PathEvent

RECEIVED, QUEUED = "net:netif_receive_skb", "net:net_dev_queue"
_TURN = ("irq:softirq_entry", "irq:softirq_exit")  # what is sent after these is not what came in before
_BRIDGE_PORT = 1  # value of QUEUED


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A hand-over to a device of a packet that had come before. `was`: source and destination before, if others."""

    by_bridge: bool
    was: tuple[str, str] | None


def passed_on(events: "Iterable[PathEvent]") -> dict[int, PassedOn]:
    """By event id, the hand-overs that pass a packet on. `events` are in order of time."""
    before: dict[tuple[int, str], PathEvent] = {}  # by CPU and context, what came in, or was given to a bridge, last
    found: dict[int, PassedOn] = {}
    for event in events:
        where = (event.cpu, event.context)
        if event.name in _TURN:
            before.pop(where, None)
        if event.name not in (RECEIVED, QUEUED):
            continue
        known = before.get(where)
        by_bridge = event.value == _BRIDGE_PORT
        # a host sends by a bridge of its own: the bridge's device first, then the port
        passes = event.name == QUEUED and known is not None and (known.name == RECEIVED or by_bridge)
        if known is not None and passes and _is_same(known, event):
            ends, was = (event.source, event.destination), (known.source, known.destination)
            changed = (str(was[0]), str(was[1])) if was != ends and None not in (*was, *ends) else None
            found[event.event_id] = PassedOn(by_bridge, changed)
        before[where] = event
    return found


def _is_same(one: "PathEvent", other: "PathEvent") -> bool:
    """Memory is used again: an answer may lie where the packet lay that it answers."""
    if (one.payload_bytes, one.flags) != (other.payload_bytes, other.flags):
        return False
    answers = (one.source, one.destination) == (other.destination, other.source)
    return not answers and None not in (one.head, other.head) and (one.skb == other.skb or one.head == other.head)
