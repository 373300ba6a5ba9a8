/* The walk over bytes of files, each in memory of exactly its size, so that the sanitizer sees a read outside of it:
 * walk_bytes FILE... prints of each how many frames were found as pcap in all its readings, and as pcapng. */
#include "walk.c"
#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 64, BYTES = 4096 };

static struct slice room(int64_t most, int64_t most_bytes, int64_t size) {
    return (struct slice){most, most_bytes, 0, 0, 0, 0, malloc(8 * most), malloc(8 * most), malloc(4 * most),
                          malloc(4 * most), malloc(4 * most), malloc(most), malloc(most), malloc(4 * most),
                          malloc(8 * most), malloc(most_bytes + size)}; /* no text is longer than the file */
}

static void discard(struct slice *s) {
    void *arrays[] = {s->at, s->stamp, s->captured, s->length, s->interface, s->direction, s->stamped, s->comment_of,
                      s->comment_end, s->text};
    for (unsigned n = 0; n < sizeof arrays / sizeof *arrays; n++)
        free(arrays[n]);
}

/* Whether every byte that was found is in the file. */
static int64_t seen(const uint8_t *data, const struct slice *s) {
    volatile uint8_t sum = 0;
    for (int64_t n = 0; n < s->count; n++)
        for (uint32_t byte = 0; byte < s->captured[n]; byte++)
            sum += data[s->at[n] + byte];
    for (int64_t byte = 0; byte < s->text_bytes; byte++)
        sum += s->text[byte];
    return s->count;
}

static int64_t all(const uint8_t *data, int64_t size, int format, int64_t most, int64_t most_bytes) {
    static const int64_t headers[] = {16, 24};
    int64_t found = 0;
    struct place place = {.at = format < 6 ? 24 : 0, .swapped = format & 1};
    struct event event;
    for (int stop = FULL; stop == FULL || (stop >= PAUSED && stop <= BAD_OPTION);) {
        struct slice s = room(most, most_bytes, size);
        stop = format < 6 ? wt_walk_pcap(data, size, headers[format & 1], 1000, format / 2, INT64_MAX, &place, &s, &event)
                          : wt_walk_pcapng(data, size, format & 1, place.at + 64, &place, &s, &event);
        if (stop == PAUSED)
            stop = format < 6 ? wt_walk_pcap(data, size, 16, 1000, 0, INT64_MAX, &place, &s, &event)
                              : wt_walk_pcapng(data, size, format & 1, INT64_MAX, &place, &s, &event);
        found += seen(data, &s);
        discard(&s);
    }
    return found;
}

int main(int argc, char **argv) {
    for (int n = 1; n < argc; n++) {
        FILE *file = fopen(argv[n], "rb");
        if (!file || fseek(file, 0, SEEK_END))
            return 1;
        int64_t size = ftell(file);
        uint8_t *data = malloc(size);
        rewind(file);
        if (fread(data, 1, size, file) != (size_t)size)
            return 1;
        fclose(file);
        int64_t pcap = 0, pcapng = 0;
        for (int format = 0; format < 8; format++)
            *(format < 6 ? &pcap : &pcapng) += all(data, size, format, ROOM, BYTES) + all(data, size, format, 1, 1);
        printf("%lld %lld\n", (long long)pcap, (long long)pcapng);
        free(data);
    }
    return 0;
}
