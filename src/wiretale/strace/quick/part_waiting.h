/* poll, select, epoll: what is asked before, what came out after. As decode/readiness.py and decode/strace/waiting.py. */

#define POLLFD 8
#define EPOLL_EVENT 12	/* packed on x86-64 only (linux/eventpoll.h) */

static bool arg_poll_fds(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum d;
	uint32_t count = low_half(w, 1);
	uint64_t start = value_of(w, i), shown = 0;
	if (!readable(w, i, WT_ARRAY, GIVEN, &d) || d.n < POLLFD) {
		if (count || !start)
			return put_address(w, i);
		put(w->text, "[]");
		return true;
	}
	put_char(w->text, '[');
	for (; (shown + 1) * POLLFD <= d.n && shown < w->limit; shown++) {
		const uint8_t *bytes = d.bytes + shown * POLLFD;
		int64_t fd = signed_integer(bytes, 4);
		put(w->text, shown ? ", {fd=" : "{fd=");
		put_signed(w->text, fd);
		if (fd >= 0) {
			put(w->text, ", events=");
			put_flags(w->text, NAMES_poll, integer(bytes + 4, 2));
		}
		put_char(w->text, '}');
	}
	if (shown < count) {
		put(w->text, shown ? ", ..." : "...");
		if (shown != w->limit || d.n < (w->limit + 1) * POLLFD) {
			put(w->text, " /* ");
			put_hex(w->text, start + shown * POLLFD);
			put(w->text, " */");
		}
	}
	put_char(w->text, ']');
	return true;
}

/* What a call that waits says of the time that was left, if anything. */
static bool put_time_left(struct writer *w, int arg, const char *before)
{
	struct datum d;
	const struct argument *a = &ARGUMENTS[CALL_ARGUMENTS[w->call->arguments].first + arg];
	if (!readable(w, arg, WT_STRUCT, FILLED, &d))
		return true;
	put(w->text, before);
	put(w->text, "left ");
	return put_structure(w, a->table, d.bytes, d.n);
}

static bool put_poll_result(struct writer *w)
{
	struct datum d;
	bool times_out = CALL_ARGUMENTS[w->call->arguments].count > 3;
	uint64_t shown = 0;
	size_t began = w->text->used;
	if (!w->value) {
		put(w->text, " (Timeout)");
		return true;
	}
	put(w->text, " (");
	if (readable(w, 0, WT_ARRAY, FILLED, &d)) {
		put_char(w->text, '[');
		for (uint64_t at = 0; at + POLLFD <= d.n; at += POLLFD) {
			uint64_t ready = integer(d.bytes + at + 6, 2);
			if (!ready)
				continue;
			if (shown == w->limit)
				return false;
			put(w->text, shown++ ? ", {fd=" : "{fd=");
			put_signed(w->text, signed_integer(d.bytes + at, 4));
			put(w->text, ", revents=");
			put_flags(w->text, NAMES_poll, ready);
			put_char(w->text, '}');
		}
		put_char(w->text, ']');
	}
	size_t empty = strlen(" (");
	if (times_out && !put_time_left(w, 2, w->text->used > began + empty ? ", " : ""))
		return false;
	if (w->text->used == began + empty)
		w->text->used = began;
	else
		put_char(w->text, ')');
	return true;
}

/* The members of a set below `bits`; how many, at most `most`. */
static uint64_t put_members(struct writer *w, const struct datum *d, int64_t bits, uint64_t most)
{
	uint64_t found = 0;
	for (int64_t bit = 0; bit < bits && (uint64_t)bit < 8 * d->n && found < most; bit++) {
		if (!(d->bytes[bit / 8] >> bit % 8 & 1))
			continue;
		put(w->text, found++ ? " " : "");
		put_signed(w->text, bit);
	}
	return found;
}

static bool arg_fdset(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum d;
	int32_t bits = (int32_t)low_half(w, 0);
	if (!value_of(w, i)) {
		put(w->text, "NULL");
		return true;
	}
	if (find(w, i, WT_FDSET, GIVEN, 0, &d) && d.error)
		return put_address(w, i);
	if (!readable(w, i, WT_FDSET, GIVEN, &d)) {
		if (bits)
			return put_address(w, i);
		put(w->text, "[]");
		return true;
	}
	put_char(w->text, '[');
	put_members(w, &d, bits, UINT64_MAX);
	put_char(w->text, ']');
	return true;
}

static bool put_select_result(struct writer *w)
{
	static const char *const words[] = { "in [", "out [", "except [" };
	const char *comma = "";
	uint64_t ready = w->value > 0 ? (uint64_t)w->value : 0;
	if (!w->value) {
		put(w->text, " (Timeout)");
		return true;
	}
	put(w->text, " (");
	for (int set = 0; set < 3; set++) {
		struct datum d;
		size_t began = w->text->used;
		if (!readable(w, set + 1, WT_FDSET, FILLED, &d))
			continue;
		put(w->text, comma);
		put(w->text, words[set]);
		uint64_t found = put_members(w, &d, (int32_t)low_half(w, 0), ready);
		ready -= found;
		if (!found) {
			w->text->used = began;
			continue;
		}
		put_char(w->text, ']');
		comma = ", ";
	}
	if (!put_time_left(w, 4, comma))
		return false;
	put_char(w->text, ')');
	return true;
}

/* pselect6's last argument: a pointer to a set of signals and its size. */
static bool arg_argpack(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum d, mask;
	if (!readable(w, i, WT_STRUCT, GIVEN, &d) || d.n < 2 * WORD)
		return put_address(w, i);
	uint64_t size = integer(d.bytes + WORD, WORD);
	put(w->text, "{sigmask=");
	if (readable_at(w, i, WT_STRUCT, GIVEN, 1, &mask) && size == 8 && mask.n == 8)
		put_signal_set(w->text, integer(mask.bytes, 8));
	else
		put_pointer(w->text, integer(d.bytes, WORD));
	put(w->text, ", sigsetsize=");
	put_unsigned(w->text, size);
	put_char(w->text, '}');
	return true;
}

static void put_epoll(struct writer *w, const uint8_t *bytes)
{
	uint64_t value = integer(bytes + 4, 8);
	put(w->text, "{events=");
	put_flags(w->text, NAMES_epoll, integer(bytes, 4));
	put(w->text, ", data={u32=");
	put_unsigned(w->text, (uint32_t)value);
	put(w->text, ", u64=");
	put_unsigned(w->text, value);
	put(w->text, "}}");
}

static bool arg_epoll_event(struct writer *w, int i, const struct argument *a)
{
	struct datum d;
	if (STRUCTURES[a->table].size != EPOLL_EVENT)
		return false;
	if (low_half(w, 1) == EPOLL_CTL_DEL || !readable(w, i, WT_STRUCT, GIVEN, &d) || d.n < d.full || d.n < EPOLL_EVENT)
		return put_address(w, i);
	put_epoll(w, d.bytes);
	return true;
}

static bool arg_epoll_events(struct writer *w, int i, const struct argument *a)
{
	struct datum d;
	if (STRUCTURES[a->table].size != EPOLL_EVENT)
		return false;
	if (!readable(w, i, WT_ARRAY, FILLED, &d)) {
		if (!succeeded(w) || w->value)
			return put_address(w, i);
		put(w->text, "[]");
		return true;
	}
	uint64_t count = d.n / EPOLL_EVENT, shown = count < w->limit ? count : w->limit;
	put_char(w->text, '[');
	for (uint64_t n = 0; n < shown; n++) {
		put(w->text, n ? ", " : "");
		put_epoll(w, d.bytes + n * EPOLL_EVENT);
	}
	put(w->text, count > shown ? ", ...]" : "]");
	return true;
}
