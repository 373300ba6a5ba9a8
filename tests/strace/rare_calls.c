/* Calls that few programs make, with every kind of argument they take; each part begins with chdir("/next part"). */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <elf.h>
#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNREADABLE ((void *)0x1000)

static long word = 0x1122334455667788;
static char *page_end; /* unreadable memory begins here */

static long trace(long request, pid_t pid, long address, void *data)
{
	return syscall(SYS_ptrace, request, pid, address, data);
}

static void registers(pid_t pid)
{
	struct user_regs_struct general;
	struct user_fpregs_struct floating;
	char space[4096];
	struct iovec vector = { &general, sizeof general };
	unsigned long value;
	trace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, orig_rax), &value);
	trace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[7]), &value);
	trace(PTRACE_PEEKUSER, pid, 3, &value);
	trace(PTRACE_PEEKUSER, pid, 10000, &value);
	trace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rbx), (void *)77);
	trace(PTRACE_GETREGS, pid, 0, &general);
	trace(PTRACE_SETREGS, pid, 0, &general);
	trace(PTRACE_GETREGS, pid, 0, UNREADABLE);
	trace(PTRACE_GETFPREGS, pid, 0, &floating);
	trace(PTRACE_SETFPREGS, pid, 0, &floating);
	trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector);
	trace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &vector);
	vector.iov_len = 16;
	trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector);
	vector.iov_len = 3;
	trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector);
	vector = (struct iovec){ space, sizeof space };
	trace(PTRACE_GETREGSET, pid, NT_FPREGSET, &vector);
	vector.iov_len = 8;
	trace(PTRACE_GETREGSET, pid, 0x77, &vector);
	trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, UNREADABLE);
	vector = (struct iovec){ &general, sizeof general + 8 };
	trace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &vector);
}

static void signals_of(pid_t pid)
{
	siginfo_t one, three[3];
	unsigned long value, mask = 0x202;
	struct __ptrace_peeksiginfo_args which = { 0, PTRACE_PEEKSIGINFO_SHARED, 3 };
	trace(PTRACE_GETSIGINFO, pid, 0, &one);
	trace(PTRACE_SETSIGINFO, pid, 0, &one);
	trace(PTRACE_SETSIGINFO, pid, 0, page_end - 8);
	trace(PTRACE_GETEVENTMSG, pid, 0, &value);
	trace(PTRACE_SETSIGMASK, pid, 8, &mask);
	trace(PTRACE_GETSIGMASK, pid, 8, &mask);
	trace(PTRACE_GETSIGMASK, pid, 4, &mask);
	kill(pid, SIGUSR1);
	trace(PTRACE_PEEKSIGINFO, pid, (long)&which, three);
	which.flags = 0;
	trace(PTRACE_PEEKSIGINFO, pid, (long)&which, three);
	for (int code = 1; code < 6; code++) {
		const int numbers[] = { SIGSEGV, SIGBUS, SIGSYS, SIGCHLD, SIGIO, SIGTRAP };
		for (int i = 0; i < 6; i++) {
			memset(&one, 1, sizeof one);
			one.si_signo = numbers[i];
			one.si_code = code;
			one.si_errno = ENOENT;
			one.si_arch = i == 2 ? AUDIT_ARCH_X86_64 : one.si_arch;
			one.si_syscall = i == 2 ? SYS_read : one.si_syscall;
			trace(PTRACE_SETSIGINFO, pid, 0, &one);
		}
	}
	one.si_code = SI_TIMER;
	trace(PTRACE_SETSIGINFO, pid, 0, &one);
	one.si_code = SI_SIGIO;
	trace(PTRACE_SETSIGINFO, pid, 0, &one);
	memset(&one, 0, sizeof one);
	one.si_signo = SIGSTOP;
	trace(PTRACE_SETSIGINFO, pid, 0, &one);
	mask = 0;
	trace(PTRACE_SETSIGMASK, pid, 8, &mask);
}

static void tracing(void)
{
	int status;
	char info[200];
	struct { uint64_t offset, flags; } metadata = { 0, 7 };
	struct sock_filter filter[8];
	pid_t pid = fork();
	if (!pid) {
		trace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		getppid();
		_exit(3);
	}
	waitpid(pid, &status, 0);
	trace(PTRACE_SETOPTIONS, pid, 0, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	trace(PTRACE_PEEKDATA, pid, (long)&word, &info);
	trace(PTRACE_PEEKDATA, pid, 0, &info);
	trace(PTRACE_POKEDATA, pid, (long)&word, (void *)5);
	trace(PTRACE_POKEDATA, pid, (long)&word, 0);
	registers(pid);
	signals_of(pid);
	trace(PTRACE_SECCOMP_GET_FILTER, pid, 0, filter);
	trace(PTRACE_SECCOMP_GET_METADATA, pid, 16, &metadata);
	trace(PTRACE_SECCOMP_GET_METADATA, pid, 7, &metadata);
	trace(PTRACE_SECCOMP_GET_METADATA, pid, 16, page_end - 8);
	trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, info);
	trace(PTRACE_SYSCALL, pid, 0, 0);
	waitpid(pid, &status, 0);
	trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, info);
	trace(PTRACE_GET_SYSCALL_INFO, pid, 40, info);
	trace(PTRACE_GET_SYSCALL_INFO, pid, 3, info);
	trace(PTRACE_SYSCALL, pid, 0, (void *)SIGUSR2);
	waitpid(pid, &status, 0);
	trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, info);
	trace(PTRACE_KILL, pid, 0, 0);
	waitpid(pid, &status, 0);
	trace(PTRACE_DETACH, pid, 1, (void *)SIGCONT);
	trace(PTRACE_SEIZE, pid, 0, (void *)(PTRACE_O_TRACEEXIT | 0x4000));
	trace(PTRACE_GET_THREAD_AREA, pid, 3, info);
	trace(0x5000, pid, 1, (void *)2);
}

static void keys(void)
{
	char text[64] = "";
	struct keyctl_dh_params parameters = { -3, 5, 1 << 20 };
	struct keyctl_kdf_params hash = { "sha256", "salt", 4, { 0, 7 } };
	struct keyctl_pkey_params asymmetric = { .key_id = -1, .in_len = 5, .in2_len = 3 };
	struct iovec vector[] = { { "one", 3 }, { "two", 2 } };
	long ring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "wiretale");
	long key = syscall(SYS_add_key, "user", "name", "secret", 6, KEY_SPEC_SESSION_KEYRING);
	syscall(SYS_request_key, "user", "absent", 0, KEY_SPEC_SESSION_KEYRING);
	syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0);
	syscall(SYS_keyctl, KEYCTL_UPDATE, key, "other", 5);
	syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof text);
	syscall(SYS_keyctl, KEYCTL_READ, key, text, 2);
	syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, text, sizeof text);
	syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, 0, 0);
	syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f3f0000);
	syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0xc0c0c0c0);
	syscall(SYS_keyctl, KEYCTL_CHOWN, key, -1, 0);
	syscall(SYS_keyctl, KEYCTL_SEARCH, ring, "user", "name", 0);
	syscall(SYS_keyctl, KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_NO_CHANGE);
	syscall(SYS_keyctl, KEYCTL_SET_REQKEY_KEYRING, -17);
	syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, key, 60);
	syscall(SYS_keyctl, KEYCTL_REJECT, key, 1, EACCES, ring);
	syscall(SYS_keyctl, KEYCTL_REJECT, key, 1, 5000, ring);
	syscall(SYS_keyctl, KEYCTL_INSTANTIATE, key, "bytes", 5, 0);
	syscall(SYS_keyctl, KEYCTL_INSTANTIATE_IOV, key, vector, 2, 0);
	syscall(SYS_keyctl, KEYCTL_GET_SECURITY, key, text, sizeof text);
	syscall(SYS_keyctl, KEYCTL_GET_PERSISTENT, -1, ring);
	syscall(SYS_keyctl, KEYCTL_DH_COMPUTE, &parameters, text, 8, &hash);
	syscall(SYS_keyctl, KEYCTL_DH_COMPUTE, &parameters, text, 8, UNREADABLE);
	syscall(SYS_keyctl, KEYCTL_PKEY_QUERY, key, 0, "enc=raw", text);
	syscall(SYS_keyctl, KEYCTL_PKEY_SIGN, &asymmetric, "enc=raw", "input", text);
	syscall(SYS_keyctl, KEYCTL_PKEY_VERIFY, &asymmetric, "enc=raw", "input", "sig");
	syscall(SYS_keyctl, KEYCTL_RESTRICT_KEYRING, ring, "user", UNREADABLE);
	syscall(SYS_keyctl, KEYCTL_MOVE, key, ring, ring, KEYCTL_MOVE_EXCL | 4);
	syscall(SYS_keyctl, KEYCTL_CAPABILITIES, text, sizeof text);
	syscall(SYS_keyctl, KEYCTL_UNLINK, key, ring);
	syscall(SYS_keyctl, 77, 1, 2, 3, 4);
}

static void quotas(void)
{
	const int commands[] = {
		0x800001, 0x800002, 0x800003, 0x800004, 0x800005, 0x800006, 0x800007, 0x800008, 0x800009, 0x5801, 0x5802,
		0x5803, 0x5804, 0x5805, 0x5806, 0x5807, 0x5808, 0x5809, 0x5810,
	};
	char bytes[256];
	memset(bytes, 0x41, sizeof bytes);
	bytes[255] = 0;
	for (int i = 0; i < 19; i++) {
		syscall(SYS_quotactl, commands[i] << 8 | 1, "/dev/absent", 2, bytes);
		syscall(SYS_quotactl, commands[i] << 8 | (i == 1 ? 2 : 9), UNREADABLE, -1, page_end - 4);
		syscall(SYS_quotactl_fd, 0, commands[i] << 8, 7, bytes);
	}
}

static void attributes(void)
{
	char text[64];
	int fd = memfd_create("attributes", 0);
	syscall(SYS_setxattr, "/absent", "user.name", "abc", 4, 1);
	syscall(SYS_setxattr, "/absent", "user.name", "abc\0", 5, 2);
	syscall(SYS_setxattr, "/absent", "user.a name that is longer than strings are shown", "abc", 3, 9);
	syscall(SYS_lsetxattr, "/absent", "user.name", page_end - 8, 65537, 0);
	syscall(SYS_fsetxattr, fd, "user.name", "value", 6, 0);
	syscall(SYS_fgetxattr, fd, "user.name", text, sizeof text);
	syscall(SYS_fgetxattr, fd, "user.name", text, 1);
	syscall(SYS_flistxattr, fd, text, 0);
	syscall(SYS_getxattr, "/", UNREADABLE, text, 0);
	syscall(SYS_removexattr, "/absent", "user.name");
	syscall(SYS_statx, fd, "", 0x1000, 0x7ff, page_end - 256);
	syscall(SYS_statx, -100, "/dev/null", 0, 2, page_end - 256);
	syscall(SYS_open_tree, -1, "", 0x89700 | 0x8000);
	syscall(SYS_openat, -1, "absent", 0x80000000);
	syscall(SYS_ustat, 0xfacefeed00000300, text);
	syscall(SYS_landlock_create_ruleset, 0, 0, 1);
	close(fd);
}

static void waiting(void)
{
	int status;
	siginfo_t info;
	struct rusage usage;
	sigset_t set;
	struct timespec second = { 1, 5 };
	long *size, *head;
	memset(&usage, 0xff, sizeof usage);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	raise(SIGUSR1);
	for (int bytes = 0; bytes < 10; bytes++)
		syscall(SYS_rt_sigpending, page_end - 8, bytes);
	syscall(SYS_rt_sigpending, page_end - 2, 2);
	syscall(SYS_rt_sigtimedwait, &set, &info, &second, 8);
	syscall(SYS_rt_sigtimedwait, &set, &info, &second, 9);
	int ends[2];
	pipe(ends);
	pid_t pid = fork();
	if (!pid) {
		close(ends[1]);
		read(ends[0], &status, 1);
		_exit(7);
	}
	close(ends[0]);
	syscall(SYS_wait4, pid, &status, WNOHANG, &usage);
	syscall(SYS_waitid, P_PID, pid, &info, WNOHANG | WEXITED, 0);
	close(ends[1]);
	syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOWAIT, 0);
	syscall(SYS_wait4, pid, &status, 0, 0);
	syscall(SYS_get_robust_list, 0, &head, &size);
	syscall(SYS_get_robust_list, 0, UNREADABLE, &size);
}

static void numbers(void)
{
	const unsigned long limits[] = { -1, 4096, 1025, 0 };
	syscall(SYS_setrlimit, 99, limits);
	syscall(SYS_setrlimit, 99, limits + 2);
	syscall(SYS_unshare, 0xbadc0ded0000000f);
	syscall(SYS_unshare, 0x80000200);
	syscall(SYS_userfaultfd, 0x40000001);
	syscall(SYS_sethostname, page_end - 65, 65);
	syscall(SYS_syslog, 9, 0, 0);
	syscall(SYS_syslog, 77, "", 4);
	syscall(SYS_syslog, 8, 0, 77);
	prctl(PR_GET_SPECULATION_CTRL, 99, 0, 0, 0);
	syscall(4000, 1, 2);
}

static void requests(void)
{
	aio_context_t context = 0;
	char data[32] = "";
	struct iocb read = { .aio_data = 17, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_buf = (uintptr_t)data, .aio_nbytes = 8 };
	struct iocb poll = { .aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = -1, .aio_buf = 5, .aio_flags = 6, .aio_reqprio = 9 };
	struct iocb odd = { .aio_lio_opcode = 99, .aio_key = 3, .aio_rw_flags = 1, .aio_flags = 1, .aio_reqprio = -2 };
	struct iocb *all[] = { &poll, &odd, NULL, (void *)8, (void *)(page_end - 32), &read };
	struct iocb **last = memcpy(page_end - 8, all, 8);
	struct io_event events[2];
	unsigned long set = 1 << 9;
	struct { void *set; size_t size; } given = { &set, 8 }, half = { &set, 4 }, bad = { (void *)8, 8 };
	syscall(SYS_io_setup, 4, &context);
	syscall(SYS_io_setup, 4, UNREADABLE);
	syscall(SYS_io_submit, 0, 6, all);
	syscall(SYS_io_submit, context, 0, all);
	syscall(SYS_io_submit, 0, 2, last);
	syscall(SYS_io_submit, context, 1, UNREADABLE);
	syscall(SYS_io_cancel, context, &odd, events);
	syscall(SYS_io_cancel, 0, UNREADABLE, NULL);
	syscall(SYS_io_pgetevents, context, 0, 2, events, NULL, &given);
	syscall(SYS_io_pgetevents, context, 0, 2, events, NULL, &half);
	syscall(SYS_io_pgetevents, context, 0, 2, events, NULL, &bad);
	syscall(SYS_io_pgetevents, context, 0, 2, events, NULL, page_end - 8);
	syscall(SYS_io_destroy, 0);
}

static void segments(void)
{
	struct user_desc entry = { .entry_number = 3, .base_addr = 0x1000, .limit = 0xfffff, .seg_32bit = 1, .useable = 1 };
	void *pages[] = { page_end, NULL };
	int status[2];
	syscall(SYS_modify_ldt, 1, &entry, sizeof entry);
	syscall(SYS_modify_ldt, 1, &entry, 12);
	syscall(SYS_modify_ldt, 17, UNREADABLE, sizeof entry);
	syscall(SYS_modify_ldt, 2, &entry, 8);
	syscall(SYS_modify_ldt, -1, &entry, sizeof entry);
	memset(page_end - 4, 0, 4);
	syscall(SYS_get_thread_area, page_end - 4);
	syscall(SYS_get_thread_area, page_end - 2);
	syscall(SYS_move_pages, 0, 2, pages, NULL, status, 1);
	syscall(SYS_move_pages, 0, -1L, pages, status, status, 2);
}

int main(void)
{
	char *two = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page_end = two + 4096;
	mprotect(page_end, 4096, PROT_NONE);
	chdir("/next part");
	tracing();
	chdir("/next part");
	keys();
	chdir("/next part");
	quotas();
	chdir("/next part");
	attributes();
	chdir("/next part");
	waiting();
	chdir("/next part");
	numbers();
	chdir("/next part");
	requests();
	chdir("/next part");
	segments();
	return 0;
}
