"""Requests to disks and flash memory: partitions, tracing, labels, where error correction lies.

Sources: linux/blkpg.h, blktrace_api.h, fs.h, mtd/mtd-abi.h.
"""

from wiretale.decode.strace.devices.forms import Form, Given, Struct, braces, sequence, string
from wiretale.decode.strace.names import number

_ADD, _DELETE = 1, 2  # BLKPG_ADD_PARTITION, BLKPG_DEL_PARTITION
_PAIR_NUMBERS = 16

LEAST: dict[str, int] = {}


def _change(given: Given) -> str:
    """What is added, removed or resized; of other commands only the address."""
    first = given.first
    fields = first.texts("op", "flags", "datalen")
    found = given.followed(first, "data", at_exit=False)
    size = 8 + 8 + 4 + 64 + 64
    known = first["op"] in (_ADD, _DELETE)
    if not known or found is None or len(found.bytes) < size:
        return braces([*fields, *first.texts("data")])
    part = Struct(given.w, "disk_partition", found.bytes)
    shown = [*part.texts("start", "length", "pno"), part.string("devname"), part.string("volname")]
    return braces([*fields, f"data={braces(shown)}"])


def _trace(given: Given) -> str:
    asked = given.first.texts("act_mask", "buf_size", "buf_nr", "start_lba", "end_lba", "pid")
    return braces(asked, [] if given.after is None else [given.last.string("name")])


def _label(given: Given) -> str:
    return string(given.w, given.only.bytes("label"))


def _out_of_band(given: Given) -> str:
    last, data = given.last, given.last.bytes("oobfree")
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, _PAIR_NUMBERS * 4, 4)]
    pairs = [f"[{number(a)}, {number(b)}]" for a, b in zip(words[::2], words[1::2], strict=True)]
    shown = [*last.texts("useecc", "eccbytes"), f"oobfree=[{', '.join(pairs)}]", *last.texts("eccpos")]
    return braces(shown)


def _layout(given: Given) -> str:
    last = given.last
    free = sequence(given.w, map(str, last.parts("oobfree", 8)))
    data = last.bytes("eccpos")
    places = sequence(given.w, (number(int.from_bytes(data[at : at + 4], "little")) for at in range(0, len(data), 4)))
    return braces([*last.texts("eccbytes"), f"eccpos={places}", *last.texts("oobavail"), f"oobfree={free}"])


FORMS: dict[str, Form] = {
    "disk_change": _change,
    "disk_trace": _trace,
    "disk_label": _label,
    "disk_out_of_band": _out_of_band,
    "disk_layout": _layout,
}
