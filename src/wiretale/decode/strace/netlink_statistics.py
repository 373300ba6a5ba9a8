"""RTM_GETSTATS and its answer (linux/if_link.h, if_bridge.h, if_bonding.h, mpls.h)."""

from wiretale.decode.strace.netlink_links import STATS64
from wiretale.decode.strace.netlink_values import (
    Attributes,
    bits,
    by_index,
    if_set,
    interface,
    nested,
    one,
    parts,
    some,
    structure,
    u64,
    with_rest,
)

STATISTICS = parts(
    "B family; B pad1; H pad2; I ifindex; I filter_mask", family=one("family"), pad1=if_set, pad2=if_set,
    ifindex=interface, filter_mask=bits("nl_ifstats", range(6)),
)  # fmt: skip
_VLAN = structure(
    "Q rx_bytes; Q rx_packets; Q tx_bytes; Q tx_packets; H vid; H flags; I pad2", flags=some("nl_bridge_vlan", "H"),
    pad2=if_set,
)  # fmt: skip
_BOTH_WAYS = by_index("nl_br_mcast_dir", u64, 8, 0)  # received, sent
_IGMP = [f"igmp_{n}" for n in ("v1queries", "v2queries", "v3queries", "leaves", "v1reports", "v2reports", "v3reports")]
_MLD = [f"mld_{n}" for n in ("v1queries", "v2queries", "leaves", "v1reports", "v2reports")]
_SUMS = ["mcast_bytes", "mcast_packets"]
_MULTICAST = structure(
    "; ".join(
        [
            *(f"16s {n}" for n in _IGMP), "Q igmp_parse_errors",
            *(f"16s {n}" for n in _MLD), "Q mld_parse_errors",
            *(f"16s {n}" for n in _SUMS),
        ]
    ),
    **dict.fromkeys([*_IGMP, *_MLD, *_SUMS], _BOTH_WAYS),
)  # fmt: skip
_SPANNING_TREE = structure("Q transition_blk; Q transition_fwd; Q rx_bpdu; Q tx_bpdu; Q rx_tcn; Q tx_tcn")
_BRIDGE: Attributes = {1: with_rest(_VLAN, 40), 2: with_rest(_MULTICAST, 240), 4: with_rest(_SPANNING_TREE, 48)}
_BOND: Attributes = {1: nested("nl_bond_3ad", dict.fromkeys(range(9), u64))}
_BY_KIND: Attributes = {1: nested("nl_bridge_xstats", _BRIDGE), 2: nested("nl_bond_xstats", _BOND)}
_MPLS: Attributes = {
    1: with_rest(
        structure(
            "Q rx_packets; Q tx_packets; Q rx_bytes; Q tx_bytes; Q rx_errors; Q tx_errors; Q rx_dropped; Q tx_dropped;"
            " Q rx_noroute"
        ),
        72,
    )
}
_AF_MPLS = 28
STATISTICS_ATTRIBUTES: Attributes = {
    1: STATS64,
    2: nested("nl_link_xstats", _BY_KIND),
    3: nested("nl_link_xstats", _BY_KIND),
    4: nested("nl_ifstats_offload", {1: STATS64}),
    5: nested("family", {_AF_MPLS: nested("nl_mpls_stats", _MPLS)}),
}
