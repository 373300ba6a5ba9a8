"""Reading /etc/services and its like: turning names of hosts and ports into numbers."""

from wiretale.explain.odd._rows import Group, merged, refs
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
WHERE c.name IN ('open', 'openat') AND d.bytes IN {_BLOBS} GROUP BY c.pid ORDER BY 4 LIMIT 200"""  # noqa: S608 (fixed)


def find(world: World) -> list[Step]:
    """One step for each process that opened such files."""
    found = [
        Group((pid,), files, None, total, first, refs("call", ids))
        for pid, files, total, first, ids in world.db.execute(_QUERY).fetchall()
    ]
    steps = []
    for group in merged(world, found)[:6]:
        files = group.key.split()
        said = [f"{group.who(world)} opens {listed([code(f) for f in files], 8)}."]
        if "/etc/services" in files:
            said.append("/etc/services lists names of ports.")
        if files != ["/etc/services"]:
            said.append("These files tell the C library how to look names up.")
        said.append("Harmless, and part of every look-up.")
        background = (
            "The library routine that turns names into addresses reads /etc/services with some programs even when the port "
            "was given as a number.",
        ) if "/etc/services" in files else ()  # fmt: skip
        steps.append(
            Step("", "Files of the name look-up", tuple(said), group.first_ns, refs=group.refs, background=background)
        )
    return steps
