/* Taking tasks under trace, and letting them go. */

/*
 * Stops by SECCOMP_RET_TRACE are asked for only where the filter is ours: a program whose own filter says so, and that
 * nobody listens to, gets ENOSYS (seccomp(2)), and must get it here, too.
 */
static int seize(struct wt *w, pid_t tid, bool filtered)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
	if (filtered)
		options |= PTRACE_O_TRACESECCOMP;
	if (!(w->flags & WT_NO_FOLLOW))
		options |= PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
	if (w->flags & WT_EXITKILL)
		options |= PTRACE_O_EXITKILL;
	return ptrace(PTRACE_SEIZE, tid, NULL, (void *)options) < 0 ? -errno : 0;
}

static int seize_child(struct wt *w, pid_t pid, bool filtered)
{
	int result = seize(w, pid, filtered);
	if (result < 0)
		return result;
	if (!w->full_errno)
		w->let_go = false;
	struct task *t = add_task(w, pid, pid);
	if (!t)
		return -ENOMEM;
	t->filtered = filtered;
	t->starting = t->first_exec = t->outside = true;
	w->any_filtered |= filtered;
	add_program(w, pid);
	return 0;
}

/* All threads of a process, or with WT_NO_FOLLOW only the one that is named: threads made while we look are found by looking again, or were born traced. */
static int attach_process(struct wt *w, pid_t pid)
{
	char path[64];
	int seized = 0, fault = -ESRCH, found = 1;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	while (found) {
		DIR *folder = opendir(path);
		if (!folder)
			break;
		found = 0;
		for (struct dirent *d; (d = readdir(folder));) {
			pid_t tid = atoi(d->d_name);
			if (tid <= 0 || find_task(w, tid) || (w->flags & WT_NO_FOLLOW && tid != pid))
				continue;
			int result = seize(w, tid, false);
			if (result < 0) {
				fault = seized ? fault : result;
				continue;
			}
			struct task *t = add_task(w, tid, pid);
			if (t) {
				t->outside = true;
				t->begins = w->flags & WT_HOLDS_ENDS;
			}
			ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
			seized++;
			found++;
		}
		closedir(folder);
	}
	if (!seized)
		return find_task(w, pid) ? -EALREADY : fault;
	if (!w->full_errno)
		w->let_go = false;
	w->any_attached = true;
	add_program(w, pid);
	return seized;
}

static int detach_all(struct wt *w)
{
	int remaining = 0;
	w->let_go = true;
	interrupt_all(w);
	for (int i = 0; i < HASH_SIZE; i++)
		for (struct task *t = w->hash[i]; t; t = t->next)
			remaining += t->filtered;
	return remaining;
}
