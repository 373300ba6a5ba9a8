/* For whom the kernel works just now: a traced task, or whoever was interrupted. */

#define STACK_SHIFT 14	/* THREAD_SIZE is 16 KB on x86-64 and arm64 */
#define PF_KTHREAD 0x00200000	/* linux/sched.h */

/*
 * The verifier allows no arithmetic on `ctx` but the difference of two pointers, which is a plain number (kernel/bpf/
 * verifier.c adjust_reg_min_max_vals); so is what bpf_get_current_task() returns.
 */
static __always_inline bool on_task_stack(void *ctx, struct task_struct *task)
{
	__u64 here = (__u64)ctx - (__u64)task + bpf_get_current_task();
	return here >> STACK_SHIFT == (__u64)task->stack >> STACK_SHIFT;
}

/*
 * Whether the current task came into the kernel by itself, with a system call. An interrupt that hits a task in user
 * space runs on that task's stack, as it is empty, and so do the softirqs after it (x86 asm/irq_stack.h); only the
 * registers saved at the top of the stack tell it from a call: there is no call's number (x86 entry_64.S idtentry_body:
 * orig_ax is -1; arm64 asm/ptrace.h: NO_SYSCALL). A page fault looks the same; nothing that is recorded here is done in
 * one.
 */
static __always_inline bool in_system_call(struct task_struct *task)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
#if defined(__TARGET_ARCH_x86)
	return (__s64)regs->orig_ax >= 0;
#else
	return regs->syscallno >= 0;
#endif
}

/*
 * Softirq or interrupt: the current task is a bystander. ksoftirqd runs softirqs on its own stack, as other tasks never
 * do (kernel/softirq.c run_ksoftirqd).
 */
static __always_inline bool is_deferred(void *ctx, struct task_struct *task)
{
	struct softirq_state *running;
	__u32 zero = 0;
	if (!on_task_stack(ctx, task))
		return true;
	if (!(task->flags & PF_KTHREAD))
		return !in_system_call(task);
	running = bpf_map_lookup_elem(&softirqs, &zero);
	return running && running->vector;
}

static __always_inline bool is_traced(__u32 tgid)
{
	return bpf_map_lookup_elem(&tasks, &tgid) != NULL;
}

static __always_inline bool current_is_traced(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	return is_traced(task->tgid) && on_task_stack(ctx, task) && in_system_call(task);
}

/* A name may change (exec), and a number come again: the last one stays. */
static __always_inline void note_stranger(struct task_struct *task)
{
	__u32 tid = task->pid;
	struct name now, *known = bpf_map_lookup_elem(&strangers, &tid);
	__builtin_memcpy(now.text, task->comm, NAME_BYTES);
	if (!tid || (known && known->word[0] == now.word[0] && known->word[1] == now.word[1]))
		return;
	bpf_map_update_elem(&strangers, &tid, &now, BPF_ANY);
}
