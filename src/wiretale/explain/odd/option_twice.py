"""The same socket option set to the value it was just set to, and flags set to what they were."""

from collections import defaultdict

from wiretale.explain.odd._rows import times
from wiretale.explain.rows import Call, calls
from wiretale.explain.story import Step
from wiretale.explain.words import code
from wiretale.explain.world import World

_SOME = 400  # calls looked at
F_GETFL, F_SETFL = 3, 4  # asm-generic/fcntl.h
# Options whose setting is a deed and not a state: a second time is a second deed.
_DEEDS = ("TCP_CORK", "TCP_QUICKACK", "TCP_FASTOPEN", "IP_ADD_MEMBERSHIP", "IP_DROP_MEMBERSHIP", "IPV6_ADD_MEMBERSHIP",
          "IPV6_DROP_MEMBERSHIP", "TCP_ULP", "TCP_REPAIR", "SO_ATTACH_FILTER", "SO_DETACH_FILTER")  # fmt: skip
_CHANGES = f"c.name = 'setsockopt' OR c.name = 'fcntl' AND c.a1 IN ({F_GETFL}, {F_SETFL})"


def find(world: World) -> list[Step]:
    """Sockets on which an option was set to what it was set to last; F_SETFL of the flags that F_GETFL had returned."""
    if not world.signs.called("setsockopt", "fcntl"):
        return []
    rows = world.db.execute(
        "SELECT c.call_id, f.file_id FROM call c JOIN call_file f USING (call_id)"  # noqa: S608 (fixed text)
        f" WHERE c.errno IS NULL AND c.retval IS NOT NULL AND f.socket_id IS NOT NULL AND ({_CHANGES})"
        f" ORDER BY c.call_id LIMIT {_SOME}"
    ).fetchall()
    found = calls(world.db, (r[0] for r in rows))
    last: dict[tuple[int, str, str], Call] = {}
    again: dict[tuple[int, str, str, str], list[Call]] = defaultdict(list)
    unchanged: dict[int, list[Call]] = defaultdict(list)
    flags: dict[int, int] = {}
    for call_id, file_id in rows:
        call = found.get(call_id)
        if call is None:
            continue
        if call.name == "setsockopt":
            _look(call, file_id, last, again)
        elif call.raw.args[1] & 0xFFFFFFFF == F_GETFL:
            flags[file_id] = call.retval or 0
        else:
            if flags.get(file_id) == call.raw.args[2] & 0xFFFFFFFF:
                unchanged[call.pid].append(call)
            flags[file_id] = call.raw.args[2] & 0xFFFFFFFF
    by_value: dict[tuple[int, str, str], list[list[Call]]] = defaultdict(list)
    for (_, _, option, value), same in again.items():
        by_value[same[0].pid, option, value].append(same)
    steps = [_twice(world, option, value, sockets) for (_, option, value), sockets in by_value.items()]
    return [*steps[:4], *(_same_flags(world, pid, same) for pid, same in list(unchanged.items())[:4])]


def _look(
    call: Call, file_id: int, last: dict[tuple[int, str, str], Call], again: dict[tuple[int, str, str, str], list[Call]]
) -> None:
    level, option, value = (call.argument(name) for name in ("level", "optname", "optval"))
    before = last.get((file_id, level, option))
    last[file_id, level, option] = call
    if before is None or option in _DEEDS or before.argument("optval") != value:
        return
    same = again[file_id, level, option, value]
    same.extend([call] if same and same[-1] is before else [before, call])


def _twice(world: World, option: str, value: str, sockets: list[list[Call]]) -> Step:
    first = sockets[0][0]
    where = f"descriptor {first.fd}" if len(sockets) == 1 else f"each of {len(sockets)} sockets"
    said = (
        f"{world.caller(first)} set {code(option)} of {where} to {code(value.strip('[]'))} "
        f"{times(max(len(same) for same in sockets))}, without having changed it between. Once is enough."
    )
    refs = tuple(call.ref for same in sockets for call in same[:2])[:6]
    return Step("", f"{option} is set more than once", (said,), first.entry_ns, refs=refs, topics=(option,))


def _same_flags(world: World, pid: int, same: list[Call]) -> Step:
    said = (
        f"{world.who(pid)} set flags of descriptor {same[0].fd} that it already had: {code(same[0].text)}. "
        "That changes nothing."
    )
    return Step("", "Flags are set to what they were", (said,), same[0].entry_ns, refs=tuple(c.ref for c in same[:5]))
