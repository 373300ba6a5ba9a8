"""Layout of `kernel.events`: the records that `record/ebpf/wiretale.bpf.c` writes, each behind the ring's own header.

Fields are those of struct wt_kernel_event in `wiretale.bpf.h`; a test compares them.
"""

from dataclasses import dataclass

RING_HEADER_BYTES = 8  # length and flags of a record (kernel/bpf/ringbuf.c)
EVENT_BYTES = 136

# name, NumPy type, meaning
EVENT = [
    ("time_ns", "<u8", "CLOCK_MONOTONIC"),
    ("sk", "<u8", "address of the struct sock; 0 if none"),
    ("cookie", "<u8", "its SO_COOKIE; 0 where it cannot be asked"),
    ("skb", "<u8", "address of the struct sk_buff; 0 if none"),
    ("head", "<u8", "its data, which clones share"),
    ("location", "<u8", "kfree_skb: address of the code that freed it"),
    ("tid", "<u4", "the current task: whose thread ran the code"),
    ("tgid", "<u4", "its process"),
    ("other_tid", "<u4", "scheduler events: the task they are about"),
    ("other_tgid", "<u4", "its process"),
    ("value", "<i4", "depends on the kind"),
    ("value2", "<i4", "depends on the kind"),
    ("seq", "<u4", "TCP sequence number"),
    ("ack", "<u4", "TCP acknowledgement number"),
    ("bytes", "<u4", "payload of the transport"),
    ("ifindex", "<u4", "interface"),
    ("kind", "<u2", "number of a Kind"),
    ("cpu", "<u2", "CPU"),
    ("source_port", "<u2", "of a packet; of a socket its own"),
    ("destination_port", "<u2", "of a packet; of a socket the peer's"),
    ("context", "u1", "0 the current task's own stack, 1 softirq or interrupt"),
    ("softirq", "u1", "vector + 1 of the softirq that runs; 0 none"),
    ("family", "u1", "AF_*"),
    ("protocol", "u1", "IPPROTO_*"),
    ("tcp_flags", "u1", "low 8 TCP flags"),
    ("state", "u1", "TCP state of the socket"),
    ("reserved", "<u2", "0"),
    ("source", "V16", "address in network order"),
    ("destination", "V16", "address in network order"),
]


@dataclass(frozen=True, slots=True)
class Kind:
    """One tracepoint: its number in the records, its name in the kernel, and what `value` and `value2` mean."""

    number: int
    name: str  # group:tracepoint, as under /sys/kernel/tracing/events
    value: str = ""
    value2: str = ""


_NAMED = (
    ("sched:sched_switch", "state the previous task was left in (-1: preempted)", "priority of the next"),
    ("sched:sched_waking", "", "priority"),
    ("sched:sched_wakeup", "", "priority"),
    ("sched:sched_migrate_task", "CPU it goes to", "priority"),
    ("sched:sched_process_fork", "", "priority"),
    ("sched:sched_process_exec", "thread id before", "priority"),
    ("sched:sched_process_exit", "", "priority"),
    ("irq:softirq_raise", "vector", ""),
    ("irq:softirq_entry", "vector", ""),
    ("irq:softirq_exit", "vector", ""),
    ("napi:napi_poll", "packets done", "budget"),
    ("net:net_dev_queue", "", ""),
    ("net:net_dev_start_xmit", "", ""),
    ("net:net_dev_xmit", "driver's answer (0: taken)", ""),
    ("net:netif_rx", "", ""),
    ("net:napi_gro_receive_entry", "", ""),
    ("net:netif_receive_skb", "", ""),
    ("qdisc:qdisc_enqueue", "", ""),
    ("qdisc:qdisc_dequeue", "packets", ""),
    ("skb:kfree_skb", "drop reason", ""),
    ("skb:consume_skb", "", ""),
    ("skb:skb_copy_datagram_iovec", "bytes asked for", ""),
    ("sock:inet_sock_set_state", "state before", "state after"),
    ("sock:inet_sk_error_report", "errno", ""),
    ("sock:sk_data_ready", "", ""),
    ("sock:sock_send_length", "result", "flags"),
    ("sock:sock_recv_length", "result", "flags"),
    ("sock:sock_rcvqueue_full", "", ""),
    ("tcp:tcp_sendmsg_locked", "size goal", "bytes in the packet so far"),
    ("tcp:tcp_probe", "congestion window", "smoothed round-trip time in us"),
    ("tcp:tcp_retransmit_skb", "", ""),
    ("tcp:tcp_retransmit_synack", "", ""),
    ("tcp:tcp_send_reset", "reset reason", ""),
    ("tcp:tcp_receive_reset", "", ""),
    ("tcp:tcp_rcv_space_adjust", "", ""),
    ("tcp:tcp_destroy_sock", "", ""),
    ("tcp:tcp_cong_state_set", "congestion state", ""),
    ("udp:udp_fail_queue_rcv_skb", "error", ""),
    ("icmp:icmp_send", "ICMP type", "ICMP code"),
    ("neigh:neigh_update", "state before", "state after"),
    ("signal:signal_generate", "signal", "priority"),
    ("signal:signal_deliver", "signal", ""),
)
KINDS = tuple(Kind(number, *named) for number, named in enumerate(_NAMED, 1))
