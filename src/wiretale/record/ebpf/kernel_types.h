/*
 * The few fields of the kernel's structures that wiretale reads. Only names and types matter: where a field lies in
 * the running kernel is found when the object is loaded (CO-RE), from the kernel's own type information.
 */
#ifndef WIRETALE_KERNEL_TYPES_H
#define WIRETALE_KERNEL_TYPES_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __be64;
typedef __u64 __le64;
typedef __u16 __sum16;

enum { false, true };
typedef _Bool bool;

enum bpf_map_type_used {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
#define BPF_ANY 0
#define BPF_RB_NO_WAKEUP 1	/* linux/bpf.h: the reader polls; waking it would show up inside the traced call */

/* Only that they are enumerations matters: their names are read from the running kernel. */
enum skb_drop_reason { SKB_NOT_DROPPED_YET };
enum sk_rst_reason { SK_RST_REASON_NOT_SPECIFIED };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	unsigned int __state;
	void *stack;
	int prio;
	int pid, tgid;
	char comm[16];
};

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	int sk_err;
	__u16 sk_type, sk_protocol;
};

struct tcp_sock {
	__u32 snd_cwnd, srtt_us, snd_una, snd_nxt, rcv_nxt;
};

struct net_device {
	int ifindex;
};

struct sk_buff {
	struct sock *sk;
	struct net_device *dev;
	unsigned int len, data_len;
	__be16 protocol;
	__u16 transport_header, network_header, mac_header;
	unsigned char *head, *data;
};

struct napi_struct {
	struct net_device *dev;
};

struct neighbour {
	struct net_device *dev;
	__u8 nud_state;
};

struct kernel_siginfo;
struct netdev_queue;
struct Qdisc;
struct msghdr;
struct k_sigaction;
struct linux_binprm;

/* Which arguments a tracepoint has on this kernel is told by the fields of its twin in the trace buffer. */
struct trace_event_raw_kfree_skb {
	enum skb_drop_reason reason;
};
struct trace_event_raw_tcp_send_reset {
	enum sk_rst_reason reason;
};

#pragma clang attribute pop

#endif
