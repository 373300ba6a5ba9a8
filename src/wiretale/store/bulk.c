/* Columns as Arrow has them (bulk.py). */
#include <stdint.h>
#include <string.h>

enum { INLINE = 12, VIEW_WORDS = 4 };

/* Slices of a buffer as views: the length of each, and its first twelve bytes. Every slice must lie inside; the caller has seen to it. `views` is zeroed. */
void wt_views(const uint8_t *buffer, const int64_t *start, const int64_t *size, int64_t count, uint32_t *views) {
    for (int64_t n = 0; n < count; n++) {
        uint32_t *view = views + VIEW_WORDS * n;
        view[0] = (uint32_t)size[n];
        if (size[n] > 0)
            memcpy(view + 1, buffer + start[n], size[n] < INLINE ? (size_t)size[n] : INLINE);
    }
}

/* Bit n is set where `values[n]` is not `absent`; returns how many are not. `bits` is zeroed. */
static int64_t valid_bits(const int64_t *values, int64_t count, int64_t absent, uint8_t *bits) {
    int64_t valid = 0;
    for (int64_t byte = 0; byte < count / 8; byte++) {
        unsigned set = 0;
        for (int n = 0; n < 8; n++)
            set |= (unsigned)(values[8 * byte + n] != absent) << n;
        bits[byte] = set;
        valid += __builtin_popcount(set);
    }
    for (int64_t n = count - count % 8; n < count; n++) {
        bits[n / 8] |= (values[n] != absent) << n % 8;
        valid += values[n] != absent;
    }
    return count - valid;
}

#define NARROW(type)                                                                                                   \
    for (int64_t n = 0; n < count; n++)                                                                                \
    ((type *)narrow)[n] = (type)values[n]

/* The values in `width` bytes each, and which are valid. `bits` is zeroed. Returns how many are NULL. */
int64_t wt_narrow(const int64_t *values, int64_t count, int64_t absent, int width, void *narrow, uint8_t *bits) {
    if (width == 1)
        NARROW(uint8_t);
    else if (width == 2)
        NARROW(uint16_t);
    else if (width == 4)
        NARROW(uint32_t);
    return valid_bits(values, count, absent, bits);
}
