"""struct stat in strace's words: mode and size, or with -v all of it."""

from wiretale.decode.strace.dates import date
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import field_text, mode_text
from wiretale.decode.structs import integers, unpack
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


# Times that are shown only if the kernel has filled them in: STATX_ATIME and the like, linux/stat.h.
_STATX_TIMES = {"stx_atime": 0x20, "stx_btime": 0x800, "stx_ctime": 0x80, "stx_mtime": 0x40}
_STATX_FIELDS = (
    "stx_mask", "stx_blksize", "stx_attributes", "stx_nlink", "stx_uid", "stx_gid", "stx_mode", "stx_ino", "stx_size",
    "stx_blocks", "stx_attributes_mask", *_STATX_TIMES, "stx_rdev_major", "stx_rdev_minor", "stx_dev_major",
    "stx_dev_minor", "stx_mnt_id",
)  # fmt: skip


def whole_statx(w: Writer, name: str, data: bytes) -> str:
    """struct statx: every field in strace's order, times as dates too."""
    fields = {f.name: (f, v) for f, v in unpack(name, w.arch, data)}
    known = integers(name, w.arch, data)["stx_mask"]
    shown = []
    for key in _STATX_FIELDS:
        if key not in fields:
            continue
        field, value = fields[key]
        if key in _STATX_TIMES and not known & _STATX_TIMES[key]:
            continue
        if key in _STATX_TIMES and isinstance(value, list):
            seconds, part = (v for pair in value if isinstance(pair, tuple) for v in (pair[1],))
            assert isinstance(seconds, int) and isinstance(part, int)
            comment = f" /* {when} */" if (when := date(seconds, part, 9)) else ""
            shown.append(f"{key}={{tv_sec={seconds}, tv_nsec={part}}}{comment}")
        elif key in ("stx_attributes", "stx_attributes_mask") and isinstance(value, int):
            shown.append(f"{key}={w.flags('statx_attributes', value)}")
        elif key == "stx_mode" and isinstance(value, int) and isinstance(w, StraceWriter):
            shown.append(f"{key}={mode(w, value)}")
        elif key == "stx_mnt_id" and isinstance(value, int):
            shown.append(f"{key}={number(value)}")
        else:
            shown.append(f"{key}={field_text(w, field, value)}")
    return "{" + ", ".join(shown) + "}"
