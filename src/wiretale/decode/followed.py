"""Structures with what their pointers lead to, as far as it was recorded (`follows` of `syscalls/spec.py`)."""

from collections.abc import Callable

from wiretale.decode.constants import names
from wiretale.decode.record_types import Datum
from wiretale.decode.struct_text import array_text, field_text, is_shown, struct_text
from wiretale.decode.structs import integers, layout, struct_size, unpack
from wiretale.decode.syscalls.spec import Arg, Follow, Kind
from wiretale.decode.writer import Writer, pointer_text

_STRING = "string"
_BYTES = "char"


def argument(w: Writer, index: int, arg: Arg) -> str:
    """The structure that an argument points to, as it was given and, where that is something else, as it came back."""
    own = ARGUMENTS.get(arg.struct)
    return both_sides(w, index, arg) if own is None else own(w, index, arg)


def both_sides(w: Writer, index: int, arg: Arg) -> str:
    """Field by field."""
    texts = []
    for at_exit in (False, True):
        wanted = arg.kind is not (Kind.STRUCT_IN if at_exit else Kind.STRUCT_OUT)
        datum = w.readable(index, "struct", at_exit=at_exit) if wanted else None
        if datum is not None:
            texts.append(structure(w, index, arg, datum.bytes, at_exit=at_exit))
    return " => ".join(dict.fromkeys(texts)) or pointer_text(w.unsigned(w.values[index]))


def structure(w: Writer, index: int, arg: Arg, data: bytes, *, at_exit: bool) -> str:
    """Every field in order; a pointer is what it leads to, if that was recorded."""
    follows = {follow.pointer: follow for follow in arg.follows}
    shown = []
    for field, value in unpack(arg.struct, w.arch, data):
        follow = follows.get(field.name)
        text = pointed(w, index, follow, field.offset, at_exit=at_exit) if follow is not None and value else ""
        if text or is_shown(field, value):
            shown.append(f"{field.name}={text or field_text(w, field, value)}")
    size = struct_size(arg.struct, w.arch)
    if len(data) < size:
        return "{" + ", ".join([*shown, "..."]) + "}"
    for name, follow in follows.items():
        if name[0] == ".":
            shown.append(f"{name[1:]}={pointed(w, index, follow, size, at_exit=at_exit) or '...'}")
    return "{" + ", ".join(shown) + "}"


def pointed(w: Writer, index: int, follow: Follow, offset: int, *, at_exit: bool) -> str:
    """What was found at the pointer `offset` bytes into the structure; empty if nothing was."""
    cut = ELEMENTS.get(follow.struct)
    role = _STRING if follow.struct == _STRING else "struct"
    find = w.readable if cut is None else w.datum
    datum = find(index, role, at_exit=at_exit, idx=1 + offset)
    if datum is None or (datum.error and not datum.bytes):
        return ""
    if cut is not None:
        return cut(w, datum)
    if follow.struct in (_STRING, _BYTES):
        return w.data(datum.bytes, datum.full_bytes)
    if follow.count:
        return array_text(w, follow.struct, datum.bytes, datum.full_bytes)
    return struct_text(w, follow.struct, datum.bytes)


# -- structures with an order of their own ---------------------------------------------------------------------------

_IFREQ_BYTES = {8: 40, 4: 32}  # linux/if.h, by the width of a word
_NAME_BYTES = 16


def _interfaces(w: Writer, index: int, arg: Arg) -> str:
    """struct ifconf (netdevice(7)): how much room there was, how much of it was needed, and the list of interfaces."""
    pieces = [w.readable(index, "struct", at_exit=at_exit) for at_exit in (False, True)]
    given, answer = pieces
    if given is None:
        return pointer_text(w.unsigned(w.values[index]))
    before = integers("ifconf", w.arch, given.bytes)
    after = before if answer is None else integers("ifconf", w.arch, answer.bytes)
    size = _IFREQ_BYTES[w.word]
    room, used, buffer = before["ifc_len"], after["ifc_len"], after["ifc_buf"]
    lengths = [room, used] if buffer and room != used else [used]
    words = " => ".join(_counted(length, size) for length in lengths)
    offset = next(f.offset for f in layout("ifconf", w.arch).fields if f.name == "ifc_buf")
    datum = w.readable(index, "struct", at_exit=True, idx=1 + offset) if answer is not None and buffer else None
    text = pointer_text(buffer)
    if answer is not None and buffer and 0 <= used < size:
        text = "[]"
    elif datum is not None:
        most = w.limit * size if w.brief else len(datum.bytes)
        entries = [
            _interface(w, datum.bytes[at : at + size]) for at in range(0, min(most, len(datum.bytes) - size + 1), size)
        ]
        entries += ["..."] if most < used else []
        text = f"[{', '.join(entries)}]"
    return f"{{ifc_len={words}, ifc_buf={text}}}"


def _counted(length: int, size: int) -> str:
    """A length, with the number of elements where they fill it."""
    whole = length >= size and length % size == 0
    return f"{length} /* {length // size} * sizeof(struct ifreq) */" if whole else str(length)


def _interface(w: Writer, data: bytes) -> str:
    name = data[:_NAME_BYTES].partition(b"\0")[0]
    return f"{{ifr_name={w.text(name)}, ifr_addr={w.sockaddr(data[_NAME_BYTES : 2 * _NAME_BYTES])}}}"


_ETHTOOL = {  # linux/ethtool.h: command -> structure
    "ETHTOOL_GSET": "ethtool_cmd",
    "ETHTOOL_SSET": "ethtool_cmd",
    "ETHTOOL_GDRVINFO": "ethtool_drvinfo",
    "ETHTOOL_GREGS": "ethtool_regs",
    "ETHTOOL_GWOL": "ethtool_wolinfo",
    "ETHTOOL_SWOL": "ethtool_wolinfo",
    **dict.fromkeys(("ETHTOOL_GEEPROM", "ETHTOOL_SEEPROM", "ETHTOOL_GMODULEEEPROM"), "ethtool_eeprom"),
    **dict.fromkeys(("ETHTOOL_GCOALESCE", "ETHTOOL_SCOALESCE"), "ethtool_coalesce"),
    **dict.fromkeys(("ETHTOOL_GRINGPARAM", "ETHTOOL_SRINGPARAM"), "ethtool_ringparam"),
    **dict.fromkeys(("ETHTOOL_GPAUSEPARAM", "ETHTOOL_SPAUSEPARAM"), "ethtool_pauseparam"),
    **dict.fromkeys(("ETHTOOL_GFLAGS", "ETHTOOL_SFLAGS"), "ethtool_flags"),
    **dict.fromkeys(("ETHTOOL_GCHANNELS", "ETHTOOL_SCHANNELS"), "ethtool_channels"),
    **dict.fromkeys(("ETHTOOL_GEEE", "ETHTOOL_SEEE"), "ethtool_eee"),
    **dict.fromkeys(("ETHTOOL_GTUNABLE", "ETHTOOL_STUNABLE"), "ethtool_tunable"),
    **dict.fromkeys(("ETHTOOL_PHY_GTUNABLE", "ETHTOOL_PHY_STUNABLE"), "ethtool_tunable"),
    **dict.fromkeys(("ETHTOOL_GLINKSETTINGS", "ETHTOOL_SLINKSETTINGS"), "ethtool_link_settings"),
    **dict.fromkeys(("ETHTOOL_GFECPARAM", "ETHTOOL_SFECPARAM"), "ethtool_fecparam"),
    **dict.fromkeys(("ETHTOOL_GSTATS", "ETHTOOL_GPHYSTATS"), "ethtool_stats"),
    **dict.fromkeys(("ETHTOOL_GFEATURES", "ETHTOOL_SFEATURES"), "ethtool_gfeatures"),
    "ETHTOOL_GSTRINGS": "ethtool_gstrings",
    "ETHTOOL_GPERMADDR": "ethtool_perm_addr",
    "ETHTOOL_GSSET_INFO": "ethtool_sset_info",
    "ETHTOOL_GET_TS_INFO": "ethtool_ts_info",
    "ETHTOOL_GMODULEINFO": "ethtool_modinfo",
    **dict.fromkeys(
        (
            *("ETHTOOL_GMSGLVL", "ETHTOOL_SMSGLVL", "ETHTOOL_GLINK", "ETHTOOL_PHYS_ID", "ETHTOOL_RESET"),
            *("ETHTOOL_GRXCSUM", "ETHTOOL_SRXCSUM", "ETHTOOL_GTXCSUM", "ETHTOOL_STXCSUM", "ETHTOOL_GSG", "ETHTOOL_SSG"),
            *("ETHTOOL_GTSO", "ETHTOOL_STSO", "ETHTOOL_GUFO", "ETHTOOL_SUFO", "ETHTOOL_GGSO", "ETHTOOL_SGSO"),
            *("ETHTOOL_GPFLAGS", "ETHTOOL_SPFLAGS", "ETHTOOL_GGRO", "ETHTOOL_SGRO"),
        ),
        "ethtool_value",
    ),
}


def _ethtool(w: Writer, datum: Datum) -> str:
    """The command says which structure it is; one that is not known is its command."""
    if len(datum.bytes) < 4:
        return ""
    command = int.from_bytes(datum.bytes[:4], "little")
    name = _ETHTOOL.get(names("kernel_ethtool", command))
    if name is None:
        return f"{{cmd={w.enum('kernel_ethtool', command)}, ...}}"
    return struct_text(w, name, datum.bytes[: struct_size(name, w.arch)])


def _scsi(w: Writer, index: int, arg: Arg) -> str:
    """The first member of SG_IO's structure says which one it is; of the newer one the rest lies behind the older."""
    texts = []
    for at_exit in (False, True):
        head = w.readable(index, "struct", at_exit=at_exit)
        rest = w.readable(index, "struct", at_exit=at_exit, idx=1 + struct_size(arg.struct, w.arch))
        if head is None or head.bytes[:4] == b"S\0\0\0":
            return both_sides(w, index, arg)
        if head.bytes[:4] != b"Q\0\0\0" or rest is None:
            return pointer_text(w.unsigned(w.values[index]))
        texts.append(struct_text(w, "sg_io_v4", head.bytes + rest.bytes))
    return " => ".join(dict.fromkeys(texts))


ARGUMENTS: dict[str, Callable[[Writer, int, Arg], str]] = {"ifconf": _interfaces, "sg_io": _scsi}
ELEMENTS: dict[str, Callable[[Writer, Datum], str]] = {"ethtool": _ethtool}
