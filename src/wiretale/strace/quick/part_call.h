/* One call while it is put in words, and the pieces of memory that its two events carried. As decode/writer.py. */

struct writer {
	struct quick_text *text;
	const struct quick *quick;
	const struct wt_event *begun;
	const struct wt_event *ended;	/* NULL: it has begun only */
	const struct call *call;
	uint64_t limit;			/* -s */
	int64_t value;			/* what it returned */
	int64_t error;			/* its errno; 0: none */
	bool refused;			/* it failed: structures that it would have filled in are addresses */
	int netlink;			/* the protocol of the netlink socket it acts on, whose bytes are messages; -1: none */
};

struct datum {
	const uint8_t *bytes;
	uint64_t n, full, address, offset;
	int error;
};

enum when { GIVEN, FILLED };

static const struct wt_chunk *chunk_at(const struct quick_files *files, uint64_t index)
{
	return (const struct wt_chunk *)((const uint8_t *)files->chunks + WT_HEADER_BYTES) + index;
}

static const struct wt_event *event_at(const struct quick_files *files, uint64_t index)
{
	return (const struct wt_event *)((const uint8_t *)files->events + WT_HEADER_BYTES) + index;
}

static uint64_t committed(const struct wt_header *file)
{
	return __atomic_load_n(&file->committed, __ATOMIC_ACQUIRE);
}

/* Whether all that an event refers to is there. */
static bool is_sound(const struct quick_files *files, const struct wt_event *e)
{
	uint64_t chunks = committed(files->chunks), bytes = committed(files->data);
	if (e->first_chunk > chunks || e->chunks > chunks - e->first_chunk)
		return false;
	for (uint64_t i = 0; i < e->chunks; i++) {
		const struct wt_chunk *c = chunk_at(files, e->first_chunk + i);
		if (c->offset > bytes || c->captured_bytes > bytes - c->offset)
			return false;
	}
	return true;
}

static struct datum datum_of(const struct writer *w, const struct wt_chunk *c)
{
	return (struct datum){
		(const uint8_t *)w->quick->files.data + WT_HEADER_BYTES + c->offset, c->captured_bytes, c->full_bytes, c->address,
		c->detail, c->error,
	};
}

/* One piece of the call's data; false if it was not recorded. */
static bool find(const struct writer *w, int arg, unsigned role, enum when when, uint32_t index, struct datum *found)
{
	const struct wt_event *e = when == FILLED ? w->ended : w->begun;
	for (uint64_t i = e ? e->chunks : 0; i-- > 0;) {
		const struct wt_chunk *c = chunk_at(&w->quick->files, e->first_chunk + i);
		if (c->role == role && c->arg == arg && c->index == index) {
			*found = datum_of(w, c);
			return true;
		}
	}
	return false;
}

/* The same; false also if nothing of it could be read, or if it is a structure and only a part of it could. */
static bool readable_at(const struct writer *w, int arg, unsigned role, enum when when, uint32_t index, struct datum *found)
{
	if (w->refused && (role == WT_STRUCT || role == WT_ARRAY))
		return false;
	if (!find(w, arg, role, when, index, found) || (found->error && !found->n))
		return false;
	return !(role == WT_STRUCT && found->error && found->n < found->full);
}

static bool readable(const struct writer *w, int arg, unsigned role, enum when when, struct datum *found)
{
	return readable_at(w, arg, role, when, 0, found);
}

static bool succeeded(const struct writer *w)
{
	return w->ended && !w->error;
}

static uint64_t value_of(const struct writer *w, int arg)
{
	return w->begun->args[arg];
}

static uint32_t low_half(const struct writer *w, int arg)
{
	return (uint32_t)w->begun->args[arg];
}

static bool put_address(const struct writer *w, int arg)
{
	put_pointer(w->text, value_of(w, arg));
	return true;
}

/* Payload, cut at -s. */
static bool put_data(const struct writer *w, const uint8_t *bytes, uint64_t n, uint64_t full)
{
	put_literal(w->text, bytes, full > w->limit && n > w->limit ? w->limit : n);
	if (full > w->limit)
		put(w->text, "...");
	return true;
}

/* An integer of `size` bytes, in the byte order of the machines that there are. */
static uint64_t integer(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;
	memcpy(&value, bytes, size < sizeof(value) ? size : sizeof(value));
	return value;
}

static int64_t signed_integer(const uint8_t *bytes, size_t size)
{
	uint64_t value = integer(bytes, size);
	unsigned spare = 64 - 8 * (unsigned)size;
	return (int64_t)(value << spare) >> spare;
}

static unsigned big_endian(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}
