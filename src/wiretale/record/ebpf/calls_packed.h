/* Calls that nobody looks at while recording, packed into the buffer of their CPU (struct wt_packed of tracer.h). */

/* Pieces up to these sizes are copied by instructions, always so many bytes: bpf_probe_read_kernel() costs more. */
#define SHORT_PIECE 64u
#define MIDDLE_PIECE WT_GIVEN_BYTES
/* Most bytes of what is known to be short: a CONTEXT, and a record whose piece has at most MIDDLE_PIECE bytes. */
#define SHORT_BYTES 512u
/* ... and one with another piece, which it was given. */
#define PLAIN_BYTES 832u

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

/* Where the next record of this CPU begins. */
struct place {
	struct wt_packing *packing;
	struct packed_block *block;
	__u64 written;		/* up to the block */
	__u64 at;		/* in the block */
	__u64 ip;		/* the call's, less the CONTEXT's */
};

/* Room for a record of at most `most` bytes with the CONTEXT before it, which is written if need be. False: there is none. */
static __always_inline bool begin_packed(struct place *place, const struct wt_state *t, const struct telling *call, __u32 most)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct task_struct *task = bpf_get_current_task_btf();
	struct wt_packing *p = bpf_map_lookup_elem(&packing, &cpu);
	struct packed_block *block;
	__u64 written, left, at, ip;
	if (!p)
		return false;
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
	place->packing = p;
	place->block = block;
	place->written = written - written % WT_PACKED_BLOCK;
	place->at = at;
	place->ip = ip;
	return true;
}

/* A record's fixed part, from `head` on, and what it has behind it up to the pieces: where those begin. */
static __always_inline __u64 put_fixed(const struct place *place, __u64 head, const struct wt_state *t,
				       const struct telling *call, __u64 *form, __u64 *shape)
{
	struct packed_block *block = place->block;
	__u64 at = head + (call->kind == WT_PACKED_CALL ? sizeof(struct wt_packed) : sizeof(struct wt_packed) - 8);
	if (call->took_ns > 0xffffffff || call->result != (__s32)call->result) {
		*form |= WT_PACKED_WIDE;
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
		*shape |= words << 2 * i;
		at += 4 * words;
	}
	return (at + 7) & ~7ull;
}

static __always_inline bool is_held(__u32 bytes, __u64 full_bytes)
{
	return bytes <= WT_PIECE_HOLDS && full_bytes == bytes;
}

/* What a piece is, before its bytes: where those begin, which is too far behind where the verifier must see that there is room. */
static __always_inline __u64 put_piece_head(struct packed_block *block, __u64 at, const struct wt_state *t, __u32 n_args,
					    const struct wt_given *piece)
{
	__u64 arg = piece->arg & WT_PIECE_ARG, head;
	__u32 how = arg;
	barrier_var(at);
	if (at > WT_PACKED_BLOCK - MIDDLE_PIECE - 24)
		return WT_PACKED_BLOCK;
	head = at;
	at += sizeof(struct wt_packed_piece);
	if (arg >= 6 || arg >= n_args || piece->address != t->args[arg]) {
		how |= WT_PIECE_ADDRESS;
		store(block, at, piece->address);
		at += 8;
	}
	if (piece->detail) {
		how |= WT_PIECE_DETAIL;
		store(block, at, piece->detail);
		at += 8;
	}
	if (is_held(piece->bytes, piece->full_bytes))
		how |= WT_PIECE_HELD;
	store(block, head, (__u64)piece->full_bytes << 32 | how << 24 | (__u32)piece->role << 16 | piece->bytes);
	return at;
}

/* The end of a piece whose head is at `head` and whose bytes are at `at`, from where those that it holds itself are taken. */
static __always_inline __u64 end_piece(struct packed_block *block, __u64 head, __u64 at, __u32 bytes, __u64 full_bytes)
{
	if (!is_held(bytes, full_bytes))
		return at + ((bytes + 7) & ~7u);
	barrier_var(head);
	barrier_var(at);
	if (head > WT_PACKED_BLOCK - sizeof(struct wt_packed_piece) || at > WT_PACKED_BLOCK - 8)
		return WT_PACKED_BLOCK;
	*(__u32 *)(block->bytes + head + 4) = *(__u32 *)(block->bytes + at);
	return at;
}

/* At most MIDDLE_PIECE bytes of the kernel's memory, where so many may be read. */
static __always_inline bool put_known(struct packed_block *block, __u64 at, const __u8 *from, __u32 bytes)
{
	barrier_var(at);
	if (at > WT_PACKED_BLOCK - MIDDLE_PIECE)
		return false;
	if (bytes <= 8)
		store(block, at, *(__u64 *)from);
	else if (bytes <= SHORT_PIECE)
		__builtin_memcpy(block->bytes + at, from, SHORT_PIECE);
	else
		__builtin_memcpy(block->bytes + at, from, MIDDLE_PIECE);
	return true;
}

static __always_inline bool end_packed(const struct place *place, __u64 head, __u64 at, const struct wt_state *t,
				       const struct telling *call, __u64 form, __u64 shape)
{
	struct packed_block *block = place->block;
	struct wt_packing *p = place->packing;
	barrier_var(head);
	if (head > WT_PACKED_BLOCK - sizeof(struct wt_packed))
		return false;
	store(block, head, (at - head) / 8 | call->kind << 16 | form << 24 | (__u64)(__u16)t->number << 32 | shape << 48);
	store(block, head + 8, (call->kind == WT_PACKED_ENTRY ? place->ip : (__u64)call->result) << 32 |
			       (__u32)(call->time_ns - p->time_ns));
	if (call->kind == WT_PACKED_CALL)
		store(block, head + 16, place->ip << 32 | (__u32)call->took_ns);
	p->records++;
	publish(p, place->written + at);
	return true;
}

/* One call, or its entry or return, with the pieces in `w`. False where the buffer is full. */
static __always_inline bool pack(struct work *w, const struct wt_state *t, const struct telling *call)
{
	const struct wt_chunk *c = (void *)w->body;
	__u32 most = SHORT_BYTES;
	__u64 form = 0, shape = 0, head, at, bytes;
	struct place place;
	if (w->pieces == 1 && !c->error && !c->index && c->full_bytes <= 0xffffffff) {
		form = WT_PACKED_PIECE;
		if (w->run > MIDDLE_PIECE)
			most += WT_PACKED_BODY;
	} else if (w->pieces) {
		form = WT_PACKED_PIECES;
		most += WT_PACKED_BODY;
	}
	if (!begin_packed(&place, t, call, most))
		return false;
	head = place.at;
	barrier_var(head);
	if (head > WT_PACKED_BLOCK - SHORT_BYTES + sizeof(struct wt_packed_context))
		return false;
	at = put_fixed(&place, head, t, call, &form, &shape);
	if (form & WT_PACKED_PIECE) {
		struct wt_given piece = { c->address, c->detail, (__u32)c->full_bytes, (__u16)w->run, (__u8)c->role,
					  (__u8)c->arg };
		__u64 of_piece = at;
		at = put_piece_head(place.block, at, t, call->n_args, &piece);
		bytes = w->run;
		if (bytes > MIDDLE_PIECE) {
			barrier_var(at);
			barrier_var(bytes);
			if (at > WT_PACKED_BLOCK - WT_PACKED_BODY || bytes > WT_PACKED_BODY)
				return false;
			bpf_probe_read_kernel(place.block->bytes + at, bytes, w->body + sizeof(*c));
		} else if (!put_known(place.block, at, w->body + sizeof(*c), bytes)) {
			return false;
		}
		at = end_piece(place.block, of_piece, at, bytes, piece.full_bytes);
	} else if (form & WT_PACKED_PIECES) {
		bytes = w->used;
		barrier_var(at);
		barrier_var(bytes);
		if (at > WT_PACKED_BLOCK - WT_PACKED_BODY || bytes > WT_PACKED_BODY)
			return false;
		bpf_probe_read_kernel(place.block->bytes + at, bytes, w->body);
		at += bytes;
	}
	return end_packed(&place, head, at, t, call, form, shape);
}
