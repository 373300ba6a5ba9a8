"""Attributes of RTM_NEWLINK and its kin: IFLA_* and what is nested in them (linux/if_link.h, linux/if_bridge.h)."""

from wiretale.decode.strace.netlink_values import (
    Attributes,
    attributes,
    bits,
    by_index,
    descriptor,
    grown,
    hardware,
    hexadecimal,
    hexed,
    interface,
    ipv4,
    ipv6,
    nested,
    network_order,
    one,
    owner,
    process,
    s32,
    some,
    structure,
    text,
    ticks,
    u8,
    u16,
    u32,
    u64,
    with_rest,
)
from wiretale.decode.strace.writer import StraceWriter

_COUNTERS = (
    "rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped tx_dropped multicast collisions"
    " rx_length_errors rx_over_errors rx_crc_errors rx_frame_errors rx_fifo_errors rx_missed_errors tx_aborted_errors"
    " tx_carrier_errors tx_fifo_errors tx_heartbeat_errors tx_window_errors rx_compressed tx_compressed rx_nohandler"
)


def _counters(code: str, names: str) -> str:
    return "; ".join(f"{code} {name}" for name in names.split())


STATS64 = grown(_counters("Q", _COUNTERS + " rx_otherhost_dropped"), "rx_nohandler")
_STATS32 = grown(_counters("I", _COUNTERS), "rx_nohandler")


_BRIDGE_ID = structure(
    "2s prio; 6s addr", prio=lambda w, data, _: f"[{data[0]}, {data[1]}]", addr=hardware,
)  # fmt: skip
_PORT_BITS = dict.fromkeys((1, *range(4, 13), 19, 20, 25, *range(27, 31), 32, 33, 35, 36, 39), u8)
BRIDGE_PORT: Attributes = {
    **_PORT_BITS, 2: u16, 3: u32, 13: _BRIDGE_ID, 14: _BRIDGE_ID, 15: u16, 16: u16, 17: u16, 18: u16,
    21: ticks, 22: ticks, 23: ticks, 31: hexed("H"), 34: interface, 37: u32, 38: u32,
}  # fmt: skip
_VF_VLAN = {1: structure("I vf; I vlan; I qos; 2s vlan_proto; 2x", vlan_proto=network_order("ethertype"))}
_VF_ON = structure("I vf; I setting")
_VF_GUID = structure("I vf; 4x; Q guid", guid=hexed("Q"))
_VF: Attributes = {
    1: structure("I vf; 32s mac", mac=hardware),
    2: structure("I vf; I vlan; I qos"),
    3: structure("I vf; I rate"),
    4: _VF_ON,
    5: structure("I vf; I link_state", link_state=one("nl_vf_link_state", "I")),
    6: structure("I vf; I min_tx_rate; I max_tx_rate"),
    7: _VF_ON,
    8: nested("nl_vf_stats", dict.fromkeys(range(9), u64)),
    9: _VF_ON, 10: _VF_GUID, 11: _VF_GUID, 12: nested("nl_vf_vlan", _VF_VLAN),
    13: structure("32s broadcast", broadcast=hardware),
}  # fmt: skip
_PORT: Attributes = {
    1: u32, 2: text,
    3: structure(
        "B vsi_mgr_id; 3s vsi_type_id; B vsi_type_version; 3s pad", vsi_type_id=hexadecimal,
        pad=lambda w, data, _: hexadecimal(w, data) if any(data) else "",
    ), 4: hexadecimal, 5: hexadecimal, 6: one("nl_port_request"),
    7: one("nl_port_response", "H"),
}  # fmt: skip
_INET6: Attributes = {
    1: some("nl_inet6_flags"),
    2: by_index("nl_inet6_devconf", s32, 4, 0),
    3: by_index("nl_inet6_stats", u64, 8, 0),
    5: structure("I max_reasm_len; I tstamp; I reachable_time; I retrans_time"),
    6: by_index("nl_icmp6_stats", u64, 8, 0),
    7: ipv6,
    8: one("nl_addr_gen"),
    9: u32,
}


_TUNNEL: Attributes = {1: u32, 2: u16, 3: some("nl_bridge_vlan", "H")}
_BRIDGE: Attributes = {
    0: some("nl_bridge_flags", "H"),
    1: one("nl_bridge_mode", "H"),
    2: with_rest(structure("H flags; H vid", flags=some("nl_bridge_vlan", "H")), 4),
    3: nested("nl_bridge_tunnel", _TUNNEL),
}


def _families(w: StraceWriter, data: bytes, family: int) -> str:
    """IFLA_AF_SPEC: of a bridge its own attributes, else attributes by family."""
    if family == _AF_BRIDGE:
        return attributes(w, "nl_ifla_bridge", _BRIDGE, data, family)
    return attributes(w, "family", _FAMILIES, data, family)


_AF_BRIDGE = 7
_FAMILIES: Attributes = {
    2: nested("nl_ifla_inet", {1: by_index("nl_ipv4_devconf", s32, 4, 1)}),
    10: nested("nl_ifla_inet6", _INET6),
    45: nested("nl_ifla_mctp", {1: u32}),
}


def _protocol(w: StraceWriter, data: bytes, family: int) -> str:
    """IFLA_PROTINFO: of a bridge its port."""
    if family == _AF_BRIDGE:
        return attributes(w, "nl_brport", BRIDGE_PORT, data, family)
    if family == 10:
        return attributes(w, "nl_ifla_inet6", _INET6, data, family)
    return hexadecimal(w, data)


_OPTIONS = bits("nl_br_boolopt", range(3))
_QUERIER: Attributes = {1: ipv4, 2: interface, 3: ticks, 5: ipv6, 6: interface, 7: ticks}
_BRIDGE_LINK: Attributes = {
    **dict.fromkeys((1, 2, 3, 4), ticks), 5: u32, 6: u16, 7: u8, 8: network_order("ethertype"), 9: hexed("H"),
    10: _BRIDGE_ID, 11: _BRIDGE_ID, 12: u16, 13: u32, 14: u8, 15: u8,
    **dict.fromkeys((16, 17, 18, 19), ticks), 20: hardware, 47: nested("nl_querier", _QUERIER),
    **dict.fromkeys(range(22, 26), u8), **dict.fromkeys(range(26, 30), u32),
    **dict.fromkeys(range(30, 36), ticks), 36: u8, 37: u8, 38: u8, 39: u16, 41: u8,
    46: structure("I optval; I optmask", optval=_OPTIONS, optmask=_OPTIONS), 42: u8, 43: u8, 44: u8, 45: u8,
}  # fmt: skip
_TUN: Attributes = {
    1: owner, 2: owner, 3: one("nl_tun_type"), **dict.fromkeys((4, 5, 6, 7), u8), 8: u32, 9: u32,
}  # fmt: skip
_CAN_COUNTERS = structure("I bus_error; I error_warning; I error_passive; I bus_off; I arbitration_lost; I restarts")
_INFO: Attributes = {1: text, 3: hexadecimal, 4: text}


def _info(w: StraceWriter, data: bytes, family: int) -> str:
    """IFLA_LINKINFO: its data means what the kind before it says."""
    kind = b""
    if len(data) >= 8 and int.from_bytes(data[2:4], "little") == 1:
        kind = bytes(data[4 : int.from_bytes(data[:2], "little")]).split(b"\0", 1)[0]
    inner = {b"bridge": nested("nl_ifla_br", _BRIDGE_LINK), b"tun": nested("nl_ifla_tun", _TUN)}.get(kind)
    slave = {b"bridge": nested("nl_brport", BRIDGE_PORT)}.get(_slave_kind(data))
    known = dict(_INFO)
    if kind == b"can":
        known[3] = _CAN_COUNTERS
    known[2] = inner or hexadecimal
    known[5] = slave or hexadecimal
    return attributes(w, "nl_ifla_info", known, data, family)


def _slave_kind(data: bytes) -> bytes:
    at = 0
    while at + 4 <= len(data):
        length, kind = int.from_bytes(data[at : at + 2], "little"), int.from_bytes(data[at + 2 : at + 4], "little")
        if kind == 4:
            return bytes(data[at + 4 : at + length]).split(b"\0", 1)[0]
        if length < 4:
            break
        at += (length + 3) // 4 * 4
    return b""


_XDP: Attributes = {
    1: descriptor, 2: one("nl_xdp_attached"), 3: some("nl_xdp_flags"), 4: u32, 5: u32, 6: u32, 7: u32, 8: descriptor,
}  # fmt: skip
_MAP = structure(
    "Q mem_start; Q mem_end; Q base_addr; H irq; B dma; B port", mem_start=hexed("Q"), mem_end=hexed("Q"),
    base_addr=hexed("Q"),
)  # fmt: skip
LINK_ATTRIBUTES: Attributes = {
    1: hardware, 2: hardware, 3: text, 4: u32, 5: u32, 6: text, 7: _STATS32, 8: u32, 9: u32, 10: interface,
    12: _protocol, 13: u32, 14: _MAP, 15: u32, 16: u8, 17: u8, 18: _info, 19: process, 20: text, 21: u32,
    22: nested("nl_vf_info", {1: nested("nl_vf", _VF)}), 23: STATS64,
    24: nested("nl_vf_port", {1: nested("nl_port", _PORT)}), 25: nested("nl_port", _PORT), 26: _families,
    27: u32, 28: descriptor, 29: some("nl_ext_filter"), 30: u32, 31: u32, 32: u32, 33: u8, 35: u32, 37: s32, 38: text,
    39: u8, 40: u32, 41: u32, 43: nested("nl_ifla_xdp", _XDP), 44: one("nl_ifla_event", "I"), 45: s32, 46: s32, 47: u32,
    48: u32, 49: interface, 50: u32, 51: u32, 52: nested("nl_ifla", {53: text}), 53: text, 54: hardware,
    55: nested("nl_proto_down", {1: hexed("I"), 2: hexed("I")}), 56: text, 57: text, 58: u32, 59: u32, 60: u32, 61: u32,
}  # fmt: skip
