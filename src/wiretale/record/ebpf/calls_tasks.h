/* Tasks that begin, execute a program, end or get a signal. */

#define DESCRIPTORS_LIMIT 1024
#define SIGKILL 9
#define SIGCHLD 17
#define CLONE_VM 0x100
#define CLONE_VFORK 0x4000
#define CLONE_THREAD 0x10000
#define EVENT_FORK 1		/* PTRACE_EVENT_* */
#define EVENT_VFORK 2
#define EVENT_CLONE 3
#define SIGNAL_GROUP_EXIT 4	/* linux/sched/signal.h */

/* Who a task is. The program's memory is the current task's, so a new task must still share or copy it. */
static __always_inline void put_identity(struct work *w, struct task_struct *task, bool whole)
{
	struct wt_identity who = {};
	__u64 netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	PUT_KNOWN(w, piece(WT_COMM, 0, 0), 0, 0, &task->comm, 16);
	who.ppid = BPF_CORE_READ(task, real_parent, tgid);
	who.uid = BPF_CORE_READ(task, cred, uid.val);
	who.euid = BPF_CORE_READ(task, cred, euid.val);
	who.suid = BPF_CORE_READ(task, cred, suid.val);
	who.fsuid = BPF_CORE_READ(task, cred, fsuid.val);
	PUT_KNOWN(w, piece(WT_STATUS, 0, 0), 0, 0, &who, sizeof(who));
	if (netns)
		PUT_KNOWN(w, piece(WT_NETNS, 0, 0), 0, 0, &netns, 8);
	if (whole) {
		struct mm_struct *mm = BPF_CORE_READ(task, mm);
		struct file *exe = BPF_CORE_READ(mm, exe_file);
		__u64 from = BPF_CORE_READ(mm, arg_start), bytes = BPF_CORE_READ(mm, arg_end) - from;
		if (exe)
			put_path(piece(WT_EXE, 0, 0), (__u64)BPF_CORE_READ(exe, f_path.dentry),
				 (__u64)BPF_CORE_READ(exe, f_path.mnt), 0);
		capture(piece(WT_CMDLINE, 0, 0), from, bytes, 32768, 0);
		put_path(piece(WT_CWD, 0, 0), (__u64)BPF_CORE_READ(task, fs, pwd.dentry),
			 (__u64)BPF_CORE_READ(task, fs, pwd.mnt), 0);
	}
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct wt_state *t = bpf_task_storage_get(&states, bpf_get_current_task_btf(), 0, 0);
	struct wt_settings *s = my_settings();
	struct work *w = my_work();
	__u32 tid = child->pid, tgid = child->tgid, is_thread = tid != tgid, how = WT_FOLLOWED;
	__u64 now = bpf_ktime_get_ns(), flags = 0, signal = SIGCHLD;
	struct wt_event *e;
	struct wt_call *call;
	if (!t || !s || !w || (s->flags & WT_NO_FOLLOW && !is_thread) || following(parent) == WT_BEFORE_EXEC)
		return 0;
	if (!is_thread && bpf_map_update_elem(&tasks, &tgid, &how, BPF_ANY)) {
		count(LOST_TASKS);
		return 0;
	}
	call = t->in_call ? plan_of(s, t->arch, t->number) : NULL;
	if (call && call->flags & WT_CALL_CLONE) {
		signal = t->args[0] & 0xff;
		flags = t->args[0] & ~0xffull;
	} else if (call && call->flags & WT_CALL_CLONE3) {
		bpf_probe_read_user(&flags, 8, (void *)t->args[0]);
		bpf_probe_read_user(&signal, 8, (void *)(t->args[0] + 32));	/* struct clone_args */
	} else if (call && call->flags & WT_CALL_VFORK) {
		flags = CLONE_VFORK | CLONE_VM;
	}
	if (is_thread)
		flags |= CLONE_THREAD;
	begin_record(w, WT_CLONE, now);
	e = &w->record.event;
	e->number = tid;
	e->value = flags & CLONE_VFORK ? EVENT_VFORK : signal != SIGCHLD || is_thread ? EVENT_CLONE : EVENT_FORK;
	e->extra = flags;
	e->flags = is_thread ? 0 : WT_FLAG_NOTABLE;
	end_record(w, WT_RECORD_EVENT, LOST_EVENTS);
	begin_record(w, WT_ATTACHED, now);
	e->tid = tid;
	e->tgid = tgid;
	e->flags = WT_FLAG_FOLLOWED;
	put_identity(w, child, !is_thread);
	end_record(w, WT_RECORD_EVENT, LOST_EVENTS);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct wt_state *t = bpf_task_storage_get(&states, bpf_get_current_task_btf(), 0, 0);
	struct work *w = my_work();
	__u32 tgid = task->tgid, how = WT_FOLLOWED;
	if (!t || !w)
		return 0;
	t->is_script = BPF_CORE_READ(bprm, interp) != BPF_CORE_READ(bprm, filename);
	begin_record(w, WT_EXEC, bpf_ktime_get_ns());
	w->record.event.number = old_pid;
	w->record.event.flags = WT_FLAG_NOTABLE;
	put_identity(w, task, true);
	if (following(task) == WT_BEFORE_EXEC) {	/* before, it held the recorder's own descriptors */
		bpf_map_update_elem(&tasks, &tgid, &how, BPF_ANY);
		bpf_loop(DESCRIPTORS_LIMIT, descriptor_step, NULL, 0);
	}
	end_record(w, WT_RECORD_EVENT, LOST_EVENTS);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_sched_process_exit, struct task_struct *task)
{
	struct task_struct *me = bpf_get_current_task_btf();
	struct wt_state *t = bpf_task_storage_get(&states, me, 0, 0);
	struct wt_settings *s = my_settings();
	struct work *w = my_work();
	struct signal_struct *group = me->signal;
	__u32 tgid = me->tgid;
	if (!s || !w || !(t || following(me)))
		return 0;
	if (t && t->in_call && !t->told)	/* exit(2) itself, or a call in which it was killed */
		tell_entry(w, t, plan_of(s, t->arch, t->number));
	begin_record(w, WT_END, bpf_ktime_get_ns());
	w->record.event.number = BPF_CORE_READ(group, flags) & SIGNAL_GROUP_EXIT ? BPF_CORE_READ(group, group_exit_code)
									       : me->exit_code;
	w->record.event.flags = WT_FLAG_NOTABLE;
	end_record(w, WT_RECORD_EVENT, LOST_EVENTS);
	if (BPF_CORE_READ(group, live.counter) == 0)
		bpf_map_delete_elem(&tasks, &tgid);
	return 0;
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal_deliver, int number, struct kernel_siginfo *info)
{
	struct wt_state *t = bpf_task_storage_get(&states, bpf_get_current_task_btf(), 0, 0);
	struct work *w = my_work();
	if (!t || !w || number == SIGKILL)	/* that one is told by the end it makes */
		return 0;
	begin_record(w, WT_SIGNAL, bpf_ktime_get_ns());
	w->record.event.number = number;
	if ((__u64)info > 2)	/* SEND_SIG_NOINFO, SEND_SIG_PRIV */
		PUT_KNOWN(w, piece(WT_SIGINFO, 0, 0), 0, 0, info, 48);
	end_record(w, WT_RECORD_EVENT, LOST_EVENTS);
	return 0;
}
