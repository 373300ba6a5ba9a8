/* Records on their way to the ring, and the pieces they are made of. */

static __always_inline long put_record(struct work *w, __u32 type)
{
	__u64 bytes = w->used;
	w->record.type = type;
	barrier_var(bytes);	/* the verifier must see the bound on what is passed on */
	bytes &= 2 * BODY_BYTES - 1;
	return bpf_ringbuf_output(&ring, w, sizeof(struct wt_record) + bytes, BPF_RB_NO_WAKEUP);
}

/* What there is so far goes out, so that more finds room. */
static __always_inline void put_part(struct work *w)
{
	if (!w->failed && put_record(w, WT_RECORD_PART))
		w->failed = 1;
	w->record.parts++;
	w->used = 0;
}

static __always_inline void begin_pieces(struct work *w)
{
	w->record.cpu = bpf_get_smp_processor_id();
	w->record.parts = w->record.reserved = 0;
	w->used = w->failed = w->faulted = w->named = w->pieces = w->asked = 0;
}

static __always_inline void begin_record(struct work *w, __u16 kind, __u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct wt_event *e = &w->record.event;
	__builtin_memset(e, 0, sizeof(*e));
	begin_pieces(w);
	e->time_ns = e->resume_ns = now;
	e->tid = task->pid;
	e->tgid = task->tgid;
	e->kind = kind;
	e->cpu = (__s32)w->record.cpu;
}

static __always_inline bool end_record(struct work *w, __u32 type, __u32 lost)
{
	if (!w->failed && !put_record(w, type))
		return true;
	count(lost);
	return false;
}

static __always_inline __u64 piece(__u16 role, __u16 arg, __u32 index)
{
	return (__u64)index << 32 | (__u32)arg << 16 | role;
}

static __always_inline struct wt_chunk *open_chunk(struct work *w)
{
	return (void *)&w->body[w->chunk_at & BODY_MASK];
}

static __always_inline void begin_chunk(struct work *w, __u64 piece, __u64 address, __u64 full, __u64 detail)
{
	struct wt_chunk *c;
	w->chunk_at = w->used;
	c = open_chunk(w);
	__builtin_memset(c, 0, sizeof(*c));
	c->address = address;
	c->full_bytes = full;
	c->role = (__u16)piece;
	c->arg = (__u16)(piece >> 16);
	c->index = (__u32)(piece >> 32);
	c->detail = detail;
	w->used += sizeof(*c);
	w->run = 0;
	w->pieces++;
}

static __always_inline void end_chunk(struct work *w)
{
	struct wt_chunk *c = open_chunk(w);
	c->reserved = w->run;
	w->used = (w->used + 7) & ~7u;
}

static __always_inline void make_room(struct work *w, __u32 bytes)
{
	if (w->used + sizeof(struct wt_chunk) + bytes + 8 > BODY_BYTES)
		put_part(w);
}

/* Bytes that are known already; `bytes` is a constant. */
#define PUT_KNOWN(w, piece, detail, address, from, bytes) \
	do { \
		make_room(w, bytes); \
		begin_chunk(w, piece, address, bytes, detail); \
		bpf_probe_read_kernel(&(w)->body[(w)->used & BODY_MASK], bytes, from); \
		(w)->used += bytes; \
		(w)->run = bytes; \
		end_chunk(w); \
	} while (0)
