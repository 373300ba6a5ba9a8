"""Regenerate src/wiretale/decode/constants/netlink.py from the kernel's headers (linux-libc-dev).

Most netlink constants are enumerators, so their names are found in the preprocessed header and the C compiler says
their values. A table of its own, because only few programs speak netlink: the module is loaded when one does.
"""

from kernel_headers import write_constants

HEADERS = (
    "sys/socket.h linux/mptcp.h linux/netlink.h linux/rtnetlink.h linux/if_link.h linux/if_addr.h linux/neighbour.h linux/fib_rules.h"
    " linux/inet_diag.h linux/unix_diag.h linux/packet_diag.h linux/netlink_diag.h linux/sock_diag.h linux/genetlink.h"
    " linux/pkt_sched.h linux/gen_stats.h linux/netconf.h linux/audit.h linux/cryptouser.h linux/if_bridge.h"
    " linux/selinux_netlink.h linux/xfrm.h linux/dcbnl.h linux/if_addrlabel.h linux/mroute.h linux/mroute6.h linux/smc_diag.h"
    " linux/nexthop.h linux/lwtunnel.h linux/if_packet.h linux/ip.h linux/ipv6.h linux/snmp.h linux/net_namespace.h"
    " linux/if_tun.h linux/pkt_cls.h linux/netfilter/nfnetlink.h"
    " linux/netfilter/nfnetlink_conntrack.h linux/netfilter/nfnetlink_queue.h linux/netfilter/nfnetlink_log.h"
    " linux/netfilter/nfnetlink_osf.h linux/netfilter/ipset/ip_set.h linux/netfilter/nfnetlink_acct.h"
    " linux/netfilter/nfnetlink_cttimeout.h linux/netfilter/nfnetlink_cthelper.h linux/netfilter/nf_tables.h"
    " linux/netfilter/nf_tables_compat.h linux/netfilter/nfnetlink_hook.h linux/if_bonding.h linux/mpls.h linux/tls.h"
)
TABLES = {  # table: (pattern of names, left out, what strace says of a value without a name)
    "nl_msg": (r"NLMSG_(NOOP|ERROR|DONE|OVERRUN)", "", "NLMSG_???"),
    "nl_flags": (r"NLM_F_(REQUEST|MULTI|ACK|ECHO|DUMP_INTR|DUMP_FILTERED)", "", "NLM_F_???"),
    "nl_flags_get": (r"NLM_F_(DUMP|ROOT|MATCH|ATOMIC)", "", "NLM_F_???"),
    "nl_flags_new": (r"NLM_F_(REPLACE|EXCL|CREATE|APPEND)", "", "NLM_F_???"),
    "nl_flags_delete": (r"NLM_F_NONREC|NLM_F_BULK", "", "NLM_F_???"),
    "nl_flags_ack": (r"NLM_F_(CAPPED|ACK_TLVS)", "", "NLM_F_???"),
    "nl_rtm": (r"RTM_(NEW|DEL|GET|SET)\w+", r"RTM_(SETSTATS|\w+TUNNEL)", "RTM_???"),
    "nl_ifla": (r"IFLA_[A-Z]\w*", r"IFLA_(BR_|BRPORT_|INFO_|BOND_|VLAN_|VXLAN_|GENEVE_|MACVLAN_|MACSEC_|IPVLAN_|VF_(?!PORTS)|PORT_(?!SELF)"
                r"|INET_|INET6_|XDP_|HSR_|STATS_|IPOIB_|CAN_|TUN_|RMNET_|XFRM_|MCTP_|PPP_|GTP_|BAREUDP_|EVENT_|OFFLOAD_|AF_"
                r"SPEC_|BRIDGE_|VTI_|IPTUN_|GRE_|SLAVE_|AMT_|VRF_|DSA_|NETKIT_|DPLL_)\w*", "IFLA_???"),
    "nl_ifla_inet6": (r"IFLA_INET6_\w+", "", "IFLA_INET6_???"),
    "nl_ifla_xdp": (r"IFLA_XDP_[A-Z]+\w*", "", "IFLA_XDP_???"),
    "nl_ifla_info": (r"IFLA_INFO_\w+", "", "IFLA_INFO_???"),
    "nl_ifa": (r"IFA_[A-Z]\w*", r"IFA_F_\w+", "IFA_???"),
    "nl_ifa_flags": (r"IFA_F_\w+", r"IFA_F_TEMPORARY", "IFA_F_???"),
    "nl_rta": (r"RTA_[A-Z]\w*", r"RTA_(ALIGNTO)", "RTA_???"),
    "nl_nda": (r"NDA_[A-Z]\w*", "", "NDA_???"),
    "nl_fra": (r"FRA_[A-Z]\w*", "", "FRA_???"),
    "nl_tca": (r"TCA_(UNSPEC|KIND|OPTIONS|STATS|XSTATS|RATE|FCNT|STATS2|STAB|PAD|DUMP_INVISIBLE|CHAIN|HW_OFFLOAD"
               r"|INGRESS_BLOCK|EGRESS_BLOCK|DUMP_FLAGS)", "", "TCA_???"),
    "nl_tca_stats": (r"TCA_STATS_[A-Z]\w*", "", "TCA_STATS_???"),
    "nl_fr_act": (r"FR_ACT_\w+", "", "FR_ACT_???"),
    "nl_fib_rule_flags": (r"FIB_RULE_\w+", "FIB_RULE_DEV_DETACHED", "FIB_RULE_???"),
    "nl_rt_table": (r"RT_TABLE_\w+", "", "RT_TABLE_???"),
    "nl_rt_scope": (r"RT_SCOPE_\w+", "", "RT_SCOPE_???"),
    "nl_rtprot": (r"RTPROT_\w+", "", "RTPROT_???"),
    "nl_rtn": (r"RTN_\w+", "", "RTN_???"),
    "nl_rtm_flags": (r"RTM_F_\w+|RTNH_F_\w+", "", "RTM_F_???"),
    "nl_nud": (r"NUD_\w+", "", "NUD_???"),
    "nl_ntf": (r"NTF_\w+", r"NTF_EXT_(MANAGED|LOCKED)", "NTF_???"),
    "nl_iptos": (r"IPTOS_(LOWDELAY|THROUGHPUT|RELIABILITY|MINCOST)", "", "IPTOS_???"),
    "nl_ext_filter": (r"RTEXT_FILTER_\w+", r"RTEXT_FILTER_MST", "RTEXT_FILTER_???"),
    "nl_inet_diag": (r"INET_DIAG_[A-Z]\w*", r"INET_DIAG_(NOCOOKIE|REQ_\w+|BC_\w+|GETSOCK)", "INET_DIAG_???"),
    "nl_inet_diag_req": (r"INET_DIAG_REQ_[A-Z]\w*", "", "INET_DIAG_REQ_???"),
    "nl_unix_diag": (r"UNIX_DIAG_[A-Z]\w*", "", "UNIX_DIAG_???"),
    "nl_udiag_show": (r"UDIAG_SHOW_\w+", "", "UDIAG_SHOW_???"),
    "nl_sock_diag": (r"SOCK_DIAG_BY_FAMILY|SOCK_DESTROY", "", "SOCK_DIAG_???"),
    "nl_tcpdiag": (r"TCPDIAG_GETSOCK|DCCPDIAG_GETSOCK", "", "SOCK_DIAG_???"),
    # types of messages of other protocols
    # types of messages: those that the header gives numbers from 1000 on
    "nl_audit": (
        r"AUDIT_[A-Z]\w*",
        r"(?!AUDIT_(TTY_[GS]ET|(FIRST|LAST)_(USER|KERN_ANOM)_MSG2?|EXECVE|OBJ_PID|FEATURE_CHANGE)$)AUDIT_(FIRST|LAST|FILTER"
        r"|STATUS|FEATURE|ARCH|PERM|NEVER|POSSIBLE|ALWAYS|FAIL|BIT|CLASS|MAX|MESSAGE|NR|SYSCALL_CL|VERSION|TTY_|EQUAL|NOT|GREATER"
        r"|LESS|OPER|NEGATE|UNUSED|BITMASK|COMPARE|ARG|PID|UID|EUID|SUID|FSUID|GID|EGID|SGID|FSGID|LOGINUID|PERS|MSGTYPE|SUBJ"
        r"|OBJ|PPID|SESSIONID|FSTYPE|SADDR|DEVMAJOR|DEVMINOR|INODE|EXIT|SUCCESS|DIR|FILETYPE|FILTERKEY|EXE|USER_MSG|FEAT|NLGRP"
        r"|FIELD_COMPARE|SID_UNSET)\w*|AUDIT_WATCH",
        "AUDIT_???",
    ),
    "nl_crypto": (r"CRYPTO_MSG_\w+", r"CRYPTO_MSG_BASE", "CRYPTO_MSG_???"),
    "nl_selnl": (r"SELNL_MSG_\w+", r"SELNL_MSG_BASE", "SELNL_MSG_???"),
    "nl_xfrm": (r"XFRM_MSG_\w+", r"XFRM_MSG_BASE", "XFRM_MSG_???"),
    "nl_nfnl": (r"NFNL_MSG_BATCH_(BEGIN|END)", "", "NFNL_MSG_???"),
    "nl_nfnl_subsys": (r"NFNL_SUBSYS_\w+", r"NFNL_SUBSYS_COUNT", "NFNL_SUBSYS_???"),
    "nl_nf_acct": (r"NFNL_MSG_ACCT_\w+", "", "NFNL_MSG_ACCT_???"),
    "nl_nf_cthelper": (r"NFNL_MSG_CTHELPER_\w+", "", "NFNL_MSG_CTHELPER_???"),
    "nl_nf_ctnetlink": (r"IPCTNL_MSG_CT_\w+", "", "IPCTNL_MSG_CT_???"),
    "nl_nf_exp": (r"IPCTNL_MSG_EXP_\w+", "", "IPCTNL_MSG_EXP_???"),
    "nl_nf_cttimeout": (r"IPCTNL_MSG_TIMEOUT_\w+", "", "IPCTNL_MSG_TIMEOUT_???"),
    "nl_nf_ipset": (r"IPSET_CMD_\w+", r"IPSET_CMD_(PROTOCOL_)?M(AX|IN)", "IPSET_CMD_???"),
    "nl_nf_hook": (r"NFNL_MSG_HOOK_GET", "", "NFT_MSG_HOOK_???"),
    "nl_nf_compat": (r"NFNL_MSG_COMPAT_\w+", "", "NFNL_MSG_COMPAT_???"),
    "nl_nf_tables": (r"NFT_MSG_\w+", "", "NFT_MSG_???"),
    "nl_nf_osf": (r"OSF_MSG_\w+", "", "OSF_MSG_???"),
    "nl_nf_queue": (r"NFQNL_MSG_\w+", "", "NFQNL_MSG_???"),
    "nl_nf_ulog": (r"NFULNL_MSG_\w+", "", "NFULNL_MSG_???"),
    # attributes and values of rarer messages
    "nl_netnsa": (r"NETNSA_[A-Z]\w*", r"NETNSA_NSID_NOT_ASSIGNED", "NETNSA_???"),
    "nl_tca_flags": (r"TCA_ACT_FLAGS_\w+", "", "TCA_ACT_FLAGS_???"),
    "nl_inet6_devconf": (r"DEVCONF_[A-Z]\w*", "", "DEVCONF_???"),
    "nl_inet6_stats": (r"IPSTATS_MIB_\w+", r"", "IPSTATS_MIB_???"),
    "nl_icmp6_stats": (r"ICMP6_MIB_\w+", r"ICMP6_MIB_RATELIMITHOST", "ICMP6_MIB_???"),
    "nl_bridge_flags": (r"BRIDGE_FLAGS_\w+", "", "BRIDGE_FLAGS_???"),
    "nl_bridge_mode": (r"BRIDGE_MODE_\w+", r"BRIDGE_MODE_(HAIRPIN)", "BRIDGE_MODE_???"),
    "nl_bridge_vlan": (r"BRIDGE_VLAN_INFO_\w+", "", "BRIDGE_VLAN_INFO_???"),
    "nl_tun_type": (r"IFF_(TUN|TAP)", "", "IFF_???"),
    "nl_bridge_tunnel": (r"IFLA_BRIDGE_VLAN_TUNNEL_(UNSPEC|ID|VID|FLAGS)", "", "IFLA_BRIDGE_VLAN_TUNNEL_???"),
    "nl_br_boolopt": (r"BR_BOOLOPT_\w+", "", "BR_BOOLOPT_???"),
    "nl_ifla_mctp": (r"IFLA_MCTP_\w+", "", "IFLA_MCTP_???"),
    "nl_querier": (r"BRIDGE_QUERIER_\w+", "", "BRIDGE_QUERIER_???"),
    "nl_creport6": (r"IP6MRA_CREPORT_[A-Z]\w*", "", "IP6MRA_CREPORT_???"),
    "nl_mroute6_msg": (r"MRT6MSG_\w+", "MRT6MSG_WRMIFWHOLE", "MRT6MSG_???"),
    "nl_ulp": (r"INET_ULP_INFO_\w+", "", "INET_ULP_INFO_???"),
    "nl_sk_meminfo": (r"SK_MEMINFO_\w+", r"SK_MEMINFO_VARS", "SK_MEMINFO_???"),
    "nl_tpacket": (r"TPACKET_V[123]", "", "TPACKET_???"),
    "nl_nlmsgerr": (r"NLMSGERR_ATTR_[A-Z]+", "", "NLMSGERR_ATTR_???"),
    "nl_brport": (r"IFLA_BRPORT_[A-Z]\w*", "", "IFLA_BRPORT_???"),
    "nl_vf_info": (r"IFLA_VF_INFO(_UNSPEC)?", "", "IFLA_VF_INFO_???"),
    "nl_vf": (r"IFLA_VF_[A-Z]\w*", r"IFLA_VF_(INFO|STATS_|PORT|VLAN_INFO|LINK_STATE_|UNSPEC_)\w*", "IFLA_VF_???"),
    "nl_vf_vlan": (r"IFLA_VF_VLAN_INFO(_UNSPEC)?", "", "IFLA_VF_VLAN_INFO_???"),
    "nl_vf_stats": (r"IFLA_VF_STATS_[A-Z]\w*", "", "IFLA_VF_STATS_???"),
    "nl_vf_link_state": (r"IFLA_VF_LINK_STATE_[A-Z]\w*", "", "IFLA_VF_LINK_STATE_???"),
    "nl_vf_port": (r"IFLA_VF_PORT(_UNSPEC)?", "", "IFLA_VF_PORT_???"),
    "nl_port": (r"IFLA_PORT_[A-Z]\w*", "", "IFLA_PORT_???"),
    "nl_port_request": (r"PORT_REQUEST_\w+", "", "PORT_REQUEST_???"),
    "nl_port_response": (r"PORT_PROFILE_RESPONSE_\w+|PORT_VDP_RESPONSE_\w+", "", "PORT_???"),
    "nl_proto_down": (r"IFLA_PROTO_DOWN_REASON_[A-Z]+", "", "IFLA_PROTO_DOWN_REASON_???"),
    "nl_ifla_event": (r"IFLA_EVENT_\w+", "", "IFLA_EVENT_???"),
    "nl_xdp_flags": (r"XDP_FLAGS_\w+", r"XDP_FLAGS_(MODES|MASK)", "XDP_FLAGS_???"),
    "nl_xdp_attached": (r"XDP_ATTACHED_\w+", "", "XDP_ATTACHED_???"),
    "nl_ifla_inet": (r"IFLA_INET_[A-Z]\w*", "", "IFLA_INET_???"),
    "nl_ifla_bridge": (r"IFLA_BRIDGE_[A-Z]\w*", r"IFLA_BRIDGE_(VLAN_TUNNEL_(UNSPEC|ID|VID|FLAGS)|(MRP|CFM|MST)_\w*)", "IFLA_BRIDGE_???"),
    "nl_ifla_br": (r"IFLA_BR_[A-Z]\w*", "", "IFLA_BR_???"),
    "nl_ifla_tun": (r"IFLA_TUN_[A-Z]\w*", "", "IFLA_TUN_???"),
    "nl_addr_gen": (r"IN6_ADDR_GEN_MODE_\w+", "", "IN6_ADDR_GEN_MODE_???"),
    "nl_ifstats": (r"IFLA_STATS_[A-Z]\w*", r"IFLA_STATS_(GETSET|GET)_\w*", "IFLA_STATS_???"),
    "nl_ifstats_offload": (r"IFLA_OFFLOAD_XSTATS_[A-Z]\w*", r"IFLA_OFFLOAD_XSTATS_(HW_S_INFO|L3_STATS)\w*", "IFLA_OFFLOAD_XSTATS_???"),
    "nl_link_xstats": (r"LINK_XSTATS_TYPE_\w+", "", "LINK_XSTATS_TYPE_???"),
    "nl_bridge_xstats": (r"BRIDGE_XSTATS_\w+", "", "BRIDGE_XSTATS_???"),
    "nl_br_mcast_dir": (r"BR_MCAST_DIR_[RT]X", "", "BR_MCAST_DIR_???"),
    "nl_bond_xstats": (r"BOND_XSTATS_\w+", "", "BOND_XSTATS_???"),
    "nl_bond_3ad": (r"BOND_3AD_STAT_\w+", "", "BOND_XSTATS_???"),
    "nl_mpls_stats": (r"MPLS_STATS_\w+", "", "MPLS_STATS_???"),
    "nl_tls_info": (r"TLS_INFO_\w+", "", "TLS_INFO_???"),
    "nl_tls_version": (r"TLS_1_[23]_VERSION", "", "TLS_???_VERSION"),
    "nl_tls_cipher": (r"TLS_CIPHER_\w+", r"TLS_CIPHER_\w+_SIZE", "TLS_CIPHER_???"),
    "nl_tls_conf": (r"TLS_CONF_\w+", "", "TLS_CONF_???"),
    "nl_mptcp": (r"MPTCP_SUBFLOW_ATTR_\w+", "", "MPTCP_SUBFLOW_ATTR_???"),
    "nl_mptcp_flags": (r"MPTCP_SUBFLOW_FLAG_\w+", "", "MPTCP_SUBFLOW_FLAG_???"),
    "nl_bpf_storages": (r"SK_DIAG_BPF_STORAGE_REP_NONE|SK_DIAG_BPF_STORAGE", "", "SK_DIAG_BPF_STORAGE_???"),
    "nl_bpf_storage": (r"SK_DIAG_BPF_STORAGE_(NONE|PAD|MAP_ID|MAP_VALUE)", "", "SK_DIAG_BPF_STORAGE_???"),
    "nl_ipv4_devconf": (r"IPV4_DEVCONF_\w+", "", "IPV4_DEVCONF_???"),
    "nl_metrics": (r"RTAX_[A-Z]\w*", r"RTAX_FEATURE_\w*", "RTAX_???"),
    "nl_rtax_features": (r"RTAX_FEATURE_[A-Z]\w*", r"RTAX_FEATURE_MASK", "RTAX_FEATURE_???"),
    "nl_nexthop_flags": (r"RTNH_F_\w+", "", "RTNH_F_???"),
    "nl_lwtunnel": (r"LWTUNNEL_ENCAP_\w+", r"LWTUNNEL_ENCAP_(IOAM6|XFRM)", "LWTUNNEL_ENCAP_???"),
    "nl_nda_ext": (r"NTF_EXT_MANAGED", "", "NTF_EXT_???"),
    "nl_nfea": (r"NFEA_[A-Z]\w*", "", "NFEA_???"),
    "nl_fdb_notify": (r"FDB_NOTIFY_\w+", r"FDB_NOTIFY_(BIT|INACTIVE_BIT)X", "FDB_NOTIFY_???"),
    "nl_mdba": (r"MDBA_(UNSPEC|MDB|ROUTER)", "", "MDBA_???"),
    "nl_mdba_mdb": (r"MDBA_MDB_(UNSPEC|ENTRY)", "", "MDBA_MDB_???"),
    "nl_mdba_mdb_entry": (r"MDBA_MDB_ENTRY_(UNSPEC|INFO)", "", "MDBA_MDB_ENTRY_???"),
    "nl_mdba_mdb_eattr": (r"MDBA_MDB_EATTR_\w+", "", "MDBA_MDB_EATTR_???"),
    "nl_mdba_router": (r"MDBA_ROUTER_(UNSPEC|PORT)", "", "MDBA_ROUTER_???"),
    "nl_mdba_router_pattr": (r"MDBA_ROUTER_PATTR_\w+", "", "MDBA_ROUTER_PATTR_???"),
    "nl_mdb_states": (r"MDB_(TEMPORARY|PERMANENT)", "", "MDB_???"),
    "nl_mdb_flags": (r"MDB_FLAGS_\w+", "", "MDB_FLAGS_???"),
    "nl_mdb_router_type": (r"MDB_RTR_TYPE_\w+", "", "MDB_RTR_TYPE_???"),
    "nl_ndta": (r"NDTA_[A-Z]\w*", "", "NDTA_???"),
    "nl_ndtpa": (r"NDTPA_[A-Z]\w*", "", "NDTPA_???"),
    "nl_netconf": (r"NETCONFA_[A-Z]\w*", r"NETCONFA_(ALL|IFINDEX_\w+)", "NETCONFA_???"),
    "nl_nha": (r"NHA_[A-Z]\w*", r"NHA_RES_(GROUP|BUCKET)_\w+", "NHA_???"),
    "nl_nha_res_group": (r"NHA_RES_GROUP_\w+", "", "NHA_RES_GROUP_???"),
    "nl_nha_res_bucket": (r"NHA_RES_BUCKET_\w+", "", "NHA_RES_BUCKET_???"),
    "nl_nexthop_group": (r"NEXTHOP_GRP_TYPE_\w+", "", "NEXTHOP_GRP_TYPE_???"),
    "nl_tca_stab": (r"TCA_STAB_[A-Z]\w*", "", "TCA_STAB_???"),
    "nl_tca_act": (r"TCA_ACT_(UNSPEC|KIND|OPTIONS|INDEX|STATS|PAD|COOKIE|FLAGS|HW_STATS|USED_HW_STATS|IN_HW_COUNT)", "",
                   "TCA_ACT_???"),
    "nl_tca_hw_stats": (r"TCA_ACT_HW_STATS_(IMMEDIATE|DELAYED)", "", "TCA_ACT_HW_STATS_???"),
    "nl_dcb_attr": (r"DCB_ATTR_[A-Z]\w*", r"DCB_ATTR_(DCB|IEEE|CEE|APP)_[A-Z]\w*|DCB_ATTR_IEEE|DCB_ATTR_CEE", "DCB_ATTR_???"),
    "nl_dcb_cmd": (r"DCB_CMD_[A-Z]\w*", "", "DCB_CMD_???"),
    "nl_crypto_attr": (r"CRYPTOCFGA_[A-Z]\w*", "", "CRYPTOCFGA_???"),
    "nl_ifal": (r"IFAL_[A-Z]\w*", "", "IFAL_???"),
    "nl_creport": (r"IPMRA_CREPORT_[A-Z]\w*", "", "IPMRA_CREPORT_???"),
    "nl_mroute_msg": (r"IGMPMSG_\w+", "", "IGMPMSG_???"),
    "nl_smc_diag": (r"SMC_DIAG_(CONNINFO|LGRINFO|SHUTDOWN|DMBINFO|FALLBACK)", "", "SMC_DIAG_???"),
    "nl_smc_mode": (r"SMC_DIAG_MODE_\w+", "", "SMC_DIAG_MODE_???"),
    "nl_packet_diag": (r"PACKET_DIAG_[A-Z]\w*", "", "PACKET_DIAG_???"),
    "nl_packet_show": (r"PACKET_SHOW_\w+", "", "PACKET_SHOW_???"),
    "nl_packet_info": (r"PDI_[A-Z]\w*", "", "PDI_???"),
    "nl_netlink_diag": (r"NETLINK_DIAG_[A-Z]\w*", "", "NETLINK_DIAG_???"),
    "nl_netlink_show": (r"NDIAG_SHOW_\w+", r"NDIAG_SHOW_RING_CFG", "NDIAG_SHOW_???"),
    "nl_netlink_flags": (r"NDIAG_FLAG_\w+", "", "NDIAG_FLAG_???"),
    "nl_diag_bytecode": (r"INET_DIAG_BC_\w+", "", "INET_DIAG_BC_???"),
    "nl_ctrl_cmd": (r"CTRL_CMD_\w+", "", "CTRL_CMD_???"),
    "nl_ctrl_attr": (r"CTRL_ATTR_[A-Z]\w*", r"CTRL_ATTR_(OP|MCAST|POLICY)_\w*", "CTRL_ATTR_???"),
}  # fmt: skip
# What no header of user space has: include/net/if_inet6.h, net/smc/smc.h, net/netlink/af_netlink.h, linux/net.h
EXTRA = {
    "nl_inet6_flags": (
        {0x10: "IF_RS_SENT", 0x20: "IF_RA_RCVD", 0x40: "IF_RA_MANAGED", 0x80: "IF_RA_OTHERCONF", 0x80000000: "IF_READY"},
        "IF_???",
    ),
    "nl_smc_state": (
        {
            1: "SMC_ACTIVE", 2: "SMC_INIT", 7: "SMC_CLOSED", 10: "SMC_LISTEN", 20: "SMC_PEERCLOSEWAIT1",
            21: "SMC_PEERCLOSEWAIT2", 22: "SMC_APPCLOSEWAIT1", 23: "SMC_APPCLOSEWAIT2", 24: "SMC_APPFINCLOSEWAIT",
            25: "SMC_PEERFINCLOSEWAIT", 26: "SMC_PEERABORTWAIT", 27: "SMC_PROCESSABORT",
        },
        "SMC_???",
    ),
    "nl_smc_role": ({0: "SMC_CLNT", 1: "SMC_SERV"}, "SMC_???"),
    "nl_smc_decline": (
        {
            0x01010000: "SMC_CLC_DECL_MEM", 0x02010000: "SMC_CLC_DECL_TIMEOUT_CL", 0x02020000: "SMC_CLC_DECL_TIMEOUT_AL",
            0x03000000: "SMC_CLC_DECL_CNFERR", 0x03010000: "SMC_CLC_DECL_PEERNOSMC", 0x03020000: "SMC_CLC_DECL_IPSEC",
            0x03030000: "SMC_CLC_DECL_NOSMCDEV", 0x03040000: "SMC_CLC_DECL_MODEUNSUPP",
            0x03050000: "SMC_CLC_DECL_RMBE_EC", 0x03060000: "SMC_CLC_DECL_OPTUNSUPP",
            0x03070000: "SMC_CLC_DECL_DIFFPREFIX", 0x03090000: "SMC_CLC_DECL_GETVLANERR", 0x04000000: "SMC_CLC_DECL_SYNCERR",
            0x05000000: "SMC_CLC_DECL_PEERDECL", 0x09990000: "SMC_CLC_DECL_INTERR", 0x09990001: "SMC_CLC_DECL_ERR_RTOK",
            0x09990002: "SMC_CLC_DECL_ERR_RDYLNK", 0x09990003: "SMC_CLC_DECL_ERR_REGRMB",
        },
        "SMC_CLC_DECL_???",
    ),
    "nl_rtnl_family": ({128: "RTNL_FAMILY_IPMR", 129: "RTNL_FAMILY_IP6MR"}, "RTNL_FAMILY_???"),
    # linux/audit.h has it as a comment, of what old kernels sent
    "nl_audit": ({1301: "AUDIT_FS_WATCH"}, "AUDIT_???"),
    "nl_netlink_state": ({0: "NETLINK_UNCONNECTED", 1: "NETLINK_CONNECTED"}, "NETLINK_???"),
    "nl_shutdown": ({1: "RCV_SHUTDOWN", 2: "SEND_SHUTDOWN"}, "???_SHUTDOWN"),
}  # fmt: skip

if __name__ == "__main__":
    made_by = "Constants of netlink messages. Made by scripts/make_netlink_constants.py"
    write_constants("netlink", made_by, HEADERS, TABLES, EXTRA)
