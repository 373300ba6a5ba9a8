"""Requests to a file system of btrfs as a whole and to its devices: balance, scrubbing, replacement, errors, space.

Source: linux/btrfs.h.
"""

from wiretale.decode.constants import table
from wiretale.decode.strace.dates import date
from wiretale.decode.strace.devices.forms import (
    Form,
    Given,
    Struct,
    answered,
    bits,
    braces,
    commented,
    decimal,
    elements,
    limited,
    string,
    uuid,
)
from wiretale.decode.strace.stat import device
from wiretale.decode.structs import struct_size

_SCRUB, _PROGRESS = 0x1B, 0x22  # numbers of BTRFS_IOC_SCRUB and BTRFS_IOC_BALANCE_PROGRESS
_PARTS = {"data": 1 << 0, "meta": 1 << 2, "sys": 1 << 1}  # BTRFS_BALANCE_*
_START, _STATUS = 0, 1  # BTRFS_IOCTL_DEV_REPLACE_CMD_*
_CHECKSUMS, _GENERATION, _METADATA = 1 << 0, 1 << 1, 1 << 2  # BTRFS_FS_INFO_FLAG_*
_WHOLE = 1000  # of progress_1000
_ERRORS = 5  # BTRFS_DEV_STAT_VALUES_MAX


def _device(s: Struct, name: str = "devid") -> str:
    return f"{name}={device(s.w, s[name])}"


# -- balance ---------------------------------------------------------------------------------------------------------


def _groups(s: Struct, name: str, table_name: str, unknown: str) -> str:
    """Kinds of block groups; bits in the order of their values, the two that are no kinds last."""
    return f"{name}={bits(s.w, s[name], table(table_name), unknown)}"


def _balance_part(s: Struct) -> str:
    head = [_groups(s, "profiles", "device_btrfs_group", "BTRFS_BLOCK_GROUP_???"), *s.texts("usage"), _device(s)]
    ranges = [*s.texts("pstart"), limited(s, "pend"), *s.texts("vstart"), limited(s, "vend")]
    return braces(head, ranges, s.texts("target", "flags"))


def _balance(s: Struct, *, progress: bool) -> str:
    wanted = [name for name, bit in _PARTS.items() if s["flags"] & bit]
    parts = [f"{name}={_balance_part(s.part(name))}" for name in wanted]
    return braces(s.texts("flags", *(["state"] if progress else [])), parts)


def _balanced(given: Given) -> str:
    if given.w.values[1] & 0xFF == _PROGRESS:
        return given.address if given.after is None else _balance(given.last, progress=True)
    text = given.address if given.before is None else _balance(given.first, progress=False)
    if not given.w.succeeded:
        return text
    return f"{text} => {given.address if given.after is None else _balance(given.last, progress=True)}"


# -- scrubbing -------------------------------------------------------------------------------------------------------


def _progress(s: Struct) -> str:
    return f"{{progress={s.part('progress')}}}"


def _scrub(given: Given) -> str:
    s = given.first
    return answered(given, braces([_device(s)], s.texts("start"), [limited(s, "end")], s.texts("flags")), _progress)


def _scrubbed(given: Given) -> str:
    return answered(given, braces([_device(given.first)]), _progress)


# -- devices ---------------------------------------------------------------------------------------------------------


def _described(s: Struct) -> str:
    return braces([uuid(s, "uuid")], s.texts("bytes_used", "total_bytes"), [f"path={string(s.w, s.bytes('path'))}"])


def _one_device(given: Given) -> str:
    s = given.first
    return answered(given, braces([_device(s)], [uuid(s, "uuid")] if any(s.bytes("uuid")) else []), _described)


def _errors(s: Struct) -> str:
    shown = []
    for number, value in enumerate(s.values("values")[: s["nr_items"]]):
        shown.append(f"[{decimal(s.w, number, table('device_btrfs_error')[number])}]={value}")
    more = ["..."] if s["nr_items"] > _ERRORS else []
    return braces(s.texts("nr_items", "flags"), [f"[{', '.join([*shown, *more])}]"])


def _device_errors(given: Given) -> str:
    s = given.first
    return answered(given, braces([_device(s)], s.texts("nr_items", "flags")), _errors)


def _replacement(given: Given) -> str:
    s = given.first
    shown = s.texts("cmd")
    if s["cmd"] == _START:
        start = Struct(given.w, "btrfs_replace_start", s.data)
        names = [f"{name}={string(given.w, start.bytes(name))}" for name in ("srcdev_name", "tgtdev_name")]
        inside = braces([_device(start, "srcdevid")], start.texts("cont_reading_from_srcdev_mode"), names)
        shown.append(f"start={inside}")
    return answered(given, braces(shown), _replaced)


def _replaced(s: Struct) -> str:
    if s["cmd"] != _STATUS:
        return braces(s.texts("result"))
    status = Struct(s.w, "btrfs_replace_status", s.data)
    done = status["progress_1000"]
    shown = [
        *status.texts("replace_state"),
        commented(f"progress_1000={done}", f"{done // 10}.{done % 10}%" if done <= _WHOLE else ""),
        *(commented(f"{name}={status[name]}", date(status[name])) for name in ("time_started", "time_stopped")),
        *status.texts("num_write_errors", "num_uncorrectable_read_errors"),
    ]
    return braces(s.texts("result"), [f"status={braces(shown)}"])


# -- the file system -------------------------------------------------------------------------------------------------


def _file_system(given: Given) -> str:
    s = given.only
    flags = s["flags"]
    shown = [*s.texts("max_id", "num_devices"), uuid(s, "fsid"), *s.texts("nodesize", "sectorsize", "clone_alignment")]
    shown += s.texts("csum_type", "csum_size") if flags & _CHECKSUMS else []
    shown += s.texts("flags")
    shown += s.texts("generation") if flags & _GENERATION else []
    return braces(shown, [uuid(s, "metadata_uuid")] if flags & _METADATA else [])


def _supported(given: Given) -> str:
    s = given.only
    parts = {"supported": "supported", "safe_set": "safe to set", "safe_clear": "safe to clear"}.items()
    return f"[{', '.join(f'{s.part(name)} /* {text} */' for name, text in parts)}]"


def _space(s: Struct) -> str:
    return braces(
        [_groups(s, "flags", "device_btrfs_group", "BTRFS_SPACE_INFO_???")], s.texts("total_bytes", "used_bytes")
    )


def _spaces(given: Given) -> str:
    first = given.first
    asked = braces(first.texts("space_slots"))
    if given.after is None:
        return asked
    last, head = given.last, len(given.after)
    shown = last.texts("total_spaces")
    if not first["space_slots"] and last["total_spaces"]:
        return f"{asked} => {braces(shown)}"
    if given.w.brief:
        shown.append("...")
    else:
        found = given.w.datum(given.index, "struct", at_exit=True, idx=1 + head)
        spaces = elements(
            given.w,
            b"" if found is None else found.bytes,
            given.w.unsigned(given.w.values[given.index]) + head,
            lambda data: _space(Struct(given.w, "btrfs_space", data)),
            count=last["total_spaces"],
            size=struct_size("btrfs_space", given.w.arch),
        )
        shown.append(f"spaces={spaces}")
    return f"{asked} => {braces(shown)}"


LEAST = {"btrfs_balance": 1024}  # sizeof(struct btrfs_ioctl_balance_args)
FORMS: dict[str, Form] = {
    "btrfs_balance": _balanced,
    "btrfs_scrub": lambda given: _scrub(given) if given.w.values[1] & 0xFF == _SCRUB else _scrubbed(given),
    "btrfs_device": _one_device,
    "btrfs_device_errors": _device_errors,
    "btrfs_replaced": _replacement,
    "btrfs_file_system": _file_system,
    "btrfs_supported": _supported,
    "btrfs_spaces": _spaces,
}
