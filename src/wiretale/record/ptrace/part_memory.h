/* Reading the memory of a stopped task into chunks. */

#define STRING_FIRST 256
#define STRING_LIMIT 4096
#define VECTOR_LIMIT 1024	/* UIO_MAXIOV of linux/uio.h */
#define STRINGS_LIMIT 4096
#define LONGEST_WORD (32 * 4096)	/* MAX_ARG_STRLEN of linux/binfmts.h */
#define STRINGS_BYTES (1u << 20)
#define PEEK_LIMIT 65536
#define CAPTURE_STEP (1u << 20)

/* PTRACE_PEEKDATA works where process_vm_readv is forbidden (a program that made itself undumpable). */
static ssize_t peek_memory(pid_t tid, uint64_t address, uint8_t *into, size_t bytes)
{
	size_t done = 0;
	if (bytes > PEEK_LIMIT)
		bytes = PEEK_LIMIT;
	while (done < bytes) {
		uint64_t word_at = (address + done) & ~(uint64_t)(sizeof(long) - 1);
		size_t skip = (size_t)(address + done - word_at);
		size_t n = sizeof(long) - skip;
		errno = 0;
		long word = ptrace(PTRACE_PEEKDATA, tid, (void *)(uintptr_t)word_at, NULL);
		if (errno)
			return done ? (ssize_t)done : -errno;
		if (n > bytes - done)
			n = bytes - done;
		memcpy(into + done, (uint8_t *)&word + skip, n);
		done += n;
	}
	return (ssize_t)done;
}

/*
 * A page that is read whole, because what a call points to lies close together (the strings of an environment, the
 * sets of select, a message's parts on the stack); kept until the task goes on. NULL if not all of it is readable.
 */
static const uint8_t *kept_page(struct pages *p, pid_t tid, uint64_t page)
{
	for (unsigned i = 0; i < p->kept; i++)
		if (p->at[i] == page)
			return p->bytes[i];
	unsigned slot = p->kept < PAGES_KEPT ? p->kept : p->next++ % PAGES_KEPT;
	struct iovec local = { p->bytes[slot], PAGE_BYTES };
	struct iovec remote = { (void *)(uintptr_t)page, PAGE_BYTES };
	p->at[slot] = 1;	/* no page: its bytes may be half overwritten */
	if (process_vm_readv(tid, &local, 1, &remote, 1, 0) != PAGE_BYTES)
		return NULL;
	p->at[slot] = page;
	p->kept += slot == p->kept;
	return p->bytes[slot];
}

/* Returns how many bytes were readable, or -errno if none was. */
static ssize_t read_memory(struct wt *w, pid_t tid, uint64_t address, void *into, size_t bytes)
{
	size_t at = address % PAGE_BYTES;
	/* The first read of a stop is often the only one. */
	if (bytes <= PAGE_READS && at + bytes <= PAGE_BYTES && w->pages.reads++) {
		const uint8_t *page = kept_page(&w->pages, tid, address - at);
		if (page) {
			memcpy(into, page + at, bytes);
			return (ssize_t)bytes;
		}
	}
	struct iovec local = { into, bytes };
	struct iovec remote = { (void *)(uintptr_t)address, bytes };
	ssize_t n = process_vm_readv(tid, &local, 1, &remote, 1, 0);
	if (n >= 0)
		return n;
	if (errno == EPERM || errno == ENOSYS)
		return peek_memory(tid, address, into, bytes);
	return -errno;
}

/* Make the next chunk, not yet counted; NULL if the disk is full. */
static struct wt_chunk *chunk_begin(struct wt *w, uint16_t role, uint16_t arg, uint32_t index, uint64_t bytes)
{
	int error = w->full_errno ? w->full_errno : file_reserve(&w->chunks, sizeof(struct wt_chunk));
	if (!error)
		error = file_reserve(&w->data, bytes);
	if (error) {
		recording_full(w, error);
		return NULL;
	}
	struct wt_chunk *c = file_end(&w->chunks);
	memset(c, 0, sizeof(*c));
	c->event = w->seq;
	c->offset = w->data.used;
	c->role = role;
	c->arg = arg;
	c->index = index;
	return c;
}

static void chunk_end(struct wt *w, struct wt_chunk *c, uint64_t captured)
{
	c->captured_bytes = (uint32_t)captured;
	w->data.used += captured;
	w->chunks.used += sizeof(*c);
	w->event_chunks++;
}

/* A chunk of our own knowledge (not from the task's memory). */
static void chunk_put(struct wt *w, uint16_t role, uint32_t index, uint64_t detail, const void *from, size_t bytes)
{
	struct wt_chunk *c = chunk_begin(w, role, 0, index, bytes);
	if (!c)
		return;
	memcpy(file_end(&w->data), from, bytes);
	c->full_bytes = bytes;
	c->detail = detail;
	chunk_end(w, c, bytes);
}

struct piece {
	uint16_t role;
	uint16_t arg;
	uint32_t index;
	uint64_t address;
	uint64_t full;	/* how long it is */
	uint64_t want;	/* how much to capture */
	uint64_t detail;
};

/* Captures one piece of memory straight into the data file. Returns where the bytes lie, or NULL. */
static const uint8_t *capture(struct wt *w, pid_t tid, const struct piece *p)
{
	if (!p->address || !p->full)
		return NULL;
	uint64_t want = p->want < p->full ? p->want : p->full, done = 0;
	if (want > UINT32_MAX)
		want = UINT32_MAX;
	struct wt_chunk *c = chunk_begin(w, p->role, p->arg, p->index, want < CAPTURE_STEP ? want : CAPTURE_STEP);
	if (!c)
		return NULL;
	uint8_t *at = file_end(&w->data);
	c->address = p->address;
	c->full_bytes = p->full;
	c->detail = p->detail;
	/* In steps, so that a program's wild length does not reserve the whole disk before the first byte is read. */
	while (done < want) {
		uint64_t step = want - done < CAPTURE_STEP ? want - done : CAPTURE_STEP;
		int error = file_reserve(&w->data, done + step);
		if (error) {
			recording_full(w, error);
			c->error = error;
			break;
		}
		ssize_t n = read_memory(w, tid, p->address + done, at + done, step);
		done += n > 0 ? (uint64_t)n : 0;
		if (n < (ssize_t)step) {
			c->error = n < 0 ? (int32_t)-n : EFAULT;
			break;
		}
	}
	chunk_end(w, c, done);
	return done ? at : NULL;
}

/* How much of a string is read: paths are not longer; of the words a program is given as much as of other bytes. */
static uint64_t string_limit(const struct wt *w, uint16_t role)
{
	if ((role != WT_ARGV && role != WT_ENVP) || w->snaplen < STRING_LIMIT)
		return STRING_LIMIT;
	return w->snaplen < LONGEST_WORD ? w->snaplen : LONGEST_WORD;
}

/*
 * A NUL-terminated string: first a short read that ends with its page, so that a string at the end of a mapping is
 * not an error, then more. Stops after `stop` too, if that is not NUL.
 */
static uint64_t capture_string(struct wt *w, pid_t tid, const struct piece *p, char stop)
{
	if (!p->address)
		return 0;
	uint64_t length = 0, limit = string_limit(w, p->role);
	struct wt_chunk *c = chunk_begin(w, p->role, p->arg, p->index, limit);
	if (!c)
		return 0;
	uint8_t *into = file_end(&w->data);
	bool ended = false;
	ssize_t n = 0;
	while (!ended && length < limit) {
		uint64_t page_left = 4096 - ((p->address + length) & 4095);
		uint64_t want = length ? limit - length : STRING_FIRST;
		if (want > page_left)
			want = page_left;
		n = read_memory(w, tid, p->address + length, into + length, want);
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n && !ended; i++) {
			if (!into[length] || (stop && into[length] == stop))
				ended = true;
			else
				length++;
		}
	}
	c->address = p->address;
	c->full_bytes = ended ? length : length + 1;	/* cut: longer than captured */
	if (n < 0)
		c->error = (int32_t)-n;
	chunk_end(w, c, length);
	return length;
}

static void capture_strings(struct wt *w, pid_t tid, const struct wt_op *op, uint64_t vector, unsigned word)
{
	uint64_t total = 0;
	uint32_t index = 0;
	while (vector && index < STRINGS_LIMIT && total < STRINGS_BYTES && !w->full_errno) {
		uint8_t raw[64 * 8];
		uint64_t page_left = 4096 - (vector & 4095);
		ssize_t n = read_memory(w, tid, vector, raw, page_left < sizeof(raw) ? page_left : sizeof(raw));
		if (n < (ssize_t)word) {	/* an element of its own says where the vector cannot be read */
			struct piece end = { op->role, op->arg, index, vector, word, word, 1 };
			capture(w, tid, &end);
			return;
		}
		for (ssize_t i = 0; i + (ssize_t)word <= n && index < STRINGS_LIMIT; i += word) {
			uint64_t address = load_word(raw + i, word);
			if (!address)
				return;
			struct piece p = { .role = op->role, .arg = op->arg, .index = index++, .address = address };
			total += capture_string(w, tid, &p, op->what == WT_READ_NAMES && !(w->flags & WT_ENVIRONMENT) ? '=' : 0);
		}
		vector += (uint64_t)n / word * word;
	}
}

struct message {
	uint16_t arg;
	uint32_t index;	/* message << 16 */
	uint64_t total;	/* bytes transferred; UINT64_MAX at the entry: all of the vector */
	bool vector_chunk;
	bool payload;
};

/* The buffers of an iovec, as one message: snaplen counts from its first byte. */
static void capture_vector(struct wt *w, pid_t tid, uint64_t address, uint64_t count, unsigned word,
			   const struct message *m)
{
	if (count > VECTOR_LIMIT)
		count = VECTOR_LIMIT;
	if (!address || !count)
		return;
	if (m->vector_chunk) {
		uint64_t bytes = count * 2 * word;
		struct piece p = { WT_IOVEC, m->arg, m->index, address, bytes, bytes, 2 * word };
		capture(w, tid, &p);
	}
	if (!m->payload)
		return;
	ssize_t n = read_memory(w, tid, address, w->vector, count * 2 * word);
	uint64_t offset = 0;
	for (ssize_t i = 0; i + 2 * (ssize_t)word <= n && offset < m->total && !w->full_errno; i += 2 * word) {
		uint64_t base = load_word(w->vector + i, word);
		uint64_t length = load_word(w->vector + i + word, word);
		if (length > m->total - offset)
			length = m->total - offset;
		uint64_t before = w->flags & WT_SNAP_EACH ? 0 : offset;
		uint64_t want = before < w->snap_now ? w->snap_now - before : 0;
		uint32_t index = m->index | (uint32_t)(i / (2 * word));
		struct piece p = { WT_PAYLOAD, m->arg, index, base, length, want, offset };
		capture(w, tid, &p);
		offset += length;
	}
}
