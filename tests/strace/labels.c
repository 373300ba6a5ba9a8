/*
 * Calls that make and take descriptors and processes, for -y, -yy and -Y, and calls that carry bytes, for -e read and
 * -e write: what they are printed with, not whether they succeed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char *end;	/* of readable memory */

static void pairs(void)
{
	static const int kinds[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int two[2];
	pipe2(two, O_CLOEXEC);
	pipe2(NULL, 0);
	pipe2((int *)end, 0);
	for (int i = 0; i < 3; i++) {
		socketpair(AF_UNIX, kinds[i], 0, two);
		write(two[0], "salam", 5);
	}
	socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)end);
	socketpair(AF_UNIX, -1, 0, two);
}

static void ready(void)
{
	int two[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, two);
	write(two[0], "x", 1);
	struct pollfd asked[] = { { two[1], POLLIN | POLLOUT }, { two[0], POLLOUT }, { -1, POLLIN } };
	struct timespec soon = { 0, 5 };
	fd_set in, out;
	FD_ZERO(&in);
	FD_SET(two[1], &in);
	out = in;
	poll(asked, 3, 0);
	ppoll(asked, 3, &soon, NULL);
	syscall(SYS_select, two[1] + 1, &in, &out, NULL, NULL);
	syscall(SYS_pselect6, two[1] + 1, &in, &out, NULL, NULL, NULL);
}

/* Credentials that are cut short, in both directions. */
static void credentials(void)
{
	char control[64] = { 0 };
	struct iovec one = { "s", 1 };
	struct msghdr message = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *head = (struct cmsghdr *)control;
	for (int length = sizeof(*head); length < 32; length += 3) {
		*head = (struct cmsghdr){ length, SOL_SOCKET, SCM_CREDENTIALS };
		message.msg_controllen = length;
		sendmsg(-1, &message, 0);
	}
}

static void processes(void)
{
	int self = syscall(SYS_pidfd_open, getpid(), 0);
	for (int fd = 0; fd < 3; fd++)
		syscall(SYS_pidfd_getfd, fd == 2 ? -1 : self, fd == 0 ? self : fd, 0);
	for (int kind = 0; kind < 5; kind++) {
		syscall(SYS_waitid, kind, self, NULL, WNOHANG, NULL);
		syscall(SYS_waitid, kind, -1, NULL, WNOHANG, NULL);
		syscall(SYS_waitid, kind, 0, NULL, WNOHANG, NULL);
	}
	syscall(SYS_pidfd_send_signal, self, 0, NULL, 0);
	int child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	int other = syscall(SYS_pidfd_open, child, 0);
	kill(child, SIGKILL);
	syscall(SYS_waitid, P_PID, child, NULL, WEXITED, NULL);
	syscall(SYS_pidfd_send_signal, other, 0, NULL, 0);
}

static void personalities(void)
{
	personality(0xffffffff);
	personality(PER_BSD | SHORT_INODE | 0x10000);
	personality(0x1f);
	personality(PER_LINUX);
}

static void filters(void)
{
	struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
	struct sock_fprog one = { 1, code }, none = { 0, code };
	struct sock_fprog beyond = { 2, memcpy(end - sizeof(code), code, sizeof(code)) };
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0x1000, &one);
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &none);
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &beyond);
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, end);
}

/* What goes out and comes in, where it fails and where memory ends as well. */
static void bytes(void)
{
	static char long_one[1 << 20 | 1];
	int file = memfd_create("labels", 0), two[2];
	char small[9];
	struct iovec out[] = { { "salam", 5 }, { "", 0 }, { "peace", 5 } }, in[] = { { small, 3 }, { small + 3, 6 } };
	writev(file, out, 3);
	pwritev(file, out, 3, 4);
	pwritev2(file, out, 3, -5, 0);
	pwrite(file, "x", 1, -3);
	preadv(file, in, 2, 0);
	pread(file, small, 9, 1);
	pread(file, small, 9, -1);
	struct iovec *last = memcpy(end - sizeof(*out), out, sizeof(*out));
	writev(file, last, 2);
	write(file, end - 3, 5);
	write(file, end, 5);
	write(file, long_one, sizeof(long_one));
	pipe(two);
	vmsplice(two[1], out, 3, 0);
	readv(two[0], in, 2);
}

/* Files that have no name any more, have another, or one that ends as the kernel marks them. */
static void gone(void)
{
	int file = open("once", O_CREAT | O_RDWR, 0600), marked = open("so (deleted)", O_CREAT | O_RDWR, 0600);
	int linked = open("linked", O_CREAT | O_RDWR, 0600);
	mkdir("place", 0700);
	int folder = open("place", O_DIRECTORY | O_PATH);
	link("linked", "other");
	unlink("linked");
	unlink("once");
	rmdir("place");
	for (int again = 0; again < 3; again++) {
		write(file, "x", 1);
		write(marked, "x", 1);
		write(linked, "x", 1);
		openat(folder, "nothing", O_RDONLY);
		if (again == 0)
			unlink("so (deleted)");
		if (again == 1)
			rename("other", "once");
	}
	unlink("once");
	int unnamed = memfd_create("name", 0);
	write(unnamed, "x", 1);
	mkdir("place", 0700);
	chdir("place");
	rmdir("../place");
	openat(AT_FDCWD, "nothing", O_RDONLY);
}

int main(void)
{
	static void (*const parts[])(void) = {
		pairs, ready, credentials, processes, personalities, filters, bytes, gone
	};
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	end = pages + 4096;
	sigset_t child;	/* when it would come is the scheduler's choice */
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		chdir("/next part");
		parts[i]();
	}
	return 0;
}
