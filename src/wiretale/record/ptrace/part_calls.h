/* One system call's entry and exit: which memory it carries, by the plan made in plan.py. */

#define F_DUPFD_CLOEXEC_NUMBER 1030

struct layout {	/* struct msghdr of a 64-bit and of a 32-bit task (linux/socket.h, linux/compat.h) */
	uint8_t name, name_bytes, vector, vector_count, control, control_bytes, bytes, mm_bytes;
};
static const struct layout MSGHDR_64 = { 0, 8, 16, 24, 32, 40, 56, 64 };
static const struct layout MSGHDR_32 = { 0, 4, 8, 12, 16, 20, 28, 32 };

static unsigned word_bytes(uint32_t arch)
{
	return arch & 0x80000000u ? 8 : 4;	/* __AUDIT_ARCH_64BIT of linux/audit.h */
}

static const struct wt_call *find_call(struct wt *w, uint32_t arch, uint64_t number)
{
	for (uint32_t i = 0; i < w->n_tables; i++)
		if (w->tables[i].arch == arch)
			return number < w->tables[i].count ? &w->tables[i].calls[number] : NULL;
	return NULL;
}

static uint64_t count_elements(struct wt *w, const struct wt_op *op, const struct task *t, int64_t result, unsigned word)
{
	uint64_t bound = op->count_arg < 6 ? t->args[op->count_arg] : UINT64_MAX;
	uint32_t value;
	switch (op->count_from) {
	case WT_COUNT_ARG:
		return bound;
	case WT_COUNT_ARG32:
		return (uint32_t)bound;
	case WT_COUNT_RETURN:
		return result < 0 ? 0 : ((uint64_t)result < bound ? (uint64_t)result : bound);
	case WT_COUNT_POINTER:
		return bound && read_memory(w, t->tid, bound + op->fixed, &value, 4) == 4 ? value : 0;
	case WT_COUNT_MESSAGE:
		return bound < UINT32_MAX ? (bound > word ? bound : word) + word : 0;
	case WT_COUNT_PAGES:
		return bound / PAGE_BYTES + (bound % PAGE_BYTES > 0);
	case WT_COUNT_REQUEST:
		return _IOC_DIR((uint32_t)bound) & op->fixed ? _IOC_SIZE((uint32_t)bound) : 0;
	case WT_COUNT_BITS:
		return ((uint32_t)bound + 8 * word - 1) / (8 * word);
	default:
		return op->fixed;
	}
}

static void capture_bytes(struct wt *w, struct task *t, const struct wt_op *op, int64_t result, unsigned word)
{
	uint64_t size = op->count_from == WT_COUNT_BITS ? word : op->size;
	uint64_t count = count_elements(w, op, t, result, word), full;
	if (__builtin_mul_overflow(count, size, &full) || full > (1ull << 62))
		return;
	uint64_t most = op->flags & WT_OP_PAYLOAD ? w->snap_now : op->limit;
	uint64_t detail = op->role == WT_ARRAY ? size : 0;
	struct piece p = { op->role, op->arg, 0, t->args[op->arg], full, most, detail };
	capture(w, t->tid, &p);
}

/* A msghdr that lies at `address`: itself, its name, its buffers, its ancillary data. */
static void capture_message(struct wt *w, struct task *t, const struct wt_op *op, uint64_t address, uint32_t index,
			    uint64_t total, bool at_exit, unsigned word)
{
	const struct layout *at = word == 8 ? &MSGHDR_64 : &MSGHDR_32;
	uint8_t raw[64];
	if (read_memory(w, t->tid, address, raw, at->bytes) != at->bytes)
		return;
	bool out = op->flags & WT_OP_OUT;
	uint64_t control_bytes = load_word(raw + at->control_bytes, word);
	uint32_t name_bytes;
	memcpy(&name_bytes, raw + at->name_bytes, 4);
	t->named |= !at_exit && name_bytes && load_word(raw + at->name, word);
	if (out == at_exit) {
		uint64_t from = load_word(raw + at->name, word);
		struct piece name = { WT_SOCKADDR, op->arg, index, from, name_bytes, 128, 0 };
		capture(w, t->tid, &name);
	}
	struct message m = { op->arg, index, total, !at_exit, out == at_exit };
	uint64_t buffers = load_word(raw + at->vector_count, word);
	capture_vector(w, t->tid, load_word(raw + at->vector, word), buffers, word, &m);
	if (out == at_exit) {
		uint64_t from = load_word(raw + at->control, word);
		struct piece p = { WT_CONTROL, op->arg, index, from, control_bytes, CONTROL_LIMIT, 0 };
		uint64_t before = w->data.used;
		const uint8_t *control = capture(w, t->tid, &p);
		if (control && at_exit)
			ask_received(w, t, control, w->data.used - before, word);
	}
}

static void capture_msghdr(struct wt *w, struct task *t, const struct wt_op *op, int64_t result, bool at_exit,
			   unsigned word)
{
	uint64_t bytes = word == 8 ? MSGHDR_64.bytes : MSGHDR_32.bytes;
	struct piece p = { WT_MSGHDR, op->arg, 0, t->args[op->arg], bytes, bytes, bytes };
	if (capture(w, t->tid, &p))
		capture_message(w, t, op, p.address, 0, at_exit ? (uint64_t)result : UINT64_MAX, at_exit, word);
}

static void capture_mmsghdr(struct wt *w, struct task *t, const struct wt_op *op, int64_t result, bool at_exit,
			    unsigned word)
{
	const struct layout *at = word == 8 ? &MSGHDR_64 : &MSGHDR_32;
	uint64_t count = at_exit ? (uint64_t)result : (uint32_t)t->args[op->count_arg < 6 ? op->count_arg : 0];
	if (count > VECTOR_LIMIT)
		count = VECTOR_LIMIT;
	uint64_t bytes = count * at->mm_bytes;
	struct piece p = { WT_MSGHDR, op->arg, 0, t->args[op->arg], bytes, bytes, at->mm_bytes };
	if (!capture(w, t->tid, &p))
		return;
	for (uint32_t i = 0; i < count && !w->full_errno; i++) {
		uint64_t address = p.address + (uint64_t)i * at->mm_bytes;
		uint32_t length;
		if (read_memory(w, t->tid, address + at->bytes, &length, 4) != 4)
			return;
		if (!at_exit || op->flags & WT_OP_OUT)
			capture_message(w, t, op, address, i << 16, at_exit ? length : UINT64_MAX, at_exit, word);
	}
}

static bool load_field(struct wt *w, struct task *t, uint64_t address, unsigned bytes, uint64_t *value)
{
	*value = 0;
	return bytes <= sizeof(*value) && read_memory(w, t->tid, address, value, bytes) == (ssize_t)bytes;
}

/* The strings of a vector whose elements, of `stride` bytes, end with a 64-bit pointer. */
static void capture_named(struct wt *w, struct task *t, const struct piece *vector, uint64_t count, uint32_t stride)
{
	uint64_t address, first = vector->address + stride - sizeof(address);
	for (uint32_t i = 0; i < count && i < VECTOR_LIMIT && !w->full_errno; i++) {
		if (!load_field(w, t, first + (uint64_t)i * stride, sizeof(address), &address))
			return;
		struct piece p = { WT_STRING, vector->arg, vector->index | (i + 1) << 16, address, 0, 0, 0 };
		capture_string(w, t->tid, &p, 0);
	}
}

#define MOST_FOLLOWED (1ull << 62)	/* what is said to be longer is as long as nothing can be */

/* The structure whose pointers are followed; false if there is none, or it is another kind of structure. */
static bool find_structure(struct wt *w, struct task *t, const struct wt_op *op, uint64_t *base)
{
	uint64_t first;
	*base = t->args[op->arg];
	if (*base && WT_OUTER(op->within) && !load_field(w, t, *base + WT_OUTER(op->within) - 1, 8, base))
		return false;
	return *base && (!WT_FIRST_BYTE(op->within) ||
			 (load_field(w, t, *base, 1, &first) && first == WT_FIRST_BYTE(op->within)));
}

/* The pointer at a place in the structure that the argument points to, and what lies there. */
static void capture_followed(struct wt *w, struct task *t, const struct wt_op *op, bool at_exit)
{
	uint64_t base, address, count = 1;
	uint32_t place = op->fixed;
	if (!find_structure(w, t, op, &base))
		return;
	address = base + WT_POINTER_AT(place);
	if (WT_POINTER_BYTES(place) && !load_field(w, t, address, WT_POINTER_BYTES(place), &address))
		return;
	unsigned width = WT_COUNT_BYTES(place);
	if (op->count_from == WT_COUNT_ARG32 && op->count_arg < 6)
		count = (uint32_t)t->args[op->count_arg];
	else if (width && !load_field(w, t, base + WT_COUNT_AT(place), width, &count))
		return;
	uint32_t index = (1 + WT_POINTER_AT(place)) | WT_OUTER(op->within) << 16;
	struct piece p = { op->role, op->arg, index, address, 0, op->limit, 0 };
	if (op->what == WT_READ_FOLLOW_VECTOR) {
		bool out = op->flags & WT_OP_OUT;
		struct message m = { op->arg, index << 16, UINT64_MAX, true, at_exit == out };
		capture_vector(w, t->tid, address, count, word_bytes(t->arch), &m);
		return;
	}
	if (op->what == WT_READ_FOLLOW_STRING)
		capture_string(w, t->tid, &p, 0);
	else if (!__builtin_mul_overflow(count, (uint64_t)op->size, &p.full) && address + p.full >= address) {
		p.full = p.full > MOST_FOLLOWED ? MOST_FOLLOWED : p.full;
		capture(w, t->tid, &p);
	}
	if (op->what == WT_READ_FOLLOW_STRINGS)
		capture_named(w, t, &p, count, op->size);
}

/* What a descriptor inside a structure is. */
static void capture_link(struct wt *w, struct task *t, const struct wt_op *op)
{
	char path[64], target[PATH_MAX];
	uint32_t at = WT_POINTER_AT(op->fixed);
	uint64_t base, number;
	if (!find_structure(w, t, op, &base) || !load_field(w, t, base + at, 4, &number))
		return;
	ssize_t n = readlink(descriptor_path(w, t, "fd", (int)number, path, sizeof(path)), target, sizeof(target));
	struct wt_chunk *c = n > 0 ? chunk_begin(w, WT_STRING, op->arg, 1 + at, (size_t)n) : NULL;
	if (!c)
		return;
	memcpy(file_end(&w->data), target, (size_t)n);
	c->full_bytes = (uint64_t)n;
	chunk_end(w, c, (uint64_t)n);
}

/* Where a task has mapped what has that link; 0 if nowhere, or at several places: virtual CPUs of other machines are called the same. */
static uint64_t mapped_at(struct wt *w, struct task *t, const char *link)
{
	char path[64], *line = NULL;
	size_t room = 0, length = strlen(link);
	uint64_t found = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/maps", in_proc(w, t->tgid), in_proc(w, t->tid));
	FILE *maps = fopen(path, "re");
	for (ssize_t n; maps && (n = getline(&line, &room, maps)) > 0;) {
		bool is_it = n > (ssize_t)length + 1 && line[n - 2 - (ssize_t)length] == ' ' &&
			     !strncmp(line + n - 1 - length, link, length);
		if (is_it && found) {
			found = 0;
			break;
		}
		if (is_it)
			found = strtoull(line, NULL, 16);
	}
	free(line);
	if (maps)
		fclose(maps);
	return found;
}

static void capture_vcpu(struct wt *w, struct task *t, const struct wt_op *op)
{
	char path[64], link[64];
	ssize_t n = readlink(descriptor_path(w, t, "fd", (int)t->args[0], path, sizeof(path)), link, sizeof(link));
	if (n <= 0 || n == sizeof(link))
		return;
	link[n] = 0;
	struct piece p = { op->role, op->arg, 0, mapped_at(w, t, link), op->size, op->size, 0 };
	if (p.address)
		capture(w, t->tid, &p);
}

/* The vector of pointers itself, then what each of them points to. */
static void capture_pointed(struct wt *w, struct task *t, const struct wt_op *op, int64_t result, unsigned word)
{
	uint64_t count = count_elements(w, op, t, result, word), vector = t->args[op->arg];
	if (count > VECTOR_LIMIT)
		count = VECTOR_LIMIT;
	struct piece whole = { op->role, op->arg, 0, vector, count * word, op->limit, word };
	if (!capture(w, t->tid, &whole))
		return;
	ssize_t n = read_memory(w, t->tid, vector, w->vector, count * word);
	for (ssize_t i = 0; (i + 1) * (ssize_t)word <= n && !w->full_errno; i++) {
		uint64_t address = load_word(w->vector + i * word, word);
		struct piece p = { op->role, op->arg, (uint32_t)i + 1, address, op->size, op->size, 0 };
		capture(w, t->tid, &p);
	}
}

/* What the elements of a vector of pointers, each a message, point to themselves. */
static void capture_elements(struct wt *w, struct task *t, const struct wt_op *op, int64_t result, unsigned word)
{
	uint64_t elements = count_elements(w, op, t, result, word), vector = t->args[op->arg];
	for (uint32_t i = 0; i < elements && i < VECTOR_LIMIT && !w->full_errno; i++) {
		uint64_t element, tag, address, count;
		if (!load_field(w, t, vector + (uint64_t)i * word, word, &element))
			return;
		if (!load_field(w, t, element + WT_TAG_AT(op->limit), 2, &tag) || tag != WT_TAG(op->limit) ||
		    !load_field(w, t, element + WT_POINTER_AT(op->fixed), WT_POINTER_BYTES(op->fixed), &address) ||
		    !load_field(w, t, element + WT_COUNT_AT(op->fixed), WT_COUNT_BYTES(op->fixed), &count))
			continue;
		if (op->what == WT_READ_ELEMENT_VECTOR) {
			struct message m = { op->arg, (i + 1) << 16, UINT64_MAX, true, !(op->flags & WT_OP_OUT) };
			capture_vector(w, t->tid, address, count, word, &m);
		} else {
			struct piece p = { op->role, op->arg, (i + 1) << 16, address, count, w->snap_now, 0 };
			capture(w, t->tid, &p);
		}
	}
}

static void run_op(struct wt *w, struct task *t, const struct wt_op *op, int64_t result, bool at_exit)
{
	unsigned word = word_bytes(t->arch);
	uint64_t address = t->args[op->arg];
	struct piece string = { op->role, op->arg, 0, address, 0, 0, 0 };
	bool out = op->flags & WT_OP_OUT;
	struct message m = { op->arg, 0, at_exit ? (uint64_t)result : UINT64_MAX, !at_exit, at_exit == out };
	switch (op->what) {
	case WT_READ_BYTES:
		t->named |= op->role == WT_SOCKADDR && !at_exit && address;
		capture_bytes(w, t, op, result, word);
		break;
	case WT_READ_STRING:
		capture_string(w, t->tid, &string, 0);
		break;
	case WT_READ_STRINGS:
	case WT_READ_NAMES:
		capture_strings(w, t->tid, op, address, word);
		break;
	case WT_READ_IOVEC:
		capture_vector(w, t->tid, address, count_elements(w, op, t, result, word), word, &m);
		break;
	case WT_READ_MSGHDR:
		capture_msghdr(w, t, op, result, at_exit, word);
		break;
	case WT_READ_LINK:
		if (op->count_arg == WT_NO_ARG)
			ask_link(w, t, op->arg);
		else
			ask_link_elsewhere(w, t, op->arg, op->count_arg);
		break;
	case WT_READ_NAME:
		ask_name(w, op->count_from == WT_COUNT_RETURN ? result : (int32_t)t->args[op->arg]);
		break;
	case WT_READ_FOLLOW:
	case WT_READ_FOLLOW_STRING:
	case WT_READ_FOLLOW_STRINGS:
	case WT_READ_FOLLOW_VECTOR:
		capture_followed(w, t, op, at_exit);
		break;
	case WT_READ_FOLLOW_LINK:
		capture_link(w, t, op);
		break;
	case WT_READ_VCPU:
		if (w->flags & WT_VCPUS)
			capture_vcpu(w, t, op);
		break;
	case WT_READ_POINTED:
		capture_pointed(w, t, op, result, word);
		break;
	case WT_READ_ELEMENT_BYTES:
	case WT_READ_ELEMENT_VECTOR:
		capture_elements(w, t, op, result, word);
		break;
	case WT_READ_MMSGHDR:
		capture_mmsghdr(w, t, op, result, at_exit, word);
		break;
	}
}

static void run_ops(struct wt *w, struct task *t, int64_t result, unsigned when)
{
	const struct wt_call *call = t->call;
	uint64_t fd = t->args[0];
	bool netlink = w->flags & WT_WHOLE_NETLINK && fd < NETLINK_FDS && w->netlink[fd / 64] >> fd % 64 & 1;
	w->snap_now = netlink && w->snaplen < NETLINK_LIMIT ? NETLINK_LIMIT : w->snaplen;
	w->pages.reads += call->ops > 2;	/* the first read will not be the only one */
	for (uint32_t i = 0; i < call->ops && !w->full_errno; i++) {
		const struct wt_op *op = &w->ops[call->first_op + i];
		bool applies = op->only_arg >= 6 || (uint32_t)t->args[op->only_arg] == op->only_value;
		if (op->when & when && applies)
			run_op(w, t, op, result, when != WT_AT_ENTRY);
	}
}

/*
 * rt_sigreturn takes back the mask of the frame the handler was given: struct ucontext, which x86-64 has at the stack
 * pointer, arm64 and i386 behind a siginfo (asm/ucontext.h, asm-generic/ucontext.h, arch/arm64/kernel/signal.c,
 * arch/x86/include/asm/sigframe.h). Of i386's older sigreturn the halves of the mask lie apart, in struct sigcontext and
 * behind the state of the floating point unit.
 */
static void capture_signal_frame(struct wt *w, struct task *t, uint64_t stack)
{
	enum { I386 = 0x40000003, I386_SIGRETURN = 119, LOW_HALF_AT = 80, HIGH_HALF_AT = 712 };
	uint64_t mask_at = t->arch == 0xc000003eu ? 296 : t->arch == 0xc00000b7u ? 168 : t->arch == I386 ? 248 : 0;
	uint64_t bytes = 8;
	if (t->arch == I386 && t->number == I386_SIGRETURN) {
		struct piece high = { WT_STRUCT, 0, 1, stack + HIGH_HALF_AT, 4, 4, 0 };
		capture(w, t->tid, &high);
		mask_at = LOW_HALF_AT;
		bytes = 4;
	}
	struct piece p = { WT_STRUCT, 0, 0, stack + mask_at, bytes, bytes, 0 };
	if (mask_at)
		capture(w, t->tid, &p);
}

/*
 * linux/bpf.h: MAP_CREATE, PROG_LOAD, OBJ_GET, PROG_, MAP_, BTF_ and LINK_GET_FD_BY_ID, RAW_TRACEPOINT_OPEN, BTF_LOAD,
 * LINK_CREATE, ENABLE_STATS, ITER_CREATE.
 */
#define BPF_MAKES 0x3500e60a1ull
#define KVM_CREATE_VM_REQUEST 0xae01
#define KVM_CREATE_VCPU_REQUEST 0xae41

static bool condition_holds(const struct task *t)
{
	switch (t->call->condition) {
	case WT_IF_DUPLICATES:
		return (uint32_t)t->args[1] == F_DUPFD || (uint32_t)t->args[1] == F_DUPFD_CLOEXEC_NUMBER;
	case WT_IF_SO_ERROR:
		return (uint32_t)t->args[1] == SOL_SOCKET && (uint32_t)t->args[2] == SO_ERROR;
	case WT_IF_NAMED:
		return t->named;
	case WT_IF_BPF_MAKES:
		return (uint32_t)t->args[0] < 64 && BPF_MAKES >> (uint32_t)t->args[0] & 1;
	case WT_IF_KVM_MAKES:
		return (uint32_t)t->args[1] == KVM_CREATE_VM_REQUEST || (uint32_t)t->args[1] == KVM_CREATE_VCPU_REQUEST;
	default:
		return true;
	}
}

/* A non-blocking connect that has begun (EINPROGRESS) gave the socket its addresses as well. */
static void ask_descriptors(struct wt *w, struct task *t, int64_t result)
{
	const struct wt_call *call = t->call;
	if ((result < 0 && result != -EINPROGRESS) || !condition_holds(t))
		return;
	if (call->flags & WT_CALL_CHANGES_SOCKET && call->fd_arg < 6)
		ask_descriptor(w, t, (int32_t)t->args[call->fd_arg], true);
	if (result < 0)
		return;
	if (call->flags & (WT_CALL_RESULT_FD | WT_CALL_RESULT_SOCKET))
		ask_descriptor(w, t, result, call->flags & WT_CALL_RESULT_SOCKET);
	if (call->flags & WT_CALL_SETS_FDS && call->fds_arg < 6) {
		int32_t pair[2];
		if (read_memory(w, t->tid, t->args[call->fds_arg], pair, sizeof(pair)) == sizeof(pair)) {
			ask_descriptor(w, t, pair[0], false);
			ask_descriptor(w, t, pair[1], false);
		}
	}
}

/*
 * i386 socketcall(2) (linux/net.h): the call it stands for, with the arguments it points to. Those without a number of
 * their own have one above 1000, as decode/syscalls/numbers.py says.
 */
static void translate_socketcall(struct wt *w, struct task *t)
{
	static const struct { uint16_t number; uint8_t args; } REAL[] = {
		[1] = { 359, 3 }, [2] = { 361, 3 }, [3] = { 362, 3 }, [4] = { 363, 2 }, [5] = { 1005, 3 },
		[6] = { 367, 3 }, [7] = { 368, 3 }, [8] = { 360, 4 }, [9] = { 1009, 4 }, [10] = { 1010, 4 },
		[11] = { 369, 6 }, [12] = { 371, 6 }, [13] = { 373, 2 }, [14] = { 366, 5 }, [15] = { 365, 5 },
		[16] = { 370, 3 }, [17] = { 372, 3 }, [18] = { 364, 4 }, [19] = { 337, 5 }, [20] = { 345, 4 },
	};
	uint64_t which = t->args[0];
	uint32_t raw[6] = { 0 };
	if (which == 0 || which >= sizeof(REAL) / sizeof(REAL[0]))
		return;
	ssize_t bytes = REAL[which].args * 4;
	if (read_memory(w, t->tid, t->args[1], raw, (size_t)bytes) != bytes)
		return;
	for (int i = 0; i < 6; i++)
		t->args[i] = raw[i];
	t->number = REAL[which].number;
	t->socketcall = true;
}

static uint64_t clone_flags(struct wt *w, const struct task *t)
{
	uint64_t flags = 0;
	if (!t->in_call || !t->call)
		return 0;
	if (t->call->flags & WT_CALL_CLONE)
		return t->args[0] & ~0xffull;	/* the low byte is the signal at exit */
	if (t->call->flags & WT_CALL_CLONE3 && read_memory(w, t->tid, t->args[0], &flags, 8) == 8)
		return flags;
	return t->call->flags & WT_CALL_VFORK ? CLONE_VFORK | CLONE_VM : 0;
}
