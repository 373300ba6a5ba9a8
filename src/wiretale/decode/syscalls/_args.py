"""Short words for writing call specifications: one function per kind of argument, and `call`."""

from collections.abc import Iterable, Mapping

from wiretale.decode.syscalls.spec import Arg, Call, Effect, Follow, Kind, Result

NETWORK, DESCRIPTOR, PROCESS = Effect.NETWORK, Effect.DESCRIPTOR, Effect.PROCESS
SENDS, RECEIVES, BLOCKS, CHANGES_SOCKET = Effect.SENDS, Effect.RECEIVES, Effect.BLOCKS, Effect.CHANGES_SOCKET

_FD_KINDS = frozenset({Kind.FD, Kind.DIRFD, Kind.FDSET})
_FD_STRUCTS = frozenset({"pollfd"})
_FD_RESULTS = frozenset({Result.FD, Result.SOCKET})


def call(
    name: str,
    *args: Arg,
    result: Result = Result.INT,
    effects: Iterable[Effect] = (),
    sets_fds: int = -1,
    variant_arg: int = -1,
    variants: Mapping[int, tuple[Arg, ...]] | None = None,
) -> Call:
    """One call. Effect.DESCRIPTOR follows from the arguments and the result, so that no list can forget it."""
    found = set(effects)
    if result in _FD_RESULTS or sets_fds >= 0 or any(a.kind in _FD_KINDS or a.struct in _FD_STRUCTS for a in args):
        found.add(DESCRIPTOR)
    return Call(name, args, result, frozenset(found), sets_fds, variant_arg, {} if variants is None else variants)


def integer(name: str) -> Arg:
    return Arg(name, Kind.INT)


def unsigned(name: str) -> Arg:
    return Arg(name, Kind.UINT)


def long(name: str) -> Arg:
    return Arg(name, Kind.LONG)


def ulong(name: str) -> Arg:
    return Arg(name, Kind.ULONG)


def hexadecimal(name: str) -> Arg:
    return Arg(name, Kind.HEX)


def mode(name: str = "mode") -> Arg:
    return Arg(name, Kind.OCTAL)


def size(name: str) -> Arg:
    return Arg(name, Kind.SIZE)


def offset(name: str = "offset") -> Arg:
    return Arg(name, Kind.OFFSET)


def pid(name: str = "pid") -> Arg:
    return Arg(name, Kind.PID)


def uid(name: str) -> Arg:
    return Arg(name, Kind.UID)


def signal(name: str = "sig") -> Arg:
    return Arg(name, Kind.SIGNAL)


def fd(name: str = "fd") -> Arg:
    return Arg(name, Kind.FD)


def dirfd(name: str = "dirfd") -> Arg:
    return Arg(name, Kind.DIRFD)


def enum(name: str, constants: str) -> Arg:
    return Arg(name, Kind.ENUM, constants=constants)


def flags(name: str, constants: str) -> Arg:
    return Arg(name, Kind.FLAGS, constants=constants)


def wide_enum(name: str, constants: str) -> Arg:
    return Arg(name, Kind.WIDE_ENUM, constants=constants)


def wide_flags(name: str, constants: str) -> Arg:
    return Arg(name, Kind.WIDE_FLAGS, constants=constants)


def bits(name: str) -> Arg:
    """Flags of which none has a name."""
    return Arg(name, Kind.FLAGS, constants="no_flags")


def pointer(name: str) -> Arg:
    return Arg(name, Kind.POINTER)


def string(name: str = "pathname") -> Arg:
    return Arg(name, Kind.STRING)


def strings(name: str) -> Arg:
    return Arg(name, Kind.STRINGS)


def environment(name: str) -> Arg:
    return Arg(name, Kind.ENVIRONMENT)


def data_in(name: str, length: int) -> Arg:
    return Arg(name, Kind.BUFFER_IN, length)


def data_out(name: str, length: int) -> Arg:
    return Arg(name, Kind.BUFFER_OUT, length)


def address_in(name: str, length: int) -> Arg:
    return Arg(name, Kind.SOCKADDR_IN, length)


def address_out(name: str, length: int) -> Arg:
    return Arg(name, Kind.SOCKADDR_OUT, length)


def socklen(name: str) -> Arg:
    return Arg(name, Kind.SOCKLEN)


def struct_in(name: str, struct: str, *, length: int = -1, follows: tuple[Follow, ...] = ()) -> Arg:
    return Arg(name, Kind.STRUCT_IN, length, struct=struct, follows=follows)


def struct_out(name: str, struct: str, *, length: int = -1) -> Arg:
    return Arg(name, Kind.STRUCT_OUT, length, struct=struct)


def struct_inout(name: str, struct: str, *, length: int = -1, follows: tuple[Follow, ...] = ()) -> Arg:
    return Arg(name, Kind.STRUCT_INOUT, length, struct=struct, follows=follows)


def array_in(name: str, struct: str, *, length: int = -1, count: int = 0) -> Arg:
    return Arg(name, Kind.ARRAY_IN, length, struct=struct, count=count)


def array_out(name: str, struct: str, *, length: int = -1, count: int = 0) -> Arg:
    return Arg(name, Kind.ARRAY_OUT, length, struct=struct, count=count)


def array_inout(name: str, struct: str, *, length: int) -> Arg:
    return Arg(name, Kind.ARRAY_INOUT, length, struct=struct)


def fdset(name: str, length: int) -> Arg:
    return Arg(name, Kind.FDSET, length)


def iovec_in(name: str, length: int) -> Arg:
    return Arg(name, Kind.IOVEC_IN, length)


def iovec_out(name: str, length: int) -> Arg:
    return Arg(name, Kind.IOVEC_OUT, length)
