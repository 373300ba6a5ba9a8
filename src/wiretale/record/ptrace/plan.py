"""What the tracer does at each call, from the call specifications: what memory to read, which descriptors to ask.

Nothing is known about a call here that `decode/syscalls` does not say, except
which calls the control thread is told about.
"""

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter

from wiretale.decode.structs import Field, layout, struct_size
from wiretale.decode.syscalls import call_spec, table
from wiretale.decode.syscalls.spec import (
    ARGUMENT,
    AT_OFFSET,
    IN,
    LINK,
    OUT,
    VECTOR,
    Arg,
    Call,
    Effect,
    Follow,
    Kind,
    Result,
)
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
# Of two descriptors, the one that bytes go to; of the others that send, it is their first.
_SENDS_TO = {"splice": 2, "tee": 1, "copy_file_range": 2}
_OF_CHILDREN = frozenset({"clone", "clone3", "fork", "vfork", "wait4", "waitpid", "waitid"})
_CHILDREN = 6  # WT_SHOWS_CHILDREN
# An interrupted sleep says how much of it was left, sched_setattr(2) which size it wants.
_FILLED_ON_ERROR = frozenset({"nanosleep", "clock_nanosleep", "clock_nanosleep_time64", "sched_setattr"})
# Plain integers: arithmetic with members of an enumeration is slow.
_ENTRY, _EXIT, _ON_ERROR, _TWICE = map(int, When)
_BOTH = _ENTRY | _EXIT
_PAYLOAD, _OUT = int(OpFlag.PAYLOAD), int(OpFlag.OUT)
_ONLY = {IN: _ENTRY, OUT: _EXIT | _ON_ERROR}
_STRUCT_WHEN = {Kind.STRUCT_IN: _ENTRY, Kind.STRUCT_OUT: _EXIT, Kind.STRUCT_INOUT: _BOTH}
_ARRAY_WHEN = {Kind.ARRAY_IN: _ENTRY, Kind.ARRAY_OUT: _EXIT, Kind.ARRAY_INOUT: _BOTH}


@dataclass(frozen=True, slots=True)
class Step:
    """One op, before it has a place: see struct wt_op."""

    what: What
    when: int  # of When
    arg: int = 0
    role: Role = Role.STRUCT
    count_from: Count = Count.FIXED
    count_arg: int = NO_ARG
    flags: int = 0  # of OpFlag
    fixed: int = 1
    size: int = 1
    limit: int = _STRUCT_LIMIT
    within: int = 0  # of FOLLOW
    only_arg: int = NO_ARG
    only_value: int = 0


KVM_RUN = 0xAE80  # linux/kvm.h
_VCPU = Step(What.VCPU, _EXIT, 2, size=12)  # of struct kvm_run up to exit_reason


def _bytes(when: int, role: Role, source: Count, *, fixed: int = 1, size: int = 1, limit: int = _STRUCT_LIMIT) -> Step:
    """A block of bytes of any argument."""
    return Step(What.BYTES, when, role=role, count_from=source, fixed=fixed, size=size, limit=limit)


def _length(arg: Arg) -> int:
    """The argument that says how much there is."""
    return arg.length if arg.length >= 0 else NO_ARG


def _payload(call: Call) -> int:
    """PAYLOAD of calls whose bytes go to or come from somebody else."""
    return 0 if call.effects.isdisjoint({Effect.SENDS, Effect.RECEIVES}) else _PAYLOAD


def _counted(arg: Arg, otherwise: Count) -> tuple[Count, int, int]:
    """(where the count comes from, its argument, fixed count)."""
    return (Count.FIXED, NO_ARG, arg.count) if arg.count else (otherwise, _length(arg), 1)


def _followed(index: int, arg: Arg, when: int, arch: int) -> Iterator[Step]:
    """What the pointers inside a structure point to; read at the index 1 + the pointer's offset.

    Behind a pointer inside a structure that another pointer leads to, (1 + the other's offset) << 16 more.
    """
    structs = {"": arg.struct, **{follow.pointer: follow.struct for follow in arg.follows}}
    for follow in arg.follows:
        fields = _fields(structs[follow.within], arch)
        place = _place(follow.pointer, fields, 8)
        place = struct_size(structs[follow.within], arch) if place is None else place
        place |= (_place(follow.count, fields, 4) or 0) << 16
        outer = _place(follow.within, _fields(arg.struct, arch), 8) if follow.within else None
        within = follow.first | (0 if outer is None else 1 + (outer & 0xFFF) << 8)
        what = What.FOLLOW_STRINGS if follow.strings else What.FOLLOW if follow.size else What.FOLLOW_STRING
        role = Role.STRUCT if follow.size else Role.STRING
        step = Step(what, when, index, role, fixed=place, size=follow.size or 1, limit=_ARRAY_LIMIT, within=within)
        counted = follow.count.removeprefix(ARGUMENT)
        if counted != follow.count:
            step = replace(step, count_from=Count.ARG32, count_arg=int(counted))
        if follow.struct == LINK:
            step = replace(step, what=What.FOLLOW_LINK, role=Role.STRING)
        if follow.struct == VECTOR:
            yield from _vectors(step, follow)
        else:
            yield replace(step, when=_ONLY[follow.when] & when) if follow.when else step


def _vectors(step: Step, follow: Follow) -> Iterator[Step]:
    """The vector itself before the call; its buffers then, or after the call."""
    step = replace(step, what=What.FOLLOW_VECTOR)
    if follow.when != OUT:
        yield replace(step, when=_ENTRY)
    if follow.when != IN:
        yield replace(step, when=step.when if follow.when else step.when & ~_ENTRY, flags=_OUT)


def _fields(name: str, arch: int) -> dict[str, Field]:
    return {f.name: f for f in layout(name, arch).fields} if name else {}


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
        offset, _, said = name.removeprefix(AT_OFFSET).partition("/")
        return int(offset) | int(said or width) << 12
    field = fields.get(name)
    return None if field is None else field.offset | field.size << 12


# Kinds that are read in the same way whatever the call. Counts come from the argument that `Arg.length` names.
_SAME: dict[Kind, tuple[Step, ...]] = {
    Kind.STRING: (Step(What.STRING, _ENTRY, role=Role.STRING),),
    Kind.STRINGS: (Step(What.STRINGS, _ENTRY, role=Role.ARGV),),
    Kind.ENVIRONMENT: (Step(What.NAMES, _ENTRY, role=Role.ENVP),),
    Kind.IOVEC_IN: (Step(What.IOVEC, _ENTRY, role=Role.PAYLOAD, count_from=Count.ARG32),),
    Kind.IOVEC_OUT: (Step(What.IOVEC, _BOTH, role=Role.PAYLOAD, count_from=Count.ARG32, flags=_OUT),),
    Kind.MSGHDR_IN: (Step(What.MSGHDR, _ENTRY, role=Role.MSGHDR),),
    Kind.MSGHDR_OUT: (Step(What.MSGHDR, _BOTH, role=Role.MSGHDR, flags=_OUT),),
    Kind.MMSGHDR_IN: (Step(What.MMSGHDR, _BOTH, role=Role.MSGHDR, count_from=Count.ARG32),),
    Kind.MMSGHDR_OUT: (Step(What.MMSGHDR, _BOTH, role=Role.MSGHDR, count_from=Count.ARG32, flags=_OUT),),
    Kind.SOCKADDR_IN: (_bytes(_ENTRY, Role.SOCKADDR, Count.ARG32, limit=_SOCKADDR_LIMIT),),
    Kind.SOCKADDR_OUT: (_bytes(_EXIT, Role.SOCKADDR, Count.POINTER, fixed=0, limit=_SOCKADDR_LIMIT),),
    Kind.OPTVAL_OUT: (
        _bytes(_EXIT, Role.OPTVAL, Count.POINTER, fixed=0),
        replace(
            _bytes(_EXIT, Role.ARRAY, Count.POINTER, fixed=0, size=_INSTRUCTION_BYTES),
            only_arg=_OPTNAME,
            only_value=FILTERS[0],
        ),
    ),
    Kind.SOCKLEN: (_bytes(_BOTH, Role.SOCKLEN, Count.FIXED, size=4),),
    Kind.FDSET: (_bytes(_BOTH, Role.FDSET, Count.BITS, limit=_FDSET_LIMIT),),
    Kind.BITS_IN: (_bytes(_ENTRY, Role.ARRAY, Count.BITS, limit=_ARRAY_LIMIT),),
    Kind.BITS_OUT: (_bytes(_EXIT, Role.ARRAY, Count.BITS, limit=_ARRAY_LIMIT),),
    Kind.PAGES_OUT: (_bytes(_EXIT, Role.ARRAY, Count.PAGES, limit=_ARRAY_LIMIT),),
    Kind.MESSAGE_IN: (_bytes(_ENTRY, Role.STRUCT, Count.MESSAGE, limit=_ARRAY_LIMIT),),
    Kind.MESSAGE_OUT: (_bytes(_EXIT, Role.STRUCT, Count.MESSAGE, limit=_ARRAY_LIMIT),),
    Kind.REQUEST: (
        _bytes(_ENTRY, Role.STRUCT, Count.REQUEST, fixed=_IOC_WRITE, limit=_REQUEST_LIMIT),
        _bytes(_EXIT, Role.STRUCT, Count.REQUEST, fixed=_IOC_READ, limit=_REQUEST_LIMIT),
    ),
}


def _buffer_in(index: int, arg: Arg, call: Call, arch: int) -> Iterator[Step]:
    # fsconfig and sethostname take an int: what lies in the upper half of the register is no length
    length = _length(arg)
    narrow = length != NO_ARG and call.args[length].kind in (Kind.INT, Kind.UINT)
    source = Count.ARG32 if narrow else Count.ARG
    yield Step(What.BYTES, _ENTRY, index, Role.PAYLOAD, source, length, _payload(call))


def _buffer_out(index: int, arg: Arg, call: Call, arch: int) -> Iterator[Step]:
    yield Step(What.BYTES, _EXIT, index, Role.PAYLOAD, Count.RETURN, _length(arg), _payload(call), limit=_ARRAY_LIMIT)


def _measured_in(index: int, arg: Arg, call: Call, arch: int) -> Iterator[Step]:
    yield Step(What.BYTES, _ENTRY, index, Role.PAYLOAD, Count.POINTER, _length(arg), fixed=arg.count)


def _optval_in(index: int, arg: Arg, call: Call, arch: int) -> Iterator[Step]:
    yield Step(What.BYTES, _ENTRY, index, Role.OPTVAL, Count.ARG32, _length(arg))
    for option in FILTERS:
        followed = _followed(index, arg, _ENTRY, arch)
        yield from (replace(step, only_arg=_OPTNAME, only_value=option) for step in followed)


def _struct(index: int, arg: Arg, call: Call, arch: int) -> Iterator[Step]:
    filled = arg.on_error or call.name in _FILLED_ON_ERROR
    when = _STRUCT_WHEN[arg.kind] | (_ON_ERROR if filled else 0)
    length = _length(arg)
    if length == NO_ARG:
        size = struct_size(arg.struct, arch)
        yield Step(What.BYTES, when, index, Role.STRUCT, size=size, limit=max(size, _STRUCT_LIMIT))
    else:
        yield Step(What.BYTES, when, index, Role.STRUCT, Count.ARG, length)
    yield from _followed(index, arg, when, arch)


def _pointed(index: int, arg: Arg, call: Call, arch: int) -> Iterator[Step]:
    size = struct_size(arg.struct, arch)
    yield Step(What.POINTED, _ENTRY, index, Role.ARRAY, Count.ARG32, _length(arg), size=size)
    yield from _elements(index, arg, arch)


def _array(index: int, arg: Arg, call: Call, arch: int) -> Iterator[Step]:
    source, count_arg, fixed = _counted(arg, Count.RETURN if arg.kind is Kind.ARRAY_OUT else Count.ARG32)
    size, when = struct_size(arg.struct, arch), _ARRAY_WHEN[arg.kind]
    yield Step(What.BYTES, when, index, Role.ARRAY, source, count_arg, fixed=fixed, size=size, limit=_ARRAY_LIMIT)


_MAKERS: dict[Kind, Callable[[int, Arg, Call, int], Iterator[Step]]] = {
    Kind.BUFFER_IN: _buffer_in,
    Kind.BUFFER_OUT: _buffer_out,
    Kind.MEASURED_IN: _measured_in,
    Kind.OPTVAL_IN: _optval_in,
    **dict.fromkeys(_STRUCT_WHEN, _struct),
    Kind.POINTED: _pointed,
    **dict.fromkeys(_ARRAY_WHEN, _array),
}


def _steps_of_arg(index: int, arg: Arg, call: Call, arch: int) -> Iterator[Step]:
    for step in _SAME.get(arg.kind, ()):
        yield replace(step, arg=index, count_arg=NO_ARG if step.count_from is Count.FIXED else _length(arg))
    if arg.kind in _MAKERS:
        yield from _MAKERS[arg.kind](index, arg, call, arch)


_LINKED = frozenset({Kind.FD, Kind.DIRFD})
# Most arguments are in registers alone: they are passed over early.
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
    if call.name == "ioctl":
        found.append(replace(_VCPU, only_arg=call.variant_arg, only_value=KVM_RUN))
    for value, arguments in call.variants.items():
        for index, arg in enumerate(arguments):
            if links and arg.kind in _LINKED and arg not in call.args:
                link = Step(What.LINK, _ENTRY, index, Role.LINK)
                found.append(replace(link, only_arg=call.variant_arg, only_value=value & 0xFFFFFFFF))
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
        (CallFlag.POLLS, any(arg.struct == "pollfd" for arg in call.args)),
        (_SPECIAL.get(call.name, 0), True),
    )
    return sum(int(flag) for flag, holds in wanted if holds)


def _shows(call: Call) -> int:
    """What is written while the call lasts, and where: see struct wt_call."""
    if call.name in _OF_CHILDREN:
        return _CHILDREN
    return _SENDS_TO.get(call.name, 0) if Effect.SENDS in call.effects else NO_ARG


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
    unknown = CallPlan(n_args=_MOST_ARGS, shows_arg=NO_ARG)
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
    whens, shows = _whens(own), _shows(call)
    planned = CallPlan(len(ops), len(own), call_flags(call), condition, fd_arg, fds_arg, whens, n_args, shows)
    ops.extend(own)
    return planned


def native_arches() -> tuple[int, ...]:
    """The architectures whose calls a program on this machine can make."""
    machine = os.uname().machine
    return {"x86_64": (Arch.X86_64, Arch.I386), "aarch64": (Arch.AARCH64, Arch.ARM)}.get(machine, ())
