/*
 * Calls with values at the edges of what they take: NULL and bad pointers, memory that ends in the middle of a
 * structure, short and over-long lengths, zero, negative, unknown flags. Most of them fail; what matters is how they are
 * printed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
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
	select(2, &set, &set, NULL, &(struct timeval){ 0, 0 });
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
	for (int length = 23; length < 30; length++)
		connect(-1, (void *)&(struct sockaddr_in6){ AF_INET6, 256, 0x01000000, .sin6_scope_id = 0x01020304 }, length);
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

/* The kernel's struct sigaction has its flags as a long: each bit alone, and those that a sign extended int sets. SIG_ERR. */
static void actions(void)
{
	struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } action = { (void *)0x1234 };
	for (int bit = 0; bit < 64; bit++) {
		action.flags = 1UL << bit;
		syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8);
	}
	action.flags = -1UL;
	syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8);
	action.handler = SIG_ERR;
	syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8);
}

/* Every command of fcntl(), with arguments of all its bits; also what is returned as flags where none is set. */
static void commands(void)
{
	static const long values[] = { 0, 7, -1 };
	int file = open("/proc/self/exe", O_RDONLY), ends[2];
	pipe(ends);
	for (int command = 0; command < 1045; command += command == 40 ? 982 : 1) {
		for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++)
			fcntl(file, command, values[i]);
	}
	fcntl(ends[1], F_GETFL);
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

/* prctl and its kin: every option with values it knows and values it does not. */
/* Every command of futex, with each modifier; none of them waits. */
static void futexes(void)
{
	static const int modifiers[] = { 0, 0x80, 0x100, 0x180 };
	static const unsigned operations[] = { 0x15345678, -1, 0x80002003, 0x40000000 };
	struct timespec never = { 0, -1 };
	int *word = (int *)(end - 4);
	for (int command = 0; command < 15; command++)
		for (unsigned i = 0; i < 4; i++) {
			int counts = command == 3 || command == 4 || command == 5 || command == 12;
			*word = 1;
			syscall(SYS_futex, word, command | modifiers[i], 0xdeadbeef, counts ? (void *)4 : &never, word + 1, operations[i]);
			syscall(SYS_futex, NULL, command | modifiers[i], 2, 3, NULL, operations[i]);
		}
}

static void processes(void)
{
	futexes();
	static const unsigned long values[] = { 0, 1, 2, 5, 255, 0xffffffff, 0xdeadc0debadc0dedUL };
	int tid[2] = { 1, 2 };
	for (unsigned option = 0; option < 66; option++) {
		if (option == PR_SET_SECCOMP || option == PR_CAPBSET_DROP || option == PR_SET_PDEATHSIG)
			continue;
		for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++)
			syscall(SYS_prctl, option, values[i], values[6 - i], values[5], values[6]);
	}
	static const int filled[] = { 2, 5, 9, 11, PR_SET_NAME, PR_GET_NAME, 19, PR_GET_TSC, 37, PR_GET_TID_ADDRESS };
	for (unsigned i = 0; i < sizeof(filled) / sizeof(*filled); i++) {
		syscall(SYS_prctl, filled[i], end, 0, 0, 0);
		syscall(SYS_prctl, filled[i], last("name", 4), 0, 0, 0);
	}
	syscall(SYS_prctl, PR_SET_VMA, 0, 1, 2, last("x", 2));
	syscall(SYS_prctl, PR_SET_PTRACER, -1);
	for (unsigned code = 0x1000; code < 0x1030; code++)
		if (code != ARCH_SET_FS && code != ARCH_SET_GS)
			syscall(SYS_arch_prctl, code, end);
	syscall(SYS_arch_prctl, 0x1023, 18);
	struct clone_args args = { .flags = 1UL << 60 | CLONE_PIDFD, .set_tid = (unsigned long)tid, .set_tid_size = 2 };
	syscall(SYS_clone3, &args, sizeof(args));
	syscall(SYS_clone3, last(&args, 64), 64);
	syscall(SYS_clone3, &args, 63);
	syscall(SYS_clone3, end - 64, 96);
	struct __user_cap_header_struct head = { 0x20080522, -1 };
	struct __user_cap_data_struct sets[2] = { { 1, 2, 0x80000000 }, { 0x200, 0, 1 } };
	syscall(SYS_capset, &head, sets);
	head.version = 0x19980330;
	syscall(SYS_capset, &head, last(sets, 12));
	syscall(SYS_capget, NULL, sets);
	syscall(SYS_kcmp, -1, -1, 0, 1, 2);
	syscall(SYS_kcmp, -1, -1, 7, 1, last(tid, 8));
	syscall(SYS_kcmp, -1, -1, 99, 1, 2);
	syscall(SYS_ioprio_set, 1, -1, 0x4001);
	syscall(SYS_ioprio_set, 9, -1, -1);
	syscall(SYS_sched_setscheduler, -1, 0x40000001, last(tid, 4));
	syscall(SYS_sched_setscheduler, -1, 0x40000077, end);
	syscall(SYS_sched_setattr, -1, last(&(struct { int a[14]; }){ { 56, 1, 9 } }, 56), 0);
	syscall(SYS_sched_setattr, -1, last(&(struct { int a[14]; }){ { 48, 1, 16 } }, 48), 0);
	syscall(SYS_sched_setaffinity, -1, 0, tid);
	syscall(SYS_setgroups, 3, last(&(int[]){ 1, -1 }, 8));
	syscall(SYS_setgroups, -1, tid);
	syscall(SYS_process_vm_readv, -1, NULL, 0, last(&(long[]){ 1, 2 }, 16), 2, 0);
	syscall(SYS_pidfd_send_signal, -1, SIGUSR1, NULL, 7);
	syscall(SYS_sched_setattr, 0, &(struct { int a[14]; }){ { 7 } }, 0);
	syscall(SYS_prctl, PR_SET_NAME, "longer than the kernel takes", 0, 0, 0);
	syscall(SYS_prctl, PR_SET_SECCOMP, 77, 1, 2, 3);
	syscall(SYS_seccomp, 2, 0, last(&(int){ 0x7ffc0000 }, 4));
	syscall(SYS_seccomp, 2, -1, last(&(int){ -1 }, 4));
	syscall(SYS_seccomp, 3, 0, tid);
	syscall(SYS_seccomp, 3, 0, end);
	syscall(SYS_setns, -1, CLONE_NEWNET);
	syscall(SYS_setns, -1, 1);
	syscall(SYS_sethostname, NULL, -1L << 32 | 5);
	syscall(SYS_preadv2, -1, NULL, 0xdeadc0de00000001UL, 5, 0, 1);
	syscall(SYS_prctl, PR_MCE_KILL_GET, 0, 0, 0, 0);
}

static void memory(void)
{
	unsigned long bits[3] = { 5, 6, 7 };
	syscall(SYS_mbind, 0, 4096, 0x8003, bits, 129, -1);
	syscall(SYS_mbind, 0, 4096, 0x77, last(bits, 8), 200, 0);
	syscall(SYS_set_mempolicy, 3, bits, 1);
	syscall(SYS_get_mempolicy, end, bits, 64, NULL, 1);
	syscall(SYS_migrate_pages, -1, 65, bits, NULL);
	syscall(SYS_move_pages, -1, 2, last(bits, 8), bits, bits, 2);
	syscall(SYS_mincore, end - 4096, 4096, bits);
	syscall(SYS_mincore, end, 4096, bits);
	syscall(SYS_remap_file_pages, 0, 0, 7, 0, MAP_HUGETLB | 21 << 26 | 15);
	syscall(SYS_pkey_mprotect, 0, 0, 0xdeadfeed00ca7500UL, -1);
	syscall(SYS_pkey_alloc, 0, -1);
	syscall(SYS_kexec_load, 1, 2, last(bits, 16), 0x3e0001);
	struct sembuf operations[2] = { { 1, -1, SEM_UNDO }, { 2, 3, -1 } };
	syscall(SYS_semop, -1, operations, 2);
	syscall(SYS_semop, -1, last(operations, 6), 2);
	syscall(SYS_semctl, -1, 2, IPC_STAT, bits);
	syscall(SYS_semctl, -1, 2, 99, 5);
	syscall(SYS_shmctl, -1, 0x163, bits);
	syscall(SYS_shmget, 0, 1, 0x0d600fff);
	syscall(SYS_msgget, 7, 0x800);
	syscall(SYS_msgsnd, -1, last("abcdefghijk", 12), 4, IPC_NOWAIT);
	syscall(SYS_msgsnd, -1, end - 12, 5, -1);
	syscall(SYS_msgctl, -1, IPC_SET, &(struct msqid_ds){ .msg_perm.uid = -1, .msg_qbytes = 5 });
}

static void folders(void)
{
	struct { unsigned long v[4]; } how = { { O_RDWR | O_CREAT | 1UL << 40, 0644, 1, 0x0807060504030201 } };
	long queue[8] = { 0x801, 1, 2, 3 };
	syscall(SYS_openat2, -1, "x", &how, 24);
	syscall(SYS_openat2, -1, "x", &how, 32);
	syscall(SYS_openat2, -1, "x", last(&how, 24), 32);
	syscall(SYS_openat2, -1, "x", &how, 8);
	syscall(SYS_landlock_create_ruleset, how.v + 1, 8, 2);
	syscall(SYS_landlock_create_ruleset, how.v + 1, 12, 0);
	syscall(SYS_landlock_add_rule, -1, 1, last(how.v, 12), 1);
	syscall(SYS_fanotify_init, 0x80000e05, O_WRONLY);
	syscall(SYS_fanotify_mark, -1, 1, 0x4000000040000003UL, -1, "x");
	syscall(SYS_mount, "/nowhere/a", "/nowhere/b", "c", 0xc0ed0005, "d");
	syscall(SYS_mount, "/nowhere/a", "/nowhere/b", "c", MS_BIND, "d");
	syscall(SYS_mount, "/nowhere/a", "/nowhere/b", "c", 0x200, NULL);
	for (unsigned command = 0; command < 9; command++) {
		syscall(SYS_fsconfig, -1, command, "a key", "a value", 5);
		syscall(SYS_fsconfig, -1, command, "a key", "a value", 0x100000005UL);
		syscall(SYS_fsconfig, -1, command, end, last("xyz", 3), 3);
	}
	syscall(SYS_mount_setattr, -1, "x", 0, last(&how, 32), 32);
	syscall(SYS_mount_setattr, -1, "x", 0, end - 32, 40);
	syscall(SYS_memfd_create, "a name", 30 << 26);
	syscall(SYS_memfd_create, "a name", -1);
	syscall(SYS_openat, -1, "a name", 020000000 | FASYNC | O_NOATIME);
	syscall(SYS_openat, -1, "a name", 04000000 | FASYNC | O_PATH);
	syscall(SYS_mmap, NULL, 4096, PROT_READ, 21 << 26 | MAP_ANONYMOUS, -1, 0);
	syscall(SYS_mmap, NULL, 4096, PROT_READ, 1 << 26 | MAP_ANONYMOUS | 0x40000, -1, 0);
	syscall(SYS_fsmount, -1, 0, -1);
	long times[4] = { 1492356708, 567891, -1, 1000000 };
	syscall(SYS_utimes, "/nowhere", times);
	syscall(SYS_utimes, "/nowhere", last(times, 24));
	syscall(SYS_utime, "/nowhere", times);
	syscall(SYS_utimensat, -1, "/nowhere", (long[]){ 1, (1 << 30) - 1, 2, (1 << 30) - 2 }, 0);
	syscall(SYS_utimensat, -1, "/nowhere", (long[]){ 1492356708, 5, 0, 0 }, 0);
	syscall(SYS_swapon, "/nowhere", 0x18007);
	syscall(SYS_mq_getsetattr, -1, queue, NULL);
	syscall(SYS_mq_open, NULL, O_CREAT, 0600, queue);
	syscall(SYS_mq_notify, -1, last(&(struct { long v; int a[2]; }){ 5, { SIGUSR1, SIGEV_SIGNAL } }, 16));
	syscall(SYS_futex_waitv, last(queue, 24), 2, 1, NULL, CLOCK_MONOTONIC);
	syscall(SYS_reboot, 1, 0x28121969, 0x1234);
}

int main(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	end = pages + 4096;
	void (*parts[])(void) = {
		options, filters, waiting, messages, actions, commands, files, processes, memory, folders,
	};
	for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		chdir("/next part");
		parts[i]();
	}
	return 0;
}
