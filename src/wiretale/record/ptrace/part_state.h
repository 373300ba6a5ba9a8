/* The recorder's state, its table of tasks, and how one event record is made. */

enum placement_state { PLACE_OFF, PLACE_FOLLOW, PLACE_TRIAL, PLACE_REST };

struct placement {
	enum placement_state state;
	cpu_set_t original;
	int cpu;	/* the tracer is bound to; -1: to none */
	bool idle;
	int schedstat;
	uint64_t checked_ns, checked_stops, checked_delay_ns;
	uint64_t until_ns, keep_ns;	/* what won last is kept so long */
	uint64_t part_ns, idle_ns;	/* when the present part of that began, and how long CPUs had been idle then */
	uint64_t follow_cost;	/* time per stop */
	enum placement_state winner;
	pid_t run_tid, followed;	/* which thread stopped last; which the tracer was placed for */
	uint32_t run;		/* stops of run_tid in a row */
	uint32_t window_stops, run_stops;
	int crowd;		/* how few stops of late belong to runs; see RUNS_SHARE */
	bool tried;		/* whether SCHED_IDLE can be left again */
	bool may_look;		/* before it sleeps: see next_stop */
	int look_score, look_rest;
};

/* Pieces of an event that is still being written, by CPU. */
struct parts {
	uint8_t *bytes;
	size_t used, room;
	uint32_t count;
};

/* Calls of one CPU that nobody has to look at. */
struct packed {
	const uint8_t *blocks;
	struct wt_packing *at;
	uint64_t place;		/* of the block that is being filled, in the file */
};

#define PROGRAM_ENDS 8

struct ring {
	uint64_t *consumed;		/* the consumer's page */
	const uint64_t *produced;	/* the producer's page */
	const uint8_t *data;		/* the ring, mapped twice in a row */
	uint64_t bytes;
	int tasks_fd, states_fd;
	uint32_t cpus;
	bool notable;
	struct parts *parts;
	struct wt_event *batch;
	uint32_t batched;
	struct packed *packed;	/* by CPU; NULL: all calls come through the ring */
	uint64_t packed_bytes;	/* of each */
	int packed_file;
	uint64_t packed_end;	/* of the file */
	uint64_t packed_calls, packed_lost;	/* that were packed; those of them that the disk had no room for */
	uint64_t packed_ns;	/* when they were last */
	struct pollfd ends[PROGRAM_ENDS];	/* of programs that were started */
	pid_t end_of[PROGRAM_ENDS];
};

/* What a socket stays all its life. Cookies are never used again (net/core/sock_diag.c). */
struct socket_kind {
	uint64_t cookie, netns_cookie;
	int32_t family, type, protocol;
};

/* The other end of a unix socket, by inode. */
struct other_end {
	uint64_t inode, other;	/* 0: it is no unix socket */
};

/* Where events are printed, and how the tracer and who prints them keep in step: see part_in_step.h. */
struct in_step {
	int behind_fd, caught_up_fd;	/* eventfds; -1: nothing is printed */
	uint64_t asked, answered;
	dev_t device, special;	/* of the file that is printed to; its number, if it is a device itself */
	ino_t inode;
};

/* Memory of the stopped task that was read by the page: see read_memory. */
struct pages {
	unsigned reads, kept, next;
	uint64_t at[PAGES_KEPT];
	uint8_t bytes[PAGES_KEPT][PAGE_BYTES];
};

/* What stacks are unwound with. */
struct stack_room {
	char *maps;	/* /proc/PID/maps of the last task */
	size_t size, used;
	uint64_t hash;	/* of them */
	pid_t tid;
	void *of;	/* what libunwind-ptrace knows of that task */
	void *space;	/* its unw_addr_space_t */
};

struct wt {
	struct file events, chunks, data;
	const struct wt_op *ops;
	const struct wt_table *tables;
	uint32_t n_tables;
	const struct wt_tamper *tampers;
	uint32_t n_tampers;
	const char *const *paths;
	uint64_t n_paths;
	uint32_t flags;
	int32_t pin;
	uint64_t snaplen;
	uint64_t snap_now;	/* of the call that is looked at */
	uint64_t netlink[NETLINK_FDS / 64];	/* numbers that were netlink sockets in some process */
	struct socket_kind kinds[SOCKET_KINDS];
	struct pages pages;
	int diag;		/* to ask sock_diag(7); -1: not opened */
	struct other_end other_ends[OTHER_ENDS];
	pid_t status_of;	/* whose `status` is; 0: nobody's */
	char status[8192];	/* /proc/TID/status, at this stop */
	uint64_t seq;		/* of the event being made */
	uint32_t event_chunks;	/* chunks it has so far */
	int full_errno;
	uint64_t stop_system_ns;	/* with WT_SYSTEM_TIMES: what the stopped process has spent in the kernel */
	int stop_cpu;		/* CPU the stopped task ran on; -1: not looked up at this stop */
	unsigned proc_depth;	/* see in_proc */
	pid_t in_proc_of, in_proc;	/* at this stop */
	bool let_go;		/* every task is detached at its next stop */
	bool ending;
	bool finished;
	bool any_attached, any_filtered;
	bool by_ring;		/* no ptrace: the kernel programs of record/ebpf */
	struct ring ring;
	uint32_t held;		/* tasks that are held up */
	timer_t alarm;		/* wakes the tracer for them */
	bool has_alarm;
	uint64_t alarm_ns;	/* when it will; 0: it is not set */
	int pidfds;
	int notable_fd;
	uint32_t notified;
	bool impatient;		/* the control thread wants to know at once; see wt_impatient */
	struct in_step in_step;
	const struct wt_unwinder *unwinder;	/* NULL: no stacks */
	struct stack_room stack_room;
	uint64_t have_read;	/* events that the reader is done with; see wt_have_read */
	struct placement place;
	struct wt_stats stats;
	struct task *hash[HASH_SIZE];
	struct program *programs;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_mutex_t asking;
	enum request request;
	pid_t request_pid;
	int request_result;
	int spawn_result;	/* -1: not known yet; 0: the program runs; else errno */
	pid_t tracer_tid;
	uint8_t vector[16384];	/* VECTOR_LIMIT iovecs */
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint64_t load_word(const uint8_t *from, unsigned word)
{
	uint64_t wide = 0;
	uint32_t narrow = 0;
	if (word == 8)
		memcpy(&wide, from, 8);
	else
		memcpy(&narrow, from, 4);
	return word == 8 ? wide : narrow;
}

static struct task *find_task(struct wt *w, pid_t tid)
{
	struct task *t = w->hash[(uint32_t)tid % HASH_SIZE];
	while (t && t->tid != tid)
		t = t->next;
	return t;
}

static struct task *add_task(struct wt *w, pid_t tid, pid_t tgid)
{
	struct task *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->tid = tid;
	t->tgid = tgid;
	t->pidfd = t->statfd = -1;
	t->fresh = true;
	pthread_mutex_lock(&w->lock);
	t->next = w->hash[(uint32_t)tid % HASH_SIZE];
	w->hash[(uint32_t)tid % HASH_SIZE] = t;
	w->stats.tasks++;
	pthread_mutex_unlock(&w->lock);
	return t;
}

static void task_close(struct wt *w, struct task *t)
{
	if (t->pidfd >= 0) {
		close(t->pidfd);
		w->pidfds--;
	}
	if (t->statfd >= 0)
		close(t->statfd);
	t->pidfd = t->statfd = -1;
}

static void remove_task(struct wt *w, struct task *t)
{
	struct task **at = &w->hash[(uint32_t)t->tid % HASH_SIZE];
	pthread_mutex_lock(&w->lock);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	w->stats.tasks--;
	w->held -= t->held_until != 0;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	task_close(w, t);
	free(t->tampered);
	free(t);
}

static void forget_tasks(struct wt *w)
{
	for (int i = 0; i < HASH_SIZE; i++)
		while (w->hash[i])
			remove_task(w, w->hash[i]);
}

static struct program *find_program(struct wt *w, pid_t pid)
{
	struct program *p = w->programs;
	while (p && p->pid != pid)
		p = p->next;
	return p;
}

static struct program *add_program(struct wt *w, pid_t pid)
{
	struct program *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->pid = pid;
	pthread_mutex_lock(&w->lock);
	p->next = w->programs;
	w->programs = p;
	pthread_mutex_unlock(&w->lock);
	return p;
}

static void program_ended(struct wt *w, pid_t pid, int status)
{
	pthread_mutex_lock(&w->lock);
	struct program *p = find_program(w, pid);
	if (p && !p->ended) {
		p->status = status;
		p->ended = true;
	}
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* Recording stops, the programs go on: from here on every stop lets its task go. */
static void recording_full(struct wt *w, int error)
{
	if (!w->full_errno) {
		w->full_errno = error;
		w->let_go = true;
	}
	w->stats.full_errno = w->full_errno;
	w->stats.lost++;
	w->events.header->lost = w->stats.lost;
}

static struct wt_event *event_begin(struct wt *w, const struct task *t, uint16_t kind, uint64_t now)
{
	int error = w->full_errno ? w->full_errno : file_reserve(&w->events, sizeof(struct wt_event));
	if (error) {
		recording_full(w, error);
		return NULL;
	}
	struct wt_event *e = file_end(&w->events);
	memset(e, 0, sizeof(*e));
	e->time_ns = now;
	e->seq = w->seq;
	e->first_chunk = w->chunks.used / sizeof(struct wt_chunk);
	e->tid = (uint32_t)t->tid;
	e->tgid = (uint32_t)t->tgid;
	e->kind = kind;
	e->cpu = w->stop_cpu;
	w->event_chunks = 0;
	return e;
}

static void notify(struct wt *w)
{
	uint64_t one = 1;
	bool over = !w->stats.tasks;
	if (!over && !__atomic_load_n(&w->impatient, __ATOMIC_RELAXED))
		return;
	if (!__atomic_exchange_n(&w->notified, 1, __ATOMIC_ACQ_REL) && write(w->notable_fd, &one, sizeof(one)) < 0)
		w->notified = 0;
}

/* The task goes on right after this, so the time is taken last. */
static void event_end_at(struct wt *w, struct wt_event *e, uint64_t resume_ns)
{
	e->chunks = w->event_chunks;
	e->resume_ns = resume_ns;
	w->stats.service_ns += e->resume_ns - e->time_ns;
	w->events.used += sizeof(*e);
	w->seq++;
	w->stats.events = w->seq;
	publish(&w->data.header->committed, w->data.used);
	publish(&w->chunks.header->committed, w->chunks.used / sizeof(struct wt_chunk));
	publish(&w->events.header->committed, w->seq);
	if (e->flags & WT_FLAG_NOTABLE)
		notify(w);
}

static void event_end(struct wt *w, struct wt_event *e)
{
	event_end_at(w, e, now_ns());
}

/*
 * Have the tracer thread do something. The signal may come just before its wait begins, so it is sent until it
 * works.
 */
static int ask_tracer(struct wt *w, enum request what, pid_t pid)
{
	pthread_mutex_lock(&w->asking);
	pthread_mutex_lock(&w->lock);
	while (!w->tracer_tid && !w->finished)
		pthread_cond_wait(&w->changed, &w->lock);
	if (w->finished)
		w->request_result = -ESRCH;
	else
		__atomic_store_n(&w->request, what, __ATOMIC_RELEASE);
	w->request_pid = pid;
	pthread_cond_broadcast(&w->changed);
	while (w->request != REQUEST_NONE && !w->finished) {
		struct timespec until;
		syscall(SYS_tgkill, getpid(), w->tracer_tid, WAKE_SIGNAL);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 2000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&w->changed, &w->lock, &until);
	}
	int result = w->request_result;
	pthread_mutex_unlock(&w->lock);
	pthread_mutex_unlock(&w->asking);
	return result;
}
