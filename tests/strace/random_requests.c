/* Requests of ioctl, each some times with random memory that is the same in each run: `random_requests FILE COUNT`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, END = 4 * PAGE, HALF = END / 2 };
static unsigned long state = 7;
static unsigned char *pages;

static unsigned random_below(unsigned most)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % most;
}

/* Any bytes; small numbers; small numbers of 64 bits and pointers; text; none or all bits. */
static void fill(void)
{
	unsigned kind = random_below(5);
	for (int at = 0; at < HALF; at++)
		pages[at] = kind == 0 ? random_below(256) : kind == 1 ? (random_below(4) ? 0 : random_below(4)) :
			    kind == 2 ? (at % 8 ? 0 : random_below(40)) : kind == 3 ? 'a' + random_below(26) : random_below(2) * 0xff;
	for (int at = 0; kind == 2 && at < HALF; at += 8)
		if (!random_below(5))
			*(unsigned long *)(pages + at) = (unsigned long)pages + HALF + random_below(64) * 8;
	memcpy(pages + HALF, pages + 100, HALF - 100);
}

static void *somewhere(void)
{
	static const unsigned long NOWHERE[] = { 0, 1, -1, 0xdeadbeef, 0x7fffffff, 5 };
	if (!random_below(12))
		return (void *)NOWHERE[random_below(6)];
	return random_below(4) ? pages + random_below(64) * 8 : pages + END - random_below(300);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	pages = mmap((void *)0x600000000000, END + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap(pages + END, PAGE);
	FILE *list = fopen(argv[1], "r");
	for (unsigned long request; fscanf(list, "%lx", &request) == 1;) {
		for (int count = atoi(argv[2]); count > 0; count--) {
			fill();
			syscall(SYS_ioctl, -1, request, somewhere());
		}
	}
	return 0;
}
