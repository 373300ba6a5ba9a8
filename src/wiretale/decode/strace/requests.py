"""Arguments of requests of ioctl that are more than one structure field by field. Loaded when one is printed.

Sources: linux/fiemap.h, rtc.h, userfaultfd.h, loop.h, blkpg.h, sockios.h; what is left out without -v as observed
with strace 6.1.
"""

from collections.abc import Callable

from wiretale.decode.strace.names import number
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import device_text, field_text, struct_text
from wiretale.decode.structs import Field, Value, struct_size, unpack
from wiretale.decode.writer import Writer, pointer_text

_RTC_FEATURES = (
    "ALARM", "ALARM_RES_MINUTE", "NEED_WEEK_DAY", "ALARM_RES_2S", "UPDATE_INTERRUPT", "CORRECTION",
    "BACKUP_SWITCH_MODE", "ALARM_WAKEUP_ONLY",
)  # fmt: skip
# Calls of the whole descriptor, and of a range that was registered.
_UFFD_ALL = {0: "REGISTER", 1: "UNREGISTER", 63: "API"}
_UFFD_RANGE = {2: "WAKE", 3: "COPY", 4: "ZEROPAGE", 6: "WRITEPROTECT", 7: "CONTINUE"}
_ARGUMENT = 2  # of ioctl
_RTC_SHOWN, _KEY_BYTES = 6, 32
_FEATURES, _CORRECTION, _SWITCH_MODE = range(3)  # RTC_PARAM_*


def argument(w: StraceWriter, index: int, name: str) -> str:
    """A structure that is read before and after the call."""
    size = struct_size(name, w.arch)
    answers = not w.refused  # what a call that failed was given is printed all the same
    w.refused = False
    before, after = (_bytes(w, index, at_exit, size) for at_exit in (False, True))
    address = pointer_text(w.unsigned(w.values[index]))
    after = after if answers else None
    return _BOTH[name](w, before, after, address) if before is not None else address


def _bytes(w: StraceWriter, index: int, at_exit: bool, size: int) -> bytes | None:
    datum = w.readable(index, "struct", at_exit=at_exit)
    return datum.bytes if datum is not None and len(datum.bytes) >= size else None


def _fields(w: Writer, name: str, data: bytes, *shown: str) -> list[str]:
    return [f"{f.name}={field_text(w, f, v)}" for f, v in unpack(name, w.arch, data) if not shown or f.name in shown]


def _integers(w: Writer, name: str, data: bytes) -> dict[str, int]:
    return {f.name: v for f, v in unpack(name, w.arch, data) if isinstance(v, int)}


def _braces(fields: list[str]) -> str:
    return "{" + ", ".join(fields) + "}"


def _bits(w: Writer, value: int, names: dict[int, str], prefix: str, unknown: str) -> str:
    """Bits by name: 1<<RTC_FEATURE_ALARM."""
    known = [f"1<<{prefix}{label}" for bit, label in names.items() if value >> bit & 1]
    rest = value & ~sum(1 << bit for bit in names)
    style = w.style.names if isinstance(w, StraceWriter) else Names.ABBREV
    if not value or style is Names.RAW:
        return hex(value) if value else "0"
    if not known:
        return f"{value:#x} /* {unknown} */"
    text = "|".join([*known, *([hex(rest)] if rest else [])])
    return f"{value:#x} /* {text} */" if style is Names.VERBOSE else text


# -- read before and after -------------------------------------------------------------------------------------------


def _fiemap(w: StraceWriter, before: bytes, after: bytes | None, address: str) -> str:
    asked = _braces(_fields(w, "fiemap", before, "fm_start", "fm_length", "fm_flags", "fm_extent_count"))
    if after is None:
        return asked
    extents = "..." if w.brief else f"fm_extents={_extents(w, _integers(w, 'fiemap', after)['fm_mapped_extents'])}"
    return f"{asked} => {_braces([*_fields(w, 'fiemap', after, 'fm_flags', 'fm_mapped_extents'), extents])}"


def _extents(w: StraceWriter, count: int) -> str:
    """The extents lie behind the structure."""
    place = struct_size("fiemap", w.arch)
    datum, size = w.datum(_ARGUMENT, "struct", at_exit=True, idx=1 + place), struct_size("fiemap_extent", w.arch)
    data = b"" if datum is None else datum.bytes
    found = [struct_text(w, "fiemap_extent", data[at : at + size]) for at in range(0, len(data) - size + 1, size)]
    start = w.unsigned(w.values[_ARGUMENT]) + place
    if count and not found:
        return pointer_text(start)
    rest = [f"... /* {start + len(found) * size:#x} */"] if len(found) < count else []
    return f"[{', '.join([*found, *rest])}]"


def _rtc_value(w: Writer, data: bytes) -> str:
    v = _integers(w, "rtc_param", data)
    if v["param"] == _FEATURES:
        names = dict(enumerate(_RTC_FEATURES))
        return f"uvalue={_bits(w, v['value'], names, 'RTC_FEATURE_', '1<<RTC_FEATURE_???')}"
    if v["param"] == _CORRECTION:
        return f"svalue={v['value'] - (v['value'] >> 63 << 64)}"
    if v["param"] == _SWITCH_MODE:
        return f"uvalue={w.enum('ioctl_rtc_bsm', v['value'])}"
    return f"uvalue={v['value']:#x}" if v["value"] else "uvalue=0"


def _rtc_pad(w: Writer, data: bytes) -> list[str]:
    pad = _integers(w, "rtc_param", data)["pad"]
    return [f"__pad={pad:#x}"] if pad else []


def _rtc_param(w: StraceWriter, before: bytes, after: bytes | None, address: str) -> str:
    asked = _braces([*_fields(w, "rtc_param", before, "param", "index"), *_rtc_pad(w, before)])
    return f"{asked} => {address if after is None else _braces([_rtc_value(w, after), *_rtc_pad(w, after)])}"


def _uffd_calls(w: Writer, name: str, data: bytes, calls: dict[int, str]) -> str:
    unknown = "_UFFDIO_???" if calls is _UFFD_ALL else "UFFDIO_???"
    return f"ioctls={_bits(w, _integers(w, name, data)['ioctls'], calls, '_UFFDIO_', unknown)}"


def _uffdio_api(w: StraceWriter, before: bytes, after: bytes | None, address: str) -> str:
    asked = _fields(w, "uffdio_api", before, "api", "features")
    if after is None:
        return _braces(asked)
    features = _fields(w, "uffdio_api", after, "features")[0]
    answer = f" => {features}" if features != asked[1] else ""
    return f"{{{', '.join(asked)}{answer}, {_uffd_calls(w, 'uffdio_api', after, _UFFD_ALL)}}}"


def _uffdio_register(w: StraceWriter, before: bytes, after: bytes | None, address: str) -> str:
    asked = _fields(w, "uffdio_register", before, "range", "mode")
    calls = [_uffd_calls(w, "uffdio_register", after, _UFFD_RANGE)] if after is not None else []
    return _braces([*asked, *calls])


def _answered(name: str, answer: str) -> Callable[[StraceWriter, bytes, bytes | None, str], str]:
    """The field `answer` is what comes back."""

    def text(w: StraceWriter, before: bytes, after: bytes | None, address: str) -> str:
        asked = [f for f in _fields(w, name, before) if not f.startswith(f"{answer}=")]
        return _braces([*asked, *(_fields(w, name, after, answer) if after is not None else [])])

    return text


def _region(w: StraceWriter, before: bytes, after: bytes | None, address: str) -> str:
    asked = _fields(w, "region_info_user", before, "regionindex")
    rest = ("offset", "erasesize", "numblocks")
    return _braces([*asked, *(_fields(w, "region_info_user", after, *rest) if after is not None else [])])


def _attached(w: StraceWriter, before: bytes, after: bytes | None, address: str) -> str:
    number = "" if after is None else f" => [{_integers(w, 'ubi_attach_req', after)['ubi_num']}]"
    return _braces(_fields(w, "ubi_attach_req", before)) + number


_BOTH: dict[str, Callable[[StraceWriter, bytes, bytes | None, str], str]] = {
    "fiemap": _fiemap,
    "rtc_param": _rtc_param,
    "uffdio_api": _uffdio_api,
    "uffdio_register": _uffdio_register,
    "uffdio_copy": _answered("uffdio_copy", "copy"),
    "uffdio_zeropage": _answered("uffdio_zeropage", "zeropage"),
    "region_info_user": _region,
    "ubi_attach_req": _attached,
}

# -- read once -------------------------------------------------------------------------------------------------------


def _rtc_time(w: Writer, name: str, data: bytes) -> str:
    fields = _fields(w, "rtc_time", data)
    return _braces([*fields[:_RTC_SHOWN], "..."] if w.brief else fields)


def _rtc_alarm(w: Writer, name: str, data: bytes) -> str:
    at = struct_size(name, w.arch) - struct_size("rtc_time", w.arch)
    return _braces([*_fields(w, name, data, "enabled", "pending"), f"time={_rtc_time(w, 'rtc_time', data[at:])}"])


def _rtc_param_given(w: Writer, name: str, data: bytes) -> str:
    shown = [*_fields(w, name, data, "param"), _rtc_value(w, data), *_fields(w, name, data, "index")]
    return _braces([*shown, *_rtc_pad(w, data)])


def _range(w: Writer, name: str, data: bytes) -> str:
    return f"[{int.from_bytes(data[:8], 'little')}, {int.from_bytes(data[8:16], 'little')}]"


def name_text(w: Writer, data: bytes) -> str:
    """Text in a field of fixed size; the last byte is taken for the NUL."""
    text, nul, _ = data.partition(b"\0")
    return _literal(w, text) if nul else _literal(w, data[:-1]) + "..."


def _literal(w: Writer, data: bytes) -> str:
    return w.text(data) if isinstance(w, StraceWriter) else repr(data)


def _device(w: Writer, value: int) -> str:
    if isinstance(w, StraceWriter) and w.style.names is Names.RAW:
        return number(value)
    text = device_text(value).replace("0x0,", "0,").replace(" 0x0)", " 0)")
    return f"{number(value)} /* {text} */" if isinstance(w, StraceWriter) and w.style.names is Names.VERBOSE else text


def _bridge_name(w: Writer, name: str, data: bytes) -> str:
    text, nul, _ = data.partition(b"\0")
    return _literal(w, text[: w.limit]) + ("" if nul and len(text) <= w.limit else "...")


def _loop_fields(w: Writer, name: str, data: bytes) -> list[str]:
    values: dict[str, tuple[Field, Value]] = {f.name: (f, v) for f, v in unpack(name, w.arch, data)}
    known = {key: v for key, (_, v) in values.items() if isinstance(v, int)}
    used = min(known["lo_encrypt_key_size"], _KEY_BYTES)
    key = values["lo_encrypt_key"][1]
    assert isinstance(key, bytes)
    hidden = {"lo_device", "lo_inode", "lo_rdevice", "lo_sizelimit", "lo_init", "reserved"} if w.brief else set()
    if w.brief and not known["lo_encrypt_type"]:
        hidden |= {"lo_encrypt_type", "lo_encrypt_key_size", "lo_crypt_name", "lo_encrypt_key"}
    shown = []
    for label, (field, value) in values.items():
        if label in hidden:
            continue
        if label == "lo_encrypt_key":
            shown.append(f"{label}={_literal(w, key[:used])}")
        elif field.how == "dev" and isinstance(value, int):
            shown.append(f"{label}={_device(w, value)}")
        elif isinstance(value, bytes):
            shown.append(f"{label}={name_text(w, value)}")
        else:
            shown.append(f"{label}={field_text(w, field, value)}")
    return [*shown, "..."] if w.brief else shown


def _loop(w: Writer, name: str, data: bytes) -> str:
    return _braces(_loop_fields(w, name, data))


def _loop_config(w: Writer, name: str, data: bytes) -> str:
    info = data[8 : 8 + struct_size("loop_info64", w.arch)]
    shown = [*_fields(w, name, data, "fd", "block_size"), f"info={_loop(w, 'loop_info64', info)}"]
    reserved = any(data[8 + len(info) :])
    return _braces([*shown, *(f"__{text}" for text in _fields(w, name, data, "reserved") if reserved)])


STRUCTS: dict[str, Callable[[Writer, str, bytes], str]] = {
    "rtc_time": _rtc_time,
    "rtc_wkalrm": _rtc_alarm,
    "rtc_param": _rtc_param_given,
    "block_range": _range,
    "if_name": _bridge_name,
    "loop_info": _loop,
    "loop_info64": _loop,
    "loop_config": _loop_config,
}


def structure(w: Writer, name: str, data: bytes) -> str:
    """A structure of STRUCTS."""
    return STRUCTS[name](w, name, data)
