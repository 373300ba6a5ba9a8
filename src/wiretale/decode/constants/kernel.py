"""Constants of rare kernel interfaces. Made by scripts/make_kernel_constants.py from linux-libc-dev; do not edit."""

# fmt: off
TABLES: dict[str, dict[int, str]] = {
    "kernel_tun_flags": {
        1: "IFF_TUN", 2: "IFF_TAP", 16: "IFF_NAPI", 32: "IFF_NAPI_FRAGS", 256: "IFF_MULTI_QUEUE",
        512: "IFF_ATTACH_QUEUE", 1024: "IFF_DETACH_QUEUE", 2048: "IFF_PERSIST", 4096: "IFF_NO_PI",
        8192: "IFF_ONE_QUEUE", 16384: "IFF_VNET_HDR", 32768: "IFF_TUN_EXCL",
    },
    "kernel_tun_offload": {
        1: "TUN_F_CSUM", 2: "TUN_F_TSO4", 4: "TUN_F_TSO6", 8: "TUN_F_TSO_ECN", 16: "TUN_F_UFO",
    },
    "kernel_tun_filter": {
        1: "TUN_FLT_ALLMULTI",
    },
    "kernel_ethtool": {
        1: "ETHTOOL_GSET", 2: "ETHTOOL_SSET", 3: "ETHTOOL_GDRVINFO", 4: "ETHTOOL_GREGS", 5: "ETHTOOL_GWOL",
        6: "ETHTOOL_SWOL", 7: "ETHTOOL_GMSGLVL", 8: "ETHTOOL_SMSGLVL", 9: "ETHTOOL_NWAY_RST", 10: "ETHTOOL_GLINK",
        11: "ETHTOOL_GEEPROM", 12: "ETHTOOL_SEEPROM", 14: "ETHTOOL_GCOALESCE", 15: "ETHTOOL_SCOALESCE",
        16: "ETHTOOL_GRINGPARAM", 17: "ETHTOOL_SRINGPARAM", 18: "ETHTOOL_GPAUSEPARAM", 19: "ETHTOOL_SPAUSEPARAM",
        20: "ETHTOOL_GRXCSUM", 21: "ETHTOOL_SRXCSUM", 22: "ETHTOOL_GTXCSUM", 23: "ETHTOOL_STXCSUM", 24: "ETHTOOL_GSG",
        25: "ETHTOOL_SSG", 26: "ETHTOOL_TEST", 27: "ETHTOOL_GSTRINGS", 28: "ETHTOOL_PHYS_ID", 29: "ETHTOOL_GSTATS",
        30: "ETHTOOL_GTSO", 31: "ETHTOOL_STSO", 32: "ETHTOOL_GPERMADDR", 33: "ETHTOOL_GUFO", 34: "ETHTOOL_SUFO",
        35: "ETHTOOL_GGSO", 36: "ETHTOOL_SGSO", 37: "ETHTOOL_GFLAGS", 38: "ETHTOOL_SFLAGS", 39: "ETHTOOL_GPFLAGS",
        40: "ETHTOOL_SPFLAGS", 41: "ETHTOOL_GRXFH", 42: "ETHTOOL_SRXFH", 43: "ETHTOOL_GGRO", 44: "ETHTOOL_SGRO",
        45: "ETHTOOL_GRXRINGS", 46: "ETHTOOL_GRXCLSRLCNT", 47: "ETHTOOL_GRXCLSRULE", 48: "ETHTOOL_GRXCLSRLALL",
        49: "ETHTOOL_SRXCLSRLDEL", 50: "ETHTOOL_SRXCLSRLINS", 52: "ETHTOOL_RESET", 53: "ETHTOOL_SRXNTUPLE",
        54: "ETHTOOL_GRXNTUPLE", 55: "ETHTOOL_GSSET_INFO", 56: "ETHTOOL_GRXFHINDIR", 57: "ETHTOOL_SRXFHINDIR",
        58: "ETHTOOL_GFEATURES", 59: "ETHTOOL_SFEATURES", 60: "ETHTOOL_GCHANNELS", 61: "ETHTOOL_SCHANNELS",
        62: "ETHTOOL_SET_DUMP", 63: "ETHTOOL_GET_DUMP_FLAG", 64: "ETHTOOL_GET_DUMP_DATA", 65: "ETHTOOL_GET_TS_INFO",
        66: "ETHTOOL_GMODULEINFO", 67: "ETHTOOL_GMODULEEEPROM", 68: "ETHTOOL_GEEE", 69: "ETHTOOL_SEEE",
        70: "ETHTOOL_GRSSH", 71: "ETHTOOL_SRSSH", 72: "ETHTOOL_GTUNABLE", 73: "ETHTOOL_STUNABLE",
        74: "ETHTOOL_GPHYSTATS", 75: "ETHTOOL_PERQUEUE", 76: "ETHTOOL_GLINKSETTINGS", 77: "ETHTOOL_SLINKSETTINGS",
        78: "ETHTOOL_PHY_GTUNABLE", 79: "ETHTOOL_PHY_STUNABLE", 80: "ETHTOOL_GFECPARAM", 81: "ETHTOOL_SFECPARAM",
    },
    "kernel_ethtool_strings": {
        0: "ETH_SS_TEST", 1: "ETH_SS_STATS", 2: "ETH_SS_PRIV_FLAGS", 3: "ETH_SS_NTUPLE_FILTERS", 4: "ETH_SS_FEATURES",
        5: "ETH_SS_RSS_HASH_FUNCS", 6: "ETH_SS_TUNABLES", 7: "ETH_SS_PHY_STATS", 8: "ETH_SS_PHY_TUNABLES",
        9: "ETH_SS_LINK_MODES", 10: "ETH_SS_MSG_CLASSES", 11: "ETH_SS_WOL_MODES", 12: "ETH_SS_SOF_TIMESTAMPING",
        13: "ETH_SS_TS_TX_TYPES", 14: "ETH_SS_TS_RX_FILTERS", 15: "ETH_SS_UDP_TUNNEL_TYPES", 16: "ETH_SS_STATS_STD",
        17: "ETH_SS_STATS_ETH_PHY", 18: "ETH_SS_STATS_ETH_MAC", 19: "ETH_SS_STATS_ETH_CTRL", 20: "ETH_SS_STATS_RMON",
    },
    "kernel_ethtool_flags": {
        128: "ETH_FLAG_TXVLAN", 256: "ETH_FLAG_RXVLAN", 32768: "ETH_FLAG_LRO", 134217728: "ETH_FLAG_NTUPLE",
        268435456: "ETH_FLAG_RXHASH",
    },
    "kernel_ethtool_wake": {
        1: "WAKE_PHY", 2: "WAKE_UCAST", 4: "WAKE_MCAST", 8: "WAKE_BCAST", 16: "WAKE_ARP", 32: "WAKE_MAGIC",
        64: "WAKE_MAGICSECURE", 128: "WAKE_FILTER",
    },
    "kernel_ethtool_duplex": {
        0: "DUPLEX_HALF", 1: "DUPLEX_FULL", 255: "DUPLEX_UNKNOWN",
    },
    "kernel_ethtool_port": {
        0: "PORT_TP", 1: "PORT_AUI", 2: "PORT_MII", 3: "PORT_FIBRE", 4: "PORT_BNC", 5: "PORT_DA", 239: "PORT_NONE",
        255: "PORT_OTHER",
    },
    "kernel_ethtool_autoneg": {
        0: "AUTONEG_DISABLE", 1: "AUTONEG_ENABLE",
    },
    "kernel_vlan_command": {
        0: "ADD_VLAN_CMD", 1: "DEL_VLAN_CMD", 2: "SET_VLAN_INGRESS_PRIORITY_CMD", 3: "SET_VLAN_EGRESS_PRIORITY_CMD",
        4: "GET_VLAN_INGRESS_PRIORITY_CMD", 5: "GET_VLAN_EGRESS_PRIORITY_CMD", 6: "SET_VLAN_NAME_TYPE_CMD",
        7: "SET_VLAN_FLAG_CMD", 8: "GET_VLAN_REALDEV_NAME_CMD", 9: "GET_VLAN_VID_CMD",
    },
    "kernel_iw_mode": {
        0: "IW_MODE_AUTO", 1: "IW_MODE_ADHOC", 2: "IW_MODE_INFRA", 3: "IW_MODE_MASTER", 4: "IW_MODE_REPEAT",
        5: "IW_MODE_SECOND", 6: "IW_MODE_MONITOR", 7: "IW_MODE_MESH",
    },
    "kernel_timestamp_tx": {
        0: "HWTSTAMP_TX_OFF", 1: "HWTSTAMP_TX_ON", 2: "HWTSTAMP_TX_ONESTEP_SYNC", 3: "HWTSTAMP_TX_ONESTEP_P2P",
    },
    "kernel_timestamp_filter": {
        0: "HWTSTAMP_FILTER_NONE", 1: "HWTSTAMP_FILTER_ALL", 2: "HWTSTAMP_FILTER_SOME",
        3: "HWTSTAMP_FILTER_PTP_V1_L4_EVENT", 4: "HWTSTAMP_FILTER_PTP_V1_L4_SYNC",
        5: "HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ", 6: "HWTSTAMP_FILTER_PTP_V2_L4_EVENT",
        7: "HWTSTAMP_FILTER_PTP_V2_L4_SYNC", 8: "HWTSTAMP_FILTER_PTP_V2_L4_DELAY_REQ",
        9: "HWTSTAMP_FILTER_PTP_V2_L2_EVENT", 10: "HWTSTAMP_FILTER_PTP_V2_L2_SYNC",
        11: "HWTSTAMP_FILTER_PTP_V2_L2_DELAY_REQ", 12: "HWTSTAMP_FILTER_PTP_V2_EVENT",
        13: "HWTSTAMP_FILTER_PTP_V2_SYNC", 14: "HWTSTAMP_FILTER_PTP_V2_DELAY_REQ", 15: "HWTSTAMP_FILTER_NTP_ALL",
    },
    "kernel_timestamp_flags": {
        1: "HWTSTAMP_FLAG_BONDED_PHC_INDEX",
    },
    "kernel_ppp_flags": {
        1: "SC_COMP_PROT", 2: "SC_COMP_AC", 4: "SC_COMP_TCP", 8: "SC_NO_TCP_CCID", 16: "SC_REJ_COMP_AC",
        32: "SC_REJ_COMP_TCP", 64: "SC_CCP_OPEN", 128: "SC_CCP_UP", 256: "SC_ENABLE_IP", 512: "SC_LOOP_TRAFFIC",
        1024: "SC_MULTILINK", 2048: "SC_MP_SHORTSEQ", 4096: "SC_COMP_RUN", 8192: "SC_DECOMP_RUN",
        16384: "SC_MP_XSHORTSEQ", 65536: "SC_DEBUG", 131072: "SC_LOG_INPKT", 262144: "SC_LOG_OUTPKT",
        524288: "SC_LOG_RAWIN", 1048576: "SC_LOG_FLUSH", 2097152: "SC_SYNC", 4194304: "SC_DC_ERROR",
        8388608: "SC_DC_FERROR", 16777216: "SC_RCV_B7_0", 33554432: "SC_RCV_B7_1", 67108864: "SC_RCV_EVNP",
        134217728: "SC_RCV_ODDP", 268435456: "SC_XMIT_BUSY",
    },
    "kernel_ppp_mode": {
        0: "NPMODE_PASS", 1: "NPMODE_DROP", 2: "NPMODE_ERROR", 3: "NPMODE_QUEUE",
    },
    "kernel_bond_mode": {
        0: "BOND_MODE_ROUNDROBIN", 1: "BOND_MODE_ACTIVEBACKUP", 2: "BOND_MODE_XOR", 3: "BOND_MODE_BROADCAST",
        4: "BOND_MODE_8023AD", 5: "BOND_MODE_TLB", 6: "BOND_MODE_ALB",
    },
    "kernel_bridge": {
        0: "BRCTL_GET_VERSION", 1: "BRCTL_GET_BRIDGES", 2: "BRCTL_ADD_BRIDGE", 3: "BRCTL_DEL_BRIDGE",
        4: "BRCTL_ADD_IF", 5: "BRCTL_DEL_IF", 6: "BRCTL_GET_BRIDGE_INFO", 7: "BRCTL_GET_PORT_LIST",
        8: "BRCTL_SET_BRIDGE_FORWARD_DELAY", 9: "BRCTL_SET_BRIDGE_HELLO_TIME", 10: "BRCTL_SET_BRIDGE_MAX_AGE",
        11: "BRCTL_SET_AGEING_TIME", 12: "BRCTL_SET_GC_INTERVAL", 13: "BRCTL_GET_PORT_INFO",
        14: "BRCTL_SET_BRIDGE_STP_STATE", 15: "BRCTL_SET_BRIDGE_PRIORITY", 16: "BRCTL_SET_PORT_PRIORITY",
        17: "BRCTL_SET_PATH_COST", 18: "BRCTL_GET_FDB_ENTRIES",
    },
    "kernel_arp_flags": {
        2: "ATF_COM", 4: "ATF_PERM", 8: "ATF_PUBL", 16: "ATF_USETRAILERS", 32: "ATF_NETMASK", 64: "ATF_DONTPUB",
    },
    "kernel_route_flags": {
        1: "RTF_UP", 2: "RTF_GATEWAY", 4: "RTF_HOST", 8: "RTF_REINSTATE", 16: "RTF_DYNAMIC", 32: "RTF_MODIFIED",
        64: "RTF_MTU", 128: "RTF_WINDOW", 256: "RTF_IRTT", 512: "RTF_REJECT",
    },
}
UNKNOWN: dict[str, str] = {
    "kernel_tun_flags": "",
    "kernel_tun_offload": "",
    "kernel_tun_filter": "",
    "kernel_ethtool": "",
    "kernel_ethtool_strings": "",
    "kernel_ethtool_flags": "",
    "kernel_ethtool_wake": "",
    "kernel_ethtool_duplex": "",
    "kernel_ethtool_port": "",
    "kernel_ethtool_autoneg": "",
    "kernel_vlan_command": "",
    "kernel_iw_mode": "",
    "kernel_timestamp_tx": "",
    "kernel_timestamp_filter": "",
    "kernel_timestamp_flags": "",
    "kernel_ppp_flags": "",
    "kernel_ppp_mode": "",
    "kernel_bond_mode": "",
    "kernel_bridge": "",
    "kernel_arp_flags": "",
    "kernel_route_flags": "",
}
# fmt: on
