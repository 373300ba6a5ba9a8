/* Positions: 64-bit, unwrapped, from the initial sequence number. What the joins place bytes with. */

static int64_t unwrap(const struct true_side *side, uint32_t seq) {
    return side->last + (int32_t)(seq - side->base - (uint32_t)side->last);
}

static void learn_bases(struct true_side *fwd, struct true_side *rev, const struct wt_segment *s) {
    if (s->flags & SYN && fwd->known < 2) {
        fwd->base = s->seq;
        fwd->known = 2;
        fwd->last = 0;
    }
    if ((s->flags & (SYN | ACK)) == (SYN | ACK) && rev->known < 2) {
        rev->base = s->ack - 1;
        rev->known = 2;
        rev->last = 1;
    }
    if (!fwd->known) { /* a RST that answers a SYN has number 0 and says nothing of a stream: this stays a guess */
        fwd->base = s->seq - 1;
        fwd->known = 1;
        fwd->last = 1;
    }
    if (!rev->known && s->flags & ACK) {
        rev->base = s->ack - 1;
        rev->known = 1;
        rev->last = 1;
    }
}

/* Add [lo, hi) to what was sent: 1 if any of it is new, 0 if none is, -1 if there is no memory. */
static int cover(struct true_side *side, int64_t lo, int64_t hi) {
    if (hi <= lo)
        return 0;
    uint32_t n = side->covered_count; /* the first span that ends at or behind lo */
    if (n && side->covered[n - 1].hi >= lo) {
        uint32_t a = 0, b = n;
        while (a < b) {
            uint32_t middle = (a + b) / 2;
            if (side->covered[middle].hi < lo)
                a = middle + 1;
            else
                b = middle;
        }
        n = a;
    }
    struct span *at = side->covered + n;
    if (n < side->covered_count && at->lo <= hi) {
        if (at->lo <= lo && hi <= at->hi)
            return 0;
        at->lo = lo < at->lo ? lo : at->lo;
        at->hi = hi > at->hi ? hi : at->hi;
        uint32_t last = n;
        while (last + 1 < side->covered_count && side->covered[last + 1].lo <= at->hi) {
            last++;
            at->hi = side->covered[last].hi > at->hi ? side->covered[last].hi : at->hi;
        }
        memmove(at + 1, side->covered + last + 1, (side->covered_count - last - 1) * sizeof *at);
        side->covered_count -= last - n;
        return 1;
    }
    if (side->covered_count == side->covered_room) {
        uint32_t room = side->covered_room ? side->covered_room * 2 : 4;
        struct span *grown = realloc(side->covered, room * sizeof *grown);
        if (!grown)
            return -1;
        side->covered = grown;
        side->covered_room = room;
    }
    memmove(side->covered + n + 1, side->covered + n, (side->covered_count - n) * sizeof *side->covered);
    side->covered[n] = (struct span){lo, hi};
    side->covered_count++;
    return 1;
}

/* Which steps of RFC 9293's state machine the segment is. */
static uint8_t events(struct stream *t, const struct wt_segment *s, const struct wt_verdict *v) {
    struct true_side *fwd = &t->side[!s->forward], *rev = &t->side[s->forward];
    int8_t who = s->forward ? 0 : 1;
    uint8_t found = 0;
    if (s->flags & RST)
        return E_RST;
    if (s->flags & SYN) {
        if (v->is_new)
            found |= s->flags & ACK ? E_SYN_ACK : E_SYN;
        if (s->flags & ACK)
            t->syn_ack_by = who;
    } else if (t->syn_ack_by >= 0 && t->syn_ack_by != who && !t->established && s->flags & ACK) {
        t->established = true;
        found |= E_HANDSHAKE_ACK;
    }
    if (s->flags & ACK && rev->fin_end && !rev->fin_acked && v->rel_ack >= rev->fin_end) {
        rev->fin_acked = true;
        found |= E_ACK_OF_FIN;
    }
    if (s->flags & FIN && !fwd->fin_end) {
        fwd->fin_end = v->rel_seq + s->length + 1;
        found |= E_FIN;
    }
    return found;
}

/* What windows and acknowledgements prove: no data where the next byte's predecessor is repeated asks the peer to answer.
 * If the peer's window is closed it is a zero-window probe (Linux: tcp_xmit_probe_skb, net/ipv4/tcp_output.c), else a
 * keep-alive; but a byte that the peer has not acknowledged is sent again because it may be lost. */
static uint8_t asks(const struct true_side *fwd, const struct true_side *rev, const struct wt_segment *s,
                    const struct wt_verdict *v) {
    if (s->length > 1 || s->flags & (SYN | FIN | RST) || fwd->next == 0)
        return 0;
    bool before = v->rel_seq == fwd->next - 1 || v->rel_seq == rev->acked - 1, beyond = s->length == 1 && v->rel_seq == fwd->next;
    if (rev->window == 0 && (before || beyond))
        return T_ZERO_WINDOW_PROBE;
    if (!before || rev->window <= 0)
        return 0;
    return s->length == 1 && rev->acked <= v->rel_seq ? T_RETRANSMISSION : T_KEEP_ALIVE;
}

static bool place(struct stream *t, const struct wt_segment *s, struct wt_verdict *v) {
    struct true_side *fwd = &t->side[!s->forward], *rev = &t->side[s->forward];
    learn_bases(fwd, rev, s);
    v->rel_seq = unwrap(fwd, s->seq);
    v->rel_ack = s->flags & ACK && rev->known ? unwrap(rev, s->ack) : -1;
    v->truth = asks(fwd, rev, s, v);
    int64_t end = v->rel_seq + s->length + (s->flags & SYN ? 1 : 0) + (s->flags & FIN ? 1 : 0);
    if (!(s->flags & RST)) {
        /* The byte of a keep-alive is none of the stream's. A probe's is: the receiver may take it. */
        int is_new = v->truth == T_KEEP_ALIVE ? 0 : cover(fwd, v->rel_seq, end);
        if (is_new < 0)
            return false;
        v->is_new = (uint8_t)is_new;
        fwd->last = v->rel_seq;
        fwd->next = end > fwd->next ? end : fwd->next;
    }
    v->events = events(t, s, v);
    if (s->flags & ACK) {
        fwd->window = s->window;
        fwd->acked = v->rel_ack > fwd->acked ? v->rel_ack : fwd->acked;
    }
    return true;
}
