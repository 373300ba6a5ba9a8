/* Which of many byte strings hold one of a few others (holding.py). */
#include <stdint.h>
#include <string.h>

struct rows {
    const int32_t *ends; /* row n is from byte ends[n] to before ends[n + 1] */
    int64_t at;          /* the row of the last place that was found */
    uint8_t *holds;
};

enum { TILE = 32768, LONGEST = 4096 };

/* Where a needle may begin, by its first and its last byte. Without branches, so that the compiler makes vectors of it:
 * for needles of two to four bytes two to six times as fast as memmem. */
__attribute__((optimize("O3"))) static void find_ends(const uint8_t *text, int64_t count, const uint8_t *needle,
                                                      int64_t size, uint8_t *may) {
    const uint8_t *behind = text + size - 1;
    uint8_t first = needle[0], last = needle[size - 1];
    for (int64_t n = 0; n < count; n++)
        may[n] = (uint8_t)((text[n] == first) & (behind[n] == last));
}

/* Set the rows that hold `needle`, of those where it begins within the `count` bytes (at most TILE) at `text`, which are
 * bytes `first` and on of all rows. They are searched as one text, for most are shorter than a search takes to begin;
 * what lies across a border is none of either row. */
static void mark(struct rows *rows, const uint8_t *text, int64_t first, int64_t count, const uint8_t *needle, int64_t size) {
    uint8_t may[TILE], *found;
    int64_t from = 0;
    find_ends(text, count, needle, size, may);
    while (from < count && (found = memchr(may + from, 1, (size_t)(count - from)))) {
        int64_t at = found - may;
        from = at + 1;
        if (memcmp(text + at, needle, (size_t)size))
            continue;
        while (rows->ends[rows->at + 1] <= first + at)
            rows->at++;
        if (first + at + size <= rows->ends[rows->at + 1]) {
            rows->holds[rows->at] = 1;
            from = rows->ends[rows->at + 1] - first;
        }
    }
}

void wt_holding(const uint8_t *data, const int32_t *ends, int64_t count, const uint8_t *needle, int64_t size, uint8_t *holds) {
    struct rows rows = {ends, 0, holds};
    int64_t places = ends[count] - size + 1;
    for (int64_t at = ends[0]; at < places; at += TILE)
        mark(&rows, data + at, at, places - at < TILE ? places - at : TILE, needle, size);
}

/* Without branches, as above. */
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
    int64_t looked_for = size < LONGEST ? size : LONGEST, places = ends[count] - looked_for + 1;
    for (int64_t at = ends[0]; at < places; at += TILE) {
        int64_t here = places - at < TILE ? places - at : TILE;
        make_small(data + at, here + looked_for - 1, small);
        mark(&rows, small, at, here, needle, looked_for);
    }
}
