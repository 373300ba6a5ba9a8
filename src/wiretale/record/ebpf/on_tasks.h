/* Programs at what the scheduler does with tasks, and at signals. */

#define TASK_TRACED 8	/* __TASK_TRACED of linux/sched.h */

static __always_inline void about(struct wt_kernel_event *e, struct task_struct *task)
{
	e->other_tid = task->pid;
	e->other_tgid = task->tgid;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct wt_kernel_event *e;
	bool leaves = is_traced(prev->tgid), comes = is_traced(next->tgid);
	__u32 from = prev->pid, to = next->pid;
	if (leaves && !preempt && prev->__state & TASK_TRACED) {
		bpf_map_update_elem(&stopped, &from, &YES, BPF_ANY);
		leaves = false;
	}
	if (comes && bpf_map_lookup_elem(&stopped, &to)) {
		bpf_map_delete_elem(&stopped, &to);
		comes = false;
	}
	if (!leaves && !comes)
		return 0;
	if (!is_traced(prev->tgid))
		note_stranger(prev);
	if (!is_traced(next->tgid))
		note_stranger(next);
	e = begin(ctx, WT_SCHED_SWITCH);
	if (!e)
		return 0;
	e->tid = prev->pid;
	e->tgid = prev->tgid;
	about(e, next);
	e->value = preempt ? -1 : (__s32)prev->__state;
	e->value2 = next->prio;
	if (leaves)
		end(ctx, e);
	else
		end_without_stack(e);	/* it would be that of a bystander */
	return 0;
}

static __always_inline int task_event(void *ctx, struct task_struct *task, __u16 kind, __s32 value)
{
	struct wt_kernel_event *e;
	__u32 tid = task->pid;
	if (!is_traced(task->tgid))
		return 0;
	if (kind <= WT_SCHED_MIGRATE && bpf_map_lookup_elem(&stopped, &tid))
		return 0;
	note_softirq(ctx);
	e = begin(ctx, kind);
	if (!e)
		return 0;
	about(e, task);
	e->value = value;
	e->value2 = task->prio;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(on_sched_waking, struct task_struct *task)
{
	return task_event(ctx, task, WT_SCHED_WAKING, 0);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_sched_wakeup, struct task_struct *task)
{
	return task_event(ctx, task, WT_SCHED_WAKEUP, 0);
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_sched_migrate_task, struct task_struct *task, int cpu)
{
	return task_event(ctx, task, WT_SCHED_MIGRATE, cpu);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = parent->tgid, tgid = child->tgid, zero = 0;
	__u32 *recording = bpf_map_lookup_elem(&recorder, &zero);
	if (recording && from == *recording ? tgid == from : !is_traced(from))
		return 0;
	bpf_map_update_elem(&tasks, &tgid, &YES, BPF_ANY);
	return task_event(ctx, child, WT_SCHED_FORK, 0);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_sched_process_exec, struct task_struct *task, int old_pid)
{
	return task_event(ctx, task, WT_SCHED_EXEC, old_pid);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_sched_process_exit, struct task_struct *task)
{
	return task_event(ctx, task, WT_SCHED_EXIT, 0);
}

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal_generate, int number, struct kernel_siginfo *info, struct task_struct *task)
{
	return task_event(ctx, task, WT_SIGNAL_GENERATE, number);
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal_deliver, int number)
{
	struct wt_kernel_event *e;
	/* an interrupt may be what let the task see it */
	if (!is_traced(bpf_get_current_pid_tgid() >> 32) || !(e = begin(ctx, WT_SIGNAL_DELIVER)))
		return 0;
	e->value = number;
	end(ctx, e);
	return 0;
}
