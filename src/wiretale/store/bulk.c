/* Slices of a buffer as Arrow's views (bulk.py): the length of each, and its first twelve bytes. */
#include <stdint.h>
#include <string.h>

enum { INLINE = 12, VIEW_WORDS = 4 };

/* Every slice must lie inside; the caller has seen to it. `views` is zeroed. */
void wt_views(const uint8_t *buffer, const int64_t *start, const int64_t *size, int64_t count, uint32_t *views) {
    for (int64_t n = 0; n < count; n++) {
        uint32_t *view = views + VIEW_WORDS * n;
        view[0] = (uint32_t)size[n];
        if (size[n] > 0)
            memcpy(view + 1, buffer + start[n], size[n] < INLINE ? (size_t)size[n] : INLINE);
    }
}
