/* The Arrow C data interface (https://arrow.apache.org/docs/format/CDataInterface.html), as far as results of DuckDB are
 * read by it; the same layout as in arrow.py. */
#ifndef WT_ARROW_H
#define WT_ARROW_H
#include <stdint.h>

struct arrow_array {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct arrow_array **children, *dictionary;
    void (*release)(struct arrow_array *);
    void *private_data;
};

struct arrow_stream {
    int (*get_schema)(struct arrow_stream *, void *);
    int (*get_next)(struct arrow_stream *, struct arrow_array *); /* at the end: an array without `release` */
    const char *(*get_last_error)(struct arrow_stream *);
    void (*release)(struct arrow_stream *);
    void *private_data;
};

/* A column of a batch: its buffer of that number, 1 for numbers of 64 bits; 1 and 2 for the ends and bytes of BLOBs. */
static inline const int64_t *column_numbers(const struct arrow_array *batch, int column) {
    const struct arrow_array *of = batch->children[column];
    return (const int64_t *)of->buffers[1] + of->offset;
}

#endif
