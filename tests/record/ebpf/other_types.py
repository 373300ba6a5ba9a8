"""The running kernel's types with some of them renamed: to the recorder, those of a kernel that does not have them.

Numbers of types stay as they are, so what is left can be loaded and attached here. Layout: linux/btf.h.
"""

import struct
import subprocess
from collections.abc import Collection
from pathlib import Path

TYPES = Path("/sys/kernel/btf/vmlinux")
_HEADER = struct.Struct("<HBBIIIII")  # magic, version, flags, hdr_len, type_off, type_len, str_off, str_len
_ARRAY, _STRUCT, _UNION, _ENUM, _ENUM64 = 3, 4, 5, 6, 19
# Bytes behind struct btf_type: of each kind once, and for each of its members.
_ONCE = {1: 4, _ARRAY: 12, 14: 4, 17: 4}
_EACH = {_STRUCT: 12, _UNION: 12, _ENUM: 8, 13: 8, 15: 12, _ENUM64: 12}
_NAMED_MEMBERS = (_STRUCT, _UNION, _ENUM, _ENUM64)


def without(path: Path, types: Collection[str] = (), members: Collection[str] = ()) -> Path:
    """Write the types without these names; members are `type.member`, an enumeration's too."""
    raw = bytearray(TYPES.read_bytes())
    _, _, _, header, type_at, type_bytes, string_at, string_bytes = _HEADER.unpack_from(raw)
    strings, other = header + string_at, string_bytes
    left = {*types, *members}

    def name(offset: int) -> str:
        return raw[strings + offset : raw.index(0, strings + offset)].decode()

    at = header + type_at
    while at < header + type_at + type_bytes:
        name_at, info = struct.unpack_from("<II", raw, at)
        kind, count = info >> 24 & 31, info & 0xFFFF
        called = name(name_at)
        if called in types:
            struct.pack_into("<I", raw, at, other)
            left.discard(called)
        each = _EACH.get(kind, 0)
        if kind in _NAMED_MEMBERS and any(m.startswith(f"{called}.") for m in members):
            for member in range(at + 12, at + 12 + count * each, each):
                full = f"{called}.{name(struct.unpack_from('<I', raw, member)[0])}"
                if full in members:
                    struct.pack_into("<I", raw, member, other)
                    left.discard(full)
        at += 12 + _ONCE.get(kind, 0) + count * each
    assert not left, f"this kernel does not have {left} itself"
    raw += b"_of_another_kernel\0"
    struct.pack_into("<I", raw, _HEADER.size - 4, len(raw) - strings)
    path.write_bytes(raw)
    return path


def run_with(types: Path, words: list[str], before: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a program that sees these types as the kernel's; `before` are shell commands in its mount namespace."""
    script = f'mount --bind {types} {TYPES} && {before or ":"} && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *words],
        capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
