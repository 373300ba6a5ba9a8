"""The same socket option set to the same value more than once, and flags set to what they were."""

from collections import defaultdict

from wiretale.explain.rows import Call, calls
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

_SOME = 400  # calls looked at
F_GETFL, F_SETFL = 3, 4


def find(world: World) -> list[Step]:
    """Sockets on which an option was set twice to one value; F_SETFL of the flags that F_GETFL had just returned."""
    rows = world.db.execute(
        "SELECT c.call_id, f.file_id FROM call c JOIN call_file f USING (call_id) WHERE c.errno IS NULL AND"  # noqa: S608 (fixed numbers)
        " (c.name = 'setsockopt' AND f.socket_id IS NOT NULL"
        f" OR c.name = 'fcntl' AND f.socket_id IS NOT NULL AND c.a1 IN ({F_GETFL}, {F_SETFL}))"
        f" ORDER BY c.call_id LIMIT {_SOME}"
    ).fetchall()
    found = calls(world.db, (r[0] for r in rows))
    by_key: dict[tuple[int, str, str], list[Call]] = defaultdict(list)
    unchanged: dict[int, list[Call]] = defaultdict(list)
    flags: dict[int, int] = {}
    for call_id, file_id in rows:
        call = found.get(call_id)
        if call is None:
            continue
        if call.name == "setsockopt":
            by_key[file_id, call.argument("optname"), call.argument("optval")].append(call)
        elif call.raw.args[1] & 0xFFFFFFFF == F_GETFL:
            flags[file_id] = call.retval or 0
        else:
            if flags.get(file_id) == call.raw.args[2] & 0xFFFFFFFF:
                unchanged[call.pid].append(call)
            flags[file_id] = call.raw.args[2] & 0xFFFFFFFF
    steps = [_twice(world, option, value, same) for (_, option, value), same in by_key.items() if len(same) > 1]
    return [*steps[:4], *(_same_flags(world, pid, same) for pid, same in list(unchanged.items())[:4])]


def _twice(world: World, option: str, value: str, same: list[Call]) -> Step:
    first = same[0]
    said = (
        f"{world.who(first.pid)} sets {code(option)} of descriptor {first.fd} to {code(value.strip('[]'))} "
        f"{len(same)} times. Once is enough; setting it again changes nothing."
    )
    return Step("", f"{option} is set more than once", (said,), first.entry_ns, refs=tuple(c.ref for c in same[:5]))


def _same_flags(world: World, pid: int, same: list[Call]) -> Step:
    said = (
        f"{world.who(pid)} sets flags of descriptor {same[0].fd} that it already has: {code(same[0].text)}. "
        "That changes nothing: a routine of the program sets them without looking at what is there."
    )
    return Step("", "Flags are set to what they were", (said,), same[0].entry_ns, refs=tuple(c.ref for c in same[:5]))
