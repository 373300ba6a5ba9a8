"""quotactl in strace's words: what follows the command depends on it. Sources: linux/quota.h, linux/dqblk_xfs.h."""

from wiretale.decode.strace import names
from wiretale.decode.strace.arguments import KINDS, Printer, address, strace
from wiretale.decode.strace.style import Names
from wiretale.decode.struct_text import field_text, struct_text
from wiretale.decode.structs import struct_size, unpack
from wiretale.decode.syscalls.spec import Arg, Kind
from wiretale.decode.writer import Writer

# command: (whether an id is given, structure, whether the kernel fills it)
_COMMANDS: dict[int, tuple[bool, str, bool]] = {
    0x800001: (False, "", False),  # Q_SYNC
    0x800003: (False, "", False),  # Q_QUOTAOFF
    0x800004: (False, "quota_format", True),
    0x800005: (False, "if_dqinfo", True),
    0x800006: (False, "if_dqinfo", False),
    0x800007: (True, "if_dqblk", True),
    0x800008: (True, "if_dqblk", False),
    0x800009: (True, "if_nextdqblk", True),
    0x5801: (False, "xfs_quota_flags", False),
    0x5802: (False, "xfs_quota_flags", False),
    0x5803: (True, "fs_disk_quota", True),
    0x5804: (True, "fs_disk_quota", False),
    0x5805: (False, "fs_quota_stat", True),
    0x5806: (False, "xfs_dqblk_flags", False),  # Q_XQUOTARM
    0x5807: (False, "", False),  # Q_XQUOTASYNC
    0x5808: (False, "fs_quota_statv", True),
    0x5809: (True, "fs_disk_quota", True),
}
_QUOTA_ON = 0x800002
# Of the longer structures the first fields, unless all are asked for.
_BRIEF = {"if_dqblk": 6, "if_nextdqblk": 6, "fs_disk_quota": 10, "fs_quota_stat": 1, "fs_quota_statv": 1}


def _command(w: Writer) -> int:
    place = 1 if w.call.name == "quotactl_fd" else 0
    return (w.values[place] & 0xFFFFFFFF) >> 8


def _cmd(w: Writer, index: int, arg: Arg) -> str:
    value, style = w.values[index] & 0xFFFFFFFF, strace(w).style.names
    if style is Names.RAW:
        return str(value)
    command = names.one("quota_command", value >> 8, w.arch, Names.ABBREV)
    text = f"QCMD({command}, {names.one('quota_type', value & 0xFF, w.arch, Names.ABBREV)})"
    return f"{value} /* {text} */" if style is Names.VERBOSE else text


def _id(w: Writer, index: int, arg: Arg) -> str:
    command = _command(w)
    if command == _QUOTA_ON:
        return w.enum("quota_format", w.values[index] & 0xFFFFFFFF)
    known = _COMMANDS.get(command)
    return KINDS[Kind.UID](w, index, arg) if known is None or known[0] else ""


def _argument(w: Writer, index: int, arg: Arg) -> str:
    known = _COMMANDS.get(_command(w))
    if known is None:
        return address(w, index)
    _, name, filled = known
    if not name:
        return ""
    datum = None if strace(w).terse or (filled and not w.succeeded) else w.datum(index, "struct", at_exit=filled)
    size = struct_size(name, w.arch)
    if datum is None or len(datum.bytes) < size:
        return address(w, index)
    data, shown = datum.bytes[:size], _BRIEF.get(name)
    if not shown:
        return struct_text(w, name, data)
    fields = unpack(name, w.arch, data)
    cut = strace(w).brief and len(fields) > shown
    seen = [*fields[:shown], *(pair for pair in fields[shown:] if pair[0].name == "dqb_id")] if cut else fields
    texts = [f"{f.name}={field_text(w, f, v)}" for f, v in seen]
    return "{" + ", ".join([*texts, *(["..."] if cut else [])]) + "}"


ARGUMENTS: dict[tuple[str, str], Printer] = {
    (call, name): printer
    for call in ("quotactl", "quotactl_fd")
    for name, printer in {"cmd": _cmd, "id": _id, "addr": _argument}.items()
}
