/*
 * What the tracer and its Python side share: record layouts (as in model/spool.py), the plan (as in operations.py)
 * and the calls of the library (as in library.py). Tests compare sizes and offsets on both sides.
 */
#ifndef WIRETALE_TRACER_H
#define WIRETALE_TRACER_H

#ifndef __bpf__	/* record/ebpf/kernel_types.h has its own */
#include <stddef.h>
#include <stdint.h>
#endif

#define WT_HEADER_BYTES 4096
#define WT_SPOOL_VERSION 2

struct wt_header {
	char magic[8];
	uint32_t version;
	uint32_t record_bytes;
	uint64_t committed;
	uint64_t lost;
	uint32_t pid;
	uint32_t closed;
};

struct wt_event {
	uint64_t time_ns;
	uint64_t resume_ns;
	uint64_t seq;
	uint64_t first_chunk;
	uint32_t tid;
	uint32_t tgid;
	uint16_t kind;
	uint16_t flags;
	uint32_t chunks;
	uint32_t arch;
	int32_t cpu;
	int64_t number;
	int64_t value;
	uint64_t args[6];
	uint64_t extra;
};

struct wt_chunk {
	uint64_t event;
	uint64_t address;
	uint64_t full_bytes;
	uint64_t offset;
	uint32_t captured_bytes;
	int32_t error;
	uint16_t role;
	uint16_t arg;
	uint32_t index;
	uint64_t detail;
	uint64_t reserved;
};

struct wt_socket {
	uint64_t inode;
	uint64_t cookie;
	uint64_t netns_cookie;
	int32_t family;
	int32_t type;
	int32_t protocol;
	int32_t listening;
	uint32_t local_bytes;
	uint32_t peer_bytes;
	uint8_t local[128];
	uint8_t peer[128];
};

enum wt_event_kind {
	WT_ENTRY = 1,
	WT_EXIT = 2,
	WT_CLONE = 3,
	WT_EXEC = 4,
	WT_SIGNAL = 5,
	WT_GROUP_STOP = 6,
	WT_END = 7,
	WT_EXITING = 8,
	WT_ATTACHED = 9,
	WT_DETACHED = 10,
	WT_CALL = 11,
};

enum wt_event_flag {
	WT_FLAG_ERROR = 1,
	WT_FLAG_SECCOMP = 2,
	WT_FLAG_FOLLOWED = 4,
	WT_FLAG_NOTABLE = 8,
	WT_FLAG_SOCKETCALL = 16,
	WT_FLAG_INJECTED = 32,	/* the result, or the call itself, is not the kernel's answer to the program */
	WT_FLAG_DELAYED = 64,
	WT_FLAG_POKED = 128,	/* EXIT: the memory an argument points to was overwritten */
	WT_FLAG_NOT_POKED = 256,	/* it should have been, before (ENTRY) or after the call (EXIT), and could not, not all of it */
};

enum wt_role {
	WT_PAYLOAD = 1,
	WT_STRING = 2,
	WT_SOCKADDR = 3,
	WT_SOCKLEN = 4,
	WT_OPTVAL = 5,
	WT_STRUCT = 6,
	WT_ARRAY = 7,
	WT_FDSET = 8,
	WT_IOVEC = 9,
	WT_MSGHDR = 10,
	WT_CONTROL = 11,
	WT_ARGV = 12,
	WT_ENVP = 13,
	WT_SOCKET = 14,
	WT_LINK = 15,
	WT_SIGINFO = 16,
	WT_COMM = 17,
	WT_EXE = 18,
	WT_CMDLINE = 19,
	WT_STATUS = 20,
	WT_NETNS = 21,
	WT_CWD = 22,
	WT_FD_FLAGS = 23,
	WT_NAME = 24,
	WT_OTHER_END = 25,
	WT_STACK = 26,
};

/* What one op reads. */
enum wt_what {
	WT_READ_BYTES = 1,	/* count * element size bytes */
	WT_READ_STRING = 2,
	WT_READ_STRINGS = 3,	/* NULL-terminated vector of strings */
	WT_READ_NAMES = 4,	/* the same, each cut before its '=' unless WT_ENVIRONMENT is asked for */
	WT_READ_IOVEC = 5,
	WT_READ_MSGHDR = 6,
	WT_READ_MMSGHDR = 7,
	WT_READ_LINK = 8,	/* what the descriptor is, as a LINK chunk; with `count_arg` in the process of that pidfd */
	WT_READ_FOLLOW = 9,	/* what a pointer inside the structure at the argument points to; see `fixed` */
	WT_READ_FOLLOW_STRING = 10,	/* the same, a string */
	WT_READ_POINTED = 11,	/* each element of a vector of pointers */
	WT_READ_NAME = 12,	/* the name of the process whose number the argument is, or the result; with WT_NAMES only */
	WT_READ_FOLLOW_STRINGS = 13,	/* as FOLLOW, elements that end with a 64-bit pointer to a string; their index is (number + 1) << 16 more */
	WT_READ_ELEMENT_BYTES = 14,	/* of each element of a vector of pointers what a pointer in it points to; see `fixed` and `limit` */
	WT_READ_ELEMENT_VECTOR = 15,	/* the same, an iovec and its buffers, which WT_OP_OUT leaves out */
	WT_READ_FOLLOW_VECTOR = 16,	/* as FOLLOW, an iovec and its buffers, which WT_OP_OUT leaves out at the entry */
	WT_READ_FOLLOW_LINK = 17,	/* what the descriptor at the place of a pointer is: the text of its link */
	WT_READ_VCPU = 18,	/* the beginning of what the kernel shares of the virtual CPU that the first argument is; with WT_VCPUS only */
};

/* Where the element count comes from. */
enum wt_count {
	WT_COUNT_FIXED = 0,	/* `fixed` */
	WT_COUNT_ARG = 1,	/* argument `count_arg`, all 64 bits */
	WT_COUNT_ARG32 = 2,	/* argument `count_arg`, low 32 bits */
	WT_COUNT_RETURN = 3,	/* the return value, at most argument `count_arg` if there is one */
	WT_COUNT_POINTER = 4,	/* the u32 `fixed` bytes behind where argument `count_arg` points to */
	WT_COUNT_BITS = 5,	/* argument `count_arg` bits, in whole words */
	WT_COUNT_REQUEST = 6,	/* the size in the request of ioctl, argument `count_arg`, if its direction is `fixed` */
	WT_COUNT_MESSAGE = 7,	/* argument `count_arg` bytes behind a word of the task, two words at least: struct msgbuf */
	WT_COUNT_PAGES = 8,	/* one for each page that argument `count_arg` bytes take */
};

enum wt_when { WT_AT_ENTRY = 1, WT_AT_EXIT = 2, WT_AT_ERROR = 4, WT_TWICE = 8 };
enum wt_op_flag {
	WT_OP_PAYLOAD = 1,	/* cut at snaplen */
	WT_OP_OUT = 2,		/* messages: the kernel fills them */
};
#define WT_NO_ARG 0xff

/*
 * `fixed` of a FOLLOW: offset and width of the pointer (no width: what is wanted lies there itself), offset and width of
 * the count (no width: one element, or as many as argument `count_arg` says, for WT_COUNT_ARG32).
 */
#define WT_POINTER_AT(fixed) ((fixed) & 0xfff)
#define WT_POINTER_BYTES(fixed) ((fixed) >> 12 & 0xf)
#define WT_COUNT_AT(fixed) ((fixed) >> 16 & 0xfff)
#define WT_COUNT_BYTES(fixed) ((fixed) >> 28)
/*
 * `within` of a FOLLOW: what the first byte of the structure must be (0: anything); 1 + the offset of the pointer, of 8
 * bytes, that leads from the structure at the argument to the one that is meant (0: it is that structure itself).
 */
#define WT_FIRST_BYTE(within) ((within) & 0xff)
#define WT_OUTER(within) ((within) >> 8)
/* `limit` of an ELEMENT: offset of the u16 that says what the element is, and what it must be. */
#define WT_TAG_AT(limit) ((limit) >> 16)
#define WT_TAG(limit) ((limit) & 0xffff)

struct wt_op {
	uint8_t what;
	uint8_t when;
	uint8_t arg;
	uint8_t role;
	uint8_t count_from;
	uint8_t count_arg;
	uint8_t flags;
	uint8_t only_arg;	/* applies if this argument's low half is `only_value`; WT_NO_ARG: always */
	uint32_t only_value;
	uint32_t fixed;		/* count, for WT_COUNT_FIXED; offset, for WT_COUNT_POINTER; of FOLLOW where the pointer and its count lie: see WT_POINTER_AT */
	uint32_t size;		/* element size */
	uint32_t limit;		/* most bytes to capture if it is not payload */
	uint32_t within;	/* of a FOLLOW: see WT_OUTER */
};

enum wt_call_flag {
	WT_CALL_SELECTED = 1,		/* recorded in network mode too */
	WT_CALL_RESULT_FD = 2,		/* returns a descriptor */
	WT_CALL_RESULT_SOCKET = 4,	/* returns a descriptor that is a socket */
	WT_CALL_CHANGES_SOCKET = 8,	/* ask what the socket of argument `fd_arg` is now */
	WT_CALL_SETS_FDS = 16,		/* argument `fds_arg` points to two new descriptors */
	WT_CALL_NOTABLE = 32,		/* its success is reported to the control thread */
	WT_CALL_SIGRETURN = 64,		/* the signal mask lies in the frame on the stack */
	WT_CALL_CLONE = 128,
	WT_CALL_CLONE3 = 256,
	WT_CALL_VFORK = 512,
	WT_CALL_SOCKETCALL = 1024,
	WT_CALL_POLLS = 2048,		/* the array that it is given is of struct pollfd */
};

/* Under which condition the descriptors of a call are asked for. */
enum wt_condition {
	WT_ALWAYS = 0,
	WT_IF_DUPLICATES = 1,	/* fcntl: F_DUPFD, F_DUPFD_CLOEXEC */
	WT_IF_SO_ERROR = 2,	/* getsockopt(SOL_SOCKET, SO_ERROR) */
	WT_IF_NAMED = 3,	/* a message sent with an address */
	WT_IF_BPF_MAKES = 4,	/* bpf: commands that return a descriptor */
	WT_IF_KVM_MAKES = 5,	/* ioctl: KVM_CREATE_VM, KVM_CREATE_VCPU */
};

struct wt_call {
	uint32_t first_op;
	uint16_t ops;
	uint16_t flags;
	uint8_t condition;
	uint8_t fd_arg;
	uint8_t fds_arg;
	uint8_t whens;		/* enum wt_when of all its ops together; WT_TWICE if one has both of entry and exit */
	uint8_t n_args;		/* what stands in the registers behind them means nothing */
	uint8_t shows_arg;	/* descriptor it writes to; WT_SHOWS_CHILDREN; WT_NO_ARG: neither */
	uint8_t reserved[2];
};

#define WT_SHOWS_CHILDREN 6	/* it makes processes or waits for them: they may write while it lasts */

struct wt_table {
	uint32_t arch;
	uint32_t count;
	const struct wt_call *calls;	/* by call number */
};

/*
 * What the kernel programs of record/ebpf/calls.bpf.c write to their ring, one after another:
 *   wt_record, then pieces: a wt_chunk and `reserved` bytes of its data, padded to 8.
 * An event too long for one record is preceded by PARTs of the same CPU. A piece of role 0 goes on with the data of
 * the piece before it.
 */
enum wt_record_type {
	WT_RECORD_EVENT = 1,
	WT_RECORD_PART = 2,	/* pieces only */
};

struct wt_record {
	uint32_t type;
	uint32_t cpu;
	uint32_t parts;		/* how many of them came before */
	uint32_t reserved;
	struct wt_event event;
};

/*
 * Most calls nobody has to look at while they are recorded. The kernel programs pack those into blocks of each CPU, which
 * are copied to the spool as they are (`ptrace.calls`: blocks, one behind the other, each as far as it was filled and
 * then zeros). store/load/packed_calls.c makes the events of the tracer of them.
 *
 * A block begins with its CPU and a CONTEXT, what the records behind it have in common; another may follow. A record
 * without length is the block's end. A call's record (of a CALL: its entry and its return) is
 *   the first fields of struct wt_packed, then of an ENTRY `ip`, of an EXIT `result`, of a CALL `result`, `took` and `ip`;
 *   WT_PACKED_WIDE: two words, duration and result, which do not fit into the 32 bits they have above;
 *   the arguments, 4 * (`shape` >> 2 * number & 3) bytes of each, what is missing of it is 0; padded to 8;
 *   WT_PACKED_GIVEN, of a CALL: a piece as the next, which belongs to its entry;
 *   WT_PACKED_PIECE: a struct wt_packed_piece, its address if that is not the argument, its detail if that is not 0,
 *   and its bytes, padded to 8, but of WT_PIECE_HELD, which are in the place of `full_bytes` and are all; or
 *   WT_PACKED_PIECES: pieces as in the ring.
 */
#define WT_PACKED_BLOCK (1u << 16)
#define WT_PACKED_BODY 4096u	/* most bytes of pieces: longer ones go through the ring */

enum wt_packed_kind {
	WT_PACKED_ENTRY = 1,	/* as enum wt_event_kind */
	WT_PACKED_EXIT = 2,
	WT_PACKED_CALL = 3,
	WT_PACKED_CONTEXT = 4,
	WT_PACKED_CPU = 5,	/* its number in the upper half of its 8 bytes */
};

enum wt_packed_form { WT_PACKED_WIDE = 1, WT_PACKED_PIECE = 2, WT_PACKED_PIECES = 4, WT_PACKED_GIVEN = 8 };

struct wt_packed {
	uint16_t units;		/* its length in 8 bytes */
	uint8_t kind;
	uint8_t form;
	uint16_t number;
	uint16_t shape;
	uint32_t time;		/* ns since the context's: of the return; ENTRY: of the entry */
	int32_t result;		/* ENTRY: the `ip` */
	uint32_t took;		/* CALL: ns since the entry */
	int32_t ip;		/* instruction pointer, less the context's */
};

struct wt_packed_context {
	uint16_t units;
	uint8_t kind;
	uint8_t form;
	uint32_t arch;
	uint64_t time_ns;
	uint64_t ip;
	uint32_t tid;
	uint32_t tgid;
};

#define WT_PIECE_ARG 7
#define WT_PIECE_ADDRESS 8
#define WT_PIECE_DETAIL 16
#define WT_PIECE_HELD 32
#define WT_PIECE_HOLDS 4	/* bytes at most */

struct wt_packed_piece {
	uint16_t bytes;
	uint8_t role;
	uint8_t arg;		/* number of the argument, WT_PIECE_* */
	uint32_t full_bytes;
};

/* One CPU's element of the map `packing`: how much was written, how much of it was taken, and the last CONTEXT. */
struct wt_packing {
	uint64_t written;	/* bytes, as if its blocks had no end */
	uint64_t records;	/* calls, returns and entries among them */
	uint64_t time_ns;
	uint64_t ip;
	uint32_t tid;		/* 0: there is none yet */
	uint32_t arch;
	uint64_t unused[3];
	uint64_t taken;		/* the recorder's, in a cache line of its own */
	uint64_t unused2[7];
};

/* A LINK, EXE or CWD as the kernel programs write it: `address` says how it is made into text. */
enum wt_link {
	WT_LINK_TEXT = 0,
	WT_LINK_PATH = 1,	/* names from the innermost outwards, each with its NUL */
	WT_LINK_DELETED = 2,	/* the same, and it has no name any more */
	WT_LINK_PIPE = 3,	/* `detail` >> 32 and `data`: its inode */
	WT_LINK_ANONYMOUS = 4,	/* one name */
};

/* STATUS as the kernel programs write it; made into lines of /proc/PID/status. */
struct wt_identity {
	uint32_t ppid, uid, euid, suid, fsuid;
};

/* What the kernel programs are told, element 0 of their map `settings`. */
struct wt_settings {
	uint64_t snaplen;
	uint32_t flags;		/* enum wt_option_flag, and WT_SELECTED_ONLY */
	uint32_t native;	/* AUDIT_ARCH_* of 64-bit calls */
	uint32_t compat;	/* ... of 32-bit calls */
	uint32_t native_at;	/* where their calls begin in the map `calls` */
	uint32_t compat_at;
	uint32_t native_calls;
	uint32_t compat_calls;
	uint32_t execve[2];	/* the numbers of the native execve and execveat */
	uint32_t reserved;
};

/* Values of the map `tasks`. */
enum wt_following { WT_FOLLOWED = 1, WT_BEFORE_EXEC = 2 };

#define WT_GIVEN_BYTES 256u	/* what snaplen keeps unless told otherwise */

/* The piece of memory that a call was given, until it is told with the call's return. */
struct wt_given {
	uint64_t address;
	uint64_t detail;
	uint32_t full_bytes;
	uint16_t bytes;
	uint8_t role;		/* 0: there is none */
	uint8_t arg;
};

/* What a thread is doing: its element of the map `states`. */
struct wt_state {
	uint64_t entry_ns;
	int64_t number;
	uint64_t ip;
	uint64_t args[6];
	uint32_t arch;
	uint8_t in_call;
	uint8_t told;		/* its entry has been written */
	uint8_t named;
	uint8_t bare;		/* its entry carries nothing but what was given: told with its return */
	uint8_t begun;		/* past its first execve, if it had one to come */
	uint8_t is_script;	/* it executes a program by an interpreter that the program names */
	uint8_t reserved[6];
	struct wt_given given;
	uint8_t given_bytes[WT_GIVEN_BYTES];
};

enum wt_option_flag {
	WT_EXITKILL = 1,	/* the program dies with the recorder */
	WT_PLACE = 2,		/* follow the CPU of the thread that stops, with SCHED_IDLE */
	WT_SNAP_EACH = 4,	/* snaplen counts for every buffer of a message, not for the message */
	WT_NO_FOLLOW = 8,	/* what the programs start is not traced */
	WT_DETACH_AT_EXEC = 16,	/* let a task go when it executes another program */
	WT_WHOLE_NETLINK = 64,	/* messages of netlink sockets are not cut at snaplen */
	WT_ALL_LINKS = 32,	/* what its descriptors are is asked at every exec, not only the first */
	WT_BUSY_START = 256,	/* the recorder itself computes while the program starts */
	WT_NAMES = 512,		/* the names of processes that calls and signals mention */
	WT_OTHER_ENDS = 1024,	/* with WT_ALL_LINKS: to which socket a unix socket is connected */
	WT_SYSTEM_TIMES = 2048,	/* how long each call kept a CPU in the kernel */
	WT_HOLDS_ENDS = 4096,	/* an attached process has its program to execute yet; its end is seen after wt_have_read */
	WT_VCPUS = 16384,	/* why each run of a virtual CPU ended */
	WT_ENVIRONMENT = 8192,	/* values of the environment, which may hold passwords, are recorded, too */
	WT_SELECTED_ONLY = 128,	/* record/ebpf only: leave out calls without WT_CALL_SELECTED */
};

/* Bytes that overwrite what an argument points to. */
struct wt_poke {
	const uint8_t *data;
	uint32_t bytes;
	uint16_t arg;
	uint16_t when;		/* WT_AT_ENTRY or WT_AT_EXIT */
};

/* One rule of tampering with a call: it applies to the calls `first`, `first + step` ... `last` of each task. */
struct wt_tamper {
	uint32_t arch;
	uint32_t flags;		/* wt_tamper_flag */
	int64_t number;
	int64_t result;		/* -errno for an error */
	int64_t other;		/* the call made in its place */
	uint64_t delay_enter_ns;
	uint64_t delay_exit_ns;
	uint32_t first;
	uint32_t last;
	uint32_t step;		/* at least 1 */
	uint32_t signal;
	const struct wt_poke *pokes;
	uint64_t n_pokes;
};

enum wt_tamper_flag {
	WT_TAMPER_RESULT = 1,
	WT_TAMPER_CALL = 2,
	WT_TAMPER_SIGNAL = 4,
	WT_TAMPER_ERROR = 8,	/* the result is told as an error */
};

struct wt_options {
	const char *events_path;
	const char *chunks_path;
	const char *data_path;
	const struct wt_op *ops;
	const struct wt_table *tables;
	uint32_t n_tables;
	uint32_t flags;
	uint64_t snaplen;	/* UINT64_MAX: all */
	int32_t pin;		/* CPU to move programs and tracer to; -1: none */
	uint32_t n_tampers;
	const struct wt_tamper *tampers;
	const char *const *paths;	/* only calls that name one of them are tampered with; none: all */
	uint64_t n_paths;
	int32_t ring_fd;	/* the calls come from the kernel programs of record/ebpf; -1: by ptrace */
	int32_t tasks_fd;	/* their map of followed processes */
	int32_t states_fd;	/* their storage of what each thread is doing */
	uint64_t ring_bytes;
	const char *packed_path;
	int32_t packed_fd;	/* the buffers of calls that nobody looks at now */
	int32_t packing_fd;
	uint64_t packed_bytes;	/* of each CPU; 0: all calls come through the ring */
	int32_t printed_fd;	/* where events are printed while they come: see part_in_step.h; -1: nowhere */
};

struct wt_spawn_request {
	const char *path;
	const char *const *argv;
	const char *const *envp;
	const char *cwd;	/* NULL: as the recorder */
	const int32_t *fds;	/* 3: become 0, 1, 2 */
	const void *filter;	/* struct sock_filter[]; NULL: none */
	const uint32_t *groups;
	uint32_t filter_length;
	uint32_t n_groups;
	uint32_t flags;		/* wt_spawn_flag */
	uint32_t uid;
	uint32_t gid;
	int32_t stage;		/* out: wt_spawn_stage that failed */
};

enum wt_spawn_flag {
	WT_SPAWN_SETSID = 1,
	WT_SPAWN_CTTY = 2,
	WT_SPAWN_IDS = 4,
	WT_SPAWN_DEFAULT_SIGPIPE = 8,	/* which the Python interpreter ignores for itself */
	WT_SPAWN_DEFAULT_SIGXFSZ = 16,
};
enum wt_spawn_stage {
	WT_STAGE_FORK = 1,
	WT_STAGE_SEIZE = 2,
	WT_STAGE_FDS = 3,
	WT_STAGE_TERMINAL = 4,
	WT_STAGE_CWD = 5,
	WT_STAGE_IDS = 6,
	WT_STAGE_FILTER = 7,
	WT_STAGE_EXEC = 8,
};

#define WT_REDUCED 128

struct wt_stats {
	uint64_t stops;
	uint64_t service_ns;	/* sum of the times from seeing a stop to letting go */
	uint64_t cpu_ns;	/* CPU time of the tracer thread */
	uint64_t events;
	uint64_t lost;
	uint64_t samples;	/* how often a followed thread's CPU was looked up */
	uint64_t same_cpu;	/* ... and was the tracer's own */
	uint64_t moves;		/* how often the tracer moved */
	uint64_t yielded;	/* how often it went back to ordinary scheduling because it was starved */
	int32_t full_errno;	/* why recording stopped early; 0 if it did not */
	uint32_t tasks;		/* traced now */
	uint32_t idle_policy;	/* SCHED_IDLE was used */
	uint32_t no_privilege;	/* it was not, because it could not have been left again */
	char reduced[WT_REDUCED];	/* the first program that, being traced, had not the privileges of its file */
};

/* Functions of libunwind-ptrace, and of which calls stacks are wanted. */
struct wt_unwinder {
	void *accessors;
	void *(*create_space)(void *accessors, int byte_order);
	void (*destroy_space)(void *space);
	void (*set_caching)(void *space, int policy);
	void (*flush_cache)(void *space, uint64_t from, uint64_t to);
	void *(*create)(int32_t pid);
	void (*destroy)(void *of);
	int (*init)(void *cursor, void *space, void *of);
	int (*step)(void *cursor);
	int (*get_reg)(void *cursor, int number, uint64_t *value);
	int (*proc_name)(void *cursor, char *name, unsigned long bytes, uint64_t *distance);
	const uint8_t *wanted;	/* by number of the call: enum wt_when, 0: not wanted */
	uint32_t n_wanted;
	uint32_t arch;		/* whose numbers they are; of other programs there are no stacks */
	int32_t ip_register;
};

struct wt;

struct wt *wt_open(const struct wt_options *options, int *error);
int wt_run(struct wt *w);
int wt_spawn(struct wt *w, struct wt_spawn_request *request);
int wt_attach(struct wt *w, int pid);
int wt_detach(struct wt *w);
int wt_stop(struct wt *w);
int wt_wait(struct wt *w, int timeout_ms);
int wt_status(struct wt *w, int pid, int *status);
int wt_unwind_with(struct wt *w, const struct wt_unwinder *u);
int wt_alive(struct wt *w, int32_t *pids, int room);
int wt_notable_fd(struct wt *w);
void wt_impatient(struct wt *w, int impatient);
void wt_have_read(struct wt *w, uint64_t events);
int wt_behind_fd(struct wt *w);
int wt_caught_up_fd(struct wt *w);
uint32_t wt_notable(struct wt *w, uint64_t *cursor, struct wt_event *out, uint32_t room);
const struct wt_chunk *wt_chunks(struct wt *w);
const uint8_t *wt_data(struct wt *w);
void wt_stats(struct wt *w, struct wt_stats *out);
void wt_close(struct wt *w);
void wt_sizes(uint32_t *out);

#endif
