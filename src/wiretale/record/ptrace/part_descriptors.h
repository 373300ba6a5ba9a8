/* What a descriptor of a stopped task is, asked of the kernel through a duplicate of it (pidfd_getfd(2)); names. */

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#define MOST_PIDFDS 256
#define TASK_COMM_BYTES 64	/* TASK_COMM_LEN of linux/sched.h is 16; kernel threads say more */

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL	/* linux/pidfd.h, since Linux 6.9 */
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* A pidfd of the very thread where the kernel has them (its descriptor table may differ from its leader's). */
static int task_pidfd(struct wt *w, struct task *t)
{
	if (t->pidfd >= 0)
		return t->pidfd;
	int fd = (int)syscall(SYS_pidfd_open, t->tid, PIDFD_THREAD);
	if (fd < 0 && errno == EINVAL)
		fd = (int)syscall(SYS_pidfd_open, t->tgid, 0);
	if (fd >= 0 && w->pidfds < MOST_PIDFDS) {
		t->pidfd = fd;
		w->pidfds++;
	}
	return fd;
}

static int socket_number(int fd, int option)
{
	int value = -1;
	socklen_t bytes = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) < 0 ? -1 : value;
}

static uint64_t socket_cookie(int fd, int option)
{
	uint64_t value = 0;
	socklen_t bytes = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) < 0 ? 0 : value;
}

static void describe_socket(struct wt *w, int fd, uint64_t inode, struct wt_socket *s)
{
	memset(s, 0, sizeof(*s));
	s->inode = inode;
	s->cookie = socket_cookie(fd, SO_COOKIE);
	struct socket_kind *kind = &w->kinds[s->cookie % SOCKET_KINDS];
	if (!s->cookie || kind->cookie != s->cookie) {
		*kind = (struct socket_kind){
			s->cookie, socket_cookie(fd, SO_NETNS_COOKIE), socket_number(fd, SO_DOMAIN),
			socket_number(fd, SO_TYPE), socket_number(fd, SO_PROTOCOL),
		};
	}
	s->netns_cookie = kind->netns_cookie;
	s->family = kind->family;
	s->type = kind->type;
	s->protocol = kind->protocol;
	s->listening = socket_number(fd, SO_ACCEPTCONN);
	socklen_t bytes = sizeof(s->local);
	if (getsockname(fd, (struct sockaddr *)s->local, &bytes) == 0)
		s->local_bytes = bytes < sizeof(s->local) ? bytes : sizeof(s->local);
	bytes = sizeof(s->peer);
	if (getpeername(fd, (struct sockaddr *)s->peer, &bytes) == 0)
		s->peer_bytes = bytes < sizeof(s->peer) ? bytes : sizeof(s->peer);
}

/* The same number in another process may be something else: then more is kept than was asked for, never less. */
static void note_netlink(struct wt *w, int number, bool is_netlink)
{
	if (number < 0 || number >= NETLINK_FDS)
		return;
	uint64_t bit = 1ull << number % 64;
	w->netlink[number / 64] = (w->netlink[number / 64] & ~bit) | (is_netlink ? bit : 0);
}

/* Which socket a unix socket is connected to; 0 if the kernel names none. `known`: whether there is such a unix socket. */
static uint64_t ask_other_end(struct wt *w, uint64_t inode, bool *known)
{
	struct { struct nlmsghdr head; struct unix_diag_req ask; } request = {
		{ sizeof(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0 },
		{ .sdiag_family = AF_UNIX, .udiag_states = ~0u, .udiag_ino = (uint32_t)inode,
		  .udiag_show = UDIAG_SHOW_PEER, .udiag_cookie = { ~0u, ~0u } },
	};
	union { struct nlmsghdr head; uint8_t bytes[1024]; } answer;
	const size_t fixed = NLMSG_LENGTH(sizeof(struct unix_diag_msg));
	*known = false;
	if (w->diag < 0)
		w->diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (w->diag < 0 || send(w->diag, &request, sizeof(request), 0) < 0)
		return 0;
	ssize_t n = recv(w->diag, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n < (ssize_t)fixed || answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return 0;
	*known = true;
	int left = (int)((size_t)n - NLMSG_ALIGN(fixed));
	uint32_t other = 0;
	for (struct rtattr *a = (struct rtattr *)(answer.bytes + NLMSG_ALIGN(fixed)); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(a) >= sizeof(other))
			memcpy(&other, RTA_DATA(a), sizeof(other));
	return other;
}

/*
 * Adds an OTHER_END chunk where it is not known yet: connected, a stream has none with a number until it is accepted.
 * `changed`: the socket may have got another one.
 */
static void note_other_end(struct wt *w, uint64_t inode, bool changed)
{
	struct other_end *last = &w->other_ends[inode % OTHER_ENDS];
	bool known;
	if (!(w->flags & WT_OTHER_ENDS) || (last->inode == inode && !changed))
		return;
	uint64_t other = ask_other_end(w, inode, &known);
	if (other || !known)
		*last = (struct other_end){ inode, other };
	else if (last->inode == inode)
		last->inode = 0;
	if (other || changed)
		chunk_put(w, WT_OTHER_END, 0, inode, &other, sizeof(other));
}

/* Adds a SOCKET chunk; false if the descriptor is no socket or cannot be asked. */
static bool ask_socket(struct wt *w, struct task *t, int number)
{
	int pidfd = task_pidfd(w, t);
	if (pidfd < 0)
		return false;
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (pidfd != t->pidfd)
		close(pidfd);
	if (fd < 0)
		return false;
	struct stat st;
	bool is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	if (is_socket) {
		struct wt_socket s;
		describe_socket(w, fd, st.st_ino, &s);
		note_netlink(w, number, s.family == AF_NETLINK);
		chunk_put(w, WT_SOCKET, 0, (uint64_t)number, &s, sizeof(s));
		if (s.family == AF_UNIX)
			note_other_end(w, s.inode, true);
	}
	close(fd);
	return is_socket;
}

/* Which netlink sockets a process was born with: its calls may be seen before its maker's report. */
static void ask_netlink(struct wt *w, struct task *t)
{
	for (unsigned i = 0; i < NETLINK_FDS / 64; i++) {
		uint64_t numbers = w->netlink[i];
		for (uint64_t left = numbers; left; left &= left - 1)
			ask_socket(w, t, (int)(i * 64) + __builtin_ctzll(left));
		w->netlink[i] |= numbers;	/* they still are in its maker */
	}
}

/* The process of a pidfd, by what /proc/PID/fdinfo/N says; 0 if it has ended or is not seen from here. */
static uint32_t pid_in(const char *path)
{
	char text[1024];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	const char *line = strstr(text, "\nPid:");
	int pid = line ? atoi(line + 5) : 0;
	return pid > 0 ? (uint32_t)pid : 0;
}

/* Where /proc says of a descriptor of a task `what` it is ("fd", its link) or how it is used ("fdinfo"). */
static const char *descriptor_path(struct wt *w, struct task *t, const char *what, int number, char *into, size_t room)
{
	snprintf(into, room, "/proc/%d/task/%d/%s/%d", in_proc(w, t->tgid), in_proc(w, t->tid), what, number);
	return into;
}

#define DELETED " (deleted)"	/* what the kernel puts behind the name of a file that has none any more */
#define DELETED_BYTES (sizeof(DELETED) - 1)

static bool ends_deleted(const char *target, size_t bytes)
{
	return bytes > DELETED_BYTES && *target == '/' && !memcmp(target + bytes - DELETED_BYTES, DELETED, DELETED_BYTES);
}

/* Whether the descriptor's file is the one whose name this is, with all that stands at its end. */
static bool is_named_so(uint32_t pid, uint64_t number, const char *target, size_t bytes)
{
	struct stat file, named;
	char path[PATH_MAX + 64];
	snprintf(path, sizeof(path), "/proc/%u/fd/%u", pid, (uint32_t)number);
	if (stat(path, &file))
		return false;
	snprintf(path, sizeof(path), "/proc/%u/root%.*s", pid, (int)bytes, target);
	return !lstat(path, &named) && file.st_dev == named.st_dev && file.st_ino == named.st_ino;
}

/*
 * A LINK chunk of what a descriptor of a process, `pid` in this /proc, is. Of a pidfd whose process lives on, `index` is
 * its number: the link does not say it, and later the process or the descriptor may be gone. Of a file whose own name
 * ends as the kernel marks deleted ones, and of a working directory, `index` is 1: the text is taken as it is.
 */
static void put_link(struct wt *w, uint32_t pid, unsigned arg, uint64_t number, const char *target, size_t bytes,
		     const char *fdinfo)
{
	static const char pidfd[] = "anon_inode:[pidfd]";
	struct wt_chunk *c = chunk_begin(w, WT_LINK, (uint16_t)arg, 0, bytes);
	if (!c)
		return;
	memcpy(file_end(&w->data), target, bytes);
	c->full_bytes = bytes;
	c->detail = number;
	if (bytes == sizeof(pidfd) - 1 && !memcmp(target, pidfd, bytes))
		c->index = pid_in(fdinfo);
	else if (ends_deleted(target, bytes))
		c->index = (int)(uint32_t)number == AT_FDCWD || is_named_so(pid, number, target, bytes);
	chunk_end(w, c, bytes);
}

/* Anything else is named by its link; only sockets are duplicated, so that no device sees an extra close. */
static void ask_descriptor(struct wt *w, struct task *t, int64_t number, bool surely_socket)
{
	if (number < 0 || number > INT32_MAX)
		return;
	if (surely_socket && ask_socket(w, t, (int)number))
		return;
	char path[64], target[PATH_MAX];
	ssize_t n = readlink(descriptor_path(w, t, "fd", (int)number, path, sizeof(path)), target, sizeof(target));
	if (n < 0)
		return;
	if (n > 8 && !memcmp(target, "socket:[", 8) && !surely_socket && ask_socket(w, t, (int)number))
		return;
	descriptor_path(w, t, "fdinfo", (int)number, path, sizeof(path));
	put_link(w, in_proc(w, t->tgid), 0, (uint32_t)number, target, (size_t)n, path);
}

/* What argument `arg` is now, whatever it is; the folder of AT_FDCWD. */
static void ask_link(struct wt *w, struct task *t, unsigned arg)
{
	int number = (int)t->args[arg];
	char path[64], target[PATH_MAX];
	if (number == AT_FDCWD)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/cwd", in_proc(w, t->tgid), in_proc(w, t->tid));
	else if (number >= 0)
		descriptor_path(w, t, "fd", number, path, sizeof(path));
	else
		return;
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	put_link(w, in_proc(w, t->tgid), arg, (uint32_t)number, target, (size_t)n,
		 descriptor_path(w, t, "fdinfo", number, path, sizeof(path)));
	target[n] = 0;
	if (!strncmp(target, "socket:[", 8))
		note_other_end(w, strtoull(target + 8, NULL, 10), false);
}

/* What argument `arg` is in the process whose pidfd is argument `pidfd`. Told with 1 << 32 in its number. */
static void ask_link_elsewhere(struct wt *w, struct task *t, unsigned arg, unsigned pidfd)
{
	char path[64], target[PATH_MAX];
	uint32_t pid = pid_in(descriptor_path(w, t, "fdinfo", (int)t->args[pidfd], path, sizeof(path)));
	int number = (int)t->args[arg];
	snprintf(path, sizeof(path), "/proc/%u/fd/%d", pid, number);
	ssize_t n = pid ? readlink(path, target, sizeof(target)) : -1;
	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%d", pid, number);
	if (n > 0)
		put_link(w, pid, arg, 1ull << 32 | (uint32_t)number, target, (size_t)n, path);
}

/* Descriptors that came in ancillary data (SCM_RIGHTS). */
static void ask_received(struct wt *w, struct task *t, const uint8_t *control, uint64_t bytes, unsigned word)
{
	uint64_t header = word + 8, at = 0;
	while (at + header <= bytes) {
		uint64_t length = load_word(control + at, word);
		int32_t level, type;
		memcpy(&level, control + at + word, 4);
		memcpy(&type, control + at + word + 4, 4);
		if (length < header || length > bytes - at)
			return;
		if (level == SOL_SOCKET && type == SCM_RIGHTS)
			for (uint64_t i = header; i + 4 <= length; i += 4) {
				int32_t number;
				memcpy(&number, control + at + i, 4);
				ask_descriptor(w, t, number, false);
			}
		at += (length + word - 1) / word * word;
	}
}

/* The name of any process, which may be gone when its number is printed. */
static void ask_name(struct wt *w, int64_t pid)
{
	char path[64], name[2 * TASK_COMM_BYTES];
	if (!(w->flags & WT_NAMES) || pid <= 0 || pid > INT32_MAX)
		return;
	snprintf(path, sizeof(path), "/proc/%d/comm", in_proc(w, (pid_t)pid));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t n = read(fd, name, TASK_COMM_BYTES);
	close(fd);
	if (n > 0)
		chunk_put(w, WT_NAME, 0, (uint64_t)pid, name, (size_t)n);
}
