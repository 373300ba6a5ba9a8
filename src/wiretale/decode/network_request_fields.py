"""Fields of the structures that requests of ioctl of network devices take and give, in the words of `struct_fields.py`.

Sources: linux/if.h, if_tun.h, ethtool.h, if_vlan.h, if_arp.h, route.h, mii.h, net_tstamp.h, if_bonding.h, if_bridge.h,
wireless.h, ppp-ioctl.h, ppp_defs.h. A structure is named as there; what begins with `ifreq_` and `iwreq_` is struct
ifreq or iwreq with one member of its union.
"""

_NAME = "char ifr_name[16]~s"

FIELDS: dict[str, str] = {
    # struct ifreq with one member
    "ifreq_data": f"{_NAME}; ptr ifr_data~p; u8 _pad[16]",
    "ifreq_mii": f"{_NAME}; u16 phy_id; u16 reg_num~x; u16 val_in~x; u16 val_out~x; u8 _pad[16]",
    "ifreq_slave": f"{_NAME}; char ifr_slave[16]~s; u8 _pad[8]",
    "ifreq_tun": f"{_NAME}; u16 ifr_flags~|kernel_tun_flags; u8 _pad[22]",
    "ifreq_flags": f"{_NAME}; u16 ifr_flags~|iff; u8 _pad[22]",
    "ifreq_wan": f"{_NAME}; u32 type; u32 size; ptr ifs_ifsu~p; u8 _pad[8]",
    # struct iwreq
    "iwreq_name": f"{_NAME}; char name[16]~s",
    "iwreq_mode": f"{_NAME}; u32 mode~=kernel_iw_mode; u8 _pad[12]",
    "iwreq_freq": f"{_NAME}; s32 m; s16 e; u8 i; u8 flags~x; u8 _pad[8]",
    "iwreq_param": f"{_NAME}; s32 value; u8 fixed; u8 disabled; u16 flags~x; u8 _pad[8]",
    "iwreq_point": f"{_NAME}; ptr pointer~p; u16 length; u16 flags~x",
    "iwreq_addr": f"{_NAME}; u16 sa_family~=arphrd; u8 sa_data[14]~mac",
    # what struct ifreq points to
    "hwtstamp_config": "s32 flags~|kernel_timestamp_flags; s32 tx_type~=kernel_timestamp_tx;"
    " s32 rx_filter~=kernel_timestamp_filter",
    "ifbond": "s32 bond_mode~=kernel_bond_mode; s32 num_slaves; s32 miimon",
    "ifslave": "s32 slave_id; char slave_name[16]~s; s8 link; s8 state; u32 link_failure_count",
    # ethtool; the first is as long as the longest
    "ethtool": "u32 cmd~=kernel_ethtool; u8 _rest[192]",
    "ethtool_value": "u32 cmd~=kernel_ethtool; u32 data~x",
    "ethtool_flags": "u32 cmd~=kernel_ethtool; u32 data~|kernel_ethtool_flags",
    "ethtool_cmd": "u32 cmd~=kernel_ethtool; u32 supported~x; u32 advertising~x; u16 speed;"
    " u8 duplex~=kernel_ethtool_duplex; u8 port~=kernel_ethtool_port; u8 phy_address; u8 transceiver;"
    " u8 autoneg~=kernel_ethtool_autoneg; u8 mdio_support~x; u32 maxtxpkt; u32 maxrxpkt; u16 speed_hi; u8 eth_tp_mdix;"
    " u8 eth_tp_mdix_ctrl; u32 lp_advertising~x; u32 _reserved[2]",
    "ethtool_drvinfo": "u32 cmd~=kernel_ethtool; char driver[32]~s; char version[32]~s; char fw_version[32]~s;"
    " char bus_info[32]~s; char erom_version[32]~s; char _reserved2[12]; u32 n_priv_flags; u32 n_stats;"
    " u32 testinfo_len; u32 eedump_len; u32 regdump_len",
    "ethtool_wolinfo": "u32 cmd~=kernel_ethtool; u32 supported~|kernel_ethtool_wake; u32 wolopts~|kernel_ethtool_wake;"
    " u8 _sopass[6]",
    "ethtool_regs": "u32 cmd~=kernel_ethtool; u32 version; u32 len",
    "ethtool_eeprom": "u32 cmd~=kernel_ethtool; u32 magic~x; u32 offset~x; u32 len",
    "ethtool_coalesce": "u32 cmd~=kernel_ethtool; u32 rx_coalesce_usecs; u32 rx_max_coalesced_frames;"
    " u32 rx_coalesce_usecs_irq; u32 rx_max_coalesced_frames_irq; u32 tx_coalesce_usecs; u32 tx_max_coalesced_frames;"
    " u32 tx_coalesce_usecs_irq; u32 tx_max_coalesced_frames_irq; u32 stats_block_coalesce_usecs;"
    " u32 use_adaptive_rx_coalesce; u32 use_adaptive_tx_coalesce; u32 pkt_rate_low; u32 rx_coalesce_usecs_low;"
    " u32 rx_max_coalesced_frames_low; u32 tx_coalesce_usecs_low; u32 tx_max_coalesced_frames_low; u32 pkt_rate_high;"
    " u32 rx_coalesce_usecs_high; u32 rx_max_coalesced_frames_high; u32 tx_coalesce_usecs_high;"
    " u32 tx_max_coalesced_frames_high; u32 rate_sample_interval",
    "ethtool_ringparam": "u32 cmd~=kernel_ethtool; u32 rx_max_pending; u32 rx_mini_max_pending;"
    " u32 rx_jumbo_max_pending; u32 tx_max_pending; u32 rx_pending; u32 rx_mini_pending; u32 rx_jumbo_pending;"
    " u32 tx_pending",
    "ethtool_pauseparam": "u32 cmd~=kernel_ethtool; u32 autoneg; u32 rx_pause; u32 tx_pause",
    "ethtool_gstrings": "u32 cmd~=kernel_ethtool; u32 string_set~=kernel_ethtool_strings; u32 len",
    "ethtool_stats": "u32 cmd~=kernel_ethtool; u32 n_stats",
    "ethtool_perm_addr": "u32 cmd~=kernel_ethtool; u32 size",
    "ethtool_gfeatures": "u32 cmd~=kernel_ethtool; u32 size",
    "ethtool_sset_info": "u32 cmd~=kernel_ethtool; u32 _reserved; u64 sset_mask~x",
    "ethtool_channels": "u32 cmd~=kernel_ethtool; u32 max_rx; u32 max_tx; u32 max_other; u32 max_combined;"
    " u32 rx_count; u32 tx_count; u32 other_count; u32 combined_count",
    "ethtool_ts_info": "u32 cmd~=kernel_ethtool; u32 so_timestamping~x; s32 phc_index; u32 tx_types~x;"
    " u32 _tx_reserved[3]; u32 rx_filters~x; u32 _rx_reserved[3]",
    "ethtool_modinfo": "u32 cmd~=kernel_ethtool; u32 type; u32 eeprom_len; u32 _reserved[8]",
    "ethtool_eee": "u32 cmd~=kernel_ethtool; u32 supported~x; u32 advertised~x; u32 lp_advertised~x; u32 eee_active;"
    " u32 eee_enabled; u32 tx_lpi_enabled; u32 tx_lpi_timer; u32 _reserved[2]",
    "ethtool_tunable": "u32 cmd~=kernel_ethtool; u32 id; u32 type_id; u32 len",
    "ethtool_link_settings": "u32 cmd~=kernel_ethtool; u32 speed; u8 duplex~=kernel_ethtool_duplex;"
    " u8 port~=kernel_ethtool_port; u8 phy_address; u8 autoneg~=kernel_ethtool_autoneg; u8 mdio_support~x;"
    " u8 eth_tp_mdix; u8 eth_tp_mdix_ctrl; s8 link_mode_masks_nwords; u8 transceiver; u8 master_slave_cfg;"
    " u8 master_slave_state; u8 rate_matching; u32 _reserved[7]",
    "ethtool_fecparam": "u32 cmd~=kernel_ethtool; u32 active_fec~x; u32 fec~x; u32 _reserved",
    # tunnels to user space
    "tun_features": "u32 value~|kernel_tun_flags",
    "tun_filter": "u16 flags~|kernel_tun_filter; u16 count",
    "descriptor": "s32 value~fd",
    "interface_index": "s32 value~if",
    # others
    "vlan_ioctl_args": "s32 cmd~=kernel_vlan_command; char device1[24]~s; u32 u~x; char _rest[20]; s16 vlan_qos",
    "arpreq": "char arp_pa[16]~sa; char arp_ha[16]~sa; s32 arp_flags~|kernel_arp_flags;"
    " char arp_netmask[16]~sa; char arp_dev[16]~s",
    "rtentry": "ulong _rt_pad1; char rt_dst[16]~sa; char rt_gateway[16]~sa; char rt_genmask[16]~sa;"
    " u16 rt_flags~|kernel_route_flags; s16 _rt_pad2; ulong _rt_pad3; ptr _rt_pad4; s16 rt_metric; ptr rt_dev~p;"
    " ulong rt_mtu; ulong rt_window; u16 rt_irtt",
    "brctl": "ulong command~=kernel_bridge; ulong args[3]~h",
    "ppp_flags": "u32 value~|kernel_ppp_flags",
    "ppp_option_data": "ptr ptr~p; u32 length; s32 transmit",
    "npioctl": "s32 protocol~x; u32 mode~=kernel_ppp_mode",
    "ppp_idle64": "s64 xmit_idle; s64 recv_idle",
    "ext_accm": "u32 value[8]~h",
    "pppol2tp_ioc_stats": "u16 tunnel_id; u16 session_id; u32 _using_ipsec; u64 tx_packets; u64 tx_bytes;"
    " u64 tx_errors; u64 rx_packets; u64 rx_bytes; u64 rx_seq_discards; u64 rx_oos_packets; u64 rx_errors",
}
