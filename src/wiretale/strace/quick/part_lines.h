/* From events to lines: which task's line is open, what stands before it. As printer.py and layout.py of ../. */

static struct quick_task *find_task(struct quick *q, uint32_t tid)
{
	for (uint32_t i = 0; i < q->n_tasks; i++)
		if (q->tasks[i].tid == tid)
			return &q->tasks[i];
	return NULL;
}

/* The task, which is made if it is new; NULL: there is no room for it. */
static struct quick_task *task_of(struct quick *q, uint32_t tid)
{
	struct quick_task *task = find_task(q, tid);
	if (task || q->n_tasks == QUICK_TASKS)
		return task;
	task = &q->tasks[q->n_tasks++];
	*task = (struct quick_task){ tid, QUICK_NONE, QUICK_NONE };
	return task;
}

static struct quick_netlink *find_netlink(struct quick *q, uint32_t pid, uint32_t fd)
{
	for (uint32_t i = 0; i < q->n_netlink; i++)
		if (q->netlink[i].pid == pid && q->netlink[i].fd == fd)
			return &q->netlink[i];
	return NULL;
}

/* What an event says of sockets; false if there is no room for it. */
static bool learn_sockets(struct quick *q, const struct wt_event *e)
{
	for (uint64_t i = 0; i < e->chunks; i++) {
		const struct wt_chunk *c = chunk_at(&q->files, e->first_chunk + i);
		struct wt_socket socket;
		if (c->role != WT_SOCKET)
			continue;
		if (c->captured_bytes < sizeof(socket))
			return false;
		memcpy(&socket, (const uint8_t *)q->files.data + WT_HEADER_BYTES + c->offset, sizeof(socket));
		struct quick_netlink *known = find_netlink(q, e->tgid, (uint32_t)c->detail);
		if (c->detail > UINT32_MAX || (socket.family == AF_NETLINK && !known && q->n_netlink == QUICK_NETLINK))
			return false;
		if (socket.family != AF_NETLINK) {
			if (known)
				*known = q->netlink[--q->n_netlink];
			continue;
		}
		if (!known)
			known = &q->netlink[q->n_netlink++];
		*known = (struct quick_netlink){ e->tgid, (uint32_t)c->detail, (uint32_t)socket.protocol };
	}
	return true;
}

/* -- layout ------------------------------------------------------------------------------------------------------------ */

static void put_seconds(struct quick_text *t, uint64_t ns, size_t width, bool microseconds)
{
	put_padded(t, ns / SECOND_NS, width, true);
	if (microseconds) {
		put_char(t, '.');
		put_number(t, ns % SECOND_NS / 1000, 10, 6);
	}
}

static void put_time_of_day(struct quick *q, uint64_t real_ns)
{
	time_t seconds = (time_t)(real_ns / SECOND_NS);
	struct tm local;
	localtime_r(&seconds, &local);
	put_number(&q->text, (uint64_t)local.tm_hour, 10, 2);
	put_char(&q->text, ':');
	put_number(&q->text, (uint64_t)local.tm_min, 10, 2);
	put_char(&q->text, ':');
	put_number(&q->text, (uint64_t)local.tm_sec, 10, 2);
	if (q->options.microseconds) {
		put_char(&q->text, '.');
		put_number(&q->text, real_ns % SECOND_NS / 1000, 10, 6);
	}
}

/* The times at the beginning of a line. As ../times.py. */
static void put_stamps(struct quick *q, uint64_t time_ns)
{
	uint64_t real_ns = time_ns + (uint64_t)q->options.offset_ns;
	bool has_clock = q->options.clock != QUICK_NO_CLOCK;
	if (q->options.clock == QUICK_TIME_OF_DAY)
		put_time_of_day(q, real_ns);
	else if (has_clock)
		put_seconds(&q->text, real_ns, 1, q->options.microseconds);
	put(&q->text, has_clock ? " " : "");
	if (!q->options.relative)
		return;
	uint64_t passed = q->last_ns != QUICK_NONE && time_ns > q->last_ns ? time_ns - q->last_ns : 0;
	q->last_ns = time_ns;
	put(&q->text, has_clock ? "(+" : "");
	put_seconds(&q->text, passed, 6, true);
	put(&q->text, has_clock ? ") " : " ");
}

/* What stands before a line, how long it is; closes the open line of a call. */
static uint64_t put_head(struct quick *q, uint32_t tid, uint64_t time_ns)
{
	if (q->owner) {
		put(&q->text, " <unfinished ...>\n");
		q->owner = 0;
	}
	size_t began = q->text.used;
	if (!q->options.to_stderr && q->options.follow) {
		put_padded(&q->text, tid, 5, false);
		put_char(&q->text, ' ');
	} else if (q->options.to_stderr && q->n_tasks > 1) {
		put(&q->text, "[pid ");
		put_padded(&q->text, tid, 5, true);
		put(&q->text, "] ");
	}
	put_stamps(q, time_ns);
	return q->text.used - began;
}

/* Make the open line this task's, which goes on with its call. */
static void go_on(struct quick *q, const struct writer *w, const struct wt_event *e)
{
	if (q->owner == e->tid)
		return;
	q->column = put_head(q, e->tid, e->time_ns);
	size_t began = q->text.used;
	put(&q->text, "<... ");
	put(&q->text, text_at(w->call->name));
	put(&q->text, " resumed>");
	q->column += q->text.used - began;
	q->owner = e->tid;
}

/* `) = `, at the column of results; `began`: where the arguments behind the beginning of the line begin. */
static void put_equals(struct quick *q, size_t began)
{
	uint64_t length = q->column + (q->text.used - began) + 2;
	put(&q->text, ") ");
	for (; length < q->options.column; length++)
		put_char(&q->text, ' ');
	put(&q->text, "= ");
}

static void end_line(struct quick *q)
{
	put_char(&q->text, '\n');
	q->owner = 0;
}

/* -- events ------------------------------------------------------------------------------------------------------------ */

/* The call that begins with `begun`; false if it is not one of those that are known. */
static bool open_writer(struct quick *q, const struct wt_event *begun, const struct wt_event *ended, struct writer *w)
{
	*w = (struct writer){ .text = &q->text, .quick = q, .begun = begun, .ended = ended, .limit = q->options.strings };
	w->call = is_sound(&q->files, begun) ? call_of(begun) : NULL;
	if (!w->call)
		return false;
	if (ended) {
		w->value = ended->value;
		w->error = ended->flags & WT_FLAG_ERROR && ended->value < 0 ? -ended->value : 0;
	}
	const struct quick_netlink *known =
		w->call->flags & CALL_SPEAKS ? find_netlink(q, begun->tgid, (uint32_t)begun->args[0]) : NULL;
	w->netlink = known ? (int)known->protocol : -1;
	return true;
}

static const char *interrupted_name(const struct quick *q, const struct quick_task *task)
{
	const struct call *call =
		task->interrupted == QUICK_NONE ? NULL : call_of(event_at(&q->files, task->interrupted));
	return call ? text_at(call->name) : "system call";
}

static bool take_entry(struct quick *q, const struct wt_event *e, uint64_t number)
{
	struct quick_task *task = task_of(q, e->tid);
	struct writer w;
	if (!task || !open_writer(q, e, NULL, &w))
		return false;
	uint64_t head = put_head(q, e->tid, e->time_ns);
	size_t began = q->text.used;
	if (w.call->flags & CALL_RESTARTS) {
		put(&q->text, "restart_syscall(<... resuming interrupted ");
		put(&q->text, interrupted_name(q, task));
		put(&q->text, " ...>");
	} else if (!put_entry(&w)) {
		return false;
	}
	q->column = head + (q->text.used - began);
	q->owner = e->tid;
	task->begun = number;
	return true;
}

static bool take_exit(struct quick *q, const struct wt_event *e)
{
	struct quick_task *task = task_of(q, e->tid);
	struct writer w;
	if (!task || e->flags & (WT_FLAG_INJECTED | WT_FLAG_DELAYED | WT_FLAG_POKED | WT_FLAG_NOT_POKED))
		return false;
	if (!learn_sockets(q, e))
		return false;
	if (task->begun == QUICK_NONE)
		return true;
	if (!open_writer(q, event_at(&q->files, task->begun), e, &w))
		return false;
	go_on(q, &w, e);
	size_t began = q->text.used;
	if (!(w.call->flags & CALL_RESTARTS) && !put_exit(&w))
		return false;
	put_equals(q, began);
	if (!put_result(&w))
		return false;
	if (q->options.took) {
		put(&q->text, " <");
		put_seconds(&q->text, e->time_ns > w.begun->resume_ns ? e->time_ns - w.begun->resume_ns : 0, 1, true);
		put_char(&q->text, '>');
	}
	end_line(q);
	if (w.error == RESTARTS_BY_CALL)
		task->interrupted = task->begun;
	task->begun = QUICK_NONE;
	return true;
}

/* A line that is no call. */
static void put_told(struct quick *q, const struct wt_event *e, const char *before)
{
	put_head(q, e->tid, e->time_ns);
	put(&q->text, before);
}

/* The task ends in its call: `= ?`. */
static bool give_up_call(struct quick *q, struct quick_task *task, const struct wt_event *e)
{
	struct writer w;
	if (task->begun == QUICK_NONE)
		return true;
	if (!open_writer(q, event_at(&q->files, task->begun), NULL, &w) ||
	    (!w.call->rewrite && arguments_of(&w)->at_entry == NOT_RENDERED))
		return false;
	go_on(q, &w, e);
	size_t began = q->text.used;
	if (!is_whole(&w))
		put(&q->text, " <unfinished ...>");
	put_equals(q, began);
	put_char(&q->text, '?');
	end_line(q);
	task->begun = QUICK_NONE;
	return true;
}

static bool take_end(struct quick *q, const struct wt_event *e)
{
	struct quick_task *task = task_of(q, e->tid);
	uint64_t status = (uint64_t)e->number;
	if (!task || !give_up_call(q, task, e))
		return false;
	if (!q->options.no_exit) {
		if (status & 0x7f) {
			put_told(q, e, "+++ killed by ");
			put_signal(&q->text, status & 0x7f);
			put(&q->text, status & 0x80 ? " (core dumped) +++\n" : " +++\n");
		} else {
			put_told(q, e, "+++ exited with ");
			put_unsigned(&q->text, status >> 8 & 0xff);
			put(&q->text, " +++\n");
		}
	}
	*task = q->tasks[--q->n_tasks];
	return true;
}

static bool take_attached(struct quick *q, const struct wt_event *e)
{
	if (!task_of(q, e->tid))
		return false;
	if (!q->first_pid)
		q->first_pid = e->tgid;
	bool spawned = !(e->flags & WT_FLAG_FOLLOWED) && e->tid == q->first_pid;
	if (q->options.no_attach || spawned)
		return true;
	put(&q->text, "strace: Process ");
	put_unsigned(&q->text, e->tid);
	put(&q->text, " attached\n");
	return true;
}

static bool take_signal(struct quick *q, const struct wt_event *e)
{
	if (!task_of(q, e->tid))
		return false;
	put_told(q, e, "--- ");
	put_signal(&q->text, e->number);
	for (uint64_t i = 0; i < e->chunks; i++) {
		const struct wt_chunk *c = chunk_at(&q->files, e->first_chunk + i);
		if (c->role != WT_SIGINFO)
			continue;
		put_char(&q->text, ' ');
		if (!put_siginfo(&q->text, (const uint8_t *)q->files.data + WT_HEADER_BYTES + c->offset, c->captured_bytes))
			return false;
		break;
	}
	put(&q->text, " ---\n");
	return true;
}

static bool take_stop(struct quick *q, const struct wt_event *e)
{
	if (!task_of(q, e->tid))
		return false;
	put_told(q, e, "--- stopped by ");
	put_signal(&q->text, e->number);
	put(&q->text, " ---\n");
	return true;
}

/* execve by a thread that is not the first is left to Python: its task takes over another's number. */
static bool take_exec(struct quick *q, const struct wt_event *e)
{
	return task_of(q, e->tid) && (e->number == e->tid || !find_task(q, (uint32_t)e->number));
}

static bool take(struct quick *q, const struct wt_event *e, uint64_t number)
{
	struct quick_task *task;
	if (!is_sound(&q->files, e))
		return false;
	if (e->kind != WT_ENTRY && e->kind != WT_EXIT && !learn_sockets(q, e))
		return false;
	switch (e->kind) {
	case WT_ENTRY:
		return take_entry(q, e, number);
	case WT_EXIT:
		return take_exit(q, e);
	case WT_EXEC:
		return take_exec(q, e);
	case WT_SIGNAL:
		return take_signal(q, e);
	case WT_GROUP_STOP:
		return take_stop(q, e);
	case WT_END:
		return take_end(q, e);
	case WT_EXITING:
		task = task_of(q, e->tid);
		return task && give_up_call(q, task, e);
	case WT_ATTACHED:
		return take_attached(q, e);
	case WT_CLONE:
		return true;
	}
	return false;	/* let go */
}
