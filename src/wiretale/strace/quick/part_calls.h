/* A call in words, in two parts: what is printed when it begins, and what when it returns. As decode/strace/calls.py. */

typedef bool argument_printer(struct writer *, int, const struct argument *);

static argument_printer *const PRINTERS[] = {
	[AS_unknown] = NULL,
#define X(name) [AS_##name] = arg_##name,
	ARGUMENT_KINDS(X)
#undef X
};

static const struct call *call_of(const struct wt_event *e)
{
	if (e->arch != NATIVE_ARCH || e->flags & WT_FLAG_SOCKETCALL || e->number < 0 ||
	    (uint64_t)e->number >= sizeof(CALLS) / sizeof(CALLS[0]))
		return NULL;
	const struct call *call = &CALLS[e->number];
	return call->name ? call : NULL;
}

/* The arguments of the call, which the value of one of them may decide. */
static const struct arguments *arguments_of(const struct writer *w)
{
	const struct call *call = w->call;
	if (call->variant_arg >= 0) {
		uint32_t value = low_half(w, call->variant_arg);
		size_t low = call->first_variant, high = low + call->variants;
		while (low < high) {
			size_t middle = (low + high) / 2;
			if (VARIANTS[middle].value == value)
				return &CALL_ARGUMENTS[VARIANTS[middle].arguments];
			if (VARIANTS[middle].value < value)
				low = middle + 1;
			else
				high = middle;
		}
	}
	return &CALL_ARGUMENTS[call->arguments];
}

/* The arguments from `from` up to `to`; those that are nothing are left out. */
static bool put_arguments(struct writer *w, const struct arguments *all, unsigned from, unsigned to, bool refuses)
{
	size_t began = w->text->used;
	for (unsigned i = from; i < to; i++) {
		const struct argument *a = &ARGUMENTS[all->first + i];
		size_t before = w->text->used;
		if (before > began)
			put(w->text, ", ");
		size_t after = w->text->used;
		w->refused = refuses && !(a->flags & ARGUMENT_GIVEN);
		if (a->as == AS_unknown || !PRINTERS[a->as](w, (int)i, a))
			return false;
		if (w->text->used == after)
			w->text->used = before;
	}
	w->refused = false;
	return true;
}

static bool put_rewritten(struct writer *w)
{
	switch ((enum rewrite)w->call->rewrite) {
	case REWRITE_CLONE:
		return put_clone(w);
	case REWRITE_CLONE3:
		return put_clone3(w);
	case REWRITE_SIGRETURN:
		return put_sigreturn(w);
	case REWRITE_NONE:
		break;
	}
	return false;
}

/* `name(arguments`, as far as it is printed when the call begins. */
static bool put_entry(struct writer *w)
{
	const struct arguments *all = arguments_of(w);
	put(w->text, text_at(w->call->name));
	put_char(w->text, '(');
	if (w->call->rewrite)
		return put_rewritten(w);
	if (all->at_entry == NOT_RENDERED)
		return false;
	size_t began = w->text->used;
	if (!put_arguments(w, all, 0, all->at_entry, false))
		return false;
	if (w->text->used > began && all->at_entry < all->count)
		put(w->text, ", ");
	return true;
}

/* The arguments that are printed when it has returned. */
static bool put_exit(struct writer *w)
{
	const struct arguments *all = arguments_of(w);
	if (w->call->rewrite)
		return put_rewritten(w);
	if (all->at_entry == NOT_RENDERED)
		return false;
	return put_arguments(w, all, all->at_entry, all->count, w->error && !(w->call->flags & CALL_FILLED_ON_ERROR));
}

/* Whether nothing is missing from a call that never returns. */
static bool is_whole(const struct writer *w)
{
	const struct arguments *all = arguments_of(w);
	return !w->call->rewrite && !(w->call->flags & CALL_SHOWN_AFTER_RESULT) && all->at_entry >= all->count;
}

/* -- results ---------------------------------------------------------------------------------------------------------- */

#define FIRST_RESTART 512	/* include/linux/errno.h: seen by tracers only */
#define LAST_RESTART 529
#define NS_GET_NSTYPE 0xb703	/* linux/nsfs.h */

static bool put_fcntl_result(struct writer *w)
{
	switch (low_half(w, 1)) {
	case F_GETFL:
		put_hex_or_zero(w->text, (uint64_t)w->value);
		put(w->text, " (flags ");
		put_open_flags(w->text, (uint32_t)w->value);
		put_char(w->text, ')');
		return w->value >= 0;
	case F_GETFD:
		if (!w->value)
			break;
		put_hex(w->text, (uint64_t)w->value);
		put(w->text, " (flags ");
		put_flags(w->text, NAMES_fd_flags, (uint64_t)w->value);
		put_char(w->text, ')');
		return w->value > 0;
	case F_GETSIG:
	case F_GETLEASE:
	case F_GET_SEALS:
		return false;
	}
	put_signed(w->text, w->value);
	return true;
}

static bool put_value(struct writer *w)
{
	switch ((enum result_kind)w->call->result) {
	case RESULT_PLAIN:
		put_signed(w->text, w->value);
		return true;
	case RESULT_HEX:
		put_hex_or_zero(w->text, (uint64_t)w->value);
		return true;
	case RESULT_OCTAL:
		put_octal(w->text, (uint64_t)w->value & 0777);
		return true;
	case RESULT_UNSIGNED:
		put_unsigned(w->text, (uint64_t)w->value);
		return true;
	case RESULT_FCNTL:
		return put_fcntl_result(w);
	case RESULT_PRCTL:
		for (size_t i = 0; i < sizeof(PRCTL_MEANING) / sizeof(PRCTL_MEANING[0]); i++)
			if (PRCTL_MEANING[i] == low_half(w, 0))
				return false;
		put_unsigned(w->text, (uint64_t)w->value);
		return true;
	case RESULT_ARCH_PRCTL:
		for (size_t i = 0; i < sizeof(ARCH_PRCTL_MEANING) / sizeof(ARCH_PRCTL_MEANING[0]); i++)
			if (ARCH_PRCTL_MEANING[i] == low_half(w, 0))
				return false;
		put_signed(w->text, w->value);
		return true;
	case RESULT_UNKNOWN:
		break;
	}
	return false;
}

static bool put_extra(struct writer *w)
{
	switch ((enum extra)w->call->extra) {
	case EXTRA_NONE:
		return true;
	case EXTRA_POLL:
		return put_poll_result(w);
	case EXTRA_SELECT:
		return put_select_result(w);
	case EXTRA_IOCTL:
		return low_half(w, 1) != NS_GET_NSTYPE;
	case EXTRA_SIGNAL:
		if (!w->error && w->value) {
			put(w->text, " (");
			put_signal(w->text, w->value);
			put_char(w->text, ')');
		}
		return true;
	case EXTRA_UNKNOWN:
		break;
	}
	return false;
}

/* What stands behind the equals sign. */
static bool put_result(struct writer *w)
{
	if (!w->error)
		return w->value >= 0 && put_value(w) && put_extra(w);	/* less than 0 is no error after -e inject only */
	const struct error *error = error_of(w->error);
	if (!error)
		return false;
	put(w->text, w->error >= FIRST_RESTART && w->error <= LAST_RESTART ? "? " : "-1 ");
	put(w->text, text_at(error->text));
	return true;
}
