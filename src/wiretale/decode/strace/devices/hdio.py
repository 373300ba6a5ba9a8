"""Requests to disks of the IDE driver (linux/hdreg.h)."""

from wiretale.decode.strace.devices.forms import Form, Given, bits, braces
from wiretale.decode.strace.names import number
from wiretale.decode.strace.strings import hex_literal
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.structs import struct_size
from wiretale.decode.writer import pointer_text

_HEAD, _SECTOR = 4, 512
LEAST = {"hd_command": _HEAD, "hd_identity": 1, "hd_old_identity": 1}
# In the order of the header: the names are of bits, not masks.
_NICE = {1 << 0: "DSC_OVERLAP", 1 << 1: "ATAPI_OVERLAP", 1 << 3: "1", 1 << 2: "0", 1 << 4: "2"}
_NICE_NAMES = {mask: f"1 << IDE_NICE_{name}" for mask, name in _NICE.items()}


def nice(w: StraceWriter, value: int) -> str:
    return bits(w, value, _NICE_NAMES, "IDE_NICE_???")


def _command(given: Given) -> str:
    """The registers of the disk; what it answered lies behind them, in sectors."""
    if given.before is None:
        return given.address
    first = given.first
    command = given.w.enum("device_ata_command", first["command"])
    asked = braces([f"command={command}"], first.texts("sector_number", "feature", "sector_count"))
    if given.after is None:
        return asked
    last = given.last
    answer = [f"status={number(last['command'])}", f"error={last['sector_number']}", f"nsector={last['feature']}"]
    if first["sector_count"]:
        answer.append(f"buf={_sectors(given, first['sector_count'] * _SECTOR)}")
    return f"{asked} => {braces(answer)}"


def _sectors(given: Given, size: int) -> str:
    """`given.after` may end early."""
    w = given.w
    assert given.after is not None
    data = given.after[_HEAD:]
    if len(data) < min(size, w.limit + 1):
        return pointer_text(w.unsigned(w.values[given.index]) + _HEAD)
    return hex_literal(data[: min(size, w.limit)]) + ("..." if size > w.limit else "")


def _identity(given: Given) -> str:
    """Bytes, as many as -s wants to see."""
    data, size = given.after or b"", struct_size(given.name, given.w.arch)
    return given.w.data(data, size) if len(data) >= min(size, given.w.limit + 1) else given.address


FORMS: dict[str, Form] = {
    "hd_command": _command,
    "hd_three": lambda given: given.first.value("values"),
    "hd_old_identity": _identity,
    "hd_identity": _identity,
    "hd_nice": lambda given: f"[{nice(given.w, given.last['value'])}]",
}
