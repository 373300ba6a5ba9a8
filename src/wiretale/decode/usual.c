/* The headers of usual frames in one pass: Ethernet or no link header, IPv4 or IPv6 in one part, TCP or UDP.
 *
 * Everything else (tags, tunnels, fragments, extension headers, rare options, whatever is short, cut or malformed) is
 * left to the decoder in Python, which decodes usual frames to the very same columns: a test compares the two. A plain
 * shared library without Python headers. It trusts nothing in the frames, and reads only inside them.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum column { /* the order of usual.py:COLUMNS */
    ETHERTYPE, IP_VERSION, IP_PROTOCOL, IP_ID, TTL, FRAGMENT, SRCPORT, DSTPORT, SEQ, ACK, FLAGS, WINDOW, MSS, WSCALE,
    SACK_PERMITTED, TSVAL, TSECR, NETWORK_OFFSET, TRANSPORT_OFFSET, PAYLOAD_OFFSET, PAYLOAD_BYTES, SACK,
};

enum { LINK_ETHERNET = 1, LINK_RAW = 101, IPV4 = 0x0800, IPV6 = 0x86DD, TCP = 6, UDP = 17 };
enum { END = 0, NOP = 1, OPT_MSS = 2, OPT_SCALE = 3, OPT_SACK_PERMITTED = 4, OPT_SACK = 5, OPT_STAMP = 8 };
enum { MPTCP = 30, FAST_OPEN = 34, TRIAL = 254, SACK_EDGES = 8 };

struct frame {
    const uint8_t *at;       /* its first byte */
    int64_t pos, end, limit; /* the next header; where the captured bytes end, and those on the wire */
    int64_t row;
    int64_t *const *columns;
};

static int64_t u16(const uint8_t *at) { return at[0] << 8 | at[1]; }

static int64_t u32(const uint8_t *at) { return u16(at) << 16 | u16(at + 2); }

static void put(const struct frame *f, int column, int64_t value) { f->columns[column][f->row] = value; }

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static bool has_room(const struct frame *f, int64_t bytes) { return f->pos + bytes <= f->end; }

static void put_payload(const struct frame *f) {
    put(f, PAYLOAD_OFFSET, f->pos);
    put(f, PAYLOAD_BYTES, f->limit > f->pos ? f->limit - f->pos : 0);
}

/* A length field says where the packet ends: bytes behind it are padding. */
static void ends_at(struct frame *f, int64_t end) {
    f->end = least(f->end, end);
    f->limit = least(f->limit, end);
}

static bool option(const struct frame *f, int kind, int64_t size, const uint8_t *at) {
    if (kind == MPTCP || kind == FAST_OPEN || kind == TRIAL)
        return false;
    if (kind == OPT_MSS && size == 4)
        put(f, MSS, u16(at + 2));
    if (kind == OPT_SCALE && size == 3)
        put(f, WSCALE, at[2]);
    if (kind == OPT_SACK_PERMITTED && size == 2)
        put(f, SACK_PERMITTED, 1);
    if (kind == OPT_STAMP && size == 10) {
        put(f, TSVAL, u32(at + 2));
        put(f, TSECR, u32(at + 6));
    }
    if (kind == OPT_SACK && size >= 10 && (size - 2) % 8 == 0)
        for (int edge = 0; edge < SACK_EDGES && size >= 6 + 4 * edge; edge++)
            put(f, SACK + edge, u32(at + 2 + 4 * edge));
    return true;
}

static bool options(const struct frame *f, int64_t at, int64_t stop) {
    if (stop > f->end)
        return false;
    while (at < stop) {
        int kind = f->at[at];
        if (kind == END)
            return true;
        int64_t size = kind == NOP ? 1 : at + 2 <= stop ? f->at[at + 1] : 0;
        if (kind != NOP && (size < 2 || at + size > stop || !option(f, kind, size, f->at + at)))
            return false;
        at += size;
    }
    return true;
}

static bool tcp(struct frame *f) {
    if (!has_room(f, 20))
        return false;
    const uint8_t *at = f->at + f->pos;
    int64_t header = (at[12] >> 4) * 4, first_option = f->pos + 20;
    if (header < 20 || header > f->limit - f->pos)
        return false;
    put(f, TRANSPORT_OFFSET, f->pos);
    put(f, SRCPORT, u16(at));
    put(f, DSTPORT, u16(at + 2));
    put(f, SEQ, u32(at + 4));
    put(f, ACK, u32(at + 8));
    put(f, FLAGS, u16(at + 12) & 0xFFF);
    put(f, WINDOW, u16(at + 14));
    put(f, SACK_PERMITTED, 0);
    f->pos += header;
    put_payload(f);
    return options(f, first_option, f->pos);
}

static bool is_tunnel(int64_t port) { /* transport.py:_TUNNEL_PORTS */
    return port == 4789 || port == 4790 || port == 6081 || port == 2152 || port == 3544 || port == 1701 || port == 5247;
}

static bool udp(struct frame *f) {
    if (!has_room(f, 8))
        return false;
    const uint8_t *at = f->at + f->pos;
    int64_t source = u16(at), target = u16(at + 2), length = u16(at + 4);
    if (is_tunnel(source) || is_tunnel(target) || length > f->limit - f->pos || (length > 0 && length < 8))
        return false;
    put(f, TRANSPORT_OFFSET, f->pos);
    put(f, SRCPORT, source);
    put(f, DSTPORT, target);
    if (length)
        f->limit = f->pos + length;
    f->pos += 8;
    put_payload(f);
    return true;
}

static bool transport(struct frame *f, int protocol) {
    put(f, IP_PROTOCOL, protocol);
    return protocol == TCP ? tcp(f) : protocol == UDP && udp(f);
}

static bool ipv4(struct frame *f) {
    if (!has_room(f, 20))
        return false;
    const uint8_t *at = f->at + f->pos;
    int64_t header = (at[0] & 15) * 4, total = u16(at + 2);
    if (at[0] >> 4 != 4 || header < 20 || (total && total < header) || u16(at + 6) & 0x3FFF)
        return false;
    put(f, ETHERTYPE, IPV4);
    put(f, IP_VERSION, 4);
    put(f, IP_ID, u16(at + 4));
    put(f, TTL, at[8]);
    put(f, FRAGMENT, 0);
    put(f, NETWORK_OFFSET, f->pos);
    if (total) /* 0: longer than the field can say (BIG TCP) */
        ends_at(f, f->pos + total);
    if (!has_room(f, header))
        return false;
    f->pos += header;
    return transport(f, at[9]);
}

static bool ipv6(struct frame *f) {
    if (!has_room(f, 40))
        return false;
    const uint8_t *at = f->at + f->pos;
    int64_t length = u16(at + 4);
    if (at[0] >> 4 != 6)
        return false;
    put(f, ETHERTYPE, IPV6);
    put(f, IP_VERSION, 6);
    put(f, TTL, at[7]);
    put(f, FRAGMENT, 0);
    put(f, NETWORK_OFFSET, f->pos);
    f->pos += 40;
    if (length)
        ends_at(f, f->pos + length);
    return transport(f, at[6]);
}

static bool link_layer(struct frame *f, int64_t linktype) {
    if (linktype == LINK_ETHERNET) {
        if (!has_room(f, 14))
            return false;
        f->pos = 14;
        int64_t type = u16(f->at + 12);
        return type == IPV4 ? ipv4(f) : type == IPV6 && ipv6(f);
    }
    if (linktype != LINK_RAW || !has_room(f, 1))
        return false;
    return f->at[0] >> 4 == 4 ? ipv4(f) : ipv6(f);
}

enum { AT_ONCE = 512 }; /* rows: what was set to "absent" is still in the cache when it is filled */

/* Fill `columns` for every frame `buffer[offset:offset + captured]` that is usual; `usual` says which. What stands in the
 * columns of others is of no meaning. There may be more columns than those above: they are "absent" (-1) in every row. */
void wt_decode_usual(const uint8_t *buffer, int64_t size, const int64_t *offset, const int64_t *captured,
                     const int64_t *length, const int64_t *linktype, int64_t count, int64_t *const *columns,
                     int64_t column_count, uint8_t *usual) {
    for (int64_t row = 0; row < count; row++) {
        if (row % AT_ONCE == 0)
            for (int64_t n = 0; n < column_count; n++)
                memset(columns[n] + row, 0xFF, sizeof **columns * least(AT_ONCE, count - row));
        int64_t begin = offset[row], bytes = captured[row];
        usual[row] = 0;
        if (begin < 0 || bytes < 0 || begin > size || bytes > size - begin)
            continue;
        struct frame f = {buffer + begin, 0, bytes, length[row] > bytes ? length[row] : bytes, row, columns};
        usual[row] = link_layer(&f, linktype[row]);
    }
}

struct address {
    int64_t at, bytes; /* in the buffer: 4 or 16 */
};

struct numbering {
    const uint8_t *buffer;
    uint64_t seed;
    int32_t *slots; /* a hash table: number + 1 of an address, 0 where free */
    int64_t mask;   /* the count of slots, a power of two, minus one */
    struct address *known;
    int32_t count;
};

static uint64_t mixed(uint64_t value) { /* the finalizer of MurmurHash3 */
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD;
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53;
    return value ^ value >> 33;
}

static int32_t number_of(struct numbering *all, int64_t at, int64_t bytes) {
    uint64_t words[2] = {0};
    memcpy(words, all->buffer + at, bytes);
    uint64_t hash = mixed(mixed(words[0] ^ all->seed) ^ words[1]);
    for (int64_t slot = hash & all->mask;; slot = (slot + 1) & all->mask) {
        int32_t found = all->slots[slot] - 1;
        if (found < 0) {
            all->known[all->count] = (struct address){at, bytes};
            return (all->slots[slot] = ++all->count) - 1;
        }
        const struct address *same = &all->known[found];
        if (same->bytes == bytes && !memcmp(all->buffer + same->at, all->buffer + at, bytes))
            return found;
    }
}

/* Number the addresses of the frames that wt_decode_usual found `usual`, in the order they first occur; -1 for others.
 * `known`, with room for two of each frame, gets where each stands. `slots` are zeroed, and more than `known` can be.
 * `seed` is unknown to who sends packets: they cannot choose addresses that fall on each other. Returns how many. */
int64_t wt_number_addresses(const uint8_t *buffer, const int64_t *offset, int64_t count, int64_t *const *columns,
                            const uint8_t *usual, uint64_t seed, int32_t *slots, int64_t slot_count,
                            struct address *known, int32_t *src, int32_t *dst) {
    struct numbering all = {buffer, seed, slots, slot_count - 1, known, 0};
    for (int64_t row = 0; row < count; row++) {
        bool is_v6 = columns[IP_VERSION][row] == 6;
        int64_t at = offset[row] + columns[NETWORK_OFFSET][row] + (is_v6 ? 8 : 12), bytes = is_v6 ? 16 : 4;
        src[row] = usual[row] ? number_of(&all, at, bytes) : -1;
        dst[row] = usual[row] ? number_of(&all, at + bytes, bytes) : -1;
    }
    return all.count;
}
