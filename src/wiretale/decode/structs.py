"""Layouts of the kernel's structures: size, offsets and values, for tasks of every word size.

`struct_size` tells the tracer how many bytes to read. `unpack` turns bytes into (field, value) pairs and stops where
the bytes stop: what is missing is left out, never filled in. `struct_text.py` prints values.
"""

import struct
from functools import lru_cache

from wiretale.decode.struct_fields import FIELDS, PACKED
from wiretale.light import dataclass, later
from wiretale.model.enums import Arch

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode import (
        bpf_fields,
        device_fields,
        network_request_fields,
        rare_fields,
        request_fields,
        video_fields,
    )
else:
    bpf_fields = later("wiretale.decode.bpf_fields")
    device_fields = later("wiretale.decode.device_fields")
    request_fields = later("wiretale.decode.request_fields")
    network_request_fields = later("wiretale.decode.network_request_fields")
    video_fields = later("wiretale.decode.video_fields")
    rare_fields = later("wiretale.decode.rare_fields")

_WORD: dict[int, int] = {Arch.X86_64: 8, Arch.AARCH64: 8, Arch.I386: 4, Arch.ARM: 4}
# i386 aligns 64-bit integers to 4 bytes (System V ABI, Intel386 supplement); ARM EABI to 8.
_ALIGN64: dict[int, int] = {Arch.X86_64: 8, Arch.AARCH64: 8, Arch.I386: 4, Arch.ARM: 8}
_SUFFIX: dict[int, str] = {Arch.X86_64: "x86_64", Arch.AARCH64: "aarch64", Arch.I386: "i386", Arch.ARM: "i386"}
_CODES = {"s8": "b", "u8": "B", "s16": "h", "u16": "H", "s32": "i", "u32": "I", "s64": "q", "u64": "Q", "char": "s"}
_WORDS = {"long": ("i", "q"), "ulong": ("I", "Q"), "ptr": ("I", "Q")}


def word_size(arch: int) -> int:
    """Bytes of a long and of a pointer in a task of `arch`; an unknown architecture counts as 64-bit."""
    return _WORD.get(arch, 8)


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `unpack` reads one element; a nested structure has `nested` instead. `how` as in struct_fields.py."""

    name: str
    offset: int
    size: int
    how: str
    count: int  # 0: not an array
    unpack: struct.Struct | None
    nested: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A structure in one ABI."""

    name: str
    size: int
    align: int
    fields: tuple[Field, ...]


Value = int | bytes | list[int] | list[tuple["Field", "Value"]]


def _row(name: str, arch: int) -> str:
    own = FIELDS.get(f"{name}/{_SUFFIX.get(arch, 'x86_64')}")
    found = own or FIELDS.get(name) or request_fields.FIELDS.get(name) or device_fields.FIELDS.get(name)
    found = found or network_request_fields.FIELDS.get(name) or bpf_fields.FIELDS.get(name)
    return found or rare_fields.FIELDS.get(name) or video_fields.FIELDS[name]


def _parse(text: str) -> tuple[str, str, int, str]:
    """`type name[count]~how` in its parts; count -1 where there is none."""
    declaration, _, how = text.strip().partition("~")
    kind, _, name = declaration.partition(" ")
    name, _, count = name.partition("[")
    return kind, name, int(count.rstrip("]")) if count else -1, how


@lru_cache(maxsize=512)
def layout(name: str, arch: int) -> Layout:
    """The layout of structure `name` in a task of `arch`. KeyError if there is no such structure."""
    packed = PACKED.get(name)
    is_packed = packed in ("", _SUFFIX.get(arch)) if name in FIELDS else name in request_fields.PACKED
    fields: list[Field] = []
    position, widest = 0, 1
    for text in _row(name, arch).split(";"):
        kind, field_name, count, how = _parse(text)
        element, align, unpack = _element(kind, arch)
        align = 1 if is_packed else align
        position = -(-position // align) * align
        widest = max(widest, align)
        nested = kind if unpack is None else ""
        if kind == "char":
            unpack = struct.Struct(f"<{max(count, 1)}s")
        size = element * (1 if count < 0 else count)
        fields.append(Field(field_name, position, size, how, max(count, 0) if kind != "char" else 0, unpack, nested))
        position += size
    return Layout(name, -(-position // widest) * widest, widest, tuple(fields))


def _element(kind: str, arch: int) -> tuple[int, int, struct.Struct | None]:
    """Size, alignment and reader of one element of type `kind`."""
    code = _CODES.get(kind)
    if code is None and kind in _WORDS:
        code = _WORDS[kind][word_size(arch) == 8]
    if code is None:
        inner = layout(kind, arch)
        return inner.size, inner.align, None
    reader = struct.Struct("<" + code)
    align = _ALIGN64.get(arch, 8) if reader.size == 8 else reader.size
    return reader.size, align, reader


def struct_size(name: str, arch: int) -> int:
    """Bytes of structure `name` in a task of `arch`. KeyError if there is no such structure."""
    return layout(name, arch).size


def unpack(name: str, arch: int, data: bytes) -> list[tuple[Field, Value]]:
    """Fields and values of the structure at the start of `data`, as far as the bytes reach; padding left out."""
    return _values(layout(name, arch), arch, data, 0)


def _values(shape: Layout, arch: int, data: bytes, base: int) -> list[tuple[Field, Value]]:
    found: list[tuple[Field, Value]] = []
    for field in shape.fields:
        start = base + field.offset
        if field.name[0] == "_":
            continue
        if start + field.size > len(data):
            break
        if field.unpack is None:
            found.append((field, _values(layout(field.nested, arch), arch, data, start)))
        elif field.count:
            step = field.unpack.size
            found.append((field, [field.unpack.unpack_from(data, start + i * step)[0] for i in range(field.count)]))
        else:
            found.append((field, field.unpack.unpack_from(data, start)[0]))
    return found


def integers(name: str, arch: int, data: bytes) -> dict[str, int]:
    """The plain integer fields of a structure by name; fields beyond the end of `data` are missing."""
    return {field.name: value for field, value in unpack(name, arch, data) if isinstance(value, int)}
