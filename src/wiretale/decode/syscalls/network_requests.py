"""Requests of ioctl of network devices and sockets by name, in the words of `requests.py`.

Sources: linux/sockios.h, if_tun.h, ethtool.h, wireless.h, ppp-ioctl.h, if_vlan.h, if_bonding.h, netdevice(7).
"""

_PPP_IN = ("SMRU", "SMAXCID", "SDEBUG", "ATTACH", "DETACH", "SMRRU", "CONNECT", "ATTCHAN", "BRIDGECHAN")
_PPP_OUT = ("GUNIT", "GMRU", "GDEBUG", "GCHAN")
_WIRELESS = {
    "name": ("SIOCGIWNAME",),
    "freq": ("SIOCGIWFREQ", "SIOCSIWFREQ"),
    "mode": ("SIOCGIWMODE", "SIOCSIWMODE"),
    "addr": ("SIOCGIWAP", "SIOCSIWAP"),
    "param": tuple(
        f"SIOC{way}IW{name}"
        for name in ("NWID", "SENS", "RATE", "RTS", "FRAG", "TXPOW", "RETRY", "POWER", "AUTH")
        for way in "GS"
    ),
    "point pointer:char*length": (
        "SIOCGIWESSID", "SIOCSIWESSID", "SIOCGIWNICKN", "SIOCSIWNICKN", "SIOCSIWGENIE", "SIOCGIWGENIE",
    ),
    # what these point to has no text, or is a key
    "point": (
        "SIOCGIWENCODE", "SIOCSIWENCODE", "SIOCGIWRANGE", "SIOCGIWPRIV", "SIOCGIWSPY", "SIOCSIWSPY", "SIOCGIWAPLIST",
        "SIOCSIWSCAN", "SIOCGIWSCAN", "SIOCSIWMLME", "SIOCGIWENCODEEXT", "SIOCSIWENCODEEXT", "SIOCSIWPMKSA",
    ),
}  # fmt: skip

ROWS: dict[str, str] = {
    # sockets
    "SIOCGIFCONF": "inout ifconf ifc_buf:char*ifc_len",
    "SIOCADDRT": "+in rtentry rt_dev:string",
    "SIOCDELRT": "+in rtentry rt_dev:string",
    "SIOCGARP": "+inout arpreq",
    "SIOCSARP": "+in arpreq",
    "SIOCDARP": "+in arpreq",
    # struct ifreq
    "SIOCETHTOOL": "+inout ifreq_data ifr_data:ethtool",
    "SIOCGMIIPHY": "+inout ifreq_mii",
    "SIOCGMIIREG": "+inout ifreq_mii",
    "SIOCSMIIREG": "+in ifreq_mii",
    "SIOCWANDEV": "+in ifreq_wan",
    "SIOCGIFPFLAGS": "+inout ifreq_flags",
    "SIOCSIFPFLAGS": "+in ifreq_flags",
    "SIOCSHWTSTAMP": "+inout ifreq_data ifr_data:hwtstamp_config",
    "SIOCGHWTSTAMP": "+inout ifreq_data ifr_data:hwtstamp_config",
    "SIOCBONDENSLAVE": "+in ifreq_slave",
    "SIOCBONDRELEASE": "+in ifreq_slave",
    "SIOCBONDSETHWADDR": "+in ifreq_slave",
    "SIOCBONDCHANGEACTIVE": "+in ifreq_slave",
    "SIOCBONDSLAVEINFOQUERY": "+inout ifreq_data ifr_data:ifslave",
    "SIOCBONDINFOQUERY": "+inout ifreq_data ifr_data:ifbond",
    "SIOCGIFBR": "+in brctl",
    "SIOCSIFBR": "+in brctl",
    "SIOCGIFVLAN": "+inout vlan_ioctl_args",
    "SIOCSIFVLAN": "+inout vlan_ioctl_args",
    **{name: f"+inout iwreq_{row}" for row, names in _WIRELESS.items() for name in names},
    # tunnels to user space
    "TUNSETDEBUG": "+value int",
    "TUNSETIFF": "+inout ifreq_tun",
    "TUNSETPERSIST": "+value int",
    "TUNSETOWNER": "+value uid",
    "TUNSETGROUP": "+value uid",
    "TUNSETLINK": "+value enum arphrd",
    "TUNGETFEATURES": "+out tun_features",
    "TUNSETOFFLOAD": "+value flags kernel_tun_offload",
    "TUNSETTXFILTER": "+in tun_filter",
    "TUNGETIFF": "+out ifreq_tun",
    "TUNGETSNDBUF": "+out int",
    "TUNSETSNDBUF": "+in int",
    "TUNATTACHFILTER": "+in sock_fprog",
    "TUNDETACHFILTER": "+in sock_fprog",
    "TUNGETVNETHDRSZ": "+out int",
    "TUNSETVNETHDRSZ": "+in int",
    "TUNSETQUEUE": "+in ifreq_tun",
    "TUNSETIFINDEX": "+in interface_index",
    "TUNGETFILTER": "+out sock_fprog",
    "TUNSETVNETLE": "+in int",
    "TUNGETVNETLE": "+out int",
    "TUNSETVNETBE": "+in int",
    "TUNGETVNETBE": "+out int",
    "TUNSETSTEERINGEBPF": "+in descriptor",
    "TUNSETFILTEREBPF": "+in descriptor",
    "TUNSETCARRIER": "+in int",
    # PPP
    **{f"PPPIOC{name}": "+in int" for name in _PPP_IN},
    **{f"PPPIOC{name}": "+out int" for name in _PPP_OUT},
    "PPPIOCGFLAGS": "+out ppp_flags",
    "PPPIOCSFLAGS": "+in ppp_flags",
    "PPPIOCGASYNCMAP": "+out hex32",
    "PPPIOCSASYNCMAP": "+in hex32",
    "PPPIOCGRASYNCMAP": "+out hex32",
    "PPPIOCSRASYNCMAP": "+in hex32",
    "PPPIOCGXASYNCMAP": "+out ext_accm",
    "PPPIOCSXASYNCMAP": "+in ext_accm",
    "PPPIOCSCOMPRESS": "+in ppp_option_data ptr:char*length",
    "PPPIOCGNPMODE": "+inout npioctl",
    "PPPIOCSNPMODE": "+in npioctl",
    "PPPIOCGIDLE64": "+out ppp_idle64",
    "PPPIOCNEWUNIT": "+inout int",
    "PPPIOCSPASS": "+in sock_fprog",
    "PPPIOCSACTIVE": "+in sock_fprog",
    "PPPIOCGL2TPSTATS": "+out pppol2tp_ioc_stats",
}
