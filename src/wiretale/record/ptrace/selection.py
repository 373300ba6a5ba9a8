"""Which calls `--calls network` (or a list of names) records, and the seccomp program that stops at no others."""

import struct
from collections.abc import Collection, Iterable

from wiretale.decode.syscalls import call_spec, table
from wiretale.decode.syscalls.spec import Call, Effect

HIGHEST_NUMBER = 4096  # ARM has private calls far above; they are not worth a table
_SELECTING = frozenset({Effect.NETWORK, Effect.DESCRIPTOR, Effect.PROCESS, Effect.SENDS, Effect.RECEIVES})
# linux/seccomp.h, linux/bpf_common.h
_RET_ALLOW = 0x7FFF0000
_RET_TRACE = 0x7FF00000
_LOAD_WORD, _JUMP, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCH_AT = 0, 4  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]
_FOLLOWING = frozenset({"clone", "clone3", "fork", "vfork", "execve", "execveat"})  # who belongs to whom


def is_selected(call: Call) -> bool:
    """Whether `--calls network` records the call: what touches a descriptor, and process life."""
    # A wait interrupted by a signal goes on as restart_syscall; without it the wait would have no end.
    return not _SELECTING.isdisjoint(call.effects) or call.name == "restart_syscall"


def selected_numbers(arch: int, only: Collection[str] | None = None) -> list[int]:
    """Numbers of the calls that `--calls network` records, or of those named in `only`."""
    found = []
    for number, name in table(arch).items():
        call = call_spec(name, arch)
        if number >= HIGHEST_NUMBER:
            continue
        chosen = name in only or name in _FOLLOWING if only is not None else call is not None and is_selected(call)
        if chosen:
            found.append(number)
    return sorted(found)


def _borders(numbers: list[int]) -> list[int]:
    """Where the answer changes: numbers below the first border are allowed, then traced, then allowed, ..."""
    borders: list[int] = []
    for n in numbers:
        if borders and borders[-1] == n:
            borders[-1] = n + 1
        else:
            borders += [n, n + 1]
    return borders


def _search(borders: list[int], traced: bool) -> list[Instruction]:
    """A binary search over the borders; `traced` is the answer below the first."""
    if not borders:
        return [(_RETURN, 0, 0, _RET_TRACE if traced else _RET_ALLOW)]
    middle = len(borders) // 2
    below = _search(borders[:middle], traced)
    above = _search(borders[middle + 1 :], traced ^ (middle % 2 == 0))
    if len(below) < 256:
        return [(_JUMP_AT_LEAST, len(below), 0, borders[middle]), *below, *above]
    # A conditional jump reaches 255 instructions; a plain one reaches all.
    return [(_JUMP_AT_LEAST, 0, 1, borders[middle]), (_JUMP, 0, 0, len(below)), *below, *above]


def seccomp_filter(arches: Iterable[int], only: Collection[str] | None = None) -> bytes:
    """The seccomp program (struct sock_filter[]) that stops the selected calls and lets all others run at full speed.

    Calls of an unknown architecture are allowed: they run unseen rather than fail.
    """
    program: list[Instruction] = [(_LOAD_WORD, 0, 0, _ARCH_AT)]
    for arch in arches:
        search = [(_LOAD_WORD, 0, 0, _NUMBER_AT), *_search(_borders(selected_numbers(arch, only)), traced=False)]
        program += [(_JUMP_EQUAL, 1, 0, arch), (_JUMP, 0, 0, len(search)), *search]
    program.append((_RETURN, 0, 0, _RET_ALLOW))
    return b"".join(struct.pack("=HBBI", *i) for i in program)
