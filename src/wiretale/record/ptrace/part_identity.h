/* Who a task is, from /proc. */

#define PROC_TEXT 32768

static void chunk_file(struct wt *w, const struct task *t, uint16_t role, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", in_proc(w, t->tid), name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	struct wt_chunk *c = chunk_begin(w, role, 0, 0, PROC_TEXT);
	if (c) {
		ssize_t n = read(fd, file_end(&w->data), PROC_TEXT);
		c->full_bytes = n > 0 ? (uint64_t)n : 0;
		chunk_end(w, c, c->full_bytes);
	}
	close(fd);
}

static void chunk_link(struct wt *w, const struct task *t, uint16_t role, const char *name)
{
	char path[64], target[PATH_MAX];
	snprintf(path, sizeof(path), "/proc/%d/%s", in_proc(w, t->tid), name);
	ssize_t n = readlink(path, target, sizeof(target));
	if (n > 0)
		chunk_put(w, role, 0, 0, target, (size_t)n);
}

/*
 * /proc/TID/status, NUL-terminated; empty if it cannot be read. The kernel takes long to write it, so it is read once
 * for all that is asked of it at a stop.
 */
static const char *status_text(struct wt *w, pid_t tid)
{
	if (w->status_of == tid)
		return w->status;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/status", in_proc(w, tid));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, w->status, sizeof(w->status) - 1);
	if (fd >= 0)
		close(fd);
	w->status[n > 0 ? n : 0] = 0;
	w->status_of = tid;
	return w->status;
}

/* The process of a task, from its status: in our namespace, which need not be that of /proc. */
static pid_t task_tgid(struct wt *w, pid_t tid)
{
	char *at = strstr(status_text(w, tid), "\nNStgid:");
	if (!at)
		return tid;
	long number = strtol(at + 8, &at, 10);
	for (unsigned i = 0; i < w->proc_depth && *at == '\t'; i++)
		number = strtol(at + 1, &at, 10);
	return (pid_t)number;
}

/* A number from /proc/TID/status, for example "Tgid:"; `otherwise` if it is gone. */
static long task_status_number(struct wt *w, pid_t tid, const char *key, long otherwise)
{
	const char *at = strstr(status_text(w, tid), key);
	return at ? strtol(at + strlen(key), NULL, 10) : otherwise;
}

/* The second number of a line such as "Uid:", the effective one. */
static long effective(const char *status, const char *key)
{
	const char *at = strstr(status, key);
	char *end = NULL;
	if (!at)
		return -1;
	strtol(at + strlen(key), &end, 10);
	return strtol(end, NULL, 10);
}

/*
 * Note it where a task has just begun to execute a program whose file gives it a user, a group or capabilities, and has
 * not got them, because who traces it lacks CAP_SYS_PTRACE (execve(2)) or filters its calls (no_new_privs).
 */
static void note_reduced(struct wt *w, const struct task *t)
{
	char path[64];
	struct stat st;
	if (w->by_ring || w->stats.reduced[0] || geteuid() == 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/exe", t->tid);
	if (stat(path, &st) < 0 || (!t->filtered && task_status_number(w, t->tid, "NoNewPrivs:", 0)))
		return;
	const char *status = status_text(w, t->tid), *permitted = strstr(status, "CapPrm:");
	bool user = st.st_mode & S_ISUID && effective(status, "\nUid:") != (long)st.st_uid;
	bool group = (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		     effective(status, "\nGid:") != (long)st.st_gid;
	bool capabilities = getxattr(path, "security.capability", NULL, 0) > 0 && permitted &&
			    !strtoull(permitted + strlen("CapPrm:"), NULL, 16);
	if ((user || group || capabilities) && readlink(path, w->stats.reduced, WT_REDUCED - 1) < 0)
		w->stats.reduced[0] = '?';	/* it has ended meanwhile */
}

/* The name of the task as in /proc/TID/comm, from the first line of its status: there \n and \\ are escaped. */
static void chunk_comm(struct wt *w, const char *status)
{
	static const char key[] = "Name:\t";
	char name[2 * TASK_COMM_BYTES];
	size_t n = 0;
	if (strncmp(status, key, sizeof(key) - 1))
		return;
	for (const char *at = status + sizeof(key) - 1; *at && *at != '\n' && n < sizeof(name) - 1; at++) {
		bool escaped = *at == '\\' && (at[1] == '\\' || at[1] == 'n');
		at += escaped;
		name[n++] = escaped && *at == 'n' ? '\n' : *at;
	}
	name[n++] = '\n';
	chunk_put(w, WT_COMM, 0, 0, name, n);
}

/* Who the task is. A further thread of a known process shares the rest with its leader. */
static void chunks_of_task(struct wt *w, const struct task *t)
{
	char path[64];
	struct stat st;
	const char *status = status_text(w, t->tid);
	if (*status) {
		chunk_comm(w, status);
		chunk_put(w, WT_STATUS, 0, 0, status, strlen(status));
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", in_proc(w, t->tid));
	if (stat(path, &st) == 0) {
		uint64_t inode = st.st_ino;
		chunk_put(w, WT_NETNS, 0, 0, &inode, sizeof(inode));
	}
	if (t->tid != t->tgid && find_task(w, t->tgid))
		return;
	chunk_link(w, t, WT_EXE, "exe");
	chunk_file(w, t, WT_CMDLINE, "cmdline");
	chunk_link(w, t, WT_CWD, "cwd");
}

/* What a process had open before its first recorded call: later descriptors are told by the calls that make them. */
static void chunks_of_descriptors(struct wt *w, struct task *t)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fd", in_proc(w, t->tgid));
	DIR *folder = opendir(path);
	if (!folder)
		return;
	for (struct dirent *entry; (entry = readdir(folder));)
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			ask_descriptor(w, t, strtol(entry->d_name, NULL, 10), false);
	closedir(folder);
}
