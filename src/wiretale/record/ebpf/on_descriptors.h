/*
 * Programs where a task gets a socket: it is followed from then on. Where calls are recorded by eBPF as well, those run
 * the first of them (calls.bpf.c on_sys_exit), and it stands at no tracepoint itself.
 */

/* The calls that make a socket or give it a port (asm/unistd.h). */
#if defined(__TARGET_ARCH_x86)
#define NR_SOCKET 41
#define NR_CONNECT 42
#define NR_BIND 49
#else
#define NR_SOCKET 198
#define NR_BIND 200
#define NR_CONNECT 203
#endif

/* No tracepoint of sockets passes before the first datagram has been queued: the calls themselves are looked at. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
#if defined(__TARGET_ARCH_x86)
	long number = regs->orig_ax;
	__u32 fd = (__u32)regs->di;
#else
	long number = regs->syscallno;
	__u32 fd = (__u32)regs->orig_x0;
#endif
	struct task_struct *task;
	struct file *file = NULL, **files;
	if (number != NR_SOCKET && number != NR_BIND && number != NR_CONNECT)
		return 0;
	if (!is_traced(bpf_get_current_pid_tgid() >> 32))
		return 0;
	if (number == NR_SOCKET) {
		if (result < 0)
			return 0;
		fd = (__u32)result;
	}
	task = (void *)bpf_get_current_task();
	if (fd >= BPF_CORE_READ(task, files, fdt, max_fds))
		return 0;
	files = BPF_CORE_READ(task, files, fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + fd) == 0)
		follow_file(file);
	return 0;
}

/* Run once for each task that is attached: what it has open already. */
SEC("iter/task_file")
int on_task_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	if (task && file && is_traced(BPF_CORE_READ(task, tgid)))
		follow_file(file);
	return 0;
}
