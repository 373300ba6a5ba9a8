"""Structures in words: `{field=value, ...}`, as strace writes them. Fields the bytes do not reach become "..."."""

from _socket import AF_INET, AF_INET6, inet_ntop  # socket makes enumerations of hundreds of constants
from collections.abc import Callable

from wiretale.decode.escape import escape_bytes
from wiretale.decode.signals import decode_siginfo
from wiretale.decode.structs import Field, Value, integers, layout, struct_size, unpack
from wiretale.decode.writer import Writer, pointer_text

_SA_RESTORER = 0x4000000
_SIGNAL_DEFAULTS = 2  # SIG_DFL and SIG_IGN; larger handlers are addresses, but for SIG_ERR, which is -1
_FORMAT_MASK, _PERMISSIONS = 0o170000, 0o7777
_GET_LOCKS = frozenset({5, 12, 36})  # F_GETLK, F_GETLK64 (32-bit), F_OFD_GETLK
_DEVICES = frozenset({0o020000, 0o060000})


def mode_text(w: Writer, mode: int) -> str:
    """st_mode: S_IFREG|0644."""
    kind, bits = mode & _FORMAT_MASK, mode & _PERMISSIONS
    special = "".join(
        f"|{name}" for bit, name in ((0o4000, "S_ISUID"), (0o2000, "S_ISGID"), (0o1000, "S_ISVTX")) if bits & bit
    )
    return f"{w.enum('mode_type', kind)}{special}|{octal(bits & 0o777)}" if kind else octal(mode)


def octal(value: int) -> str:
    """A C octal literal of at least three digits: 0644, 000."""
    return f"0{value:o}" if value >= 0o100 else f"{value:03o}"


def device_text(number: int) -> str:
    """makedev(major, minor); the split of linux/kdev_t.h as user space sees it (sys/sysmacros.h)."""
    major = (number >> 8) & 0xFFF | (number >> 32) & 0xFFFFF000
    minor = number & 0xFF | (number >> 12) & 0xFFFFFF00
    return f"makedev({major:#x}, {minor:#x})"


def limit_text(value: int, width: int) -> str:
    """A resource limit: RLIM_INFINITY, multiples of 1024 as N*1024."""
    if value == (1 << (8 * width)) - 1:
        return "RLIM64_INFINITY" if width == 8 else "RLIM_INFINITY"
    return f"{value // 1024}*1024" if value > 1024 and value % 1024 == 0 else str(value)


def wait_status_text(w: Writer, status: int) -> str:
    """What wait4 stored, as the macros of sys/wait.h that hold."""
    low = status & 0x7F
    if status == 0xFFFF:
        return "{WIFCONTINUED(s)}"
    if status & 0xFF == 0x7F:
        event = status >> 16 & 0xFF
        extra = f", event={event}" if event else ""
        return f"{{WIFSTOPPED(s) && WSTOPSIG(s) == {w.plain_signal(status >> 8 & 0xFF)}{extra}}}"
    if low == 0:
        return f"{{WIFEXITED(s) && WEXITSTATUS(s) == {status >> 8 & 0xFF}}}"
    dumped = " && WCOREDUMP(s)" if status & 0x80 else ""
    return f"{{WIFSIGNALED(s) && WTERMSIG(s) == {w.plain_signal(low)}{dumped}}}"


def _v4(value: int) -> str:
    return f'inet_addr("{inet_ntop(AF_INET, (value & 0xFFFFFFFF).to_bytes(4, "little"))}")'


_POINTERS = frozenset({"sigmask", "msg_name", "msg_control", "iov_base", "filter", "ifc_buf", "ss_sp"})

_PRINTERS: dict[str, Callable[[Writer, int, Field], str]] = {
    "": lambda w, v, f: str(v),
    "x": lambda w, v, f: hex(v) if v else ("NULL" if f.name in _POINTERS else "0"),
    "p": lambda w, v, f: pointer_text(v),
    "o": lambda w, v, f: octal(v),
    "sig": lambda w, v, f: w.signal(v) if v else "0",
    "set": lambda w, v, f: w.signal_set(v),
    "fd": lambda w, v, f: w.fd(v),
    "dev": lambda w, v, f: device_text(v),
    "mode": lambda w, v, f: mode_text(w, v),
    "lim": lambda w, v, f: w.decimal(limit_text(v, f.size), v & ((1 << 8 * f.size) - 1)),
    "if": lambda w, v, f: w.interface(v),
    "pid": lambda w, v, f: w.pid(v),
    "v4": lambda w, v, f: _v4(v),
}


def field_text(w: Writer, field: Field, value: Value) -> str:
    """One field's value."""
    how = field.how.removeprefix("?")
    if isinstance(value, int):
        if how == "|open_flags":
            return w.open_flags(value)
        if how[:1] == "|":
            return w.flags(how[1:], value & ((1 << 8 * field.size) - 1))
        if how[:1] == "=":
            if how == "=sighandler" and value + 1 == 1 << 8 * field.size:
                return w.note("SIG_ERR", value)
            known = how != "=sighandler" or value < _SIGNAL_DEFAULTS
            return w.enum(how[1:], value) if known else hex(value)
        return _PRINTERS[how](w, value, field)
    if isinstance(value, bytes):
        if how == "sa":
            return w.sockaddr(value)
        return escape_bytes(value.split(b"\0", 1)[0] if how == "s" else value.rstrip(b"\0"))
    if field.nested and not field.count:
        return "{" + ", ".join(f"{f.name}={field_text(w, f, v)}" for f, v in _pairs(value)) + "}"
    if field.nested:  # an array of structures: not taken apart here
        return "[...]"
    if how == "v6":
        return f'inet_pton(AF_INET6, "{inet_ntop(AF_INET6, bytes(_ints(value)))}")'
    if how == "mac":
        return ":".join(f"{b:02x}" for b in _ints(value))
    return "[" + ", ".join(_NUMBERS.get(how, str)(v) for v in _ints(value)) + "]"


_NUMBERS: dict[str, Callable[[int], str]] = {"x": hex, "h": lambda v: hex(v) if v else "0"}


def is_shown(field: Field, value: Value) -> bool:
    return field.how[:1] != "?" or (any(_ints(value)) if isinstance(value, list) else bool(value))


def _pairs(value: Value) -> list[tuple[Field, Value]]:
    return [pair for pair in value if isinstance(pair, tuple)] if isinstance(value, list) else []


def _ints(value: Value) -> list[int]:
    return [v for v in value if isinstance(v, int)] if isinstance(value, list) else []


def generic_text(w: Writer, name: str, data: bytes) -> str:
    """Every field in order."""
    fields = [f"{f.name}={field_text(w, f, v)}" for f, v in unpack(name, w.arch, data) if is_shown(f, v)]
    if len(data) < struct_size(name, w.arch):
        fields.append("...")
    return "{" + ", ".join(fields) + "}"


def _stat(w: Writer, name: str, data: bytes) -> str:
    values = integers(name, w.arch, data)
    if "st_mode" not in values or "st_size" not in values:
        return generic_text(w, name, data)
    mode = mode_text(w, values["st_mode"])
    if values["st_mode"] & _FORMAT_MASK in _DEVICES:
        return f"{{st_mode={mode}, st_rdev={device_text(values['st_rdev'])}, ...}}"
    return f"{{st_mode={mode}, st_size={values['st_size']}, ...}}"


def _statx(w: Writer, name: str, data: bytes) -> str:
    values = integers(name, w.arch, data)
    if "stx_size" not in values:
        return generic_text(w, name, data)
    mask = w.flags("statx_mask", values["stx_mask"])
    return f"{{stx_mask={mask}, stx_mode={mode_text(w, values['stx_mode'])}, stx_size={values['stx_size']}, ...}}"


def _utsname(w: Writer, name: str, data: bytes) -> str:
    fields = unpack(name, w.arch, data)[:3]
    return "{" + ", ".join(f"{f.name}={field_text(w, f, v)}" for f, v in fields) + ", ...}"


def _sigaction(w: Writer, name: str, data: bytes) -> str:
    values = unpack(name, w.arch, data)
    flags = next((v for f, v in values if f.name == "sa_flags" and isinstance(v, int)), 0)
    order = ("sa_handler", "sa_mask", "sa_flags", *(("sa_restorer",) if flags & _SA_RESTORER else ()))
    by_name = {f.name: (f, v) for f, v in values}
    shown = [f"{n}={field_text(w, *by_name[n])}" for n in order if n in by_name]
    return "{" + ", ".join(shown) + ("}" if len(values) == len(layout(name, w.arch).fields) else ", ...}")


def _clone_args(w: Writer, name: str, data: bytes) -> str:
    fields = [f"{f.name}={field_text(w, f, v)}" for f, v in unpack(name, w.arch, data) if v or f.name == "flags"]
    return "{" + ", ".join(fields) + "}"


def _set(w: Writer, name: str, data: bytes) -> str:
    return w.signal_set(int.from_bytes(data[:8], "little"))


def _status(w: Writer, name: str, data: bytes) -> str:
    return f"[{wait_status_text(w, int.from_bytes(data[:4], 'little'))}]"


def _flock(w: Writer, name: str, data: bytes) -> str:
    """A lock; its holder only where the kernel names one (F_GETLK): otherwise the field is not looked at."""
    named = len(w.values) > 1 and w.values[1] & 0xFFFFFFFF in _GET_LOCKS
    values = unpack(name, w.arch, data)
    fields = [f"{f.name}={field_text(w, f, v)}" for f, v in values if named or f.name != "l_pid"]
    return "{" + ", ".join([*fields, *(["..."] if len(data) < struct_size(name, w.arch) else [])]) + "}"


def _termios(w: Writer, name: str, data: bytes) -> str:
    fields = unpack(name, w.arch, data)[:4]
    return "{" + ", ".join(f"{f.name}={field_text(w, f, v)}" for f, v in fields) + ", ...}"


def _timestamp(w: Writer, name: str, data: bytes) -> str:
    (_, seconds), (fraction, part) = unpack(name, w.arch, data)
    return f"{{tv_sec={seconds!r}, {fraction.name}={part!r}}}"


_SPECIAL: dict[str, Callable[[Writer, str, bytes], str]] = {
    "stat": _stat,
    "stat64": _stat,
    "statx": _statx,
    "utsname": _utsname,
    "sigaction": _sigaction,
    "old_sigaction": _sigaction,
    "clone_args": _clone_args,
    "sigset": _set,
    "old_sigset": _set,
    "wait_status": _status,
    "siginfo": lambda w, name, data: decode_siginfo(data, w.arch).text,
    "comm": lambda w, name, data: escape_bytes(data.split(b"\0", 1)[0]),
    "termios": _termios,
    "flock": _flock,
    "flock64": _flock,
}
_TIMES = frozenset({"timespec", "timespec64", "timeval", "timeval64"})


def struct_text(w: Writer, name: str, data: bytes) -> str:
    """A structure in words; one that holds a single value as `[value]`."""
    special = w.structs.get(name) or _SPECIAL.get(name)
    size = struct_size(name, w.arch)
    if special is not None:
        return special(w, name, data) if data else "{...}"
    if name in _TIMES and len(data) >= size:
        return _timestamp(w, name, data)
    shape = layout(name, w.arch)
    if len(shape.fields) == 1 and shape.fields[0].name == "value":
        return f"[{element_text(w, name, data)}]" if len(data) >= size else "[...]"
    return generic_text(w, name, data)


def element_text(w: Writer, name: str, data: bytes) -> str:
    """One element of an array: a structure that holds a single value is that value."""
    values = unpack(name, w.arch, data)
    if len(values) == 1 and values[0][0].name == "value":
        return field_text(w, *values[0])
    return struct_text(w, name, data)


def array_text(w: Writer, name: str, data: bytes, full: int) -> str:
    """Elements back to back; "..." where the bytes end before `full`."""
    size = struct_size(name, w.arch)
    elements = [element_text(w, name, data[i : i + size]) for i in range(0, len(data) - size + 1, size)]
    if len(data) < full or len(data) % size:
        elements.append("...")
    return f"[{', '.join(elements)}]"
