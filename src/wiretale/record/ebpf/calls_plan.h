/* Which memory a call carries: the ops of its plan, one after another (struct wt_op of tracer.h). */

#define EINPROGRESS 115
#define SO_ERROR 4
#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030

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

/* `bound` is argument `count_arg`, or the most there is. */
static __always_inline __u64 elements(const struct wt_op *op, __u64 bound, __s64 result, __u32 word)
{
	__u32 value = 0;
	switch (op->count_from) {
	case WT_COUNT_ARG:
		return bound;
	case WT_COUNT_ARG32:
		return (__u32)bound;
	case WT_COUNT_RETURN:
		return result < 0 ? 0 : (__u64)result < bound ? (__u64)result : bound;
	case WT_COUNT_POINTER:
		if (bound)
			bpf_probe_read_user(&value, 4, (void *)(bound + op->fixed));
		return value;
	case WT_COUNT_REQUEST:	/* asm-generic/ioctl.h */
		return (__u32)bound >> 30 & op->fixed ? (__u32)bound >> 16 & 0x3fff : 0;
	case WT_COUNT_MESSAGE:
		return ((__u32)bound > word ? (__u32)bound : word) + word;
	case WT_COUNT_PAGES:
		return ((__u32)bound + 4095) / 4096;
	case WT_COUNT_BITS:
		return ((__u32)bound + 8 * word - 1) / (8 * word);
	}
	return op->fixed;
}

static __always_inline __u64 count_elements(struct work *w, struct wt_op *op)
{
	__u64 n = elements(op, op->count_arg < 6 ? arg_of(w, op->count_arg) : ~0ull, w->result, w->word);
	return n > 1ull << 40 ? 1ull << 40 : n;
}

/* The pointer at a place in the structure that the argument points to, and what lies there. */
__noinline int capture_followed(__u32 number)
{
	struct wt_op *op = bpf_map_lookup_elem(&ops, &number);
	struct work *w = my_work();
	__u64 base, address, n = 1;
	__u32 place, index;
	__u8 first = 0;
	if (!w || !op)
		return 0;
	base = arg_of(w, op->arg);
	place = op->fixed;
	if (base && WT_OUTER(op->within) && !load_field(base + WT_OUTER(op->within) - 1, 8, &base)) {
		w->faulted = 1;
		return 0;
	}
	if (!base)
		return 0;
	if (WT_FIRST_BYTE(op->within)) {
		if (bpf_probe_read_user(&first, 1, (void *)base))
			w->faulted = 1;
		if (first != WT_FIRST_BYTE(op->within))
			return 0;
	}
	address = base + WT_POINTER_AT(place);
	index = (1 + WT_POINTER_AT(place)) | WT_OUTER(op->within) << 16;
	if ((WT_POINTER_BYTES(place) && !load_field(address, WT_POINTER_BYTES(place), &address)) ||
	    (WT_COUNT_BYTES(place) && !load_field(base + WT_COUNT_AT(place), WT_COUNT_BYTES(place), &n))) {
		w->faulted = 1;
		return 0;
	}
	if (op->what == WT_READ_FOLLOW_STRING)
		capture_string(piece(op->role, op->arg, index), address, 0);
	else if (n < 1ull << 40)
		capture(piece(op->role, op->arg, index), address, n * op->size, op->limit, 0);
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
