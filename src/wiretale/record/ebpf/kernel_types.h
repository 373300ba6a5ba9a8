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
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __s32 int32_t;
typedef __u64 uint64_t;
typedef __s64 int64_t;

enum { false, true };
typedef _Bool bool;

enum bpf_map_type_used {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
#define BPF_ANY 0
#define BPF_F_NO_PREALLOC 1
#define BPF_F_MMAPABLE 1024
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1
#define BPF_RB_NO_WAKEUP 1	/* linux/bpf.h: the reader polls; waking it would show up inside the traced call */

/* Only that they are enumerations matters: their names are read from the running kernel. */
enum skb_drop_reason { SKB_NOT_DROPPED_YET };
enum sk_rst_reason { SK_RST_REASON_NOT_SPECIFIED };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	__s64 counter;
} atomic64_t;

/* -- tasks -- */

struct thread_info {
	__u32 status;	/* x86: TS_COMPAT while a 32-bit call runs */
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid, euid, suid, fsuid;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	unsigned int flags;
	void *stack;
	int prio;
	int pid, tgid;
	char comm[16];
	int exit_code;
	struct task_struct *real_parent, *group_leader;
	const struct cred *cred;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
};

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};

struct nsproxy {
	struct net *net_ns;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
	__u64 net_cookie;
};

/* -- files and paths -- */

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct fs_struct {
	struct path root, pwd;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct qstr {
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};

struct super_block {
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

/* -- sockets and packets -- */

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	atomic64_t skc_cookie;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	int sk_err;
	__u16 sk_type, sk_protocol;
};

struct socket {
	struct sock *sk;
};

struct ipv6_pinfo {
	struct in6_addr saddr;
};

struct inet_sock {
	struct ipv6_pinfo *pinet6;
	__be32 inet_saddr;
	__be16 inet_sport;
};

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct netlink_sock {
	__u32 portid, dst_portid;
};

struct tcp_sock {
	__u32 snd_cwnd, srtt_us, snd_una, snd_nxt, rcv_nxt;
};

struct net_device {
	int ifindex;
	possible_net_t nd_net;
	char name[16];	/* IFNAMSIZ */
	unsigned long priv_flags:32;	/* a bit field since Linux 6.10, no matter to CO-RE */
};

enum netdev_priv_flags {
	IFF_BRIDGE_PORT = 1 << 9,	/* linux/netdevice.h */
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

struct pt_regs {
#if defined(__TARGET_ARCH_x86)
	unsigned long r10, r9, r8, dx, si, di, bx, cx, bp, ip, sp, orig_ax;
#elif defined(__TARGET_ARCH_arm64)
	unsigned long long regs[31], sp, pc, orig_x0;
	int syscallno;
#endif
};

/* What the iterator over the open files of all tasks gives. */
struct bpf_iter__task_file {
	struct task_struct *task;
	struct file *file;
};

struct kernel_siginfo;
struct netdev_queue;
struct Qdisc;
struct msghdr;
struct k_sigaction;

struct linux_binprm {
	const char *filename, *interp;	/* the interpreter of a script, else the same */
};

/* Which arguments a tracepoint has on this kernel is told by the fields of its twin in the trace buffer. */
struct trace_event_raw_kfree_skb {
	enum skb_drop_reason reason;
};
struct trace_event_raw_tcp_send_reset {
	enum sk_rst_reason reason;
};

#pragma clang attribute pop

#endif
