/* What the programs of the kernel level share with the recorder and with each other. */

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
