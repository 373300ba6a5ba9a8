"""Reading /etc/services: turning a port's name, or even its number, into a number."""

from wiretale.explain.story import Ref, Step
from wiretale.explain.words import code, listed
from wiretale.explain.world import World

# What glibc reads to turn names into numbers (getaddrinfo(3), nsswitch.conf(5), hosts(5), services(5), resolv.conf(5)).
_FILES = ("/etc/services", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
          "/etc/protocols")  # fmt: skip


def find(world: World) -> list[Step]:
    """One step for each process that opened such files."""
    rows = world.db.execute(
        "SELECT c.pid, list(DISTINCT CAST(d.bytes AS VARCHAR) ORDER BY CAST(d.bytes AS VARCHAR)), min(c.entry_ns),"  # noqa: S608 (fixed)
        " list_sort(list(DISTINCT c.call_id))[1:6] FROM call c JOIN call_data d ON d.call_id = c.call_id"
        f" AND d.role = 'string' WHERE c.name IN ('open', 'openat') AND d.bytes IN {_BLOBS}"
        " GROUP BY c.pid ORDER BY 3 LIMIT 6"
    ).fetchall()
    steps = []
    for pid, files, first, ids in rows:
        said = [f"{world.who(pid)} opens {listed([code(f) for f in files])}."]
        if "/etc/services" in files:
            said.append(
                "/etc/services lists names of ports. The library routine that turns names into addresses looks "
                "there, with some programs even when a number was given."
            )
        if len(files) > 1 or "/etc/services" not in files:
            said.append("These files tell the library how to look names up. Harmless, and part of every look-up.")
        steps.append(Step("", "Files of the name look-up", tuple(said), first,
                          refs=tuple(Ref("call", i, f"call {i}") for i in ids)))  # fmt: skip
    return steps


_BLOBS = "(" + ", ".join(f"'{name}'::BLOB" for name in _FILES) + ")"
