"""Requests to the trees of a btrfs file system: searches, names, subvolumes that are made, sent and received.

Sources: linux/btrfs.h, linux/btrfs_tree.h.
"""

import errno
from collections.abc import Callable, Iterator

from wiretale.decode.constants import table
from wiretale.decode.strace.dates import date
from wiretale.decode.strace.devices.forms import (
    Form,
    Given,
    Struct,
    answered,
    braces,
    commented,
    decimal,
    elements,
    limited,
    string,
    uuid,
)
from wiretale.decode.structs import struct_size
from wiretale.decode.writer import pointer_text

_INHERIT = 1 << 2  # BTRFS_SUBVOL_QGROUP_INHERIT
_FIRST_FREE = 256  # BTRFS_FIRST_FREE_OBJECTID
_MOST_64, _MOST_32 = (1 << 64) - 1, (1 << 32) - 1
_HEADER_BYTES = 32  # sizeof(struct btrfs_ioctl_search_header)
_ROOM = 3992  # BTRFS_SEARCH_ARGS_BUFSIZE
_BUFFER_AT = 104  # of struct btrfs_ioctl_search_args


def descriptor(given: Given, value: int) -> str:
    return given.w.fd((value & 0xFFFFFFFF ^ 1 << 31) - (1 << 31))


def _tree(given: Given, value: int) -> str:
    name = "UINT64_MAX" if value == _MOST_64 else table("device_btrfs_tree").get(value, "")
    return decimal(given.w, value, name)


def _type(given: Given, value: int) -> str:
    name = "UINT32_MAX" if value == _MOST_32 else table("device_btrfs_key").get(value, "")
    return decimal(given.w, value, name)


# -- subvolumes ------------------------------------------------------------------------------------------------------


def _volume(given: Given) -> str:
    s = given.first
    shown = [f"fd={descriptor(given, s['fd'])}", *s.texts("flags")]
    if s["flags"] & _INHERIT:
        shown += [*s.texts("size"), f"qgroup_inherit={_inherited(given, s)}"]
    shown.append(f"name={string(given.w, s.bytes('name'))}")
    return answered(given, braces(shown), lambda last: braces(last.texts("transid")))


def _inherited(given: Given, s: Struct) -> str:
    pointer = s.field("qgroup_inherit").offset
    found = given.followed(s, "qgroup_inherit", at_exit=False)
    size = struct_size("btrfs_inherit", given.w.arch)
    if found is None or len(found.bytes) < size:
        return pointer_text(s["qgroup_inherit"])
    inherit = Struct(given.w, "btrfs_inherit", found.bytes)
    if given.w.brief:
        return braces(inherit.texts(), ["..."])
    groups = given.w.datum(given.index, "struct", at_exit=False, idx=1 + size | 1 + pointer << 16)
    shown = elements(
        given.w,
        b"" if groups is None else groups.bytes,
        s["qgroup_inherit"] + size,
        lambda data: str(int.from_bytes(data, "little")),
        count=inherit["num_qgroups"],
        size=8,
    )
    return braces(inherit.texts(), [f"qgroups={shown}"])


def _received(given: Given) -> str:
    s = given.first
    return answered(
        given,
        braces([uuid(s, "uuid")], s.texts("stransid"), [_time(s, "stime")], s.texts("flags")),
        lambda last: braces(last.texts("rtransid"), [_time(last, "rtime")]),
    )


def _time(s: Struct, name: str) -> str:
    when = s.part(name)
    return commented(f"{name}={when}", date(when["sec"] - (when["sec"] >> 63 << 64), when["nsec"], 9))


def _sent(given: Given) -> str:
    s = given.first
    sources = pointer_text(s["clone_sources"])
    if s["clone_sources"] and not given.w.brief:
        found = given.followed(s, "clone_sources", at_exit=False)
        sources = elements(
            given.w,
            b"" if found is None else found.bytes,
            s["clone_sources"],
            lambda data: _tree(given, int.from_bytes(data, "little")),
            count=s["clone_sources_count"],
            size=8,
        )
    shown = [f"send_fd={descriptor(given, s['send_fd'])}", *s.texts("clone_sources_count"), f"clone_sources={sources}"]
    return braces(shown, [f"parent_root={_tree(given, s['parent_root'])}"], s.texts("flags"))


# -- searches --------------------------------------------------------------------------------------------------------


def _key(given: Given, s: Struct) -> str:
    shown = [f"tree_id={_tree(given, s['tree_id'])}"]
    if not given.w.brief or s["min_objectid"] != _FIRST_FREE:
        shown.append(f"min_objectid={_tree(given, s['min_objectid'])}")
    shown.append(f"max_objectid={_tree(given, s['max_objectid'])}")
    for name in ("offset", "transid"):
        shown += [limited(s, f"{bound}_{name}") for bound in ("min", "max")]
    shown += [f"{name}={_type(given, s[name])}" for name in ("min_type", "max_type")]
    return f"key={braces(shown, s.texts('nr_items'))}"


def _items(given: Given, data: bytes, address: int, count: int, room: int) -> Iterator[str]:
    """Headers, each with so many bytes of data behind it as it says."""
    at = 0
    for _ in range(count):
        if at + _HEADER_BYTES > room:
            yield "..."
            return
        if at + _HEADER_BYTES > len(data):
            yield f"... /* {address + at:#x} */"
            return
        header = Struct(given.w, "btrfs_search_header", data[at : at + _HEADER_BYTES])
        yield braces(
            header.texts("transid"),
            [f"objectid={_tree(given, header['objectid'])}"],
            header.texts("offset"),
            [f"type={_type(given, header['type'])}"],
            header.texts("len"),
        )
        at += _HEADER_BYTES + header["len"]


def _found(given: Given, s: Struct, data: bytes, room: int, at: int) -> str:
    """`at`: where the results are, seen from the structure."""
    count = s.part("key")["nr_items"]
    if given.w.brief:
        return "..."
    return f"buf=[{', '.join(_items(given, data, given.w.unsigned(given.w.values[given.index]) + at, count, room))}]"


def _search(given: Given) -> str:
    if given.before is None:
        return given.address
    asked = braces([_key(given, given.first.part("key"))])
    return answered(
        given,
        asked,
        lambda s: braces(
            [f"key={braces(s.part('key').texts('nr_items'))}"],
            [_found(given, s, s.data[_BUFFER_AT:], _ROOM, _BUFFER_AT)],
        ),
    )


def _search_v2(given: Given) -> str:
    asked = braces([_key(given, given.first.part("key"))], given.first.texts("buf_size"))

    def answer(s: Struct) -> str:
        found = given.w.datum(given.index, "struct", at_exit=True, idx=1 + len(s.data))
        data = b"" if found is None else found.bytes
        items = _found(given, s, data, s["buf_size"], len(s.data))
        return braces([f"key={braces(s.part('key').texts('nr_items'))}"], s.texts("buf_size"), [items])

    if given.w.call.errno == errno.EOVERFLOW and given.kept is not None:  # so much room would have been needed
        return f"{asked} => {braces(Struct(given.w, given.name, given.kept).texts('buf_size'))}"
    return answered(given, asked, answer)


def _lookup(given: Given) -> str:
    s = given.first
    return answered(
        given,
        braces(f"{name}={_tree(given, s[name])}" for name in ("treeid", "objectid")),
        lambda last: braces(
            [] if s["treeid"] else [f"treeid={_tree(given, last['treeid'])}"],
            [f"name={string(given.w, last.bytes('name'))}"],
        ),
    )


# -- what a container holds ------------------------------------------------------------------------------------------


def _paths(given: Given) -> str:
    s = given.first
    shown = s.texts("inum", "size", "fspath")

    def answer(last: Struct) -> str:
        return braces([f"fspath={_container(given, last, 'fspath', _path_values)}"])

    return answered(given, braces(shown), answer)


def _reserved(s: Struct) -> list[str]:
    values = s.values("reserved")
    return [f"reserved=[{', '.join(hex(v) if v else '0' for v in values)}]"] if any(values) else []


def _logical(given: Given) -> str:
    s = given.first
    shown = [*s.texts("logical", "size"), *_reserved(s), *s.texts("flags", "inodes")]

    def answer(last: Struct) -> str:
        return braces([f"inodes={_container(given, last, 'inodes', _inodes)}"])

    return answered(given, braces(shown), answer)


_Values = Callable[[Given, Struct, bytes, int, bytes], str]


def _container(given: Given, s: Struct, name: str, values: _Values) -> str:
    found = given.followed(s, name, at_exit=True)
    size = struct_size("btrfs_container", given.w.arch)
    if found is None or len(found.bytes) < size:
        return pointer_text(s[name])
    head = Struct(given.w, "btrfs_container", found.bytes)
    rest = given.w.datum(given.index, "struct", at_exit=True, idx=1 + size | 1 + s.field(name).offset << 16)
    data = b"" if rest is None else rest.bytes
    if given.w.brief:
        return braces(head.texts(), ["..."])
    return braces(head.texts(), [f"val={values(given, head, data, s[name] + size, found.bytes[size:])}"])


def _path_values(given: Given, head: Struct, data: bytes, address: int, text: bytes) -> str:
    """Each is the distance of a path from the first value."""

    def path(one: bytes) -> str:
        distance = int.from_bytes(one, "little")
        found, nul, _ = text[distance:].partition(b"\0")
        return given.w.text(found) if nul else pointer_text(address + distance & _MOST_64)

    return elements(given.w, data, address, path, count=head["elem_cnt"], size=8)


def _inodes(given: Given, head: Struct, data: bytes, address: int, text: bytes) -> str:
    """Three values each."""

    def inode(one: bytes) -> str:
        number, offset, root = (int.from_bytes(one[at : at + 8], "little") for at in (0, 8, 16))
        return f"{{inum={number}, offset={offset}, root={root}}}"

    return elements(given.w, data, address, inode, count=head["elem_cnt"] // 3, size=24)


# -- files with the same content -------------------------------------------------------------------------------------


def _dedupe(given: Given) -> str:
    s = given.first

    def asked(one: Struct) -> str:
        return braces([f"dest_fd={descriptor(given, one['dest_fd'])}"], one.texts("dest_offset"))

    def answer(last: Struct) -> str:
        shown = _ranges(given, last, lambda one: braces(one.texts("bytes_deduped", "status")), at_exit=True)
        return f"{{info={shown}}}"

    ranges = _ranges(given, s, asked, at_exit=False)
    text = braces(s.texts("src_offset", "src_length", "dest_count"), [f"info={ranges}"])
    is_whole = ranges.endswith("]") and not ranges.endswith("*/]")
    return answered(given, text, answer) if s["dest_count"] and is_whole else text


def _ranges(given: Given, s: Struct, text: Callable[[Struct], str], *, at_exit: bool) -> str:
    found = given.w.datum(given.index, "struct", at_exit=at_exit, idx=1 + len(s.data))
    return elements(
        given.w,
        b"" if found is None else found.bytes,
        given.w.unsigned(given.w.values[given.index]) + len(s.data),
        lambda data: text(Struct(given.w, "btrfs_dedupe_info", data)),
        count=s["dest_count"],
        size=struct_size("btrfs_dedupe_info", given.w.arch),
        most=2,
    )


LEAST = {"btrfs_search": _BUFFER_AT}
FORMS: dict[str, Form] = {
    "btrfs_volume_v2": _volume,
    "btrfs_received": _received,
    "btrfs_send": _sent,
    "btrfs_search": _search,
    "btrfs_search_v2": _search_v2,
    "btrfs_ino_lookup": _lookup,
    "btrfs_ino_paths": _paths,
    "btrfs_logical_ino": _logical,
    "btrfs_dedupe": _dedupe,
}
