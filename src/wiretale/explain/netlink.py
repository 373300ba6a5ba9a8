"""What programs asked the kernel itself: netlink sockets, by process and protocol."""

from wiretale.explain.conversation import RECEIVES, SENDS
from wiretale.explain.story import Anchors, Chapter, Ref, Section, Step
from wiretale.explain.words import code, count
from wiretale.explain.world import World

PROCESSES_TOLD = 8
# What each protocol of the family is for, by number (netlink(7), include/uapi/linux/netlink.h).
_PROTOCOLS = {
    0: ("NETLINK_ROUTE", "links, addresses, routes and neighbours"),
    4: ("NETLINK_SOCK_DIAG", "the sockets there are"),
    6: ("NETLINK_XFRM", "IPsec"),
    9: ("NETLINK_AUDIT", "the audit log"),
    12: ("NETLINK_NETFILTER", "packet filters"),
    15: ("NETLINK_KOBJECT_UEVENT", "devices that come and go"),
    16: ("NETLINK_GENERIC", "parts of the kernel that are asked by name"),
}
# Bytes of requests and answers; what was only looked at (MSG_PEEK is 2) is not counted.
_QUERY = f"""
SELECT c.pid, s.protocol, count(DISTINCT s.socket_id), min(c.entry_ns), list_sort(list(c.call_id))[1:4],
    count(*) FILTER (c.name IN {SENDS} AND c.retval > 0), sum(c.retval) FILTER (c.name IN {SENDS} AND c.retval > 0),
    count(*) FILTER (c.name IN {RECEIVES} AND c.retval > 0 AND NOT peeks),
    sum(c.retval) FILTER (c.name IN {RECEIVES} AND c.retval > 0 AND NOT peeks)
FROM (SELECT *, CASE name WHEN 'recvmsg' THEN a2 & 2 <> 0 WHEN 'recvfrom' THEN a3 & 2 <> 0 ELSE FALSE END AS peeks
      FROM call WHERE name IN {(*SENDS, *RECEIVES)}) c
JOIN call_file f USING (call_id) JOIN socket s USING (socket_id)
WHERE s.family = 'AF_NETLINK' GROUP BY c.pid, s.protocol ORDER BY min(c.entry_ns) LIMIT {PROCESSES_TOLD}"""  # noqa: S608


def netlink(world: World) -> Chapter | None:
    """The chapter; None if no traced process used such a socket."""
    rows = world.db.execute(_QUERY).fetchall() if world.signs.netlink else []
    steps = []
    for pid, protocol, sockets, first, ids, asked, sent, answered, got in rows:
        name, subject = _PROTOCOLS.get(protocol, (f"protocol {protocol}", ""))
        about = f", which is about {subject}" if subject else ""
        over = f"{count(sockets, 'netlink socket')} ({code(name)}{about})"
        said = [f"{world.who(pid)} talks to the kernel over {over}."]
        if asked:
            said.append(f"It sends {count(asked, 'request')} ({count(sent, 'byte')}).")
        if answered:
            said.append(f"It reads {count(answered, 'answer')} ({count(got, 'byte')}).")
        refs = tuple(Ref("call", i, f"call {i}") for i in ids)
        steps.append(Step("", f"{world.who(pid)} asks the kernel", tuple(said), first, refs=refs))
    if not steps:
        return None
    intro = ("Over a netlink socket the other end is the kernel: no connection is made, and no packet leaves.",)
    return Chapter("kernel", "What was asked of the kernel", intro, (Section("", Anchors("kernel").all_named(steps)),))
