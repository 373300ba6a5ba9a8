/* Wireshark's rules, version 4.0 (rules = 40) or 4.4 (rules = 44): epan/dissectors/packet-tcp.c of those releases, described in
 * the User's Guide, section "TCP Analysis". Where guide and program differ the program is followed.
 */

static const int64_t FAST_NS = 20000000, OUT_OF_ORDER_NS = 3000000;
static const uint32_t MOST_IN_FLIGHT = 2000000000;

/* Time from `then` to `now`, unsigned: a clock that went back makes it huge, so that no "soon after" rule holds. */
static uint64_t elapsed(int64_t now, int64_t then) { return (uint64_t)now - (uint64_t)then; }

static bool remember(struct rule_side *side, struct unacked one) {
    if (side->sent_count == side->sent_room) {
        uint32_t room = side->sent_room ? side->sent_room * 2 : 8;
        struct unacked *grown = realloc(side->sent, room * sizeof *grown);
        if (!grown)
            return false;
        side->sent = grown;
        side->sent_room = room;
    }
    side->sent[side->sent_count++] = one;
    uint32_t lo = one.seq - side->base, hi = one.next - side->base;
    if (side->sent_count == 1) {
        side->lowest = lo;
        side->highest = hi;
        side->bounds = true;
    } else if (side->bounds) {
        side->lowest = lo < side->lowest ? lo : side->lowest;
        side->highest = hi > side->highest ? hi : side->highest;
    }
    return true;
}

static void find_bounds(struct rule_side *side) {
    side->lowest = UINT32_MAX;
    side->highest = 0;
    for (uint32_t i = 0; i < side->sent_count; i++) {
        uint32_t lo = side->sent[i].seq - side->base, hi = side->sent[i].next - side->base;
        side->lowest = lo < side->lowest ? lo : side->lowest;
        side->highest = hi > side->highest ? hi : side->highest;
    }
    side->bounds = true;
}

/* Take off what `ack` acknowledges, newest first; the oldest segment that ends just there gives the round trip. */
static uint32_t acknowledge(struct rule_side *side, const struct wt_segment *s, struct wt_verdict *v) {
    bool split = false, exact = false, changed = false;
    for (uint32_t n = side->sent_count; n-- > 0;) {
        struct unacked *u = &side->sent[n];
        if (s->ack == u->next) {
            exact = true;
            v->acks_number = u->number;
            v->ack_rtt_ns = s->realtime_ns - u->realtime_ns;
        } else if (later(s->ack, u->seq) && at_most(s->ack, u->next)) {
            u->seq = s->ack;
            side->bounds = false;
            split = true;
            continue;
        } else if (later(u->next, s->ack)) {
            continue;
        }
        u->number = 0; /* frames count from 1: this one is to go */
        changed = true;
    }
    if (changed) {
        uint32_t kept = 0;
        for (uint32_t n = 0; n < side->sent_count; n++)
            if (side->sent[n].number)
                side->sent[kept++] = side->sent[n];
        side->sent_count = kept;
        side->bounds = false;
    }
    return split && !exact ? V_PARTIAL_ACK : 0;
}

static bool seen_before(const struct rule_side *side, uint32_t seq, uint32_t end) {
    for (uint32_t n = side->sent_count; n-- > 0;)
        if (at_most(side->sent[n].seq, seq) && at_most(end, side->sent[n].next))
            return true;
    return false;
}

static bool outside_sack(const struct rule_side *rev, uint32_t seq, uint32_t end) {
    if (!rev->sacks)
        return false;
    for (int n = 0; n < rev->sacks; n++)
        if (at_most(rev->sack[2 * n], seq) && at_most(end, rev->sack[2 * n + 1]))
            return false;
    return true;
}

/* Data, SYN or FIN that does not advance: spurious, fast, out of order, or a plain repeat. */
static uint32_t repeated(const struct stream *t, int rules, const struct rule_side *fwd, const struct rule_side *rev,
                         const struct wt_segment *s, struct wt_verdict *v) {
    uint32_t end = s->seq + s->length, virtual_end = end + (s->flags & (SYN | FIN) ? 1 : 0);
    bool not_advanced = fwd->next_seq && later(fwd->next_seq, s->seq);
    if (s->length > 1 && fwd->next_seq - 1 == s->seq)
        not_advanced = false; /* new data behind what may have been a zero-window probe */
    if (s->length > 0 && rev->last_ack && at_most(end, rev->last_ack))
        return V_SPURIOUS;
    if (!not_advanced)
        return 0;
    /* -1, an ACK of something unseen, counts as many: Wireshark's counter is unsigned. */
    if ((uint32_t)rev->duplicates >= 2 && elapsed(s->realtime_ns, rev->last_ack_ns) < (uint64_t)FAST_NS &&
        (rev->last_ack == s->seq || (rules >= 44 && outside_sack(rev, s->seq, end))))
        return V_FAST;
    uint64_t limit = (uint64_t)(t->initial_rtt_ns ? t->initial_rtt_ns : OUT_OF_ORDER_NS);
    bool soon = elapsed(s->realtime_ns, fwd->next_ns) < limit;
    if (rules >= 44)
        soon = soon && !seen_before(fwd, s->seq, end);
    if (soon && (fwd->next_seq != virtual_end || (rules >= 44 && fwd->last_length == 0)))
        return V_OUT_OF_ORDER;
    /* The oldest segment not acknowledged is likely the one repeated; without any, the highest seen. */
    bool has_old = fwd->sent_count > 0;
    v->rto_ns = s->realtime_ns - (has_old ? fwd->sent[0].realtime_ns : fwd->next_ns);
    v->rto_number = has_old ? fwd->sent[0].number : fwd->next_number;
    if (v->rto_ns <= 0) /* as for a round trip */
        v->rto_ns = v->rto_number = -1;
    return V_RETRANSMISSION;
}

/* Everything that depends on where the segment stands and on the windows. */
static uint32_t placed(struct stream *t, int rules, struct rule_side *fwd, struct rule_side *rev,
                       const struct wt_segment *s, struct wt_verdict *v) {
    uint32_t found = 0;
    bool control = s->flags & (SYN | FIN | RST);
    if (s->length == 1 && s->seq == fwd->next_seq && rev->window == 0)
        return V_PROBE;
    if (s->window == 0 && !control)
        found |= V_ZERO_WINDOW;
    if (fwd->next_seq && later(s->seq, fwd->next_seq) && !(s->flags & RST)) {
        found |= V_LOST;
        fwd->in_flight_known = false;
    }
    if (s->length <= 1 && s->seq == fwd->next_seq - 1 && !control)
        found |= V_KEEP_ALIVE;
    bool repeats = s->length == 0 && s->seq == fwd->next_seq && !control;
    bool same_ack = s->ack == fwd->last_ack, probed = rev->last_verdicts & V_PROBE;
    bool took_probe = rules >= 44 && probed && s->ack == fwd->last_ack + 1 && fwd->window == 0;
    if (repeats && (same_ack || took_probe) && s->window && s->window != fwd->window)
        found |= V_WINDOW_UPDATE;
    uint32_t shift = rev->first_ack || rev->scale < 0 ? 0 : (uint32_t)rev->scale;
    if (s->length > 0 && rev->scale != SCALE_UNKNOWN && s->seq + s->length == rev->last_ack + (rev->window << shift) &&
        !control)
        found |= V_WINDOW_FULL;
    if (!repeats)
        return found;
    bool same_window = s->window == fwd->window;
    if (s->window && same_window && same_ack && rev->last_verdicts & V_KEEP_ALIVE)
        return found | V_KEEP_ALIVE_ACK;
    if (!s->window && same_window && probed && (same_ack || took_probe))
        return found | V_PROBE_ACK;
    if (s->window && same_window && same_ack && !(t->has_mptcp && t->mptcp != fwd->mptcp)) {
        fwd->duplicates = fwd->duplicates == -1 ? 1 : fwd->duplicates + 1;
        v->duplicates = (uint32_t)fwd->duplicates;
        v->duplicate_number = fwd->last_other_number;
        return found | V_DUPLICATE_ACK;
    }
    return found;
}

/* An acknowledgement beyond what was seen of the other side. */
static uint32_t unseen(int rules, const struct rule_side *fwd, struct rule_side *rev, const struct wt_segment *s,
                       uint32_t found, struct wt_verdict *v) {
    if (!rev->max_acked || !later(s->ack, rev->max_acked) || !(s->flags & ACK))
        return 0;
    v->has_times = true; /* Wireshark then has something to show, if only the initial round trip */
    if (rules >= 44) {
        if (s->ack == fwd->last_ack || found & (V_PROBE | V_PROBE_ACK | V_KEEP_ALIVE_ACK))
            return 0;
        rev->max_acked = rev->next_seq;
        if (s->ack == fwd->last_ack + 1 && s->seq == fwd->next_seq && rev->last_verdicts & V_PROBE && s->window)
            return found & V_WINDOW_UPDATE ? 0 : V_WINDOW_UPDATE;
        return V_ACK_LOST;
    }
    if (later(rev->next_seq, rev->max_acked)) {
        rev->max_acked = rev->next_seq;
        return V_ACK_LOST;
    }
    bool first = rev->duplicates == 0;
    rev->duplicates = -1;
    return first ? V_ACK_LOST : 0;
}

/* Bytes in flight and since the last push. True if they were looked at: Wireshark then has something to show. */
static bool note_in_flight(struct rule_side *fwd, const struct rule_side *rev, const struct wt_segment *s,
                           struct wt_verdict *v) {
    if (s->length == 0 || !fwd->sent_count || !fwd->in_flight_known)
        return false;
    if (!fwd->bounds)
        find_bounds(fwd);
    uint32_t bytes = fwd->highest - fwd->lowest;
    for (int n = 0; n < rev->sacks; n++)
        bytes -= rev->sack[2 * n + 1] - rev->sack[2 * n];
    bool push = s->flags & PSH, begins = fwd->push_last;
    fwd->push_bytes = (begins ? 0 : fwd->push_bytes) + s->length;
    fwd->push_last = push;
    if (bytes == 0 || bytes >= MOST_IN_FLIGHT)
        return true;
    bytes -= s->flags & (SYN | FIN) ? 1 : 0;
    if (bytes) {
        v->bytes_in_flight = bytes;
        v->push_bytes = fwd->push_bytes;
    }
    return true;
}

/* The rules for one segment whose length is known. False if there is no memory. */
static bool apply_rules(struct stream *t, int rules, const struct wt_segment *s, struct wt_verdict *v) {
    struct rule_side *fwd = &t->rule[!s->forward], *rev = &t->rule[s->forward];
    if (s->flags & ACK)
        rev->in_flight_known = true;
    uint32_t found = placed(t, rules, fwd, rev, s, v);
    if (s->ack != fwd->last_ack) {
        fwd->last_other_number = s->number;
        fwd->duplicates = 0;
    }
    found |= unseen(rules, fwd, rev, s, found, v);
    if ((s->length > 0 || s->flags & (SYN | FIN)) && !(found & V_KEEP_ALIVE))
        found |= repeated(t, rules, fwd, rev, s, v);
    uint32_t next = s->seq + s->length;
    if ((s->length || s->flags & (SYN | FIN)) && fwd->sent_count < MAX_UNACKED) {
        next += s->flags & (SYN | FIN) ? 1 : 0;
        if (!remember(fwd, (struct unacked){s->realtime_ns, s->number, s->seq, next}))
            return false;
    }
    if ((later(next, fwd->next_seq) || !fwd->next_seq) && !(found & V_PROBE)) {
        fwd->next_seq = next;
        fwd->next_number = s->number;
        fwd->next_ns = s->realtime_ns;
    }
    if ((s->seq == fwd->max_acked || !fwd->max_acked) && !(found & V_PROBE))
        fwd->max_acked = fwd->next_seq;
    fwd->window = s->window;
    fwd->last_ack = s->ack;
    fwd->last_ack_ns = s->realtime_ns;
    fwd->last_length = s->length;
    fwd->mptcp = t->mptcp;
    v->verdicts |= found;
    fwd->last_verdicts = v->verdicts;
    uint32_t partial = acknowledge(rev, s, v);
    if (rules >= 44)
        v->verdicts |= partial;
    v->has_times |= note_in_flight(fwd, rev, s, v) || v->acks_number >= 0;
    return true;
}
