"""Bodies of the rarer netlink protocols: NETFILTER, SELINUX, CRYPTO, KOBJECT_UEVENT; what is added to an error.

Sources: linux/netfilter/nfnetlink.h, linux/selinux_netlink.h, linux/cryptouser.h; udev's own header of its messages.
"""

import struct

from wiretale.decode.escape import escape_bytes
from wiretale.decode.strace.netlink_values import (
    Attributes,
    Memory,
    Printer,
    array,
    attributes,
    fields_text,
    hexadecimal,
    hexed,
    number,
    parts,
    size_of,
    structure,
    text,
    u8,
    u32,
)
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.writer import pointer_text

ERROR_ATTRIBUTES: Attributes = {1: text, 2: u32, 3: array(u8, 1)}
_TABLES = 10  # NFNL_SUBSYS_NFTABLES
_FIRST_MESSAGES = (16, 17)  # NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END


def netfilter(w: StraceWriter, kind: int, body: Memory) -> str:
    """struct nfgenmsg, then attributes of the subsystem."""
    if body.full < 4:
        return hexadecimal(w, body)
    if len(body) < 4:
        return pointer_text(body.address)
    family, version, resource = struct.unpack_from("!BBH", body)
    named = "NFNETLINK_V0" if version == 0 else f"{version:#x} /* NFNETLINK_??? */"
    name = f"htons({resource})"
    if kind not in _FIRST_MESSAGES and kind >> 8 == _TABLES:
        known = w.enum("nl_nfnl_subsys", _TABLES)
        name = {_TABLES: f"htons({known})", _TABLES << 8: known}.get(resource, name)
    shown = f"{{nfgen_family={w.enum('family', family)}, version={named}, res_id={name}}}"
    rest = body.part(4)
    if not rest.full:
        return shown
    more = hexadecimal(w, rest) if kind in _FIRST_MESSAGES else attributes(w, "", {}, rest, family)
    return f"{shown}, {more}"


def selinux(w: StraceWriter, kind: int, body: Memory) -> str:
    """SELNL_MSG_SETENFORCE and SELNL_MSG_POLICYLOAD carry one number."""
    known = {16: structure("i val"), 17: structure("I seqno")}.get(kind, hexadecimal)
    return known(w, body, 0)


def _name(w: StraceWriter, data: bytes, _: int) -> str:
    return escape_bytes(data.split(b"\0", 1)[0])


_ALGORITHM = parts(
    "64s cru_name; 64s cru_driver_name; 64s cru_module_name; I cru_type; I cru_mask; I cru_refcnt; I cru_flags",
    cru_name=_name, cru_driver_name=_name, cru_module_name=_name, cru_type=hexed("I"), cru_mask=hexed("I"),
    cru_flags=hexed("I"),
)  # fmt: skip


def _report(rows: str) -> Printer:
    names = {row.split()[-1]: _name for row in rows.split(";") if row.split()[0].endswith("s")}
    known = structure(rows, **names)

    def value(w: StraceWriter, data: bytes, family: int) -> str:
        return known(w, data, family)

    return value


_REPORTS: Attributes = {
    1: number("I"),
    2: _report("64s type"),
    3: _report("64s type; I blocksize; I digestsize"),
    4: _report("64s type; 64s geniv; I blocksize; I min_keysize; I max_keysize; I ivsize"),
    5: _report("64s type; 64s geniv; I blocksize; I maxauthsize; I ivsize"),
    6: _report("64s type"),
    7: _report("64s type; I seedsize"),
    8: _report("64s type; I blocksize; I min_keysize; I max_keysize"),
    9: _report("64s type"),
    10: _report("64s type"),
}
_CRYPTO_MESSAGES = range(16, 20)


def crypto(w: StraceWriter, kind: int, body: Memory) -> str:
    """struct crypto_user_alg and what the algorithm says of itself."""
    size = size_of(_ALGORITHM)
    if kind not in _CRYPTO_MESSAGES:
        return hexadecimal(w, body)
    if len(body) < size:
        return pointer_text(body.address) if body.full >= size else hexadecimal(w, body)
    shown = f"{{{fields_text(w, _ALGORITHM, body)}}}"
    more = attributes(w, "nl_crypto_attr", _REPORTS, body.part(size), 0)
    return f"{shown}, {more}" if more else shown


_UDEV_MAGIC = 0xFEEDCAFE


def _network_hash(w: StraceWriter, data: bytes, _: int) -> str:
    value = int.from_bytes(data, "big")
    return f"htonl({value:#x})" if value else "htonl(0)"


_UDEV = parts(
    "8s prefix; 4s magic; I header_size; I properties_off; I properties_len; 4s filter_subsystem_hash;"
    " 4s filter_devtype_hash; 4s filter_tag_bloom_hi; 4s filter_tag_bloom_lo",
    prefix=_name, magic=_network_hash, filter_subsystem_hash=_network_hash, filter_devtype_hash=_network_hash,
    filter_tag_bloom_hi=_network_hash, filter_tag_bloom_lo=_network_hash,
)  # fmt: skip


def uevent(w: StraceWriter, data: Memory) -> str:
    """What udev sends has a header of its own; what the kernel sends is text."""
    size = size_of(_UDEV)
    if len(data) < size or data[:8] != b"libudev\0" or int.from_bytes(data[8:12], "big") != _UDEV_MAGIC:
        whole_piece = len(data) >= min(data.full, w.limit + 1)
        return w.data(bytes(data), data.full) if whole_piece else pointer_text(data.address)
    shown = f"{{{fields_text(w, _UDEV, data)}}}"
    rest = data.part(size)
    return f"[{shown}, {w.data(bytes(rest), rest.full)}]" if rest.full else shown
