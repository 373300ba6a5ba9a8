/* Many ranges of two byte arrays compared at once. A plain shared library without Python headers.
 *
 * The caller guarantees that every range lies inside its array.
 */
#include <stdint.h>
#include <string.h>

void wt_compare(const uint8_t *left, const uint8_t *right, const int64_t *left_at, const int64_t *right_at,
                const int64_t *size, int64_t count, uint8_t *equal) {
    for (int64_t i = 0; i < count; i++)
        equal[i] = memcmp(left + left_at[i], right + right_at[i], (size_t)size[i]) == 0;
}
