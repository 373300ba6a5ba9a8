/* Starting a program: fork, wait to be seized, arrange the child, stop once, exec. */

struct spawn_fault {
	int32_t stage;
	int32_t error;
};

static void child_fail(int out, int stage)
{
	struct spawn_fault fault = { stage, errno };
	ssize_t n = write(out, &fault, sizeof(fault));
	(void)n;	/* without it the tracer tells that no program was started, but not why */
	_exit(1);
}

static void child_fds(const struct wt_spawn_request *r, int fault)
{
	int copies[3];
	for (int i = 0; i < 3; i++)
		if ((copies[i] = fcntl(r->fds[i], F_DUPFD_CLOEXEC, 10)) < 0)
			child_fail(fault, WT_STAGE_FDS);
	for (int i = 0; i < 3; i++) {
		/* Nobody gave it to the recorder, which has filled the gap (start.py): the program gets none, either. */
		if (r->fds[i] == i && fcntl(i, F_GETFD) & FD_CLOEXEC)
			close(i);
		else if (dup2(copies[i], i) < 0)
			child_fail(fault, WT_STAGE_FDS);
	}
}

static void child_filter(const struct wt_spawn_request *r, int fault)
{
	struct sock_fprog program = { (unsigned short)r->filter_length, (struct sock_filter *)r->filter };
	if (!r->filter)
		return;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return;
	if (errno != EACCES)
		child_fail(fault, WT_STAGE_FILTER);
	/* Without privilege the kernel asks for this first; set-user-id programs then run without their privilege. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		child_fail(fault, WT_STAGE_FILTER);
}

static void child_signals(const struct wt_spawn_request *r, const sigset_t *mask)
{
	for (int number = 1; number < NSIG; number++) {
		struct sigaction now, action = { .sa_handler = SIG_DFL };
		bool python = (number == SIGPIPE && r->flags & WT_SPAWN_DEFAULT_SIGPIPE) ||
			      (number == SIGXFSZ && r->flags & WT_SPAWN_DEFAULT_SIGXFSZ);
		if (sigaction(number, NULL, &now) < 0)
			continue;
		if (python || (now.sa_handler != SIG_IGN && now.sa_handler != SIG_DFL))
			sigaction(number, &action, NULL);
	}
	sigprocmask(SIG_SETMASK, mask, NULL);
}

static void child_main(const struct wt *w, const struct wt_spawn_request *r, int go, int fault, const sigset_t *mask)
{
	char byte;
	if (read(go, &byte, 1) != 1)
		_exit(127);
	if (r->flags & WT_SPAWN_SETSID && setsid() < 0)
		child_fail(fault, WT_STAGE_TERMINAL);
	child_fds(r, fault);
	if (r->flags & WT_SPAWN_CTTY && ioctl(0, TIOCSCTTY, 0) < 0)
		child_fail(fault, WT_STAGE_TERMINAL);
	if (w->pin >= 0) {
		cpu_set_t set;
		CPU_ZERO(&set);
		CPU_SET((size_t)w->pin, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	child_filter(r, fault);
	if (r->flags & WT_SPAWN_IDS)
		if (setgroups(r->n_groups, r->groups) < 0 || setresgid(r->gid, r->gid, r->gid) < 0 ||
		    setresuid(r->uid, r->uid, r->uid) < 0)
			child_fail(fault, WT_STAGE_IDS);
	if (r->cwd && chdir(r->cwd) < 0)
		child_fail(fault, WT_STAGE_CWD);
	child_signals(r, mask);
	/*
	 * The tracer swallows this stop and records from the next call on, which is the execve. The kernel programs wait
	 * for that one by themselves; what PTRACE_O_EXITKILL does is left to the kernel then.
	 */
	if (!w->by_ring)
		syscall(SYS_tgkill, getpid(), getpid(), SIGSTOP);
	else if (w->flags & WT_EXITKILL)
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	execve(r->path, (char *const *)r->argv, (char *const *)r->envp);
	child_fail(fault, WT_STAGE_EXEC);
}

static int spawn_outcome(struct wt *w, struct wt_spawn_request *r, pid_t pid, int fault_fd)
{
	struct spawn_fault fault = { WT_STAGE_EXEC, ECHILD };
	if (w->by_ring) {	/* its end of the pipe is closed by the execve */
		ssize_t n = read(fault_fd, &fault, sizeof(fault));
		r->stage = fault.stage;
		return n == 0 ? pid : -fault.error;
	}
	pthread_mutex_lock(&w->lock);
	while (w->spawn_result < 0)
		pthread_cond_wait(&w->changed, &w->lock);
	int result = w->spawn_result;
	pthread_mutex_unlock(&w->lock);
	if (result == 0)
		return pid;
	if (read(fault_fd, &fault, sizeof(fault)) != sizeof(fault))
		fault.error = result;
	r->stage = fault.stage;
	return -fault.error;
}

/*
 * Starts a program and waits until its execve succeeded or failed. Called by any thread but the tracer's: a child
 * inherits its maker's scheduling, and the tracer's is special. Returns the pid, or -errno with `stage` set.
 */
int wt_spawn(struct wt *w, struct wt_spawn_request *r)
{
	int go[2], fault[2], result;
	sigset_t all, mask;
	r->stage = WT_STAGE_FORK;
	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(fault, O_CLOEXEC) < 0) {
		result = -errno;
		close(go[0]);
		close(go[1]);
		return result;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &mask);
	pid_t pid = fork();
	if (pid == 0) {
		close(go[1]);
		child_main(w, r, go[0], fault[1], &mask);
	}
	result = -errno;
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	close(go[0]);
	close(fault[1]);
	if (pid > 0) {
		r->stage = WT_STAGE_SEIZE;
		w->spawn_result = -1;
		result = ask_tracer(w, r->filter ? REQUEST_SPAWN_FILTERED : REQUEST_SPAWN, pid);
		if (result < 0) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		} else if (write(go[1], "g", 1) == 1) {
			result = spawn_outcome(w, r, pid, fault[0]);
		}
	}
	close(go[1]);
	close(fault[0]);
	return result;
}
