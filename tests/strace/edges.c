/*
 * Calls with values at the edges of what they take: NULL and bad pointers, memory that ends in the middle of a
 * structure, short and over-long lengths, zero, negative, unknown flags. Most of them fail; what matters is how they are
 * printed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

static char *end;	/* of readable memory */

/* `bytes` of readable memory that end where memory ends. */
static void *last(const void *from, size_t bytes)
{
	return memcpy(end - bytes, from, bytes);
}

static void options(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	static const int lengths[] = { 0, 1, 3, 4, 5, 8, -1 };
	static const int names[] = { SO_DEBUG, SO_TYPE, SO_RCVBUF, SO_LINGER, SO_RCVTIMEO, SO_PEERCRED, SO_COOKIE, 999 };
	int value = 1;
	for (unsigned n = 0; n < sizeof(names) / sizeof(*names); n++) {
		for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
			setsockopt(fd, SOL_SOCKET, names[n], last(&value, 4), lengths[i]);
		setsockopt(fd, SOL_SOCKET, names[n], NULL, 4);
		setsockopt(fd, SOL_SOCKET, names[n], end, 4);
		getsockopt(fd, SOL_SOCKET, names[n], end, (socklen_t *)last(&value, 4));
	}
	close(fd);
}

static void filters(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 1),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 12),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
	};
	struct sock_fprog program = { 5, code };
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program) - 1);
	program.filter = (struct sock_filter *)last(code, 12);
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	close(fd);
}

static void waiting(void)
{
	struct pollfd fds[] = { { 0, POLLIN, 0 }, { -1, POLLOUT, 0 }, { 77, 0x4000, 0 } };
	fd_set set;
	FD_ZERO(&set);
	FD_SET(1, &set);
	poll(fds, 3, 0);
	poll(last(fds, 16), 3, 0);
	poll(NULL, 1, 0);
	select(-1, NULL, &set, NULL, NULL);
	select(2, &set, &set, NULL, &(struct timeval){ 0, 1 });
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	struct { const sigset_t *set; size_t bytes; } both = { &mask, 8 };
	syscall(SYS_pselect6, 0, NULL, NULL, NULL, &(struct timespec){ 0, 1 }, &both);
	both.bytes = 7;
	syscall(SYS_pselect6, 0, NULL, NULL, NULL, &(struct timespec){ 0, 1 }, &both);
	timerfd_settime(-1, -1, &(struct itimerspec){ { -1, -1 }, { 1, 2 } }, NULL);
}

static void messages(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	bind(fd, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_NETLINK }, sizeof(struct sockaddr_nl));
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
		struct rtattr index;
		unsigned value;
		struct rtattr nested;
		struct rtattr inner;
		unsigned char bytes[4];
	} m = {
		{ sizeof(m), RTM_GETLINK, NLM_F_REQUEST, 1, 0 }, { .ifi_family = AF_UNIX, .ifi_index = 1 },
		{ 8, IFLA_LINK }, 1, { 12, IFLA_LINKINFO | NLA_F_NESTED }, { 8, IFLA_INFO_KIND }, "ab",
	};
	for (unsigned length = 0; length <= sizeof(m); length += 3) {
		m.head.nlmsg_len = length;
		send(fd, &m, sizeof(m), MSG_DONTWAIT);
		m.head.nlmsg_len = sizeof(m);
		send(fd, last(&m, length), sizeof(m), MSG_DONTWAIT);
	}
	close(fd);
}

static void files(void)
{
	long long place = -5;
	struct io_uring_params params = { .flags = IORING_SETUP_ATTACH_WQ | 1u << 31, .wq_fd = -1 };
	char entries[1024];
	int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY);
	syscall(SYS_getdents64, folder, entries, sizeof(entries));
	syscall(SYS_getdents64, folder, entries, sizeof(entries));
	syscall(SYS_getdents64, -1, NULL, 0);
	close(folder);
	syscall(SYS_sendfile, -1, -1, &place, 1);
	syscall(SYS_copy_file_range, -1, &place, -1, end, 1, 0);
	syscall(SYS_splice, -1, last(&place, 8), -1, NULL, 1, -1);
	syscall(SYS_io_uring_setup, -1, NULL);
	syscall(SYS_io_uring_setup, 1, &params);
	syscall(SYS_io_uring_enter, -1, -1, 2, -1, last(&place, 8), 8);
	syscall(SYS_io_uring_enter, -1, -1, 2, 0, last(&place, 8), 7);
	syscall(SYS_add_key, "user", "a description that is longer than thirty-two characters", NULL, 0L, -2);
	syscall(SYS_mknodat, -100, "/nowhere/a", S_IFCHR | 0600, 0x1234);
	syscall(SYS_mknodat, -100, "/nowhere/a", 0177777, 0x1234);
	syscall(SYS_fsopen, "nothing", -1);
	syscall(SYS_move_mount, -1, "", -1, NULL, -1);
	ioctl(-1, 0x84009422, 0);
	ioctl(-1, 0x0000dead, 0);
	ioctl(-1, TIOCGPTN, end);
	syscall(SYS_mremap, 0, 0, 0, 0, 1);
}

int main(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	end = pages + 4096;
	void (*parts[])(void) = { options, filters, waiting, messages, files };
	for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		chdir("/next part");
		parts[i]();
	}
	return 0;
}
