/* TCP analysis of a capture, some segments at a time: streams as Wireshark numbers them, its verdicts, and true positions.
 *
 * Each verdict depends on the state that all earlier segments left, so this is a loop over segments in capture order; in
 * Python it would take longer than all other joins. A plain shared library: no Python headers, no input or output. What
 * lasts between calls is a `struct analysis`. It trusts only `tuple < tuples`, which the caller guarantees.
 */
#include <stdlib.h>
#include <string.h>

#include "tcp_rules.h"
#include "part_rules.h"
#include "part_truth.h"

struct analysis {
    int rules;
    struct stream *streams;
    uint32_t count, room;
    int64_t *latest; /* the latest stream of each tuple; -1: none */
};

static void begin_side(struct rule_side *side) {
    side->window = UINT32_MAX;
    side->scale = SCALE_UNKNOWN;
    side->in_flight_known = true;
}

static struct stream *begin_stream(struct analysis *a, uint32_t tuple) {
    if (a->count == a->room) {
        uint32_t room = a->room ? a->room * 2 : 64;
        struct stream *grown = realloc(a->streams, room * sizeof *grown);
        if (!grown)
            return NULL;
        a->streams = grown;
        a->room = room;
    }
    struct stream *t = &a->streams[a->count];
    memset(t, 0, sizeof *t);
    t->tuple = tuple;
    t->syn_ack_by = -1;
    t->side[0].window = t->side[1].window = -1;
    begin_side(&t->rule[0]);
    begin_side(&t->rule[1]);
    a->latest[tuple] = a->count++;
    return t;
}

/* The stream of a segment. A SYN with another initial number begins a new one on the same endpoints. */
static struct stream *find_stream(struct analysis *a, const struct wt_segment *s, struct wt_verdict *v, bool *is_new) {
    int64_t known = a->latest[s->tuple];
    *is_new = known < 0;
    struct stream *t = *is_new ? begin_stream(a, s->tuple) : &a->streams[known];
    if (!t)
        return NULL;
    struct rule_side *fwd = &t->rule[!s->forward];
    if ((s->flags & (SYN | ACK)) == SYN && fwd->base_set) {
        if (s->seq != fwd->base) {
            t = begin_stream(a, s->tuple);
            if (!t)
                return NULL;
            t->completeness = C_SYN;
            v->verdicts |= V_REUSED_PORTS;
        } else {
            fwd->next_seq = fwd->max_acked; /* a RST that took the other side's number must not count */
            v->has_times = true;
        }
    } else if ((s->flags & (SYN | ACK)) == (SYN | ACK) && fwd->base_set && s->seq != fwd->base) {
        fwd->base = s->seq;
        fwd->bounds = false;
        v->verdicts |= V_REUSED_PORTS;
    }
    return t;
}

static void set_bases(struct rule_side *fwd, struct rule_side *rev, const struct wt_segment *s) {
    if (!fwd->base_set) {
        fwd->base = s->flags & SYN ? s->seq : s->seq - 1;
        fwd->base_set = true;
        fwd->bounds = false;
    }
    if (!rev->base_set && s->flags & ACK) {
        rev->base = s->ack - 1;
        rev->base_set = true;
        rev->bounds = false;
    }
}

static void note_completeness(struct stream *t, const struct wt_segment *s, bool is_new) {
    uint16_t two = s->flags & (SYN | ACK);
    bool data = s->length > 0 && !(s->quality & (NO_LENGTH | QUOTED));
    if (is_new) {
        if (two == SYN)
            t->completeness |= C_SYN | (data ? C_DATA : 0);
        return;
    }
    if (two == (SYN | ACK))
        t->completeness |= C_SYN_ACK;
    if (two == ACK)
        t->completeness |= data ? C_DATA : C_ACK;
    if ((s->flags & (FIN | ACK)) == (FIN | ACK))
        t->completeness |= C_FIN;
    if (s->flags & RST)
        t->completeness |= C_RST;
}

/* What is learned from the header after the rules: handshake times, and Fast Open. */
static void note_handshake(struct stream *t, const struct wt_segment *s, struct wt_verdict *v) {
    struct rule_side *fwd = &t->rule[!s->forward], *rev = &t->rule[s->forward];
    uint16_t two = s->flags & (SYN | ACK);
    if (two == (SYN | ACK) && !(s->quality & QUOTED)) {
        if (s->ack - rev->base > 1)
            v->verdicts |= V_TFO_ACK;
        else if (t->syn_data)
            v->verdicts |= V_TFO_IGNORED;
    }
    if (two == SYN)
        t->syn_ns = s->realtime_ns;
    if (s->flags & SYN)
        fwd->first_ack = true;
    if (two == ACK) {
        if (t->syn_ns && !t->initial_rtt_ns)
            t->initial_rtt_ns = s->realtime_ns - t->syn_ns;
        fwd->first_ack = false;
    }
}

/* Options take effect behind the rules: a segment is judged by what was negotiated before it. Those behind the end of what was
 * captured are not among them. */
static void take_options(struct stream *t, const struct wt_segment *s, struct wt_verdict *v) {
    struct rule_side *fwd = &t->rule[!s->forward];
    if (s->scale >= 0)
        fwd->scale = s->scale > 14 ? 14 : s->scale; /* RFC 7323, section 2.3 */
    fwd->sacks = s->sacks < MAX_SACK ? s->sacks : MAX_SACK - 1;
    memcpy(fwd->sack, s->sack, sizeof fwd->sack);
    if (s->fast_open == 2 && (s->flags & (SYN | ACK)) == SYN) {
        v->verdicts |= V_TFO_SYN;
        if (s->length)
            t->syn_data = true;
    }
    if (s->mptcp) {
        t->has_mptcp = true;
        t->mptcp |= s->mptcp;
    }
}

/* What the absence of an option in a handshake means. */
static void note_no_scale(struct stream *t, const struct wt_segment *s) {
    struct rule_side *fwd = &t->rule[!s->forward], *rev = &t->rule[s->forward];
    if (s->flags & SYN && fwd->scale == SCALE_UNKNOWN)
        fwd->scale = rev->scale = NO_SCALE_USED;
    else if ((s->flags & (SYN | ACK)) == (SYN | ACK) && rev->scale == NO_SCALE_USED)
        fwd->scale = NO_SCALE_USED;
}

/* Take back what was found out beyond positions. */
static void unsay(struct wt_verdict *v) {
    v->ack_rtt_ns = v->acks_number = v->rto_ns = v->rto_number = v->bytes_in_flight = v->push_bytes = -1;
    v->duplicates = 0;
    v->duplicate_number = -1;
}

static void blank(struct wt_verdict *v) {
    memset(v, 0, sizeof *v);
    unsay(v);
    v->rel_seq = v->rel_ack = v->scaled_window = v->initial_rtt_ns = -1;
}

static bool judge(struct analysis *a, const struct wt_segment *s, struct wt_verdict *v) {
    bool is_new, measured = !(s->quality & (NO_LENGTH | QUOTED));
    struct stream *t = find_stream(a, s, v, &is_new);
    if (!t)
        return false;
    struct rule_side *fwd = &t->rule[!s->forward], *rev = &t->rule[s->forward];
    v->stream = (uint32_t)(t - a->streams);
    fwd->sacks = 0;
    if (measured) {
        set_bases(fwd, rev, s);
        if (!apply_rules(t, a->rules, s, v) || !place(t, s, v))
            return false;
        if (s->flags & SYN || fwd->scale != SCALE_UNKNOWN)
            v->scaled_window = (int64_t)s->window << (s->flags & SYN || fwd->scale < 0 ? 0 : fwd->scale);
        v->shown_seq = s->seq - fwd->base;
        v->shown_ack = s->flags & ACK ? s->ack - rev->base : s->ack;
    }
    if (s->quality & BAD_HEADER) {
        v->verdicts = 0;
        unsay(v);
        return true;
    }
    note_completeness(t, s, is_new);
    note_handshake(t, s, v);
    if (s->quality & (CUT_OPTIONS | QUOTED)) {
        /* Wireshark gives up inside the options: it prints nothing of what it found out, but has read those before. */
        v->verdicts &= V_TFO_ACK | V_TFO_IGNORED;
        unsay(v);
        take_options(t, s, v);
        return true;
    }
    bool said = v->verdicts & ~(uint32_t)(V_TFO_SYN | V_TFO_ACK | V_TFO_IGNORED) || v->has_times;
    take_options(t, s, v);
    note_no_scale(t, s);
    if (said && t->initial_rtt_ns > 0)
        v->initial_rtt_ns = t->initial_rtt_ns;
    if (v->ack_rtt_ns <= 0)
        v->ack_rtt_ns = -1; /* Wireshark shows no round trip of no time; below 0 where stamps go backwards */
    return true;
}

/* Begin an analysis of segments of `tuples` pairs of endpoints. NULL if there is no memory. */
struct analysis *wt_tcp_begin(uint32_t tuples, int rules) {
    struct analysis *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->rules = rules;
    a->latest = malloc(((size_t)tuples + 1) * sizeof *a->latest);
    if (!a->latest) {
        free(a);
        return NULL;
    }
    for (uint32_t n = 0; n < tuples; n++)
        a->latest[n] = -1;
    return a;
}

/* Judge the next `count` segments, in capture order. Returns the number of streams so far, or -1 if there is no memory. */
int64_t wt_tcp_judge(struct analysis *a, const struct wt_segment *segments, int64_t count, struct wt_verdict *verdicts) {
    for (int64_t n = 0; n < count; n++) {
        blank(&verdicts[n]);
        if (!judge(a, &segments[n], &verdicts[n]))
            return -1;
    }
    return a->count;
}

/* Describe the first `most` streams. */
void wt_tcp_streams(const struct analysis *a, struct wt_stream *streams, int64_t most) {
    for (uint32_t n = 0; n < a->count && n < most; n++) {
        const struct stream *t = &a->streams[n];
        streams[n] = (struct wt_stream){.tuple = t->tuple,
                                        .completeness = t->completeness,
                                        .initial_rtt_ns = t->initial_rtt_ns,
                                        .initial_seq = {t->side[0].base, t->side[1].base},
                                        .known = {t->side[0].known, t->side[1].known}};
    }
}

void wt_tcp_end(struct analysis *a) {
    for (uint32_t n = 0; n < a->count; n++)
        for (int side = 0; side < 2; side++) {
            free(a->streams[n].rule[side].sent);
            free(a->streams[n].side[side].covered);
        }
    free(a->streams);
    free(a->latest);
    free(a);
}
