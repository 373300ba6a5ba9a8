"""Requests that are alone of their kind: random numbers, SCSI resets, volumes of flash memory, a letter for a terminal.

Sources: linux/random.h, scsi/sg.h, mtd/ubi-user.h.
"""

from wiretale.decode.strace.devices.forms import Form, Given, Struct, braces, sequence, string
from wiretale.decode.writer import pointer_text

_POOL_HEAD = 8
LEAST = {"other_random": _POOL_HEAD}
_NO_ESCALATE = 0x100  # SG_SCSI_RESET_NO_ESCALATE
_MAX_NAME, _MAX_RENAMED = 127, 32  # UBI_MAX_VOLUME_NAME, UBI_MAX_RNVOL


def _random(given: Given) -> str:
    if given.before is None:
        return given.address
    first = given.first
    size, data = first["buf_size"] & 0xFFFFFFFF, given.before[_POOL_HEAD:]
    w = given.w
    address = pointer_text(w.unsigned(w.values[given.index]) + _POOL_HEAD)
    text = w.data(data[:size], size) if len(data) >= min(size, w.limit + 1) else address
    return braces(first.texts("entropy_count", "buf_size"), [f"buf={text}"])


def _reset(given: Given) -> str:
    value = given.first["value"]
    kind = given.w.enum("device_scsi_reset", value & ~_NO_ESCALATE)
    return f"[{given.w.flags('device_scsi_escalate', _NO_ESCALATE)}|{kind}]" if value & _NO_ESCALATE else f"[{kind}]"


def _volume_name(volume: Struct) -> str:
    """As long as it says, and then a NUL."""
    length = min(max(volume["name_len"], 0), _MAX_NAME)
    return f"name={string(volume.w, volume.bytes('name')[: length + 1])}"


def _new_volume(given: Given) -> str:
    first = given.first
    shown = first.texts("vol_id", "alignment", "bytes", "vol_type", "flags", "name_len")
    number = "" if given.after is None else f" => [{given.last['vol_id']}]"
    return braces(shown, [_volume_name(first)]) + number


def _renamed(given: Given) -> str:
    first = given.first
    volumes = first.parts("ents", min(max(first["count"], 0), _MAX_RENAMED))
    shown = (braces(v.texts("vol_id", "name_len"), [_volume_name(v)]) for v in volumes)
    return braces(first.texts("count"), [f"ents={sequence(given.w, shown)}"])


FORMS: dict[str, Form] = {
    "other_byte": lambda given: given.w.data(given.first.data[:1], 1),
    "other_random": _random,
    "other_reset": _reset,
    "other_new_volume": _new_volume,
    "other_renamed": _renamed,
}
