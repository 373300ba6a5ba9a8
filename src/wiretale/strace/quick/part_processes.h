/* Calls whose arguments have an order of their own: what makes tasks, and the return from a handler. As rewrites.py. */

#define CLONE_ARGS_FIRST 64	/* CLONE_ARGS_SIZE_VER0, _VER2 of linux/sched.h */
#define CLONE_ARGS_KNOWN 88
#define TELLS_CHILD (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)

/* The arguments of clone on this machine: x86-64 passes the last two the other way round than all others. */
#ifdef __x86_64__
enum { CLONE_STACK = 1, CLONE_PARENT_TID = 2, CLONE_CHILD_TID = 3, CLONE_TLS = 4 };
#else
enum { CLONE_STACK = 1, CLONE_PARENT_TID = 2, CLONE_CHILD_TID = 4, CLONE_TLS = 3 };
#endif

static void put_clone_flags(struct quick_text *t, uint64_t value)
{
	uint64_t flags = value & ~(uint64_t)0xff, signal = value & 0xff;
	if (flags)
		put_flags(t, NAMES_clone, flags);
	put(t, flags && signal ? "|" : "");
	if (signal)
		put_signal(t, (int64_t)signal);
	put(t, value ? "" : "0");
}

/* Where the new thread's number is left, or a descriptor of the new process. */
static void put_parent_tid(struct writer *w)
{
	struct datum d;
	put(w->text, ", parent_tid=");
	if (succeeded(w) && readable(w, CLONE_PARENT_TID, WT_STRUCT, FILLED, &d) && d.n >= 4)
		put_bracketed(w->text, signed_integer(d.bytes, 4));
	else
		put_address(w, CLONE_PARENT_TID);
}

static bool put_clone(struct writer *w)
{
	uint64_t flags = value_of(w, 0);
	if (!w->ended) {
		put(w->text, "child_stack=");
		put_address(w, CLONE_STACK);
		put(w->text, ", flags=");
		put_clone_flags(w->text, flags);
		return true;
	}
	if (flags & (CLONE_PARENT_SETTID | CLONE_PIDFD))
		put_parent_tid(w);
	if (flags & CLONE_SETTLS) {
		put(w->text, ", tls=");
		put_address(w, CLONE_TLS);
	}
	if (flags & TELLS_CHILD) {
		put(w->text, ", child_tidptr=");
		put_address(w, CLONE_CHILD_TID);
	}
	return true;
}

static void put_named_pointer(struct quick_text *t, const char *name, uint64_t value)
{
	put(t, name);
	put_pointer(t, value);
}

static void put_clone3_asked(struct writer *w, const uint64_t *v)
{
	uint64_t flags = v[CLONE_ARGS_flags];
	struct quick_text *t = w->text;
	put(t, "{flags=");
	put_flags(t, NAMES_clone3, flags);
	if (flags & CLONE_PIDFD)
		put_named_pointer(t, ", pidfd=", v[CLONE_ARGS_pidfd]);
	if (flags & TELLS_CHILD)
		put_named_pointer(t, ", child_tid=", v[CLONE_ARGS_child_tid]);
	if (flags & CLONE_PARENT_SETTID)
		put_named_pointer(t, ", parent_tid=", v[CLONE_ARGS_parent_tid]);
	put(t, ", exit_signal=");
	if (v[CLONE_ARGS_exit_signal] <= SIGNALS)
		put_signal(t, (int64_t)v[CLONE_ARGS_exit_signal]);
	else
		put_unsigned(t, v[CLONE_ARGS_exit_signal]);
	put_named_pointer(t, ", stack=", v[CLONE_ARGS_stack]);
	put(t, ", stack_size=");
	put_hex_or_zero(t, v[CLONE_ARGS_stack_size]);
	if (flags & CLONE_SETTLS)
		put_named_pointer(t, ", tls=", v[CLONE_ARGS_tls]);
	put_char(t, '}');
}

/* The number that a pointer of clone_args points to. */
static void put_followed(struct writer *w, size_t offset, uint64_t pointer)
{
	struct datum d;
	if (pointer && find(w, 0, WT_STRUCT, FILLED, 1 + (uint32_t)offset, &d) && d.n >= 4)
		put_bracketed(w->text, signed_integer(d.bytes, 4));
	else
		put_pointer(w->text, pointer);
}

/* What the kernel filled in. */
static void put_clone3_made(struct writer *w, const uint64_t *v, uint64_t size)
{
	uint64_t flags = succeeded(w) ? v[CLONE_ARGS_flags] & (CLONE_PIDFD | CLONE_PARENT_SETTID) : 0;
	if (flags)
		put(w->text, " => {");
	if (flags & CLONE_PIDFD) {
		put(w->text, "pidfd=");
		put_followed(w, CLONE_ARGS_pidfd * 8, v[CLONE_ARGS_pidfd]);
	}
	if (flags & CLONE_PARENT_SETTID) {
		put(w->text, flags & CLONE_PIDFD ? ", parent_tid=" : "parent_tid=");
		put_followed(w, CLONE_ARGS_parent_tid * 8, v[CLONE_ARGS_parent_tid]);
	}
	put(w->text, flags ? "}, " : ", ");
	put_unsigned(w->text, size);
}

static bool put_clone3(struct writer *w)
{
	struct datum d;
	uint64_t v[CLONE_ARGS_KNOWN / 8], size = value_of(w, 1);
	if (size != CLONE_ARGS_KNOWN || !find(w, 0, WT_STRUCT, GIVEN, 0, &d) || d.n < CLONE_ARGS_KNOWN)
		return false;
	memcpy(v, d.bytes, sizeof(v));
	if (v[CLONE_ARGS_set_tid] || v[CLONE_ARGS_set_tid_size] || v[CLONE_ARGS_cgroup])
		return false;
	if (w->ended)
		put_clone3_made(w, v, size);
	else
		put_clone3_asked(w, v);
	return true;
}

/* The mask that comes back into force, read from the frame on the stack. */
static bool put_sigreturn(struct writer *w)
{
	struct datum d;
	if (w->ended || !readable(w, 0, WT_STRUCT, GIVEN, &d) || d.n < 8)
		return true;
	put(w->text, "{mask=");
	put_signal_set(w->text, integer(d.bytes, 8));
	put_char(w->text, '}');
	return true;
}
