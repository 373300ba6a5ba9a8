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
#define RING_SOON_NS 1000000	/* until the next look, where somebody waits for it */
#define RING_SMALL_NS 2000000	/* where somebody reads what is recorded, or the ring is soon full */
#define RING_LARGE (8u << 20)
#define RING_LATER_NS 20000000	/* else: the end of a program wakes the recorder */
#define PACKED_RUN (256u << 10)	/* so much of one CPU is worth a write */
#define PACKED_LATEST_NS 40000000	/* ... and after so long, whatever there is */
#define PACKED_LARGE (4u << 20)	/* what a buffer must have to be looked at every RING_LATER_NS only */
#define PACKED_MOST (1u << 20)	/* written at a time, so that room comes back early */
#define LOOK_FOR_GONE_NS 200000000	/* without a record between two looks whether followed processes still exist */

static long map_call(int command, int map, const void *key, void *value, uint64_t flags)
{
	union bpf_attr a = { 0 };
	a.flags = flags;
	a.map_fd = (uint32_t)map;
	a.key = (uint64_t)(uintptr_t)key;
	a.value = (uint64_t)(uintptr_t)value;
	return syscall(SYS_bpf, command, &a, sizeof(a));
}

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

/* -- pieces become chunks ----------------------------------------------------------------------------------------- */

/* Names from the innermost outwards, as the kernel program walked them, become a path. */
static size_t path_text(const uint8_t *names, size_t bytes, bool deleted, char *into, size_t room)
{
	size_t used = 0, end = bytes;
	if (!bytes)
		into[used++] = '/';
	while (end) {
		size_t from = end - 1;
		while (from && names[from - 1])
			from--;
		size_t length = end - 1 - from;
		if (used + length + 1 > room)
			break;
		into[used++] = '/';
		memcpy(into + used, names + from, length);
		used += length;
		end = from;
	}
	if (deleted && used + 10 <= room) {
		memcpy(into + used, " (deleted)", 10);
		used += 10;
	}
	return used;
}

static size_t link_text(const struct wt_chunk *c, const uint8_t *from, size_t bytes, char *into, size_t room)
{
	uint64_t inode = 0;
	int n = 0;
	switch (c->address) {
	case WT_LINK_PIPE:
		memcpy(&inode, from, bytes < 8 ? bytes : 8);
		n = snprintf(into, room, "pipe:[%llu]", (unsigned long long)inode);
		break;
	case WT_LINK_ANONYMOUS:
		n = snprintf(into, room, "anon_inode:%.*s", (int)bytes, (const char *)from);
		break;
	default:
		return path_text(from, bytes, c->address == WT_LINK_DELETED, into, room);
	}
	return n > 0 ? (size_t)n : 0;
}

/* A socket without cookie gets one when somebody asks; while it is open under the same number, that can be done here. */
static void complete_socket(struct wt *w, uint32_t tid, int number, struct wt_socket *s)
{
	struct task *t = find_task(w, (pid_t)tid);
	struct stat st;
	int pidfd = t ? task_pidfd(w, t) : -1, fd;
	if (pidfd < 0)
		return;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (pidfd != t->pidfd)
		close(pidfd);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_ino == s->inode)
		s->cookie = socket_cookie(fd, SO_COOKIE);
	close(fd);
}

static void put_piece(struct wt *w, uint32_t tid, const struct wt_chunk *c, const uint8_t *from, size_t bytes)
{
	char text[PATH_MAX + 16];
	struct wt_chunk *out;
	if (c->role == WT_LINK || c->role == WT_EXE || c->role == WT_CWD) {
		bytes = link_text(c, from, bytes, text, sizeof(text));
		chunk_put(w, c->role, 0, c->detail, text, bytes);
		return;
	}
	if (c->role == WT_STATUS && bytes == sizeof(struct wt_identity)) {
		struct wt_identity who;
		memcpy(&who, from, sizeof(who));
		int n = snprintf(text, sizeof(text), "PPid:\t%u\nUid:\t%u\t%u\t%u\t%u\n", who.ppid, who.uid, who.euid,
				 who.suid, who.fsuid);
		chunk_put(w, WT_STATUS, 0, 0, text, (size_t)n);
		return;
	}
	if (c->role == WT_COMM)
		bytes = strnlen((const char *)from, bytes);
	out = chunk_begin(w, c->role, c->arg, c->index, bytes);
	if (!out)
		return;
	memcpy(file_end(&w->data), from, bytes);
	out->address = c->address;
	out->full_bytes = c->role == WT_COMM ? bytes : c->full_bytes;
	out->error = c->error;
	out->detail = c->detail;
	if (c->role == WT_SOCKET && bytes == sizeof(struct wt_socket)) {
		struct wt_socket *s = file_end(&w->data);
		if (!s->cookie)
			complete_socket(w, tid, (int)c->detail, s);
	}
	chunk_end(w, out, bytes);
}

/* More bytes of the piece before it. */
static void continue_piece(struct wt *w, const struct wt_chunk *c, const uint8_t *from, size_t bytes)
{
	int error = w->full_errno ? w->full_errno : file_reserve(&w->data, bytes);
	if (error || !w->event_chunks) {
		if (error)
			recording_full(w, error);
		return;
	}
	struct wt_chunk *last = (struct wt_chunk *)file_end(&w->chunks) - 1;
	memcpy(file_end(&w->data), from, bytes);
	w->data.used += bytes;
	last->captured_bytes += (uint32_t)bytes;
	if (c->error)
		last->error = c->error;
}

static void put_pieces(struct wt *w, uint32_t tid, const uint8_t *at, const uint8_t *end)
{
	while (at + sizeof(struct wt_chunk) <= end) {
		const struct wt_chunk *c = (const struct wt_chunk *)at;
		size_t bytes = c->reserved;
		at += sizeof(*c);
		if (bytes > (size_t)(end - at))
			return;
		if (c->role)
			put_piece(w, tid, c, at, bytes);
		else
			continue_piece(w, c, at, bytes);
		at += (bytes + 7) & ~(size_t)7;
	}
}

static void keep_part(struct parts *p, const uint8_t *from, size_t bytes)
{
	if (p->used + bytes > p->room) {
		size_t room = (p->used + bytes) * 2;
		uint8_t *larger = realloc(p->bytes, room);
		if (!larger)
			return;
		p->bytes = larger;
		p->room = room;
	}
	memcpy(p->bytes + p->used, from, bytes);
	p->used += bytes;
	p->count++;
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

/* -- calls that nobody has to look at ------------------------------------------------------------------------------ */

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

/* -- beginning and ending ----------------------------------------------------------------------------------------- */

static int ring_follow(struct wt *w, pid_t pid, uint32_t how)
{
	return map_call(BPF_MAP_UPDATE_ELEM, w->ring.tasks_fd, &pid, &how, BPF_ANY) < 0 ? -errno : 0;
}

/* Have the end of a program of ours wake the recorder; where there is no room for another, the next look sees it. */
static void await_end(struct ring *r, pid_t pid)
{
	for (int i = 0; i < PROGRAM_ENDS; i++)
		if (!r->end_of[i]) {
			r->end_of[i] = pid;
			r->ends[i] = (struct pollfd){ (int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0 };
			return;
		}
}

static void forget_end(struct ring *r, pid_t pid)
{
	for (int i = 0; i < PROGRAM_ENDS; i++)
		if (r->end_of[i] == pid) {
			close(r->ends[i].fd);
			r->ends[i].fd = -1;	/* poll(2) passes over it */
			r->end_of[i] = 0;
		}
}

static int ring_spawned(struct wt *w, pid_t pid)
{
	struct task *t = add_task(w, pid, pid);
	if (!t)
		return -ENOMEM;
	t->outside = t->first_exec = true;
	struct program *p = add_program(w, pid);
	if (!p)
		return -ENOMEM;
	p->spawned = true;
	await_end(&w->ring, pid);
	first_sight(w, t, now_ns());
	return ring_follow(w, pid, WT_BEFORE_EXEC);
}

/* Whether the program that the process runs is one of 32 bits (elf.h). */
static bool is_elf32(pid_t pid)
{
	unsigned char ident[EI_NIDENT] = { 0 };
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, ident, sizeof(ident));
	close(fd);
	return n == sizeof(ident) && ident[EI_CLASS] == ELFCLASS32;
}

/* The call in which a thread sleeps: number, six arguments, stack pointer and program counter (proc_pid_syscall(5)). */
static bool read_sleeping_call(struct wt *w, const struct task *t, struct wt_state *s)
{
	unsigned long long a[6], stack, ip;
	char path[64], text[256];
	long long number;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", t->tgid, t->tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	if (sscanf(text, "%lld %llx %llx %llx %llx %llx %llx %llx %llx", &number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5],
		   &stack, &ip) != 9)	/* it runs, or sleeps elsewhere */
		return false;
	s->number = number;
	s->ip = ip;
	for (int i = 0; i < 6; i++)
		s->args[i] = a[i];
	s->arch = w->tables[is_elf32(t->tgid)].arch;
	return true;
}

/*
 * The call in which an attached thread sleeps already: as if it had entered it now. The thread is followed by then, so if it
 * has entered another since, its state is there and stays.
 */
static void ring_adopt_call(struct wt *w, struct task *t)
{
	struct wt_state s = { .in_call = 1, .begun = 1 };
	const struct wt_call *call;
	int pidfd;
	if (!read_sleeping_call(w, t, &s))
		return;
	call = find_call(w, s.arch, (uint64_t)s.number);
	if (w->flags & WT_SELECTED_ONLY && !(call && call->flags & WT_CALL_SELECTED))
		return;
	pidfd = (int)syscall(SYS_pidfd_open, t->tid, PIDFD_THREAD);
	if (pidfd < 0 && t->tid == t->tgid)	/* Linux before 6.9 */
		pidfd = (int)syscall(SYS_pidfd_open, t->tid, 0);
	if (pidfd < 0)
		return;
	s.entry_ns = now_ns();
	map_call(BPF_MAP_UPDATE_ELEM, w->ring.states_fd, &pidfd, &s, BPF_NOEXIST);
	close(pidfd);
}

static int ring_attach(struct wt *w, pid_t pid)
{
	char path[64];
	uint64_t now = now_ns();
	int n = 0;
	if (find_task(w, pid))
		return -EALREADY;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *folder = opendir(path);
	if (!folder)
		return -ESRCH;
	int result = ring_follow(w, pid, WT_FOLLOWED);
	for (struct dirent *d; !result && (d = readdir(folder));) {
		pid_t tid = atoi(d->d_name);
		struct task *t = tid > 0 ? add_task(w, tid, pid) : NULL;
		if (!t)
			continue;
		t->outside = true;
		first_sight(w, t, now);
		ring_adopt_call(w, t);
		n++;
	}
	closedir(folder);
	if (n)
		add_program(w, pid);
	return result ? result : n;
}

static void ring_reap(struct wt *w, bool look_for_gone)
{
	for (struct program *p = w->programs; p; p = p->next) {
		int status;
		pid_t found = p->spawned && !p->ended ? waitpid(p->pid, &status, WNOHANG) : 0;
		if (found)
			forget_end(&w->ring, p->pid);
		if (found != p->pid)
			continue;
		program_ended(w, p->pid, status);
		struct task *t = find_task(w, p->pid);
		if (t && t->gone)
			remove_task(w, t);
		notify(w);
	}
	if (!look_for_gone)
		return;
	/* Whose end found the ring full would live for ever. */
	for (int i = 0; i < HASH_SIZE; i++)
		for (struct task *t = w->hash[i], *next; t; t = next) {
			next = t->next;
			if (syscall(SYS_tgkill, t->tgid, t->tid, 0) < 0 && errno == ESRCH) {
				remove_task(w, t);
				notify(w);
			}
		}
}

/* The call in which a thread is when recording ends: its entry has been seen, but perhaps not been told. */
static void ring_unfinished(struct wt *w, struct task *t)
{
	struct wt_state state;
	int pidfd = task_pidfd(w, t);
	if (pidfd < 0)
		return;
	if (map_call(BPF_MAP_LOOKUP_ELEM, w->ring.states_fd, &pidfd, &state, 0) == 0 && state.in_call && !state.told) {
		struct wt_event *e = event_begin(w, t, WT_ENTRY, state.entry_ns);
		if (e) {
			e->arch = state.arch;
			e->number = state.number;
			e->value = (int64_t)state.ip;
			memcpy(e->args, state.args, sizeof(e->args));
			event_end_at(w, e, state.entry_ns); /* nobody held it up */
		}
	}
	if (pidfd != t->pidfd)
		close(pidfd);
}

/* The kernel programs are detached already: take what is left, and say of whom no more is known. */
static int ring_let_go(struct wt *w)
{
	ring_drain(w);
	packed_drain_all(w, true);
	for (int i = 0; i < HASH_SIZE; i++)
		while (w->hash[i]) {
			struct task *t = w->hash[i];
			if (!t->gone) {
				ring_unfinished(w, t);
				simple_event(w, t, WT_DETACHED, now_ns(), 0, 0);
			}
			remove_task(w, t);
		}
	ring_publish(w);
	return 0;
}

static int run_ring(struct wt *w)
{
	uint64_t looked_ns = now_ns();
	while (!w->ending) {
		if (__atomic_load_n(&w->request, __ATOMIC_ACQUIRE) != REQUEST_NONE)
			serve_request(w);
		uint64_t n = ring_drain(w), now = now_ns();
		bool filling = packed_drain_all(w, false) && w->ring.packed_bytes < PACKED_LARGE;
		bool look = !n && now - looked_ns >= LOOK_FOR_GONE_NS;
		if (n || look)
			looked_ns = now;
		ring_reap(w, look);
		bool soon = n || filling || __atomic_load_n(&w->impatient, __ATOMIC_RELAXED);
		long later = w->ring.packed && w->ring.bytes >= RING_LARGE ? RING_LATER_NS : RING_SMALL_NS;
		struct timespec rest = { .tv_nsec = soon ? RING_SOON_NS : later };
		ppoll(w->ring.ends, PROGRAM_ENDS, &rest, NULL);
	}
	return 0;
}
