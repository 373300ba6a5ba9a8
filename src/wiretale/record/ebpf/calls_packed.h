/* Calls that nobody looks at while recording, packed into the buffer of their CPU (struct wt_packed of tracer.h). */

/* Pieces up to these sizes are copied by instructions, always so many bytes: bpf_probe_read_kernel() costs more. */
#define SHORT_PIECE 64u
#define MIDDLE_PIECE 256u	/* what snaplen keeps unless told otherwise */
/* Most bytes of what is known to be short: a CONTEXT, and a record whose piece has at most MIDDLE_PIECE bytes. */
#define SHORT_BYTES 512u

/* What is before it in the program is seen before it by the recorder. */
static __always_inline void publish(struct wt_packing *p, __u64 written)
{
#if defined(__TARGET_ARCH_x86)	/* stores are seen in their order */
	barrier();
	*(volatile __u64 *)&p->written = written;
#else
	__sync_lock_test_and_set(&p->written, written);
#endif
}

static __always_inline struct packed_block *block_of(__u32 cpu, __u64 written)
{
	__u32 index = cpu * packed_blocks + ((written / WT_PACKED_BLOCK) & (packed_blocks - 1));
	return bpf_map_lookup_elem(&packed, &index);
}

/* In how many words of 32 bits the number fits, 0 to 2. Without branches, which the verifier would all follow. */
static __always_inline __u64 words_of(__u64 value)
{
	__u64 high = value >> 32, less = 0 - value, less_high = 0 - high;
	barrier_var(less);
	barrier_var(less_high);
	return ((value | less) >> 63) + ((high | less_high) >> 63);
}

static __always_inline void store(struct packed_block *block, __u64 at, __u64 value)
{
	*(__u64 *)(block->bytes + at) = value;
}

struct telling {
	__u64 time_ns;
	__u64 took_ns;
	__s64 result;
	__u32 kind;
	__u32 n_args;
};

/* One call, or its entry or return, with the pieces in `w`. False where the buffer is full. */
static __always_inline bool pack(struct work *w, const struct wt_state *t, const struct telling *call)
{
	__u32 cpu = bpf_get_smp_processor_id(), most = SHORT_BYTES, form = 0, head, shape = 0;
	struct task_struct *task = bpf_get_current_task_btf();
	struct wt_packing *p = bpf_map_lookup_elem(&packing, &cpu);
	const struct wt_chunk *c = (void *)w->body;
	struct packed_block *block;
	__u64 written, left, bytes, at, ip;
	if (!p)
		return false;
	if (w->pieces == 1 && !c->error && !c->index && c->full_bytes <= 0xffffffff) {
		form = WT_PACKED_PIECE;
		if (w->run > MIDDLE_PIECE)
			most += WT_PACKED_BODY;
	} else if (w->pieces) {
		form = WT_PACKED_PIECES;
		most += WT_PACKED_BODY;
	}
	written = p->written;
	left = WT_PACKED_BLOCK - written % WT_PACKED_BLOCK;
	if (written + most + (left < most ? left : 0) - *(volatile __u64 *)&p->taken > (__u64)packed_blocks * WT_PACKED_BLOCK)
		return false;
	block = block_of(cpu, written);
	if (!block)
		return false;
	if (left < most) {
		at = written % WT_PACKED_BLOCK;
		if (at > WT_PACKED_BLOCK - 8)
			return false;
		store(block, at, 0);
		written += left;
		block = block_of(cpu, written);
		if (!block)
			return false;
	}
	at = written % WT_PACKED_BLOCK;
	ip = t->ip - p->ip;
	if (!at || p->tid != (__u32)task->pid || p->arch != t->arch || call->time_ns - p->time_ns > 0xffffffff ||
	    ip + 0x80000000 > 0xffffffff) {
		if (at > WT_PACKED_BLOCK - SHORT_BYTES)
			return false;
		if (!at) {
			store(block, 0, (__u64)cpu << 32 | WT_PACKED_CPU << 16 | 1);
			at += 8;
		}
		p->tid = task->pid;
		p->arch = t->arch;
		p->time_ns = call->time_ns;
		p->ip = t->ip;
		ip = 0;
		store(block, at, (__u64)t->arch << 32 | WT_PACKED_CONTEXT << 16 | sizeof(struct wt_packed_context) / 8);
		store(block, at + 8, p->time_ns);
		store(block, at + 16, p->ip);
		store(block, at + 24, (__u64)(__u32)task->tgid << 32 | p->tid);
		at += sizeof(struct wt_packed_context);
	}
	barrier_var(at);
	if (at > WT_PACKED_BLOCK - SHORT_BYTES + sizeof(struct wt_packed_context))
		return false;
	head = at;
	at += call->kind == WT_PACKED_CALL ? sizeof(struct wt_packed) : sizeof(struct wt_packed) - 8;
	if (call->took_ns > 0xffffffff || call->result != (__s32)call->result) {
		form |= WT_PACKED_WIDE;
		store(block, at, call->took_ns);
		store(block, at + 8, call->result);
		at += 16;
	}
#pragma unroll
	for (__u32 i = 0; i < 6; i++) {
		__u64 words;
		if (i >= call->n_args)
			break;
		words = words_of(t->args[i]);
		store(block, at, t->args[i]);
		shape |= words << 2 * i;
		at += 4 * words;
	}
	at = (at + 7) & ~7ull;
	if (form & WT_PACKED_PIECE) {
		__u64 arg = c->arg & WT_PIECE_ARG, run = w->run, piece = at;
		__u32 how = arg;
		at += sizeof(struct wt_packed_piece);
		if (arg >= 6 || arg >= call->n_args || c->address != t->args[arg]) {
			how |= WT_PIECE_ADDRESS;
			store(block, at, c->address);
			at += 8;
		}
		if (c->detail) {
			how |= WT_PIECE_DETAIL;
			store(block, at, c->detail);
			at += 8;
		}
		store(block, piece, (__u64)c->full_bytes << 32 | how << 24 | (__u32)(__u8)c->role << 16 | (__u32)run);
		barrier_var(at);
		if (run <= 8) {
			if (at > WT_PACKED_BLOCK - 8)
				return false;
			store(block, at, *(__u64 *)(w->body + sizeof(*c)));
		} else if (run <= SHORT_PIECE) {
			if (at > WT_PACKED_BLOCK - SHORT_PIECE)
				return false;
			__builtin_memcpy(block->bytes + at, w->body + sizeof(*c), SHORT_PIECE);
		} else if (run <= MIDDLE_PIECE) {
			if (at > WT_PACKED_BLOCK - MIDDLE_PIECE)
				return false;
			__builtin_memcpy(block->bytes + at, w->body + sizeof(*c), MIDDLE_PIECE);
		} else {
			bytes = run;
			barrier_var(bytes);
			if (at > WT_PACKED_BLOCK - WT_PACKED_BODY || bytes > WT_PACKED_BODY)
				return false;
			bpf_probe_read_kernel(block->bytes + at, bytes, w->body + sizeof(*c));
		}
		at += (run + 7) & ~7ull;
	} else if (form & WT_PACKED_PIECES) {
		bytes = w->used;
		barrier_var(at);
		barrier_var(bytes);
		if (at > WT_PACKED_BLOCK - WT_PACKED_BODY || bytes > WT_PACKED_BODY)
			return false;
		bpf_probe_read_kernel(block->bytes + at, bytes, w->body);
		at += bytes;
	}
	barrier_var(head);
	if (head > WT_PACKED_BLOCK - sizeof(struct wt_packed))
		return false;
	store(block, head, (at - head) / 8 | call->kind << 16 | form << 24 | (__u64)(__u16)t->number << 32 |
			   (__u64)shape << 48);
	store(block, head + 8, (call->kind == WT_PACKED_ENTRY ? ip : (__u64)call->result) << 32 |
			       (__u32)(call->time_ns - p->time_ns));
	if (call->kind == WT_PACKED_CALL)
		store(block, head + 16, ip << 32 | (__u32)call->took_ns);
	p->records++;
	publish(p, written - written % WT_PACKED_BLOCK + at);
	return true;
}
