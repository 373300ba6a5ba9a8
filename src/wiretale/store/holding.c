/* Which of many byte strings hold one of a few others (holding.py). */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arrow.h"

struct rows {
    const int32_t *ends; /* row n is from byte ends[n] to before ends[n + 1] */
    int64_t at;          /* the row of the last place that was found */
    uint8_t *holds;
};

enum { TILE = 32768 };

struct needle {
    const uint8_t *bytes, *either; /* either: the bits of each byte that do not count, which are set in `bytes` */
    int64_t size;
};

/* Where a needle may begin, by its first and its last byte. Without branches, so that the compiler makes vectors of it:
 * for needles of two to four bytes two to six times as fast as memmem. */
__attribute__((optimize("O3"))) static void find_ends(const uint8_t *text, int64_t count, const struct needle *needle,
                                                      uint8_t *may) {
    int64_t behind = needle->size - 1;
    uint8_t first = needle->bytes[0], last = needle->bytes[behind];
    uint8_t any_first = needle->either[0], any_last = needle->either[behind];
    for (int64_t n = 0; n < count; n++)
        may[n] = (uint8_t)(((text[n] | any_first) == first) & ((text[n + behind] | any_last) == last));
}

static bool is_here(const uint8_t *text, const struct needle *needle) {
    for (int64_t n = 0; n < needle->size; n++)
        if ((text[n] | needle->either[n]) != needle->bytes[n])
            return false;
    return true;
}

/* Set the rows that hold `needle`, of those where it begins within the `count` bytes (at most TILE) at `text`, which are
 * bytes `first` and on of all rows. They are searched as one text, for most are shorter than a search takes to begin;
 * what lies across a border is none of either row. */
static void mark(struct rows *rows, const uint8_t *text, int64_t first, int64_t count, const struct needle *needle) {
    uint8_t may[TILE], *found;
    int64_t from = 0;
    find_ends(text, count, needle, may);
    while (from < count && (found = memchr(may + from, 1, (size_t)(count - from)))) {
        int64_t at = found - may;
        from = at + 1;
        if (!is_here(text + at, needle))
            continue;
        while (rows->ends[rows->at + 1] <= first + at)
            rows->at++;
        if (first + at + needle->size <= rows->ends[rows->at + 1]) {
            rows->holds[rows->at] = 1;
            from = rows->ends[rows->at + 1] - first;
        }
    }
}

struct found {
    int64_t *ids;
    int64_t count, room;
};

static bool keep(struct found *found, const int64_t *ids, const uint8_t *holds, int64_t count) {
    for (int64_t n = 0; n < count; n++) {
        if (!holds[n])
            continue;
        if (found->count == found->room) {
            int64_t room = found->room ? 2 * found->room : 1024;
            int64_t *more = realloc(found->ids, (size_t)room * sizeof(*more));
            if (!more)
                return false;
            found->ids = more;
            found->room = room;
        }
        found->ids[found->count++] = ids[n];
    }
    return true;
}

static bool search(const struct arrow_array *batch, const struct needle *needles, int64_t count, struct found *found) {
    const struct arrow_array *blobs = batch->children[1];
    const int32_t *ends = (const int32_t *)blobs->buffers[1] + blobs->offset;
    const uint8_t *data = blobs->buffers[2];
    uint8_t *holds = calloc((size_t)batch->length, 1);
    if (!holds)
        return false;
    for (int64_t n = 0; n < count; n++) {
        struct rows rows = {ends, 0, holds};
        int64_t places = ends[batch->length] - needles[n].size + 1;
        for (int64_t at = ends[0]; at < places; at += TILE)
            mark(&rows, data + at, at, places - at < TILE ? places - at : TILE, &needles[n]);
    }
    bool kept = keep(found, column_numbers(batch, 0), holds, batch->length);
    free(holds);
    return kept;
}

/* Those of the first column (numbers) whose second one (BLOBs) holds one of the needles. Returns what the stream does where
 * it fails, -1 where there is no memory. `found` is wt_forget's in any case. */
int wt_holding(struct arrow_stream *stream, const struct needle *needles, int64_t count, struct found *found) {
    for (;;) {
        struct arrow_array batch;
        int fault = stream->get_next(stream, &batch);
        if (fault || !batch.release)
            return fault;
        bool kept = !batch.length || search(&batch, needles, count, found);
        batch.release(&batch);
        if (!kept)
            return -1;
    }
}

void wt_forget(struct found *found) {
    free(found->ids);
}
