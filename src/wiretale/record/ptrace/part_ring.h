/*
 * The other engine: calls come from the kernel programs of record/ebpf through their ring, and become the same events
 * and chunks: those that something depends on while recording. All others lie packed in the programs' other buffers, one
 * for each CPU, and are copied to the spool unseen. Nothing is traced here, so the same thread may look when it suits.
 */

#define RING_BUSY 0x80000000u	/* BPF_RINGBUF_BUSY_BIT of linux/bpf.h */
#define RING_DISCARDED 0x40000000u
#define RING_HEADER 8u
#define RING_RETURN (1u << 20)	/* room is given back to the ring at least so often */
#define RING_BATCH 4096	/* events */

static int ring_open(struct wt *w, const struct wt_options *o)
{
	struct ring *r = &w->ring;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	r->tasks_fd = o->tasks_fd;
	r->states_fd = o->states_fd;
	r->bytes = o->ring_bytes;
	r->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
	r->parts = calloc(r->cpus, sizeof(*r->parts));
	r->batch = malloc(RING_BATCH * sizeof(*r->batch));
	if (!r->parts || !r->batch)
		return ENOMEM;
	r->consumed = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, o->ring_fd, 0);
	if (r->consumed == MAP_FAILED)
		return errno;
	uint8_t *produced = mmap(NULL, page + 2 * r->bytes, PROT_READ, MAP_SHARED, o->ring_fd, (off_t)page);
	if (produced == MAP_FAILED)
		return errno;
	r->produced = (const uint64_t *)produced;
	r->data = produced + page;
	for (int i = 0; i < PROGRAM_ENDS; i++)
		r->ends[i].fd = -1;
	w->by_ring = true;
	return o->packed_bytes ? packed_open(r, o) : 0;
}

static void ring_close(struct wt *w)
{
	struct ring *r = &w->ring;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	for (uint32_t i = 0; r->parts && i < r->cpus; i++)
		free(r->parts[i].bytes);
	free(r->parts);
	free(r->batch);
	if (!w->by_ring)
		return;
	for (int i = 0; i < PROGRAM_ENDS; i++)
		if (r->end_of[i])
			close(r->ends[i].fd);
	packed_close(r);
	munmap(r->consumed, page);
	munmap((void *)(uintptr_t)r->produced, page + 2 * r->bytes);
}

/* -- what the events mean for the tasks that are followed --------------------------------------------------------- */

/* A program of ours stays until it was waited for, so that its status is known when nothing is alive any more. */
static void ring_task_ended(struct wt *w, pid_t tid, int status)
{
	struct task *t = find_task(w, tid);
	struct program *p = find_program(w, tid);
	if (p && !p->spawned)
		program_ended(w, tid, status);
	if (!t)
		return;
	if (p && p->spawned && !p->ended)
		t->gone = true;
	else
		remove_task(w, t);
}

static void ring_note(struct wt *w, const struct wt_event *e)
{
	struct task *t;
	switch (e->kind) {
	case WT_ATTACHED:
		if (!find_task(w, (pid_t)e->tid))
			add_task(w, (pid_t)e->tid, (pid_t)e->tgid);
		break;
	case WT_EXEC:
		t = e->number != (int64_t)e->tid ? find_task(w, (pid_t)e->number) : NULL;
		if (t)
			remove_task(w, t);
		t = find_task(w, (pid_t)e->tid);
		if (t)
			task_close(w, t);
		break;
	case WT_END:
		ring_task_ended(w, (pid_t)e->tid, (int)e->number);
		break;
	}
}

/* Events are written a batch at a time: storing each through the map would cost more than all else here. */
static void ring_write(struct wt *w)
{
	struct ring *r = &w->ring;
	const uint8_t *from = (const uint8_t *)r->batch;
	size_t left = r->batched * sizeof(struct wt_event);
	off_t at = (off_t)(WT_HEADER_BYTES + w->events.used);
	/* With blocks the file system has less to do for each page; without any, the write itself says what is wrong. */
	if (left)
		file_reserve(&w->events, left);
	while (left) {
		ssize_t n = pwrite(w->events.fd, from, left, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			w->seq -= r->batched;
			for (; r->batched; r->batched--)
				recording_full(w, errno);
			return;
		}
		from += n;
		at += n;
		left -= (size_t)n;
	}
	w->events.used += r->batched * sizeof(struct wt_event);
	r->batched = 0;
}

static struct wt_event *ring_event(struct wt *w, const struct wt_event *from)
{
	struct ring *r = &w->ring;
	if (r->batched == RING_BATCH)
		ring_write(w);
	if (w->full_errno) {
		recording_full(w, w->full_errno);
		return NULL;
	}
	struct wt_event *e = &r->batch[r->batched];
	*e = *from;
	e->seq = w->seq;
	e->first_chunk = w->chunks.used / sizeof(struct wt_chunk);
	w->event_chunks = 0;
	return e;
}

static void ring_event_end(struct wt *w, struct wt_event *e)
{
	e->chunks = w->event_chunks;
	w->ring.batched++;
	w->seq++;
}

static void take_record(struct wt *w, const struct wt_record *r, size_t bytes)
{
	const uint8_t *pieces = (const uint8_t *)(r + 1), *end = (const uint8_t *)r + bytes;
	struct parts *p = &w->ring.parts[r->cpu < w->ring.cpus ? r->cpu : 0];
	if (r->type == WT_RECORD_PART) {
		keep_part(p, pieces, (size_t)(end - pieces));
		return;
	}
	struct wt_event *e = ring_event(w, &r->event);
	if (e) {
		if (p->count == r->parts)
			put_pieces(w, e->tid, p->bytes, p->bytes + p->used);
		put_pieces(w, e->tid, pieces, end);
		ring_event_end(w, e);
	}
	p->used = p->count = 0;	/* parts of an event that found the ring full are in vain */
	if (r->event.kind > WT_EXIT && r->event.kind < WT_CALL)
		ring_note(w, &r->event);
	if (r->event.flags & WT_FLAG_NOTABLE)
		w->ring.notable = true;
}

static void ring_publish(struct wt *w)
{
	ring_write(w);
	w->stats.events = w->seq + w->ring.packed_calls - w->ring.packed_lost;
	publish(&w->data.header->committed, w->data.used);
	publish(&w->chunks.header->committed, w->chunks.used / sizeof(struct wt_chunk));
	publish(&w->events.header->committed, w->seq);
	if (w->ring.notable)
		notify(w);
	w->ring.notable = false;
}

/* Takes all complete records. Returns how many. */
static uint64_t ring_drain(struct wt *w)
{
	struct ring *r = &w->ring;
	uint64_t at = *r->consumed, given = at, n = 0;
	for (;;) {
		uint64_t end = __atomic_load_n(r->produced, __ATOMIC_ACQUIRE);
		if (at >= end)
			break;
		const uint8_t *record = r->data + (at & (r->bytes - 1));
		uint32_t header = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		uint32_t bytes = header & ~(RING_BUSY | RING_DISCARDED);
		if (header & RING_BUSY)
			break;
		if (!(header & RING_DISCARDED) && bytes >= sizeof(struct wt_record))
			take_record(w, (const struct wt_record *)(record + RING_HEADER), bytes), n++;
		at += (bytes + RING_HEADER + 7) & ~7ull;
		if (at - given >= RING_RETURN) {
			ring_publish(w);
			__atomic_store_n(r->consumed, at, __ATOMIC_RELEASE);
			given = at;
		}
	}
	ring_publish(w);
	__atomic_store_n(r->consumed, at, __ATOMIC_RELEASE);
	w->stats.stops += n;
	return n;
}
