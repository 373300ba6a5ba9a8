/* The records that the kernel programs write: shared with the reader (model/kernel_ring.py; a test compares them). */
#ifndef WIRETALE_BPF_H
#define WIRETALE_BPF_H

struct wt_kernel_event {
	__u64 time_ns;		/* CLOCK_MONOTONIC */
	__u64 sk;		/* address of the struct sock; 0 if none */
	__u64 cookie;		/* its SO_COOKIE; 0 where it cannot be asked */
	__u64 skb;		/* address of the struct sk_buff; 0 if none */
	__u64 head;		/* its data: clones share it, so it identifies the packet */
	__u64 location;		/* kfree_skb: the code that freed it */
	__u32 tid, tgid;	/* the current task: whose thread ran the code, not for whom */
	/* Of scheduler events: the task they are about (switch: the next one). Of events about a device, in place of the
	 * process: the inode of its network namespace. */
	__u32 other_tid, other_tgid;
	__s32 value, value2;	/* depends on the kind, see KINDS */
	__u32 seq, ack;		/* TCP header, host order */
	__u32 bytes;		/* payload of the transport, or the argument that counts bytes */
	__u32 ifindex;
	__u16 kind;		/* enum wt_kernel_kind */
	__u16 cpu;
	__u16 source_port, destination_port;	/* of a packet; of a socket: local and peer */
	__u8 context;		/* enum wt_context */
	__u8 softirq;		/* vector + 1 of the softirq that runs on this CPU; 0 if none is known to */
	__u8 family;		/* 2 IPv4, 10 IPv6, else the socket's own */
	__u8 protocol;		/* IPPROTO_* */
	__u8 tcp_flags;
	__u8 state;		/* TCP state of the socket (net/tcp_states.h) */
	__u16 reserved;
	__u8 source[16], destination[16];	/* addresses in network order, IPv4 in the first four bytes */
};

/* An event as it stands in the buffer of its CPU, and in the file. */
struct wt_kernel_slot {
	__u32 bytes;		/* of the event, as a BPF ring buffer has it before a record: stacks come through one */
	__u32 reserved;
	struct wt_kernel_event event;
};

#define WT_WRITING (1ull << 48)			/* added for each program that is writing an event just now */
#define WT_BEGUN_EVENTS (WT_WRITING - 1)	/* which events were begun in all */
#define WT_NESTED 8	/* places kept free: so many programs may interrupt each other after they have looked for room */

/* How far the buffer of one CPU is filled (`begun`, by the programs) and emptied (`taken`, by the recorder). */
struct wt_filling {
	__u64 begun;
	__u64 apart[7];		/* the two are written by different CPUs */
	__u64 taken;
	__u64 end[7];
};

#define WT_STACK_FRAMES 96	/* loopback nests sending in receiving in sending: some 50 are usual */

/* The stack of the event with the same time, CPU and kind; in a ring of its own, because its size is another. */
struct wt_kernel_stack {
	__u64 time_ns;
	__s32 bytes;		/* of `frames` that are filled; below 0: an errno, the stack could not be walked */
	__u16 kind, cpu;
	__u64 frames[WT_STACK_FRAMES];	/* return addresses, the innermost first; what is not filled is left from before */
};

enum wt_context {
	WT_OF_TASK = 0,		/* the current task's own system call */
	WT_DEFERRED = 1,	/* softirq or interrupt: the current task is a bystander */
};

enum wt_kernel_kind {
	WT_SCHED_SWITCH = 1,
	WT_SCHED_WAKING,
	WT_SCHED_WAKEUP,
	WT_SCHED_MIGRATE,
	WT_SCHED_FORK,
	WT_SCHED_EXEC,
	WT_SCHED_EXIT,
	WT_SOFTIRQ_RAISE,
	WT_SOFTIRQ_ENTRY,
	WT_SOFTIRQ_EXIT,
	WT_NAPI_POLL,
	WT_NET_DEV_QUEUE,
	WT_NET_DEV_START_XMIT,
	WT_NET_DEV_XMIT,
	WT_NETIF_RX,
	WT_NAPI_GRO_RECEIVE,
	WT_NETIF_RECEIVE_SKB,
	WT_QDISC_ENQUEUE,
	WT_QDISC_DEQUEUE,
	WT_KFREE_SKB,
	WT_CONSUME_SKB,
	WT_SKB_COPY_DATAGRAM,
	WT_SET_STATE,
	WT_ERROR_REPORT,
	WT_DATA_READY,
	WT_SEND_LENGTH,
	WT_RECV_LENGTH,
	WT_RCVQUEUE_FULL,
	WT_TCP_SENDMSG,
	WT_TCP_PROBE,
	WT_TCP_RETRANSMIT,
	WT_TCP_RETRANSMIT_SYNACK,
	WT_TCP_SEND_RESET,
	WT_TCP_RECEIVE_RESET,
	WT_TCP_RCV_SPACE,
	WT_TCP_DESTROY,
	WT_TCP_CONG_STATE,
	WT_UDP_FAIL_QUEUE,
	WT_ICMP_SEND,
	WT_NEIGH_UPDATE,
	WT_SIGNAL_GENERATE,
	WT_SIGNAL_DELIVER,
	WT_KINDS
};

#endif
