/* What the programs at system calls share with the recorder, and the record that is being made on each CPU. */

#define BODY_BYTES (1u << 15)	/* most of one record's pieces */
#define BODY_MASK (BODY_BYTES - 1)
#define MOST_OPS 4096u
#define MOST_CALLS 4096u

enum lost { LOST_CALLS, LOST_EVENTS, LOST_TASKS, LOSSES };

RING(ring, 1 << 24);	/* bytes; the loader sets it */

MAP(HASH, tasks, 65536, __u32, __u32);	/* by tgid; enum wt_following */

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wt_state);
} states SEC(".maps");

MAP(ARRAY, settings, 1, __u32, struct wt_settings);

MAP(ARRAY, calls, MOST_CALLS, __u32, struct wt_call);

MAP(ARRAY, ops, MOST_OPS, __u32, struct wt_op);

/*
 * The kernel level's program at the returns of calls (on_descriptors.h), if that level is recorded too: it is run where a
 * socket was made or changed, so that not each return of a call runs two programs.
 */
MAP(PROG_ARRAY, at_socket_calls, 1, __u32, __u32);

/* Whether it may be: not every kernel takes a tail call from a program that has functions. The loader sets it. */
const volatile __u32 may_tail_call SEC(".rodata.tail") = 1;

COUNTERS(LOSSES)

struct packed_block {
	__u8 bytes[WT_PACKED_BLOCK];
};

SHARED_ARRAY(packed, 1, struct packed_block);	/* `packed_blocks` for each CPU; the loader sets it */

SHARED_ARRAY(packing, 1, struct wt_packing);	/* one for each CPU; the loader sets it */

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

MAP(ARRAY, works, 1, __u32, struct work);	/* one for each CPU; the loader sets it */

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
