"""Regenerate src/wiretale/decode/constants/tables.py from the C headers of Debian (linux-libc-dev, libc6-dev).

Each table is a list of headers and a pattern of macro names; the C compiler says their values. Enumerators, which are no
macros, are listed by name. What the headers of Debian 12 (Linux 6.1) do not have yet is added from Linux 6.18 below.
"""

import os
import re

from kernel_headers import SOURCES, by_value, chosen, constants, plain_table, values

TARGET = SOURCES / "decode/constants/tables.py"

# table: (headers, pattern or enumerators separated by blanks, names left out)
MACROS: dict[str, tuple[str, str, str]] = {
    # sockets
    "family": ("sys/socket.h", r"AF_\w+", r"AF_(LOCAL|FILE|ROUTE|MAX)"),
    "sockopt_level": ("sys/socket.h netinet/in.h netinet/tcp.h netinet/udp.h", r"SOL_\w+", r"SOL_IPX|SOL_ATALK"),
    "so": ("asm/socket.h", r"SO_[A-Z]\w+|SO_BINDTODEVICE", r"SO_(RCVTIMEO|SNDTIMEO|TIMESTAMP(NS|ING)?|GET_FILTER)"),
    "ip": ("linux/in.h linux/netfilter_ipv4/ip_tables.h linux/netfilter_arp/arp_tables.h linux/netfilter_bridge/ebtables.h", r"IP_\w+|MCAST_\w+|(IPT|ARPT|EBT)_SO_SET_\w+", r"\w+_SET_MAX|IP_(PMTUDISC_\w+|DEFAULT_\w+|MAX_\w+|RECVRETOPTS|RETOPTS_)|MCAST_(IN|EX)CLUDE"),
    "ipv6": ("linux/in6.h linux/in.h linux/netfilter_ipv6/ip6_tables.h", r"IPV6_\w+|MCAST_\w+|IP6T_SO_SET_\w+", r"\w+_SET_MAX|IPV6_(PMTUDISC_\w+|FL_\w+|PRIORITY_\w+|FLOWINFO_(?!SEND)\w+|TLV_\w+|OPT_\w+|RECVERR_RFC.*_|PREFER_\w+|SRCRT_\w+)|MCAST_(IN|EX)CLUDE"),
    "tcp": ("linux/tcp.h", r"TCP_[A-Z]\w+", r"TCP_(MSS_\w+|ESTABLISHED|NLA_\w+|AO_\w+|MD5SIG_\w+|REPAIR_(ON|OFF\w*)|RECEIVE_ZEROCOPY_\w+|\w+_QUEUE|QUEUES_NR|CA_\w+)"),
    "udp": ("linux/udp.h", r"UDP_\w+", r"UDP_ENCAP_\w+"),
    "packet": ("linux/if_packet.h", r"PACKET_\w+", r"PACKET_(HOST|BROADCAST|MULTICAST|OTHERHOST|OUTGOING|LOOPBACK|USER|KERNEL|FASTROUTE|FANOUT_\w+|MR_\w+)"),
    "netlink": ("linux/netlink.h", r"NETLINK_(ADD_MEMBERSHIP|DROP_MEMBERSHIP|PKTINFO|BROADCAST_ERROR|NO_ENOBUFS|[RT]X_RING|LISTEN_ALL_NSID|LIST_MEMBERSHIPS|CAP_ACK|EXT_ACK|GET_STRICT_CHK)", ""),
    "raw": ("linux/icmp.h linux/icmpv6.h", r"ICMP_FILTER", ""),
    "icmpv6": ("linux/icmpv6.h", r"ICMPV6_FILTER", ""),
    "tls": ("linux/tls.h", r"TLS_(TX|RX|TX_ZEROCOPY_RO|RX_EXPECT_NO_PAD)", ""),
    "vsock": ("linux/vm_sockets.h", r"SO_VM_SOCKETS_\w+", r"\w+_TIMEOUT"),
    "sctp": ("stdint.h sys/socket.h linux/sctp.h", r"SCTP_(RTOINFO|ASSOCINFO|INITMSG|NODELAY|AUTOCLOSE|(SET_PEER_)?PRIMARY_ADDR|ADAPTATION_LAYER|DISABLE_FRAGMENTS|PEER_ADDR_(PARAMS|THLDS(_V2)?)|DEFAULT_(SEND_PARAM|SNDINFO|PRINFO)|EVENTS?|I_WANT_MAPPED_V4_ADDR|MAXSEG|STATUS|GET_\w+|DELAYED_SACK|CONTEXT|FRAGMENT_INTERLEAVE|PARTIAL_DELIVERY_POINT|MAX_BURST|AUTH_(CHUNK|KEY|(ACTIVE|DELETE|DEACTIVATE)_KEY|SUPPORTED)|HMAC_IDENT|(PEER|LOCAL)_AUTH_CHUNKS|AUTO_ASCONF|RECV(RCV|NXT)INFO|REUSE_PORT|SOCKOPT_\w+|PR_(SUPPORTED|ASSOC_STATUS|STREAM_STATUS)|RECONFIG_SUPPORTED|ENABLE_STREAM_RESET|RESET_(STREAMS|ASSOC)|ADD_STREAMS|STREAM_SCHEDULER(_VALUE)?|INTERLEAVING_SUPPORTED|SENDMSG_CONNECT|(ASCONF|ECN)_SUPPORTED|EXPOSE_POTENTIALLY_FAILED_STATE|REMOTE_UDP_ENCAPS_PORT|PLPMTUD_PROBE_INTERVAL)", ""),
    "dccp": ("linux/dccp.h", r"DCCP_SOCKOPT_\w+", ""),
    "tipc": ("linux/tipc.h", r"TIPC_(IMPORTANCE|(SRC|DEST)_DROPPABLE|CONN_TIMEOUT|(NODE|SOCK)_RECVQ_(DEPTH|USED)|MCAST_\w+|GROUP_(JOIN|LEAVE)|NODELAY)", ""),
    "nfc": ("sys/socket.h linux/nfc.h", r"NFC_LLCP_(RW|MIUX|REMOTE_\w+)", ""),
    "xdp": ("linux/if_xdp.h", r"XDP_(MMAP_OFFSETS|[RT]X_RING|UMEM_REG|UMEM_\w+_RING|STATISTICS|OPTIONS)", ""),
    "ax25": ("sys/socket.h linux/ax25.h", r"AX25_(WINDOW|T\d|N2|BACKOFF|EXTSEQ|PIDINCL|IDLE|PACLEN|IAMDIGI)", ""),
    "rxrpc": ("sys/socket.h linux/rxrpc.h", r"RXRPC_(SECURITY_KEY(RING)?|EXCLUSIVE_CONNECTION|MIN_SECURITY_LEVEL|UPGRADEABLE_SERVICE|SUPPORTED_CMSG)", ""),
    "pnpipe": ("sys/socket.h linux/phonet.h", r"PNPIPE_(ENCAP|IFINDEX|HANDLE|INITSTATE)", ""),
    "rds": ("sys/socket.h linux/rds.h", r"RDS_(CANCEL_SENT_TO|GET_MR(_FOR_DEST)?|FREE_MR|RECVERR|CONG_MONITOR)|SO_RDS_(TRANSPORT|MSG_RXPATH_LATENCY)", ""),
    "alg": ("linux/if_alg.h", r"ALG_SET_\w+", ""),
    "kcm": ("linux/kcm.h", r"KCM_RECV_\w+", ""),
    "icmp": ("linux/icmp.h", r"ICMP_(ECHO(REPLY)?|DEST_UNREACH|SOURCE_QUENCH|REDIRECT|TIME_EXCEEDED|PARAMETERPROB|TIMESTAMP(REPLY)?|INFO_(REQUEST|REPLY)|ADDRESS(REPLY)?)", ""),
    "tty_flow": ("asm/termbits.h", "TCOOFF TCOON TCIOFF TCION", ""),
    "tty_flush": ("asm/termbits.h", "TCIFLUSH TCOFLUSH TCIOFLUSH", ""),
    "ip_get": ("linux/netfilter_ipv4/ip_tables.h linux/netfilter_arp/arp_tables.h linux/netfilter_bridge/ebtables.h", r"(IPT|ARPT|EBT)_SO_GET_\w+", r"\w+_MAX"),
    "ipv6_get": ("linux/netfilter_ipv6/ip6_tables.h", r"IP6T_SO_GET_\w+", r"\w+_MAX"),
    "netlink_protocol": ("linux/netlink.h", r"NETLINK_(ROUTE|UNUSED|USERSOCK|FIREWALL|SOCK_DIAG|NFLOG|XFRM|SELINUX|ISCSI|AUDIT|FIB_LOOKUP|CONNECTOR|NETFILTER|IP6_FW|DNRTMSG|KOBJECT_UEVENT|GENERIC|SCSITRANSPORT|ECRYPTFS|RDMA|CRYPTO|SMC)", ""),
    "ethertype": ("linux/if_ether.h", r"ETH_P_\w+", r"ETH_P_802_3_MIN"),
    "arphrd": ("linux/if_arp.h", r"ARPHRD_\w+", ""),
    "packet_type": ("linux/if_packet.h", r"PACKET_(HOST|BROADCAST|MULTICAST|OTHERHOST|OUTGOING|LOOPBACK|USER|KERNEL)", ""),
    "packet_mr": ("linux/if_packet.h", r"PACKET_MR_\w+", ""),
    "packet_fanout": ("linux/if_packet.h", r"PACKET_FANOUT_(HASH|LB|CPU|ROLLOVER|RND|QM|CBPF|EBPF)", ""),
    "ip_pmtudisc": ("linux/in.h", r"IP_PMTUDISC_\w+", ""),
    "ipv6_pmtudisc": ("linux/in6.h", r"IPV6_PMTUDISC_\w+", ""),
    "timestamping": ("linux/net_tstamp.h", "SOF_TIMESTAMPING_TX_HARDWARE SOF_TIMESTAMPING_TX_SOFTWARE SOF_TIMESTAMPING_RX_HARDWARE SOF_TIMESTAMPING_RX_SOFTWARE SOF_TIMESTAMPING_SOFTWARE SOF_TIMESTAMPING_SYS_HARDWARE SOF_TIMESTAMPING_RAW_HARDWARE SOF_TIMESTAMPING_OPT_ID SOF_TIMESTAMPING_TX_SCHED SOF_TIMESTAMPING_TX_ACK SOF_TIMESTAMPING_OPT_CMSG SOF_TIMESTAMPING_OPT_TSONLY SOF_TIMESTAMPING_OPT_STATS SOF_TIMESTAMPING_OPT_PKTINFO SOF_TIMESTAMPING_OPT_TX_SWHW SOF_TIMESTAMPING_BIND_PHC", ""),
    "ip_protocol": ("linux/in.h linux/in6.h", "IPPROTO_IP IPPROTO_ICMP IPPROTO_IGMP IPPROTO_IPIP IPPROTO_TCP IPPROTO_EGP IPPROTO_PUP IPPROTO_UDP IPPROTO_IDP IPPROTO_TP IPPROTO_DCCP IPPROTO_IPV6 IPPROTO_ROUTING IPPROTO_FRAGMENT IPPROTO_RSVP IPPROTO_GRE IPPROTO_ESP IPPROTO_AH IPPROTO_ICMPV6 IPPROTO_NONE IPPROTO_DSTOPTS IPPROTO_MTP IPPROTO_BEETPH IPPROTO_ENCAP IPPROTO_PIM IPPROTO_COMP IPPROTO_SCTP IPPROTO_MH IPPROTO_UDPLITE IPPROTO_MPLS IPPROTO_ETHERNET IPPROTO_RAW IPPROTO_MPTCP IPPROTO_L2TP", ""),
    "msg": ("sys/socket.h", "MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_CTRUNC MSG_PROXY MSG_TRUNC MSG_DONTWAIT MSG_EOR MSG_WAITALL MSG_FIN MSG_SYN MSG_CONFIRM MSG_RST MSG_ERRQUEUE MSG_NOSIGNAL MSG_MORE MSG_WAITFORONE MSG_BATCH MSG_ZEROCOPY MSG_FASTOPEN MSG_CMSG_CLOEXEC", ""),
    "shutdown": ("sys/socket.h", "SHUT_RD SHUT_WR SHUT_RDWR", ""),
    "socket_kind": ("sys/socket.h", "SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET SOCK_DCCP SOCK_PACKET", ""),
    "socket_flags": ("sys/socket.h", "SOCK_CLOEXEC SOCK_NONBLOCK", ""),
    "scm": ("sys/socket.h", "SCM_RIGHTS SCM_CREDENTIALS", ""),
    "socketcall": ("linux/net.h", r"SYS_[A-Z0-9]+", ""),
    "tcp_state": ("netinet/tcp.h", "TCP_ESTABLISHED TCP_SYN_SENT TCP_SYN_RECV TCP_FIN_WAIT1 TCP_FIN_WAIT2 TCP_TIME_WAIT TCP_CLOSE TCP_CLOSE_WAIT TCP_LAST_ACK TCP_LISTEN TCP_CLOSING", ""),
    "tcp_ca_state": ("linux/tcp.h", "TCP_CA_Open TCP_CA_Disorder TCP_CA_CWR TCP_CA_Recovery TCP_CA_Loss", ""),
    # waiting
    "poll": ("poll.h", r"POLL(IN|PRI|OUT|RDNORM|RDBAND|WRNORM|WRBAND|MSG|REMOVE|RDHUP|ERR|HUP|NVAL)", ""),
    "epoll": ("linux/eventpoll.h", r"EPOLL(IN|PRI|OUT|ERR|HUP|RDNORM|RDBAND|WRNORM|WRBAND|MSG|RDHUP|EXCLUSIVE|WAKEUP|ONESHOT|ET)", ""),
    "epoll_ctl": ("linux/eventpoll.h", r"EPOLL_CTL_\w+", ""),
    "futex_cmd": ("linux/futex.h", r"FUTEX_(WAIT|WAKE|FD|REQUEUE|CMP_REQUEUE|WAKE_OP|LOCK_PI|UNLOCK_PI|TRYLOCK_PI|WAIT_BITSET|WAKE_BITSET|WAIT_REQUEUE_PI|CMP_REQUEUE_PI|LOCK_PI2)", ""),
    "futex_flags": ("linux/futex.h", r"FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME", ""),
    "futex_bitset": ("linux/futex.h", r"FUTEX_BITSET_MATCH_ANY", ""),
    "eventfd": ("sys/eventfd.h", "EFD_SEMAPHORE EFD_CLOEXEC EFD_NONBLOCK", ""),
    "signalfd": ("sys/signalfd.h", "SFD_CLOEXEC SFD_NONBLOCK", ""),
    "timerfd_create": ("sys/timerfd.h", "TFD_CLOEXEC TFD_NONBLOCK", ""),
    "timerfd_settime": ("sys/timerfd.h", "TFD_TIMER_ABSTIME TFD_TIMER_CANCEL_ON_SET", ""),
    "inotify_init": ("sys/inotify.h", "IN_CLOEXEC IN_NONBLOCK", ""),
    "inotify_mask": ("sys/inotify.h", r"IN_\w+", r"IN_(CLOEXEC|NONBLOCK|CLOSE|MOVE|ALL_EVENTS)"),
    "fanotify_init": ("linux/fanotify.h", r"FAN_(CLOEXEC|NONBLOCK|CLASS_CONTENT|CLASS_PRE_CONTENT|UNLIMITED_\w+|ENABLE_AUDIT|REPORT_[A-Z]+)", r"FAN_REPORT_DFID_NAME\w*"),
    "fanotify_mark": ("linux/fanotify.h", r"FAN_MARK_\w+", ""),
    # files
    "open_flags": ("asm/fcntl.h", r"O_\w+", r"O_(ACCMODE|NDELAY|RDONLY|WRONLY|RDWR)"),
    "open_access": ("asm/fcntl.h", r"O_(RDONLY|WRONLY|RDWR|ACCMODE)", ""),
    "at_flags": ("linux/fcntl.h", r"AT_(SYMLINK_\w+|NO_AUTOMOUNT|EMPTY_PATH|STATX_FORCE_SYNC|STATX_DONT_SYNC|RECURSIVE)", ""),
    "access_mode": ("unistd.h", r"[RWX]_OK", ""),
    "fcntl_cmd": ("linux/fcntl.h", r"F_(DUPFD\w*|[GS]ETFD|[GS]ETFL|[GS]ETLKW?|[GS]ETOWN\w*|[GS]ETSIG|OFD_\w+|[GS]ETLEASE|NOTIFY|[GS]ETPIPE_SZ|ADD_SEALS|GET_SEALS|[GS]ET_\w+|CANCELLK|GETOWNER_UIDS)", ""),
    "fd_flags": ("asm/fcntl.h", r"FD_CLOEXEC", ""),
    "lock_type": ("asm/fcntl.h", r"F_(RDLCK|WRLCK|UNLCK)", ""),
    "lease": ("asm/fcntl.h", r"F_(RDLCK|WRLCK|UNLCK)", ""),
    "dnotify": ("linux/fcntl.h", r"DN_\w+", ""),
    "seals": ("linux/fcntl.h", r"F_SEAL_\w+", ""),
    "f_owner": ("asm/fcntl.h", r"F_OWNER_\w+", ""),
    "flock_operation": ("asm/fcntl.h", r"LOCK_(SH|EX|NB|UN)", ""),
    "whence": ("linux/fs.h", r"SEEK_\w+", r"SEEK_MAX"),
    "mode_type": ("sys/stat.h", r"S_IF(SOCK|LNK|REG|BLK|DIR|CHR|IFO)", ""),
    "statx_mask": ("linux/stat.h", r"STATX_[A-Z_]+", r"STATX_(_RESERVED|ATTR_\w+|ALL|BASIC_STATS|_\w+)"),
    "xattr": ("linux/xattr.h", r"XATTR_(CREATE|REPLACE)", ""),
    "rename_flags": ("linux/fs.h", r"RENAME_\w+", ""),
    "unlink_flags": ("linux/fcntl.h", r"AT_REMOVEDIR", ""),
    "resolve": ("linux/openat2.h", r"RESOLVE_\w+", ""),
    "splice": ("fcntl.h", r"SPLICE_F_\w+", ""),
    "fallocate": ("linux/falloc.h", r"FALLOC_FL_\w+", ""),
    "fadvise": ("linux/fadvise.h", r"POSIX_FADV_\w+", ""),
    "sync_file_range": ("linux/fs.h", r"SYNC_FILE_RANGE_\w+", r"\w+WRITE_AND_WAIT"),
    "rwf": ("linux/fs.h", r"RWF_[A-Z]+", r"RWF_SUPPORTED"),
    "mount_flags": ("linux/mount.h", r"MS_\w+", r"MS_(RMT_MASK|MGC_MSK|MGC_VAL|VERBOSE|ACTIVE|NOUSER|BORN|NOSEC|NOREMOTELOCK|KERNMOUNT|SUBMOUNT)"),
    "umount_flags": ("sys/mount.h", "MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW", ""),
    "st_flags": ("sys/statvfs.h", "ST_RDONLY ST_NOSUID ST_NODEV ST_NOEXEC ST_SYNCHRONOUS ST_MANDLOCK ST_NOATIME ST_NODIRATIME ST_RELATIME", ""),
    "fs_type": ("linux/magic.h", r"\w+_MAGIC|\w+_SUPER_MAGIC\w*", r".*_STRING|(CRAMFS|BTRFS_TEST|STACK_END|MTD_INODE|FUTEXFS|SMB2?_SUPER|CIFS|XENFS).*"),
    "ioctl": ("linux/sockios.h asm/ioctls.h linux/fs.h asm/termios.h linux/if_tun.h", r"SIOC\w+|TC[GS]ET\w+|TCSBRKP?|TCXONC|TCFLSH|TIOC\w+|FIO\w+|TUN[GS]ET\w+|FS_IOC_\w+|FICLONE\w*|BLK[A-Z]+|FIFREEZE|FITHAW|FITRIM|FIBMAP|FIGETBSZ", r"(SIOC(PROTO|DEV)PRIVATE|SIOCGSTAMP(NS)?|SIOCINQ|SIOCOUTQ|TIOC[SG]ISO7816|FS_IOC_FIEMAP|BLKTRACESETUP|TIOC(PKT_\w+|M_\w+|SER_TEMT|M_|LINUX)|TIOCINQ|FS_IOC32_\w+)"),
    "close_range": ("linux/close_range.h", r"CLOSE_RANGE_\w+", ""),
    "memfd": ("linux/memfd.h", r"MFD_(CLOEXEC|ALLOW_SEALING|HUGETLB)", ""),
    # memory
    "mmap_prot": ("asm/mman.h", r"PROT_(READ|WRITE|EXEC|SEM|GROWSDOWN|GROWSUP)", ""),
    "mmap_flags": ("linux/mman.h", r"MAP_[A-Z0-9_]+", r"MAP_(FILE|TYPE|SHARED\w*|PRIVATE|HUGE_\w+|UNINITIALIZED|\w+_SHIFT|\w+_MASK)"),
    "mmap_type": ("linux/mman.h", r"MAP_(SHARED|PRIVATE|SHARED_VALIDATE)", ""),
    "mremap": ("linux/mman.h", r"MREMAP_\w+", ""),
    "msync": ("asm/mman.h", r"MS_(ASYNC|INVALIDATE|SYNC)", ""),
    "madvise": ("linux/mman.h", r"MADV_\w+", ""),
    "mlock": ("linux/mman.h", r"MLOCK_ONFAULT", ""),
    "mlockall": ("asm/mman.h", r"MCL_\w+", ""),
    "fsopen": ("linux/mount.h", r"FSOPEN_\w+", ""),
    "fsmount": ("linux/mount.h", r"FSMOUNT_\w+", ""),
    "fspick": ("linux/mount.h", r"FSPICK_\w+", ""),
    "move_mount": ("linux/mount.h", r"MOVE_MOUNT_\w+", r"MOVE_MOUNT__MASK|MOVE_MOUNT_BENEATH"),
    "open_tree": ("fcntl.h linux/mount.h", r"OPEN_TREE_\w+|AT_(SYMLINK_NOFOLLOW|NO_AUTOMOUNT|EMPTY_PATH|RECURSIVE)", ""),
    "mount_attr": ("linux/mount.h", r"MOUNT_ATTR_\w+", r"MOUNT_ATTR_SIZE_VER0|MOUNT_ATTR__ATIME|MOUNT_ATTR_RELATIME"),
    "mempolicy_flags": ("linux/mempolicy.h", r"MPOL_F_(NODE|ADDR|MEMS_ALLOWED)", ""),
    "mempolicy_move": ("linux/mempolicy.h", r"MPOL_MF_(STRICT|MOVE|MOVE_ALL)", ""),
    "move_pages": ("linux/mempolicy.h", r"MPOL_MF_(MOVE|MOVE_ALL)", ""),
    "module_init": ("linux/module.h", r"MODULE_INIT_\w+", ""),
    "mempolicy": ("linux/mempolicy.h", "MPOL_DEFAULT MPOL_PREFERRED MPOL_BIND MPOL_INTERLEAVE MPOL_LOCAL", ""),
    "ipc_get": ("linux/ipc.h", r"IPC_(CREAT|EXCL|NOWAIT)", ""),
    # tasks
    "clone": ("linux/sched.h", r"CLONE_[A-Z_]+", r"CLONE_ARGS_\w+"),
    "wait": ("linux/wait.h", r"WNOHANG|WUNTRACED|WEXITED|WCONTINUED|WNOWAIT|__W(NOTHREAD|ALL|CLONE)", ""),
    "idtype": ("linux/wait.h", r"P_\w+", ""),
    "resource": ("asm/resource.h", r"RLIMIT_\w+", ""),
    "rusage_who": ("linux/resource.h", r"RUSAGE_(SELF|CHILDREN|THREAD)", ""),
    "priority_which": ("linux/resource.h", r"PRIO_(PROCESS|PGRP|USER)", ""),
    "ioprio_who": ("linux/ioprio.h", "IOPRIO_WHO_PROCESS IOPRIO_WHO_PGRP IOPRIO_WHO_USER", ""),
    "sched_policy": ("linux/sched.h", r"SCHED_(NORMAL|FIFO|RR|BATCH|IDLE|DEADLINE|RESET_ON_FORK)", ""),
    "prctl": ("linux/prctl.h", r"PR_(SET|GET|CAPBSET|CAP_AMBIENT|TASK|MCE|MPX|SVE|PAC|SCHED|SME)\w*", r"PR_(SET_VMA_ANON_NAME|SET_MM_\w+|CAP_AMBIENT_\w+|MCE_KILL_(?!GET)\w+|SVE_(?!SET_VL|GET_VL)\w+|SCHED_CORE_\w+|PAC_(?!RESET|SET|GET)\w+|SME_(?!SET_VL|GET_VL)\w+|SET_PTRACER_ANY|GET_AUXV)|PR_PAC_RESET_KEYS_\w+"),
    "prctl_vma": ("linux/prctl.h", r"PR_SET_VMA_ANON_NAME", ""),
    "arch_prctl": ("asm/prctl.h", r"ARCH_\w+", ""),
    "capability": ("linux/capability.h", r"CAP_[A-Z_]+", r"CAP_LAST_CAP"),
    "cap_version": ("linux/capability.h", r"_LINUX_CAPABILITY_VERSION_\d", ""),
    "ptrace": ("linux/ptrace.h asm/ptrace.h", r"PTRACE_(TRACEME|PEEK\w+|POKE\w+|CONT|KILL|SINGLESTEP|ATTACH|DETACH|SYSCALL|[GS]ETREGS|[GS]ETFPREGS|SETOPTIONS|GETEVENTMSG|[GS]ETSIGINFO|[GS]ETREGSET|SEIZE|INTERRUPT|LISTEN|PEEKSIGINFO|[GS]ETSIGMASK|SECCOMP_GET_\w+|GET_SYSCALL_INFO|GET_RSEQ_CONFIGURATION)", ""),
    "membarrier": ("linux/membarrier.h", "MEMBARRIER_CMD_QUERY MEMBARRIER_CMD_GLOBAL MEMBARRIER_CMD_GLOBAL_EXPEDITED MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED MEMBARRIER_CMD_PRIVATE_EXPEDITED MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ", ""),
    "rseq": ("linux/rseq.h", "RSEQ_FLAG_UNREGISTER", ""),
    "seccomp": ("linux/seccomp.h", r"SECCOMP_(SET_MODE_STRICT|SET_MODE_FILTER|GET_ACTION_AVAIL|GET_NOTIF_SIZES)", ""),
    "seccomp_flags": ("linux/seccomp.h", r"SECCOMP_FILTER_FLAG_\w+", ""),
    "kcmp": ("linux/kcmp.h", "KCMP_FILE KCMP_VM KCMP_FILES KCMP_FS KCMP_SIGHAND KCMP_IO KCMP_SYSVSEM KCMP_EPOLL_TFD", ""),
    "keyctl": ("linux/keyctl.h", r"KEYCTL_[A-Z_]+", r"KEYCTL_(SUPPORTS|CAPS\d|MOVE_EXCL)\w*"),
    "key_serial": ("linux/keyctl.h", r"KEY_SPEC_\w+", ""),
    # signals
    "signal": ("asm/signal.h", r"SIG[A-Z0-9]+", r"SIG(IOT|POLL|LOST|UNUSED|RTMIN|RTMAX|STKSZ|EV\w*|MINSTKSZ|STKFLT_)|SIG_\w+"),
    "sigprocmask_how": ("asm/signal.h", r"SIG_(BLOCK|UNBLOCK|SETMASK)", ""),
    "sa_flags": ("asm/signal.h", r"SA_\w+", r"SA_(NOMASK|ONESHOT)"),
    "ss_flags": ("asm/signal.h linux/signal.h", r"SS_AUTODISARM|SS_ONSTACK|SS_DISABLE", ""),
    "sigev_notify": ("asm/siginfo.h", r"SIGEV_\w+", r"SIGEV_(MAX_SIZE|PAD_SIZE)"),
    # time
    "clock": ("linux/time.h", r"CLOCK_\w+", ""),
    "itimer": ("linux/time.h", r"ITIMER_\w+", ""),
    "timer_flags": ("linux/time.h", r"TIMER_ABSTIME", ""),
    # the rest
    "getrandom": ("linux/random.h", r"GRND_\w+", ""),
    "bpf_cmd": ("linux/bpf.h", "BPF_MAP_CREATE BPF_MAP_LOOKUP_ELEM BPF_MAP_UPDATE_ELEM BPF_MAP_DELETE_ELEM BPF_MAP_GET_NEXT_KEY BPF_PROG_LOAD BPF_OBJ_PIN BPF_OBJ_GET BPF_PROG_ATTACH BPF_PROG_DETACH BPF_PROG_TEST_RUN BPF_PROG_GET_NEXT_ID BPF_MAP_GET_NEXT_ID BPF_PROG_GET_FD_BY_ID BPF_MAP_GET_FD_BY_ID BPF_OBJ_GET_INFO_BY_FD BPF_PROG_QUERY BPF_RAW_TRACEPOINT_OPEN BPF_BTF_LOAD BPF_BTF_GET_FD_BY_ID BPF_TASK_FD_QUERY BPF_MAP_LOOKUP_AND_DELETE_ELEM BPF_MAP_FREEZE BPF_BTF_GET_NEXT_ID BPF_MAP_LOOKUP_BATCH BPF_MAP_LOOKUP_AND_DELETE_BATCH BPF_MAP_UPDATE_BATCH BPF_MAP_DELETE_BATCH BPF_LINK_CREATE BPF_LINK_UPDATE BPF_LINK_GET_FD_BY_ID BPF_LINK_GET_NEXT_ID BPF_ENABLE_STATS BPF_ITER_CREATE BPF_LINK_DETACH BPF_PROG_BIND_MAP", ""),
    "io_uring_setup": ("linux/io_uring.h", r"IORING_SETUP_\w+", ""),
    "io_uring_features": ("linux/io_uring.h", r"IORING_FEAT_\w+", ""),
    "io_uring_enter": ("linux/io_uring.h", r"IORING_ENTER_\w+", ""),
    "io_uring_register": ("linux/io_uring.h", "IORING_REGISTER_BUFFERS IORING_UNREGISTER_BUFFERS IORING_REGISTER_FILES IORING_UNREGISTER_FILES IORING_REGISTER_EVENTFD IORING_UNREGISTER_EVENTFD IORING_REGISTER_FILES_UPDATE IORING_REGISTER_EVENTFD_ASYNC IORING_REGISTER_PROBE IORING_REGISTER_PERSONALITY IORING_UNREGISTER_PERSONALITY IORING_REGISTER_RESTRICTIONS IORING_REGISTER_ENABLE_RINGS IORING_REGISTER_FILES2 IORING_REGISTER_FILES_UPDATE2 IORING_REGISTER_BUFFERS2 IORING_REGISTER_BUFFERS_UPDATE IORING_REGISTER_IOWQ_AFF IORING_UNREGISTER_IOWQ_AFF IORING_REGISTER_IOWQ_MAX_WORKERS IORING_REGISTER_RING_FDS IORING_UNREGISTER_RING_FDS IORING_REGISTER_PBUF_RING IORING_UNREGISTER_PBUF_RING IORING_REGISTER_SYNC_CANCEL IORING_REGISTER_FILE_ALLOC_RANGE", ""),
    "perf_event_open": ("linux/perf_event.h", r"PERF_FLAG_\w+", ""),
    "pidfd_open": ("linux/pidfd.h", r"PIDFD_NONBLOCK", ""),
    "landlock_create": ("linux/landlock.h", r"LANDLOCK_CREATE_\w+", ""),
    "landlock_rule": ("linux/landlock.h", "LANDLOCK_RULE_PATH_BENEATH", ""),
    "fsconfig": ("linux/mount.h", "FSCONFIG_SET_FLAG FSCONFIG_SET_STRING FSCONFIG_SET_BINARY FSCONFIG_SET_PATH FSCONFIG_SET_PATH_EMPTY FSCONFIG_SET_FD FSCONFIG_CMD_CREATE FSCONFIG_CMD_RECONFIGURE", ""),
    "reboot": ("linux/reboot.h", r"LINUX_REBOOT_CMD_\w+", ""),
    "termios_iflag": ("asm/termbits.h", "IGNBRK BRKINT IGNPAR PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IXON IXANY IXOFF IUCLC IMAXBEL IUTF8", ""),
    "termios_oflag": ("asm/termbits.h", "OPOST ONLCR OCRNL ONOCR ONLRET OFILL OFDEL OLCUC", ""),
    "termios_lflag": ("asm/termbits.h", "ISIG ICANON XCASE ECHO ECHOE ECHOK ECHONL NOFLSH TOSTOP ECHOCTL ECHOPRT ECHOKE FLUSHO PENDIN IEXTEN EXTPROC", ""),
    "si_code_any": ("asm/siginfo.h", r"SI_(USER|KERNEL|QUEUE|TIMER|MESGQ|ASYNCIO|SIGIO|TKILL|DETHREAD|ASYNCNL)", ""),
    "si_code_chld": ("asm/siginfo.h", r"CLD_\w+", ""),
    "si_code_segv": ("asm/siginfo.h", r"SEGV_\w+", ""),
    "si_code_bus": ("asm/siginfo.h", r"BUS_\w+", ""),
    "si_code_ill": ("asm/siginfo.h", r"ILL_\w+", ""),
    "si_code_fpe": ("asm/siginfo.h", r"FPE_\w+", ""),
    "si_code_trap": ("asm/siginfo.h", r"TRAP_\w+", r"TRAP_PERF_FLAG_ASYNC"),
    "si_code_poll": ("asm/siginfo.h", r"POLL_\w+", ""),
    "si_code_sys": ("asm/siginfo.h", r"SYS_(SECCOMP|USER_DISPATCH)", ""),
}  # fmt: skip

# What 6.1 lacks, or what is in no header that programs see. Sources: the same headers of Linux 6.18; include/linux/socket.h
# (families, levels, MSG_*), include/linux/errno.h (restart codes), net/unix (SO_INQ), asm-generic/socket.h (old and new).
EXTRA: dict[str, dict[str, int]] = {
    "family": {"AF_UNIX": 1, "AF_NETLINK": 16, "AF_SMC": 43, "AF_MCTP": 45},
    "sockopt_level": {
        "SOL_SCTP": 132, "SOL_UDPLITE": 136, "SOL_MCTP": 285, "SOL_SMC": 286, "SOL_VSOCK": 287,
        "AF_VSOCK": 40, "SOL_CAN_BASE": 100, "SOL_CAN_RAW": 101, "SOL_AX25": 257, "SOL_NETROM": 259, "SOL_ROSE": 260,
        "SOL_IP": 0, "SOL_TCP": 6, "SOL_UDP": 17, "SOL_ATALK": 258, "SOL_IPX": 256,
    },
    "so": {
        "SO_RCVTIMEO_OLD": 20, "SO_SNDTIMEO_OLD": 21, "SO_TIMESTAMP_OLD": 29, "SO_TIMESTAMPNS_OLD": 35,
        "SO_TIMESTAMPING_OLD": 37, "SO_PASSPIDFD": 76, "SO_PEERPIDFD": 77, "SO_DEVMEM_LINEAR": 78, "SO_DEVMEM_DMABUF": 79,
        "SO_DEVMEM_DONTNEED": 80, "SO_RCVPRIORITY": 82, "SO_PASSRIGHTS": 83, "SO_INQ": 84, "SO_ATTACH_FILTER": 26,
    },
    "ip": {"IP_PROTOCOL": 52, "IP_RETOPTS": 7, "IP_LOCAL_PORT_RANGE": 51, "SO_ORIGINAL_DST": 80},
    "ipv6": {"IP6T_SO_ORIGINAL_DST": 80, "IPV6_USE_MIN_MTU": 63},
    "tcp": {"TCP_COOKIE_TRANSACTIONS": 15, "TCP_REPAIR_QUEUE": 20, "TCP_MD5SIG_EXT": 32, "TCP_AO_ADD_KEY": 38, "TCP_AO_DEL_KEY": 39, "TCP_AO_INFO": 40, "TCP_AO_GET_KEYS": 41, "TCP_AO_REPAIR": 42,
            "TCP_IS_MPTCP": 43, "TCP_RTO_MAX_MS": 44, "TCP_RTO_MIN_US": 45, "TCP_DELACK_MAX_US": 46},
    "scm": {"SCM_SECURITY": 3, "SCM_PIDFD": 4},
    "msg": {"MSG_SENDPAGE_NOTLAST": 0x20000, "MSG_SOCK_DEVMEM": 0x2000000, "MSG_SPLICE_PAGES": 0x8000000},
    "mmap_flags": {"MAP_UNINITIALIZED": 0x4000000},
    "memfd": {"MFD_NOEXEC_SEAL": 8, "MFD_EXEC": 16},
    "tcp_info_options": {
        "TCPI_OPT_TIMESTAMPS": 1, "TCPI_OPT_SACK": 2, "TCPI_OPT_WSCALE": 4, "TCPI_OPT_ECN": 8, "TCPI_OPT_ECN_SEEN": 16,
        "TCPI_OPT_SYN_DATA": 32, "TCPI_OPT_USEC_TS": 64, "TCPI_OPT_TFO_CHILD": 128,
    },
    "ee_origin": {
        "SO_EE_ORIGIN_NONE": 0, "SO_EE_ORIGIN_LOCAL": 1, "SO_EE_ORIGIN_ICMP": 2, "SO_EE_ORIGIN_ICMP6": 3,
        "SO_EE_ORIGIN_TXSTATUS": 4, "SO_EE_ORIGIN_ZEROCOPY": 5, "SO_EE_ORIGIN_TXTIME": 6,
    },
    "st_flags": {"ST_VALID": 32},
    "iff": {
        "IFF_UP": 1, "IFF_BROADCAST": 2, "IFF_DEBUG": 4, "IFF_LOOPBACK": 8, "IFF_POINTOPOINT": 16, "IFF_NOTRAILERS": 32,
        "IFF_RUNNING": 64, "IFF_NOARP": 128, "IFF_PROMISC": 256, "IFF_ALLMULTI": 512, "IFF_MASTER": 1024,
        "IFF_SLAVE": 2048, "IFF_MULTICAST": 4096, "IFF_PORTSEL": 8192, "IFF_AUTOMEDIA": 16384, "IFF_DYNAMIC": 32768,
    },
    "access_mode": {"F_OK": 0},
    "statx_mask": {"STATX_BASIC_STATS": 0x7FF, "STATX_MNT_ID_UNIQUE": 0x4000, "STATX_SUBVOL": 0x8000},
    "mempolicy": {"MPOL_PREFERRED_MANY": 5, "MPOL_WEIGHTED_INTERLEAVE": 6},
    "cap_ambient": {
        "PR_CAP_AMBIENT_IS_SET": 1, "PR_CAP_AMBIENT_RAISE": 2, "PR_CAP_AMBIENT_LOWER": 3, "PR_CAP_AMBIENT_CLEAR_ALL": 4,
    },
    "dumpable": {"SUID_DUMP_DISABLE": 0, "SUID_DUMP_USER": 1, "SUID_DUMP_ROOT": 2},
    "tpacket_version": {"TPACKET_V1": 0, "TPACKET_V2": 1, "TPACKET_V3": 2},
    "epoll_create": {"EPOLL_CLOEXEC": 0o2000000},
    "syslog": {
        "SYSLOG_ACTION_CLOSE": 0, "SYSLOG_ACTION_OPEN": 1, "SYSLOG_ACTION_READ": 2, "SYSLOG_ACTION_READ_ALL": 3,
        "SYSLOG_ACTION_READ_CLEAR": 4, "SYSLOG_ACTION_CLEAR": 5, "SYSLOG_ACTION_CONSOLE_OFF": 6,
        "SYSLOG_ACTION_CONSOLE_ON": 7, "SYSLOG_ACTION_CONSOLE_LEVEL": 8, "SYSLOG_ACTION_SIZE_UNREAD": 9,
        "SYSLOG_ACTION_SIZE_BUFFER": 10,
    },
    "sighandler": {"SIG_DFL": 0, "SIG_IGN": 1},
    "sa_flags": {"SA_RESTORER": 0x4000000, "SA_INTERRUPT": 0x20000000},
    "signal": {"SIGSTKFLT": 16},
    "prctl": {"PR_SET_PTRACER": 0x59616D61, "PR_SET_MDWE": 65, "PR_GET_MDWE": 66, "PR_GET_AUXV": 0x41555856,
              "PR_SET_MEMORY_MERGE": 67, "PR_GET_MEMORY_MERGE": 68},
    "arch_prctl": {
        "ARCH_CET_STATUS": 0x3001, "ARCH_SHSTK_ENABLE": 0x5001, "ARCH_SHSTK_DISABLE": 0x5002, "ARCH_SHSTK_LOCK": 0x5003,
        "ARCH_SHSTK_UNLOCK": 0x5004, "ARCH_SHSTK_STATUS": 0x5005,
    },
    "fcntl_cmd": {
        "F_DUPFD_QUERY": 1027, "F_CREATED_QUERY": 1028, "F_GETLK64": 12, "F_SETLK64": 13, "F_SETLKW64": 14,
    },
    "landlock_rule": {"LANDLOCK_RULE_NET_PORT": 2},
    "pidfd_open": {"PIDFD_THREAD": 0x80},
    "ioctl": {"SIOCGSTAMP": 0x8906, "SIOCGSTAMPNS": 0x8907},
    "netlink": {"NETLINK_GET_STRICT_CHK": 12},
    "rds": {"RDS_BARRIER": 4, "SO_TIMESTAMP_OLD": 29},
    "ax25": {"SO_BINDTODEVICE": 25},
    "caif": {"CAIFSO_LINK_SELECT": 127, "CAIFSO_REQ_PARAM": 128, "CAIFSO_RSP_PARAM": 129},
    "sctp": {  # options that Linux 2.6 had
        "SCTP_GET_PEER_ADDRS_NUM_OLD": 103, "SCTP_GET_PEER_ADDRS_OLD": 104, "SCTP_GET_LOCAL_ADDRS_NUM_OLD": 105,
        "SCTP_GET_LOCAL_ADDRS_OLD": 106,
    },
    "irda": {  # linux/irda.h of Linux 4.16, the last to have it
        "IRLMP_ENUMDEVICES": 1, "IRLMP_IAS_SET": 2, "IRLMP_IAS_QUERY": 3, "IRLMP_HINTS_SET": 4, "IRLMP_QOS_SET": 5,
        "IRLMP_QOS_GET": 6, "IRLMP_MAX_SDU_SIZE": 7, "IRLMP_IAS_GET": 8, "IRLMP_IAS_DEL": 9, "IRLMP_HINT_MASK_SET": 10,
        "IRLMP_WAITDEVICE": 11,
    },
    "can_raw": {  # linux/can/raw.h
        "CAN_RAW_FILTER": 1, "CAN_RAW_ERR_FILTER": 2, "CAN_RAW_LOOPBACK": 3, "CAN_RAW_RECV_OWN_MSGS": 4,
        "CAN_RAW_FD_FRAMES": 5, "CAN_RAW_JOIN_FILTERS": 6, "CAN_RAW_XL_FRAMES": 7,
    },
    "llc": {  # linux/llc.h
        "LLC_OPT_UNKNOWN": 0, "LLC_OPT_RETRY": 1, "LLC_OPT_SIZE": 2, "LLC_OPT_ACK_TMR_EXP": 3, "LLC_OPT_P_TMR_EXP": 4,
        "LLC_OPT_REJ_TMR_EXP": 5, "LLC_OPT_BUSY_TMR_EXP": 6, "LLC_OPT_TX_WIN": 7, "LLC_OPT_RX_WIN": 8, "LLC_OPT_PKTINFO": 9,
    },
    "pppol2tp": {  # linux/if_pppol2tp.h
        "PPPOL2TP_SO_DEBUG": 1, "PPPOL2TP_SO_RECVSEQ": 2, "PPPOL2TP_SO_SENDSEQ": 3, "PPPOL2TP_SO_LNSMODE": 4,
        "PPPOL2TP_SO_REORDERTO": 5,
    },
    "ipx": {"IPX_TYPE": 1},  # linux/ipx.h of Linux 4.17
    "bluetooth": {  # include/net/bluetooth/bluetooth.h
        "BT_SECURITY": 4, "BT_DEFER_SETUP": 7, "BT_FLUSHABLE": 8, "BT_POWER": 9, "BT_CHANNEL_POLICY": 10, "BT_VOICE": 11,
        "BT_SNDMTU": 12, "BT_RCVMTU": 13,
    },
    "iucv": {"SO_IPRMDATA_MSG": 0x80, "SO_MSGLIMIT": 0x1000, "SO_MSGSIZE": 0x800},  # include/net/iucv/af_iucv.h
    "packet": {"PACKET_FANOUT_DATA": 22},
    "scm_tcp": {"TCP_CM_INQ": 36},
    "tls_cmsg": {"TLS_SET_RECORD_TYPE": 1, "TLS_GET_RECORD_TYPE": 2},
    "tls_record": {"change_cipher_spec": 20, "alert": 21, "handshake": 22, "application_data": 23},
}  # fmt: skip

# include/linux/errno.h: codes that only a tracer sees
RESTARTS = {
    512: ("ERESTARTSYS", "To be restarted if SA_RESTART is set"),
    513: ("ERESTARTNOINTR", "To be restarted"),
    514: ("ERESTARTNOHAND", "To be restarted if no handler"),
    515: ("ENOIOCTLCMD", "No ioctl command"),
    516: ("ERESTART_RESTARTBLOCK", "Interrupted by signal"),
    517: ("EPROBE_DEFER", "Driver requests probe retry"),
    524: ("ENOTSUPP", "Operation is not supported"),
    529: ("EIOCBQUEUED", "iocb queued, will get completion event"),
}

# arch/arm64/include/uapi/asm/fcntl.h and asm/mman.h: where arm64 differs from x86
ARM64_OPEN = {"O_DIRECTORY": 0o40000, "O_NOFOLLOW": 0o100000, "O_DIRECT": 0o200000, "O_LARGEFILE": 0o400000}


def wanted(table: str) -> list[str]:
    """The names of one table."""
    headers, pattern, left_out = MACROS[table]
    return pattern.split() if re.fullmatch(r"[\w ]+", pattern) else chosen(constants(headers), pattern, left_out)


def build() -> dict[str, dict[int, str]]:
    """table -> value -> name."""
    tables: dict[str, dict[int, str]] = {}
    for table, (headers, _, _) in MACROS.items():
        found = values(headers, wanted(table))
        tables[table] = dict(sorted(by_value({**EXTRA.get(table, {}), **found}.items()).items()))
    for table, extra in EXTRA.items():
        tables.setdefault(table, {v: n for n, v in extra.items()})
    arm = {v: n for v, n in tables["open_flags"].items() if n not in ARM64_OPEN and n not in ("O_TMPFILE",)}
    arm |= {v: n for n, v in ARM64_OPEN.items()}
    arm[0o20000000 | 0o40000] = "O_TMPFILE"
    tables["open_flags/aarch64"] = arm
    tables["mmap_flags/aarch64"] = {v: n for v, n in tables["mmap_flags"].items() if n != "MAP_32BIT"}
    tables["mmap_prot/aarch64"] = {**tables["mmap_prot"], 0x10: "PROT_BTI", 0x20: "PROT_MTE"}
    return tables


def errors() -> dict[int, tuple[str, str]]:
    """number -> name, message."""
    names = chosen(constants("asm/errno.h"), r"E[A-Z0-9]+", "EWOULDBLOCK|EDEADLOCK")
    table = {value: (name, os.strerror(value)) for name, value in values("asm/errno.h", names).items()}
    return dict(sorted((table | RESTARTS).items()))


def main() -> None:
    os.environ["LC_ALL"] = "C"
    text = [
        '"""Named constants: table -> value -> name. Made by scripts/make_constants.py; do not edit.\n',
        "Source: the headers named in that script, of linux-libc-dev 6.1 and libc6-dev 2.36, with additions of Linux 6.18.",
        'Messages of errors: strerror of glibc 2.36.\n"""\n',
        "TABLES: dict[str, dict[int, str]] = {",
        *(plain_table(name, rows) for name, rows in build().items()),
        "}\n",
        "# number -> name, text; from 512 on: include/linux/errno.h, which programs never see",
        "ERRORS: dict[int, tuple[str, str]] = {",
        *(f'    {number}: ("{name}", "{message}"),' for number, (name, message) in errors().items()),
        "}\n",
    ]
    TARGET.write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
