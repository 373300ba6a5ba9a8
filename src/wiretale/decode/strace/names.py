"""Constants in strace's words: the names that it knows, and the order of flags where it is not by value.

What it says of values without a name is in unnamed.py. Facts observed with strace 6.1.
"""

from functools import lru_cache

from wiretale.decode.constants import signal_name, table
from wiretale.decode.strace.style import Names
from wiretale.light import later

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode.constants import netlink
    from wiretale.decode.strace import unnamed
else:
    netlink = later("wiretale.decode.constants.netlink")
    unnamed = later("wiretale.decode.strace.unnamed")

_AT = {
    0x100: "AT_SYMLINK_NOFOLLOW", 0x200: "AT_REMOVEDIR", 0x400: "AT_SYMLINK_FOLLOW", 0x800: "AT_NO_AUTOMOUNT",
    0x1000: "AT_EMPTY_PATH", 0x8000: "AT_RECURSIVE",
}  # fmt: skip
# Tables of strace 6.1 that have other names than the kernel's newest headers, or another meaning of the same bits.
_OWN: dict[str, dict[int, str]] = {
    "at_flags": _AT,
    "at_eaccess": {0x100: "AT_SYMLINK_NOFOLLOW", 0x200: "AT_EACCESS", 0x1000: "AT_EMPTY_PATH"},
    "at_handle": {0x400: "AT_SYMLINK_FOLLOW", 0x1000: "AT_EMPTY_PATH"},
    "at_statx": {0x2000: "AT_STATX_FORCE_SYNC", 0x4000: "AT_STATX_DONT_SYNC", **_AT},
    "unlink_flags": _AT,
    "timerfd_create": {
        1: "TFD_TIMER_ABSTIME",
        2: "TFD_TIMER_CANCEL_ON_SET",
        0x80000: "TFD_CLOEXEC",
        2048: "TFD_NONBLOCK",
    },
}
_OWN["timerfd_settime"] = _OWN["timerfd_create"]
_OWN["txrehash"] = {0: "SOCK_TXREHASH_DISABLED", 1: "SOCK_TXREHASH_ENABLED", 255: "SOCK_TXREHASH_DEFAULT"}
_OWN["mount_setattr"] = {bit: name for bit, name in _AT.items() if bit not in (0x200, 0x400)}
# The types of control messages; most are named as the option that asks for them.
_OWN["scm_socket"] = {
    1: "SCM_RIGHTS", 2: "SCM_CREDENTIALS", 3: "SCM_SECURITY", 4: "SCM_PIDFD", 29: "SO_TIMESTAMP_OLD",
    35: "SO_TIMESTAMPNS_OLD", 37: "SO_TIMESTAMPING_OLD", 63: "SO_TIMESTAMP_NEW", 64: "SO_TIMESTAMPNS_NEW",
    65: "SO_TIMESTAMPING_NEW",
}  # fmt: skip
_OWN["scm_ip"] = {
    1: "IP_TOS", 2: "IP_TTL", 6: "IP_RECVOPTS", 7: "IP_RETOPTS", 8: "IP_PKTINFO", 11: "IP_RECVERR",
    20: "IP_ORIGDSTADDR", 23: "IP_CHECKSUM", 25: "IP_RECVFRAGSIZE",
}  # fmt: skip
# linux/vm_sockets.h, if_xdp.h, nfc.h, rxrpc.h, and net/bluetooth/{hci_sock,l2cap,bluetooth}.h of the kernel
_OWN |= {
    "vsock_cid": {
        0: "VMADDR_CID_HYPERVISOR", 1: "VMADDR_CID_LOCAL", 2: "VMADDR_CID_HOST", 0xFFFFFFFF: "VMADDR_CID_ANY",
    },
    "vsock_flags": {1: "VMADDR_FLAG_TO_HOST"},
    "xdp_flags": {1: "XDP_SHARED_UMEM", 2: "XDP_COPY", 4: "XDP_ZEROCOPY", 8: "XDP_USE_NEED_WAKEUP"},
    "nfc_protocol": {
        1: "NFC_PROTO_JEWEL", 2: "NFC_PROTO_MIFARE", 3: "NFC_PROTO_FELICA", 4: "NFC_PROTO_ISO14443",
        5: "NFC_PROTO_NFC_DEP", 6: "NFC_PROTO_ISO14443_B", 7: "NFC_PROTO_ISO15693",
    },
    # fs/afs/protocol_yfs.h and afs_fs.h of the kernel
    "rxrpc_service": {
        1: "CM_SERVICE", 52: "VL_SERVICE", 2500: "YFS_FS_SERVICE", 2501: "YFS_CM_SERVICE", 2503: "YFS_VL_SERVICE",
    },
    "vsock_port": {0xFFFFFFFF: "VMADDR_PORT_ANY"},
    "ieee802154_addr": {0: "IEEE802154_ADDR_NONE", 2: "IEEE802154_ADDR_SHORT", 3: "IEEE802154_ADDR_LONG"},
    "ieee802154_pan": {0xFFFF: "IEEE802154_PANID_BROADCAST"},
    "ieee802154_short": {0xFFFE: "IEEE802154_ADDR_UNDEF", 0xFFFF: "IEEE802154_ADDR_BROADCAST"},
    "nfc_sap": {1: "LLCP_SAP_SDP", 2: "LLCP_SAP_IP", 3: "LLCP_SAP_OBEX", 4: "LLCP_SAP_SNEP", 255: "LLCP_SAP_MAX"},
    "qrtr_node": {0xFFFFFFFF: "QRTR_NODE_BCAST"},
    "qrtr_port": {0xFFFFFFFE: "QRTR_PORT_CTRL"},
    "mctp_network": {0: "MCTP_NET_ANY"},
    "mctp_address": {0: "MCTP_ADDR_NULL", 255: "MCTP_ADDR_ANY"},
    "hci_channel": {
        0: "HCI_CHANNEL_RAW", 1: "HCI_CHANNEL_USER", 2: "HCI_CHANNEL_MONITOR", 3: "HCI_CHANNEL_CONTROL",
        4: "HCI_CHANNEL_LOGGING",
    },
    "l2cap_psm": {
        1: "L2CAP_PSM_SDP", 3: "L2CAP_PSM_RFCOMM", 5: "L2CAP_PSM_TCSBIN", 7: "L2CAP_PSM_TCSBIN_CORDLESS",
        0xF: "L2CAP_PSM_BNEP", 0x11: "L2CAP_PSM_HID_CTRL", 0x13: "L2CAP_PSM_HID_INT", 0x15: "L2CAP_PSM_UPNP",
        0x17: "L2CAP_PSM_AVCTP", 0x19: "L2CAP_PSM_AVDTP", 0x1B: "L2CAP_PSM_AVCTP_BROWSING",
        0x1D: "L2CAP_PSM_UDI_C_PLANE", 0x1F: "L2CAP_PSM_ATT", 0x21: "L2CAP_PSM_3DSP", 0x23: "L2CAP_PSM_LE_IPSP",
        0x25: "L2CAP_PSM_OTS", 0x1001: "L2CAP_PSM_DYN_START", 0xFFFF: "L2CAP_PSM_DYN_END",
    },
    "l2cap_cid": {
        1: "L2CAP_CID_SIGNALING", 2: "L2CAP_CID_CONN_LESS", 3: "L2CAP_CID_A2MP", 4: "L2CAP_CID_ATT",
        5: "L2CAP_CID_LE_SIGNALING", 6: "L2CAP_CID_SMP", 7: "L2CAP_CID_SMP_BREDR", 0x40: "L2CAP_CID_DYN_START",
        0xFFFF: "L2CAP_CID_DYN_END",
    },
    "bdaddr_type": {0: "BDADDR_BREDR", 1: "BDADDR_LE_PUBLIC", 2: "BDADDR_LE_RANDOM"},
}  # fmt: skip
# linux/stat.h
_OWN["statx_attributes"] = {
    0x4: "STATX_ATTR_COMPRESSED", 0x10: "STATX_ATTR_IMMUTABLE", 0x20: "STATX_ATTR_APPEND", 0x40: "STATX_ATTR_NODUMP",
    0x800: "STATX_ATTR_ENCRYPTED", 0x1000: "STATX_ATTR_AUTOMOUNT", 0x2000: "STATX_ATTR_MOUNT_ROOT",
    0x100000: "STATX_ATTR_VERITY", 0x200000: "STATX_ATTR_DAX",
}  # fmt: skip
_ADDED: dict[str, dict[int, str]] = {
    "open_tree": {0x200: "AT_REMOVEDIR", 0x400: "AT_SYMLINK_FOLLOW"},
    "ioctl_baud": {0x1000: "BOTHER"},
    "device_v4l2_buffer": {0x200: "V4L2_BUF_FLAG_INPUT"},
    "open_flags": {0x2000: "FASYNC", 0x100000: "__O_SYNC", 0x400000: "__O_TMPFILE"},
    "sched_policy": {0: "SCHED_OTHER"},
    "msg": {0x10: "MSG_PROBE", 0x80000: "MSG_NO_SHARED_FRAGS", 0x80000000: "MSG_CMSG_COMPAT"},
    "epoll": {0x20: "EPOLLNVAL"},
    "fanotify_event": {0x80000: "FAN_DIR_MODIFY"},  # linux/fanotify.h of Linux 5.7
    "mmap_prot": {0: "PROT_NONE"},
    "mmap_type": {0: "MAP_FILE"},
    "flock_operation": {32: "LOCK_MAND", 64: "LOCK_READ", 128: "LOCK_WRITE"},
    "wait": {2: "WSTOPPED"},
    "statx_mask": {0xFFF: "STATX_ALL"},
    "ioctl": {
        0x8906: "SIOCGSTAMP_OLD",
        0x8907: "SIOCGSTAMPNS_OLD",
        0x5402: "SNDCTL_TMR_START or TCSETS",
        0x5403: "SNDCTL_TMR_STOP or TCSETSW",
        0x5404: "SNDCTL_TMR_CONTINUE or TCSETSF",
        0x80046601: "FS_IOC32_GETFLAGS",
        0xC020660B: "FS_IOC_FIEMAP",
        0x80082102: "SECCOMP_IOCTL_NOTIF_ID_VALID_WRONG_DIR",  # kernel/seccomp.c
        0xC0481273: "BLKTRACESETUP",
        0x2289: "SG_GET_ACCESS_COUNT",
        0x40046602: "FS_IOC32_SETFLAGS",
    },
    "ipv6": {74: "IPV6_ORIGDSTADDR"},
    "iff": {0x10000: "IFF_LOWER_UP", 0x20000: "IFF_DORMANT", 0x40000: "IFF_ECHO"},
}
_LEFT_OUT: dict[str, frozenset[str]] = {
    "so": frozenset(
        {
            "SO_PASSPIDFD",
            "SO_PEERPIDFD",
            "SO_DEVMEM_LINEAR",
            "SO_DEVMEM_DMABUF",
            "SO_DEVMEM_DONTNEED",
            "SO_RCVPRIORITY",
            "SO_PASSRIGHTS",
            "SO_INQ",
        }
    ),
    "arch_prctl": frozenset({"ARCH_CET_STATUS"}),
    "prctl": frozenset({"PR_SET_MDWE", "PR_GET_MDWE", "PR_GET_AUXV", "PR_SET_MEMORY_MERGE", "PR_GET_MEMORY_MERGE"}),
    "io_uring_setup": frozenset({"IORING_SETUP_SINGLE_ISSUER", "IORING_SETUP_DEFER_TASKRUN"}),
    "io_uring_register": frozenset({"IORING_REGISTER_SYNC_CANCEL", "IORING_REGISTER_FILE_ALLOC_RANGE"}),
    "fanotify_mark": frozenset({"FAN_MARK_INODE", "FAN_MARK_IGNORE_SURV"}),
    "msg": frozenset({"MSG_SOCK_DEVMEM", "MSG_SPLICE_PAGES"}),
    "mmap_flags": frozenset({"MAP_UNINITIALIZED"}),
    "statx_mask": frozenset({"STATX_MNT_ID_UNIQUE", "STATX_SUBVOL", "STATX_WRITE_ATOMIC"}),
    "pidfd_open": frozenset({"PIDFD_THREAD"}),
    "landlock_create": frozenset({"LANDLOCK_CREATE_RULESET_ERRATA"}),
    "landlock_rule": frozenset({"LANDLOCK_RULE_NET_PORT"}),
    "sched_policy": frozenset({"SCHED_RESET_ON_FORK"}),
    "mempolicy": frozenset({"MPOL_WEIGHTED_INTERLEAVE"}),
    "memfd": frozenset({"MFD_NOEXEC_SEAL", "MFD_EXEC"}),
    "sa_flags": frozenset({"SA_UNSUPPORTED", "SA_EXPOSE_TAGBITS"}),
    "sockopt_level": frozenset({"SOL_MPTCP", "SOL_MCTP", "SOL_SMC", "SOL_VSOCK"}),
    "ip": frozenset({"IP_LOCAL_PORT_RANGE", "IP_PROTOCOL", "SO_ORIGINAL_DST"}),
    "ipv6": frozenset({"IP6T_SO_ORIGINAL_DST"}),
    "tcp": frozenset(
        {
            "TCP_AO_ADD_KEY",
            "TCP_AO_DEL_KEY",
            "TCP_AO_INFO",
            "TCP_AO_GET_KEYS",
            "TCP_AO_REPAIR",
            "TCP_IS_MPTCP",
            "TCP_RTO_MAX_MS",
            "TCP_RTO_MIN_US",
            "TCP_DELACK_MAX_US",
        }
    ),
    "can_raw": frozenset({"CAN_RAW_XL_FRAMES"}),
    "tls": frozenset({"TLS_TX_ZEROCOPY_RO", "TLS_RX_EXPECT_NO_PAD"}),
    "fcntl_cmd": frozenset(
        {
            "F_DUPFD_QUERY",
            "F_CREATED_QUERY",
            "F_GET_RW_HINT",
            "F_SET_RW_HINT",
            "F_GET_FILE_RW_HINT",
            "F_SET_FILE_RW_HINT",
        }
    ),
}
# Flags that strace does not list in the order of their values: these come first, in this order.
_KEY_RIGHTS = ("VIEW", "READ", "WRITE", "SEARCH", "LINK", "SETATTR")
_FIRST: dict[str, tuple[str, ...]] = {
    "open_tree": ("OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC"),
    "key_permission": tuple(f"KEY_{who}_{right}" for who in ("POS", "USR", "GRP", "OTH") for right in _KEY_RIGHTS),
    "sa_flags": ("SA_RESTORER", "SA_ONSTACK", "SA_RESTART", "SA_INTERRUPT", "SA_NODEFER", "SA_RESETHAND", "SA_SIGINFO"),
    "device_v4l2_sliced": ("V4L2_SLICED_VBI_625",),
    "socket_flags": ("SOCK_CLOEXEC",),
    "termios_lflag": (
        "ISIG", "ICANON", "XCASE", "ECHO", "ECHOE", "ECHOK", "ECHONL", "NOFLSH", "IEXTEN", "ECHOCTL", "ECHOPRT",
        "ECHOKE", "FLUSHO", "PENDIN", "TOSTOP", "EXTPROC",
    ),
    "access_mode": ("R_OK", "W_OK", "X_OK"),
    "fanotify_event": (
        "FAN_ACCESS", "FAN_MODIFY", "FAN_ATTRIB", "FAN_CLOSE_WRITE", "FAN_CLOSE_NOWRITE", "FAN_OPEN", "FAN_MOVED_FROM",
        "FAN_MOVED_TO", "FAN_CREATE", "FAN_DELETE", "FAN_DELETE_SELF", "FAN_MOVE_SELF", "FAN_OPEN_EXEC",
        "FAN_Q_OVERFLOW", "FAN_FS_ERROR", "FAN_OPEN_PERM", "FAN_ACCESS_PERM", "FAN_OPEN_EXEC_PERM", "FAN_DIR_MODIFY",
        "FAN_ONDIR", "FAN_EVENT_ON_CHILD", "FAN_RENAME",
    ),
    "semop": ("SEM_UNDO",),
    "mempolicy_mode_flags": ("MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"),
    "ipc_message": ("MSG_NOERROR", "MSG_EXCEPT", "MSG_COPY", "IPC_NOWAIT"),
    "clone3": (
        "CLONE_VM", "CLONE_FS", "CLONE_FILES", "CLONE_SIGHAND", "CLONE_PIDFD", "CLONE_PTRACE", "CLONE_VFORK",
        "CLONE_PARENT", "CLONE_THREAD", "CLONE_NEWNS", "CLONE_SYSVSEM", "CLONE_SETTLS", "CLONE_PARENT_SETTID",
        "CLONE_CHILD_CLEARTID", "CLONE_UNTRACED", "CLONE_CHILD_SETTID", "CLONE_NEWCGROUP", "CLONE_NEWUTS",
        "CLONE_NEWIPC", "CLONE_NEWUSER", "CLONE_NEWPID", "CLONE_NEWNET", "CLONE_IO", "CLONE_NEWTIME",
    ),
    "timex_modes": ("ADJ_OFFSET_SS_READ", "ADJ_OFFSET_SINGLESHOT"),
    "prctl_sve": ("PR_SVE_SET_VL_ONEXEC",),
    "prctl_sme": ("PR_SME_SET_VL_ONEXEC",),
    "eventfd": ("EFD_SEMAPHORE", "EFD_CLOEXEC", "EFD_NONBLOCK"),
    "signalfd": ("SFD_CLOEXEC", "SFD_NONBLOCK"),
    "at_statx": ("AT_STATX_FORCE_SYNC", "AT_STATX_DONT_SYNC"),
    "timerfd_settime": ("TFD_TIMER_ABSTIME", "TFD_TIMER_CANCEL_ON_SET", "TFD_CLOEXEC", "TFD_NONBLOCK"),
    "timerfd_create": ("TFD_TIMER_ABSTIME", "TFD_TIMER_CANCEL_ON_SET", "TFD_CLOEXEC", "TFD_NONBLOCK"),
    "wait": ("WNOHANG", "WEXITED", "WSTOPPED", "WCONTINUED", "WNOWAIT", "__WCLONE", "__WALL", "__WNOTHREAD"),
    "mmap_flags": ("MAP_FIXED", "MAP_ANONYMOUS", "MAP_32BIT", "MAP_NORESERVE", "MAP_POPULATE", "MAP_NONBLOCK"),
    "open_flags": (
        "O_CREAT", "O_EXCL", "O_NOCTTY", "O_TRUNC", "O_APPEND", "O_NONBLOCK", "O_SYNC", "__O_SYNC", "O_DSYNC",
        "O_DIRECT", "O_LARGEFILE", "O_NOFOLLOW", "O_NOATIME", "O_CLOEXEC", "O_PATH", "O_TMPFILE", "__O_TMPFILE",
        "O_DIRECTORY", "FASYNC",
    ),
}  # fmt: skip


_NETLINK = "nl_"  # tables of constants/netlink.py


@lru_cache(maxsize=512)
def _table(name: str, arch: int) -> dict[int, str]:
    """value -> name, as strace knows them."""
    own = _OWN.get(name)
    if own is not None:
        return own
    if name.startswith(_NETLINK):
        return netlink.TABLES[name]
    known = {bits: label for bits, label in table(name, arch).items() if label not in _LEFT_OUT.get(name, ())}
    return known | _ADDED.get(name, {})


def signal_number(name: str) -> int:
    """The number of a signal of a set: USR1, RTMIN, RT_1."""
    if name.startswith("RT"):
        return 32 if name == "RTMIN" else 32 + int(name.removeprefix("RT_"))
    known = {label: number for number, label in table("signal").items()}
    return known.get(f"SIG{name}", 0)


def signal_text(number: int) -> str:
    """SIGINT, SIGRT_1; a number that is no signal stays one."""
    name = signal_name(number)
    return name if name.startswith("SIG") else str(number)


@lru_cache(maxsize=512)
def _order(name: str, arch: int) -> tuple[tuple[int, str], ...]:
    first = _FIRST.get(name, ())
    rows = [(bits, label) for bits, label in _table(name, arch).items() if bits > 0]
    return tuple(sorted(rows, key=lambda row: (first.index(row[1]) if row[1] in first else len(first), row[0])))


@lru_cache(maxsize=512)
def _widest(name: str, arch: int) -> tuple[tuple[int, str], ...]:
    return tuple(sorted(_order(name, arch), key=lambda row: -row[0].bit_count()))


def known(name: str, value: int, arch: int) -> str:
    """The name of a value of a table; empty if it has none."""
    return _table(name, arch).get(value, "")


def number(value: int) -> str:
    return hex(value) if value else "0"


@lru_cache(maxsize=8192)
def one(name: str, value: int, arch: int, style: Names) -> str:
    """One constant of a table."""
    if style is Names.RAW:
        return number(value if value >= 0 else value & 0xFFFFFFFF)
    found = _table(name, arch).get(value)
    shown = hex(value & 0xFFFFFFFF if value < 0 else value) if value else "0"
    if found is None:
        without_name = unnamed.unknown(name)
        return f"{shown} /* {without_name} */" if without_name else shown
    return f"{shown} /* {found} */" if style is Names.VERBOSE else found


@lru_cache(maxsize=16384)
def several(name: str, value: int, arch: int, style: Names) -> str:
    """An OR of constants: named ones in order, then the rest as one number."""
    if style is Names.RAW:
        return number(value)
    if value == 0:
        zero = _table(name, arch).get(0)
        return f"0 /* {zero} */" if zero and style is Names.VERBOSE else zero or "0"
    rest, found = value, set()
    for bits, label in _widest(name, arch):
        if bits & rest == bits:
            rest &= ~bits
            found.add(label)
    names = [label for _, label in _order(name, arch) if label in found]
    if not names:
        without_name = unnamed.unknown(name)
        return f"{rest:#x} /* {without_name} */" if without_name else hex(rest)
    text = "|".join([*names, *([hex(rest)] if rest else [])])
    return f"{value:#x} /* {text} */" if style is Names.VERBOSE else text
