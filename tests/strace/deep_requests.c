/*
 * Requests of ioctl whose structures lead to other memory, at random but the same in each run: `deep_requests KIND
 * SEED COUNT`. Numbers are small, flags few bits, pointers lead to text, to the end of memory, nowhere or to NULL.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "deep_requests.h"

enum { PAGE = 4096, END = 4 * PAGE };
static uint64_t state;
static unsigned char *pages;

static uint32_t random_below(uint32_t most)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % most;
}

static uint64_t pointer(void)
{
	static const uint64_t NOWHERE[] = { 0, 0xdeadbeefbadc0dedu };
	uint32_t way = random_below(8);
	if (way < 2)
		return NOWHERE[way];
	if (way < 4)	/* memory ends soon */
		return (uint64_t)pages + END - random_below(80);
	return (uint64_t)pages + 3 * PAGE + random_below(64) * 8;
}

static uint64_t value(enum kind kind)
{
	static const uint64_t EDGES[] = { 0, 1, 2, 3, 5, 8, 31, 32, 33, 40, 64, 0xffffffff, 0x7fffffff, UINT64_MAX };
	switch (kind) {
	case POINTER:
		return pointer();
	case COUNT:
		return random_below(3) ? random_below(6) : EDGES[random_below(sizeof(EDGES) / sizeof(EDGES[0]))];
	case BITS:
		return random_below(4) ? 1ull << random_below(18) | 1ull << random_below(6) : EDGES[random_below(14)];
	case ANY:
		return EDGES[random_below(sizeof(EDGES) / sizeof(EDGES[0]))];
	case NEGATIVE:
		return -(uint64_t)random_below(7);
	case LENGTH:
		return random_below(8) ? random_below(30) * 8 : EDGES[random_below(14)];
	case LENGTH4:
		return random_below(100) | 1ull << 32;
	case TREE:
		return random_below(4) ? random_below(16) : random_below(2) ? 256 : -(uint64_t)random_below(16);
	case BYTE:
		return random_below(4) ? random_below(256) : EDGES[random_below(14)];
	case ROOM:
		return random_below(60) * 8;
	case CONTAINER:
		return (uint64_t)pages + 2 * PAGE + random_below(3) * 512;
	case BYTE4:
		return random_below(256) | (uint64_t)random_below(40) << 32;
	}
	return 0;
}

/* What pointers lead to: numbers and text, among them pointers to themselves; in one page small numbers alone. */
static void fill_pages(void)
{
	for (int at = 0; at < END; at++)
		pages[at] = random_below(3) ? 'A' + at % 26 : random_below(40);
	for (int at = 2 * PAGE; at < 3 * PAGE; at += 8) {
		uint64_t small = random_below(300);
		memcpy(pages + at, &small, 8);
	}
	for (int at = 3 * PAGE; at + 16 <= END; at += 16) {
		uint64_t there = pointer(), length = value(COUNT);
		if (random_below(4)) {
			memcpy(pages + at, &there, 8);
			memcpy(pages + at + 8, &length, 8);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	pages = mmap((void *)0x600000000000, END + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap(pages + END, PAGE);
	state = strtoull(argv[2], NULL, 0);
	for (int count = atoi(argv[3]); count > 0; count--) {
		const struct request *r = &REQUESTS[random_below(sizeof(REQUESTS) / sizeof(REQUESTS[0]))];
		if (strcmp(r->kind, argv[1]))
			continue;
		fill_pages();
		int room = r->bytes + r->behind;
		unsigned char *s = pages + (random_below(6) ? 256 : END - (random_below(8) ? r->bytes + random_below(64) : random_below(r->bytes)));
		for (int at = 0; at < room && s + at < pages + END; at++)
			s[at] = random_below(2) ? 0 : random_below(256);
		for (const struct field *f = r->fields; f->bytes; f++) {
			uint64_t v = f->has_value ? f->value : value(f->kind);
			if (s + f->at + f->bytes <= pages + END)
				memcpy(s + f->at, &v, f->bytes);
		}
		syscall(SYS_ioctl, -1, r->number, s);
	}
	return 0;
}
