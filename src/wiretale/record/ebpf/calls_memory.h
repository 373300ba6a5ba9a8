/* Reading the memory of the program that makes the call into pieces. */

#define PAGE 4096u
#define VECTOR_LIMIT 1024	/* UIO_MAXIOV */
#define STRINGS_LIMIT 1024
#define EFAULT 14

static long capture_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	__u64 rest, n, at;
	if (!w || w->done >= w->want)
		return 1;
	if (w->used + PAGE + 8 > BODY_BYTES) {
		end_chunk(w);
		put_part(w);
		begin_chunk(w, 0, 0, 0, 0);
	}
	rest = w->want - w->done;
	at = w->from + w->done;
	n = PAGE - (at & (PAGE - 1));
	if (n > rest)
		n = rest;
	if (bpf_probe_read_user(&w->body[w->used & BODY_MASK], n & (2 * PAGE - 1), (void *)at)) {
		w->error = EFAULT;
		return 1;
	}
	w->used += n;
	w->run += n;
	w->done += n;
	return 0;
}

/* One piece of the program's memory. Returns how many bytes were there. */
__noinline int capture(__u64 piece, __u64 address, __u64 full, __u64 want, __u64 detail)
{
	struct work *w = my_work();
	if (!w || !address || !full)
		return 0;
	if (want > full)
		want = full;
	if (want > 0x7fffffff)
		want = 0x7fffffff;
	make_room(w, want < PAGE ? want : PAGE);
	begin_chunk(w, piece, address, full, detail);
	w->from = address;
	w->want = want;
	w->done = 0;
	w->error = 0;
	/* Nearly all there is fits into a page and is there: at once. What is not is read again, up to where it ends. */
	if (want <= PAGE && !bpf_probe_read_user(&w->body[w->used & BODY_MASK], want & (2 * PAGE - 1), (void *)address)) {
		w->used += want;
		w->run = w->done = want;
	} else {
		bpf_loop((want >> 12) + 2, capture_step, NULL, 0);
	}
	if (w->error) {
		open_chunk(w)->error = (__s32)w->error;
		w->faulted = 1;
	}
	end_chunk(w);
	return w->done;
}

static long cut_name(__u32 i, void *unused)
{
	struct work *w = my_work();
	if (!w || w->body[(w->used + i) & BODY_MASK] == '=')
		return 1;
	w->cut = i + 1;
	return 0;
}

/* A string without its NUL; of a variable of the environment only the name. */
__noinline int capture_string(__u64 piece, __u64 address, __u64 names)
{
	struct work *w = my_work();
	struct wt_chunk *c;
	long n;
	if (!w || !address)
		return 0;
	make_room(w, PAGE);
	begin_chunk(w, piece, address, 1, 0);
	c = open_chunk(w);
	n = bpf_probe_read_user_str(&w->body[w->used & BODY_MASK], PAGE, (void *)address);
	if (n <= 0) {
		c->error = EFAULT;
		w->faulted = 1;
	} else {
		n--;
		w->string_bytes = n;
		c->full_bytes = n + (n == PAGE - 1);	/* cut: longer than captured */
		if (names) {
			w->cut = 0;
			bpf_loop(n, cut_name, NULL, 0);
			n = w->cut;
			c->full_bytes = n;
		}
		w->used += n;
		w->run = n;
	}
	end_chunk(w);
	return 0;
}

static __always_inline __u64 read_word(__u64 at, __u32 word)
{
	__u64 value = 0;
	bpf_probe_read_user(&value, word == 8 ? 8 : 4, (void *)at);
	return value;
}

static __always_inline bool load_field(__u64 address, __u32 bytes, __u64 *value)
{
	*value = 0;
	if (bytes == 8)
		return !bpf_probe_read_user(value, 8, (void *)address);
	if (bytes == 4)
		return !bpf_probe_read_user(value, 4, (void *)address);
	if (bytes == 1)
		return !bpf_probe_read_user(value, 1, (void *)address);
	return bytes == 2 && !bpf_probe_read_user(value, 2, (void *)address);
}

static long string_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	__u32 number;
	struct wt_op *op;
	__u64 address, at;
	if (!w)
		return 1;
	number = w->strings_op;
	op = bpf_map_lookup_elem(&ops, &number);
	at = w->strings_at + (__u64)i * w->word;
	address = w->strings_at;
	if (!op || (w->executed && address >= w->strings_end))
		return 1;
	if (!w->executed && !load_field(at, w->word, &address)) {
		/* an element of its own says where the vector cannot be read */
		capture(piece(op->role, op->arg, i), at, w->word, w->word, 1);
		return 1;
	}
	if (!address)
		return 1;
	w->string_bytes = PAGE;
	capture_string(piece(op->role, op->arg, i), address, op->what == WT_READ_NAMES);
	if (w->executed) {	/* they follow each other; where one ends that was not read whole is not known */
		w->strings_at += w->string_bytes + 1;
		return w->string_bytes >= PAGE - 1;
	}
	return 0;
}

/* The part of a buffer that snaplen keeps, counted from the first byte of its message. */
static __always_inline __u64 wanted(__u64 offset)
{
	struct wt_settings *s = my_settings();
	if (!s)
		return 0;
	if (s->flags & WT_SNAP_EACH)
		return s->snaplen;
	return offset < s->snaplen ? s->snaplen - offset : 0;
}

static long vector_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	__u64 at, base, length;
	struct vector *v;
	if (!w)
		return 1;
	v = &w->vector;
	if (v->offset >= v->total)
		return 1;
	at = v->address + (__u64)i * 2 * v->word;
	base = read_word(at, v->word);
	length = read_word(at + v->word, v->word);
	if (length > v->total - v->offset)
		length = v->total - v->offset;
	capture(piece(WT_PAYLOAD, v->arg, v->index | i), base, length, wanted(v->offset), v->offset);
	v->offset += length;
	return 0;
}

/* The buffers of an iovec as one message: the vector itself at the entry, its bytes where they are. */
static __always_inline void capture_vector(struct work *w, __u64 address, __u64 n, __u64 total, __u64 where, bool vector,
					   bool payload)
{
	__u64 bytes;
	if (n > VECTOR_LIMIT)
		n = VECTOR_LIMIT;
	bytes = n * 2 * w->word;
	if (!address || !n)
		return;
	if (vector)
		capture((where & ~0xffffull) | WT_IOVEC, address, bytes, bytes, 2 * w->word);
	if (!payload)
		return;
	w->vector.address = address;
	w->vector.total = total;
	w->vector.offset = 0;
	w->vector.word = w->word;
	w->vector.arg = (__u16)(where >> 16);
	w->vector.index = (__u32)(where >> 32);
	bpf_loop(n, vector_step, NULL, 0);
}
