"""What the tracer does at each call, from the call specifications: what memory to read, which descriptors to ask.

Nothing is known about a call here that `decode/syscalls` does not say, except
which calls the control thread is told about.
"""

import ctypes
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter

from wiretale.decode.structs import Field, layout, struct_size
from wiretale.decode.syscalls import call_spec, table
from wiretale.decode.syscalls.spec import ARGUMENT, AT_OFFSET, Arg, Call, Effect, Kind, Result
from wiretale.light import dataclass, replace
from wiretale.model.enums import Arch
from wiretale.model.spool import Role
from wiretale.record.ptrace.library import CallPlan, Op
from wiretale.record.ptrace.operations import CallFlag, Condition, Count, OpFlag, What, When
from wiretale.record.ptrace.selection import HIGHEST_NUMBER, is_selected

NO_ARG = 0xFF
_MOST_ARGS = 6
_SOCKADDR_LIMIT = 128  # sizeof(struct sockaddr_storage)
_STRUCT_LIMIT = 4096
_REQUEST_LIMIT = 1 << 14  # _IOC_SIZEBITS of asm-generic/ioctl.h
_ARRAY_LIMIT = 65536
_FDSET_LIMIT = 131072  # a bit for each descriptor that fs.nr_open allows by default
_OPTNAME = 2  # argument of setsockopt and getsockopt
FILTERS = (26, 51)  # SO_ATTACH_FILTER, which is SO_GET_FILTER too, and SO_ATTACH_REUSEPORT_CBPF
_INSTRUCTION_BYTES = 8  # sizeof(struct sock_filter)
_IOC_WRITE, _IOC_READ = 1, 2  # asm-generic/ioctl.h


_NOTABLE = frozenset({"bind", "listen", "accept", "accept4", "connect", "getsockopt"})
_CONDITIONS = {
    "fcntl": Condition.DUPLICATES,
    "fcntl64": Condition.DUPLICATES,
    "getsockopt": Condition.SO_ERROR,
    "bpf": Condition.BPF_MAKES,
    "ioctl": Condition.KVM_MAKES,
    "sendto": Condition.NAMED,
    "sendmsg": Condition.NAMED,
    "sendmmsg": Condition.NAMED,
}
_MAKING = frozenset({"fcntl", "fcntl64", "bpf", "ioctl"})  # some commands return a descriptor
_SPECIAL = {
    "clone": CallFlag.CLONE,
    "clone3": CallFlag.CLONE3,
    "vfork": CallFlag.VFORK,
    "rt_sigreturn": CallFlag.SIGRETURN,
    "sigreturn": CallFlag.SIGRETURN,
    "socketcall": CallFlag.SOCKETCALL,
}
# An interrupted sleep says how much of it was left, sched_setattr(2) which size it wants.
_FILLED_ON_ERROR = frozenset({"nanosleep", "clock_nanosleep", "clock_nanosleep_time64", "sched_setattr"})
# Plain integers: arithmetic with members of an enumeration is slow, and every run makes a plan.
_ENTRY, _EXIT, _ON_ERROR, _TWICE = map(int, When)
_BOTH = _ENTRY | _EXIT
_PAYLOAD, _OUT = int(OpFlag.PAYLOAD), int(OpFlag.OUT)
_STRUCT_WHEN = {Kind.STRUCT_IN: _ENTRY, Kind.STRUCT_OUT: _EXIT, Kind.STRUCT_INOUT: _BOTH}
_BITS_WHEN = {Kind.BITS_IN: _ENTRY, Kind.BITS_OUT: _EXIT}
_MESSAGE_WHEN = {Kind.MESSAGE_IN: _ENTRY, Kind.MESSAGE_OUT: _EXIT}
_ARRAY_WHEN = {Kind.ARRAY_IN: _ENTRY, Kind.ARRAY_OUT: _EXIT, Kind.ARRAY_INOUT: _BOTH}


@dataclass(frozen=True, slots=True)
class Step:
    """One op, before it has a place: see struct wt_op."""

    what: What
    when: int  # of When
    arg: int
    role: Role = Role.STRUCT
    count_from: Count = Count.FIXED
    count_arg: int = NO_ARG
    flags: int = 0  # of OpFlag
    fixed: int = 1
    size: int = 1
    limit: int = _STRUCT_LIMIT
    only_arg: int = NO_ARG
    only_value: int = 0


def _counted(arg: Arg, otherwise: Count) -> tuple[Count, int, int]:
    """(where the count comes from, its argument, fixed count)."""
    length = arg.length if arg.length >= 0 else NO_ARG
    if arg.count:
        return Count.FIXED, NO_ARG, arg.count
    return otherwise, length, 1


def _bytes_steps(index: int, arg: Arg, call: Call, arch: int) -> Iterator[Step]:
    """Steps of kinds that are one block of bytes."""
    kind, length = arg.kind, arg.length if arg.length >= 0 else NO_ARG
    moves = not call.effects.isdisjoint({Effect.SENDS, Effect.RECEIVES})
    payload = _PAYLOAD if moves else 0
    if kind is Kind.BUFFER_IN:
        # fsconfig and sethostname take an int: what lies in the upper half of the register is no length
        narrow = length != NO_ARG and call.args[length].kind in (Kind.INT, Kind.UINT)
        source = Count.ARG32 if narrow else Count.ARG
        yield Step(What.BYTES, _ENTRY, index, Role.PAYLOAD, source, length, payload)
    elif kind is Kind.MEASURED_IN:
        yield Step(What.BYTES, _ENTRY, index, Role.PAYLOAD, Count.POINTER, length, fixed=arg.count)
    elif kind is Kind.BUFFER_OUT:
        yield Step(What.BYTES, _EXIT, index, Role.PAYLOAD, Count.RETURN, length, payload, limit=_ARRAY_LIMIT)
    elif kind is Kind.SOCKADDR_IN:
        yield Step(What.BYTES, _ENTRY, index, Role.SOCKADDR, Count.ARG32, length, limit=_SOCKADDR_LIMIT)
    elif kind is Kind.SOCKADDR_OUT:
        yield Step(What.BYTES, _EXIT, index, Role.SOCKADDR, Count.POINTER, length, fixed=0, limit=_SOCKADDR_LIMIT)
    elif kind is Kind.OPTVAL_IN:
        yield Step(What.BYTES, _ENTRY, index, Role.OPTVAL, Count.ARG32, length)
        for option in FILTERS:
            followed = _followed(index, arg, _ENTRY, arch)
            yield from (replace(step, only_arg=_OPTNAME, only_value=option) for step in followed)
    elif kind is Kind.OPTVAL_OUT:
        yield Step(What.BYTES, _EXIT, index, Role.OPTVAL, Count.POINTER, length, fixed=0)
        step = Step(What.BYTES, _EXIT, index, Role.ARRAY, Count.POINTER, length, fixed=0, size=_INSTRUCTION_BYTES)
        yield replace(step, only_arg=_OPTNAME, only_value=FILTERS[0])
    elif kind is Kind.SOCKLEN:
        yield Step(What.BYTES, _BOTH, index, Role.SOCKLEN, size=4)
    elif kind is Kind.FDSET:
        yield Step(What.BYTES, _BOTH, index, Role.FDSET, Count.BITS, length, limit=_FDSET_LIMIT)
    elif kind in _STRUCT_WHEN:
        filled = arg.on_error or call.name in _FILLED_ON_ERROR
        when = _STRUCT_WHEN[kind] | _ON_ERROR if filled else _STRUCT_WHEN[kind]
        if length == NO_ARG:
            size = struct_size(arg.struct, arch)
            yield Step(What.BYTES, when, index, Role.STRUCT, size=size, limit=max(size, _STRUCT_LIMIT))
        else:
            yield Step(What.BYTES, when, index, Role.STRUCT, Count.ARG, length)
        yield from _followed(index, arg, when, arch)
    elif kind in _BITS_WHEN:
        when = _BITS_WHEN[kind]
        yield Step(What.BYTES, when, index, Role.ARRAY, Count.BITS, length, limit=_ARRAY_LIMIT)
    elif kind is Kind.PAGES_OUT:
        yield Step(What.BYTES, _EXIT, index, Role.ARRAY, Count.PAGES, length, limit=_ARRAY_LIMIT)
    elif kind in _MESSAGE_WHEN:
        yield Step(What.BYTES, _MESSAGE_WHEN[kind], index, Role.STRUCT, Count.MESSAGE, length, limit=_ARRAY_LIMIT)
    elif kind is Kind.REQUEST:
        yield Step(
            What.BYTES, _ENTRY, index, Role.STRUCT, Count.REQUEST, length, fixed=_IOC_WRITE, limit=_REQUEST_LIMIT
        )
        yield Step(What.BYTES, _EXIT, index, Role.STRUCT, Count.REQUEST, length, fixed=_IOC_READ, limit=_REQUEST_LIMIT)
    elif kind is Kind.POINTED:
        yield Step(What.POINTED, _ENTRY, index, Role.ARRAY, Count.ARG32, length, size=struct_size(arg.struct, arch))
        yield from _elements(index, arg, arch)
    elif kind in _ARRAY_WHEN:
        source, count_arg, fixed = _counted(arg, Count.RETURN if kind is Kind.ARRAY_OUT else Count.ARG32)
        size = struct_size(arg.struct, arch)
        when = _ARRAY_WHEN[kind]
        yield Step(What.BYTES, when, index, Role.ARRAY, source, count_arg, fixed=fixed, size=size, limit=_ARRAY_LIMIT)


def _followed(index: int, arg: Arg, when: int, arch: int) -> Iterator[Step]:
    """What the pointers inside a structure point to; read at the index 1 + the pointer's offset."""
    fields = {f.name: f for f in layout(arg.struct, arch).fields} if arg.follows else {}
    for follow in arg.follows:
        place = _place(follow.pointer, fields, 8)
        place = struct_size(arg.struct, arch) if place is None else place
        place |= (_place(follow.count, fields, 4) or 0) << 16
        what = What.FOLLOW_STRINGS if follow.strings else What.FOLLOW if follow.size else What.FOLLOW_STRING
        role = Role.STRUCT if follow.size else Role.STRING
        step = Step(what, when, index, role, fixed=place, size=follow.size or 1, limit=_ARRAY_LIMIT)
        counted = follow.count.removeprefix(ARGUMENT)
        is_argument = counted != follow.count
        yield replace(step, count_from=Count.ARG32, count_arg=int(counted)) if is_argument else step


def _elements(index: int, arg: Arg, arch: int) -> Iterator[Step]:
    """What the structures behind a vector of pointers point to, each as a message: its index is 1 + the element's."""
    fields = {f.name: f for f in layout(arg.struct, arch).fields}
    for follow in arg.follows:
        place = (_place(follow.pointer, fields, 8) or 0) | (_place(follow.count, fields, 8) or 0) << 16
        name, value = follow.only
        step = Step(What.ELEMENT_BYTES, _ENTRY, index, Role.PAYLOAD, Count.ARG32, arg.length, fixed=place)
        step = replace(step, limit=fields[name].offset << 16 | value)
        if follow.struct == "iovec":
            step = replace(step, what=What.ELEMENT_VECTOR, flags=_OUT if follow.out else 0)
        yield step


def _place(name: str, fields: Mapping[str, Field], width: int) -> int | None:
    """Offset and width of a field: by name, or by offset where fields of a union share a place."""
    if name.startswith(AT_OFFSET):
        return int(name.removeprefix(AT_OFFSET)) | width << 12
    field = fields.get(name)
    return None if field is None else field.offset | field.size << 12


def _steps_of_arg(index: int, arg: Arg, call: Call, arch: int) -> Iterator[Step]:
    kind, length = arg.kind, arg.length if arg.length >= 0 else NO_ARG
    if kind is Kind.STRING:
        yield Step(What.STRING, _ENTRY, index, Role.STRING)
    elif kind is Kind.STRINGS:
        yield Step(What.STRINGS, _ENTRY, index, Role.ARGV)
    elif kind is Kind.ENVIRONMENT:
        yield Step(What.NAMES, _ENTRY, index, Role.ENVP)
    elif kind is Kind.IOVEC_IN:
        yield Step(What.IOVEC, _ENTRY, index, Role.PAYLOAD, Count.ARG32, length)
    elif kind is Kind.IOVEC_OUT:
        yield Step(What.IOVEC, _BOTH, index, Role.PAYLOAD, Count.ARG32, length, _OUT)
    elif kind is Kind.MSGHDR_IN:
        yield Step(What.MSGHDR, _ENTRY, index, Role.MSGHDR)
    elif kind is Kind.MSGHDR_OUT:
        yield Step(What.MSGHDR, _BOTH, index, Role.MSGHDR, flags=_OUT)
    elif kind is Kind.MMSGHDR_IN:
        yield Step(What.MMSGHDR, _BOTH, index, Role.MSGHDR, Count.ARG32, length)
    elif kind is Kind.MMSGHDR_OUT:
        yield Step(What.MMSGHDR, _BOTH, index, Role.MSGHDR, Count.ARG32, length, _OUT)
    else:
        yield from _bytes_steps(index, arg, call, arch)


_LINKED = frozenset({Kind.FD, Kind.DIRFD})
# Most arguments are in registers alone: they are passed over early, because every run makes a plan.
_PLAIN = _LINKED | {
    Kind.INT,
    Kind.UINT,
    Kind.LONG,
    Kind.ULONG,
    Kind.HEX,
    Kind.OCTAL,
    Kind.SIZE,
    Kind.OFFSET,
    Kind.PID,
    Kind.UID,
    Kind.SIGNAL,
    Kind.ENUM,
    Kind.FLAGS,
    Kind.WIDE_ENUM,
    Kind.WIDE_FLAGS,
    Kind.POINTER,
}


def _links(call: Call) -> Iterator[Step]:
    for index, arg in enumerate(call.args):
        if arg.kind in _LINKED:
            yield Step(What.LINK, _ENTRY, index, Role.LINK)
        elif arg.kind is Kind.PID:
            yield Step(What.NAME, _ENTRY, index, Role.NAME)
        elif (call.name, arg.name) == ("pidfd_getfd", "targetfd"):
            yield Step(What.LINK, _ENTRY, index, Role.LINK, count_arg=0)
    if call.result is Result.PID:
        yield Step(What.NAME, _EXIT, 0, Role.NAME, Count.RETURN)


def steps(call: Call, arch: int, *, links: bool = False) -> list[Step]:
    """What to read at one call, in order of its arguments; `links`: also what its descriptors and processes are."""
    found = list(_links(call)) if links else []
    found += [s for i, a in enumerate(call.args) if a.kind not in _PLAIN for s in _steps_of_arg(i, a, call, arch)]
    for value, arguments in call.variants.items():
        for index, arg in enumerate(arguments):
            if arg.kind in _PLAIN or (index < len(call.args) and arg == call.args[index]):
                continue
            only = value & 0xFFFFFFFF
            found += [
                replace(s, only_arg=call.variant_arg, only_value=only)
                for s in _steps_of_arg(index, arg, call, arch)
                if not (call.name == "ioctl" and _says_itself(only, s))
            ]
    return found


def _says_itself(request: int, step: Step) -> bool:
    """Whether the number of a request of ioctl already says that this is read, so that the call's own steps do."""
    size, direction = request >> 16 & 0x3FFF, request >> 30
    reads = (_ENTRY if direction & _IOC_WRITE else 0) | (_EXIT if direction & _IOC_READ else 0)
    plain = step.what is What.BYTES and step.role is Role.STRUCT and step.count_from is Count.FIXED
    return plain and step.fixed * step.size == size <= step.limit and step.when & ~reads == 0


_IN_ORDER = attrgetter(*(described[0] for described in Op._fields_))


def _op(step: Step) -> Op:
    return Op(*_IN_ORDER(step))


def call_flags(call: Call) -> int:
    """What the tracer does at the call besides reading memory: members of CallFlag."""
    wanted = (
        (CallFlag.SELECTED, is_selected(call)),
        (CallFlag.RESULT_FD, call.result is Result.FD or call.name in _MAKING),
        (CallFlag.RESULT_SOCKET, call.result is Result.SOCKET),
        (CallFlag.CHANGES_SOCKET, Effect.CHANGES_SOCKET in call.effects),
        (CallFlag.SETS_FDS, call.sets_fds >= 0),
        (CallFlag.NOTABLE, call.name in _NOTABLE),
        (_SPECIAL.get(call.name, 0), True),
    )
    return sum(int(flag) for flag, holds in wanted if holds)


def _whens(own: list[Step]) -> int:
    """When anything of a call is read: members of When."""
    found = 0
    for step in own:
        found |= step.when | (_TWICE if step.when & _BOTH == _BOTH else 0)
    return found


_SIZED = frozenset({*_STRUCT_WHEN, *_ARRAY_WHEN, Kind.IOVEC_IN, Kind.POINTED, Kind.OPTVAL_IN})


def _same_everywhere(call: Call) -> bool:
    """Whether no step of the call depends on the architecture: structures have other sizes elsewhere."""
    arguments = chain(call.args, *call.variants.values())
    return not any(arg.kind in _SIZED for arg in arguments)


# The bytes of the ops, and for each architecture those of its calls.
Planned = tuple[bytes, list[tuple[int, bytes]]]


def plan(arches: Iterable[int], *, links: bool = False) -> Planned:
    """The op tables of several architectures; `planned.py` keeps them and gives them to the library."""
    ops: list[Step] = []
    known: dict[int, CallPlan] = {}  # of calls that are the same everywhere
    calls = [(int(arch), bytes(_calls(arch, ops, known, links=links))) for arch in arches]
    return b"".join(bytes(_op(step)) for step in ops), calls


def _calls(arch: int, ops: list[Step], known: dict[int, CallPlan], *, links: bool) -> "ctypes.Array[CallPlan]":
    names = {n: name for n, name in table(arch).items() if n < HIGHEST_NUMBER}
    unknown = CallPlan(n_args=_MOST_ARGS)
    calls = (CallPlan * (max(names, default=0) + 1))()
    calls[:] = [unknown] * len(calls)
    for number, name in names.items():
        call = call_spec(name, arch)
        if call is None:
            continue
        planned = known.get(id(call)) or _call(call, arch, ops, links=links)
        if _same_everywhere(call):
            known[id(call)] = planned
        calls[number] = planned
    return calls


def _call(call: Call, arch: int, ops: list[Step], *, links: bool) -> CallPlan:
    """One call; its steps go to `ops`."""
    own = steps(call, arch, links=links)
    fd_arg = call.fd_arg if call.fd_arg >= 0 else NO_ARG
    fds_arg = call.sets_fds if call.sets_fds >= 0 else NO_ARG
    condition = _CONDITIONS.get(call.name, Condition.ALWAYS)
    n_args = max(map(len, (call.args, *call.variants.values())))
    planned = CallPlan(len(ops), len(own), call_flags(call), condition, fd_arg, fds_arg, _whens(own), n_args)
    ops.extend(own)
    return planned


def native_arches() -> tuple[int, ...]:
    """The architectures whose calls a program on this machine can make."""
    machine = os.uname().machine
    return {"x86_64": (Arch.X86_64, Arch.I386), "aarch64": (Arch.AARCH64, Arch.ARM)}.get(machine, ())
