/* What each kind of stop means, and how the task goes on (ptrace(2)). */

static bool recording(const struct wt *w)
{
	return !w->let_go;
}

static void simple_event(struct wt *w, const struct task *t, uint16_t kind, uint64_t now, int64_t number, int64_t value)
{
	struct wt_event *e = event_begin(w, t, kind, now);
	if (!e)
		return;
	e->number = number;
	e->value = value;
	if (kind == WT_END)
		e->flags |= WT_FLAG_NOTABLE;
	event_end(w, e);
}

/* End tracing it. Where it was the last one, whoever waits for that is told. */
static void detach(struct wt *w, struct task *t, int sig)
{
	if (!w->full_errno)
		simple_event(w, t, WT_DETACHED, now_ns(), 0, 0);
	if (ptrace(PTRACE_DETACH, t->tid, NULL, (void *)(long)sig) < 0)
		return;
	remove_task(w, t);
	if (!w->stats.tasks)
		notify(w);
}

/* Let the task go on with `sig`; ESRCH means it was killed meanwhile, and its end will be reported. */
static void go_on(struct wt *w, struct task *t, int sig)
{
	if (w->let_go && !t->filtered && !t->starting) {
		detach(w, t, sig);
		return;
	}
	bool run = t->starting || (t->filtered && (!t->in_call || w->let_go));
	ptrace(run ? PTRACE_CONT : PTRACE_SYSCALL, t->tid, NULL, (void *)(long)sig);
}

/* When the tracer is woken; 0: not at all. Again and again, because a signal that comes just before wait4 is lost. */
static void set_alarm(struct wt *w, uint64_t at)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WAKE_SIGNAL };
	struct itimerspec when = { { 0, ALARM_AGAIN_NS }, { (time_t)(at / 1000000000), (long)(at % 1000000000) } };
	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (at == w->alarm_ns)
		return;
	w->has_alarm = w->has_alarm || timer_create(CLOCK_MONOTONIC, &event, &w->alarm) == 0;
	if (w->has_alarm && timer_settime(w->alarm, TIMER_ABSTIME, &when, NULL) == 0)
		w->alarm_ns = at;
}

/* Let the tasks go on whose time has come, and all once they are let go. */
static void release_held(struct wt *w)
{
	uint64_t now = now_ns(), first = 0;
	for (int i = 0; i < HASH_SIZE && w->held; i++)
		for (struct task *t = w->hash[i], *next; t; t = next) {
			next = t->next;
			if (!t->held_until)
				continue;
			if (t->held_until > now && !w->let_go) {
				first = !first || t->held_until < first ? t->held_until : first;
				continue;
			}
			t->held_until = 0;
			w->held--;
			go_on(w, t, t->held_signal);
		}
	set_alarm(w, first);
}

/* The same after some time, in which others run. */
static void go_on_after(struct wt *w, struct task *t, int sig, uint64_t ns)
{
	if (!ns || w->let_go) {
		go_on(w, t, sig);
		return;
	}
	t->held_until = now_ns() + ns;
	t->held_signal = sig;
	w->held++;
	release_held(w);
}

static void spawn_done(struct wt *w, struct task *t, int result)
{
	if (!t->first_exec)
		return;
	t->first_exec = false;
	pthread_mutex_lock(&w->lock);
	w->spawn_result = result;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* Where it failed, its process goes on to its end; whoever waits for the program is told then, so that all is on record. */
static void first_exec_returned(struct wt *w, struct task *t, const struct __ptrace_syscall_info *info)
{
	if (!t->first_exec || t->start_error)
		return;
	if (info->exit.is_error)
		t->start_error = (int)-info->exit.rval;
	else
		spawn_done(w, t, 0);
}

static void first_sight(struct wt *w, struct task *t, uint64_t now)
{
	t->fresh = false;
	if (!recording(w))
		return;
	struct wt_event *e = event_begin(w, t, WT_ATTACHED, now);
	if (!e)
		return;
	e->flags = t->outside ? 0 : WT_FLAG_FOLLOWED;
	chunks_of_task(w, t);
	if (t->outside && !t->first_exec && t->tid == t->tgid)
		chunks_of_descriptors(w, t);
	if (!t->outside && t->tid == t->tgid && w->flags & WT_WHOLE_NETLINK)
		ask_netlink(w, t);
	event_end(w, e);
}

static void on_entry(struct wt *w, struct task *t, const struct __ptrace_syscall_info *info, uint16_t flags,
		     uint64_t now)
{
	t->in_call = true;
	t->tamper = NULL;
	t->system_ns = w->stop_system_ns;
	t->arch = info->arch;
	t->number = (int64_t)info->entry.nr;	/* the seccomp form has the same layout here */
	t->socketcall = t->named = false;
	memcpy(t->args, info->entry.args, sizeof(t->args));
	t->call = find_call(w, t->arch, info->entry.nr);
	if (t->call && t->call->flags & WT_CALL_SOCKETCALL) {
		translate_socketcall(w, t);
		t->call = find_call(w, t->arch, (uint64_t)t->number);
	}
	if (!w->n_paths)
		begin_tamper(w, t);
	struct wt_event *e = event_begin(w, t, WT_ENTRY, now);
	if (!e)
		return;
	e->flags = flags | (t->socketcall ? WT_FLAG_SOCKETCALL : 0);
	e->arch = t->arch;
	e->number = t->number;
	e->value = (int64_t)info->instruction_pointer;
	memcpy(e->args, t->args, sizeof(e->args));
	if (t->call)
		run_ops(w, t, 0, WT_AT_ENTRY);
	if (w->n_paths && names_path(w, t))
		begin_tamper(w, t);
	e->flags |= t->poked & WT_FLAG_NOT_POKED;
	t->poked &= (uint16_t)~WT_FLAG_NOT_POKED;
	if (t->call && t->call->flags & WT_CALL_SIGRETURN)
		capture_signal_frame(w, t, info->stack_pointer);
	chunk_stack_of_call(w, t, WT_AT_ENTRY);
	event_end(w, e);
	if (w->in_step.behind_fd >= 0 && may_show(w, t))
		keep_in_step(w);
}

static void *reap(void *pid)
{
	while (waitpid((pid_t)(intptr_t)pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return NULL;
}

/*
 * A child made with CLONE_PARENT is its maker's sibling, so the recorder's child where it started the maker. If it is
 * not traced, nobody would wait for it: it would stay a zombie, and its maker might look for it for ever. A thread
 * of its own waits, because the tracer's looks at nothing else (__WNOTHREAD).
 */
static void reap_sibling(struct wt *w, const struct task *t, int64_t pid)
{
	uint64_t flags = pid > 0 && w->flags & WT_NO_FOLLOW ? clone_flags(w, t) : 0;
	pthread_t thread;
	sigset_t all, mask;
	if (!(flags & CLONE_PARENT) || flags & CLONE_THREAD || find_task(w, (pid_t)pid))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &mask);
	if (pthread_create(&thread, NULL, reap, (void *)(intptr_t)pid) == 0)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void on_exit_call(struct wt *w, struct task *t, const struct __ptrace_syscall_info *info, uint16_t flags,
			 uint64_t now)
{
	int64_t result = info->exit.rval;
	bool failed = info->exit.is_error, known = t->in_call;
	reap_sibling(w, t, result);
	first_exec_returned(w, t, info);
	struct wt_event *e = event_begin(w, t, WT_EXIT, now);
	t->in_call = false;
	if (!e)
		return;
	e->flags = flags | (failed ? WT_FLAG_ERROR : 0) | (known && t->socketcall ? WT_FLAG_SOCKETCALL : 0);
	e->arch = info->arch;
	e->number = known ? t->number : -1;
	e->value = result;
	if (known) {
		e->extra = w->stop_system_ns - t->system_ns;
		memcpy(e->args, t->args, sizeof(e->args));
		if (t->call) {
			unsigned flagged = t->call->flags;
			run_ops(w, t, failed ? 0 : result, failed ? WT_AT_ERROR : WT_AT_EXIT);
			ask_descriptors(w, t, result);
			if (flagged & WT_CALL_NOTABLE && (!failed || result == -EINPROGRESS) && condition_holds(t))
				e->flags |= WT_FLAG_NOTABLE;
		}
		chunk_stack_of_call(w, t, WT_AT_EXIT);
	}
	event_end(w, e);
	if (known && w->in_step.behind_fd >= 0 && shows_children(w, t))
		keep_in_step(w);
}

static void on_call_stop(struct wt *w, struct task *t, uint16_t flags, uint64_t now)
{
	struct __ptrace_syscall_info info = { 0 };
	const struct wt_tamper *rule = t->tamper;	/* at the exit it is forgotten */
	int sig = 0;
	uint64_t delay_ns = 0;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof(info), &info) < 0) {
		if (errno != ESRCH)	/* Linux before 5.3: nothing can be told, but the program must go on */
			go_on(w, t, 0);
		return;
	}
	if (!recording(w)) {
		t->in_call = info.op == PTRACE_SYSCALL_INFO_ENTRY;
		if (info.op == PTRACE_SYSCALL_INFO_EXIT)
			first_exec_returned(w, t, &info);
	} else if (info.op == PTRACE_SYSCALL_INFO_ENTRY || info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
		on_entry(w, t, &info, flags, now);
		sig = tamper_entry(t);
		delay_ns = t->tamper ? t->tamper->delay_enter_ns : 0;
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		on_exit_call(w, t, &info, rule ? tamper_exit(w, t, &info) : 0, now);
		delay_ns = rule ? rule->delay_exit_ns : 0;
	}
	go_on_after(w, t, sig, delay_ns);
}

/* Whether a task that turned up before its maker's report stops by the filter. */
static bool guess_filtered(struct wt *w, pid_t tid)
{
	return w->any_filtered && (!w->any_attached || task_status_number(w, tid, "Seccomp:", 0) == 2);
}

static void on_clone(struct wt *w, struct task *t, int code, uint64_t now)
{
	unsigned long born = 0;
	uint64_t flags = clone_flags(w, t);
	if (ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &born) < 0)
		return;
	struct task *child = find_task(w, (pid_t)born);
	if (!child)
		child = add_task(w, (pid_t)born, flags & CLONE_THREAD ? t->tgid : (pid_t)born);
	if (child)
		child->filtered = t->filtered;
	if (recording(w)) {
		struct wt_event *e = event_begin(w, t, WT_CLONE, now);
		if (e) {
			e->number = (int64_t)born;
			e->value = code;
			e->extra = flags;
			e->flags = flags & CLONE_THREAD ? 0 : WT_FLAG_NOTABLE;
			event_end(w, e);
		}
	}
	go_on(w, t, 0);
}

/* The thread that called execve takes over the leader's id; what was known of it moves there. */
static void on_exec(struct wt *w, struct task *t, uint64_t now)
{
	unsigned long former = 0;
	if (ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &former) < 0)
		return;
	struct task *old = (pid_t)former == t->tid ? NULL : find_task(w, (pid_t)former);
	if (old) {
		t->in_call = old->in_call;
		t->system_ns = old->system_ns;
		t->call = old->call;
		t->arch = old->arch;
		t->number = old->number;
		t->filtered = old->filtered;
		memcpy(t->args, old->args, sizeof(t->args));
		remove_task(w, old);
	}
	t->tgid = t->tid;
	task_close(w, t);
	bool is_first = t->first_exec || t->begins;
	t->begins = false;
	note_reduced(w, t);
	spawn_done(w, t, 0);
	if (recording(w)) {
		struct wt_event *e = event_begin(w, t, WT_EXEC, now);
		if (e) {
			e->number = (int64_t)former;
			e->flags = WT_FLAG_NOTABLE;
			chunks_of_task(w, t);
			if (is_first || w->flags & WT_ALL_LINKS)	/* before, it held the recorder's own descriptors, which this exec closed */
				chunks_of_descriptors(w, t);
			event_end(w, e);
		}
	}
	if (w->flags & WT_DETACH_AT_EXEC && !is_first && recording(w)) {
		detach(w, t, 0);
		return;
	}
	go_on(w, t, 0);
}

static bool is_stopping(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

static void on_event_stop(struct wt *w, struct task *t, int sig, uint64_t now)
{
	if (!is_stopping(sig)) {
		go_on(w, t, 0);
		return;
	}
	if (!recording(w) && !t->filtered) {
		go_on(w, t, 0);	/* detached, it stays stopped */
		return;
	}
	if (recording(w))
		simple_event(w, t, WT_GROUP_STOP, now, sig, 0);
	ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
}

static void on_signal(struct wt *w, struct task *t, int sig, uint64_t now)
{
	if (t->starting) {
		if (sig == SIGSTOP) {	/* its own, just before execve */
			t->starting = false;
			first_sight(w, t, now);
			sig = 0;
		}
		go_on(w, t, sig);
		return;
	}
	if (recording(w)) {
		siginfo_t info;
		bool known = ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info) == 0;
		struct wt_event *e = event_begin(w, t, WT_SIGNAL, now);
		if (e) {
			e->number = sig;
			struct __ptrace_syscall_info where;
			if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(where), &where) > 0)
				e->value = (int64_t)where.instruction_pointer;
			if (known)
				chunk_put(w, WT_SIGINFO, 0, 0, &info, sizeof(info));
			if (known && (sig == SIGCHLD || info.si_code <= 0))	/* others have no sender */
				ask_name(w, info.si_pid);
			if (w->unwinder)
				chunk_stack(w, t);
			event_end(w, e);
		}
	}
	go_on(w, t, sig);
}

static void on_end(struct wt *w, pid_t tid, int status, uint64_t now)
{
	struct task *t = find_task(w, tid);
	program_ended(w, tid, status);
	if (!t)
		return;
	if (!w->full_errno)
		simple_event(w, t, WT_END, now, status, 0);
	spawn_done(w, t, t->start_error ? t->start_error : ECHILD);
	remove_task(w, t);
	notify(w);
}

static void on_exiting(struct wt *w, struct task *t, uint64_t now)
{
	unsigned long status = 0;
	if (ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &status) == 0 && recording(w))
		simple_event(w, t, WT_EXITING, now, (int64_t)status, 0);
	go_on(w, t, 0);
}

static void interrupt_all(struct wt *w)
{
	for (int i = 0; i < HASH_SIZE; i++)
		for (struct task *t = w->hash[i]; t; t = t->next)
			if (!t->filtered && !t->starting)
				ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
}

static void dispatch_stop(struct wt *w, struct task *t, int status, uint64_t now)
{
	int sig = WSTOPSIG(status), code = status >> 16;
	if (sig == (SIGTRAP | 0x80)) {
		on_call_stop(w, t, 0, now);
		return;
	}
	switch (code) {
	case 0:
		on_signal(w, t, sig, now);
		break;
	case EVENT_STOP_CODE:
		on_event_stop(w, t, sig, now);
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		on_clone(w, t, code, now);
		break;
	case PTRACE_EVENT_EXEC:
		on_exec(w, t, now);
		break;
	case PTRACE_EVENT_EXIT:
		on_exiting(w, t, now);
		break;
	case PTRACE_EVENT_SECCOMP:
		if (t->filtered && !t->starting)
			on_call_stop(w, t, WT_FLAG_SECCOMP, now);
		else
			go_on(w, t, 0);
		break;
	default:
		go_on(w, t, 0);
	}
}

/*
 * CLONE_PTRACE makes a child that is traced whatever was asked for. Let it go at its first stop; its signals would be
 * shown, and it would be waited for, as if it belonged to what is traced.
 */
static bool is_unwanted(const struct wt *w, int status)
{
	int sig = WSTOPSIG(status), code = status >> 16;
	return w->flags & WT_NO_FOLLOW && ((!code && sig == SIGSTOP) || (code == EVENT_STOP_CODE && sig == SIGTRAP));
}

static void refuse(struct wt *w, struct task *t)
{
	if (recording(w))
		simple_event(w, t, WT_DETACHED, now_ns(), 0, 0);
	ptrace(PTRACE_DETACH, t->tid, NULL, NULL);
	remove_task(w, t);
}

static void dispatch(struct wt *w, pid_t tid, int status, uint64_t now)
{
	bool was_full = w->full_errno;
	w->stop_cpu = -1;
	w->status_of = 0;
	w->in_proc_of = 0;
	w->pages.reads = w->pages.kept = 0;
	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		on_end(w, tid, status, now);
		return;
	}
	if (!WIFSTOPPED(status))
		return;
	struct task *t = find_task(w, tid);
	if (!t) {	/* a child may stop before its maker's report is seen */
		t = add_task(w, tid, task_tgid(w, tid));
		if (!t)
			return;
		if (is_unwanted(w, status)) {
			refuse(w, t);
			return;
		}
		t->filtered = guess_filtered(w, tid);
	}
	if (t->held_until) {	/* killed meanwhile */
		t->held_until = 0;
		w->held--;
	}
	w->stats.stops++;
	place(w, t, now);
	if (t->fresh && !t->starting)
		first_sight(w, t, now);
	dispatch_stop(w, t, status, now);
	if (w->full_errno && !was_full)
		interrupt_all(w);
}
