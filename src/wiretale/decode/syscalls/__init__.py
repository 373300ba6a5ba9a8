"""System calls: numbers per architecture, and what their arguments are."""

from wiretale.decode.syscalls import descriptors, files, keys, memory, network, numbers, quotas, system, tasks, tracing
from wiretale.decode.syscalls.spec import Arg, Call, Kind
from wiretale.model.enums import Arch

CALLS: dict[str, Call] = {
    c.name: c
    for group in (
        *(network.CALLS, descriptors.CALLS, files.CALLS, tasks.CALLS, memory.CALLS, system.CALLS),
        *(keys.CALLS, quotas.CALLS, tracing.CALLS),
    )
    for c in group
}

# arm64 and i386 pass clone's last two arguments the other way round (clone(2), "C library/kernel differences").
_CLONE = CALLS["clone"]
_CLONE_BACKWARDS = Call(
    "clone", (*_CLONE.args[:3], _CLONE.args[4], _CLONE.args[3]), _CLONE.result, _CLONE.effects, _CLONE.sets_fds
)
_BY_ARCH: dict[int, dict[str, Call]] = {
    Arch.I386: {"clone": _CLONE_BACKWARDS},
    Arch.AARCH64: {"clone": _CLONE_BACKWARDS},
}
_TABLES: dict[int, dict[int, str]] = {
    Arch.X86_64: numbers.X86_64,
    Arch.I386: numbers.I386,
    Arch.AARCH64: numbers.AARCH64,
}


def table(arch: int) -> dict[int, str]:
    """Call numbers of `arch` (AUDIT_ARCH_*) to names; empty for an architecture that is not known."""
    return _TABLES.get(arch, {})


def call_spec(name: str, arch: int = Arch.X86_64) -> Call | None:
    """What the call `name` takes and gives on `arch`; None if there is no such call."""
    special = _BY_ARCH.get(arch)
    if special is not None and name in special:
        return special[name]
    return CALLS.get(name)


__all__ = ["CALLS", "Arg", "Call", "Kind", "call_spec", "table"]
