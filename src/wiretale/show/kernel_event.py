"""One kernel event in words: what its tracepoint says, and what this one was about."""

from collections.abc import Mapping

from wiretale.decode.constants import error_name, signal_name
from wiretale.decode.durations import duration
from wiretale.decode.escape import escape_text
from wiretale.decode.icmp_names import icmp_name
from wiretale.join.kernel_path import PathEvent, Reasons
from wiretale.model.enums import NEIGHBOUR_STATES, SOFTIRQS, TCP_STATES
from wiretale.model.kernel_ring import KINDS

MEANING = {kind.name: kind.meaning for kind in KINDS}
WHERE = {kind.name: kind.where for kind in KINDS}
Threads = Mapping[int, str]  # command name and process id by thread id

# Protocols without ports, whose packets are not told from each other (linux/in.h).
_OTHER_PROTOCOLS = {1: "an ICMP message", 2: "an IGMP message", 58: "an ICMPv6 message"}
_WITH_PORTS = (6, 17)  # TCP and UDP
_PACKET_GROUPS = ("net:", "qdisc:", "skb:")
# enum tcp_ca_state of linux/tcp.h
_CONGESTION = {0: "open", 1: "disorder", 2: "CWR (window reduced)", 3: "recovery", 4: "loss"}
_SYN_ACK = 0x12  # the second segment of a handshake
_SHOWN_FLAGS = ((2, "SYN"), (1, "FIN"), (4, "RST"))  # RFC 9293; the others say nothing here


def thread(threads: Threads, tid: int) -> str:
    """A thread, as a capture knows it."""
    return escape_text(threads.get(tid, f"thread {tid}")) if tid else "the idle task"


def in_words(event: PathEvent, threads: Threads, reasons: Reasons) -> str:
    """What the tracepoint means, and the values of this event."""
    detail = _detail(event, threads, reasons)
    return MEANING[event.name] + (f": {detail}" if detail else "")


def _state(number: int) -> str:
    return TCP_STATES.get(number, str(number))


def _device(event: PathEvent) -> str:
    name = escape_text(event.interface or "")
    return f"{name} in network namespace {event.netns}" if event.netns else name


def _packet(event: PathEvent) -> str:
    where = f", {_device(event)}" if event.interface else ""
    if event.packet_number is None:
        known = _OTHER_PROTOCOLS.get(event.protocol or 0) if event.name.startswith(_PACKET_GROUPS) else None
        known = known or (
            f"{event.payload_bytes} bytes" if event.payload_bytes and event.protocol in _WITH_PORTS else ""
        )
        return f"{known}{where}" if known else where.removeprefix(", ")
    seq = f"seq {event.rel_seq}, " if event.rel_seq is not None else ""
    named = [name for bit, name in _SHOWN_FLAGS if (event.flags or 0) & bit]
    named += ["ACK"] if (event.flags or 0) & _SYN_ACK == _SYN_ACK else []
    what = ", ".join(named) + ", " if named else "acknowledgement, " if event.answer and not event.payload_bytes else ""
    size = f"{event.payload_bytes} bytes" if event.payload_bytes else "no payload"
    cut = event.captured_payload is not None and (event.payload_bytes or 0) > event.captured_payload
    parts = "; cut here (GSO), this is its first part" if cut and event.name == "net:net_dev_queue" else ""
    return f"packet {event.packet_number} ({what}{seq}{size}{where}{parts})"


def _socket(event: PathEvent) -> str:
    """Which of a connection's sockets it is about."""
    return f" (of port {event.own_port})" if event.own_port else ""


def _detail(event: PathEvent, threads: Threads, reasons: Reasons) -> str:
    other = thread(threads, event.other_tid or 0)
    match event.name:
        case "sock:inet_sock_set_state":
            return f"{_state(event.value)} to {_state(event.value2)}{_socket(event)}"
        case "sock:inet_sk_error_report":
            return error_name(event.value) if event.value else "there is none"
        case "sock:sk_data_ready" if event.own_port:
            return f"the socket of port {event.own_port}"
        case "tcp:tcp_cong_state_set":
            return _CONGESTION.get(event.value, str(event.value))
        case "icmp:icmp_send":
            return f"{_packet(event)}; {icmp_name(4, event.value, event.value2)}"
        case "sock:sock_send_length" | "sock:sock_recv_length":
            return str(event.value)
        case "skb:kfree_skb":
            return ", ".join(t for t in (_packet(event), reasons.get("drop", {}).get(event.value, "")) if t)
        case "tcp:tcp_send_reset":
            return ", ".join(t for t in (_packet(event), reasons.get("reset", {}).get(event.value, "")) if t)
        case "tcp:tcp_probe":
            known = f"window {event.value} segments, round trip {duration(event.value2 * 1000)}"
            return f"{_packet(event)}; {known}" if event.packet_number is not None else known
        case "neigh:neigh_update":
            before, after = (NEIGHBOUR_STATES.get(n, str(n)) for n in (event.value, event.value2))
            return f"{before} to {after}"
        case "skb:skb_copy_datagram_iovec":
            return f"{event.value} bytes" + (f" of {_packet(event)}" if event.packet_number is not None else "")
        case "signal:signal_generate" | "signal:signal_deliver":
            return signal_name(event.value)
        case "sched:sched_switch":
            return f"to {other}"
        case "sched:sched_migrate_task":
            return f"{other}, to CPU {event.value}"
        case name if name.startswith("sched:"):
            return other
        case name if name.startswith("irq:"):
            return SOFTIRQS[event.value] if event.value in range(len(SOFTIRQS)) else f"vector {event.value}"
    return _packet(event)
