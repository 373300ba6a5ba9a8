/* Which of many byte strings hold one of a few others (holding.py). */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>

struct rows {
    const int32_t *ends; /* row n is from byte ends[n] to before ends[n + 1] */
    int64_t at;          /* the row of the last place that was found */
    uint8_t *holds;
};

/* Set the rows that hold `needle` within `text`, which begins at byte `first` of all rows. They are searched as one
 * text, for most are shorter than a search takes to begin; what lies across a border is none of either row. */
static void mark(struct rows *rows, const uint8_t *text, int64_t first, int64_t bytes, const uint8_t *needle, int64_t size) {
    const uint8_t *from = text, *end = text + bytes, *found;
    while (from < end && (found = memmem(from, (size_t)(end - from), needle, (size_t)size))) {
        int64_t place = first + (found - text);
        while (rows->ends[rows->at + 1] <= place)
            rows->at++;
        from = found + 1;
        if (place + size <= rows->ends[rows->at + 1]) {
            rows->holds[rows->at] = 1;
            from = text + (rows->ends[rows->at + 1] - first);
        }
    }
}

void wt_holding(const uint8_t *data, const int32_t *ends, int64_t count, const uint8_t *needle, int64_t size, uint8_t *holds) {
    struct rows rows = {ends, 0, holds};
    mark(&rows, data + ends[0], ends[0], ends[count] - ends[0], needle, size);
}

enum { TILE = 32768, LONGEST = 4096 };

/* Without branches, so that the compiler makes vectors of it. */
__attribute__((optimize("O3"))) static void make_small(const uint8_t *data, int64_t size, uint8_t *small) {
    for (int64_t n = 0; n < size; n++)
        small[n] = (uint8_t)(data[n] | ((uint8_t)(data[n] - 'A') < 26) << 5);
}

/* The same with the capital letters of ASCII made small, as much at a time as stays in the processor's cache. A needle
 * longer than LONGEST is cut to that: what it finds then is too much, never too little. */
void wt_holding_small(const uint8_t *data, const int32_t *ends, int64_t count, const uint8_t *needle, int64_t size,
                      uint8_t *holds) {
    uint8_t small[TILE + LONGEST];
    struct rows rows = {ends, 0, holds};
    int64_t overlap = (size < LONGEST ? size : LONGEST) - 1;
    for (int64_t at = ends[0]; at < ends[count]; at += TILE) {
        int64_t left = ends[count] - at, bytes = left < TILE + overlap ? left : TILE + overlap;
        make_small(data + at, bytes, small);
        mark(&rows, small, at, bytes, needle, overlap + 1);
    }
}
