/* Calls whose arguments lead to other memory: vectors, messages with control data, programs, masks; and to none at all.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
static char *piece(int n, char c)
{
	char *p = malloc(n + 1);
	memset(p, c, n);
	p[n] = 0;
	return p;
}
int main(int argc, char **argv)
{
	int pair[2], dgram[2], pip[2];
	if (argc > 1)
		return 0;
	alarm(8);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, dgram);
	pipe(pip);
	/* vectors of 0, 1, 3, 40, 1024 pieces */
	int counts[] = {1, 3, 40, 1024};
	for (int i = 0; i < 4; i++) {
		int n = counts[i];
		struct iovec *v = calloc(n, sizeof(*v)), *w = calloc(n, sizeof(*w));
		for (int k = 0; k < n; k++) {
			int l = k % 7 + 1;
			v[k].iov_base = piece(l, 'a' + k % 26);
			v[k].iov_len = l;
			w[k].iov_base = piece(l, 0);
			w[k].iov_len = l;
		}
		writev(pair[0], v, n);
		readv(pair[1], w, n);
		struct msghdr m = {.msg_iov = v, .msg_iovlen = n}, r = {.msg_iov = w, .msg_iovlen = n};
		sendmsg(dgram[0], &m, 0);
		recvmsg(dgram[1], &r, 0);
	}
	/* with a piece whose memory is not there, and a vector that is not */
	struct iovec bad[3] = {{"fine", 4}, {(void *)8, 5}, {"late", 4}};
	writev(pair[0], bad, 3);
	writev(pair[0], (void *)16, 2);
	writev(pair[0], NULL, 0);
	struct msghdr nothing = {0};
	sendmsg(dgram[0], &nothing, 0);
	recvmsg(dgram[1], &nothing, MSG_DONTWAIT);
	sendmsg(dgram[0], (void *)24, 0);
	/* control messages: two descriptors and credentials */
	{
		char control[CMSG_SPACE(8) + CMSG_SPACE(sizeof(struct ucred))] = {0}, back[256];
		struct iovec one = {"fd", 2}, in = {piece(9, 0), 9};
		struct msghdr m = {.msg_iov = &one,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)},
			      r = {
				  .msg_iov = &in, .msg_iovlen = 1, .msg_control = back, .msg_controllen = sizeof(back)};
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(8);
		memcpy(CMSG_DATA(c), pip, 8);
		c = CMSG_NXTHDR(&m, c);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_CREDENTIALS;
		c->cmsg_len = CMSG_LEN(sizeof(struct ucred));
		struct ucred u = {getpid(), 0, 0};
		memcpy(CMSG_DATA(c), &u, sizeof(u));
		int on = 1;
		setsockopt(dgram[1], SOL_SOCKET, SO_PASSCRED, &on, 4);
		sendmsg(dgram[0], &m, 0);
		recvmsg(dgram[1], &r, 0);
	}
	/* several messages, each with pieces, names and control */
	{
		int u = socket(AF_INET, SOCK_DGRAM, 0), s = socket(AF_INET, SOCK_DGRAM, 0);
		struct sockaddr_in a = {.sin_family = AF_INET,
					.sin_port = htons(4010),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
				   from[40];
		bind(s, (void *)&a, sizeof(a));
		a.sin_port = htons(4011);
		bind(u, (void *)&a, sizeof(a));
		a.sin_port = htons(4010);
		int on = 1;
		setsockopt(s, IPPROTO_IP, IP_PKTINFO, &on, 4);
		struct mmsghdr m[40] = {0}, r[40] = {0};
		struct iovec v[40][3], w[40][2];
		char controls[40][64];
		for (int k = 0; k < 40; k++) {
			v[k][0] = (struct iovec){"head", 4};
			v[k][1] = (struct iovec){piece(k, 'x'), k};
			v[k][2] = (struct iovec){"tail", 4};
			m[k].msg_hdr =
			    (struct msghdr){.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = v[k], .msg_iovlen = 3};
			w[k][0] = (struct iovec){piece(6, 0), 6};
			w[k][1] = (struct iovec){piece(90, 0), 90};
			r[k].msg_hdr = (struct msghdr){.msg_name = &from[k],
						       .msg_namelen = sizeof(a),
						       .msg_iov = w[k],
						       .msg_iovlen = 2,
						       .msg_control = controls[k],
						       .msg_controllen = 64};
		}
		sendmmsg(u, m, 40, 0);
		recvmmsg(s, r, 40, MSG_DONTWAIT, NULL);
		struct timespec t = {0, 1000};
		recvmmsg(s, r, 2, MSG_DONTWAIT, &t);
		sendmmsg(u, (void *)32, 2, 0);
		struct sock_filter f[] = {{0x28, 0, 0, 12}, {0x15, 0, 1, 0x800}, {6, 0, 0, 0xffff}, {6, 0, 0, 0}};
		struct sock_fprog p = {4, f};
		setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
		p.filter = (void *)40;
		setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
		p.len = 0;
		setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
		for (int k = 0; k < 3; k++) {
			char b[9];
			recvfrom(s, b, 9, MSG_DONTWAIT, NULL, NULL);
		}
	}
	/* masks */
	{
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		sigaddset(&set, SIGALRM);
		struct timespec t = {0, 1000};
		fd_set reads;
		FD_ZERO(&reads);
		FD_SET(pip[0], &reads);
		pselect(pip[0] + 1, &reads, NULL, NULL, &t, &set);
		struct pollfd pf[40];
		for (int k = 0; k < 40; k++)
			pf[k] = (struct pollfd){k % 3 ? pip[0] : pip[1], POLLIN | POLLOUT, 0};
		ppoll(pf, 40, &t, &set);
		poll(pf, 3, 0);
		poll((void *)48, 3, 0);
		int e = epoll_create1(0);
		struct epoll_event ev = {EPOLLIN, {.u64 = 0x1122334455667788}}, evs[8];
		epoll_ctl(e, EPOLL_CTL_ADD, pair[1], &ev);
		epoll_pwait(e, evs, 8, 0, &set);
		long broken[2] = {8, 8};
		syscall(SYS_pselect6, 0, NULL, NULL, NULL, &t, broken);
	}
	preadv(open("/proc/self/cmdline", O_RDONLY), (struct iovec[]){{piece(3, 0), 3}, {piece(90, 0), 90}}, 2, 0);
	struct iovec vm[2] = {{"vmsplice", 8}, {"two", 3}};
	vmsplice(pip[1], vm, 2, 0);
	/* programs: many arguments, none, an environment, bad ones */
	char *words[60];
	for (int k = 0; k < 59; k++)
		words[k] = piece(k, 'q');
	words[59] = NULL;
	words[0] = argv[0];
	char *environment[] = {"A=1", "B=two", NULL}, *wrong[] = {"x", (char *)8, NULL};
	execve("/nonexistent/program", words, environment);
	execve("/nonexistent/program", wrong, NULL);
	execve("/nonexistent/program", (void *)8, (void *)8);
	execve("/nonexistent/program", NULL, NULL);
	execveat(AT_FDCWD, "/nonexistent/program", words, environment, 0);
	if (fork() == 0) {
		execve(argv[0], words, environment);
		_exit(9);
	}
	wait(NULL);
	struct clone_args ca = {.exit_signal = SIGCHLD};
	long got = syscall(SYS_clone3, &ca, sizeof(ca));
	if (got == 0)
		_exit(0);
	wait(NULL);
	syscall(SYS_clone3, (void *)8, 88L);
	return 0;
}
