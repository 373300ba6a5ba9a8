"""NETLINK_ROUTE: links, addresses, routes, neighbours, rules, queueing (linux/rtnetlink.h and the headers it names)."""

from wiretale.decode.strace.netlink_values import (
    Attributes,
    Part,
    address,
    hardware,
    hexed,
    interface,
    nested,
    one,
    parts,
    s32,
    some,
    structure,
    text,
    u8,
    u16,
    u32,
    u64,
)

_FAMILY = one("family")
_COUNTERS = (
    "rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped tx_dropped multicast collisions"
    " rx_length_errors rx_over_errors rx_crc_errors rx_frame_errors rx_fifo_errors rx_missed_errors tx_aborted_errors"
    " tx_carrier_errors tx_fifo_errors tx_heartbeat_errors tx_window_errors rx_compressed tx_compressed rx_nohandler"
)


def _counters(code: str, names: str) -> str:
    return "; ".join(f"{code} {name}" for name in names.split())


LINK = parts(
    "B ifi_family; x; H ifi_type; I ifi_index; I ifi_flags; I ifi_change",
    ifi_family=_FAMILY, ifi_type=one("arphrd", "H"), ifi_index=interface, ifi_flags=some("iff"), ifi_change=hexed("I"),
)  # fmt: skip
ADDRESS = parts(
    "B ifa_family; B ifa_prefixlen; B ifa_flags; B ifa_scope; I ifa_index",
    ifa_family=_FAMILY, ifa_flags=some("nl_ifa_flags", "B"), ifa_scope=one("nl_rt_scope"), ifa_index=interface,
)  # fmt: skip
ROUTE = parts(
    "B rtm_family; B rtm_dst_len; B rtm_src_len; B rtm_tos; B rtm_table; B rtm_protocol; B rtm_scope; B rtm_type;"
    " I rtm_flags",
    rtm_family=_FAMILY, rtm_tos=some("nl_iptos", "B"), rtm_table=one("nl_rt_table"), rtm_protocol=one("nl_rtprot"),
    rtm_scope=one("nl_rt_scope"), rtm_type=one("nl_rtn"), rtm_flags=some("nl_rtm_flags"),
)  # fmt: skip
NEIGHBOUR = parts(
    "B ndm_family; 3x; I ndm_ifindex; H ndm_state; B ndm_flags; B ndm_type",
    ndm_family=_FAMILY, ndm_ifindex=interface, ndm_state=some("nl_nud", "H"), ndm_flags=some("nl_ntf", "B"),
    ndm_type=one("nl_rtn"),
)  # fmt: skip
RULE = parts(
    "B family; B dst_len; B src_len; B tos; B table; 2x; B action; I flags",
    family=_FAMILY, tos=some("nl_iptos", "B"), table=one("nl_rt_table"), action=one("nl_fr_act"),
    flags=some("nl_fib_rule_flags"),
)  # fmt: skip
QUEUE = parts(
    "B tcm_family; 3x; I tcm_ifindex; I tcm_handle; I tcm_parent; I tcm_info", tcm_family=_FAMILY, tcm_ifindex=interface
)

_LINK: Attributes = {
    1: hardware, 2: hardware, 3: text, 4: u32, 5: interface, 6: text, 7: structure(_counters("I", _COUNTERS)),
    8: u32, 9: u32, 10: interface, 13: u32, 15: u32, 16: u8, 17: u8, 19: u32, 20: text, 21: u32,
    18: nested("nl_ifla_info", {1: text, 4: text}),
    23: structure(_counters("Q", _COUNTERS + " rx_otherhost_dropped")),
    26: nested("family", {10: nested("nl_ifla_inet6", {8: u8})}),
    27: u32, 28: u32, 29: some("nl_ext_filter"), 30: u32, 31: u32, 32: u32, 33: u8, 35: u32, 37: s32, 38: text, 39: u8,
    40: u32, 41: u32, 43: nested("nl_ifla_xdp", {2: u8}), 44: u32, 45: s32, 46: s32, 47: u32, 48: u32, 49: interface,
    50: u32, 51: u32, 53: text, 54: hardware, 56: text, 57: text, 58: u32, 59: u32, 60: u32, 61: u32,
}  # fmt: skip
_ADDRESS: Attributes = {
    1: address, 2: address, 3: text, 4: address, 5: address, 7: address, 8: some("nl_ifa_flags"), 9: u32,
    6: structure("I ifa_prefered; I ifa_valid; I cstamp; I tstamp"),
}  # fmt: skip
_ROUTE: Attributes = {
    1: address, 2: address, 3: interface, 4: interface, 5: address, 6: u32, 7: address, 11: u32, 16: u32,
    15: one("nl_rt_table", "I"), 20: u8, 25: u32, 27: u8, 28: u16, 29: u16,
    12: structure(
        "I rta_clntref; I rta_lastuse; i rta_expires; I rta_error; I rta_used; I rta_id; I rta_ts; I rta_tsage"
    ),
}  # fmt: skip
_NEIGHBOUR: Attributes = {
    1: address, 2: hardware, 4: u32, 5: u16, 6: u16, 7: u32, 8: interface, 9: interface, 10: s32, 12: one("nl_rtprot"),
    3: structure("I ndm_confirmed; I ndm_used; I ndm_updated; I ndm_refcnt"),
}  # fmt: skip
_RULE: Attributes = {
    1: address, 2: address, 3: text, 4: u32, 6: u32, 10: u32, 11: u32, 12: u64, 13: u32, 14: u32,
    15: one("nl_rt_table", "I"), 16: u32, 17: text, 19: u8, 21: one("nl_rtprot"),
    20: structure("I start; I end"),
}  # fmt: skip
_STATS: Attributes = {
    1: structure("Q bytes; I packets"),
    2: structure("I bps; I pps"),
    3: structure("I qlen; I backlog; I drops; I requeues; I overlimits"),
    5: structure("Q bps; Q pps"),
    7: structure("Q bytes; I packets"),
}
_QUEUE: Attributes = {
    1: text,
    3: structure("Q bytes; I packets; I drops; I overlimits; I bps; I pps; I qlen; I backlog"),
    7: nested("nl_tca_stats", _STATS),
    11: u32, 12: u8, 13: u32, 14: u32,
}  # fmt: skip

Kind = tuple[tuple[Part, ...], str, Attributes]
_LINKS, _ADDRESSES, _ROUTES = (LINK, "nl_ifla", _LINK), (ADDRESS, "nl_ifa", _ADDRESS), (ROUTE, "nl_rta", _ROUTE)
_NEIGHBOURS, _RULES, _QUEUES = (NEIGHBOUR, "nl_nda", _NEIGHBOUR), (RULE, "nl_fra", _RULE), (QUEUE, "nl_tca", _QUEUE)
KINDS: dict[int, Kind] = {  # nlmsg_type -> structure, names of attributes, attributes
    **dict.fromkeys((16, 17, 18, 19), _LINKS),
    **dict.fromkeys((20, 21, 22, 58, 62), _ADDRESSES),
    **dict.fromkeys((24, 25, 26), _ROUTES),
    **dict.fromkeys((28, 29, 30), _NEIGHBOURS),
    **dict.fromkeys((32, 33, 34), _RULES),
    **dict.fromkeys((36, 37, 38, 40, 41, 42, 44, 45, 46, 100, 101, 102), _QUEUES),
}
