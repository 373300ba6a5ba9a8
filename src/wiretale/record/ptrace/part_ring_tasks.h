/* The other engine's programs and processes: how they are begun, attached, waited for and let go; and its loop. */

#define RING_SOON_NS 1000000	/* until the next look, where somebody waits for it */
#define RING_SMALL_NS 2000000	/* where somebody reads what is recorded, or the ring is soon full */
#define RING_LARGE (8u << 20)
#define RING_LATER_NS 20000000	/* else: the end of a program wakes the recorder */
#define PACKED_LARGE (4u << 20)	/* what a buffer must have to be looked at every RING_LATER_NS only */
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
			put_given(w, e->tid, &state);
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
