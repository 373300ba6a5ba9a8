/*
 * Plain calls: at their entry and at their return they carry one short piece at most (read, write, poll, epoll_wait; send
 * and recv, which have no addresses ...). Programs make them more often than all others, so they take the shortest way:
 * what a call was given waits in the thread's state, what it returns is read into the buffer of the CPU itself. Where
 * something is not so plain (a long piece, memory that is not there, a full buffer) the general way begins anew.
 */

#define PLAIN_OPS 3	/* of recvfrom */

static __always_inline bool is_plain(const struct wt_call *call)
{
	return packed_blocks && call && call->ops <= PLAIN_OPS &&
	       (!(call->flags & ~WT_CALL_SELECTED) ||
		(!(call->flags & ~(WT_CALL_SELECTED | WT_CALL_CHANGES_SOCKET)) && call->condition == WT_IF_NAMED));
}

static __always_inline __u64 plain_arg(const struct wt_state *t, __u32 number)
{
	return number < 6 ? t->args[number] : ~0ull;
}

/* What the plan says of the piece. False if it is none for the short way; without a role there is nothing to read. */
static __always_inline bool plan_plain(struct wt_given *piece, const struct wt_settings *s, const struct wt_state *t,
				       const struct wt_call *call, __u32 when, __s64 result)
{
	const struct wt_op *op = NULL;
	__u64 full, most;
	piece->role = 0;
	piece->bytes = 0;
	if (!(call->whens & when))
		return true;
	for (__u32 i = 0; i < PLAIN_OPS && i < call->ops; i++) {
		__u32 number = call->first_op + i;
		const struct wt_op *next = bpf_map_lookup_elem(&ops, &number);
		if (!next || next->what != WT_READ_BYTES || next->only_arg < 6)
			return false;
		if (!(next->when & when) || !plain_arg(t, next->arg))
			continue;
		if (op || next->role == WT_SOCKADDR)	/* with an address it changes its socket, perhaps */
			return false;
		op = next;
	}
	if (!op)
		return true;
	full = elements(op, plain_arg(t, op->count_arg), result, 0);
	if (op->count_from > WT_COUNT_RETURN || full > 0xffffff)
		return false;
	full *= op->size;
	if (!full)
		return true;
	most = op->flags & WT_OP_PAYLOAD ? s->snaplen : op->limit;
	if (most > full)
		most = full;
	if (most > WT_GIVEN_BYTES || full > 0xffffffff)
		return false;
	piece->address = plain_arg(t, op->arg);
	piece->detail = op->role == WT_ARRAY ? op->size : 0;
	piece->full_bytes = full;
	piece->bytes = most;
	piece->role = op->role;
	piece->arg = op->arg;
	return true;
}

/* What the call is given, kept until it returns. */
static __always_inline bool keep_given(struct wt_state *t, const struct wt_settings *s, const struct wt_call *call)
{
	struct wt_given piece;
	__u32 bytes;
	if (!plan_plain(&piece, s, t, call, WT_AT_ENTRY, 0))
		return false;
	if (!piece.role)
		return true;
	bytes = piece.bytes;
	barrier_var(bytes);
	if (bytes > WT_GIVEN_BYTES || bpf_probe_read_user(t->given_bytes, bytes, (void *)piece.address))
		return false;
	t->given = piece;
	return true;
}

/* A plain call with what it was given and what it returns. */
static __always_inline bool pack_plain(struct wt_state *t, const struct wt_settings *s, const struct wt_call *call,
				       const struct telling *done, bool failed)
{
	__u64 form = 0, shape = 0, head, at;
	struct wt_given piece;
	struct place place;
	__u32 bytes;
	if (!plan_plain(&piece, s, t, call, failed ? WT_AT_ERROR : WT_AT_EXIT, failed ? 0 : done->result) ||
	    !begin_packed(&place, t, done, PLAIN_BYTES))
		return false;
	head = place.at;
	barrier_var(head);
	if (head > WT_PACKED_BLOCK - PLAIN_BYTES + sizeof(struct wt_packed_context))
		return false;
	at = put_fixed(&place, head, t, done, &form, &shape);
	if (t->given.role) {
		__u64 of_given = at;
		form |= WT_PACKED_GIVEN;
		at = put_piece_head(place.block, at, t, done->n_args, &t->given);
		bytes = t->given.bytes;
		barrier_var(bytes);
		if (bytes > WT_GIVEN_BYTES || !put_known(place.block, at, t->given_bytes, bytes))
			return false;
		at = end_piece(place.block, of_given, at, bytes, t->given.full_bytes);
	}
	if (piece.role) {
		__u64 of_piece = at;
		form |= WT_PACKED_PIECE;
		at = put_piece_head(place.block, at, t, done->n_args, &piece);
		bytes = piece.bytes;
		barrier_var(at);
		barrier_var(bytes);
		if (at > WT_PACKED_BLOCK - WT_GIVEN_BYTES || bytes > WT_GIVEN_BYTES)
			return false;
		if (bpf_probe_read_user(place.block->bytes + at, bytes, (void *)piece.address)) {
			place.packing->tid = 0;		/* the CONTEXT may be in what is written over now */
			return false;
		}
		at = end_piece(place.block, of_piece, at, bytes, piece.full_bytes);
	}
	return end_packed(&place, head, at, t, done, form, shape);
}

/* What a call was given becomes the piece of an entry that is told by itself. */
static __always_inline void put_given(struct work *w, const struct wt_state *t)
{
	const struct wt_given *g = &t->given;
	__u32 bytes = g->bytes;
	if (bytes > WT_GIVEN_BYTES)
		return;
	begin_chunk(w, piece(g->role, g->arg, 0), g->address, g->full_bytes, g->detail);
	bpf_probe_read_kernel(&w->body[w->used & BODY_MASK], bytes, t->given_bytes);
	w->used += bytes;
	w->run = bytes;
	end_chunk(w);
}
