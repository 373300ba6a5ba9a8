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
SHARED_ARRAY(events, 1, struct wt_kernel_slot);	/* `events_of_cpu` for each CPU; the loader sets it */

SHARED_ARRAY(filling, 1, struct wt_filling);	/* one for each CPU; the loader sets it */

/* The loader sets it. */
const volatile __u64 events_of_cpu SEC(".rodata.events") = 1;

MAP(HASH, tasks, 65536, __u32, __u8);	/* by tgid */

MAP(LRU_HASH, sockets, 65536, __u64, struct followed);	/* by address */

/* Sockets that were ours when they were last looked at, by the low bits of their cookie: most events find theirs here,
 * without a call. No two sockets ever have the same cookie (net/core/sock_diag.c __sock_gen_cookie). */
MAP(ARRAY, seen, SEEN_SOCKETS, __u32, struct followed);

/* A byte for each port of TCP, of UDP, of all else: looked up twice for each packet, where hashing would cost much more. */
MAP(ARRAY, ports, 3 * 65536 / PORTS_OF_BYTES, __u32, struct some_ports);

/* Threads that stand in a ptrace stop: what the scheduler does for those is the recorder's doing, not the program's. */
MAP(LRU_HASH, stopped, 65536, __u32, __u8);	/* by tid */

MAP(PERCPU_ARRAY, softirqs, 1, __u32, struct softirq_state);

MAP(ARRAY, recorder, 1, __u32, __u32);	/* its tgid: the processes it forks are the programs to trace */

/* Of at most so many events of each kind in each context a stack is taken; 0: none, ~0: of all. The loader sets it. */
const volatile __u64 stacks_of_each_kind SEC(".rodata.stacks") = 0;

RING(stacks, 1 << 12);	/* bytes; the loader sets it */

MAP(ARRAY, stacks_taken, 2 * WT_KINDS, __u32, __u64);	/* by kind and context */

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

MAP(HASH, devices, 4096, struct place, struct name);	/* an index alone says nothing, and a device may be gone when the recording ends */

/* Tasks that are not traced and had a CPU before or after one that is, or lent their time to what was done for one. */
MAP(LRU_HASH, strangers, 4096, __u32, struct name);	/* by tid */

/* Per kind: events that found the ring full; behind them, per kind, events written; then stacks that found theirs full. */
COUNTERS(3 * WT_KINDS)

static const __u8 YES = 1;
