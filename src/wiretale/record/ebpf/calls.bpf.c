/*
 * System calls of the followed tasks without ptrace: entry and exit are paired here, and what a call carries is read by
 * the same plan (struct wt_op of tracer.h) that the ptrace engine follows. The records are made into the same files.
 *
 * Few of the records are looked at while recording: those of tasks, of descriptors and of what is notable. They go through
 * a ring. All others are packed into a buffer of their CPU, from which the recorder copies whatever there is: they cost
 * it nothing but their bytes, so they are made short (struct wt_packed of tracer.h).
 *
 * Memory of a program is read without page faults. What it never touched before (a constant of its image) may not be
 * there at the entry; then the entry is told at the exit, when the kernel itself has read it.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "../ptrace/tracer.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define BODY_BYTES (1u << 15)	/* most of one record's pieces */
#define BODY_MASK (BODY_BYTES - 1)
#define PAGE 4096u
#define MOST_OPS 4096u
#define MOST_CALLS 4096u
#define VECTOR_LIMIT 1024	/* UIO_MAXIOV */
#define STRINGS_LIMIT 1024
#define DESCRIPTORS_LIMIT 1024
#define PATH_LIMIT 64
#define NAME_BYTES 256u
#define EFAULT 14
#define EINPROGRESS 115
#define SIGKILL 9
#define SIGCHLD 17
#define CLONE_VM 0x100
#define CLONE_VFORK 0x4000
#define CLONE_THREAD 0x10000
#define EVENT_FORK 1		/* PTRACE_EVENT_* */
#define EVENT_VFORK 2
#define EVENT_CLONE 3
#define SIGNAL_GROUP_EXIT 4	/* linux/sched/signal.h */
#define TS_COMPAT 2		/* asm/thread_info.h */
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define PIPEFS_MAGIC 0x50495045
#define ANON_INODE_MAGIC 0x09041934
#define PIDFS_MAGIC 0x50494446
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define TCP_CLOSE 7
#define TCP_SYN_SENT 2
#define TCP_LISTEN 10
#define SCM_RIGHTS 1
#define SOL_SOCKET 1
#define SO_ERROR 4
#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030

enum lost { LOST_CALLS, LOST_EVENTS, LOST_TASKS, LOSSES };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);	/* bytes; the loader sets it */
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u32);
} tasks SEC(".maps");	/* by tgid; enum wt_following */

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wt_state);
} states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wt_settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MOST_CALLS);
	__type(key, __u32);
	__type(value, struct wt_call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MOST_OPS);
	__type(key, __u32);
	__type(value, struct wt_op);
} ops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSSES);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct packed_block {
	__u8 bytes[WT_PACKED_BLOCK];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);		/* `packed_blocks` for each CPU; the loader sets it */
	__type(key, __u32);
	__type(value, struct packed_block);
} packed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);		/* one for each CPU; the loader sets it */
	__type(key, __u32);
	__type(value, struct wt_packing);
} packing SEC(".maps");

/* Blocks of each CPU, a power of two; 0: all calls go through the ring. The loader sets it. */
const volatile __u32 packed_blocks SEC(".rodata.packed") = 0;

struct vector {
	__u64 address, count, total, offset;
	__u32 word, index;
	__u16 arg;
};

struct message {
	__u64 address;
	__u64 total;
	__u32 index;
	__u32 stride;
	__u16 arg;
	__u8 out, at_exit, each;
};

/* The record that is being made on one CPU. Programs at system calls and task events run with preemption off. */
struct work {
	struct wt_record record;
	__u8 body[2 * BODY_BYTES];
	__u32 used;
	__u32 chunk_at;		/* where the open piece begins in the body */
	__u32 run;		/* bytes of it in this record */
	__u32 failed;		/* a part found the ring full */
	__u32 pieces;
	__u32 asked;		/* among them what a descriptor is: the recorder looks at those */
	__u32 faulted;		/* memory was not there */
	__u32 named, word;
	__u64 args[6];
	__s64 result;
	__u64 from, want, done;	/* of `capture` */
	__u32 error;
	__u32 cut;		/* of `cut_name` */
	struct vector vector;
	struct message message;
	__u64 strings_at, strings_end;
	__u32 strings_op, string_bytes;	/* of the last one, as far as it was read */
	__u32 late;		/* the call has worked: what it wrote over is not what it was given */
	__u32 executed;		/* what a call of execve() pointed to is read where the kernel has copied it to */
	__u64 control_at, control_end;
	struct dentry *dentry, *root_dentry;
	struct vfsmount *mount, *root_mount;
	struct file **files;
	__u32 n_files;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);		/* one for each CPU; the loader sets it */
	__type(key, __u32);
	__type(value, struct work);
} works SEC(".maps");

static __always_inline struct work *my_work(void)
{
	__u32 cpu = bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(&works, &cpu);
}

static __always_inline struct wt_settings *my_settings(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline void count(__u32 what)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &what);
	if (counter)
		*counter += 1;
}

/* -- records ------------------------------------------------------------------------------------------------------ */

static __always_inline long put_record(struct work *w, __u32 type)
{
	__u64 bytes = w->used;
	w->record.type = type;
	barrier_var(bytes);	/* the verifier must see the bound on what is passed on */
	bytes &= 2 * BODY_BYTES - 1;
	return bpf_ringbuf_output(&ring, w, sizeof(struct wt_record) + bytes, BPF_RB_NO_WAKEUP);
}

/* What there is so far goes out, so that more finds room. */
static __always_inline void put_part(struct work *w)
{
	if (!w->failed && put_record(w, WT_RECORD_PART))
		w->failed = 1;
	w->record.parts++;
	w->used = 0;
}

static __always_inline void begin_pieces(struct work *w)
{
	w->record.cpu = bpf_get_smp_processor_id();
	w->record.parts = w->record.reserved = 0;
	w->used = w->failed = w->faulted = w->named = w->pieces = w->asked = 0;
}

static __always_inline void begin_record(struct work *w, __u16 kind, __u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct wt_event *e = &w->record.event;
	__builtin_memset(e, 0, sizeof(*e));
	begin_pieces(w);
	e->time_ns = e->resume_ns = now;
	e->tid = task->pid;
	e->tgid = task->tgid;
	e->kind = kind;
	e->cpu = (__s32)w->record.cpu;
}

static __always_inline bool end_record(struct work *w, __u32 type, __u32 lost)
{
	if (!w->failed && !put_record(w, type))
		return true;
	count(lost);
	return false;
}

static __always_inline __u64 piece(__u16 role, __u16 arg, __u32 index)
{
	return (__u64)index << 32 | (__u32)arg << 16 | role;
}

static __always_inline struct wt_chunk *open_chunk(struct work *w)
{
	return (void *)&w->body[w->chunk_at & BODY_MASK];
}

static __always_inline void begin_chunk(struct work *w, __u64 piece, __u64 address, __u64 full, __u64 detail)
{
	struct wt_chunk *c;
	w->chunk_at = w->used;
	c = open_chunk(w);
	__builtin_memset(c, 0, sizeof(*c));
	c->address = address;
	c->full_bytes = full;
	c->role = (__u16)piece;
	c->arg = (__u16)(piece >> 16);
	c->index = (__u32)(piece >> 32);
	c->detail = detail;
	w->used += sizeof(*c);
	w->run = 0;
	w->pieces++;
}

static __always_inline void end_chunk(struct work *w)
{
	struct wt_chunk *c = open_chunk(w);
	c->reserved = w->run;
	w->used = (w->used + 7) & ~7u;
}

static __always_inline void make_room(struct work *w, __u32 bytes)
{
	if (w->used + sizeof(struct wt_chunk) + bytes + 8 > BODY_BYTES)
		put_part(w);
}

/* Bytes that are known already; `bytes` is a constant. */
#define PUT_KNOWN(w, piece, detail, address, from, bytes) \
	do { \
		make_room(w, bytes); \
		begin_chunk(w, piece, address, bytes, detail); \
		bpf_probe_read_kernel(&(w)->body[(w)->used & BODY_MASK], bytes, from); \
		(w)->used += bytes; \
		(w)->run = bytes; \
		end_chunk(w); \
	} while (0)

static long capture_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	__u64 rest, n, at;
	if (!w || w->done >= w->want)
		return 1;
	if (w->used + PAGE + 8 > BODY_BYTES) {
		end_chunk(w);
		put_part(w);
		begin_chunk(w, 0, 0, 0, 0);
	}
	rest = w->want - w->done;
	at = w->from + w->done;
	n = PAGE - (at & (PAGE - 1));
	if (n > rest)
		n = rest;
	if (bpf_probe_read_user(&w->body[w->used & BODY_MASK], n & (2 * PAGE - 1), (void *)at)) {
		w->error = EFAULT;
		return 1;
	}
	w->used += n;
	w->run += n;
	w->done += n;
	return 0;
}

/* One piece of the program's memory. Returns how many bytes were there. */
__noinline int capture(__u64 piece, __u64 address, __u64 full, __u64 want, __u64 detail)
{
	struct work *w = my_work();
	if (!w || !address || !full)
		return 0;
	if (want > full)
		want = full;
	if (want > 0x7fffffff)
		want = 0x7fffffff;
	make_room(w, want < PAGE ? want : PAGE);
	begin_chunk(w, piece, address, full, detail);
	w->from = address;
	w->want = want;
	w->done = 0;
	w->error = 0;
	/* Nearly all there is fits into a page and is there: at once. What is not is read again, up to where it ends. */
	if (want <= PAGE && !bpf_probe_read_user(&w->body[w->used & BODY_MASK], want & (2 * PAGE - 1), (void *)address)) {
		w->used += want;
		w->run = w->done = want;
	} else {
		bpf_loop((want >> 12) + 2, capture_step, NULL, 0);
	}
	if (w->error) {
		open_chunk(w)->error = (__s32)w->error;
		w->faulted = 1;
	}
	end_chunk(w);
	return w->done;
}

static long cut_name(__u32 i, void *unused)
{
	struct work *w = my_work();
	if (!w || w->body[(w->used + i) & BODY_MASK] == '=')
		return 1;
	w->cut = i + 1;
	return 0;
}

/* A string without its NUL; of a variable of the environment only the name. */
__noinline int capture_string(__u64 piece, __u64 address, __u64 names)
{
	struct work *w = my_work();
	struct wt_chunk *c;
	long n;
	if (!w || !address)
		return 0;
	make_room(w, PAGE);
	begin_chunk(w, piece, address, 1, 0);
	c = open_chunk(w);
	n = bpf_probe_read_user_str(&w->body[w->used & BODY_MASK], PAGE, (void *)address);
	if (n <= 0) {
		c->error = EFAULT;
		w->faulted = 1;
	} else {
		n--;
		w->string_bytes = n;
		c->full_bytes = n + (n == PAGE - 1);	/* cut: longer than captured */
		if (names) {
			w->cut = 0;
			bpf_loop(n, cut_name, NULL, 0);
			n = w->cut;
			c->full_bytes = n;
		}
		w->used += n;
		w->run = n;
	}
	end_chunk(w);
	return 0;
}

static __always_inline __u64 read_word(__u64 at, __u32 word)
{
	__u64 value = 0;
	bpf_probe_read_user(&value, word == 8 ? 8 : 4, (void *)at);
	return value;
}

static __always_inline bool load_field(__u64 address, __u32 bytes, __u64 *value)
{
	*value = 0;
	if (bytes == 8)
		return !bpf_probe_read_user(value, 8, (void *)address);
	if (bytes == 4)
		return !bpf_probe_read_user(value, 4, (void *)address);
	return bytes == 2 && !bpf_probe_read_user(value, 2, (void *)address);
}

static long string_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	__u32 number;
	struct wt_op *op;
	__u64 address, at;
	if (!w)
		return 1;
	number = w->strings_op;
	op = bpf_map_lookup_elem(&ops, &number);
	at = w->strings_at + (__u64)i * w->word;
	address = w->strings_at;
	if (!op || (w->executed && address >= w->strings_end))
		return 1;
	if (!w->executed && !load_field(at, w->word, &address)) {
		/* an element of its own says where the vector cannot be read */
		capture(piece(op->role, op->arg, i), at, w->word, w->word, 1);
		return 1;
	}
	if (!address)
		return 1;
	w->string_bytes = PAGE;
	capture_string(piece(op->role, op->arg, i), address, op->what == WT_READ_NAMES);
	if (w->executed) {	/* they follow each other; where one ends that was not read whole is not known */
		w->strings_at += w->string_bytes + 1;
		return w->string_bytes >= PAGE - 1;
	}
	return 0;
}

/* The part of a buffer that snaplen keeps, counted from the first byte of its message. */
static __always_inline __u64 wanted(__u64 offset)
{
	struct wt_settings *s = my_settings();
	if (!s)
		return 0;
	if (s->flags & WT_SNAP_EACH)
		return s->snaplen;
	return offset < s->snaplen ? s->snaplen - offset : 0;
}

static long vector_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	__u64 at, base, length;
	struct vector *v;
	if (!w)
		return 1;
	v = &w->vector;
	if (v->offset >= v->total)
		return 1;
	at = v->address + (__u64)i * 2 * v->word;
	base = read_word(at, v->word);
	length = read_word(at + v->word, v->word);
	if (length > v->total - v->offset)
		length = v->total - v->offset;
	capture(piece(WT_PAYLOAD, v->arg, v->index | i), base, length, wanted(v->offset), v->offset);
	v->offset += length;
	return 0;
}

/* The buffers of an iovec as one message: the vector itself at the entry, its bytes where they are. */
static __always_inline void capture_vector(struct work *w, __u64 address, __u64 n, __u64 total, __u64 where, bool vector,
					   bool payload)
{
	__u64 bytes;
	if (n > VECTOR_LIMIT)
		n = VECTOR_LIMIT;
	bytes = n * 2 * w->word;
	if (!address || !n)
		return;
	if (vector)
		capture((where & ~0xffffull) | WT_IOVEC, address, bytes, bytes, 2 * w->word);
	if (!payload)
		return;
	w->vector.address = address;
	w->vector.total = total;
	w->vector.offset = 0;
	w->vector.word = w->word;
	w->vector.arg = (__u16)(where >> 16);
	w->vector.index = (__u32)(where >> 32);
	bpf_loop(n, vector_step, NULL, 0);
}

/* -- what a descriptor is ----------------------------------------------------------------------------------------- */

static __always_inline void put_inet(struct wt_socket *s, const struct sock *sk)
{
	const struct inet_sock *inet = (const void *)sk;
	__be32 local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr), peer = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	if (!local)
		local = BPF_CORE_READ(inet, inet_saddr);
	__builtin_memcpy(s->local + 4, &local, 4);
	__builtin_memcpy(s->peer + 4, &peer, 4);
	s->local_bytes = s->peer_bytes = 16;
}

static __always_inline bool is_link_local(const __u8 *address)
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

static __always_inline void put_inet6(struct wt_socket *s, const struct sock *sk)
{
	const struct inet_sock *inet = (const void *)sk;
	__u32 bound = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	__u64 zero[2] = {};
	bpf_core_read(s->local + 8, 16, &sk->__sk_common.skc_v6_rcv_saddr);
	__builtin_memcpy(zero, s->local + 8, 16);
	if (!zero[0] && !zero[1]) {
		struct ipv6_pinfo *info = BPF_CORE_READ(inet, pinet6);
		bpf_core_read(s->local + 8, 16, &info->saddr);
	}
	bpf_core_read(s->peer + 8, 16, &sk->__sk_common.skc_v6_daddr);
	if (is_link_local(s->local + 8))
		__builtin_memcpy(s->local + 24, &bound, 4);
	if (is_link_local(s->peer + 8))
		__builtin_memcpy(s->peer + 24, &bound, 4);
	s->local_bytes = s->peer_bytes = 28;
}

static __always_inline __u32 put_unix_name(__u8 *into, struct unix_address *name)
{
	__u64 bytes = name ? BPF_CORE_READ(name, len) : 0;
	__u16 family = AF_UNIX;
	if (bytes > 2 && bytes <= 110) {
		barrier_var(bytes);
		bytes &= 127;
		bpf_probe_read_kernel(into, bytes, (void *)name + bpf_core_field_offset(struct unix_address, name));
		return bytes;
	}
	__builtin_memcpy(into, &family, 2);
	return 2;
}

static __always_inline void put_socket(struct work *w, int fd, struct file *file, __u64 inode)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = socket ? BPF_CORE_READ(socket, sk) : NULL;
	__u16 family, state, port;
	struct wt_socket *s;
	if (!sk)
		return;
	make_room(w, sizeof(*s));
	begin_chunk(w, piece(WT_SOCKET, 0, 0), 0, sizeof(*s), (__u32)fd);
	s = (void *)&w->body[w->used & BODY_MASK];
	__builtin_memset(s, 0, sizeof(*s));
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	s->inode = inode;
	s->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	s->netns_cookie = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
	s->family = family;
	s->type = BPF_CORE_READ(sk, sk_type);
	s->protocol = BPF_CORE_READ(sk, sk_protocol);
	s->listening = state == TCP_LISTEN;
	__builtin_memcpy(s->local, &family, 2);
	__builtin_memcpy(s->peer, &family, 2);
	if (family == AF_INET || family == AF_INET6) {
		const struct inet_sock *inet = (const void *)sk;
		port = BPF_CORE_READ(inet, inet_sport);
		__builtin_memcpy(s->local + 2, &port, 2);
		port = BPF_CORE_READ(sk, __sk_common.skc_dport);
		__builtin_memcpy(s->peer + 2, &port, 2);
		if (family == AF_INET)
			put_inet(s, sk);
		else
			put_inet6(s, sk);
		if (!port || state == TCP_CLOSE || state == TCP_SYN_SENT) {	/* as getpeername(2) sees it */
			__builtin_memset(s->peer, 0, 32);
			s->peer_bytes = 0;
		}
	} else if (family == AF_UNIX) {
		const struct unix_sock *own = (const void *)sk, *peer = (const void *)BPF_CORE_READ(own, peer);
		s->local_bytes = put_unix_name(s->local, BPF_CORE_READ(own, addr));
		if (peer)
			s->peer_bytes = put_unix_name(s->peer, BPF_CORE_READ(peer, addr));
	} else if (family == AF_NETLINK) {
		const struct netlink_sock *netlink = (const void *)sk;
		__u32 port_id = BPF_CORE_READ(netlink, portid), peer_id = BPF_CORE_READ(netlink, dst_portid);
		__builtin_memcpy(s->local + 4, &port_id, 4);
		__builtin_memcpy(s->peer + 4, &peer_id, 4);
		s->local_bytes = s->peer_bytes = 12;
	}
	w->used += sizeof(*s);
	w->run = sizeof(*s);
	end_chunk(w);
}

static long path_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	struct dentry *dentry, *parent;
	struct vfsmount *mount;
	long n;
	if (!w)
		return 1;
	dentry = w->dentry;
	mount = w->mount;
	if (!dentry || (dentry == w->root_dentry && mount == w->root_mount))
		return 1;
	parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == parent || dentry == BPF_CORE_READ(mount, mnt_root)) {
		struct mount *here = (void *)mount - bpf_core_field_offset(struct mount, mnt);
		struct mount *above = BPF_CORE_READ(here, mnt_parent);
		if (above == here || !above)
			return 1;
		w->dentry = BPF_CORE_READ(here, mnt_mountpoint);
		w->mount = (void *)above + bpf_core_field_offset(struct mount, mnt);
		return 0;
	}
	n = bpf_probe_read_kernel_str(&w->body[w->used & BODY_MASK], NAME_BYTES, BPF_CORE_READ(dentry, d_name.name));
	if (n <= 0)
		return 1;
	w->used += n;
	w->run += n;
	w->dentry = parent;
	return 0;
}

__noinline int put_path(__u64 piece, __u64 dentry_at, __u64 mount_at, __u64 detail)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct dentry *dentry = (void *)dentry_at;
	struct work *w = my_work();
	__u64 how = WT_LINK_PATH;
	if (!w || !dentry)
		return 0;
	if (!BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry)
		how = WT_LINK_DELETED;
	make_room(w, PATH_LIMIT * NAME_BYTES);
	begin_chunk(w, piece, how, 0, detail);
	w->dentry = dentry;
	w->mount = (void *)mount_at;
	w->root_dentry = BPF_CORE_READ(task, fs, root.dentry);
	w->root_mount = BPF_CORE_READ(task, fs, root.mnt);
	bpf_loop(PATH_LIMIT, path_step, NULL, 0);
	end_chunk(w);
	return 0;
}

/* A SOCKET, or a LINK as readlink of /proc/PID/fd/N would give it. */
static __always_inline void put_file(struct work *w, int fd, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u64 number = BPF_CORE_READ(inode, i_ino), magic;
	struct dentry *dentry;
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFSOCK && BPF_CORE_READ(file, private_data)) {
		magic = BPF_CORE_READ(inode, i_sb, s_magic);
		if (magic == 0x534f434b) {	/* SOCKFS_MAGIC */
			put_socket(w, fd, file, number);
			return;
		}
	}
	magic = BPF_CORE_READ(inode, i_sb, s_magic);
	dentry = BPF_CORE_READ(file, f_path.dentry);
	if (magic == PIPEFS_MAGIC) {
		PUT_KNOWN(w, piece(WT_LINK, 0, 0), (__u32)fd, WT_LINK_PIPE, &number, 8);
	} else if (magic == PIDFS_MAGIC) {
		PUT_KNOWN(w, piece(WT_LINK, 0, 0), (__u32)fd, WT_LINK_ANONYMOUS, "[pidfd]", 8);
	} else if (magic == ANON_INODE_MAGIC) {
		long n;
		make_room(w, NAME_BYTES);
		begin_chunk(w, piece(WT_LINK, 0, 0), WT_LINK_ANONYMOUS, 0, (__u32)fd);
		n = bpf_probe_read_kernel_str(&w->body[w->used & BODY_MASK], NAME_BYTES, BPF_CORE_READ(dentry, d_name.name));
		if (n > 0) {
			w->used += n;
			w->run = n;
		}
		end_chunk(w);
	} else {
		put_path(piece(WT_LINK, 0, 0), (__u64)dentry, (__u64)BPF_CORE_READ(file, f_path.mnt), (__u32)fd);
	}
}

__noinline int ask_descriptor(int fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct work *w = my_work();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL, **files;
	if (!w || !table || fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	files = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + fd) || !file)
		return 0;
	file = (void *)((__u64)file & ~7ull);
	w->asked = 1;
	put_file(w, fd, file);
	return 0;
}

static long descriptor_step(__u32 i, void *unused)
{
	ask_descriptor((int)i);
	return 0;
}

static long right_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	int fd = -1;
	if (!w || w->control_at + 4 > w->control_end)
		return 1;
	bpf_probe_read_user(&fd, 4, (void *)w->control_at);
	w->control_at += 4;
	ask_descriptor(fd);
	return 0;
}

/* Descriptors that came in ancillary data; they stand in its first header, where the kernel puts them. */
static __always_inline int ask_received(__u64 control, __u64 bytes)
{
	struct work *w = my_work();
	__u64 length;
	__s32 kind[2] = {};
	if (!w)
		return 0;
	length = read_word(control, w->word);
	bpf_probe_read_user(kind, 8, (void *)(control + w->word));
	if (kind[0] != SOL_SOCKET || kind[1] != SCM_RIGHTS || length > bytes || length < w->word + 8)
		return 0;
	w->control_at = control + w->word + 8;
	w->control_end = control + length;
	bpf_loop(253, right_step, NULL, 0);	/* SCM_MAX_FD */
	return 0;
}

/* -- the plan of a call ------------------------------------------------------------------------------------------- */

/* A msghdr: its name, its buffers, its ancillary data (layouts: linux/socket.h, linux/compat.h). */
__noinline int capture_message(__u64 address, __u64 total)
{
	struct work *w = my_work();
	__u64 name, vector, n, control, control_bytes;
	__u32 name_bytes = 0, word, arg;
	bool here, at_exit;
	if (!w)
		return 0;
	word = w->word == 8 ? 8 : 4;
	arg = w->message.arg;
	at_exit = w->message.at_exit;
	here = w->message.out == w->message.at_exit;
	name = read_word(address, word);
	bpf_probe_read_user(&name_bytes, 4, (void *)(address + word));
	vector = read_word(address + 2 * word, word);
	n = read_word(address + 3 * word, word);
	control = read_word(address + 4 * word, word);
	control_bytes = read_word(address + 5 * word, word);
	if (!at_exit && name && name_bytes)
		w->named = 1;
	if (here)
		capture(piece(WT_SOCKADDR, arg, w->message.index), name, name_bytes, 128, 0);
	capture_vector(w, vector, n, total, piece(0, arg, w->message.index), !at_exit, here);
	if (here && control && control_bytes) {
		capture(piece(WT_CONTROL, arg, w->message.index), control, control_bytes, 65536, 0);
		if (at_exit)
			ask_received(control, control_bytes);
	}
	return 0;
}

static long messages_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	__u64 address;
	__u32 length = 0;
	if (!w)
		return 1;
	address = w->message.address + (__u64)i * w->message.stride;
	bpf_probe_read_user(&length, 4, (void *)(address + 7 * (w->word == 8 ? 8 : 4)));
	w->message.index = i << 16;
	if (!w->message.at_exit || w->message.out)
		capture_message(address, w->message.at_exit ? length : ~0ull);
	return 0;
}

static __always_inline __u64 arg_of(struct work *w, __u32 number)
{
	return number < 6 ? w->args[number] : 0;
}

static __always_inline __u64 count_elements(struct work *w, struct wt_op *op)
{
	__u64 bound = op->count_arg < 6 ? arg_of(w, op->count_arg) : ~0ull;
	__u32 value = 0;
	switch (op->count_from) {
	case WT_COUNT_ARG:
		return bound;
	case WT_COUNT_ARG32:
		return (__u32)bound;
	case WT_COUNT_RETURN:
		return w->result < 0 ? 0 : (__u64)w->result < bound ? (__u64)w->result : bound;
	case WT_COUNT_POINTER:
		if (bound)
			bpf_probe_read_user(&value, 4, (void *)(bound + op->fixed));
		return value;
	case WT_COUNT_REQUEST:	/* asm-generic/ioctl.h */
		return (__u32)bound >> 30 & op->fixed ? (__u32)bound >> 16 & 0x3fff : 0;
	case WT_COUNT_MESSAGE:
		return ((__u32)bound > w->word ? (__u32)bound : w->word) + w->word;
	case WT_COUNT_PAGES:
		return ((__u32)bound + 4095) / 4096;
	case WT_COUNT_BITS:
		return ((__u32)bound + 8 * w->word - 1) / (8 * w->word);
	}
	return op->fixed;
}

/* The pointer at a place in the structure that the argument points to, and what lies there. */
__noinline int capture_followed(__u32 number)
{
	struct wt_op *op = bpf_map_lookup_elem(&ops, &number);
	struct work *w = my_work();
	__u64 base, address, n = 1;
	__u32 place;
	if (!w || !op)
		return 0;
	base = arg_of(w, op->arg);
	place = op->fixed;
	if (!base)
		return 0;
	address = base + WT_POINTER_AT(place);
	if ((WT_POINTER_BYTES(place) && !load_field(address, WT_POINTER_BYTES(place), &address)) ||
	    (WT_COUNT_BYTES(place) && !load_field(base + WT_COUNT_AT(place), WT_COUNT_BYTES(place), &n))) {
		w->faulted = 1;
		return 0;
	}
	if (op->what == WT_READ_FOLLOW_STRING)
		capture_string(piece(op->role, op->arg, 1 + WT_POINTER_AT(place)), address, 0);
	else if (n < 1ull << 40)
		capture(piece(op->role, op->arg, 1 + WT_POINTER_AT(place)), address, n * op->size, op->limit, 0);
	return 0;
}

/*
 * The strings of a call of execve() that has succeeded, of which some were not in memory before, and whose memory is
 * gone: the kernel has copied them to the top of the new program's stack. Behind the environment stands the path
 * (fs/exec.c alloc_bprm, bprm_execve; fs/binfmt_elf.c create_elf_tables).
 */
static __always_inline __u64 executed_strings(struct work *w, const struct wt_op *op)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	if (op->what == WT_READ_STRING)
		return BPF_CORE_READ(mm, env_end);
	if (op->what == WT_READ_NAMES) {
		w->strings_end = BPF_CORE_READ(mm, env_end);
		return BPF_CORE_READ(mm, env_start);
	}
	w->strings_end = BPF_CORE_READ(mm, arg_end);
	return BPF_CORE_READ(mm, arg_start);
}

static long pointed_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	struct wt_op *op;
	__u32 number;
	if (!w)
		return 1;
	number = w->strings_op;
	op = bpf_map_lookup_elem(&ops, &number);
	if (!op)
		return 1;
	capture(piece(op->role, op->arg, i + 1), read_word(w->strings_at + (__u64)i * w->word, w->word), op->size, op->size, 0);
	return 0;
}

__noinline int run_op(__u32 number, __u32 when)
{
	struct wt_op *op = bpf_map_lookup_elem(&ops, &number);
	struct work *w = my_work();
	bool at_exit = when != WT_AT_ENTRY, out;
	__u64 address, size, n, where, total;
	if (!w || !op || !(op->when & when))
		return 0;
	if (op->only_arg < 6 && (__u32)arg_of(w, op->only_arg) != op->only_value)
		return 0;
	if (!at_exit && w->late && op->when & WT_AT_EXIT && op->role != WT_ARRAY)	/* poll(2) writes beside what it was given */
		return 0;
	address = arg_of(w, op->arg);
	where = piece(op->role, op->arg, 0);
	out = op->flags & WT_OP_OUT;
	total = at_exit ? (__u64)w->result : ~0ull;
	if (op->what == WT_READ_BYTES) {
		if (op->role == WT_SOCKADDR && !at_exit && address)
			w->named = 1;
		size = op->count_from == WT_COUNT_BITS ? w->word : op->size;
		n = count_elements(w, op);
		if (n > 1ull << 40)
			n = 1ull << 40;
		capture(where, address, n * size, op->flags & WT_OP_PAYLOAD ? wanted(0) : op->limit,
			op->role == WT_ARRAY ? size : 0);
	} else if (op->what == WT_READ_STRING) {
		capture_string(where, w->executed && address ? executed_strings(w, op) : address, 0);
	} else if (op->what == WT_READ_STRINGS || op->what == WT_READ_NAMES) {
		w->strings_at = w->executed && address ? executed_strings(w, op) : address;
		w->strings_op = number;
		if (address)
			bpf_loop(STRINGS_LIMIT, string_step, NULL, 0);
	} else if (op->what == WT_READ_FOLLOW || op->what == WT_READ_FOLLOW_STRING) {
		capture_followed(number);
	} else if (op->what == WT_READ_POINTED) {	/* the vector of pointers itself, then what each of them points to */
		n = count_elements(w, op);
		if (n > VECTOR_LIMIT)
			n = VECTOR_LIMIT;
		w->strings_at = address;
		w->strings_op = number;
		if (n && capture(where, address, n * w->word, op->limit, w->word))
			bpf_loop(n, pointed_step, NULL, 0);
	} else if (op->what == WT_READ_IOVEC) {
		capture_vector(w, address, count_elements(w, op), total, piece(0, op->arg, 0), !at_exit, at_exit == out);
	} else if (op->what == WT_READ_MSGHDR || op->what == WT_READ_MMSGHDR) {
		__u32 bytes = 7 * w->word, more = op->what == WT_READ_MMSGHDR;
		w->message.arg = op->arg;
		w->message.index = 0;
		w->message.out = out;
		w->message.at_exit = at_exit;
		if (!more) {
			if (capture(where, address, bytes, bytes, bytes))
				capture_message(address, total);
			return 0;
		}
		bytes += w->word;
		n = at_exit ? (__u64)w->result : (__u32)arg_of(w, op->count_arg);
		if (n > VECTOR_LIMIT)
			n = VECTOR_LIMIT;
		w->message.address = address;
		w->message.stride = bytes;
		if (n && capture(where, address, n * bytes, n * bytes, bytes))
			bpf_loop(n, messages_step, NULL, 0);
	}
	return 0;
}

static __always_inline struct wt_call *plan_of(struct wt_settings *s, __u32 arch, __u64 number)
{
	bool native = arch == s->native;
	__u32 at = native ? s->native_at : s->compat_at;
	if (number >= (native ? s->native_calls : s->compat_calls))
		return NULL;
	at += (__u32)number;
	return bpf_map_lookup_elem(&calls, &at);
}

/* Of one call; ioctl has one for each argument of each request. A test holds the plan to it. */
#define CALL_OPS 512

static __always_inline void run_ops(const struct wt_call *call, __u32 when)
{
	__u32 first = call->first_op, n = call->ops;
	for (__u32 i = 0; i < CALL_OPS; i++) {
		if (i >= n)
			break;
		run_op(first + i, when);
	}
}

/* The mask that rt_sigreturn takes back: struct ucontext at the stack pointer (asm/ucontext.h). */
static __always_inline void capture_signal_frame(__u64 stack, __u32 arch)
{
	__u64 at = arch == 0xc000003eu ? 296 : arch == 0xc00000b7u ? 168 : 0;
	if (at)
		capture(piece(WT_STRUCT, 0, 0), stack + at, 8, 8, 0);
}

static __always_inline bool condition_holds(const struct wt_call *call, const struct wt_state *t)
{
	if (call->condition == WT_IF_DUPLICATES)
		return (__u32)t->args[1] == F_DUPFD || (__u32)t->args[1] == F_DUPFD_CLOEXEC;
	if (call->condition == WT_IF_SO_ERROR)
		return (__u32)t->args[1] == SOL_SOCKET && (__u32)t->args[2] == SO_ERROR;
	return call->condition != WT_IF_NAMED || t->named;
}

__noinline int ask_pair(__u64 address)
{
	int pair[2] = { -1, -1 };
	bpf_probe_read_user(pair, sizeof(pair), (void *)address);
	ask_descriptor(pair[0]);
	ask_descriptor(pair[1]);
	return 0;
}

/* A non-blocking connect that has begun gave the socket its addresses as well. */
static __always_inline void ask_descriptors(struct work *w, const struct wt_call *call, const struct wt_state *t)
{
	__s64 result = w->result;
	if ((result < 0 && result != -EINPROGRESS) || !condition_holds(call, t))
		return;
	if (call->flags & WT_CALL_CHANGES_SOCKET && call->fd_arg < 6)
		ask_descriptor((int)arg_of(w, call->fd_arg));
	if (result < 0)
		return;
	if (call->flags & (WT_CALL_RESULT_FD | WT_CALL_RESULT_SOCKET))
		ask_descriptor((int)result);
	if (call->flags & WT_CALL_SETS_FDS && call->fds_arg < 6)
		ask_pair(arg_of(w, call->fds_arg));
}

/* -- calls that nobody looks at while recording ------------------------------------------------------------------- */

/* Pieces up to these sizes are copied by instructions, always so many bytes: bpf_probe_read_kernel() costs more. */
#define SHORT_PIECE 64u
#define MIDDLE_PIECE 256u	/* what snaplen keeps unless told otherwise */
/* Most bytes of what is known to be short: a CONTEXT, and a record whose piece has at most MIDDLE_PIECE bytes. */
#define SHORT_BYTES 512u

/* What is before it in the program is seen before it by the recorder. */
static __always_inline void publish(struct wt_packing *p, __u64 written)
{
#if defined(__TARGET_ARCH_x86)	/* stores are seen in their order */
	barrier();
	*(volatile __u64 *)&p->written = written;
#else
	__sync_lock_test_and_set(&p->written, written);
#endif
}

static __always_inline struct packed_block *block_of(__u32 cpu, __u64 written)
{
	__u32 index = cpu * packed_blocks + ((written / WT_PACKED_BLOCK) & (packed_blocks - 1));
	return bpf_map_lookup_elem(&packed, &index);
}

/* In how many words of 32 bits the number fits, 0 to 2. Without branches, which the verifier would all follow. */
static __always_inline __u64 words_of(__u64 value)
{
	__u64 high = value >> 32, less = 0 - value, less_high = 0 - high;
	barrier_var(less);
	barrier_var(less_high);
	return ((value | less) >> 63) + ((high | less_high) >> 63);
}

static __always_inline void store(struct packed_block *block, __u64 at, __u64 value)
{
	*(__u64 *)(block->bytes + at) = value;
}

struct telling {
	__u64 time_ns;
	__u64 took_ns;
	__s64 result;
	__u32 kind;
	__u32 n_args;
};

/* One call, or its entry or return, with the pieces in `w`. False where the buffer is full. */
static __always_inline bool pack(struct work *w, const struct wt_state *t, const struct telling *call)
{
	__u32 cpu = bpf_get_smp_processor_id(), most = SHORT_BYTES, form = 0, head, shape = 0;
	struct task_struct *task = bpf_get_current_task_btf();
	struct wt_packing *p = bpf_map_lookup_elem(&packing, &cpu);
	const struct wt_chunk *c = (void *)w->body;
	struct packed_block *block;
	__u64 written, left, bytes, at, ip;
	if (!p)
		return false;
	if (w->pieces == 1 && !c->error && !c->index && c->full_bytes <= 0xffffffff) {
		form = WT_PACKED_PIECE;
		if (w->run > MIDDLE_PIECE)
			most += WT_PACKED_BODY;
	} else if (w->pieces) {
		form = WT_PACKED_PIECES;
		most += WT_PACKED_BODY;
	}
	written = p->written;
	left = WT_PACKED_BLOCK - written % WT_PACKED_BLOCK;
	if (written + most + (left < most ? left : 0) - *(volatile __u64 *)&p->taken > (__u64)packed_blocks * WT_PACKED_BLOCK)
		return false;
	block = block_of(cpu, written);
	if (!block)
		return false;
	if (left < most) {
		at = written % WT_PACKED_BLOCK;
		if (at > WT_PACKED_BLOCK - 8)
			return false;
		store(block, at, 0);
		written += left;
		block = block_of(cpu, written);
		if (!block)
			return false;
	}
	at = written % WT_PACKED_BLOCK;
	ip = t->ip - p->ip;
	if (!at || p->tid != (__u32)task->pid || p->arch != t->arch || call->time_ns - p->time_ns > 0xffffffff ||
	    ip + 0x80000000 > 0xffffffff) {
		if (at > WT_PACKED_BLOCK - SHORT_BYTES)
			return false;
		if (!at) {
			store(block, 0, (__u64)cpu << 32 | WT_PACKED_CPU << 16 | 1);
			at += 8;
		}
		p->tid = task->pid;
		p->arch = t->arch;
		p->time_ns = call->time_ns;
		p->ip = t->ip;
		ip = 0;
		store(block, at, (__u64)t->arch << 32 | WT_PACKED_CONTEXT << 16 | sizeof(struct wt_packed_context) / 8);
		store(block, at + 8, p->time_ns);
		store(block, at + 16, p->ip);
		store(block, at + 24, (__u64)(__u32)task->tgid << 32 | p->tid);
		at += sizeof(struct wt_packed_context);
	}
	barrier_var(at);
	if (at > WT_PACKED_BLOCK - SHORT_BYTES + sizeof(struct wt_packed_context))
		return false;
	head = at;
	at += call->kind == WT_PACKED_CALL ? sizeof(struct wt_packed) : sizeof(struct wt_packed) - 8;
	if (call->took_ns > 0xffffffff || call->result != (__s32)call->result) {
		form |= WT_PACKED_WIDE;
		store(block, at, call->took_ns);
		store(block, at + 8, call->result);
		at += 16;
	}
#pragma unroll
	for (__u32 i = 0; i < 6; i++) {
		__u64 words;
		if (i >= call->n_args)
			break;
		words = words_of(t->args[i]);
		store(block, at, t->args[i]);
		shape |= words << 2 * i;
		at += 4 * words;
	}
	at = (at + 7) & ~7ull;
	if (form & WT_PACKED_PIECE) {
		__u64 arg = c->arg & WT_PIECE_ARG, run = w->run, piece = at;
		__u32 how = arg;
		at += sizeof(struct wt_packed_piece);
		if (arg >= 6 || arg >= call->n_args || c->address != t->args[arg]) {
			how |= WT_PIECE_ADDRESS;
			store(block, at, c->address);
			at += 8;
		}
		if (c->detail) {
			how |= WT_PIECE_DETAIL;
			store(block, at, c->detail);
			at += 8;
		}
		store(block, piece, (__u64)c->full_bytes << 32 | how << 24 | (__u32)(__u8)c->role << 16 | (__u32)run);
		barrier_var(at);
		if (run <= 8) {
			if (at > WT_PACKED_BLOCK - 8)
				return false;
			store(block, at, *(__u64 *)(w->body + sizeof(*c)));
		} else if (run <= SHORT_PIECE) {
			if (at > WT_PACKED_BLOCK - SHORT_PIECE)
				return false;
			__builtin_memcpy(block->bytes + at, w->body + sizeof(*c), SHORT_PIECE);
		} else if (run <= MIDDLE_PIECE) {
			if (at > WT_PACKED_BLOCK - MIDDLE_PIECE)
				return false;
			__builtin_memcpy(block->bytes + at, w->body + sizeof(*c), MIDDLE_PIECE);
		} else {
			bytes = run;
			barrier_var(bytes);
			if (at > WT_PACKED_BLOCK - WT_PACKED_BODY || bytes > WT_PACKED_BODY)
				return false;
			bpf_probe_read_kernel(block->bytes + at, bytes, w->body + sizeof(*c));
		}
		at += (run + 7) & ~7ull;
	} else if (form & WT_PACKED_PIECES) {
		bytes = w->used;
		barrier_var(at);
		barrier_var(bytes);
		if (at > WT_PACKED_BLOCK - WT_PACKED_BODY || bytes > WT_PACKED_BODY)
			return false;
		bpf_probe_read_kernel(block->bytes + at, bytes, w->body);
		at += bytes;
	}
	barrier_var(head);
	if (head > WT_PACKED_BLOCK - sizeof(struct wt_packed))
		return false;
	store(block, head, (at - head) / 8 | call->kind << 16 | form << 24 | (__u64)(__u16)t->number << 32 |
			   (__u64)shape << 48);
	store(block, head + 8, (call->kind == WT_PACKED_ENTRY ? ip : (__u64)call->result) << 32 |
			       (__u32)(call->time_ns - p->time_ns));
	if (call->kind == WT_PACKED_CALL)
		store(block, head + 16, ip << 32 | (__u32)call->took_ns);
	p->records++;
	publish(p, written - written % WT_PACKED_BLOCK + at);
	return true;
}

/* -- entry and exit ----------------------------------------------------------------------------------------------- */

/* What the ops of a call read. */
static __always_inline void put_call(struct work *w, const struct wt_state *t)
{
	w->word = t->arch & 0x80000000u ? 8 : 4;
	__builtin_memcpy(w->args, t->args, sizeof(w->args));
}

static __always_inline bool is_looked_at(const struct work *w, const struct wt_state *t, __u32 flags)
{
	return !packed_blocks || w->asked || w->record.parts || flags & WT_FLAG_NOTABLE || w->used > WT_PACKED_BODY ||
	       (__u64)t->number > 0xffff;
}

static __always_inline bool end_call(struct work *w, const struct wt_state *t, const struct telling *call, __u32 flags)
{
	struct wt_event *e = &w->record.event;
	struct task_struct *task;
	if (!is_looked_at(w, t, flags)) {
		if (pack(w, t, call))
			return true;
		count(LOST_CALLS);
		return false;
	}
	task = bpf_get_current_task_btf();
	e->time_ns = call->time_ns - call->took_ns;
	e->resume_ns = call->time_ns;
	e->seq = e->first_chunk = 0;
	e->tid = task->pid;
	e->tgid = task->tgid;
	e->kind = call->kind == WT_PACKED_CALL ? WT_CALL : call->kind;
	e->flags = flags;
	e->chunks = 0;
	e->arch = t->arch;
	e->cpu = (__s32)w->record.cpu;
	e->number = t->number;
	e->value = call->kind == WT_PACKED_ENTRY ? (__s64)t->ip : call->result;
	e->extra = call->kind == WT_PACKED_CALL ? t->ip : 0;
	__builtin_memcpy(e->args, t->args, sizeof(e->args));
	return end_record(w, WT_RECORD_EVENT, LOST_CALLS);
}

static __always_inline void read_arguments(struct wt_state *t, struct pt_regs *regs, bool compat)
{
#if defined(__TARGET_ARCH_x86)
	t->ip = regs->ip;
	if (compat) {
		t->args[0] = (__u32)regs->bx;
		t->args[1] = (__u32)regs->cx;
		t->args[2] = (__u32)regs->dx;
		t->args[3] = (__u32)regs->si;
		t->args[4] = (__u32)regs->di;
		t->args[5] = (__u32)regs->bp;
		return;
	}
	t->args[0] = regs->di;
	t->args[1] = regs->si;
	t->args[2] = regs->dx;
	t->args[3] = regs->r10;
	t->args[4] = regs->r8;
	t->args[5] = regs->r9;
#elif defined(__TARGET_ARCH_arm64)
	t->ip = regs->pc;
	t->args[0] = regs->orig_x0;
	for (int i = 1; i < 6; i++)
		t->args[i] = regs->regs[i];
#endif
}

static __always_inline bool is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return task->thread_info.status & TS_COMPAT;
#else
	return false;
#endif
}

/* The thread's state, if its process is followed: made at its first call. */
static __always_inline struct wt_state *followed(struct task_struct *task)
{
	struct wt_state *t = bpf_task_storage_get(&states, task, 0, 0);
	__u32 tgid = task->tgid;
	if (t || !bpf_map_lookup_elem(&tasks, &tgid))
		return t;
	return bpf_task_storage_get(&states, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline __u32 following(struct task_struct *task)
{
	__u32 tgid = task->tgid, *how = bpf_map_lookup_elem(&tasks, &tgid);
	return how ? *how : 0;
}

static __always_inline __u32 args_of(const struct wt_call *call)
{
	return call ? call->n_args : 6;
}

static __always_inline bool end_entry(struct work *w, const struct wt_state *t, const struct wt_call *call)
{
	struct telling entry = { t->entry_ns, 0, 0, WT_PACKED_ENTRY, args_of(call) };
	return end_call(w, t, &entry, 0);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs *regs, long id)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct wt_state *t = followed(task);
	struct wt_settings *s = my_settings();
	struct wt_call *call;
	struct work *w;
	bool compat;
	if (!t || !s)
		return 0;
	t->in_call = 0;
	compat = is_compat(task);
	t->arch = compat ? s->compat : s->native;
	call = plan_of(s, t->arch, id);
	if (s->flags & WT_SELECTED_ONLY && !(call && call->flags & WT_CALL_SELECTED))
		return 0;
	if (!t->begun) {	/* not past its first execve, if it has one to come */
		if (following(task) == WT_BEFORE_EXEC && (compat || (id != s->execve[0] && id != s->execve[1])))
			return 0;
		t->begun = 1;
	}
	t->entry_ns = bpf_ktime_get_ns();
	t->number = id;
	t->told = t->named = t->bare = 0;
	read_arguments(t, regs, compat);
	t->in_call = 1;
	if (!call || (!(call->whens & WT_AT_ENTRY) && !(call->flags & WT_CALL_SIGRETURN)))
		return 0;
	w = my_work();
	if (!w)
		return 0;
	begin_pieces(w);
	put_call(w, t);
	run_ops(call, WT_AT_ENTRY);
	if (call->flags & WT_CALL_SIGRETURN)
		capture_signal_frame(regs->sp, t->arch);
	t->named = w->named;
	if (w->faulted && !(call->whens & WT_TWICE) && !w->record.parts)
		return 0;	/* told at the exit, when its memory is there */
	if (packed_blocks && !w->pieces) {	/* nobody waits for it, and the exit says all of it */
		t->bare = 1;
		return 0;
	}
	t->told = 1;
	if (!end_entry(w, t, call))
		t->in_call = 0;
	return 0;
}

/* The entry of a call that was not told yet, as far as its memory can be read now. */
static __always_inline bool tell_entry(struct work *w, struct wt_state *t, const struct wt_call *call)
{
	t->told = 1;
	begin_pieces(w);
	put_call(w, t);
	w->late = 1;
	if (call)
		run_ops(call, WT_AT_ENTRY);
	w->late = 0;
	t->named = w->named;
	return end_entry(w, t, call);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct wt_state *t = bpf_task_storage_get(&states, task, 0, 0);
	struct wt_settings *s;
	struct telling done;
	struct wt_call *call;
	struct work *w;
	__u32 flags;
	__u64 now;
	bool failed, told;
	if (!t || !t->in_call)
		return 0;
	now = bpf_ktime_get_ns();
	s = my_settings();
	w = my_work();
	if (!s || !w)
		return 0;
	t->in_call = 0;
	if (t->arch == s->compat)
		result = (__s32)result;
	call = plan_of(s, t->arch, t->number);
	if (!t->told && !t->bare && call && call->whens & WT_AT_ENTRY) {
		/* a script's arguments are not those of the call: its interpreter stands before them */
		w->executed = t->number == s->execve[0] && !result && !t->is_script;
		told = tell_entry(w, t, call);
		w->executed = 0;
		if (!told)
			return 0;
	}
	begin_pieces(w);
	failed = result < 0 && result >= -4095;
	flags = failed ? WT_FLAG_ERROR : 0;
	if (call && (call->whens & (WT_AT_EXIT | WT_AT_ERROR) || call->flags & ~(WT_CALL_SELECTED | WT_CALL_CLONE))) {
		put_call(w, t);
		w->result = failed ? 0 : result;
		run_ops(call, failed ? WT_AT_ERROR : WT_AT_EXIT);
		w->result = result;
		ask_descriptors(w, call, t);
		if (call->flags & WT_CALL_NOTABLE && (!failed || result == -EINPROGRESS) && condition_holds(call, t))
			flags |= WT_FLAG_NOTABLE;
	}
	done.time_ns = now;
	done.result = result;
	done.took_ns = t->told ? 0 : now - t->entry_ns;
	done.kind = t->told ? WT_PACKED_EXIT : WT_PACKED_CALL;
	done.n_args = t->told ? 0 : args_of(call);
	end_call(w, t, &done, flags);
	return 0;
}

/* -- tasks -------------------------------------------------------------------------------------------------------- */

/* Who a task is. The program's memory is the current task's, so a new task must still share or copy it. */
static __always_inline void put_identity(struct work *w, struct task_struct *task, bool whole)
{
	struct wt_identity who = {};
	__u64 netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	PUT_KNOWN(w, piece(WT_COMM, 0, 0), 0, 0, &task->comm, 16);
	who.ppid = BPF_CORE_READ(task, real_parent, tgid);
	who.uid = BPF_CORE_READ(task, cred, uid.val);
	who.euid = BPF_CORE_READ(task, cred, euid.val);
	who.suid = BPF_CORE_READ(task, cred, suid.val);
	who.fsuid = BPF_CORE_READ(task, cred, fsuid.val);
	PUT_KNOWN(w, piece(WT_STATUS, 0, 0), 0, 0, &who, sizeof(who));
	if (netns)
		PUT_KNOWN(w, piece(WT_NETNS, 0, 0), 0, 0, &netns, 8);
	if (whole) {
		struct mm_struct *mm = BPF_CORE_READ(task, mm);
		struct file *exe = BPF_CORE_READ(mm, exe_file);
		__u64 from = BPF_CORE_READ(mm, arg_start), bytes = BPF_CORE_READ(mm, arg_end) - from;
		if (exe)
			put_path(piece(WT_EXE, 0, 0), (__u64)BPF_CORE_READ(exe, f_path.dentry),
				 (__u64)BPF_CORE_READ(exe, f_path.mnt), 0);
		capture(piece(WT_CMDLINE, 0, 0), from, bytes, 32768, 0);
		put_path(piece(WT_CWD, 0, 0), (__u64)BPF_CORE_READ(task, fs, pwd.dentry),
			 (__u64)BPF_CORE_READ(task, fs, pwd.mnt), 0);
	}
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct wt_state *t = bpf_task_storage_get(&states, bpf_get_current_task_btf(), 0, 0);
	struct wt_settings *s = my_settings();
	struct work *w = my_work();
	__u32 tid = child->pid, tgid = child->tgid, is_thread = tid != tgid, how = WT_FOLLOWED;
	__u64 now = bpf_ktime_get_ns(), flags = 0, signal = SIGCHLD;
	struct wt_event *e;
	struct wt_call *call;
	if (!t || !s || !w || (s->flags & WT_NO_FOLLOW && !is_thread) || following(parent) == WT_BEFORE_EXEC)
		return 0;
	if (!is_thread && bpf_map_update_elem(&tasks, &tgid, &how, BPF_ANY)) {
		count(LOST_TASKS);
		return 0;
	}
	call = t->in_call ? plan_of(s, t->arch, t->number) : NULL;
	if (call && call->flags & WT_CALL_CLONE) {
		signal = t->args[0] & 0xff;
		flags = t->args[0] & ~0xffull;
	} else if (call && call->flags & WT_CALL_CLONE3) {
		bpf_probe_read_user(&flags, 8, (void *)t->args[0]);
		bpf_probe_read_user(&signal, 8, (void *)(t->args[0] + 32));	/* struct clone_args */
	} else if (call && call->flags & WT_CALL_VFORK) {
		flags = CLONE_VFORK | CLONE_VM;
	}
	if (is_thread)
		flags |= CLONE_THREAD;
	begin_record(w, WT_CLONE, now);
	e = &w->record.event;
	e->number = tid;
	e->value = flags & CLONE_VFORK ? EVENT_VFORK : signal != SIGCHLD || is_thread ? EVENT_CLONE : EVENT_FORK;
	e->extra = flags;
	e->flags = is_thread ? 0 : WT_FLAG_NOTABLE;
	end_record(w, WT_RECORD_EVENT, LOST_EVENTS);
	begin_record(w, WT_ATTACHED, now);
	e->tid = tid;
	e->tgid = tgid;
	e->flags = WT_FLAG_FOLLOWED;
	put_identity(w, child, !is_thread);
	end_record(w, WT_RECORD_EVENT, LOST_EVENTS);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct wt_state *t = bpf_task_storage_get(&states, bpf_get_current_task_btf(), 0, 0);
	struct work *w = my_work();
	__u32 tgid = task->tgid, how = WT_FOLLOWED;
	if (!t || !w)
		return 0;
	t->is_script = BPF_CORE_READ(bprm, interp) != BPF_CORE_READ(bprm, filename);
	begin_record(w, WT_EXEC, bpf_ktime_get_ns());
	w->record.event.number = old_pid;
	w->record.event.flags = WT_FLAG_NOTABLE;
	put_identity(w, task, true);
	if (following(task) == WT_BEFORE_EXEC) {	/* before, it held the recorder's own descriptors */
		bpf_map_update_elem(&tasks, &tgid, &how, BPF_ANY);
		bpf_loop(DESCRIPTORS_LIMIT, descriptor_step, NULL, 0);
	}
	end_record(w, WT_RECORD_EVENT, LOST_EVENTS);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_sched_process_exit, struct task_struct *task)
{
	struct task_struct *me = bpf_get_current_task_btf();
	struct wt_state *t = bpf_task_storage_get(&states, me, 0, 0);
	struct wt_settings *s = my_settings();
	struct work *w = my_work();
	struct signal_struct *group = me->signal;
	__u32 tgid = me->tgid;
	if (!s || !w || !(t || following(me)))
		return 0;
	if (t && t->in_call && !t->told)	/* exit(2) itself, or a call in which it was killed */
		tell_entry(w, t, plan_of(s, t->arch, t->number));
	begin_record(w, WT_END, bpf_ktime_get_ns());
	w->record.event.number = BPF_CORE_READ(group, flags) & SIGNAL_GROUP_EXIT ? BPF_CORE_READ(group, group_exit_code)
									       : me->exit_code;
	w->record.event.flags = WT_FLAG_NOTABLE;
	end_record(w, WT_RECORD_EVENT, LOST_EVENTS);
	if (BPF_CORE_READ(group, live.counter) == 0)
		bpf_map_delete_elem(&tasks, &tgid);
	return 0;
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal_deliver, int number, struct kernel_siginfo *info)
{
	struct wt_state *t = bpf_task_storage_get(&states, bpf_get_current_task_btf(), 0, 0);
	struct work *w = my_work();
	if (!t || !w || number == SIGKILL)	/* that one is told by the end it makes */
		return 0;
	begin_record(w, WT_SIGNAL, bpf_ktime_get_ns());
	w->record.event.number = number;
	if ((__u64)info > 2)	/* SEND_SIG_NOINFO, SEND_SIG_PRIV */
		PUT_KNOWN(w, piece(WT_SIGINFO, 0, 0), 0, 0, info, 48);
	end_record(w, WT_RECORD_EVENT, LOST_EVENTS);
	return 0;
}
