/*
 * Lines that are printed while the program runs, where the program itself may write: as people read them, what it writes
 * must stand behind the calls that it made before, and behind the beginning of the call that writes. So such a call
 * begins only when all that happened before it is printed. Whoever prints is asked by one eventfd, and answers by the
 * other with what it read from the first.
 */

#define TTY_DEVICE makedev(5, 0)	/* /dev/tty: the terminal, whichever it is (linux/major.h, Documentation/admin-guide/devices.txt) */
#define NULL_DEVICE makedev(1, 3)	/* /dev/null */

static int open_in_step(struct wt *w, int printed_fd)
{
	struct in_step *s = &w->in_step;
	struct stat st;
	if (fstat(printed_fd, &st) < 0 || (S_ISCHR(st.st_mode) && st.st_rdev == NULL_DEVICE))
		return 0;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	s->special = S_ISCHR(st.st_mode) ? st.st_rdev : 0;
	s->behind_fd = eventfd(0, EFD_CLOEXEC);
	s->caught_up_fd = eventfd(0, EFD_CLOEXEC);
	return s->behind_fd < 0 || s->caught_up_fd < 0 ? errno : 0;
}

static void close_in_step(struct wt *w)
{
	if (w->in_step.behind_fd >= 0)
		close(w->in_step.behind_fd);
	if (w->in_step.caught_up_fd >= 0)
		close(w->in_step.caught_up_fd);
}

/* Whether the call makes processes that are not traced, or waits for them. They cannot be held up when they write. */
static bool shows_children(struct wt *w, const struct task *t)
{
	return t->call && t->call->shows_arg == WT_SHOWS_CHILDREN && w->flags & WT_NO_FOLLOW &&
	       !(clone_flags(w, t) & CLONE_THREAD);
}

/* Whether the call that begins may write to where lines are printed. */
static bool may_show(struct wt *w, const struct task *t)
{
	const struct in_step *s = &w->in_step;
	char path[64];
	struct stat st;
	if (!t->call || t->call->shows_arg == WT_NO_ARG)
		return false;
	if (t->call->shows_arg == WT_SHOWS_CHILDREN)
		return shows_children(w, t);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", in_proc(w, t->tid), (int)t->args[t->call->shows_arg]);
	if (stat(path, &st) < 0)
		return false;
	bool terminal = s->special && S_ISCHR(st.st_mode) && (st.st_rdev == s->special || st.st_rdev == TTY_DEVICE);
	return terminal || (st.st_dev == s->device && st.st_ino == s->inode);
}

/* Until all is printed; also until the tracer is asked for something, by who may be the one who prints. */
static void keep_in_step(struct wt *w)
{
	struct in_step *s = &w->in_step;
	struct pollfd answer = { s->caught_up_fd, POLLIN, 0 };
	uint64_t one = 1, answers;
	if (write(s->behind_fd, &one, sizeof(one)) != sizeof(one))
		return;
	s->asked++;
	while (s->answered < s->asked && __atomic_load_n(&w->request, __ATOMIC_ACQUIRE) == REQUEST_NONE)
		if (poll(&answer, 1, -1) > 0 && read(s->caught_up_fd, &answers, sizeof(answers)) == sizeof(answers))
			s->answered += answers;
}
