/* The rest of the library's calls: opening, asking, closing. */

struct wt *wt_open(const struct wt_options *o, int *error)
{
	struct wt *w = calloc(1, sizeof(*w));
	if (!w) {
		*error = ENOMEM;
		return NULL;
	}
	w->ops = o->ops;
	w->tables = o->tables;
	w->n_tables = o->n_tables;
	w->tampers = o->tampers;
	w->n_tampers = o->n_tampers;
	w->paths = o->paths;
	w->n_paths = o->n_paths;
	w->proc_depth = proc_depth();
	w->flags = o->flags;
	w->snaplen = o->snaplen;
	w->pin = o->pin;
	w->events.fd = w->chunks.fd = w->data.fd = w->diag = w->in_step.behind_fd = w->in_step.caught_up_fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->asking, NULL);
	pthread_cond_init(&w->changed, NULL);
	w->notable_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*error = w->notable_fd < 0 ? errno : 0;
	if (!*error)
		*error = file_open(&w->events, o->events_path, "WTEVENTS", sizeof(struct wt_event));
	if (!*error)
		*error = file_open(&w->chunks, o->chunks_path, "WTCHUNKS", sizeof(struct wt_chunk));
	if (!*error)
		*error = file_open(&w->data, o->data_path, "WTDATA\0\0", 1);
	if (!*error && o->ring_fd >= 0)
		*error = ring_open(w, o);
	if (!*error && o->printed_fd >= 0)
		*error = open_in_step(w, o->printed_fd);
	if (!*error)
		return w;
	wt_close(w);
	return NULL;
}

/*
 * Attach to all threads of a process. Returns how many, or -errno (EALREADY: it is traced by this recorder
 * already).
 */
int wt_attach(struct wt *w, int pid)
{
	return ask_tracer(w, REQUEST_ATTACH, pid);
}

/*
 * Begin to let every task go. Returns how many cannot be (they depend on the filter and would fail without a
 * tracer).
 */
int wt_detach(struct wt *w)
{
	return ask_tracer(w, REQUEST_DETACH, 0);
}

/* The same, and wt_run returns when nothing is traced any more. */
int wt_stop(struct wt *w)
{
	int result = ask_tracer(w, REQUEST_STOP, 0);
	return result == -ESRCH ? 0 : result;
}

/* Wait until nothing is traced: 1, or 0 after the time. */
int wt_wait(struct wt *w, int timeout_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&w->lock);
	while (w->stats.tasks && !w->finished)
		if (pthread_cond_timedwait(&w->changed, &w->lock, &until) == ETIMEDOUT)
			break;
	int done = !w->stats.tasks || w->finished;
	pthread_mutex_unlock(&w->lock);
	return done;
}

/* 1 and the wait status if the program ended; 0 if it runs or was let go; -1 if it is unknown. */
int wt_status(struct wt *w, int pid, int *status)
{
	pthread_mutex_lock(&w->lock);
	struct program *p = find_program(w, pid);
	int result = p ? p->ended : -1;
	if (result == 1)
		*status = p->status;
	pthread_mutex_unlock(&w->lock);
	return result;
}

/* Processes traced now; returns how many there are. */
int wt_alive(struct wt *w, int32_t *pids, int room)
{
	int n = 0;
	pthread_mutex_lock(&w->lock);
	for (int i = 0; i < HASH_SIZE; i++)
		for (struct task *t = w->hash[i]; t; t = t->next) {
			bool seen = false;
			for (int k = 0; k < n && k < room && !seen; k++)
				seen = pids[k] == t->tgid;
			if (seen)
				continue;
			if (n < room)
				pids[n] = t->tgid;
			n++;
		}
	pthread_mutex_unlock(&w->lock);
	return n;
}

int wt_notable_fd(struct wt *w)
{
	return w->notable_fd;
}

/* With printed_fd: readable when the program waits for what has happened to be printed; -1: it never does. */
int wt_behind_fd(struct wt *w)
{
	return w->in_step.behind_fd;
}

/* What was read from wt_behind_fd is written here, once all that had happened before that is printed. */
int wt_caught_up_fd(struct wt *w)
{
	return w->in_step.caught_up_fd;
}

/*
 * Whether wt_notable_fd becomes readable at every notable event, or only when nothing is traced any more: waking
 * the control thread takes time from the programs.
 */
void wt_impatient(struct wt *w, int impatient)
{
	__atomic_store_n(&w->impatient, impatient != 0, __ATOMIC_RELAXED);
}

/* With WT_HOLDS_ENDS: the reader is done with so many events. */
void wt_have_read(struct wt *w, uint64_t events)
{
	pthread_mutex_lock(&w->lock);
	w->have_read = events;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* Copies the notable events from record *cursor on; *cursor moves behind the last one looked at. */
uint32_t wt_notable(struct wt *w, uint64_t *cursor, struct wt_event *out, uint32_t room)
{
	uint64_t count;
	uint32_t n = 0;
	const struct wt_event *events = (const struct wt_event *)(w->events.map + WT_HEADER_BYTES);
	__atomic_store_n(&w->notified, 0, __ATOMIC_RELEASE);
	if (read(w->notable_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return 0;
	uint64_t committed = __atomic_load_n(&w->events.header->committed, __ATOMIC_ACQUIRE);
	while (*cursor < committed && n < room) {
		const struct wt_event *e = &events[(*cursor)++];
		if (e->flags & WT_FLAG_NOTABLE)
			out[n++] = *e;
	}
	return n;
}

const struct wt_chunk *wt_chunks(struct wt *w)
{
	return (const struct wt_chunk *)(w->chunks.map + WT_HEADER_BYTES);
}

const uint8_t *wt_data(struct wt *w)
{
	return w->data.map + WT_HEADER_BYTES;
}

void wt_stats(struct wt *w, struct wt_stats *out)
{
	*out = w->stats;
}

/* Only after wt_run returned (or was never called). */
void wt_close(struct wt *w)
{
	ring_close(w);
	file_close(&w->events);
	file_close(&w->chunks);
	file_close(&w->data);
	if (w->notable_fd >= 0)
		close(w->notable_fd);
	if (w->diag >= 0)
		close(w->diag);
	close_in_step(w);
	close_stacks(w);
	while (w->programs) {
		struct program *p = w->programs;
		w->programs = p->next;
		free(p);
	}
	free(w);
}

/* Sizes of the shared structures, for the test of the Python side. */
void wt_sizes(uint32_t *out)
{
	out[0] = sizeof(struct wt_header);
	out[1] = sizeof(struct wt_event);
	out[2] = sizeof(struct wt_chunk);
	out[3] = sizeof(struct wt_socket);
	out[4] = sizeof(struct wt_op);
	out[5] = sizeof(struct wt_call);
	out[6] = sizeof(struct wt_table);
	out[7] = sizeof(struct wt_options);
	out[8] = sizeof(struct wt_spawn_request);
	out[9] = sizeof(struct wt_stats);
	out[10] = sizeof(struct wt_tamper);
	out[11] = sizeof(struct wt_settings);
	out[12] = sizeof(struct wt_unwinder);
}
