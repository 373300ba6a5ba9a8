"""NETLINK_SOCK_DIAG: what ss asks and is told (linux/inet_diag.h, unix_diag.h, netlink_diag.h, packet_diag.h)."""

import struct
from ipaddress import IPv4Address

from wiretale.decode.escape import escape_bytes
from wiretale.decode.strace import filters
from wiretale.decode.strace.address import address_text
from wiretale.decode.strace.names import several
from wiretale.decode.strace.netlink_values import (
    Attributes,
    Memory,
    Part,
    address,
    array,
    by_index,
    cookie,
    fields_text,
    hexadecimal,
    hexed,
    interface,
    ipv6_text,
    nested,
    one,
    part,
    parts,
    port,
    size_in,
    some,
    states,
    structure,
    text,
    u8,
    u16,
    u32,
    u64,
    whole,
)
from wiretale.decode.strace.strings import hex_literal, in_style
from wiretale.decode.strace.style import Names
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.struct_text import device_text

_FAMILY = one("family")
_INSTRUCTION_BYTES = 8  # sizeof(struct sock_filter)
_ID = parts(
    "2s idiag_sport; 2s idiag_dport; 16s idiag_src; 16s idiag_dst; 4s idiag_if; 8s idiag_cookie",
    idiag_sport=port, idiag_dport=port, idiag_if=interface, idiag_cookie=cookie,
    idiag_src=lambda w, data, family: _end(w, "idiag_src", data, family),
    idiag_dst=lambda w, data, family: _end(w, "idiag_dst", data, family),
)  # fmt: skip


def _end(w: StraceWriter, name: str, data: bytes, family: int) -> str:
    if family == 2:
        return in_style(w.style.names, data, f'inet_addr("{IPv4Address(data[:4])}")')
    if w.style.names is Names.ABBREV:
        return f'inet_pton(AF_INET6, "{ipv6_text(data)}", &{name})'
    return in_style(w.style.names, data, f'inet_pton(AF_INET6, "{ipv6_text(data)}")')


def _identity(w: StraceWriter, data: bytes, family: int) -> str:
    return f"{{{fields_text(w, _ID, data, family)}}}"


def _identity_v4(w: StraceWriter, data: bytes, _: int) -> str:
    return _identity(w, data, 2)


_INET_REQUEST = parts(
    "B sdiag_family; B sdiag_protocol; B idiag_ext; x; I idiag_states; 48s id",
    sdiag_family=_FAMILY, sdiag_protocol=one("ip_protocol"), idiag_states=states, id=_identity,
    idiag_ext=lambda w, data, _: _extensions(w, data),
)  # fmt: skip


def _extensions(w: StraceWriter, data: bytes) -> str:
    """Bit N - 1 asks for attribute N."""
    shown = [f"1<<({w.enum('nl_inet_diag', bit + 1)}-1)" for bit in range(8) if data[0] >> bit & 1]
    return "|".join(shown) or "0"


_INET = parts(
    "B idiag_family; B idiag_state; B idiag_timer; B idiag_retrans; 48s id; I idiag_expires; I idiag_rqueue;"
    " I idiag_wqueue; I idiag_uid; I idiag_inode",
    idiag_family=_FAMILY, idiag_state=one("tcp_state"), id=_identity,
)  # fmt: skip
INET_COMPATIBLE = parts(
    "B idiag_family; B idiag_src_len; B idiag_dst_len; B idiag_ext; 48s id; I idiag_states; I idiag_dbs",
    idiag_family=_FAMILY, id=_identity, idiag_states=states, idiag_ext=lambda w, data, _: _extensions(w, data),
)  # fmt: skip
_UNIX_REQUEST = parts(
    "B sdiag_family; B sdiag_protocol; 2x; I udiag_states; I udiag_ino; I udiag_show; 8s udiag_cookie",
    sdiag_family=_FAMILY, udiag_states=states, udiag_show=some("nl_udiag_show"), udiag_cookie=cookie,
)  # fmt: skip
_UNIX = parts(
    "B udiag_family; B udiag_type; B udiag_state; x; I udiag_ino; 8s udiag_cookie",
    udiag_family=_FAMILY, udiag_type=one("socket_kind"), udiag_state=one("tcp_state"), udiag_cookie=cookie,
)  # fmt: skip
_NETLINK_REQUEST = parts(
    "B sdiag_family; B sdiag_protocol; 2x; I ndiag_ino; I ndiag_show; 8s ndiag_cookie",
    sdiag_family=_FAMILY, sdiag_protocol=lambda w, data, _: _netlink_protocol(w, data),
    ndiag_show=some("nl_netlink_show"), ndiag_cookie=cookie,
)  # fmt: skip
_PACKET_REQUEST = parts(
    "B sdiag_family; B sdiag_protocol; 2x; I pdiag_ino; I pdiag_show; 8s pdiag_cookie",
    sdiag_family=_FAMILY, sdiag_protocol=hexed("B"), pdiag_show=some("nl_packet_show"), pdiag_cookie=cookie,
)  # fmt: skip
_PACKET = parts(
    "B pdiag_family; B pdiag_type; H pdiag_num; I pdiag_ino; 8s pdiag_cookie", pdiag_family=_FAMILY,
    pdiag_type=one("socket_kind"), pdiag_num=one("ethertype", "H"), pdiag_cookie=cookie,
)  # fmt: skip
_NETLINK = parts(
    "B ndiag_family; B ndiag_type; B ndiag_protocol; B ndiag_state; I ndiag_portid; I ndiag_dst_portid;"
    " I ndiag_dst_group; I ndiag_ino; 8s ndiag_cookie",
    ndiag_family=_FAMILY, ndiag_type=one("socket_kind"), ndiag_protocol=one("netlink_protocol"),
    ndiag_state=one("nl_netlink_state"), ndiag_cookie=cookie,
)  # fmt: skip
_SMC_REQUEST = parts(
    "B diag_family; 2x; B diag_ext; 48s id", diag_family=_FAMILY, diag_ext=lambda w, data, _: _smc_extensions(w, data),
    id=_identity_v4,
)  # fmt: skip
_SMC = parts(
    "B diag_family; B diag_state; B diag_fallback; B diag_shutdown; 48s id; I diag_uid; Q diag_inode",
    diag_family=_FAMILY, diag_state=one("nl_smc_state"), diag_fallback=one("nl_smc_mode"),
    id=_identity_v4,
)  # fmt: skip


def _netlink_protocol(w: StraceWriter, data: bytes) -> str:
    return w.note("NDIAG_PROTO_ALL", 0xFF) if data[0] == 0xFF else w.enum("netlink_protocol", data[0])


def _smc_extensions(w: StraceWriter, data: bytes) -> str:
    shown = [f"1<<({w.enum('nl_smc_diag', bit + 1)}-1)" for bit in range(8) if data[0] >> bit & 1]
    return "|".join(shown) or "0"


_SOCKET_OPTIONS = (  # struct inet_diag_sockopt: bits in the order of their declaration
    "recverr", "is_icsk", "freebind", "hdrincl", "mc_loop", "transparent", "mc_all", "nodefrag",
    "bind_address_no_port", "recverr_rfc4884", "defer_connect",
)  # fmt: skip


def _socket_options(w: StraceWriter, data: bytes, _: int) -> str:
    """Only those that are set, with -v all; then what no name is known for."""
    value = int.from_bytes(data[:2], "little")
    held = [(name, value >> bit & 1) for bit, name in enumerate(_SOCKET_OPTIONS)]
    shown = [f"{name}={is_set}" for name, is_set in held if is_set or not w.brief]
    unnamed = value >> len(_SOCKET_OPTIONS)
    shown += [f"unused={hex(unnamed) if unnamed else 0} /* bits 3..8 */"] if unnamed or not w.brief else []
    rest = part(data, 2)
    behind = f", /* bytes 2..{size_in(data) - 1} */ {hexadecimal(w, rest)}" if any(rest) else ""
    return f"{{{', '.join(shown)}}}{behind}"


def _raw_name(w: StraceWriter, data: bytes, _: int) -> str:
    """The path of a unix socket; an abstract one begins with a NUL."""
    if len(data) < size_in(data):
        return hexadecimal(w, data)
    name = bytes(data)
    if name[:1] == b"\0":
        return f"@{escape_bytes(name[1:])}"
    return escape_bytes(name.split(b"\0", 1)[0])


def _named(w: StraceWriter, data: bytes, _: int) -> str:
    """A name in an array of characters."""
    return escape_bytes(data.split(b"\0", 1)[0])


def _decline(w: StraceWriter, data: bytes, _: int) -> str:
    value = int.from_bytes(data, "little")
    name = w.enum("nl_smc_decline", value).split(" /* ")[-1].removesuffix(" */")
    return f"{hex(value) if value else 0} /* {name} */"


_MEMORY = "; ".join(f"I idiag_{name}" for name in ("rmem", "wmem", "fmem", "tmem"))
_SOCKET_MEMORY = by_index("nl_sk_meminfo", u32, 4, 0)
_BYTECODE = structure("B code; B yes; H no", code=one("nl_diag_bytecode"))
_MARK_CONDITION = structure("I mark; I mask")


def _host(w: StraceWriter, data: bytes, _: int) -> str:
    """struct inet_diag_hostcond."""
    if len(data) < 8:
        return hexadecimal(w, data)
    family, length, port_number = data[0], data[1], int.from_bytes(data[4:8], "little", signed=True)
    shown = f"family={w.enum('family', family)}, prefix_len={length}, port={port_number}"
    rest = part(data, 8)
    if not size_in(rest):
        return f"{{{shown}}}"
    where = address(w, rest, family)
    if where.startswith("inet_pton"):
        return f"{{{shown}, {where[:-1]}, &addr)}}"
    return f"{{{shown}, addr={where}}}"


_CONDITIONS = {  # INET_DIAG_BC_*: what follows the code
    **dict.fromkeys((2, 3, 4, 5), _BYTECODE), **dict.fromkeys((7, 8), _host), 9: interface, 10: _MARK_CONDITION,
}  # fmt: skip


def _bytecode(w: StraceWriter, data: bytes, family: int) -> str:
    """One operation, and what it compares with."""
    shown, rest = _BYTECODE(w, data, family), part(data, 4)
    if not size_in(rest) or shown[:1] != "{":
        return shown
    return f"{shown}, {_CONDITIONS.get(data[0], hexadecimal)(w, rest, family)}"


def _file(w: StraceWriter, data: bytes) -> str:
    """struct unix_diag_vfs, the device first."""
    inode, number = struct.unpack_from("<II", data)
    return f"{{udiag_vfs_dev={device_text(number)}, udiag_vfs_ino={inode}}}"


def _membership(w: StraceWriter, data: bytes, _: int) -> str:
    """struct packet_diag_mclist: as much of the address as its length says."""
    index, count, kind, length = struct.unpack_from("<IIHH", data)
    address = hexadecimal(w, bytes(data[12 : 12 + min(length, 32)]))
    return (
        f"{{pdmc_index={w.interface(index)}, pdmc_count={count}, pdmc_type={kind}, pdmc_alen={length}, "
        f"pdmc_addr={address}}}"
    )


def _key(data: bytes) -> str:
    return hex_literal(data) if data else '""'


def _program(w: StraceWriter, data: bytes, _: int) -> str:
    """The socket filter of PACKET_DIAG_FILTER."""
    count = size_in(data) // _INSTRUCTION_BYTES
    if not count:
        return hexadecimal(w, data)
    return filters.program(w, bytes(data), count, data.address if isinstance(data, Memory) else 0)


def _signature(w: StraceWriter, data: bytes, _: int) -> str:
    """struct tcp_diag_md5sig."""
    family, prefix, length = struct.unpack_from("<BBH", data)
    where = address(w, bytes(data[4:20]), family)
    shown = f"{where[:-1]}, &tcpm_addr)" if where.startswith("inet_pton") else f"tcpm_addr={where}"
    return (
        f"{{tcpm_family={w.enum('family', family)}, tcpm_prefixlen={prefix}, tcpm_keylen={length}, {shown}, "
        f"tcpm_key={_key(bytes(data[20 : 20 + min(length, 80)]))}}}"
    )


def _shutdown(w: StraceWriter, data: bytes, _: int) -> str:
    """The set as a number, with its names behind it."""
    if not data[0]:
        return "0"
    names = several("nl_shutdown", data[0], w.arch, Names.ABBREV)
    return names if " /* " in names else f"{data[0]:#x} /* {names} */"


def _stored(w: StraceWriter, data: bytes, _: int) -> str:
    """A value of a map of BPF: a number, if it has the size of one."""
    if size_in(data) in (1, 2, 4, 8) and len(data) == size_in(data):
        return hexed("?BH?I???Q"[len(data)])(w, data, 0)
    return hexadecimal(w, data)


_TLS: Attributes = {
    1: one("nl_tls_version", "H"), 2: one("nl_tls_cipher", "H"), 3: one("nl_tls_conf", "H"), 4: one("nl_tls_conf", "H"),
}  # fmt: skip
_MPTCP: Attributes = {
    1: hexed("I"), 2: hexed("I"), 3: u32, 4: u64, 5: u32, 6: u32, 7: u16, 8: some("nl_mptcp_flags"), 9: u8, 10: u8,
}  # fmt: skip
_ULP: Attributes = {1: text, 2: nested("nl_tls_info", _TLS), 3: nested("nl_mptcp", _MPTCP)}
_SOCKET_ADDRESSES = array(lambda w, data, _: address_text(w, data), 128)  # struct sockaddr_storage
_STORAGE: Attributes = {2: u32, 3: _stored}
_INET_REQUEST_ATTRIBUTES: Attributes = {1: _bytecode, 3: one("ip_protocol", "I")}
_INET_ATTRIBUTES: Attributes = {
    1: structure(_MEMORY), 4: text, 5: u8, 6: u8, 7: _SOCKET_MEMORY,
    8: whole(1, _shutdown), 15: u32, 17: u32, 21: u64,
    22: whole(2, _socket_options), 12: _SOCKET_ADDRESSES, 13: _SOCKET_ADDRESSES,
    3: structure("I tcpv_enabled; I tcpv_rttcnt; I tcpv_rtt; I tcpv_minrtt"),
    9: structure("H dctcp_enabled; H dctcp_ce_state; I dctcp_alpha; I dctcp_ab_ecn; I dctcp_ab_tot"),
    10: one("ip_protocol"), 11: u8, 18: array(_signature, 100), 19: nested("nl_ulp", _ULP),
    20: nested("nl_bpf_storages", {1: nested("nl_bpf_storage", _STORAGE)}),
    16: structure(
        "I bbr_bw_lo; I bbr_bw_hi; I bbr_min_rtt; I bbr_pacing_gain; I bbr_cwnd_gain", bbr_bw_lo=hexed("I"),
        bbr_bw_hi=hexed("I"),
    ),
}  # fmt: skip
_UNIX_ATTRIBUTES: Attributes = {
    0: _raw_name, 2: u32, 3: array(u32, 4), 5: _SOCKET_MEMORY, 6: u8, 7: u32,
    1: whole(8, lambda w, data, family: _file(w, data)),
    4: structure("I udiag_rqueue; I udiag_wqueue"),
}  # fmt: skip
_RING = structure(
    "I pdr_block_size; I pdr_block_nr; I pdr_frame_size; I pdr_frame_nr; I pdr_retire_tmo; I pdr_sizeof_priv;"
    " I pdr_features"
)
_PACKET_ATTRIBUTES: Attributes = {
    0: structure(
        "I pdi_index; I pdi_version; I pdi_reserve; I pdi_copy_thresh; I pdi_tstamp; I pdi_flags", pdi_index=interface,
        pdi_version=one("nl_tpacket", "I"), pdi_flags=some("nl_packet_info"),
    ),
    1: array(_membership, 44),
    2: _RING, 3: _RING, 4: hexed("I"), 5: u32, 6: _SOCKET_MEMORY,
    7: _program,
}  # fmt: skip
_NETLINK_RING = structure("I ndr_block_size; I ndr_block_nr; I ndr_frame_size; I ndr_frame_nr")
_NETLINK_ATTRIBUTES: Attributes = {
    0: _SOCKET_MEMORY, 1: array(hexed("Q"), 8), 2: _NETLINK_RING, 3: _NETLINK_RING, 4: some("nl_netlink_flags"),
}  # fmt: skip
_CURSOR_NAMES = ("rx_prod", "rx_cons", "tx_prod", "tx_cons")
_CURSOR = structure("H reserved; H wrap; I count")
_FLAG_NAMES = ("rx_prod_flags", "rx_conn_state_flags", "tx_prod_flags", "tx_conn_state_flags")
_SENT_NAMES = ("tx_prep", "tx_sent", "tx_fin")
_CONNECTION = structure(
    "I token; I sndbuf_size; I rmbe_size; I peer_rmbe_size; "
    + "; ".join(
        [*(f"8s {n}" for n in _CURSOR_NAMES), *(f"B {n}" for n in _FLAG_NAMES), *(f"8s {n}" for n in _SENT_NAMES)]
    ),
    **dict.fromkeys((*_CURSOR_NAMES, *_SENT_NAMES), _CURSOR),
    **dict.fromkeys(_FLAG_NAMES, hexed("B")),
)
_LINK_OF_GROUP = structure(
    "B link_id; 64s ibname; B ibport; 40s gid; 40s peer_gid", ibname=_named, gid=_named, peer_gid=_named
)


def _link_of_group(w: StraceWriter, data: bytes, family: int) -> str:
    return f"[{_LINK_OF_GROUP(w, data, family)}]"


_SMC_ATTRIBUTES: Attributes = {
    1: _CONNECTION,
    2: structure("146s lnk; B role", lnk=_link_of_group, role=one("nl_smc_role")),
    3: some("nl_shutdown", "B"),
    4: structure(
        "I linkid; 4x; Q peer_gid; Q my_gid; Q token; Q peer_token",
        **dict.fromkeys(("peer_gid", "my_gid", "token", "peer_token"), hexed("Q")),
    ),
    5: structure("I reason; I peer_diagnosis", reason=_decline, peer_diagnosis=_decline),
}  # fmt: skip


Kind = tuple[tuple[Part, ...], str, Attributes]
COMPATIBLE: Kind = (INET_COMPATIBLE, "nl_inet_diag_req", _INET_REQUEST_ATTRIBUTES)
REQUESTS: dict[int, Kind] = {  # by address family
    1: (_UNIX_REQUEST, "nl_unix_diag", {}),
    2: (_INET_REQUEST, "nl_inet_diag_req", _INET_REQUEST_ATTRIBUTES),
    10: (_INET_REQUEST, "nl_inet_diag_req", _INET_REQUEST_ATTRIBUTES),
    43: (_SMC_REQUEST, "", {}),
    16: (_NETLINK_REQUEST, "nl_msg", {}),
    17: (_PACKET_REQUEST, "nl_msg", {}),
}
ANSWERS: dict[int, Kind] = {
    1: (_UNIX, "nl_unix_diag", _UNIX_ATTRIBUTES),
    2: (_INET, "nl_inet_diag", _INET_ATTRIBUTES),
    10: (_INET, "nl_inet_diag", _INET_ATTRIBUTES),
    16: (_NETLINK, "nl_netlink_diag", _NETLINK_ATTRIBUTES),
    17: (_PACKET, "nl_packet_diag", _PACKET_ATTRIBUTES),
    43: (_SMC, "nl_smc_diag", _SMC_ATTRIBUTES),
}
