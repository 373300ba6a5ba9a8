/*
 * What the kernel does for the traced tasks: BTF tracepoints only, so that it loads without kprobes or fentry.
 *
 * Which events are kept is decided here, by task and by socket, never by the name of whatever ran: the receive path of
 * one process runs on loopback inside another's write(), or in any bystander's softirq.
 *   - A task is traced if the recorder forked it, if it was named in `tasks`, or if a traced task forked it.
 *   - A socket is followed from the call that made it or, of a task that was attached, from then on. Its local port is
 *     remembered, so that packets for it and sockets made from it (a listener's children) are followed before any task
 *     has them.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "wiretale.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define STACK_SHIFT 14	/* THREAD_SIZE is 16 KB on x86-64 and arm64 */
#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define AF_INET 2
#define AF_INET6 10
#define TCP 6
#define UDP 17
#define TASK_TRACED 8	/* __TASK_TRACED of linux/sched.h */
#define PF_KTHREAD 0x00200000	/* linux/sched.h */
#define S_IFMT 0170000	/* linux/stat.h */
#define S_IFSOCK 0140000
/* The calls that make a socket or give it a port (asm/unistd.h). */
#if defined(__TARGET_ARCH_x86)
#define NR_SOCKET 41
#define NR_CONNECT 42
#define NR_BIND 49
#else
#define NR_SOCKET 198
#define NR_BIND 200
#define NR_CONNECT 203
#endif
#define NET_TX 2	/* linux/interrupt.h */
#define NET_RX 3

/* A socket of ours, as it was when it was last looked at. */
struct followed {
	__u64 cookie;	/* 0 until somebody asked for one: addresses are used again */
	__u64 port;
};

#define SEEN_SOCKETS 4096

#define PORTS_OF_BYTES 64	/* of one element of `ports` */

struct some_ports {
	__u8 followed[PORTS_OF_BYTES];
};

struct softirq_state {
	__u64 entry_ns;	/* of the softirq that runs, if its entry was not written yet */
	__u32 vector;	/* + 1 */
	__u32 written;
};

/* What each CPU has recorded and the recorder not yet taken. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);		/* `events_of_cpu` for each CPU; the loader sets it */
	__type(key, __u32);
	__type(value, struct wt_kernel_slot);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);		/* one for each CPU; the loader sets it */
	__type(key, __u32);
	__type(value, struct wt_filling);
} filling SEC(".maps");

/* The loader sets it. */
const volatile __u64 events_of_cpu SEC(".rodata.events") = 1;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u8);
} tasks SEC(".maps");	/* by tgid */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct followed);
} sockets SEC(".maps");	/* by address */

/* Sockets that were ours when they were last looked at, by the low bits of their cookie: most events find theirs here,
 * without a call. No two sockets ever have the same cookie (net/core/sock_diag.c __sock_gen_cookie). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEEN_SOCKETS);
	__type(key, __u32);
	__type(value, struct followed);
} seen SEC(".maps");

/* A byte for each port of TCP, of UDP, of all else: looked up twice for each packet, where hashing would cost much more. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3 * 65536 / PORTS_OF_BYTES);
	__type(key, __u32);
	__type(value, struct some_ports);
} ports SEC(".maps");

/* Threads that stand in a ptrace stop: what the scheduler does for those is the recorder's doing, not the program's. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u8);
} stopped SEC(".maps");	/* by tid */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct softirq_state);
} softirqs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} recorder SEC(".maps");	/* its tgid: the processes it forks are the programs to trace */

/* Of at most so many events of each kind in each context a stack is taken; 0: none, ~0: of all. The loader sets it. */
const volatile __u64 stacks_of_each_kind SEC(".rodata.stacks") = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 12);	/* bytes; the loader sets it */
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * WT_KINDS);
	__type(key, __u32);
	__type(value, __u64);
} stacks_taken SEC(".maps");	/* by kind and context */

#define NAME_BYTES 16	/* IFNAMSIZ, and TASK_COMM_LEN */

struct name {
	union {
		char text[NAME_BYTES];
		__u64 word[2];
	};
};

struct place {
	__u32 netns, ifindex;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct place);
	__type(value, struct name);
} devices SEC(".maps");	/* an index alone says nothing, and a device may be gone when the recording ends */

/* Tasks that are not traced and had a CPU before or after one that is, or lent their time to what was done for one. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct name);
} strangers SEC(".maps");	/* by tid */

/* Per kind: events that found the ring full; behind them, per kind, events written; then stacks that found theirs full. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3 * WT_KINDS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static const __u8 YES = 1;

static __always_inline void count(__u32 index)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &index);
	if (counter)
		*counter += 1;
}

/*
 * The verifier allows no arithmetic on `ctx` but the difference of two pointers, which is a plain number (kernel/bpf/
 * verifier.c adjust_reg_min_max_vals); so is what bpf_get_current_task() returns.
 */
static __always_inline bool on_task_stack(void *ctx, struct task_struct *task)
{
	__u64 here = (__u64)ctx - (__u64)task + bpf_get_current_task();
	return here >> STACK_SHIFT == (__u64)task->stack >> STACK_SHIFT;
}

/*
 * Whether the current task came into the kernel by itself, with a system call. An interrupt that hits a task in user
 * space runs on that task's stack, as it is empty, and so do the softirqs after it (x86 asm/irq_stack.h); only the
 * registers saved at the top of the stack tell it from a call: there is no call's number (x86 entry_64.S idtentry_body:
 * orig_ax is -1; arm64 asm/ptrace.h: NO_SYSCALL). A page fault looks the same; nothing that is recorded here is done in
 * one.
 */
static __always_inline bool in_system_call(struct task_struct *task)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
#if defined(__TARGET_ARCH_x86)
	return (__s64)regs->orig_ax >= 0;
#else
	return regs->syscallno >= 0;
#endif
}

/*
 * Softirq or interrupt: the current task is a bystander. ksoftirqd runs softirqs on its own stack, as other tasks never
 * do (kernel/softirq.c run_ksoftirqd).
 */
static __always_inline bool is_deferred(void *ctx, struct task_struct *task)
{
	struct softirq_state *running;
	__u32 zero = 0;
	if (!on_task_stack(ctx, task))
		return true;
	if (!(task->flags & PF_KTHREAD))
		return !in_system_call(task);
	running = bpf_map_lookup_elem(&softirqs, &zero);
	return running && running->vector;
}

static __always_inline bool is_traced(__u32 tgid)
{
	return bpf_map_lookup_elem(&tasks, &tgid) != NULL;
}

static __always_inline bool current_is_traced(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	return is_traced(task->tgid) && on_task_stack(ctx, task) && in_system_call(task);
}

/* A name may change (exec), and a number come again: the last one stays. */
static __always_inline void note_stranger(struct task_struct *task)
{
	__u32 tid = task->pid;
	struct name now, *known = bpf_map_lookup_elem(&strangers, &tid);
	__builtin_memcpy(now.text, task->comm, NAME_BYTES);
	if (!tid || (known && known->word[0] == now.word[0] && known->word[1] == now.word[1]))
		return;
	bpf_map_update_elem(&strangers, &tid, &now, BPF_ANY);
}

static __always_inline void put_device(struct wt_kernel_event *e, const struct net_device *device)
{
	struct place place = {};
	struct name now;
	e->ifindex = place.ifindex = device->ifindex;
	if (!place.ifindex)	/* the packet has no device yet */
		return;
	e->other_tgid = place.netns = device->nd_net.net->ns.inum;
	if (bpf_map_lookup_elem(&devices, &place))
		return;
	__builtin_memcpy(now.text, device->name, NAME_BYTES);
	bpf_map_update_elem(&devices, &place, &now, BPF_ANY);
}

/*
 * A place for an event of this CPU. Programs interrupt each other (an interrupt another's, a softirq a call's), so one
 * number says both how many places are taken and how many programs are still writing theirs: where the recorder reads
 * that none is, all of them are whole.
 */
static __always_inline struct wt_kernel_slot *take_slot(__u32 cpu)
{
	struct wt_filling *f = bpf_map_lookup_elem(&filling, &cpu);
	__u64 begun;
	__u32 index;
	if (!f)
		return NULL;
	begun = *(volatile __u64 *)&f->begun & WT_BEGUN_EVENTS;
	if (begun - *(volatile __u64 *)&f->taken + WT_NESTED >= events_of_cpu)
		return NULL;
	begun = __sync_fetch_and_add(&f->begun, WT_WRITING + 1);
	index = cpu * (__u32)events_of_cpu + (__u32)((begun & WT_BEGUN_EVENTS) % events_of_cpu);
	return bpf_map_lookup_elem(&events, &index);
}

static __always_inline struct wt_kernel_event *begin_in(struct task_struct *task, enum wt_context context, __u16 kind)
{
	__u32 cpu = bpf_get_smp_processor_id(), zero = 0;
	struct wt_kernel_slot *slot = take_slot(cpu);
	struct softirq_state *running;
	struct wt_kernel_event *e;
	if (!slot) {
		count(kind);
		return NULL;
	}
	count(WT_KINDS + kind);
	__builtin_memset(slot, 0, sizeof(*slot));
	slot->bytes = sizeof(*e);
	e = &slot->event;
	e->time_ns = bpf_ktime_get_ns();
	e->kind = kind;
	e->cpu = cpu;
	e->tid = task->pid;
	e->tgid = task->tgid;
	e->context = context;
	running = bpf_map_lookup_elem(&softirqs, &zero);
	if (running && e->context == WT_DEFERRED)
		e->softirq = running->vector;
	return e;
}

static __always_inline struct wt_kernel_event *begin(void *ctx, __u16 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	return begin_in(task, is_deferred(ctx, task) ? WT_DEFERRED : WT_OF_TASK, kind);
}

/* How the kernel came here. Which of the frames belong to a bystander is found later, by their names. */
static __always_inline void take_stack(void *ctx, __u16 kind, __u16 cpu, __u8 context, __u64 time_ns)
{
	struct wt_kernel_stack *s;
	__u32 index = 2 * kind + context;
	__u64 *taken = bpf_map_lookup_elem(&stacks_taken, &index);
	if (!taken || *taken >= stacks_of_each_kind)
		return;
	__sync_fetch_and_add(taken, 1);
	s = bpf_ringbuf_reserve(&stacks, sizeof(*s), 0);
	if (!s) {
		count(2 * WT_KINDS + kind);
		return;
	}
	s->time_ns = time_ns;
	s->kind = kind;
	s->cpu = cpu;
	s->bytes = (__s32)bpf_get_stack(ctx, s->frames, sizeof(s->frames), 0);
	bpf_ringbuf_submit(s, BPF_RB_NO_WAKEUP);
}

static __always_inline void end_without_stack(struct wt_kernel_event *e)
{
	__u32 cpu = e->cpu;
	struct wt_filling *f = bpf_map_lookup_elem(&filling, &cpu);
	/* What it returns is looked at, because only then are the stores before it seen before it (on arm64). */
	if (f && __sync_fetch_and_sub(&f->begun, WT_WRITING) < WT_WRITING)
		count(0);
}

static __always_inline void end(void *ctx, struct wt_kernel_event *e)
{
	__u64 time_ns = e->time_ns;
	__u16 kind = e->kind, cpu = e->cpu;
	__u8 context = e->context;
	end_without_stack(e);
	if (stacks_of_each_kind)	/* the verifier takes this out where there are none to take */
		take_stack(ctx, kind, cpu, context, time_ns);
}

/* The entry of a softirq is written when something of ours happens in it, with the time at which it began. */
static __always_inline void note_softirq(void *ctx)
{
	__u32 zero = 0;
	struct softirq_state *running = bpf_map_lookup_elem(&softirqs, &zero);
	struct wt_kernel_event *e;
	if (!running || !running->vector || running->written || !is_deferred(ctx, bpf_get_current_task_btf()))
		return;
	running->written = 1;
	if (!is_traced(bpf_get_current_pid_tgid() >> 32))
		note_stranger(bpf_get_current_task_btf());
	e = begin(ctx, WT_SOFTIRQ_ENTRY);
	if (!e)
		return;
	e->time_ns = running->entry_ns;
	e->value = (__s32)running->vector - 1;
	end_without_stack(e);	/* it is not there any more */
}

static __always_inline __u8 *port_of(__u16 number, __u16 protocol)
{
	__u32 of = protocol == TCP ? 0 : protocol == UDP ? 1 : 2;
	__u32 index = (of << 16 | number) / PORTS_OF_BYTES;
	struct some_ports *some = bpf_map_lookup_elem(&ports, &index);
	return some ? &some->followed[number % PORTS_OF_BYTES] : NULL;
}

static __always_inline void follow_port(__u16 number, __u16 protocol)
{
	__u8 *followed = port_of(number, protocol);
	if (number && followed && !*followed)	/* a line that is only read stays in every CPU's cache */
		*followed = 1;
}

static __always_inline bool is_followed_port(__u16 number, __u16 protocol)
{
	__u8 *followed = port_of(number, protocol);
	return number && followed && *followed;
}

/* Whether a socket is ours that was not lately; learns it. Request and time-wait sockets have the common part only. */
static __noinline bool is_ours_by_now(void *ctx, const struct sock *sk)
{
	__u64 key = (__u64)sk, cookie = sk->__sk_common.skc_cookie.counter;
	unsigned char state = sk->__sk_common.skc_state;
	__u16 number = sk->__sk_common.skc_num, protocol = state == 6 || state == 12 ? TCP : sk->sk_protocol;
	struct followed *known = bpf_map_lookup_elem(&sockets, &key), now;
	if (known && known->cookie && known->cookie != cookie) {	/* that one is gone, and another lies where it lay */
		bpf_map_delete_elem(&sockets, &key);
		known = NULL;
	}
	if (known) {
		if (known->cookie != cookie)
			known->cookie = cookie;
		if (known->port != number) {
			known->port = number;
			follow_port(number, protocol);
		}
		return true;
	}
	if (!current_is_traced(ctx) && !is_followed_port(number, protocol))
		return false;
	now.cookie = cookie;
	now.port = number;
	bpf_map_update_elem(&sockets, &key, &now, BPF_ANY);
	follow_port(number, protocol);
	return true;
}

static __always_inline bool is_ours(void *ctx, const struct sock *sk)
{
	struct followed *seen_there;
	__u64 cookie, number;
	__u32 at;
	if (!sk)
		return false;
	cookie = sk->__sk_common.skc_cookie.counter;
	number = sk->__sk_common.skc_num;
	at = cookie & (SEEN_SOCKETS - 1);
	seen_there = bpf_map_lookup_elem(&seen, &at);
	if (seen_there && cookie && seen_there->cookie == cookie && seen_there->port == number)
		return true;
	if (!is_ours_by_now(ctx, sk))
		return false;
	if (seen_there && cookie) {
		seen_there->cookie = cookie;
		seen_there->port = number;
	}
	return true;
}

/* An open file of a traced task: if it is a socket that packets can be for, it is ours from now on. */
static __always_inline void follow_file(struct file *file)
{
	struct socket *socket;
	struct sock *sk;
	__u16 family;
	struct followed now = {};
	__u64 key;
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	key = (__u64)sk;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (!sk || (family != AF_INET && family != AF_INET6))
		return;
	now.cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	bpf_map_update_elem(&sockets, &key, &now, BPF_ANY);	/* its port may come later */
	follow_port(BPF_CORE_READ(sk, __sk_common.skc_num), BPF_CORE_READ(sk, sk_protocol));
}

/* A socket gets its cookie when somebody asks for the first time. */
static __always_inline __u64 cookie_of(const struct sock *sk)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;
	return cookie ? cookie : bpf_get_socket_cookie((void *)sk);
}

static __always_inline void put_socket(struct wt_kernel_event *e, const struct sock *sk)
{
	if (!sk)
		return;
	e->sk = (__u64)sk;
	e->family = (__u8)sk->__sk_common.skc_family;
	e->state = sk->__sk_common.skc_state;
	/* time-wait and request sockets end after the common part */
	e->protocol = e->state == 6 || e->state == 12 ? TCP : (__u8)sk->sk_protocol;
	e->source_port = sk->__sk_common.skc_num;
	e->destination_port = bpf_ntohs(sk->__sk_common.skc_dport);
	if (e->family == AF_INET) {
		__be32 local = sk->__sk_common.skc_rcv_saddr, peer = sk->__sk_common.skc_daddr;
		__builtin_memcpy(e->source, &local, 4);
		__builtin_memcpy(e->destination, &peer, 4);
	} else if (e->family == AF_INET6) {
		BPF_CORE_READ_INTO(&e->source, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&e->destination, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
}

/* What the headers of a packet say. The transport header may not be set yet on the way in: it follows IP. */
struct headers {
	__u16 source_port, destination_port;
	__u32 seq, ack, bytes;
	__u8 family, protocol, tcp_flags;
	__u8 source[16], destination[16];
};

static __always_inline bool read_headers(const struct sk_buff *skb, struct headers *h)
{
	unsigned char *head = skb->head;
	__u16 network = skb->network_header, type = bpf_ntohs(skb->protocol);
	/* Both headers, where IP's has no options; there is always as much, the packet's shared info follows its data. */
	__u8 ip[60], *transport = ip + 20;
	__u32 ip_bytes, total;
	__builtin_memset(h, 0, sizeof(*h));
	if (type != ETH_IPV4 && type != ETH_IPV6)
		return false;
	if (bpf_probe_read_kernel(ip, sizeof(ip), head + network))
		return false;
	if (type == ETH_IPV4 && ip[0] >> 4 == 4) {
		h->family = AF_INET;
		h->protocol = ip[9];
		ip_bytes = (ip[0] & 15) * 4;
		total = (__u32)ip[2] << 8 | ip[3];
		__builtin_memcpy(h->source, ip + 12, 4);
		__builtin_memcpy(h->destination, ip + 16, 4);
	} else if (type == ETH_IPV6 && ip[0] >> 4 == 6) {
		h->family = AF_INET6;
		h->protocol = ip[6];
		ip_bytes = 40;
		transport = ip + 40;
		total = ((__u32)ip[4] << 8 | ip[5]) + 40;
		__builtin_memcpy(h->source, ip + 8, 16);
		__builtin_memcpy(h->destination, ip + 24, 16);
	} else {
		return false;
	}
	if (h->protocol != TCP && h->protocol != UDP)
		return true;
	if (h->family == AF_INET && ip_bytes != 20 && bpf_probe_read_kernel(transport, 20, head + network + ip_bytes))
		return true;
	h->source_port = (__u16)transport[0] << 8 | transport[1];
	h->destination_port = (__u16)transport[2] << 8 | transport[3];
	if (h->protocol == UDP) {
		h->bytes = ((__u32)transport[4] << 8 | transport[5]) - 8;
		return true;
	}
	h->seq = (__u32)transport[4] << 24 | (__u32)transport[5] << 16 | (__u32)transport[6] << 8 | transport[7];
	h->ack = (__u32)transport[8] << 24 | (__u32)transport[9] << 16 | (__u32)transport[10] << 8 | transport[11];
	h->tcp_flags = transport[13];
	h->bytes = total - ip_bytes - (transport[12] >> 4) * 4;
	return true;
}

static __always_inline void put_packet(struct wt_kernel_event *e, const struct sk_buff *skb, const struct headers *h)
{
	e->skb = (__u64)skb;
	e->head = (__u64)skb->head;
	put_device(e, skb->dev);
	if (!h->family)
		return;
	e->family = h->family;
	e->protocol = h->protocol;
	e->source_port = h->source_port;
	e->destination_port = h->destination_port;
	e->seq = h->seq;
	e->ack = h->ack;
	e->bytes = h->bytes;
	e->tcp_flags = h->tcp_flags;
	__builtin_memcpy(e->source, h->source, 16);
	__builtin_memcpy(e->destination, h->destination, 16);
}

/* One event about a packet, if it is ours: by its socket, or by one of its ports. */
static __always_inline struct wt_kernel_event *begin_packet(void *ctx, const struct sk_buff *skb, __u16 kind)
{
	const struct sock *sk = skb->sk;
	struct wt_kernel_event *e;
	struct headers h;
	bool by_socket = is_ours(ctx, sk), known = read_headers(skb, &h);
	if (by_socket && known)
		follow_port(h.source_port, h.protocol);
	if (!by_socket && !(known && (is_followed_port(h.destination_port, h.protocol) ||
				      is_followed_port(h.source_port, h.protocol))))
		return NULL;
	note_softirq(ctx);
	e = begin(ctx, kind);
	if (!e)
		return NULL;
	put_packet(e, skb, &h);
	/* Who owns the packet's memory: the sender on its way out. On its way in it may still be the sender (veth). */
	e->sk = (__u64)sk;
	return e;
}

static __always_inline struct wt_kernel_event *begin_socket(void *ctx, const struct sock *sk, __u16 kind)
{
	struct wt_kernel_event *e;
	if (!is_ours(ctx, sk))
		return NULL;
	note_softirq(ctx);
	e = begin(ctx, kind);
	if (e)
		put_socket(e, sk);
	return e;
}

/* -- following sockets --------------------------------------------------------------------------------------------- */

/* No tracepoint of sockets passes before the first datagram has been queued: the calls themselves are looked at. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
#if defined(__TARGET_ARCH_x86)
	long number = regs->orig_ax;
	__u32 fd = (__u32)regs->di;
#else
	long number = regs->syscallno;
	__u32 fd = (__u32)regs->orig_x0;
#endif
	struct task_struct *task;
	struct file *file = NULL, **files;
	if (number != NR_SOCKET && number != NR_BIND && number != NR_CONNECT)
		return 0;
	if (!is_traced(bpf_get_current_pid_tgid() >> 32))
		return 0;
	if (number == NR_SOCKET) {
		if (result < 0)
			return 0;
		fd = (__u32)result;
	}
	task = (void *)bpf_get_current_task();
	if (fd >= BPF_CORE_READ(task, files, fdt, max_fds))
		return 0;
	files = BPF_CORE_READ(task, files, fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + fd) == 0)
		follow_file(file);
	return 0;
}

/* Run once for each task that is attached: what it has open already. */
SEC("iter/task_file")
int on_task_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	if (task && file && is_traced(BPF_CORE_READ(task, tgid)))
		follow_file(file);
	return 0;
}

/* -- scheduler ---------------------------------------------------------------------------------------------------- */

static __always_inline void about(struct wt_kernel_event *e, struct task_struct *task)
{
	e->other_tid = task->pid;
	e->other_tgid = task->tgid;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct wt_kernel_event *e;
	bool leaves = is_traced(prev->tgid), comes = is_traced(next->tgid);
	__u32 from = prev->pid, to = next->pid;
	if (leaves && !preempt && prev->__state & TASK_TRACED) {
		bpf_map_update_elem(&stopped, &from, &YES, BPF_ANY);
		leaves = false;
	}
	if (comes && bpf_map_lookup_elem(&stopped, &to)) {
		bpf_map_delete_elem(&stopped, &to);
		comes = false;
	}
	if (!leaves && !comes)
		return 0;
	if (!is_traced(prev->tgid))
		note_stranger(prev);
	if (!is_traced(next->tgid))
		note_stranger(next);
	e = begin(ctx, WT_SCHED_SWITCH);
	if (!e)
		return 0;
	e->tid = prev->pid;
	e->tgid = prev->tgid;
	about(e, next);
	e->value = preempt ? -1 : (__s32)prev->__state;
	e->value2 = next->prio;
	if (leaves)
		end(ctx, e);
	else
		end_without_stack(e);	/* it would be that of a bystander */
	return 0;
}

static __always_inline int task_event(void *ctx, struct task_struct *task, __u16 kind, __s32 value)
{
	struct wt_kernel_event *e;
	__u32 tid = task->pid;
	if (!is_traced(task->tgid))
		return 0;
	if (kind <= WT_SCHED_MIGRATE && bpf_map_lookup_elem(&stopped, &tid))
		return 0;
	note_softirq(ctx);
	e = begin(ctx, kind);
	if (!e)
		return 0;
	about(e, task);
	e->value = value;
	e->value2 = task->prio;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(on_sched_waking, struct task_struct *task)
{
	return task_event(ctx, task, WT_SCHED_WAKING, 0);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_sched_wakeup, struct task_struct *task)
{
	return task_event(ctx, task, WT_SCHED_WAKEUP, 0);
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_sched_migrate_task, struct task_struct *task, int cpu)
{
	return task_event(ctx, task, WT_SCHED_MIGRATE, cpu);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = parent->tgid, tgid = child->tgid, zero = 0;
	__u32 *recording = bpf_map_lookup_elem(&recorder, &zero);
	if (recording && from == *recording ? tgid == from : !is_traced(from))
		return 0;
	bpf_map_update_elem(&tasks, &tgid, &YES, BPF_ANY);
	return task_event(ctx, child, WT_SCHED_FORK, 0);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_sched_process_exec, struct task_struct *task, int old_pid)
{
	return task_event(ctx, task, WT_SCHED_EXEC, old_pid);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_sched_process_exit, struct task_struct *task)
{
	return task_event(ctx, task, WT_SCHED_EXIT, 0);
}

/* -- softirq ------------------------------------------------------------------------------------------------------ */

SEC("tp_btf/softirq_raise")
int BPF_PROG(on_softirq_raise, unsigned int vector)
{
	struct wt_kernel_event *e;
	if ((vector != NET_RX && vector != NET_TX) || !current_is_traced(ctx))
		return 0;
	e = begin_in(bpf_get_current_task_btf(), WT_OF_TASK, WT_SOFTIRQ_RAISE);
	if (!e)
		return 0;
	e->value = (__s32)vector;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(on_softirq_entry, unsigned int vector)
{
	__u32 zero = 0;
	struct softirq_state *running = bpf_map_lookup_elem(&softirqs, &zero);
	if (!running)
		return 0;
	running->entry_ns = bpf_ktime_get_ns();
	running->vector = vector + 1;
	running->written = 0;
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(on_softirq_exit, unsigned int vector)
{
	__u32 zero = 0;
	struct softirq_state *running = bpf_map_lookup_elem(&softirqs, &zero);
	struct wt_kernel_event *e;
	if (!running)
		return 0;
	if (running->written && (e = begin(ctx, WT_SOFTIRQ_EXIT))) {
		e->value = (__s32)vector;
		end(ctx, e);
	}
	running->vector = 0;
	running->written = 0;
	return 0;
}

SEC("tp_btf/napi_poll")
int BPF_PROG(on_napi_poll, struct napi_struct *napi, int work, int budget)
{
	__u32 zero = 0;
	struct softirq_state *running = bpf_map_lookup_elem(&softirqs, &zero);
	struct wt_kernel_event *e;
	if (!running || !running->written || !(e = begin(ctx, WT_NAPI_POLL)))
		return 0;
	put_device(e, napi->dev);
	e->value = work;
	e->value2 = budget;
	end(ctx, e);
	return 0;
}

/* -- devices and packets ------------------------------------------------------------------------------------------ */

#define PACKET_EVENT(name, kind_of) \
SEC("tp_btf/" #name) \
int BPF_PROG(on_##name, struct sk_buff *skb) \
{ \
	struct wt_kernel_event *e = begin_packet(ctx, skb, kind_of); \
	if (e) \
		end(ctx, e); \
	return 0; \
}

PACKET_EVENT(net_dev_start_xmit, WT_NET_DEV_START_XMIT)
PACKET_EVENT(netif_rx, WT_NETIF_RX)
PACKET_EVENT(napi_gro_receive_entry, WT_NAPI_GRO_RECEIVE)
PACKET_EVENT(netif_receive_skb, WT_NETIF_RECEIVE_SKB)
PACKET_EVENT(consume_skb, WT_CONSUME_SKB)

SEC("tp_btf/net_dev_queue")
int BPF_PROG(on_net_dev_queue, struct sk_buff *skb)
{
	struct wt_kernel_event *e = begin_packet(ctx, skb, WT_NET_DEV_QUEUE);
	struct net_device *device = skb->dev;
	if (!e)
		return 0;
	e->value = (BPF_CORE_READ_BITFIELD_PROBED(device, priv_flags) &
		    bpf_core_enum_value(enum netdev_priv_flags, IFF_BRIDGE_PORT)) != 0;
	end(ctx, e);
	return 0;
}

/* After the driver took it the packet may be gone already; only what the tracepoint itself gives is certain. */
SEC("tp_btf/net_dev_xmit")
int BPF_PROG(on_net_dev_xmit, struct sk_buff *skb, int result, struct net_device *dev, unsigned int bytes)
{
	struct wt_kernel_event *e;
	if (!current_is_traced(ctx))
		return 0;
	e = begin_in(bpf_get_current_task_btf(), WT_OF_TASK, WT_NET_DEV_XMIT);
	if (!e)
		return 0;
	e->skb = (__u64)skb;
	put_device(e, dev);
	e->bytes = bytes;
	e->value = result;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/qdisc_enqueue")
int BPF_PROG(on_qdisc_enqueue, struct Qdisc *qdisc, const struct netdev_queue *queue, struct sk_buff *skb)
{
	struct wt_kernel_event *e = begin_packet(ctx, skb, WT_QDISC_ENQUEUE);
	if (e)
		end(ctx, e);
	return 0;
}

SEC("tp_btf/qdisc_dequeue")
int BPF_PROG(on_qdisc_dequeue, struct Qdisc *qdisc, const struct netdev_queue *queue, int packets, struct sk_buff *skb)
{
	struct wt_kernel_event *e;
	if (!skb || !(e = begin_packet(ctx, skb, WT_QDISC_DEQUEUE)))
		return 0;
	e->value = packets;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_kfree_skb, struct sk_buff *skb, void *location)
{
	struct wt_kernel_event *e = begin_packet(ctx, skb, WT_KFREE_SKB);
	if (!e)
		return 0;
	e->location = (__u64)location;
	if (bpf_core_field_exists(struct trace_event_raw_kfree_skb, reason))	/* Linux 5.17 */
		e->value = (__s32)ctx[2];
	end(ctx, e);
	return 0;
}

SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(on_skb_copy_datagram_iovec, const struct sk_buff *skb, int bytes)
{
	struct wt_kernel_event *e;
	struct headers h;
	if (!current_is_traced(ctx))
		return 0;
	e = begin_in(bpf_get_current_task_btf(), WT_OF_TASK, WT_SKB_COPY_DATAGRAM);
	if (!e)
		return 0;
	read_headers(skb, &h);
	put_packet(e, skb, &h);
	e->value = bytes;
	end(ctx, e);
	return 0;
}

/* -- sockets ------------------------------------------------------------------------------------------------------ */

#define SOCKET_EVENT(name, kind_of) \
SEC("tp_btf/" #name) \
int BPF_PROG(on_##name, const struct sock *sk) \
{ \
	struct wt_kernel_event *e = begin_socket(ctx, sk, kind_of); \
	if (!e) \
		return 0; \
	e->cookie = cookie_of(sk); \
	end(ctx, e); \
	return 0; \
}

SOCKET_EVENT(sk_data_ready, WT_DATA_READY)
SOCKET_EVENT(tcp_receive_reset, WT_TCP_RECEIVE_RESET)
SOCKET_EVENT(tcp_rcv_space_adjust, WT_TCP_RCV_SPACE)
SOCKET_EVENT(tcp_destroy_sock, WT_TCP_DESTROY)

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_inet_sock_set_state, const struct sock *sk, int old_state, int new_state)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, WT_SET_STATE);
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->value = old_state;
	e->value2 = new_state;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(on_inet_sk_error_report, const struct sock *sk)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, WT_ERROR_REPORT);
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->value = sk->sk_err;
	end(ctx, e);
	return 0;
}

static __always_inline int length_event(void *ctx, struct sock *sk, int length, int flags, __u16 kind)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, kind);
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->value = length;
	e->value2 = flags;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_sock_send_length, struct sock *sk, int length, int flags)
{
	return length_event(ctx, sk, length, flags, WT_SEND_LENGTH);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_sock_recv_length, struct sock *sk, int length, int flags)
{
	return length_event(ctx, sk, length, flags, WT_RECV_LENGTH);
}

SEC("tp_btf/tcp_cong_state_set")
int BPF_PROG(on_tcp_cong_state_set, struct sock *sk, unsigned char state)
{
	return length_event(ctx, sk, state, 0, WT_TCP_CONG_STATE);
}

/* -- sockets and packets ------------------------------------------------------------------------------------------ */

static __always_inline struct wt_kernel_event *begin_both(void *ctx, const struct sock *sk, const struct sk_buff *skb,
							  __u16 kind)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, kind);
	struct headers h;
	if (!e)
		return NULL;
	e->cookie = cookie_of(sk);
	if (skb) {
		read_headers(skb, &h);
		put_packet(e, skb, &h);
	}
	return e;
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_tcp_sendmsg_locked, const struct sock *sk, const struct msghdr *msg, const struct sk_buff *skb, int goal)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, WT_TCP_SENDMSG);
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->skb = (__u64)skb;
	e->head = skb ? (__u64)skb->head : 0;
	e->value = goal;
	e->value2 = skb ? (__s32)skb->len : 0;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(on_tcp_probe, struct sock *sk, const struct sk_buff *skb)
{
	struct wt_kernel_event *e = begin_both(ctx, sk, skb, WT_TCP_PROBE);
	const struct tcp_sock *tp = (const void *)sk;
	if (!e)
		return 0;
	e->value = (__s32)BPF_CORE_READ(tp, snd_cwnd);
	e->value2 = (__s32)(BPF_CORE_READ(tp, srtt_us) >> 3);
	end(ctx, e);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_tcp_retransmit_skb, const struct sock *sk, const struct sk_buff *skb)
{
	struct wt_kernel_event *e = begin_both(ctx, sk, skb, WT_TCP_RETRANSMIT);
	if (e)
		end(ctx, e);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_tcp_retransmit_synack, const struct sock *sk)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, WT_TCP_RETRANSMIT_SYNACK);
	if (e)
		end(ctx, e);
	return 0;
}

/* A reset may be sent for a packet that met no socket: then the packet's port decides. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_tcp_send_reset, const struct sock *sk, const struct sk_buff *skb)
{
	struct wt_kernel_event *e = skb ? begin_packet(ctx, skb, WT_TCP_SEND_RESET)
					: begin_socket(ctx, sk, WT_TCP_SEND_RESET);
	if (!e)
		return 0;
	e->sk = (__u64)sk;
	if (bpf_core_field_exists(struct trace_event_raw_tcp_send_reset, reason))	/* Linux 6.10 */
		e->value = (__s32)ctx[2];
	end(ctx, e);
	return 0;
}

SEC("tp_btf/sock_rcvqueue_full")
int BPF_PROG(on_sock_rcvqueue_full, struct sock *sk, struct sk_buff *skb)
{
	struct wt_kernel_event *e = begin_both(ctx, sk, skb, WT_RCVQUEUE_FULL);
	if (e)
		end(ctx, e);
	return 0;
}

SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(on_udp_fail_queue_rcv_skb, int error, struct sock *sk)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, WT_UDP_FAIL_QUEUE);
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->value = error;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/icmp_send")
int BPF_PROG(on_icmp_send, const struct sk_buff *skb, int type, int code)
{
	struct wt_kernel_event *e = begin_packet(ctx, skb, WT_ICMP_SEND);
	if (!e)
		return 0;
	e->value = type;
	e->value2 = code;
	end(ctx, e);
	return 0;
}

/* -- neighbours and signals --------------------------------------------------------------------------------------- */

SEC("tp_btf/neigh_update")
int BPF_PROG(on_neigh_update, struct neighbour *neighbour, const __u8 *address, __u8 state)
{
	struct wt_kernel_event *e;
	if (!is_traced(bpf_get_current_pid_tgid() >> 32))
		return 0;
	e = begin(ctx, WT_NEIGH_UPDATE);
	if (!e)
		return 0;
	put_device(e, neighbour->dev);
	e->value = neighbour->nud_state;
	e->value2 = state;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal_generate, int number, struct kernel_siginfo *info, struct task_struct *task)
{
	return task_event(ctx, task, WT_SIGNAL_GENERATE, number);
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal_deliver, int number)
{
	struct wt_kernel_event *e;
	/* an interrupt may be what let the task see it */
	if (!is_traced(bpf_get_current_pid_tgid() >> 32) || !(e = begin(ctx, WT_SIGNAL_DELIVER)))
		return 0;
	e->value = number;
	end(ctx, e);
	return 0;
}
