/* Sockets that are used by another process than the one that opened them, or whose other end goes before long. */
#define _GNU_SOURCE
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netax25/ax25.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Its protocol is known from the parent's message, or from the child's own. */
static void inherited(void)
{
	struct nlmsghdr done = { .nlmsg_len = sizeof(done), .nlmsg_type = NLMSG_NOOP, .nlmsg_flags = NLM_F_REQUEST };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	bind(fd, (void *)&(struct sockaddr_nl){ AF_NETLINK }, sizeof(struct sockaddr_nl));
	if (syscall(SYS_fork) == 0) {
		send(fd, &done, sizeof(done), 0);
		_exit(0);
	}
	wait(NULL);
	close(fd);
}

/* Descriptors that calls leave in memory. */
static void made(void)
{
	int two[2], one;
	pipe(two);
	close(two[0]);
	close(two[1]);
	int child = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &one, 0, 0);
	if (child == 0)
		pause();
	send(one, "", 0, 0);
	kill(child, SIGKILL);
	wait(NULL);
	close(one);
}

/* The second message has room in two buffers, of which one is used. */
static void lists_of_buffers(void)
{
	int pair[2];
	char in[4][8];
	struct iovec out[] = { { "0123", 4 }, { "4567", 4 }, { "89ab", 4 } };
	struct iovec into[] = { { in[0], 8 }, { in[1], 8 }, { in[2], 8 }, { in[3], 8 } };
	struct mmsghdr sent[] = { { { .msg_iov = out, .msg_iovlen = 2 } }, { { .msg_iov = out + 2, .msg_iovlen = 1 } } };
	struct mmsghdr got[] = { { { .msg_iov = into, .msg_iovlen = 2 } }, { { .msg_iov = into + 2, .msg_iovlen = 2 } } };
	socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
	sendmmsg(pair[0], sent, 2, 0);
	recvmmsg(pair[1], got, 2, MSG_DONTWAIT, NULL);
	close(pair[0]);
	close(pair[1]);
}

/* The kernel names the other end of a connection only once it has been accepted. */
static void other_ends(void)
{
	struct sockaddr_un name = { AF_UNIX, "\0the other end" }, second = { AF_UNIX, "\0a second one" };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(listener, (void *)&name, 16);
	listen(listener, 1);
	connect(client, (void *)&name, 16);
	send(client, "early", 5, 0);
	int server = accept(listener, NULL, NULL);
	send(client, "late", 4, 0);
	send(server, "answer", 6, 0);
	close(server);
	send(client, "x", 1, MSG_NOSIGNAL);
	close(client);
	close(listener);
	int from = socket(AF_UNIX, SOCK_DGRAM, 0), first = socket(AF_UNIX, SOCK_DGRAM, 0);
	bind(first, (void *)&second, 16);
	connect(from, (void *)&second, 16);
	send(from, "x", 1, 0);
}

/* Amateur radio addresses of every length, with every number of stations between. */
static void stations(void)
{
	struct full_sockaddr_ax25 a = { { AF_AX25 } };
	char room[128];
	memset(room, 0x82, sizeof(room));
	memset(&a.fsa_digipeater, 0x84, sizeof(a.fsa_digipeater));
	for (a.fsa_ax25.sax25_ndigis = -1; a.fsa_ax25.sax25_ndigis < 10; a.fsa_ax25.sax25_ndigis++)
		for (unsigned length = 15; length < 90; length++) {
			memcpy(room, &a, sizeof(a));
			connect(-1, (void *)room, length);
		}
}

int main(void)
{
	inherited();
	made();
	lists_of_buffers();
	other_ends();
	stations();
}
