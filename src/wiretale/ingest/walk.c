/* Where the frames of a pcap or pcapng file are, record by record: each says where the next one begins (walk.py says what
 * is done with them).
 *
 * A plain shared library without Python headers. It trusts nothing in the file, and reads only inside it. What is rare and
 * has text in it (sections, interfaces, damage) is only announced: pcapng.py reads it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { LONGEST_PACKET = 1 << 18, LEAST = 12, MOST = 16 << 20 }; /* bytes: found.py, pcapng.py */
enum { SECTION = 0x0A0D0D0A, INTERFACE = 1, OLD_PACKET = 2, SIMPLE = 3, STATISTICS = 5, ENHANCED = 6 };
enum { CUSTOM = 0xBAD, CUSTOM_NOT_COPIED = 0x40000BAD };
enum { MAGIC = 0x1A2B3C4D, COMMENT = 1, FLAGS = 2 };
static const uint32_t NO_PACKETS[] = {9, CUSTOM, CUSTOM_NOT_COPIED, 0x204, 0x208, 0x216}; /* counted as frames */

/* Why a walk came back: walk.py:Stop. */
enum { END, FULL, PAUSED, NEW_SECTION, NEW_INTERFACE, NEW_STATISTICS, BAD_PACKET, BAD_OPTION, BAD_LENGTH, DIFFERENT,
            BAD_VERSION };

enum { CAPTURED_FIRST, SWAPPED, SMALLER_CAPTURED }; /* walk.py:Lengths */

struct place {
    int64_t at;                /* of the record or block to read next */
    int64_t before, interfaces; /* how many the sections before describe, and this one so far */
    uint32_t snaplen;          /* of this section's first */
    uint32_t swapped;          /* the file's byte order is not this machine's */
};

struct slice { /* room for frames, and those found */
    int64_t most, most_bytes;
    int64_t count, bytes; /* frames; their bytes with those of their comments */
    int64_t comments, text_bytes;
    int64_t *at;
    uint64_t *stamp; /* pcap: nanoseconds; pcapng: units of the interface */
    uint32_t *captured, *length;
    int32_t *interface; /* -1: no packet */
    uint8_t *direction, *stamped;
    int32_t *comment_of;  /* index of the frame */
    int64_t *comment_end; /* in `text` */
    uint8_t *text;        /* NULL: not wanted. Holds most_bytes and MOST more */
};

struct event { /* what the walk came back for */
    int64_t block;
    uint32_t number, bytes; /* the interface or the option's place in the block, and the length that is claimed */
};

struct file {
    const uint8_t *data;
    int64_t size;
    bool swapped;
};

static uint32_t u32(const struct file *f, int64_t at) {
    uint32_t value;
    memcpy(&value, f->data + at, sizeof value);
    return f->swapped ? __builtin_bswap32(value) : value;
}

static uint16_t u16(const struct file *f, int64_t at) {
    uint16_t value;
    memcpy(&value, f->data + at, sizeof value);
    return f->swapped ? __builtin_bswap16(value) : value;
}

static int64_t padded(int64_t size) { return (size + 3) & ~(int64_t)3; }

/* Records of `header` bytes, a frame behind each. `unit_ns` is that of the stamp's fraction. */
int wt_walk_pcap(const uint8_t *data, int64_t size, int64_t header, int64_t unit_ns, int lengths, int64_t until,
                 struct place *place, struct slice *out, struct event *event) {
    struct file f = {data, size, place->swapped};
    while (place->at + header <= size) {
        int64_t at = place->at;
        if (out->count == out->most)
            return FULL;
        if (at >= until)
            return PAUSED;
        uint32_t captured = u32(&f, at + 8), length = u32(&f, at + 12);
        if (lengths == SWAPPED || (lengths == SMALLER_CAPTURED && length < captured)) {
            uint32_t other = captured;
            captured = length;
            length = other;
        }
        if (captured > LONGEST_PACKET) {
            *event = (struct event){at, 0, captured};
            return BAD_LENGTH;
        }
        if (at + header + captured > size)
            return END;
        if (out->count && out->bytes + captured > out->most_bytes)
            return FULL;
        out->at[out->count] = at + header;
        out->captured[out->count] = captured;
        out->length[out->count] = length;
        out->stamp[out->count++] = u32(&f, at) * UINT64_C(1000000000) + u32(&f, at + 4) * (uint64_t)unit_ns;
        out->bytes += captured;
        place->at = at + header + captured;
    }
    return END;
}

struct said { /* by a packet's options */
    uint8_t direction;
    bool comment;
    int64_t text_bytes;
    int64_t bad; /* where the option begins that leads outside; 0: none */
};

/* Comments go behind those of the slice, without the zeros at their ends, a line break between two of one packet. */
static struct said packet_options(const struct file *f, int64_t at, int64_t end, const struct slice *out) {
    struct said said = {0, false, 0, 0};
    while (at + 4 <= end) {
        uint16_t code = u16(f, at), size = u16(f, at + 2);
        if (code == 0)
            break;
        if (at + 4 + size > end) {
            said.bad = at;
            break;
        }
        if (code == COMMENT) {
            int64_t kept = size;
            while (kept && f->data[at + 4 + kept - 1] == 0)
                kept--;
            uint8_t *text = out->text ? out->text + out->text_bytes + said.text_bytes : NULL;
            if (said.comment) {
                said.text_bytes++;
                if (text)
                    *text++ = '\n';
            }
            if (text)
                memcpy(text, f->data + at + 4, kept);
            said.text_bytes += kept;
            said.comment = true;
        } else if (code == FLAGS && size == 4)
            said.direction = u32(f, at + 4) & 3;
        at += 4 + padded(size);
    }
    if (said.direction == 3)
        said.direction = 0;
    return said;
}

/* False: there is no room for it. */
static bool add(struct slice *out, int64_t at, uint32_t captured, uint32_t length, uint64_t stamp, bool stamped,
                int64_t interface, const struct said *said) {
    int64_t bytes = captured + said->text_bytes, n = out->count;
    if (n && out->bytes + bytes > out->most_bytes)
        return false;
    out->bytes += bytes;
    out->at[n] = at;
    out->captured[n] = captured;
    out->length[n] = length;
    out->stamp[n] = stamp;
    out->stamped[n] = stamped;
    out->interface[n] = (int32_t)interface;
    out->direction[n] = said->direction;
    out->count++;
    if (said->comment) {
        out->text_bytes += said->text_bytes;
        out->comment_of[out->comments] = (int32_t)n;
        out->comment_end[out->comments++] = out->text_bytes;
    }
    return true;
}

static int bad_packet(struct event *event, uint32_t number, uint32_t captured) {
    event->number = number;
    event->bytes = captured;
    return BAD_PACKET;
}

/* An enhanced packet block, or an obsolete one. Returns what is to be told of it; END: nothing. */
static int packet(const struct file *f, int64_t at, int64_t end, uint32_t number, const struct place *place,
                  struct slice *out, struct event *event) {
    uint32_t captured = u32(f, at + 20);
    if (number >= place->interfaces || at + 28 + captured + 4 > end || captured > LONGEST_PACKET)
        return bad_packet(event, number, captured);
    struct said said = {0, false, 0, 0};
    int64_t options = at + 28 + padded(captured);
    if (options + 8 <= end)
        said = packet_options(f, options, end - 4, out);
    uint64_t stamp = (uint64_t)u32(f, at + 12) << 32 | u32(f, at + 16);
    if (!add(out, at + 28, captured, u32(f, at + 24), stamp, true, place->before + number, &said))
        return FULL;
    if (!said.bad)
        return END;
    event->number = said.bad - at;
    event->bytes = u16(f, said.bad + 2);
    return BAD_OPTION;
}

/* No interface, no time: it is the section's first interface, and at most its snaplen was kept. */
static int simple_packet(const struct file *f, int64_t at, int64_t end, const struct place *place, struct slice *out,
                         struct event *event) {
    static const struct said nothing;
    uint32_t length = u32(f, at + 8), captured = length;
    if (!place->interfaces)
        return bad_packet(event, 0, length);
    if (captured > end - at - 16)
        captured = (uint32_t)(end - at - 16);
    if (place->snaplen && captured > place->snaplen)
        captured = place->snaplen;
    return add(out, at + 12, captured, length, 0, false, place->before, &nothing) ? END : FULL;
}

/* A block that is no packet, but that Wireshark counts as one, without its enterprise number. */
static int no_packet(uint32_t kind, int64_t at, int64_t end, struct slice *out) {
    static const struct said nothing;
    bool custom = kind == CUSTOM || kind == CUSTOM_NOT_COPIED;
    int64_t begin = custom && end - at >= 16 ? 12 : 8, size = end - at - begin - 4;
    return add(out, at + begin, size, size, 0, false, -1, &nothing) ? END : FULL;
}

static bool is_no_packet(uint32_t kind) {
    for (unsigned n = 0; n < sizeof NO_PACKETS / sizeof *NO_PACKETS; n++)
        if (kind == NO_PACKETS[n])
            return true;
    return false;
}

static int block(const struct file *f, uint32_t kind, int64_t at, int64_t end, uint32_t total, struct place *place,
                 struct slice *out, struct event *event) {
    if (kind == ENHANCED)
        return total >= 32 ? packet(f, at, end, u32(f, at + 8), place, out, event) : END;
    if (kind == OLD_PACKET && end - at >= 32)
        return packet(f, at, end, u16(f, at + 8), place, out, event);
    if (kind == SIMPLE && end - at >= 16)
        return simple_packet(f, at, end, place, out, event);
    if (kind == STATISTICS && end - at >= 24)
        return NEW_STATISTICS;
    if (kind == INTERFACE && end - at >= 20) {
        if (!place->interfaces++)
            place->snaplen = u32(f, at + 12);
        return NEW_INTERFACE;
    }
    return is_no_packet(kind) ? no_packet(kind, at, end, out) : END;
}

/* The byte order and version of a section; false: they are not known. */
static bool begin_section(struct file *f, int64_t at, struct place *place, uint32_t *total) {
    uint32_t magic;
    memcpy(&magic, f->data + at + 8, sizeof magic);
    *total = 0;
    if (magic != MAGIC && __builtin_bswap32(magic) != MAGIC)
        return true; /* its length cannot be told */
    f->swapped = magic != MAGIC;
    place->swapped = f->swapped;
    place->before += place->interfaces;
    place->interfaces = 0;
    *total = u32(f, at + 4);
    return at + 16 <= f->size && u16(f, at + 12) == 1 && (u16(f, at + 14) == 0 || u16(f, at + 14) == 2);
}

/* Blocks from `place` on. `again`: the walk comes back only where it ends, as all else was told the first time. */
int wt_walk_pcapng(const uint8_t *data, int64_t size, int again, int64_t until, struct place *place, struct slice *out,
                   struct event *event) {
    struct file f = {data, size, place->swapped};
    while (place->at + LEAST <= size) {
        int64_t at = place->at;
        if (out->count == out->most)
            return FULL;
        if (at >= until)
            return PAUSED;
        uint32_t kind = u32(&f, at), total = u32(&f, at + 4);
        *event = (struct event){at, 0, total};
        if (kind == SECTION) {
            if (!begin_section(&f, at, place, &total))
                return BAD_VERSION;
            event->bytes = total;
        }
        int64_t end = at + padded(total); /* some writers leave out the padding's length */
        if (total < LEAST || total > MOST)
            return BAD_LENGTH;
        if (end > size)
            return END;
        if (u32(&f, end - 4) != total)
            return DIFFERENT;
        int stop = kind == SECTION ? NEW_SECTION : block(&f, kind, at, end, total, place, out, event);
        if (stop == FULL)
            return FULL;
        place->at = end;
        if (stop != END && !again)
            return stop;
    }
    *event = (struct event){place->at, 0, 0};
    return END;
}
