"""Regenerate src/wiretale/decode/constants/kernel.py: constants of network devices' requests of ioctl, BPF, perf and others.

A module of its own, loaded when such a call is printed.
"""

from kernel_headers import write_constants

HEADERS = (
    "linux/if_tun.h linux/ethtool.h linux/if_vlan.h linux/wireless.h linux/net_tstamp.h linux/ppp-ioctl.h linux/ppp_defs.h"
    " linux/if_bonding.h linux/if_bridge.h linux/if_arp.h linux/route.h linux/bpf.h"
)
TABLES = {  # table: (pattern of names, left out, what strace says of a value without a name)
    "kernel_tun_flags": (r"IFF_(TUN|TAP|NAPI|NAPI_FRAGS|NO_PI|ONE_QUEUE|VNET_HDR|TUN_EXCL|MULTI_QUEUE|ATTACH_QUEUE|DETACH_QUEUE|PERSIST|NOFILTER)", "", ""),
    "kernel_tun_offload": (r"TUN_F_\w+", "", ""),
    "kernel_tun_filter": (r"TUN_FLT_\w+", "", ""),
    "kernel_ethtool": (r"ETHTOOL_(([GS]SET|TEST|PHYS_ID|RESET|PERQUEUE|NWAY_RST)|[GS](DRVINFO|REGS|WOL|MSGLVL|LINK|EEPROM|COALESCE|RINGPARAM|PAUSEPARAM|RXCSUM|TXCSUM|SG|STRINGS|STATS|TSO|PERMADDR|UFO|GSO|FLAGS|PFLAGS|RXFH|GRO|RXRINGS|RXCLSRLCNT|RXCLSRULE|RXCLSRLALL|RXCLSRLDEL|RXCLSRLINS|RXNTUPLE|SSET_INFO|RXFHINDIR|FEATURES|CHANNELS|ET_DUMP|ET_DUMP_FLAG|ET_DUMP_DATA|ET_TS_INFO|MODULEINFO|MODULEEEPROM|EEE|RSSH|TUNABLE|PHYSTATS|LINKSETTINGS|FECPARAM)|PHY_[GS]TUNABLE)", "", ""),
    "kernel_ethtool_strings": (r"ETH_SS_\w+", "ETH_SS_COUNT", ""),
    "kernel_ethtool_flags": (r"ETH_FLAG_\w+", "", ""),
    "kernel_ethtool_wake": (r"WAKE_[A-Z]+", "", ""),
    "kernel_ethtool_duplex": (r"DUPLEX_\w+", "", ""),
    "kernel_ethtool_port": (r"PORT_(TP|AUI|MII|FIBRE|BNC|DA|NONE|OTHER)", "", ""),
    "kernel_ethtool_autoneg": (r"AUTONEG_\w+", "", ""),
    "kernel_vlan_command": (r"(ADD|DEL|SET|GET)_VLAN_\w+_CMD|(ADD|DEL)_VLAN_CMD", "", ""),
    "kernel_iw_mode": (r"IW_MODE_[A-Z]+", "", ""),
    "kernel_timestamp_tx": (r"HWTSTAMP_TX_\w+", "", ""),
    "kernel_timestamp_filter": (r"HWTSTAMP_FILTER_\w+", "", ""),
    "kernel_timestamp_flags": (r"HWTSTAMP_FLAG_BONDED_PHC_INDEX", "", ""),
    "kernel_ppp_flags": (r"SC_\w+", "SC_MASK", ""),
    "kernel_ppp_mode": (r"NPMODE_\w+", "", ""),
    "kernel_bond_mode": (r"BOND_MODE_\w+", "", ""),
    "kernel_bridge": (r"BRCTL_[A-Z]+_\w+", "", ""),
    "kernel_arp_flags": (r"ATF_[A-Z]+", "", ""),
    "kernel_bpf_map": (r"BPF_MAP_TYPE_\w+", "", "BPF_MAP_TYPE_???"),
    "kernel_bpf_program": (r"BPF_PROG_TYPE_\w+", "", "BPF_PROG_TYPE_???"),
    "kernel_bpf_attach": (r"BPF_(CGROUP_(INET|SOCK_OPS|DEVICE|UDP|SYSCTL|[GS]ETSOCKOPT)\w*|SK_(SKB|MSG|LOOKUP|REUSEPORT)\w*|LIRC_MODE2|FLOW_DISSECTOR|TRACE_(RAW_TP|FENTRY|FEXIT|ITER|KPROBE_MULTI)|MODIFY_RETURN|LSM_(MAC|CGROUP)|XDP\w*|PERF_EVENT)", r"BPF_XDP_\w*FLAG\w*", "BPF_???"),
    "kernel_bpf_map_flags": (r"BPF_F_(NO_PREALLOC|NO_COMMON_LRU|NUMA_NODE|RDONLY|WRONLY|STACK_BUILD_ID|ZERO_SEED|RDONLY_PROG|WRONLY_PROG|CLONE|MMAPABLE|PRESERVE_ELEMS|INNER_MAP)", "", "BPF_F_???"),
    "kernel_bpf_program_flags": (r"BPF_F_(STRICT_ALIGNMENT|ANY_ALIGNMENT|TEST_RND_HI32|TEST_STATE_FREQ|SLEEPABLE)", "", "BPF_F_???"),
    "kernel_bpf_attach_flags": (r"BPF_F_(ALLOW_OVERRIDE|ALLOW_MULTI|REPLACE)", "", "BPF_F_???"),
    "kernel_bpf_kprobes": (r"BPF_F_KPROBE_MULTI_RETURN", "", "BPF_F_???"),
    "kernel_bpf_open": (r"BPF_F_(RDONLY|WRONLY)", "", "BPF_F_???"),
    "kernel_bpf_element": (r"BPF_(ANY|NOEXIST|EXIST)|BPF_F_LOCK", "", "BPF_???"),
    "kernel_bpf_element_short": (r"BPF_(ANY|EXIST)|BPF_F_LOCK", "", "BPF_???"),  # those that strace knows
    "kernel_bpf_query": (r"BPF_F_QUERY_EFFECTIVE", "", "BPF_F_QUERY_???"),
    "kernel_bpf_test": (r"BPF_F_TEST_(RUN_ON_CPU|XDP_LIVE_FRAMES)", "", "BPF_F_???"),
    "kernel_bpf_task_fd": (r"BPF_FD_TYPE_\w+", "", "BPF_FD_TYPE_???"),
    "kernel_route_flags": (r"RTF_(UP|GATEWAY|HOST|REINSTATE|DYNAMIC|MODIFIED|MTU|WINDOW|IRTT|REJECT)", "", ""),
}  # fmt: skip

if __name__ == "__main__":
    write_constants(
        "kernel", "Constants of rare kernel interfaces. Made by scripts/make_kernel_constants.py", HEADERS, TABLES, {}
    )
