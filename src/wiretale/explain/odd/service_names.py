"""Reading /etc/services and its like: turning names of hosts and ports into numbers."""

from wiretale.explain.odd._rows import Group, all_refs, merged, refs
from wiretale.explain.story import Step
from wiretale.explain.words import code, listed
from wiretale.explain.world import World

# What glibc reads to turn names into numbers (getaddrinfo(3), nsswitch.conf(5), hosts(5), services(5), resolv.conf(5)).
_FILES = ("/etc/services", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
          "/etc/protocols")  # fmt: skip
_BLOBS = "(" + ", ".join(f"'{name}'::BLOB" for name in _FILES) + ")"
_QUERY = f"""
SELECT c.pid, string_agg(DISTINCT CAST(d.bytes AS VARCHAR), ' ' ORDER BY CAST(d.bytes AS VARCHAR)),
    count(DISTINCT c.call_id), min(c.entry_ns), list_sort(list(DISTINCT c.call_id))[1:6]
FROM call c JOIN call_data d ON d.call_id = c.call_id AND d.role = 'string'
WHERE c.name IN ('open', 'openat') AND d.bytes IN {_BLOBS} GROUP BY c.pid ORDER BY 4 LIMIT 200"""  # noqa: S608 (fixed text of this module)
_TOLD = 5


def find(world: World) -> list[Step]:
    """One step for all who opened such files."""
    if not world.signs.called("open", "openat"):
        return []
    found = merged(world, [
        Group((pid,), files, None, total, first, refs("call", ids))
        for pid, files, total, first, ids in world.db.execute(_QUERY).fetchall()
    ])  # fmt: skip
    if not found:
        return []
    said = [f"{g.who(world)} opened {listed([code(f) for f in g.key.split()], 8)}." for g in found[:_TOLD]]
    if len(found) > _TOLD:
        said.append(f"So did {len(found) - _TOLD} more.")
    said.append("From these files the C library knows how to look up names of hosts and ports: part of every look-up.")
    background: tuple[str, ...] = ()
    if any("/etc/services" in group.key.split() for group in found):
        background = (
            "/etc/services lists the names of ports. The library routine that turns names into addresses may read it "
            "even "
            "if the port was given as a number.",
        )
    return [
        Step(
            "", "Files of the name look-up", tuple(said), found[0].first_ns, refs=all_refs(found), background=background
        )
    ]
