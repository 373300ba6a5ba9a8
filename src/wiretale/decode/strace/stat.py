"""struct stat in strace's words: mode and size, or with -v all of it."""

from wiretale.decode.strace.dates import date
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import mode_text
from wiretale.decode.structs import integers
from wiretale.decode.writer import Writer

_FORMAT, _DEVICES = 0o170000, (0o020000, 0o060000)


def number(value: int) -> str:
    return hex(value) if value else "0"


def device(w: StraceWriter, value: int) -> str:
    """makedev(major, minor); the split of linux/kdev_t.h as user space sees it (sys/sysmacros.h)."""
    major = (value >> 8) & 0xFFF | (value >> 32) & 0xFFFFF000
    minor = value & 0xFF | (value >> 12) & 0xFFFFFF00
    text = f"makedev({number(major)}, {number(minor)})"
    if w.style.names is Names.ABBREV:
        return text
    return number(value) if w.style.names is Names.RAW else f"{number(value)} /* {text} */"


def mode(w: StraceWriter, value: int) -> str:
    """S_IFREG|0644; with -X raw the number, with -X verbose both."""
    if w.style.names is Names.ABBREV:
        return mode_text(w, value)
    octal = f"0{value:o}"
    if w.style.names is Names.RAW:
        return octal
    abbreviated = StraceWriter(w.call, type(w.style)(), structs={})
    return f"{octal} /* {mode_text(abbreviated, value)} */"


def _time(name: str, seconds: int, nanoseconds: int) -> str:
    shown = [f"{name}={seconds}"]
    if comment := date(seconds, nanoseconds, 9):
        shown[0] += f" /* {comment} */"
    return ", ".join([*shown, f"{name}_nsec={nanoseconds}"])


def stat_text(w: Writer, name: str, data: bytes) -> str:
    """One struct stat."""
    assert isinstance(w, StraceWriter)
    values = integers(name, w.arch, data)
    if "st_mode" not in values or "st_size" not in values:
        return "{...}"
    is_device = values["st_mode"] & _FORMAT in _DEVICES
    shown_mode = f"st_mode={mode(w, values['st_mode'])}"
    size = f"st_rdev={device(w, values['st_rdev'])}" if is_device else f"st_size={values['st_size']}"
    if w.brief:
        return f"{{{shown_mode}, {size}, ...}}"
    parts = [
        f"st_dev={device(w, values['st_dev'])}",
        f"st_ino={values['st_ino']}",
        shown_mode,
        *(f"{field}={values[field]}" for field in ("st_nlink", "st_uid", "st_gid", "st_blksize", "st_blocks")),
        size,
        *(_time(f, values[f], values.get(f + "_nsec", 0)) for f in ("st_atime", "st_mtime", "st_ctime") if f in values),
    ]
    return "{" + ", ".join(parts) + "}"
