/* What programs about networks do, and few others: sockets of every kind, short requests to NETLINK_ROUTE, families of generic
   netlink, timers' signals, handles of files, mounts of a network namespace. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void part(void)
{
	chdir("/next part");
}

static void kinds(void)
{
	static const int types[] = { 0, 1, 3, 7, 11, 0x80001, 0x800, 0x80803, 0x80007, 0xf0003, 0x1000 };
	static const int families[][2] = { { AF_NETLINK, 0 }, { AF_PACKET, 0 }, { AF_PACKET, 0x300 }, { AF_PACKET, 0x10000 },
					   { AF_UNIX, 0 }, { AF_INET, 6 } };
	struct packet_mreq membership = { .mr_type = PACKET_MR_PROMISC };
	part();
	setsockopt(-1, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof(membership));
	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++)
		for (unsigned j = 0; j < 6; j++)
			close(socket(families[j][0], types[i], families[j][1]));
}

static void ask(int fd, int type, int flags, const void *body, unsigned n)
{
	struct { struct nlmsghdr head; char body[64]; } message = { .head = { NLMSG_HDRLEN + n, type, flags, 0, 0 } };
	memcpy(message.body, body, n);
	send(fd, &message, message.head.nlmsg_len, MSG_DONTWAIT);
}

static void routes(void)
{
	static const unsigned char families[] = { AF_UNSPEC, AF_INET, AF_BRIDGE, 128 };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	part();
	bind(fd, (struct sockaddr *)&any, sizeof(any));
	for (int type = RTM_GETLINK; type < 124; type += 4)	/* what is asked for changes nothing */
		for (unsigned i = 0; i < sizeof(families); i++) {
			char body[24] = { families[i] };
			for (unsigned n = 1; n <= sizeof(body); n += n < 2 ? 1 : n < 4 ? 2 : 4)
				ask(fd, type, NLM_F_REQUEST, body, n);
		}
	close(fd);
}

static void generic(void)
{
	static const struct genlmsghdr body = { 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	part();
	bind(fd, (struct sockaddr *)&any, sizeof(any));
	for (int family = GENL_ID_CTRL; family < GENL_ID_CTRL + 24; family++)
		ask(fd, family, 0, &body, sizeof(body));	/* without NLM_F_REQUEST nobody answers */
	close(fd);
}

static void nothing(int number)
{
	(void)number;
}

static void timers(void)
{
	siginfo_t info = { .si_code = SI_TIMER };
	part();
	signal(SIGUSR1, nothing);
	for (long value = 0; value < 3; value++) {
		info.si_overrun = (int)value;
		info.si_timerid = (int)value * 7;
		info.si_value.sival_ptr = (void *)(value << 31);
		syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info);
	}
}

#define NAME(handle) syscall(SYS_name_to_handle_at, AT_FDCWD, "/", handle, &mount, flags)
#define OPEN(handle) syscall(SYS_open_by_handle_at, -1, handle, O_CLOEXEC)

static void handles(void)
{
	static const int sizes[] = { 0, 4, 8, 12, 128, 129, -1 };
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int mount, flags = 0, *handle = (int *)(page + 1024);
	munmap(page + 4096, 4096);
	part();
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		handle[0] = sizes[i];
		NAME(handle);
		handle[0] = sizes[i];
		OPEN(handle);
	}
	for (int left = 2; left <= 12; left += left < 4 ? 2 : 4) {
		handle = (int *)(page + 4096 - left);
		memset(handle, 0, left);
		*(char *)handle = 8;
		NAME(handle);
		OPEN(handle);
	}
	NAME(NULL);
	OPEN(1);
	flags = 0xffff;
	NAME(NULL);
}

static void mounts(void)
{
	static const unsigned long flags[] = { 0, MS_REMOUNT, MS_BIND, MS_MOVE, MS_SHARED, MS_REC | MS_SLAVE,
					       MS_PRIVATE | MS_REMOUNT };
	part();
	for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		mount("", "/missing", "", flags[i], NULL);
		mount("device", "/missing", "type", flags[i], "data");
		mount(NULL, "/missing", NULL, flags[i], NULL);
	}
}

int main(void)
{
	kinds();
	routes();
	generic();
	timers();
	handles();
	mounts();
	return 0;
}
