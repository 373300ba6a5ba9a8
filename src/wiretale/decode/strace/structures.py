"""Structures in strace's words, where they differ from what their fields alone would say."""

import re
from collections.abc import Callable

from wiretale.decode.escape import escape_bytes
from wiretale.decode.strace.arguments import strace
from wiretale.decode.strace.siginfo import siginfo_text
from wiretale.decode.strace.stat import mode as file_mode
from wiretale.decode.strace.stat import stat_text, whole_statx
from wiretale.decode.struct_text import generic_text
from wiretale.decode.structs import integers, struct_size, unpack
from wiretale.decode.writer import Writer
from wiretale.light import later

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode.strace import requests, terminals
else:
    requests = later("wiretale.decode.strace.requests")
    terminals = later("wiretale.decode.strace.terminals")

StructPrinter = Callable[[Writer, str, bytes], str]


def _file_system(w: Writer, name: str, data: bytes) -> str:
    """As the shared decoder says it, with the two halves of f_fsid in a structure of their own."""
    halves = re.compile(r"f_fsid=\[([^]]*)\]")
    return halves.sub(lambda m: f"f_fsid={{val=[{m[1].replace('0x0', '0')}]}}", generic_text(w, name, data))


def _statx(w: Writer, name: str, data: bytes) -> str:
    values = integers(name, w.arch, data)
    if "stx_size" not in values:
        return "{...}"
    if not getattr(w, "brief", True):
        return whole_statx(w, name, data)
    mask = w.flags("statx_mask", values["stx_mask"])
    attributes = w.flags("statx_attributes", values["stx_attributes"])
    mode = file_mode(strace(w), values["stx_mode"])
    return f"{{stx_mask={mask}, stx_attributes={attributes}, stx_mode={mode}, stx_size={values['stx_size']}, ...}}"


def _utsname(w: Writer, name: str, data: bytes) -> str:
    fields = unpack(name, w.arch, data)
    shown = fields[:2] if getattr(w, "brief", True) else fields
    text = ", ".join(f"{f.name}={_name(v)}" for f, v in shown)
    return f"{{{text}, ...}}" if len(shown) < len(fields) else f"{{{text}}}"


def _name(value: object) -> str:
    return escape_bytes(value.split(b"\0", 1)[0]) if isinstance(value, bytes) else str(value)


def _interval(w: Writer, name: str, data: bytes) -> str:
    """Two times."""
    half = len(data) // 2
    inner = {"itimerspec": "timespec", "itimerspec64": "timespec64", "itimerval": "timeval"}[name]
    return f"{{it_interval={_time(w, inner, data[:half])}, it_value={_time(w, inner, data[half:])}}}"


def _time(w: Writer, name: str, data: bytes) -> str:
    """What is behind the seconds is printed unsigned."""
    (_, seconds), (field, part) = unpack(name, w.arch, data)
    assert isinstance(part, int)
    return f"{{tv_sec={seconds!r}, {field.name}={part & ((1 << 8 * field.size) - 1)}}}"


def _usage(w: Writer, name: str, data: bytes) -> str:
    """What a process has used: unless all is asked for, the times. What the kernel did not fill in is unsigned."""
    fields = unpack(name, w.arch, data)
    half = struct_size("timeval", w.arch)
    shown = [f"ru_utime={_time(w, 'timeval', data[:half])}", f"ru_stime={_time(w, 'timeval', data[half : 2 * half])}"]
    if getattr(w, "brief", True):
        return "{" + ", ".join([*shown, "..."]) + "}"
    shown += [f"{f.name}={w.unsigned(v)}" for f, v in fields[2:] if isinstance(v, int)]
    return "{" + ", ".join(shown) + "}"


def _terminal(w: Writer, name: str, data: bytes) -> str:
    return terminals.terminal(w, name, data)


def _of_request(w: Writer, name: str, data: bytes) -> str:
    return requests.structure(w, name, data)


_OF_REQUESTS = (
    "rtc_time",
    "rtc_wkalrm",
    "rtc_param",
    "block_range",
    "loop_info",
    "loop_info64",
    "loop_config",
    "if_name",
)
STRUCTS: dict[str, StructPrinter] = {
    **dict.fromkeys(("termios", "termios2", "termio"), _terminal),
    **dict.fromkeys(_OF_REQUESTS, _of_request),
    "stat": stat_text,
    "stat64": stat_text,
    "statfs": _file_system,
    "statfs64": _file_system,
    **dict.fromkeys(("timespec", "timespec64", "timeval", "timeval64"), _time),
    **dict.fromkeys(("itimerspec", "itimerspec64", "itimerval"), _interval),
    "utsname": _utsname,
    "rusage": _usage,
    "statx": _statx,
    "siginfo": lambda w, name, data: siginfo_text(
        data, w.arch, strace(w).pid_label, style=strace(w).style.names, fd_label=w.fd
    ),
}
