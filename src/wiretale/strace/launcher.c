/*
 * The command `wiretale`: executes `wiretale-python`, which stands beside it and is all of wiretale.
 *
 * Where the words are `strace`, options that concern only how its lines look, and a program, the program is started
 * first: a process of its own (`follow`) traces it as `wiretale strace` would. Where the options allow it the lines are
 * printed here (printing.c) until one comes that is not surely understood; a short program needs no Python then. Else,
 * and from there on, Python prints (begun.py). Whatever is not surely right, Python finds and says.
 */
#include "../record/ptrace/tracer.c"
#ifndef WT_PLAN
#define WT_PLAN "../record/ptrace/_plan.h"
#endif
#include WT_PLAN
#include "launcher.h"

#include <poll.h>
#include <sys/resource.h>

#define PYTHON "wiretale-python"
#define STRINGS 32	/* -s, if it is not given */

#define COLUMN 40	/* -a, the same */

static const int ENDING[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM };

struct asked {
	const char *output;
	char *const *command;
	char path[PATH_MAX];	/* of the program */
	uint64_t strings, column;
	int quiet, times;	/* how many -q, -t */
	bool follow, append;
	bool relative, took;
	bool plain;		/* its lines can be printed here */
	bool counts;		/* -c: how long its calls computed in the kernel */
	bool environment;	/* -v: with the values of its environment */
};

#define MOST_COLUMN 65536	/* of -a: beyond it, Python says so */

static bool read_number(const char *text, uint64_t *value)
{
	size_t digits = strspn(text, "0123456789");
	if (!digits || digits > 9 || text[digits])
		return false;
	*value = strtoull(text, NULL, 10);
	return true;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && !strcmp(text + n - m, end);
}

/* Whether -o is a file that Python will be able to write. It is made here, and emptied there. */
static bool is_writable(const char *output)
{
	struct stat st;
	if (!*output || *output == '|' || *output == '!' || ends_with(output, ".wiretale"))
		return false;
	/* Opened twice, a pipe would end for its reader. */
	if (stat(output, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return false;
	int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	return fd >= 0 && close(fd) == 0;
}

/* The letters of one word of short options; `at` moves on to the word that holds a value. */
static bool read_letters(struct asked *a, char *const *words, int *at, int *follows)
{
	for (const char *letter = words[*at] + 1; *letter; letter++) {
		if (*letter == 'f') {
			if (++*follows > 1)	/* -ff: a file for each process */
				return false;
			a->follow = true;
		} else if (strchr("aos", *letter)) {
			const char *value = letter[1] ? letter + 1 : words[++*at];
			uint64_t number = 0;
			if (!value || (*letter != 'o' && !read_number(value, &number)))
				return false;
			if (*letter == 'o')
				a->output = value;
			if (*letter == 's')
				a->strings = number;
			if (*letter == 'a' && number > MOST_COLUMN)
				return false;
			if (*letter == 'a')
				a->column = number;
			return true;
		} else if (*letter == 'q') {
			a->quiet++;
		} else if (*letter == 'A') {
			a->append = true;
		} else if (*letter == 't') {
			a->times++;
		} else if (*letter == 'r') {
			a->relative = true;
		} else if (*letter == 'T') {
			a->took = true;
		} else if (strchr("ciNnvxzZ", *letter)) {
			a->plain = false;
			a->counts = a->counts || *letter == 'c';
			a->environment = a->environment || *letter == 'v';
		} else {
			return false;
		}
	}
	return true;
}

/* As source.find_program; what it cannot find is left to that, which says why. */
static bool find_file(struct asked *a)
{
	const char *name = a->command[0], *folder = getenv("PATH");
	struct stat st;
	if (strchr(name, '/'))
		return snprintf(a->path, sizeof(a->path), "%s", name) < (int)sizeof(a->path) &&
		       stat(name, &st) == 0 && !S_ISDIR(st.st_mode);
	while (folder && *name) {
		int length = (int)strcspn(folder, ":");
		const char *slash = !length || folder[length - 1] == '/' ? "" : "/";
		int n = snprintf(a->path, sizeof(a->path), "%.*s%s%s", length, folder, slash, name);
		if (n < (int)sizeof(a->path) && access(a->path, X_OK) == 0 && stat(a->path, &st) == 0 &&
		    !S_ISDIR(st.st_mode))
			return true;
		folder = folder[length] ? folder + length + 1 : NULL;
	}
	return false;
}

/* Whether these words can be begun here; only then is anything done for them. */
static bool understand(struct asked *a, char *const *words)
{
	int at = 1, follows = 0;
	if (!words[0] || strcmp(words[0], "strace"))
		return false;
	a->strings = STRINGS;
	a->column = COLUMN;
	a->plain = getpid() != 1;	/* the first process of a PID namespace has more to do */
	for (; words[at] && words[at][0] == '-' && words[at][1]; at++) {
		if (!strcmp(words[at], "--")) {
			at++;
			break;
		}
		if (!read_letters(a, words, &at, &follows))
			return false;
	}
	a->command = words + at;
	if (a->append && !a->output)
		return false;	/* Python says that it has no effect */
	return words[at] && find_file(a) && (!a->output || is_writable(a->output));
}

#ifdef WT_SOURCES
static bool is_older(int folder, const char *name, time_t made)
{
	struct stat source;
	return fstatat(folder, name, &source, 0) == 0 && source.st_mtim.tv_sec <= made;
}

/* Installed as a checkout, whose files may have changed since: then this program is not what they say. */
static bool is_current(void)
{
	struct stat self;
	int folder = open(WT_SOURCES, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool older = folder >= 0 && stat("/proc/self/exe", &self) == 0;
	for (size_t i = 0; older && i < sizeof(SOURCES) / sizeof(SOURCES[0]); i++)
		older = is_older(folder, SOURCES[i], self.st_mtim.tv_sec);
	for (size_t i = 0; older && QUICK_SOURCES[i]; i++)
		older = is_older(folder, QUICK_SOURCES[i], self.st_mtim.tv_sec);
	if (folder >= 0)
		close(folder);
	return older;
}
#else
static bool is_current(void)
{
	return true;
}
#endif

/* A file without a name: nothing is left of it, however the recording ends. */
static int unnamed_file(void)
{
	const char *folder = getenv("TMPDIR");
	return open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR, 0600);
}

static void *run_tracer(void *w)
{
	wt_run(w);
	return NULL;
}

/* Where lines may stand among what the program writes; -1: nowhere. As output.Outputs.shared_fd. */
static int shared_fd(const struct asked *a)
{
	struct stat st;
	if (!a->output)
		return dup(STDERR_FILENO);
	int fd = open(a->output, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The tracer with its files. What it wants is all that the options ask of one: requests.py. */
static struct wt *open_tracer(const struct asked *a, const struct held *held)
{
	char events[32], chunks[32], data[32];
	int error;
	snprintf(events, sizeof(events), "/proc/self/fd/%d", held->events);
	snprintf(chunks, sizeof(chunks), "/proc/self/fd/%d", held->chunks);
	snprintf(data, sizeof(data), "/proc/self/fd/%d", held->data);
	struct wt_options options = {
		.events_path = events, .chunks_path = chunks, .data_path = data,
		.ops = (const struct wt_op *)OPS, .tables = TABLES, .n_tables = sizeof(TABLES) / sizeof(TABLES[0]),
		.flags = WT_PLACE | WT_SNAP_EACH | WT_WHOLE_NETLINK | (a->plain ? 0 : WT_BUSY_START) |
			 (a->follow ? 0 : WT_NO_FOLLOW) | (a->counts ? WT_SYSTEM_TIMES : 0) |
			 (a->environment ? WT_ENVIRONMENT : 0),
		.snaplen = a->strings + 1, .pin = -1, .ring_fd = -1, .tasks_fd = -1, .states_fd = -1,
		.printed_fd = a->counts ? -1 : shared_fd(a),
	};
	struct wt *w = wt_open(&options, &error);
	if (options.printed_fd >= 0)
		close(options.printed_fd);
	return w;
}

static void close_held(const struct held *held)
{
	const int fds[] = { held->channel, held->events, held->chunks, held->data };
	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void wait_for_one(struct pollfd *wanted)
{
	while (poll(wanted, 2, -1) < 0 && errno == EINTR)
		;
}

/* They are the program's: whoever reads what it writes sees the end when it closes it, not when its tracer ends. */
static void leave_standard_files(void)
{
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (nowhere < 0)
		return;
	dup2(nowhere, STDIN_FILENO);
	dup2(nowhere, STDOUT_FILENO);
	close(nowhere);
}

/* The tracer's process, from its start to its end. */
static void follow(struct wt *w, const struct asked *a, int channel)
{
	sigset_t all, mask;
	pthread_t tracer;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &mask);
	int failed = pthread_create(&tracer, NULL, run_tracer, w);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);	/* which the program inherits */
	const int32_t standard[] = { 0, 1, 2 };
	struct wt_spawn_request request = {
		.path = a->path, .argv = (const char *const *)a->command, .envp = (const char *const *)environ,
		.fds = standard,
	};
	struct hello hello = { .flags = w->flags, .snaplen = w->snaplen };
	hello.pid = failed ? -failed : wt_spawn(w, &request);
	hello.stage = failed ? WT_STAGE_FORK : request.stage;
	leave_standard_files();
	pthread_sigmask(SIG_BLOCK, &all, NULL);	/* what a terminal or a user sends is for Python to answer */
	if (write(channel, &hello, sizeof(hello)) < 0 || hello.pid < 0)
		_exit(1);
	struct pollfd wanted[] = { { channel, POLLIN, 0 }, { wt_notable_fd(w), POLLIN, 0 } };
	wait_for_one(wanted);
	struct goodbye goodbye = { 0 };
	goodbye.ended = wt_status(w, hello.pid, &goodbye.status) == 1;
	if (!wanted[0].revents && !goodbye.ended) {	/* the disk is full: the program is awaited all the same */
		wanted[1].fd = (int)syscall(SYS_pidfd_open, hello.pid, 0);
		wait_for_one(wanted);
		goodbye.ended = waitpid(hello.pid, &goodbye.status, WNOHANG) == hello.pid;
	}
	char word[16];
	if (wanted[0].revents) {	/* Python wants the program let go, or has gone */
		while (read(channel, word, sizeof(word)) < 0 && errno == EINTR)
			;	/* left unread, it would reset the channel */
		wt_stop(w);
		pthread_join(tracer, NULL);
	}
	goodbye.full_errno = w->stats.full_errno;
	goodbye.lost = w->stats.lost;
	if (!goodbye.ended)
		goodbye.ended = wt_status(w, hello.pid, &goodbye.status) == 1;
	_exit(write(channel, &goodbye, sizeof(goodbye)) != sizeof(goodbye));
}

/* The tracer's process has these descriptors closed on exec: the program has none of them. */
static void leave_to_python(const struct held *held)
{
	const int fds[] = { held->channel, held->behind, held->caught_up };
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			fcntl(fds[i], F_SETFD, 0);
}

/* Start the program in a process of its own; NULL if nothing was begun. The files of the recording stay mapped. */
static struct wt *begin(const struct asked *a, struct held *held)
{
	int ends[2];
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return NULL;
	*held = (struct held){ -1, ends[0], unnamed_file(), unnamed_file(), unnamed_file(), -1, -1 };
	bool have_files = held->events >= 0 && held->chunks >= 0 && held->data >= 0;
	struct wt *w = have_files ? open_tracer(a, held) : NULL;
	if (w) {
		held->behind = wt_behind_fd(w);
		held->caught_up = wt_caught_up_fd(w);
		held->tracer = fork();
	}
	if (held->tracer == 0) {
		close_held(held);	/* the tracer has descriptors of its own */
		follow(w, a, ends[1]);
	}
	close(ends[1]);
	if (held->tracer < 0)
		close_held(held);
	else
		leave_to_python(held);
	if (held->tracer > 0)
		leave_standard_files();
	return held->tracer > 0 ? w : NULL;
}

/* Where the lines go; -1 if it cannot be opened, which Python says then. */
static int open_output(const struct asked *a)
{
	if (!a->output)
		return STDERR_FILENO;
	return open(a->output, O_WRONLY | O_CREAT | (a->append ? O_APPEND : O_TRUNC), 0666);
}

/* What to add to CLOCK_MONOTONIC, in which the tracer records, to get the time since 1970. */
static int64_t offset_of_real_time(void)
{
	struct timespec real, monotonic;
	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	return (real.tv_sec - monotonic.tv_sec) * 1000000000ll + (real.tv_nsec - monotonic.tv_nsec);
}

/* End as the program did: a program killed by a signal takes this process with it, without a second core file. */
static _Noreturn void end_as(int status, const sigset_t *mask)
{
	const struct rlimit no_core = { 0, 0 };
	if (!WIFSIGNALED(status))
		_exit(WEXITSTATUS(status));
	setrlimit(RLIMIT_CORE, &no_core);
	signal(WTERMSIG(status), SIG_DFL);
	sigset_t open = *mask;
	sigdelset(&open, WTERMSIG(status));
	sigprocmask(SIG_SETMASK, &open, NULL);
	kill(getpid(), WTERMSIG(status));
	_exit(-WTERMSIG(status));
}

/* Print the program's lines and end with it; returns if Python must go on, and with what it is told of that. */
static void print_and_end(const struct asked *a, const struct wt *w, const struct held *held, const sigset_t *ending,
			  const sigset_t *mask, char *told, size_t room)
{
	static struct printing p;
	int status;
	p.output = open_output(a);
	p.quick.options = (struct quick_options){
		.strings = a->strings, .column = a->column, .follow = a->follow, .to_stderr = !a->output,
		.no_attach = a->quiet >= 1 || a->output, .no_exit = a->quiet >= 2,
		.clock = a->times > 2 ? QUICK_UNIX_TIME : a->times ? QUICK_TIME_OF_DAY : QUICK_NO_CLOCK,
		.microseconds = a->times > 1, .relative = a->relative, .took = a->took, .offset_ns = offset_of_real_time(),
	};
	p.quick.last_ns = QUICK_NONE;
	p.quick.files = (struct quick_files){ w->events.header, w->chunks.header, w->data.header };
	if (p.output < 0)
		return;
	if (!print_lines(&p, held, ending, &status)) {
		describe_printing(&p, told, room);
		return;
	}
	while (waitpid(held->tracer, NULL, 0) < 0 && errno == EINTR)
		;
	end_as(status, mask);
}

/* Why `path`, which stands beside this program, could not be executed, and what to do about it. */
static _Noreturn void say_no_python(const char *path, int error)
{
	const char *remedy = "pip install --force-reinstall wiretale";
	if (error == ENOENT && access(path, F_OK) == 0)
		remedy = "its Python, named in its first line, is gone: install wiretale again, into a new environment";
	else if (error == EACCES)
		remedy = "install wiretale where this user may enter every folder, or run it as the user who installed it";
	fprintf(stderr, "wiretale: %s cannot be executed: %s\n  try: %s\n", path, strerror(error), remedy);
	exit(70);
}

static _Noreturn void execute_python(char **argv)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(PYTHON));
	if (n < 0) {
		fprintf(stderr, "wiretale: there is no /proc, which all recording needs\n"
				"  try: mount -t proc proc /proc\n");
		exit(5);
	}
	path[n] = 0;
	strcpy(strrchr(path, '/') + 1, PYTHON);
	argv[0] = path;
	execv(path, argv);
	say_no_python(path, errno);
}

/* The signals that Python ignores for itself and would not know to have been ignored before. Bits as in inherited.py. */
static unsigned inherited(void)
{
	static const struct { int number; unsigned bit; } signals[] = { { SIGPIPE, 1 }, { SIGXFSZ, 2 } };
	unsigned found = 0;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction now;
		if (sigaction(signals[i].number, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			found |= signals[i].bit;
	}
	return found;
}

int main(int argc, char **argv)
{
	static struct asked asked;
	static char begun[32768];	/* its last part grows with the tasks */
	struct held held;
	struct wt *w;
	char *words[argc + 2];
	unsigned found = inherited();
	words[1] = begun;
	memcpy(words + 2, argv + 1, (size_t)argc * sizeof(*argv));
	if (argc > 2 && understand(&asked, argv + 1) && is_current() && (w = begin(&asked, &held))) {
		sigset_t ending, before;	/* they wait for the answers that Python will have to them */
		unsigned held_back = 0;
		sigemptyset(&ending);
		for (size_t i = 0; i < sizeof(ENDING) / sizeof(ENDING[0]); i++)
			sigaddset(&ending, ENDING[i]);
		sigprocmask(SIG_BLOCK, &ending, &before);
		for (size_t i = 0; i < sizeof(ENDING) / sizeof(ENDING[0]); i++) {
			if (sigismember(&before, ENDING[i]))	/* and stays so */
				sigdelset(&ending, ENDING[i]);
			else
				held_back |= 1u << ENDING[i];
		}
		int n = snprintf(begun, sizeof(begun), "--begun=%d,%d,%d,%d,%d,%d,%d,%u", held.tracer, held.channel,
				 held.events, held.chunks, held.data, held.behind, held.caught_up, held_back);
		if (asked.plain)
			print_and_end(&asked, w, &held, &ending, &before, begun + n, sizeof(begun) - (size_t)n);
		execute_python(words);
	}
	if (found)
		snprintf(begun, sizeof(begun), "--inherited=%u", found);
	execute_python(found ? words : argv);
}
