/* Tasks in a /proc that may be that of an outer PID namespace (unshare --pid without a mount of its own). */

#define PROC_DEEPEST 64	/* generations of processes that are looked up */

/* How many namespaces /proc is above ours. */
static unsigned proc_depth(void)
{
	char text[8192];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	unsigned depth = 0;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	const char *at = strstr(text, "\nNSpid:");
	for (at = at ? at + 7 : ""; *at && *at != '\n'; at++)
		depth += *at == '\t';
	return depth ? depth - 1 : 0;
}

/* Whether the status at `path` says that the task is `tid` in our namespace. */
static bool is_ours(const char *path, unsigned depth, pid_t tid)
{
	char text[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	char *at = strstr(text, "\nNSpid:");
	at = at ? at + 7 : text + strlen(text);
	for (unsigned i = 0; i < depth && *at == '\t'; i++)
		strtol(at + 1, &at, 10);
	return *at == '\t' && strtol(at + 1, NULL, 10) == tid;
}

/* Whether a process of /proc is in our namespace or one below: other namespaces have the same numbers. */
static bool is_below(const char *name)
{
	struct stat ours, its;
	long pid = atol(name);
	for (int steps = 0; pid > 0 && steps < PROC_DEEPEST && stat("/proc/self/ns/pid", &ours) == 0; steps++) {
		char path[64], text[8192];
		snprintf(path, sizeof(path), "/proc/%ld/ns/pid", pid);
		if (stat(path, &its) == 0 && its.st_ino == ours.st_ino)
			return true;
		snprintf(path, sizeof(path), "/proc/%ld/status", pid);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		text[n > 0 ? n : 0] = 0;
		const char *at = strstr(text, "\nPPid:");
		pid = at ? atol(at + 6) : 0;
	}
	return false;
}

/* The number that a task of ours has in /proc; as it is if none is found. */
static pid_t in_proc(struct wt *w, pid_t tid)
{
	if (!w->proc_depth)
		return tid;
	if (w->in_proc_of == tid)
		return w->in_proc;
	DIR *folder = opendir("/proc");
	pid_t found = tid;
	for (struct dirent *d; folder && found == tid && (d = readdir(folder));) {
		char path[300];
		snprintf(path, sizeof(path), "/proc/%s/task", d->d_name);
		DIR *tasks = d->d_name[0] >= '1' && d->d_name[0] <= '9' ? opendir(path) : NULL;
		for (struct dirent *task; tasks && found == tid && (task = readdir(tasks));) {
			char status[600];
			snprintf(status, sizeof(status), "/proc/%s/task/%s/status", d->d_name, task->d_name);
			if (task->d_name[0] != '.' && is_ours(status, w->proc_depth, tid) && is_below(d->d_name))
				found = atoi(task->d_name);
		}
		if (tasks)
			closedir(tasks);
	}
	if (folder)
		closedir(folder);
	w->in_proc_of = tid;
	w->in_proc = found;
	return found;
}
