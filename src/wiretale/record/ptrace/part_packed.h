/*
 * Calls that nobody has to look at while they are recorded: the kernel programs pack them into a buffer of each CPU
 * (struct wt_packing of tracer.h), and what is there is copied to the spool as it is.
 */

#define PACKED_RUN (256u << 10)	/* so much of one CPU is worth a write */
#define PACKED_LATEST_NS 40000000	/* ... and after so long, whatever there is */
#define PACKED_MOST (1u << 20)	/* written at a time, so that room comes back early */

/* The buffers of the kernel programs' map, one for each CPU, and how full they are. */
static int packed_open(struct ring *r, const struct wt_options *o)
{
	const uint8_t *blocks;
	struct wt_packing *packing;
	r->packed_bytes = o->packed_bytes;
	r->packed_file = open(o->packed_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (r->packed_file < 0)
		return errno;
	blocks = mmap(NULL, r->cpus * r->packed_bytes, PROT_READ, MAP_SHARED, o->packed_fd, 0);
	packing = mmap(NULL, r->cpus * sizeof(*packing), PROT_READ | PROT_WRITE, MAP_SHARED, o->packing_fd, 0);
	if (blocks == MAP_FAILED || packing == MAP_FAILED)
		return errno;
	r->packed = calloc(r->cpus, sizeof(*r->packed));
	if (!r->packed)
		return ENOMEM;
	for (uint32_t i = 0; i < r->cpus; i++)
		r->packed[i] = (struct packed){ blocks + i * r->packed_bytes, &packing[i], 0 };
	return 0;
}

static void packed_close(struct ring *r)
{
	if (!r->packed)
		return;
	munmap((void *)(uintptr_t)r->packed[0].blocks, r->cpus * r->packed_bytes);
	munmap(r->packed[0].at, r->cpus * sizeof(struct wt_packing));
	close(r->packed_file);
	free(r->packed);
}

static uint64_t packed_records(const uint8_t *from, uint64_t bytes)
{
	uint64_t n = 0, at = 0;
	while (at < bytes) {
		const struct wt_packed *p = (const struct wt_packed *)(from + at);
		n += p->units && p->kind < WT_PACKED_CONTEXT;
		at = p->units ? at + 8 * p->units : (at / WT_PACKED_BLOCK + 1) * WT_PACKED_BLOCK;
	}
	return n;
}

/* False if the disk is full; then there is nothing of it in the file. */
static bool packed_write(struct wt *w, const uint8_t *from, uint64_t bytes, uint64_t place)
{
	struct ring *r = &w->ring;
	uint64_t done = 0;
	while (done < bytes && !w->full_errno) {
		ssize_t n = pwrite(r->packed_file, from + done, bytes - done, (off_t)(place + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = n ? errno : ENOSPC;
			fallocate(r->packed_file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)place, (off_t)bytes);
			recording_full(w, error);
			w->stats.lost--;	/* the caller counts */
			break;
		}
		done += (uint64_t)n;
	}
	return done == bytes;
}

/* Copies what there is of one CPU, as it is. */
static void packed_drain(struct wt *w, struct packed *p, uint64_t taken, uint64_t written)
{
	struct ring *r = &w->ring;
	while (taken < written) {
		uint64_t at = taken % r->packed_bytes, in_block = taken % WT_PACKED_BLOCK, bytes = written - taken;
		uint64_t most = in_block ? WT_PACKED_BLOCK - in_block : PACKED_MOST;
		if (most > r->packed_bytes - at)
			most = r->packed_bytes - at;
		if (bytes > most)
			bytes = most;
		if (!in_block) {
			p->place = r->packed_end;
			r->packed_end += (bytes + WT_PACKED_BLOCK - 1) / WT_PACKED_BLOCK * WT_PACKED_BLOCK;
		}
		if (!packed_write(w, p->blocks + at, bytes, p->place + in_block)) {
			uint64_t lost = packed_records(p->blocks + at, bytes);
			w->stats.lost += lost;
			r->packed_lost += lost;
			w->events.header->lost = w->stats.lost;
		}
		if (!in_block)
			p->place += bytes / WT_PACKED_BLOCK * WT_PACKED_BLOCK;
		taken += bytes;
		__atomic_store_n(&p->at->taken, taken, __ATOMIC_RELEASE);
	}
}

/* Of the CPUs that have much, or, if the last time was long ago, of all. Returns whether there was anything. */
static bool packed_drain_all(struct wt *w, bool now)
{
	struct ring *r = &w->ring;
	uint64_t calls = 0, time = now_ns();
	bool found = false;
	now |= time - r->packed_ns >= PACKED_LATEST_NS;
	for (uint32_t i = 0; r->packed && i < r->cpus; i++) {
		struct wt_packing *at = r->packed[i].at;
		uint64_t written = __atomic_load_n(&at->written, __ATOMIC_ACQUIRE);
		calls += at->records;
		if (!now)	/* whole blocks are cheaper to write */
			written -= written % WT_PACKED_BLOCK;
		if (written <= at->taken || (!now && written - at->taken < PACKED_RUN && written - at->taken < r->packed_bytes / 4))
			continue;
		packed_drain(w, &r->packed[i], at->taken, written);
		r->packed_ns = time;
		found = true;
	}
	w->stats.stops += calls - r->packed_calls;
	r->packed_calls = calls;
	w->stats.events = w->seq + calls - r->packed_lost;
	return found;
}
