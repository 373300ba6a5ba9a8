/* Pieces of a record of the kernel programs become chunks, as the tracer would have written them. */

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

/* What a call was given that has not returned. */
static void put_given(struct wt *w, uint32_t tid, const struct wt_state *state)
{
	const struct wt_given *g = &state->given;
	const struct wt_chunk c = {
		.role = g->role, .arg = g->arg, .address = g->address, .full_bytes = g->full_bytes, .detail = g->detail,
	};
	if (g->role && g->bytes <= WT_GIVEN_BYTES)
		put_piece(w, tid, &c, state->given_bytes, g->bytes);
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
