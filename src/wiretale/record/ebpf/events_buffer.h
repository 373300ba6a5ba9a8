/* Writing an event into the buffer of its CPU, and its stack into the ring of stacks. */

/*
 * A place for an event of this CPU. Programs interrupt each other (an interrupt another's, a softirq a call's), so one
 * number says both how many places are taken and how many programs are still writing theirs: where the recorder reads
 * that none is, all of them are whole.
 */
static __always_inline struct wt_kernel_slot *take_slot(__u32 cpu)
{
	struct wt_filling *f = bpf_map_lookup_elem(&filling, &cpu);
	__u64 begun;
	__u32 index;
	if (!f)
		return NULL;
	begun = *(volatile __u64 *)&f->begun & WT_BEGUN_EVENTS;
	if (begun - *(volatile __u64 *)&f->taken + WT_NESTED >= events_of_cpu)
		return NULL;
	begun = __sync_fetch_and_add(&f->begun, WT_WRITING + 1);
	index = cpu * (__u32)events_of_cpu + (__u32)((begun & WT_BEGUN_EVENTS) % events_of_cpu);
	return bpf_map_lookup_elem(&events, &index);
}

static __always_inline struct wt_kernel_event *begin_in(struct task_struct *task, enum wt_context context, __u16 kind)
{
	__u32 cpu = bpf_get_smp_processor_id(), zero = 0;
	struct wt_kernel_slot *slot = take_slot(cpu);
	struct softirq_state *running;
	struct wt_kernel_event *e;
	if (!slot) {
		count(kind);
		return NULL;
	}
	count(WT_KINDS + kind);
	__builtin_memset(slot, 0, sizeof(*slot));
	slot->bytes = sizeof(*e);
	e = &slot->event;
	e->time_ns = bpf_ktime_get_ns();
	e->kind = kind;
	e->cpu = cpu;
	e->tid = task->pid;
	e->tgid = task->tgid;
	e->context = context;
	running = bpf_map_lookup_elem(&softirqs, &zero);
	if (running && e->context == WT_DEFERRED)
		e->softirq = running->vector;
	return e;
}

static __always_inline struct wt_kernel_event *begin(void *ctx, __u16 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	return begin_in(task, is_deferred(ctx, task) ? WT_DEFERRED : WT_OF_TASK, kind);
}

/* How the kernel came here. Which of the frames belong to a bystander is found later, by their names. */
static __always_inline void take_stack(void *ctx, __u16 kind, __u16 cpu, __u8 context, __u64 time_ns)
{
	struct wt_kernel_stack *s;
	__u32 index = 2 * kind + context;
	__u64 *taken = bpf_map_lookup_elem(&stacks_taken, &index);
	if (!taken || *taken >= stacks_of_each_kind)
		return;
	__sync_fetch_and_add(taken, 1);
	s = bpf_ringbuf_reserve(&stacks, sizeof(*s), 0);
	if (!s) {
		count(2 * WT_KINDS + kind);
		return;
	}
	s->time_ns = time_ns;
	s->kind = kind;
	s->cpu = cpu;
	s->bytes = (__s32)bpf_get_stack(ctx, s->frames, sizeof(s->frames), 0);
	bpf_ringbuf_submit(s, BPF_RB_NO_WAKEUP);
}

static __always_inline void end_without_stack(struct wt_kernel_event *e)
{
	__u32 cpu = e->cpu;
	struct wt_filling *f = bpf_map_lookup_elem(&filling, &cpu);
	/* What it returns is looked at, because only then are the stores before it seen before it (on arm64). */
	if (f && __sync_fetch_and_sub(&f->begun, WT_WRITING) < WT_WRITING)
		count(0);
}

static __always_inline void end(void *ctx, struct wt_kernel_event *e)
{
	__u64 time_ns = e->time_ns;
	__u16 kind = e->kind, cpu = e->cpu;
	__u8 context = e->context;
	end_without_stack(e);
	if (stacks_of_each_kind)	/* the verifier takes this out where there are none to take */
		take_stack(ctx, kind, cpu, context, time_ns);
}

/* The entry of a softirq is written when something of ours happens in it, with the time at which it began. */
static __always_inline void note_softirq(void *ctx)
{
	__u32 zero = 0;
	struct softirq_state *running = bpf_map_lookup_elem(&softirqs, &zero);
	struct wt_kernel_event *e;
	if (!running || !running->vector || running->written || !is_deferred(ctx, bpf_get_current_task_btf()))
		return;
	running->written = 1;
	if (!is_traced(bpf_get_current_pid_tgid() >> 32))
		note_stranger(bpf_get_current_task_btf());
	e = begin(ctx, WT_SOFTIRQ_ENTRY);
	if (!e)
		return;
	e->time_ns = running->entry_ns;
	e->value = (__s32)running->vector - 1;
	end_without_stack(e);	/* it is not there any more */
}
