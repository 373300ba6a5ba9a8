/* What is known of one TCP stream while its segments are read in capture order, and the records that go in and out.
 *
 * Two accounts are kept side by side. `rule_side` follows Wireshark's rules (32-bit sequence numbers, quirks included), so
 * that tcp.analysis.* comes out as tshark prints it. `true_side` keeps 64-bit positions from the initial sequence number:
 * what the joins place bytes with. Layouts are repeated in library.py; a test compares the sizes.
 */
#ifndef WT_TCP_RULES_H
#define WT_TCP_RULES_H

#include <stdbool.h>
#include <stdint.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 }; /* RFC 9293, section 3.1 */

/* Why a segment can only be used in part. */
enum {
    NO_LENGTH = 1,    /* its payload length is unknown: an unreassembled fragment, or shorter than its header says */
    CUT_OPTIONS = 2,  /* the capture ends inside its options */
    BAD_HEADER = 4,   /* its header length is below 20 */
    QUOTED = 8,       /* an ICMP error quotes it: it is no segment of this capture, but it names the stream */
};

/* Verdicts; the names are those of tcp.analysis.* (join/tcp/verdicts.py). */
enum {
    V_RETRANSMISSION = 1 << 0,
    V_FAST = 1 << 1,
    V_SPURIOUS = 1 << 2,
    V_OUT_OF_ORDER = 1 << 3,
    V_LOST = 1 << 4,
    V_ACK_LOST = 1 << 5,
    V_DUPLICATE_ACK = 1 << 6,
    V_WINDOW_FULL = 1 << 7,
    V_WINDOW_UPDATE = 1 << 8,
    V_ZERO_WINDOW = 1 << 9,
    V_PROBE = 1 << 10,
    V_PROBE_ACK = 1 << 11,
    V_KEEP_ALIVE = 1 << 12,
    V_KEEP_ALIVE_ACK = 1 << 13,
    V_REUSED_PORTS = 1 << 14,
    V_TFO_SYN = 1 << 15,
    V_TFO_ACK = 1 << 16,
    V_TFO_IGNORED = 1 << 17,
    V_PARTIAL_ACK = 1 << 18,
};

/* Steps of the TCP state machine; a segment may be several, in this order. */
enum { E_SYN = 1, E_SYN_ACK = 2, E_HANDSHAKE_ACK = 4, E_ACK_OF_FIN = 8, E_FIN = 16, E_RST = 32 };

/* Wireshark's tcp.completeness. */
enum { C_SYN = 1, C_SYN_ACK = 2, C_ACK = 4, C_DATA = 8, C_FIN = 16, C_RST = 32 };

enum { MAX_SACK = 4, MAX_UNACKED = 10000, NO_SCALE_USED = -2, SCALE_UNKNOWN = -1 };

/* One segment as captured. */
struct wt_segment {
    int64_t realtime_ns;
    int64_t number; /* of the frame */
    uint32_t tuple; /* which pair of endpoints, counted from 0 */
    uint32_t seq, ack;
    uint32_t length; /* payload bytes on the wire */
    uint32_t sack[2 * MAX_SACK];
    uint16_t flags, window;
    uint16_t mptcp;   /* bit n: an MPTCP option of subtype n (RFC 8684, section 8) */
    int16_t scale;    /* window scale option; -1: none */
    uint8_t forward;  /* sent by the first endpoint of the tuple */
    uint8_t sacks;    /* SACK blocks in `sack` */
    uint8_t fast_open;/* 1: a Fast Open cookie request, 2: a cookie */
    uint8_t quality;  /* NO_LENGTH | ... */
    uint32_t reserved;
};

/* What is said of it. -1: nothing. */
struct wt_verdict {
    int64_t rel_seq, rel_ack; /* unwrapped, from the initial sequence numbers */
    int64_t scaled_window, bytes_in_flight, push_bytes;
    int64_t ack_rtt_ns, acks_number, rto_ns, rto_number, initial_rtt_ns;
    int64_t duplicate_number; /* frame of the acknowledgement that is repeated */
    uint32_t duplicates;      /* which repetition */
    uint32_t stream;
    uint32_t verdicts;
    uint32_t shown_seq, shown_ack; /* relative as Wireshark shows them: 32 bits */
    uint8_t events, is_new, has_times, truth; /* truth: TRUE_* below */
};

/* What the windows prove, whatever the rules call it. */
enum { T_ZERO_WINDOW_PROBE = 1, T_KEEP_ALIVE = 2, T_RETRANSMISSION = 3 };

/* What is known of a stream at the end. */
struct wt_stream {
    uint32_t tuple;
    uint32_t completeness;
    int64_t initial_rtt_ns;
    uint32_t initial_seq[2]; /* of the first endpoint, of the second */
    uint8_t known[2];        /* 0: no idea, 1: a guess, 2: certain */
    uint8_t reserved[6];
};

struct unacked {
    int64_t realtime_ns, number;
    uint32_t seq, next;
};

struct rule_side {
    struct unacked *sent; /* oldest first */
    uint32_t sent_count, sent_room;
    uint32_t lowest, highest; /* of `sent`, relative to base; valid if `bounds` */
    bool bounds, in_flight_known, base_set, first_ack, push_last;
    uint32_t base, next_seq, max_acked, last_ack, window, last_verdicts, push_bytes, last_length;
    int32_t duplicates;
    int32_t scale;
    int64_t next_ns, next_number, last_ack_ns, last_other_number;
    uint32_t sack[2 * MAX_SACK];
    uint8_t sacks;
    uint16_t mptcp;
};

struct span {
    int64_t lo, hi;
};

struct true_side {
    struct span *covered; /* what this side has sent: disjoint, in order */
    uint32_t covered_count, covered_room;
    uint32_t base;
    uint8_t known;
    int64_t last;     /* unwrapped number of its last segment that was no RST */
    int64_t fin_end;  /* 0: no FIN yet */
    int64_t next;     /* highest number sent */
    int64_t window;   /* last advertised, unscaled; -1: none */
    int64_t acked;    /* up to where it acknowledged, in the other side's numbers */
    bool fin_acked;
};

struct stream {
    struct rule_side rule[2];
    struct true_side side[2];
    int64_t syn_ns, initial_rtt_ns; /* 0: none, as in Wireshark */
    uint32_t tuple, completeness;
    uint16_t mptcp;
    bool has_mptcp, syn_data, established;
    int8_t syn_ack_by; /* who sent a SYN with ACK: 0 or 1; -1: nobody */
};

/* Sequence numbers compared modulo 2^32 (RFC 9293, section 3.4). At a distance of just 2^31 both are later, as in Wireshark. */
static inline bool later(uint32_t a, uint32_t b) { return (int32_t)(b - a) < 0; }
static inline bool at_most(uint32_t a, uint32_t b) { return (int32_t)(a - b) <= 0; }

#endif
