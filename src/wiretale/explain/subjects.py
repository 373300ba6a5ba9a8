"""The subjects of the knowledge base, one data file each, in the order in which `wiretale explain --list` has them."""

from wiretale.decode.constants.tables import TABLES
from wiretale.explain.entry import Kind
from wiretale.light import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject.

    `tables` are those of `decode/constants` that its names and numbers come from. `prefixes` may be left out when
    asking: reuseport finds SO_REUSEPORT. `level` is the setsockopt level of its options.
    """

    name: str
    title: str
    kind: Kind
    tables: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    level: str = ""


_SUBJECTS = (
    Subject("connection-calls", "calls that make, name and end connections", Kind.CALL),
    Subject("transfer-calls", "calls that move bytes", Kind.CALL),
    Subject("waiting-calls", "calls that wait for several descriptors", Kind.CALL),
    Subject("descriptor-calls", "calls that copy, change and close descriptors", Kind.CALL),
    Subject("process-calls", "calls that make and end processes", Kind.CALL),
    Subject("socket-options", "options of SOL_SOCKET", Kind.OPTION, ("so",), ("SO_",), "SOL_SOCKET"),
    Subject("ip-options", "options of IPPROTO_IP", Kind.OPTION, ("ip",), ("IP_",), "SOL_IP"),
    Subject("ipv6-options", "options of IPPROTO_IPV6", Kind.OPTION, ("ipv6",), ("IPV6_",), "SOL_IPV6"),
    Subject("tcp-options", "options of IPPROTO_TCP", Kind.OPTION, ("tcp",), ("TCP_",), "SOL_TCP"),
    Subject("udp-options", "options of IPPROTO_UDP", Kind.OPTION, ("udp",), ("UDP_",), "SOL_UDP"),
    Subject(
        "socket-constants",
        "address families, socket types, protocols, option levels",
        Kind.CONSTANT,
        ("family", "socket_kind", "socket_flags", "shutdown", "sockopt_level", "ip_protocol", "scm"),
        ("AF_", "SOCK_", "SHUT_", "SOL_", "IPPROTO_", "SCM_"),
    ),
    Subject(
        "descriptor-constants",
        "flags and commands of descriptors",
        Kind.CONSTANT,
        ("open_flags", "fd_flags", "fcntl_cmd", "ioctl", "eventfd", "splice", "epoll_ctl", "close_range"),
        ("O_", "FD_", "F_", "EFD_", "SPLICE_F_", "EPOLL_CTL_"),
    ),
    Subject("message-flags", "flags of send and recv", Kind.MESSAGE_FLAG, ("msg",), ("MSG_",)),
    Subject("events", "events of poll and epoll", Kind.EVENT, ("poll", "epoll"), ("POLL", "EPOLL")),
    Subject("tcp-states", "states of a TCP connection", Kind.STATE, ("tcp_state",)),
    Subject("tcp-flags", "flags of the TCP header", Kind.FLAG),
    Subject("tcp-header-options", "options of the TCP header", Kind.HEADER_OPTION),
    Subject("tcp-analysis", "what the analysis of TCP segments finds", Kind.ANALYSIS),
    Subject("errors", "errors", Kind.ERROR, (), ("E",)),
    Subject("signals", "signals", Kind.SIGNAL, ("signal",), ("SIG",)),
    Subject("kernel-entry", "the kernel: how calls come in, reach their file, and wait", Kind.FUNCTION),
    Subject("kernel-sockets", "the kernel: sockets", Kind.FUNCTION),
    Subject("kernel-tcp", "the kernel: TCP", Kind.FUNCTION),
    Subject("kernel-udp-ip", "the kernel: UDP, IP, ICMP, routes, neighbours", Kind.FUNCTION),
    Subject("kernel-devices", "the kernel: devices and packets", Kind.FUNCTION),
    Subject("kernel-scheduling", "the kernel: scheduler, softirqs, tasks, signals", Kind.FUNCTION),
    Subject("topics", "how things work together", Kind.TOPIC),
)
SUBJECTS: dict[str, Subject] = {subject.name: subject for subject in _SUBJECTS}
CALL_SUBJECTS = tuple(subject for subject in _SUBJECTS if subject.kind is Kind.CALL)


def numbers(subject: Subject, names: tuple[str, ...]) -> dict[str, int]:
    """The number of each of these names that stands in a table of the subject."""
    found: dict[str, int] = {}
    for table in subject.tables:
        for value, name in TABLES[table].items():
            if name in names:
                found.setdefault(name, value)
    return found
