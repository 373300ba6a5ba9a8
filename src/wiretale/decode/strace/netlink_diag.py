"""NETLINK_SOCK_DIAG: what ss asks and is told (linux/inet_diag.h, unix_diag.h, netlink_diag.h, packet_diag.h)."""

from ipaddress import IPv4Address, IPv6Address

from wiretale.decode.strace.netlink_values import (
    Attributes,
    Part,
    cookie,
    fields_text,
    hexed,
    interface,
    one,
    parts,
    port,
    some,
    states,
    structure,
    text,
    u8,
    u32,
    u64,
)
from wiretale.decode.strace.writer import StraceWriter

_FAMILY = one("family")
_ID = parts(
    "2s idiag_sport; 2s idiag_dport; 16s idiag_src; 16s idiag_dst; 4s idiag_if; 8s idiag_cookie",
    idiag_sport=port, idiag_dport=port, idiag_if=interface, idiag_cookie=cookie,
    idiag_src=lambda w, data, family: _end("idiag_src", data, family),
    idiag_dst=lambda w, data, family: _end("idiag_dst", data, family),
)  # fmt: skip


def _end(name: str, data: bytes, family: int) -> str:
    if family == 2:
        return f'inet_addr("{IPv4Address(data[:4])}")'
    return f'inet_pton(AF_INET6, "{IPv6Address(data)}", &{name})'


def _identity(w: StraceWriter, data: bytes, family: int) -> str:
    return f"{{{fields_text(w, _ID, data, family)}}}"


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
    sdiag_family=_FAMILY, sdiag_protocol=one("netlink_protocol"), ndiag_show=hexed("I"), ndiag_cookie=cookie,
)  # fmt: skip
_PACKET_REQUEST = parts(
    "B sdiag_family; B sdiag_protocol; 2x; I pdiag_ino; I pdiag_show; 8s pdiag_cookie",
    sdiag_family=_FAMILY, pdiag_show=hexed("I"), pdiag_cookie=cookie,
)  # fmt: skip


def _socket_options(w: StraceWriter, data: bytes, _: int) -> str:
    """struct inet_diag_sockopt: bits in the order of their declaration; only those that are set."""
    value = int.from_bytes(data[:2], "little")
    names = (
        "recverr", "is_icsk", "freebind", "hdrincl", "mc_loop", "transparent", "mc_all", "nodefrag",
        "bind_address_no_port", "recverr_rfc4884", "defer_connect",
    )  # fmt: skip
    return "{" + ", ".join(f"{name}=1" for bit, name in enumerate(names) if value >> bit & 1) + "}"


def _raw_name(w: StraceWriter, data: bytes, _: int) -> str:
    return text(w, data, 0)


_MEMORY = "; ".join(f"I idiag_{name}" for name in ("rmem", "wmem", "fmem", "tmem"))
_INET_ATTRIBUTES: Attributes = {
    1: structure(_MEMORY), 4: text, 5: hexed("B"), 6: hexed("B"), 8: u8, 15: u32, 17: u32, 21: u64, 22: _socket_options,
    3: structure("I tcpv_enabled; I tcpv_rttcnt; I tcpv_rtt; I tcpv_minrtt"),
    16: structure("I bbr_bw_lo; I bbr_bw_hi; I bbr_min_rtt; I bbr_pacing_gain; I bbr_cwnd_gain"),
}  # fmt: skip
_UNIX_ATTRIBUTES: Attributes = {
    0: _raw_name, 2: u32, 6: u8,
    1: structure("I udiag_vfs_ino; I udiag_vfs_dev"),
    4: structure("I udiag_rqueue; I udiag_wqueue"),
}  # fmt: skip

Kind = tuple[tuple[Part, ...], str, Attributes]
REQUESTS: dict[int, Kind] = {  # by address family
    1: (_UNIX_REQUEST, "nl_unix_diag", {}),
    2: (_INET_REQUEST, "nl_inet_diag_req", {}),
    10: (_INET_REQUEST, "nl_inet_diag_req", {}),
    16: (_NETLINK_REQUEST, "nl_msg", {}),
    17: (_PACKET_REQUEST, "nl_msg", {}),
}
ANSWERS: dict[int, Kind] = {
    1: (_UNIX, "nl_unix_diag", _UNIX_ATTRIBUTES),
    2: (_INET, "nl_inet_diag", _INET_ATTRIBUTES),
    10: (_INET, "nl_inet_diag", _INET_ATTRIBUTES),
}
