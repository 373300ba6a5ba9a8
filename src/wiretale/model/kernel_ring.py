"""Layout of `kernel.events` and `kernel.stacks`: the records that `record/ebpf/wiretale.bpf.c` writes, each behind the
ring's own header.

Fields are those of struct wt_kernel_event and wt_kernel_stack in `wiretale.bpf.h`; a test compares them.
"""

from wiretale.light import dataclass

RING_HEADER_BYTES = 8  # length and flags of a record (kernel/bpf/ringbuf.c)
EVENT_BYTES = 136
STACK_FRAMES = 96
STACK_BYTES = 16 + 8 * STACK_FRAMES

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
    ("other_tgid", "<u4", "its process; events about a device: inode of its network namespace"),
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

# The stack of the event with the same time, CPU and kind.
STACK = [
    ("time_ns", "<u8", "of the event"),
    ("bytes", "<i4", "of frames that are filled; below 0: the stack could not be walked"),
    ("kind", "<u2", "of the event"),
    ("cpu", "<u2", "of the event"),
    ("frames", f"{STACK_FRAMES}<u8", "return addresses, the innermost first; what is not filled has no meaning"),
]


@dataclass(frozen=True, slots=True)
class Kind:
    """One tracepoint: its number in the records, its name in the kernel, what it says, and what its two values mean."""

    number: int
    name: str  # group:tracepoint, as under /sys/kernel/tracing/events
    meaning: str  # what has happened when the kernel passes it
    where: str  # the function that passes it (Linux 6.18), and its file in the kernel tree
    value: str = ""
    value2: str = ""


_PRIORITY = "priority"
_NAMED = (
    ("sched:sched_switch", "the CPU goes from one thread to another", "__schedule, kernel/sched/core.c",
     "state the previous thread was left in (-1: preempted)", "priority of the next"),
    ("sched:sched_waking", "a sleeping thread is about to be made runnable", "try_to_wake_up, kernel/sched/core.c",
     "", _PRIORITY),
    ("sched:sched_wakeup", "the thread is runnable: it waits for a CPU", "ttwu_do_activate, kernel/sched/core.c",
     "", _PRIORITY),
    ("sched:sched_migrate_task", "the thread is moved to another CPU", "set_task_cpu, kernel/sched/core.c",
     "CPU it goes to", _PRIORITY),
    ("sched:sched_process_fork", "a task is made", "kernel_clone, kernel/fork.c", "", _PRIORITY),
    ("sched:sched_process_exec", "the process begins another program", "exec_binprm, fs/exec.c", "thread id before", _PRIORITY),
    ("sched:sched_process_exit", "a task ends", "do_exit, kernel/exit.c", "", _PRIORITY),
    ("irq:softirq_raise", "deferred work is asked for", "__raise_softirq_irqoff, kernel/softirq.c", "vector", ""),
    ("irq:softirq_entry", "the deferred work begins", "handle_softirqs, kernel/softirq.c", "vector", ""),
    ("irq:softirq_exit", "the deferred work is done", "handle_softirqs, kernel/softirq.c", "vector", ""),
    ("napi:napi_poll", "one round of taking packets from a device is over", "__napi_poll, net/core/dev.c", "packets done", "budget"),
    ("net:net_dev_queue", "the packet is handed to the device", "__dev_queue_xmit, net/core/dev.c", "1: the device is a port of a bridge", ""),
    ("net:net_dev_start_xmit", "the device's driver is given the packet", "xmit_one, net/core/dev.c", "", ""),
    ("net:net_dev_xmit", "the driver has answered", "xmit_one, net/core/dev.c", "the driver's answer (0: taken)", ""),
    ("net:netif_rx", "the packet is put into this CPU's queue of received packets", "netif_rx_internal, net/core/dev.c", "", ""),
    ("net:napi_gro_receive_entry", "a driver delivers a received packet", "gro_receive_skb, net/core/gro.c", "", ""),
    ("net:netif_receive_skb", "the packet enters the network stack", "__netif_receive_skb_core, net/core/dev.c", "", ""),
    ("qdisc:qdisc_enqueue", "the packet is put into the device's queue", "dev_qdisc_enqueue, net/core/dev.c", "", ""),
    ("qdisc:qdisc_dequeue", "the packet is taken from the device's queue", "dequeue_skb, net/sched/sch_generic.c", "packets", ""),
    ("skb:kfree_skb", "the packet is dropped", "sk_skb_reason_drop, net/core/skbuff.c", "drop reason", ""),
    ("skb:consume_skb", "the packet, or a capture's copy of it, is used up and freed",
     "consume_skb, net/core/skbuff.c", "", ""),
    ("skb:skb_copy_datagram_iovec", "bytes are copied from the packet to the program", "__skb_datagram_iter, net/core/datagram.c",
     "bytes asked for", ""),
    ("sock:inet_sock_set_state", "the socket changes its state", "inet_sk_state_store, net/ipv4/af_inet.c", "state before", "state after"),
    ("sock:inet_sk_error_report", "the socket's sleepers are told to look for an error", "sk_error_report, net/core/sock.c", "errno", ""),
    ("sock:sk_data_ready", "the socket's sleepers are told that there is something to read", "sock_def_readable, net/core/sock.c", "", ""),
    ("sock:sock_send_length", "the send call has its result", "sock_sendmsg, net/socket.c", "result", "flags"),
    ("sock:sock_recv_length", "the receive call has its result", "sock_recvmsg, net/socket.c", "result", "flags"),
    ("sock:sock_rcvqueue_full", "the receive queue is full", "__sock_queue_rcv_skb, net/core/sock.c", "", ""),
    ("tcp:tcp_sendmsg_locked", "TCP takes bytes from the program", "tcp_sendmsg_locked, net/ipv4/tcp.c", "most bytes of one packet",
     "bytes in the packet so far"),
    ("tcp:tcp_probe", "the segment reaches its connection", "tcp_rcv_established, net/ipv4/tcp_input.c", "congestion window",
     "smoothed round-trip time in us"),
    ("tcp:tcp_retransmit_skb", "a segment is sent again", "__tcp_retransmit_skb, net/ipv4/tcp_output.c", "", ""),
    ("tcp:tcp_retransmit_synack", "the answer to a SYN is sent again", "tcp_rtx_synack, net/ipv4/tcp_output.c", "", ""),
    ("tcp:tcp_send_reset", "a reset is sent", "tcp_v4_send_reset, net/ipv4/tcp_ipv4.c", "reset reason", ""),
    ("tcp:tcp_receive_reset", "a reset has arrived", "tcp_reset, net/ipv4/tcp_input.c", "", ""),
    ("tcp:tcp_rcv_space_adjust", "the program has taken bytes: the receive buffer is adapted", "tcp_rcv_space_adjust, net/ipv4/tcp_input.c", "", ""),
    ("tcp:tcp_destroy_sock", "the TCP socket is taken down", "tcp_v4_destroy_sock, net/ipv4/tcp_ipv4.c", "", ""),
    ("tcp:tcp_cong_state_set", "the state of congestion control is set", "tcp_set_ca_state, net/ipv4/tcp_cong.c", "congestion state", ""),
    ("udp:udp_fail_queue_rcv_skb", "a datagram finds no room in the receive queue", "__udp_queue_rcv_skb, net/ipv4/udp.c", "error", ""),
    ("icmp:icmp_send", "an ICMP message is sent about the packet", "__icmp_send, net/ipv4/icmp.c", "ICMP type", "ICMP code"),
    ("neigh:neigh_update", "what is known of a neighbour's link address changes", "__neigh_update, net/core/neighbour.c", "state before", "state after"),
    ("signal:signal_generate", "a signal is sent to the thread", "__send_signal_locked, kernel/signal.c", "signal", _PRIORITY),
    ("signal:signal_deliver", "a signal is delivered", "get_signal, kernel/signal.c", "signal", ""),
)  # fmt: skip
KINDS = tuple(Kind(number, *named) for number, named in enumerate(_NAMED, 1))
