/*
 * Stacks (strace's -k): the frames of a stopped task, unwound by libunwind-ptrace. The Python side finds that library
 * (unwinding.py) and hands its functions over, so that nothing here depends on it.
 */

#define STACK_DEEPEST 256
#define STACK_TEXT 65536
#define CURSOR_WORDS 4096	/* the largest unw_cursor_t of libunwind 1.x, that of aarch64 */

/* /proc/PID/maps of the task, in `text`, which grows. False if it cannot be read. */
static bool read_maps(struct wt *w, const struct task *t, struct stack_room *room)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)in_proc(w, t->tid));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	room->used = 0;
	for (ssize_t n = 1; fd >= 0 && n > 0;) {
		if (room->size - room->used < 4096 + 1) {
			char *larger = realloc(room->maps, room->size + 65536);
			if (!larger)
				break;
			room->maps = larger;
			room->size += 65536;
		}
		n = read(fd, room->maps + room->used, room->size - room->used - 1);
		room->used += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	if (room->used)
		room->maps[room->used] = 0;
	return room->used > 0;
}

/* Where the code at `ip` comes from; false if nothing is mapped there. The path is copied. */
static bool find_mapping(const struct stack_room *room, uint64_t ip, uint64_t *in_file, char *path, size_t bytes)
{
	for (char *line = room->maps, *next; line && *line; line = next) {
		char *at = strchr(line, '\n');
		next = at ? at + 1 : NULL;
		uint64_t start = strtoull(line, &at, 16), end = *at == '-' ? strtoull(at + 1, &at, 16) : 0;
		if (ip < start || ip >= end || strlen(at) < sizeof(" r-xp"))
			continue;
		uint64_t offset = strtoull(at + sizeof(" r-xp"), &at, 16);
		for (int words = 0; words < 2; words++) {	/* the device, the inode */
			at += strspn(at, " ");
			at += strcspn(at, " \n");
		}
		at += strspn(at, " ");
		snprintf(path, bytes, "%.*s", (int)strcspn(at, "\n"), at);
		*in_file = ip - start + offset;
		return true;
	}
	return false;
}

/* One frame as four strings: path, symbol, distance from the symbol, place in the file (both in hexadecimal). */
static size_t put_frame(const struct wt_unwinder *u, const struct stack_room *room, void *cursor, uint64_t ip, char *to,
			size_t bytes)
{
	char path[4096] = "", name[1024] = "";
	uint64_t in_file = ip, distance = 0;
	if (find_mapping(room, ip, &in_file, path, sizeof(path)) && !path[0])
		in_file = ip;	/* no file */
	if (path[0] && u->proc_name(cursor, name, sizeof(name), &distance) < 0) {
		name[0] = 0;
		distance = 0;
	}
	int n = snprintf(to, bytes, "%s%c%s%c%llx%c%llx", path, 0, name, 0, (unsigned long long)distance, 0,
			 (unsigned long long)in_file);
	return n < 0 || (size_t)n >= bytes ? 0 : (size_t)n + 1;
}

/* What is known of a task's code holds as long as its mappings are the same: libunwind is not told when they change. */
static void know_task(const struct wt_unwinder *u, const struct task *t, struct stack_room *room)
{
	uint64_t hash = 0xcbf29ce484222325;	/* FNV-1a */
	for (size_t i = 0; i < room->used; i++)
		hash = (hash ^ (uint8_t)room->maps[i]) * 0x100000001b3;
	if (room->of && room->tid == t->tid && room->hash == hash)
		return;
	if (room->of)
		u->destroy(room->of);
	u->flush_cache(room->space, 0, 0);
	room->of = u->create(t->tid);
	room->tid = t->tid;
	room->hash = hash;
}

/* Also between an execve of a 32-bit program and its first call, which has the other numbers. */
static bool runs_32_bit(const struct task *t)
{
#if defined(__x86_64__)
	void *at = (void *)offsetof(struct user_regs_struct, cs);
	return ptrace(PTRACE_PEEKUSER, t->tid, at, NULL) == 0x23;	/* __USER32_CS of asm/segment.h */
#else
	(void)t;
	return false;
#endif
}

/* The stack of a stopped task goes into the event that is being made; of a 32-bit program nothing. */
static void chunk_stack(struct wt *w, const struct task *t)
{
	const struct wt_unwinder *u = w->unwinder;
	struct stack_room *room = &w->stack_room;
	static uint64_t cursor[CURSOR_WORDS];	/* there is one tracer thread */
	static char text[STACK_TEXT];
	size_t used = 0;
	if (runs_32_bit(t) || !read_maps(w, t, room))
		return;
	know_task(u, t, room);
	if (room->of && u->init(cursor, room->space, room->of) == 0)
		for (int depth = 0; depth < STACK_DEEPEST; depth++) {
			uint64_t ip = 0;
			if (u->get_reg(cursor, u->ip_register, &ip) < 0 || !ip)
				break;
			size_t n = put_frame(u, room, cursor, ip, text + used, sizeof(text) - used);
			used += n;
			if (!n || u->step(cursor) <= 0)
				break;
		}
	if (used)
		chunk_put(w, WT_STACK, 0, 0, text, used);
}

/* The same where a stack is wanted of the call that the task is in; `when`: WT_AT_ENTRY or WT_AT_EXIT. */
static void chunk_stack_of_call(struct wt *w, const struct task *t, unsigned when)
{
	const struct wt_unwinder *u = w->unwinder;
	if (u && t->arch == u->arch && (uint64_t)t->number < u->n_wanted && u->wanted[t->number] == when)
		chunk_stack(w, t);
}

/* Stacks are wanted. Before wt_run; `u` must outlive it. False if there is no memory. */
int wt_unwind_with(struct wt *w, const struct wt_unwinder *u)
{
	w->stack_room.space = u->create_space(u->accessors, 0);
	if (!w->stack_room.space)
		return 0;
	u->set_caching(w->stack_room.space, 1);	/* UNW_CACHE_GLOBAL */
	w->unwinder = u;
	return 1;
}

static void close_stacks(struct wt *w)
{
	if (w->stack_room.of)
		w->unwinder->destroy(w->stack_room.of);
	if (w->stack_room.space)
		w->unwinder->destroy_space(w->stack_room.space);
	free(w->stack_room.maps);
}
