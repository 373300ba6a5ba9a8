/*
 * Where the tracer runs. A stop is several times cheaper when tracer and traced thread share a CPU, but the kernel
 * wakes the traced thread on an idle CPU if there is one. A tracer with SCHED_IDLE on its CPU makes that CPU count
 * as idle (select_idle_sibling), so the thread stays. The price: SCHED_IDLE gets no time while something else
 * computes there. That is measured: where the tracer has to wait for its CPU, following is tried against ordinary
 * scheduling, and what costs less time per stop is kept for a while; where that is ordinary scheduling, until the CPUs
 * are idle again: what it had to wait for may have been another program's start.
 *
 * A server with a thread for each request has many short-lived threads, each of which stops some thirty times in a
 * row: such runs are followed, from one CPU to the other. Where threads stop in turn at every call, following would
 * only move; and a tracer that may not leave SCHED_IDLE again (an ordinary user's) follows none. Most of a stop's cost
 * is then that a sleeping CPU must be woken, twice; looking for the next stop for a moment before it sleeps saves the
 * tracer's half of that.
 */

#define WINDOW_STOPS 32	/* the CPU of a thread that stops and stops is looked up this often */
#define CHECK_NS 20000000ull
#define WAIT_NS 15000ull	/* of waiting for the CPU per stop, before the other way is tried */
#define TRIAL_STOPS 64
#define TRIAL_NS 100000000ull
#define KEEP_FIRST_NS 1000000000ull
#define KEEP_MOST_NS 16000000000ull
#define KEEP_PARTS 10		/* of the time it is kept, in each of which CPUs are looked at for being idle */
#define IDLE_SHARE 3		/* one part in so many of the CPUs' time: enough is idle */
#define BUSY_START_NS 50000000ull
#define RUN_STOPS 3		/* so many stops of one thread in a row are a run: most often, more of them follow */
#define RUNS_SHARE 3		/* of a window's stops, one in so many at least belongs to runs: they are worth following */
#define CROWD_FOLLOWS 4		/* below, they are followed */
#define CROWD_MOST 8
#define PRIO_HIGHEST -20	/* a nice value cannot be lower (nice(2)) */
#define LOOK_NS 100000ull
#define LOOK_SCORE_MOST 16
#define LOOK_FAILED 4		/* a look in vain costs the CPU several times what a good one saves */
#define LOOK_REST_STOPS 64

/*
 * How long this thread has waited for its CPU. Opened only when it is asked for: where /proc knows the thread of a process
 * that ends, the kernel's way of forgetting both may spin (proc_invalidate_siblings_dcache) for longer than a short
 * program runs.
 */
static uint64_t read_delay(struct placement *p)
{
	char text[96];
	if (p->schedstat < 0)
		p->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = pread(p->schedstat, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = 0;
	char *second = strchr(text, ' ');
	return second ? strtoull(second, NULL, 10) : 0;
}

/* How long all CPUs together have been idle (proc(5), stat). */
static uint64_t idle_ns(void)
{
	unsigned long long idle = 0;
	FILE *f = fopen("/proc/stat", "re");
	if (!f)
		return 0;
	if (fscanf(f, "cpu %*u %*u %*u %llu", &idle) != 1)
		idle = 0;
	fclose(f);
	return idle * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* Begins another part of the time in which ordinary scheduling is kept. Whether enough was idle in the one before. */
static bool were_idle(struct placement *p, uint64_t now)
{
	uint64_t idle = idle_ns(), was = p->idle_ns, elapsed = now - p->part_ns;
	p->idle_ns = idle;
	p->part_ns = now;
	return (idle - was) * IDLE_SHARE >= elapsed * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
}

/*
 * For most users SCHED_IDLE is a way without return: it takes what lowering the nice value takes (RLIMIT_NICE,
 * sched(7)). That is tried, and taken back: raising it is everyone's right.
 */
static bool can_return(void)
{
	errno = 0;
	int nice = getpriority(PRIO_PROCESS, 0);
	return !errno && nice > PRIO_HIGHEST && setpriority(PRIO_PROCESS, 0, nice - 1) == 0 &&
	       setpriority(PRIO_PROCESS, 0, nice) == 0;
}

/* Following without SCHED_IDLE gains nothing. */
static bool may_follow(struct wt *w)
{
	if (!w->place.tried)
		w->stats.no_privilege = !can_return();
	w->place.tried = true;
	return !w->stats.no_privilege;
}

static bool set_idle(struct wt *w, bool idle)
{
	struct placement *p = &w->place;
	struct sched_param none = { 0 };
	if (p->idle == idle)
		return true;
	if (sched_setscheduler(0, idle ? SCHED_IDLE : SCHED_OTHER, &none) < 0)
		return false;
	p->idle = idle;
	w->stats.idle_policy |= idle;
	return true;
}

static void place_open(struct wt *w)
{
	struct placement *p = &w->place;
	p->cpu = -1;
	p->schedstat = -1;
	p->state = PLACE_OFF;
	if (w->flags & WT_PLACE && sched_getaffinity(0, sizeof(p->original), &p->original) == 0) {
		p->may_look = CPU_COUNT(&p->original) > 1;
		/* While the recorder computes there is no idle CPU to wake on, and a tracer with SCHED_IDLE starves. */
		bool is_crowded = w->flags & WT_BUSY_START && CPU_COUNT(&p->original) <= 2;
		p->until_ns = is_crowded ? now_ns() + BUSY_START_NS : 0;
		p->state = is_crowded ? PLACE_REST : may_follow(w) ? PLACE_FOLLOW : PLACE_OFF;
	}
	if (w->pin >= 0) {
		cpu_set_t set;
		CPU_ZERO(&set);
		CPU_SET((size_t)w->pin, &set);
		sched_setaffinity(0, sizeof(set), &set);
		p->cpu = w->pin;
		p->state = PLACE_OFF;
	}
}

static void place_free(struct wt *w)
{
	struct placement *p = &w->place;
	if (p->state == PLACE_OFF || p->cpu < 0)
		return;
	sched_setaffinity(0, sizeof(p->original), &p->original);
	p->cpu = -1;
	set_idle(w, false);
}

static void place_close(struct wt *w)
{
	place_free(w);
	if (w->place.schedstat >= 0)
		close(w->place.schedstat);
}

/* Field 39 of /proc/PID/stat (proc(5)): the CPU the thread last ran on; -1 if unreadable. */
static int task_cpu(struct task *t)
{
	char text[1024], *at;
	if (t->statfd < 0) {
		snprintf(text, sizeof(text), "/proc/%d/task/%d/stat", t->tgid, t->tid);
		t->statfd = open(text, O_RDONLY | O_CLOEXEC);
		if (t->statfd < 0)
			return -1;
	}
	ssize_t n = pread(t->statfd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return -1;
	text[n] = 0;
	at = strrchr(text, ')');
	for (int field = 2; at && field < 39; field++)
		at = strchr(at + 1, ' ');
	return at ? atoi(at + 1) : -1;
}

/* Keep what won; longer each time it wins again. */
static void place_keep(struct wt *w, enum placement_state winner, uint64_t now)
{
	struct placement *p = &w->place;
	p->keep_ns = p->winner == winner ? p->keep_ns * 2 : KEEP_FIRST_NS;
	if (p->keep_ns > KEEP_MOST_NS)
		p->keep_ns = KEEP_MOST_NS;
	p->winner = p->state = winner;
	p->until_ns = now + p->keep_ns;
	if (winner == PLACE_REST)
		were_idle(p, now);
	w->stats.yielded += winner == PLACE_REST;
}

static void place_mark(struct wt *w, uint64_t now, uint64_t delay)
{
	w->place.checked_ns = now;
	w->place.checked_stops = w->stats.stops;
	w->place.checked_delay_ns = delay;
}

static void place_check(struct wt *w, uint64_t now)
{
	struct placement *p = &w->place;
	uint64_t stops = w->stats.stops - p->checked_stops, elapsed = now - p->checked_ns;
	if (p->state == PLACE_FOLLOW && elapsed > CHECK_NS && stops) {
		bool first = !p->checked_ns;	/* it began a moment ago and has not waited */
		uint64_t delay = first ? 0 : read_delay(p), waited = (delay - p->checked_delay_ns) / stops;
		place_mark(w, now, delay);
		if (first || p->cpu < 0 || waited < WAIT_NS || now < p->until_ns)
			return;
		p->follow_cost = elapsed / stops;
		place_free(w);
		p->state = PLACE_TRIAL;
	} else if (p->state == PLACE_TRIAL && (stops >= TRIAL_STOPS || (elapsed > TRIAL_NS && stops))) {
		bool free_is_cheaper = elapsed / stops < p->follow_cost - p->follow_cost / 16;
		place_mark(w, now, read_delay(p));
		place_keep(w, free_is_cheaper ? PLACE_REST : PLACE_FOLLOW, now);
	} else if (p->state == PLACE_REST &&
		   (now >= p->until_ns || (p->keep_ns && now - p->part_ns >= p->keep_ns / KEEP_PARTS && were_idle(p, now)))) {
		place_mark(w, now, read_delay(p));
		p->state = may_follow(w) ? PLACE_FOLLOW : PLACE_OFF;
	}
}

static void place_follow(struct wt *w, struct task *t)
{
	struct placement *p = &w->place;
	int cpu = task_cpu(t);
	if (cpu < 0)
		return;
	p->followed = t->tid;
	w->stop_cpu = cpu;
	w->stats.samples++;
	if (cpu == p->cpu) {
		w->stats.same_cpu++;
		return;
	}
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return;
	p->cpu = cpu;
	w->stats.moves++;
	set_idle(w, true);
}

/* wait4, which tells how long the stopped process has computed in the kernel, where that is wanted. */
static pid_t wait_stop(struct wt *w, int *status, int flags, uint64_t *system_ns)
{
	struct rusage spent;
	bool wanted = w->flags & WT_SYSTEM_TIMES;
	pid_t tid = wait4(-1, status, flags, wanted ? &spent : NULL);
	if (tid > 0 && wanted)
		*system_ns = (uint64_t)spent.ru_stime.tv_sec * 1000000000ull + (uint64_t)spent.ru_stime.tv_usec * 1000;
	return tid;
}

/*
 * The next stop of any task, as wait4. Looking is given up for a while where it mostly finds nothing, and does not
 * happen on a CPU shared with the thread, nor while ordinary scheduling is what won.
 */
static pid_t next_stop(struct wt *w, int *status, uint64_t *system_ns)
{
	struct placement *p = &w->place;
	const int flags = __WALL | __WNOTHREAD;
	bool looks = p->may_look && p->cpu < 0 && (p->state == PLACE_OFF || p->state == PLACE_FOLLOW);
	if (looks && p->look_rest > 0) {
		p->look_rest--;
	} else if (looks) {
		uint64_t until = now_ns() + LOOK_NS;
		do {
			pid_t tid = wait_stop(w, status, flags | WNOHANG, system_ns);
			if (tid) {
				p->look_score += p->look_score < LOOK_SCORE_MOST;
				return tid;
			}
		} while (now_ns() < until && __atomic_load_n(&w->request, __ATOMIC_ACQUIRE) == REQUEST_NONE);
		p->look_score -= LOOK_FAILED;
		if (p->look_score < 0) {
			p->look_score = 0;
			p->look_rest = LOOK_REST_STOPS;
		}
	}
	return wait_stop(w, status, flags, system_ns);
}

/* Called at every stop. */
static void place(struct wt *w, struct task *t, uint64_t now)
{
	struct placement *p = &w->place;
	if (p->state == PLACE_OFF)
		return;
	p->run = t->tid == p->run_tid ? p->run + 1 : 1;
	p->run_tid = t->tid;
	if (p->run >= RUN_STOPS)
		p->run_stops += p->run == RUN_STOPS ? RUN_STOPS : 1;
	place_check(w, now);
	if (++p->window_stops >= WINDOW_STOPS) {
		bool runs = p->run_stops * RUNS_SHARE >= p->window_stops;
		p->crowd = runs ? p->crowd - (p->crowd > 0) : p->crowd + 2 < CROWD_MOST ? p->crowd + 2 : CROWD_MOST;
		p->window_stops = p->run_stops = 0;
	}
	if (p->state != PLACE_FOLLOW)
		return;
	if (p->crowd >= CROWD_FOLLOWS)
		place_free(w);
	else if (p->run % WINDOW_STOPS == RUN_STOPS && (p->cpu < 0 || p->run > RUN_STOPS || t->tid != p->followed))
		place_follow(w, t);
}
