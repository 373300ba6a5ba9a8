/*
 * System calls of the followed tasks without ptrace: entry and exit are paired here, and what a call carries is read by
 * the same plan (struct wt_op of tracer.h) that the ptrace engine follows. The records are made into the same files.
 *
 * Few of the records are looked at while recording: those of tasks, of descriptors and of what is notable. They go through
 * a ring. All others are packed into a buffer of their CPU, from which the recorder copies whatever there is: they cost
 * it nothing but their bytes, so they are made short (struct wt_packed of tracer.h).
 *
 * Memory of a program is read without page faults. What it never touched before (a constant of its image) may not be
 * there at the entry; then the entry is told at the exit, when the kernel itself has read it.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "../ptrace/tracer.h"
#include "maps.h"
#include "calls_maps.h"
#include "calls_records.h"
#include "calls_memory.h"
#include "calls_descriptors.h"
#include "calls_plan.h"
#include "calls_packed.h"
#include "calls_plain.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define TS_COMPAT 2		/* asm/thread_info.h */

/* What the ops of a call read. */
static __always_inline void put_call(struct work *w, const struct wt_state *t)
{
	w->word = t->arch & 0x80000000u ? 8 : 4;
	__builtin_memcpy(w->args, t->args, sizeof(w->args));
}

static __always_inline bool is_looked_at(const struct work *w, const struct wt_state *t, __u32 flags)
{
	return !packed_blocks || w->asked || w->record.parts || flags & WT_FLAG_NOTABLE || w->used > WT_PACKED_BODY ||
	       (__u64)t->number > 0xffff;
}

static __always_inline bool end_call(struct work *w, const struct wt_state *t, const struct telling *call, __u32 flags)
{
	struct wt_event *e = &w->record.event;
	struct task_struct *task;
	if (!is_looked_at(w, t, flags)) {
		if (pack(w, t, call))
			return true;
		count(LOST_CALLS);
		return false;
	}
	task = bpf_get_current_task_btf();
	e->time_ns = call->time_ns - call->took_ns;
	e->resume_ns = call->time_ns;
	e->seq = e->first_chunk = 0;
	e->tid = task->pid;
	e->tgid = task->tgid;
	e->kind = call->kind == WT_PACKED_CALL ? WT_CALL : call->kind;
	e->flags = flags;
	e->chunks = 0;
	e->arch = t->arch;
	e->cpu = (__s32)w->record.cpu;
	e->number = t->number;
	e->value = call->kind == WT_PACKED_ENTRY ? (__s64)t->ip : call->result;
	e->extra = call->kind == WT_PACKED_CALL ? t->ip : 0;
	__builtin_memcpy(e->args, t->args, sizeof(e->args));
	return end_record(w, WT_RECORD_EVENT, LOST_CALLS);
}

static __always_inline void read_arguments(struct wt_state *t, struct pt_regs *regs, bool compat)
{
#if defined(__TARGET_ARCH_x86)
	t->ip = regs->ip;
	if (compat) {
		t->args[0] = (__u32)regs->bx;
		t->args[1] = (__u32)regs->cx;
		t->args[2] = (__u32)regs->dx;
		t->args[3] = (__u32)regs->si;
		t->args[4] = (__u32)regs->di;
		t->args[5] = (__u32)regs->bp;
		return;
	}
	t->args[0] = regs->di;
	t->args[1] = regs->si;
	t->args[2] = regs->dx;
	t->args[3] = regs->r10;
	t->args[4] = regs->r8;
	t->args[5] = regs->r9;
#elif defined(__TARGET_ARCH_arm64)
	t->ip = regs->pc;
	t->args[0] = regs->orig_x0;
	for (int i = 1; i < 6; i++)
		t->args[i] = regs->regs[i];
#endif
}

static __always_inline bool is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return task->thread_info.status & TS_COMPAT;
#else
	return false;
#endif
}

/* The thread's state, if its process is followed: made at its first call. */
static __always_inline struct wt_state *followed(struct task_struct *task)
{
	struct wt_state *t = bpf_task_storage_get(&states, task, 0, 0);
	__u32 tgid = task->tgid;
	if (t || !bpf_map_lookup_elem(&tasks, &tgid))
		return t;
	return bpf_task_storage_get(&states, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline __u32 following(struct task_struct *task)
{
	__u32 tgid = task->tgid, *how = bpf_map_lookup_elem(&tasks, &tgid);
	return how ? *how : 0;
}

static __always_inline __u32 args_of(const struct wt_call *call)
{
	return call ? call->n_args : 6;
}

static __always_inline bool end_entry(struct work *w, const struct wt_state *t, const struct wt_call *call)
{
	struct telling entry = { t->entry_ns, 0, 0, WT_PACKED_ENTRY, args_of(call) };
	return end_call(w, t, &entry, 0);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs *regs, long id)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct wt_state *t = followed(task);
	struct wt_settings *s = my_settings();
	struct wt_call *call;
	struct work *w;
	bool compat;
	if (!t || !s)
		return 0;
	t->in_call = 0;
	compat = is_compat(task);
	t->arch = compat ? s->compat : s->native;
	call = plan_of(s, t->arch, id);
	if (s->flags & WT_SELECTED_ONLY && !(call && call->flags & WT_CALL_SELECTED))
		return 0;
	if (!t->begun) {	/* not past its first execve, if it has one to come */
		if (following(task) == WT_BEFORE_EXEC && (compat || (id != s->execve[0] && id != s->execve[1])))
			return 0;
		t->begun = 1;
	}
	t->entry_ns = bpf_ktime_get_ns();
	t->number = id;
	t->told = t->named = t->bare = t->given.role = 0;
	read_arguments(t, regs, compat);
	t->in_call = 1;
	if (!call || (!(call->whens & WT_AT_ENTRY) && !(call->flags & WT_CALL_SIGRETURN)))
		return 0;
	if (is_plain(call) && keep_given(t, s, call)) {
		t->bare = 1;
		return 0;
	}
	w = my_work();
	if (!w)
		return 0;
	begin_pieces(w);
	put_call(w, t);
	run_ops(call, WT_AT_ENTRY);
	if (call->flags & WT_CALL_SIGRETURN)
		capture_signal_frame(regs->sp, t->arch);
	t->named = w->named;
	if (w->faulted && !(call->whens & WT_TWICE) && !w->record.parts)
		return 0;	/* told at the exit, when its memory is there */
	if (packed_blocks && !w->pieces) {	/* nobody waits for it, and the exit says all of it */
		t->bare = 1;
		return 0;
	}
	t->told = 1;
	if (!end_entry(w, t, call))
		t->in_call = 0;
	return 0;
}

/* The entry of a call that was not told yet, as far as its memory can be read now. */
static __always_inline bool tell_entry(struct work *w, struct wt_state *t, const struct wt_call *call)
{
	t->told = 1;
	begin_pieces(w);
	put_call(w, t);
	if (t->given.role) {
		put_given(w, t);
		return end_entry(w, t, call);
	}
	w->late = 1;
	if (call)
		run_ops(call, WT_AT_ENTRY);
	w->late = 0;
	t->named = w->named;
	return end_entry(w, t, call);
}

static __always_inline bool is_error(__s64 result)
{
	return result < 0 && result >= -4095;
}

/* Tells a call that returned, whatever it carries. Returns the flags of its plan. */
static __always_inline __u32 tell_exit(struct wt_state *t, __s64 result, __u64 now)
{
	struct wt_settings *s = my_settings();
	struct work *w = my_work();
	struct telling done = { now, 0, result, WT_PACKED_EXIT, 0 };
	bool failed = is_error(result), told;
	struct wt_call *call;
	__u32 flags;
	if (!t || !s || !w)
		return 0;
	call = plan_of(s, t->arch, t->number);
	if (!t->told && (t->given.role || (!t->bare && call && call->whens & WT_AT_ENTRY))) {
		/* a script's arguments are not those of the call: its interpreter stands before them */
		w->executed = t->number == s->execve[0] && !result && !t->is_script;
		told = tell_entry(w, t, call);
		w->executed = 0;
		if (!told)
			return call ? call->flags : 0;
	}
	begin_pieces(w);
	flags = failed ? WT_FLAG_ERROR : 0;
	if (call && (call->whens & (WT_AT_EXIT | WT_AT_ERROR) || call->flags & ~(WT_CALL_SELECTED | WT_CALL_CLONE))) {
		put_call(w, t);
		w->result = failed ? 0 : result;
		run_ops(call, failed ? WT_AT_ERROR : WT_AT_EXIT);
		w->result = result;
		ask_descriptors(w, call, t);
		if (call->flags & WT_CALL_NOTABLE && (!failed || result == -EINPROGRESS) && condition_holds(call, t))
			flags |= WT_FLAG_NOTABLE;
	}
	if (!t->told) {
		done.took_ns = now - t->entry_ns;
		done.kind = WT_PACKED_CALL;
		done.n_args = args_of(call);
	}
	end_call(w, t, &done, flags);
	return call ? call->flags : 0;
}

/* The same, by the short way. 0 where it is none: nothing has been told then. */
__noinline int tell_plain(struct wt_state *t, __s64 result, __u64 now)
{
	struct wt_settings *s = my_settings();
	struct telling done = { now, 0, result, WT_PACKED_CALL, 0 };
	struct wt_call *call;
	if (!t || !s)
		return 0;
	call = plan_of(s, t->arch, t->number);
	if (!is_plain(call) || t->told || (!t->bare && call->whens & WT_AT_ENTRY))
		return 0;
	done.took_ns = now - t->entry_ns;
	done.n_args = call->n_args;
	return pack_plain(t, s, call, &done, is_error(result));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
	struct wt_state *t = bpf_task_storage_get(&states, bpf_get_current_task_btf(), 0, 0);
	struct wt_settings *s = my_settings();
	__u64 now;
	if (!t || !s || !t->in_call)
		return 0;
	now = bpf_ktime_get_ns();
	t->in_call = 0;
	if (t->arch == s->compat)
		result = (__s32)result;
	if (tell_plain(t, result, now))
		return 0;
	if (tell_exit(t, result, now) & (WT_CALL_CHANGES_SOCKET | WT_CALL_RESULT_SOCKET) && may_tail_call)
		bpf_tail_call(ctx, &at_socket_calls, 0);
	return 0;
}

#include "calls_tasks.h"
