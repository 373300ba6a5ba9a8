"""Multicast groups: who asked to be in which, and the reports by which the kernel told the network of it."""

from wiretale.decode.durations import duration
from wiretale.explain.story import Anchors, Chapter, Ref, Section, Step
from wiretale.explain.words import code, count, numbers
from wiretale.explain.world import World
from wiretale.join.memberships import Membership, Report, memberships

TOLD = 12
_INTRO = (
    "What is sent to a multicast group is received by every host that is in it. A program asks the kernel; the kernel "
    "tells the network, with IGMP for IPv4 and MLD for IPv6, so that switches and routers pass on what is sent to the "
    "group."
)


def groups(world: World) -> Chapter | None:
    """The chapter; None if no recorded program asked for a group."""
    if not world.signs.called("setsockopt"):
        return None
    found = memberships(world.db)
    steps = [_step(world, m) for m in found[:TOLD]]
    if len(found) > TOLD:
        left = found[TOLD:]
        said = f"{count(len(left), 'more call')} asked to be in a group, or no longer."
        refs = tuple(_call(m) for m in left[:4])
        steps.append(Step("", "More groups", (said,), left[0].time_ns, refs=refs, key="more-groups"))
    if not steps:
        return None
    return Chapter("groups", "Multicast groups", (_INTRO,), (Section("", Anchors("groups").all_named(steps)),))


def _call(m: Membership) -> Ref:
    return Ref("call", m.call_id, f"call {m.call_id}")


def _step(world: World, m: Membership) -> Step:
    who = world.who(m.pid)
    asked = "asked to be in" if m.joins else "asked to leave"
    said = [f"{who} {asked} group {code(m.group)}.", *_reported(world, m)]
    if m.left:
        said.append(
            f"When its socket was closed the group was left: {_sent(m.left, m.closed_ns or m.time_ns, 'that')}."
        )
    refs = (_call(m), *(Ref("packet", r.packet_id, f"packet {r.number}") for r in (*m.reports[:3], *m.left[:2])))
    title = f"{'Into' if m.joins else 'Out of'} group {m.group}"
    return Step("", title, tuple(said), m.time_ns, refs=refs)


def _reported(world: World, m: Membership) -> list[str]:
    if m.reports:
        name = "the report" if m.joins else "what tells of it"
        return [f"{_sent(m.reports, m.time_ns, name)}."]
    if not world.has_packets:
        return []
    if not m.joins:
        return ["Nothing that tells of it was captured: another socket may still be in the group."]
    return [
        "No report of it was captured: another socket may have been in the group already, or the interface was not "
        "recorded."
    ]


def _sent(reports: list[Report], since_ns: int, name: str) -> str:
    """`The report went out as packet 4, 12 ms later, and again as packet 9`."""
    first = reports[0]
    again = numbers("packet", [r.number for r in reports[1:4]], len(reports) - 4)
    more = f", and again as {again}" if len(reports) > 1 else ""
    return f"{name} went out as packet {first.number}, {duration(first.time_ns - since_ns)} later{more}"
