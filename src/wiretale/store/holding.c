/* Which of many byte strings hold one of a few others (holding.py). */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>

/* Rows lie one after the other: row n is data[ends[n]] to before data[ends[n + 1]]. Rows that hold `needle` are set. */
void wt_holding(const uint8_t *data, const int32_t *ends, int64_t rows, const uint8_t *needle, int64_t size, uint8_t *holds) {
    for (int64_t n = 0; n < rows; n++)
        if (!holds[n] && memmem(data + ends[n], (size_t)(ends[n + 1] - ends[n]), needle, (size_t)size))
            holds[n] = 1;
}

/* The capital letters of ASCII made small. Without branches, so that the compiler makes vectors of it. */
__attribute__((optimize("O3"))) void wt_lower(const uint8_t *data, int64_t size, uint8_t *lower) {
    for (int64_t n = 0; n < size; n++)
        lower[n] = (uint8_t)(data[n] | ((uint8_t)(data[n] - 'A') < 26) << 5);
}
