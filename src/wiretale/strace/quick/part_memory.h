/* Arguments that point to bytes and strings. As decode/strace/arguments.py. */

#define LONGEST_PATH 4095	/* PATH_MAX of linux/limits.h with its NUL */

static bool arg_string(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum d;
	if (!readable(w, i, WT_STRING, GIVEN, &d) || d.error)
		return put_address(w, i);
	bool cut = d.full > d.n;
	put_literal(w->text, d.bytes, cut && d.n > LONGEST_PATH ? LONGEST_PATH : d.n);
	put(w->text, cut ? "..." : "");
	return true;
}

/* A string that is no path: cut at -s, so that its end need not be readable. */
static bool arg_short_string(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum d;
	if (!readable(w, i, WT_STRING, GIVEN, &d))
		return put_address(w, i);
	if (d.n > w->limit) {
		put_literal(w->text, d.bytes, w->limit);
		put(w->text, "...");
		return true;
	}
	if (d.error)
		return put_address(w, i);
	put_literal(w->text, d.bytes, d.n);
	return true;
}

/* The same, of which no more than `number` bytes are looked at. */
static bool arg_bounded_string(struct writer *w, int i, const struct argument *a)
{
	struct datum d;
	if (!readable(w, i, WT_STRING, GIVEN, &d) || d.n < a->number)
		return arg_short_string(w, i, a);
	put_literal(w->text, d.bytes, w->limit < a->number ? w->limit : a->number);
	put(w->text, "...");
	return true;
}

/* The strings of a vector: how many, the first chunk, and where it cannot be read any further. */
struct vector {
	uint64_t first, count, end;
};

static bool find_vector(const struct writer *w, int i, unsigned role, struct vector *v)
{
	const struct wt_event *e = w->begun;
	*v = (struct vector){ 0 };
	for (uint64_t n = 0; n < e->chunks; n++) {
		const struct wt_chunk *c = chunk_at(&w->quick->files, e->first_chunk + n);
		if (c->role != role || c->arg != i)
			continue;
		if (!v->count)
			v->first = e->first_chunk + n;
		if (c->index != v->count || v->first + v->count != e->first_chunk + n)
			return false;
		v->count++;
	}
	if (!v->count)
		return true;
	const struct wt_chunk *last = chunk_at(&w->quick->files, v->first + v->count - 1);
	if (last->error && last->detail) {
		v->end = last->address;
		v->count--;
	}
	return true;
}

static bool arg_strings(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct vector v;
	if (!find_vector(w, i, WT_ARGV, &v))
		return false;
	if (!value_of(w, i) || (v.end && !v.count))
		return put_address(w, i);
	put_char(w->text, '[');
	for (uint64_t n = 0; n < v.count && n < w->limit; n++) {
		struct datum d = datum_of(w, chunk_at(&w->quick->files, v.first + n));
		put(w->text, n ? ", " : "");
		if (d.error && !d.n)
			put_pointer(w->text, d.address);
		else
			put_data(w, d.bytes, d.n, d.full);
	}
	const char *comma = v.count && w->limit ? ", " : "";
	if (v.count > w->limit) {
		put(w->text, comma);
		put(w->text, "...");
	} else if (v.end) {
		put(w->text, comma);
		put(w->text, "... /* ");
		put_hex(w->text, v.end);
		put(w->text, " */");
	}
	put_char(w->text, ']');
	return true;
}

static bool arg_environment(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct vector v;
	if (!find_vector(w, i, WT_ENVP, &v))
		return false;
	put_address(w, i);
	if (!value_of(w, i) || (v.end && !v.count))
		return true;
	put(w->text, " /* ");
	put_unsigned(w->text, v.count);
	put(w->text, v.count == 1 ? " var" : " vars");
	put(w->text, v.end ? ", unterminated */" : " */");
	return true;
}

static bool arg_buffer_in(struct writer *w, int i, const struct argument *a)
{
	struct datum d;
	if (readable(w, i, WT_PAYLOAD, GIVEN, &d)) {
		uint64_t wanted = d.full < w->limit + 1 ? d.full : w->limit + 1;
		if (w->netlink >= 0)
			return put_netlink(w, &d);
		return d.n >= wanted ? put_data(w, d.bytes, d.n, d.full) : put_address(w, i);
	}
	if (!value_of(w, i) || a->length < 0 || value_of(w, a->length))
		return put_address(w, i);
	put(w->text, "\"\"");
	return true;
}

static bool arg_buffer_out(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum d;
	if (readable(w, i, WT_PAYLOAD, FILLED, &d))
		return w->netlink >= 0 ? put_netlink(w, &d) : put_data(w, d.bytes, d.n, d.full);
	if (!succeeded(w) || w->value || !value_of(w, i))
		return put_address(w, i);
	put(w->text, "\"\"");
	return true;
}

static bool arg_random(struct writer *w, int i, const struct argument *a)
{
	struct datum d;
	if (!readable(w, i, WT_PAYLOAD, FILLED, &d))
		return arg_buffer_out(w, i, a);
	uint64_t shown = d.n < w->limit ? d.n : w->limit;
	put_hex_literal(w->text, d.bytes, shown);
	put(w->text, d.full > shown ? "..." : "");
	return true;
}

static bool arg_path_result(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum d;
	if (!readable(w, i, WT_PAYLOAD, FILLED, &d))
		return put_address(w, i);
	while (d.n && !d.bytes[d.n - 1])
		d.n--;
	put_literal(w->text, d.bytes, d.n);
	return true;
}

#define DIRENT_LENGTH_AT 16	/* d_reclen, behind d_ino and d_off: linux/dirent.h */

static bool arg_directory(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum d = { 0 };
	bool found = readable(w, i, WT_PAYLOAD, FILLED, &d);
	uint64_t count = 0, at = 0;
	put_address(w, i);
	if (!succeeded(w) || (!found && w->value))
		return true;
	while (at + DIRENT_LENGTH_AT + 2 <= d.n) {
		uint64_t step = integer(d.bytes + at + DIRENT_LENGTH_AT, 2);
		if (!step)
			break;
		at += step;
		count++;
	}
	bool more = found && d.n < d.full;
	put(w->text, " /* ");
	put_unsigned(w->text, count);
	put(w->text, more ? "+ entries */" : count == 1 ? " entry */" : " entries */");
	return true;
}

/* A set of CPUs; one of no bytes is empty. */
static bool put_cpus(struct writer *w, int i, enum when when)
{
	struct datum d;
	if (when == GIVEN && !value_of(w, 1) && value_of(w, i)) {
		put(w->text, "[]");
		return true;
	}
	if ((when == FILLED && !succeeded(w)) || !find(w, i, WT_PAYLOAD, when, 0, &d) || !d.n)
		return put_address(w, i);
	const char *space = "";
	put_char(w->text, '[');
	for (uint64_t bit = 0; bit < 8 * d.n; bit++) {
		if (!(d.bytes[bit / 8] >> bit % 8 & 1))
			continue;
		put(w->text, space);
		put_unsigned(w->text, bit);
		space = " ";
	}
	put_char(w->text, ']');
	return true;
}

static bool arg_cpus_in(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	return put_cpus(w, i, GIVEN);
}

static bool arg_cpus_out(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	return put_cpus(w, i, FILLED);
}

/* -- several buffers ------------------------------------------------------------------------------------------------ */

#define WORD 8	/* of the tasks that are rendered here */
#define MOST_BUFFERS 1024	/* UIO_MAXIOV of linux/uio.h */

static bool put_base(struct writer *w, int arg, uint32_t index, enum when when, uint64_t base, uint64_t length)
{
	struct datum d;
	if (find(w, arg, WT_PAYLOAD, when, index, &d)) {
		uint64_t wanted = d.full < w->limit + 1 ? d.full : w->limit + 1;
		if (w->netlink >= 0)
			return put_netlink(w, &d);
		if (d.n >= wanted)
			return put_data(w, d.bytes, d.n, d.full);
	} else if (base && (!length || (when == FILLED && succeeded(w)))) {
		put(w->text, "\"\"");	/* what was received did not reach this buffer */
		return true;
	}
	put_pointer(w->text, base);
	return true;
}

/* The end of an array of which `shown` elements were printed: where it is `cut`, or where the memory ends. */
static void put_array_end(struct writer *w, uint64_t shown, uint64_t wanted, bool cut, uint64_t address)
{
	if (shown < wanted) {
		put(w->text, shown ? ", ..." : "...");
		if (!cut) {
			put(w->text, " /* ");
			put_hex(w->text, address);
			put(w->text, " */");
		}
	}
	put_char(w->text, ']');
}

/* The buffers of an iovec with their bytes; `message` is the number of the message that they are of. */
static bool put_buffers(struct writer *w, int arg, uint32_t message, enum when when, uint64_t address, uint64_t count)
{
	struct datum d;
	if (!address || !count) {
		put(w->text, address ? "[]" : "NULL");
		return true;
	}
	if (!readable_at(w, arg, WT_IOVEC, GIVEN, message << 16, &d) || d.n < 2 * WORD) {
		put_pointer(w->text, address);
		return true;
	}
	uint64_t given = d.n / (2 * WORD), shown = given < w->limit ? given : w->limit;
	if (shown < given && given > count)
		return false;
	put_char(w->text, '[');
	for (uint64_t n = 0; n < shown; n++) {
		uint64_t base = integer(d.bytes + n * 2 * WORD, WORD), length = integer(d.bytes + n * 2 * WORD + WORD, WORD);
		put(w->text, n ? ", {iov_base=" : "{iov_base=");
		if (!put_base(w, arg, message << 16 | (uint32_t)n, when, base, length))
			return false;
		put(w->text, ", iov_len=");
		put_unsigned(w->text, length);
		put_char(w->text, '}');
	}
	put_array_end(w, shown, count, shown < given || shown == MOST_BUFFERS, address + shown * 2 * WORD);
	return true;
}

static bool arg_iovec_in(struct writer *w, int i, const struct argument *a)
{
	return put_buffers(w, i, 0, GIVEN, value_of(w, i), value_of(w, a->length));
}

static bool arg_iovec_out(struct writer *w, int i, const struct argument *a)
{
	return put_buffers(w, i, 0, FILLED, value_of(w, i), value_of(w, a->length));
}
