"""NETLINK_ROUTE: links, addresses, routes, neighbours, rules, queueing (linux/rtnetlink.h and the headers it names)."""

from ipaddress import IPv4Address
from socket import AF_INET, AF_INET6

from wiretale.decode.strace.names import known
from wiretale.decode.strace.netlink_links import LINK_ATTRIBUTES
from wiretale.decode.strace.netlink_statistics import STATISTICS, STATISTICS_ATTRIBUTES
from wiretale.decode.strace.netlink_values import (
    Attributes,
    Memory,
    Part,
    address,
    array,
    attributes,
    fields_text,
    grown,
    hardware,
    hexadecimal,
    hexed,
    if_set,
    interface,
    ipv4,
    ipv6,
    ipv6_text,
    nested,
    network_u64,
    one,
    part,
    parts,
    port,
    process,
    s32,
    size_in,
    size_of,
    some,
    structure,
    text,
    ticks,
    u8,
    u16,
    u32,
    u64,
    whole,
)
from wiretale.decode.strace.writer import StraceWriter
from wiretale.decode.writer import pointer_text

_FAMILY = one("family")


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

_ADDRESS: Attributes = {
    1: address, 2: address, 3: text, 4: address, 5: address, 7: address, 8: some("nl_ifa_flags"), 9: u32,
    6: structure("I ifa_prefered; I ifa_valid; I cstamp; I tstamp"),
}  # fmt: skip
_METRICS: Attributes = {**dict.fromkeys(range(1, 18), u32), 12: some("nl_rtax_features"), 16: text}
_HOP = parts(
    "H rtnh_len; B rtnh_flags; B rtnh_hops; I rtnh_ifindex", rtnh_flags=some("nl_nexthop_flags", "B"),
    rtnh_ifindex=interface,
)  # fmt: skip


def _hops(w: StraceWriter, data: bytes, family: int) -> str:
    """RTA_MULTIPATH: each struct rtnexthop with attributes of its own."""
    size = size_of(_HOP)
    shown: list[str] = []
    while size_in(data):
        if size_in(data) < size or len(data) < size:
            shown.append(
                hexadecimal(w, data)
                if size_in(data) < size or not isinstance(data, Memory)
                else pointer_text(data.address)
                if not shown
                else f"... /* {data.address:#x} */"
            )
            break
        length = int.from_bytes(data[:2], "little")
        hop = f"{{{fields_text(w, _HOP, data, family)}}}"
        more = attributes(w, "nl_rta", _ROUTE, part(data, size, length), family) if length > size else ""
        shown.append(f"[{hop}, {more}]" if more else f"[{hop}]")
        if length < size:
            break
        data = part(data, (length + 3) // 4 * 4)
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def _via(w: StraceWriter, data: bytes, _: int) -> str:
    """struct rtvia: a family and an address of it."""
    family = int.from_bytes(data[:2], "little")
    name = f"rtvia_family={w.enum('family', family)}"
    rest = part(data, 2)
    if not size_in(rest):
        return f"{{{name}}}"
    if family == 2 and len(rest) >= 4:
        return f'{{{name}, rtvia_addr=inet_addr("{IPv4Address(bytes(rest[:4]))}")}}'
    if family == 10 and len(rest) >= 16:
        return f'{{{name}, inet_pton(AF_INET6, "{ipv6_text(rest[:16])}", &rtvia_addr)}}'
    return f"{{{name}, rtvia_addr={hexadecimal(w, rest)}}}"


_ROUTE: Attributes = {
    1: address, 2: address, 3: interface, 4: interface, 5: address, 6: u32, 7: address, 11: u32, 16: u32,
    8: nested("nl_metrics", _METRICS), 9: _hops, 18: whole(2, _via), 19: address, 21: one("nl_lwtunnel", "H"),
    15: one("nl_rt_table", "I"), 20: u8, 23: u32, 25: u32, 26: u8, 27: one("ip_protocol"), 28: u16, 29: u16, 30: u32,
    17: structure("Q mfcs_packets; Q mfcs_bytes; Q mfcs_wrong_if"),
    12: structure(
        "I rta_clntref; I rta_lastuse; I rta_expires; I rta_error; I rta_used; I rta_id; I rta_ts; I rta_tsage",
        rta_id=hexed("I"),
    ),
}  # fmt: skip
_NEIGHBOUR: Attributes = {
    1: address, 2: hardware, 4: u32, 5: u16, 6: port, 7: u32, 8: interface, 9: interface, 10: u32, 11: u32,
    12: one("nl_rtprot"), 13: u32, 15: some("nl_nda_ext"), 16: some("nl_nud", "H"), 17: some("nl_ntf", "B"),
    3: structure("I ndm_confirmed; I ndm_used; I ndm_updated; I ndm_refcnt"),
    14: nested("nl_nfea", {1: some("nl_fdb_notify", "B")}),
}  # fmt: skip
_RULE: Attributes = {
    1: address, 2: address, 3: text, 4: u32, 6: u32, 10: u32, 11: u32, 12: network_u64, 13: u32, 14: u32,
    15: one("nl_rt_table", "I"), 16: u32, 17: text, 19: u8, 21: one("nl_rtprot"), 22: one("ip_protocol"),
    20: structure("I start; I end"), 23: structure("H start; H end"), 24: structure("H start; H end"),
}  # fmt: skip
_STATS: Attributes = {
    1: structure("Q bytes; I packets"),
    2: structure("I bps; I pps"),
    3: structure("I qlen; I backlog; I drops; I requeues; I overlimits"),
    5: structure("Q bps; Q pps"),
    7: structure("Q bytes; I packets"),
    8: u64,
}
_STAB: Attributes = {
    1: structure("B cell_log; B size_log; h cell_align; i overhead; I linklayer; I mpu; I mtu; I tsize"),
    2: array(u16, 2),
}
_QUEUE: Attributes = {
    1: text,
    3: structure("Q bytes; I packets; I drops; I overlimits; I bps; I pps; I qlen; I backlog"),
    5: structure("b interval; B ewma_log"),
    7: nested("nl_tca_stats", _STATS), 8: nested("nl_tca_stab", _STAB),
    11: u32, 12: u8, 13: u32, 14: u32,
}  # fmt: skip
ADDRESS_LABEL = parts(
    "B ifal_family; x; B ifal_prefixlen; B ifal_flags; I ifal_index; I ifal_seq", ifal_family=_FAMILY,
    ifal_index=interface,
)  # fmt: skip
TABLE = parts("B ndtm_family; 3x", ndtm_family=_FAMILY)
_TABLE_PARAMETERS: Attributes = {
    1: interface, **dict.fromkeys((2, 3, 8, 11, 13, 15, 16), u32), **dict.fromkeys((4, 5, 6, 7, 9, 10, 12, 17), u64),
    18: u64,
}  # fmt: skip
_TABLE: Attributes = {
    1: text, 2: u32, 3: u32, 4: u32, 8: u64,
    5: structure(
        "H ndtc_key_len; H ndtc_entry_size; I ndtc_entries; I ndtc_last_flush; I ndtc_last_rand; I ndtc_hash_rnd;"
        " I ndtc_hash_mask; I ndtc_hash_chain_gc; I ndtc_proxy_qlen",
        ndtc_hash_mask=hexed("I"),
    ),
    6: nested("nl_ndtpa", _TABLE_PARAMETERS),
    7: grown(
        "; ".join(
            f"Q ndts_{n}"
            for n in (
                "allocs", "destroys", "hash_grows", "res_failed", "lookups", "hits", "rcv_probes_mcast",
                "rcv_probes_ucast", "periodic_gc_runs", "forced_gc_runs", "table_fulls",
            )
        ),
        "ndts_table_fulls",
    ),
}  # fmt: skip
NETCONF = parts("B ncm_family", ncm_family=_FAMILY)
_NETCONF: Attributes = dict.fromkeys(range(1, 9), s32)
MULTICAST = parts("B family; 3x; I ifindex", family=_FAMILY, ifindex=interface)
_MDB_ENTRY = parts(
    "I ifindex; B state; B flags; H vid; 16s addr; 2s proto; 2x", ifindex=interface, state=some("nl_mdb_states", "B"),
    flags=some("nl_mdb_flags", "B"), addr=lambda w, data, family: hexadecimal(w, data),
)  # fmt: skip


def _mdb_entry(w: StraceWriter, data: bytes, family: int) -> str:
    """struct br_mdb_entry; which address it holds its protocol says."""
    protocol = int.from_bytes(data[24:26], "big")
    shown = fields_text(w, _MDB_ENTRY, data, family).split(", addr=")[0]
    if protocol == AF_INET:
        where = f'u.ip4=inet_addr("{IPv4Address(bytes(data[8:12]))}")'
    elif protocol == AF_INET6:
        where = f'inet_pton(AF_INET6, "{ipv6_text(data[8:24])}", &u.ip6)'
    else:
        where = f"u={hexadecimal(w, bytes(data[8:24]))}"
    return f"{{{shown}, addr={{{where}, proto=htons({w.enum('family', protocol)})}}}}"


_ROUTER_PORT: Attributes = {1: ticks, 2: one("nl_mdb_router_type"), 3: ticks, 4: ticks}


def _router_port(w: StraceWriter, data: bytes, family: int) -> str:
    """An interface index, then attributes."""
    shown = interface(w, data, family)
    more = attributes(w, "nl_mdba_router_pattr", _ROUTER_PORT, part(data, 4), family)
    return f"{shown}, {more}" if more else shown


_MDB_ATTRIBUTES: Attributes = {1: ticks, 2: u8, 3: u8}


def _mdb_info(w: StraceWriter, data: bytes, family: int) -> str:
    size = size_of(_MDB_ENTRY)
    if len(data) < size:
        return whole(size, _mdb_entry)(w, data, family)
    shown = _mdb_entry(w, data, family)
    more = attributes(w, "nl_mdba_mdb_eattr", _MDB_ATTRIBUTES, part(data, size), family)
    return f"{shown}, {more}" if more else shown


_MULTICAST: Attributes = {
    1: nested("nl_mdba_mdb", {1: nested("nl_mdba_mdb_entry", {1: _mdb_info})}),
    2: nested("nl_mdba_router", {1: whole(4, _router_port)}),
}


def _any_family(w: StraceWriter, data: bytes, _: int) -> str:
    return w.enum("family" if known("family", data[0], w.arch) else "nl_rtnl_family", data[0])


GENERAL = parts("B rtgen_family", rtgen_family=_FAMILY)
_GENERAL: Attributes = {1: s32, 2: process, 3: u32, 4: s32, 5: s32}
REPORT = parts("B rtgen_family", rtgen_family=_any_family)
MULTICAST_ROUTING = (128, 129)  # RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR
_REPORT6: Attributes = {1: one("nl_mroute6_msg"), 2: u32, 3: ipv6, 4: ipv6, 5: hexadecimal}
_REPORT: Attributes = {1: one("nl_mroute_msg"), 2: u32, 3: ipv4, 4: ipv4, 5: hexadecimal, 6: u32}


def _scope(w: StraceWriter, data: bytes, _: int) -> str:
    """Nothing is said of a scope without a name."""
    shown = w.enum("nl_rt_scope", data[0])
    return shown.removesuffix(" /* RT_SCOPE_??? */")


NEXTHOP = parts(
    "B nh_family; B nh_scope; B nh_protocol; B resvd; I nh_flags", nh_family=_FAMILY, nh_scope=_scope,
    nh_protocol=one("nl_rtprot"), resvd=if_set, nh_flags=some("nl_nexthop_flags"),
)  # fmt: skip
_GROUP = structure("I id; B weight; B resvd1; H resvd2", resvd1=if_set, resvd2=if_set)
_NEXTHOP: Attributes = {
    1: u32, 2: array(_GROUP, 8), 3: one("nl_nexthop_group", "H"), 4: u32,
    9: u32, 11: u32, 5: interface, 6: address, 7: one("nl_lwtunnel", "H"),
    10: interface,
    12: nested("nl_nha_res_group", {1: u16, 2: ticks, 3: ticks, 4: ticks}),
    13: nested("nl_nha_res_bucket", {1: u16, 2: ticks, 3: u32}),
}  # fmt: skip
ACTION = parts("B tca_family; 3x", tca_family=_FAMILY)
_ACTION_FLAGS = some("nl_tca_flags")
_HW_STATS = some("nl_tca_hw_stats")
_ACTION: Attributes = {
    1: text, 3: u32, 4: nested("nl_tca_stats", _STATS), 7: _ACTION_FLAGS, 8: _HW_STATS, 9: _HW_STATS, 10: u32,
}  # fmt: skip
DCB = parts("B dcb_family; B cmd; 2x", dcb_family=_FAMILY, cmd=one("nl_dcb_cmd"))

BRIDGE_NEIGHBOURS = (LINK, "nl_ifla", LINK_ATTRIBUTES)  # rtnl_fdb_dump takes a struct ifinfomsg
REPORT_IPV6 = (REPORT, "nl_creport6", _REPORT6)
Kind = tuple[tuple[Part, ...], str, Attributes]
_QUEUES = (QUEUE, "nl_tca", _QUEUE)
KINDS: dict[int, Kind] = {  # nlmsg_type -> structure, names of attributes, attributes
    **dict.fromkeys((16, 17, 18, 19), (LINK, "nl_ifla", LINK_ATTRIBUTES)),
    **dict.fromkeys((20, 21, 22, 58, 62), (ADDRESS, "nl_ifa", _ADDRESS)),
    **dict.fromkeys((24, 25, 26), (ROUTE, "nl_rta", _ROUTE)),
    **dict.fromkeys((28, 29, 30), (NEIGHBOUR, "nl_nda", _NEIGHBOUR)),
    **dict.fromkeys((32, 33, 34), (RULE, "nl_fra", _RULE)),
    **dict.fromkeys((36, 37, 38, 40, 41, 42, 44, 45, 46, 100, 101, 102), _QUEUES),
    **dict.fromkeys((48, 49, 50), (ACTION, "nl_tca_act", _ACTION)),
    **dict.fromkeys((64, 66, 67), (TABLE, "nl_ndta", _TABLE)),
    **dict.fromkeys((72, 73, 74), (ADDRESS_LABEL, "nl_ifal", {1: address, 2: u32})),
    **dict.fromkeys((78, 79), (DCB, "nl_dcb_attr", {1: text, 2: u8, 3: u8, 5: nested("", {}), 7: u8})),
    **dict.fromkeys((80, 81, 82), (NETCONF, "nl_netconf", _NETCONF)),
    **dict.fromkeys((84, 85, 86), (MULTICAST, "nl_mdba", _MULTICAST)),
    **dict.fromkeys((88, 89, 90), (GENERAL, "nl_netnsa", _GENERAL)),
    **dict.fromkeys((92, 94), (STATISTICS, "nl_ifstats", STATISTICS_ATTRIBUTES)),
    96: (REPORT, "nl_creport", _REPORT),
    **dict.fromkeys((104, 105, 106), (NEXTHOP, "nl_nha", _NEXTHOP)),
}
