/*
 * Socket options by name, and their values. strace prints them by level, option and length; the descriptor is none, so
 * that the kernel refuses every call.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static char *end;	/* of a page, before one that cannot be read */

/* Every option of every level by name, those of the usual levels with values of many lengths. */
static void names_of_options(void)
{
	static const int levels[] = { 0, 1, 6, 17, 40, 41, 58, 100, 101, 132, 136, 255, 999, -7 };
	static const int usual[] = { 0, 1, 6, 17, 41, 263, 270, 282 };
	static const char letters[64] = "negative lengths: as much as is shown";
	int one = 1;
	for (int level = 256; level < 290; level++)
		for (int option = -1; option < 140; option++)
			setsockopt(-1, level, option, &one, 4);
	for (unsigned i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		for (int option = -1; option < 140; option++) {
			setsockopt(-1, levels[i], option, &one, 4);
			getsockopt(-1, levels[i], option, &one, NULL);
		}
	}
	for (unsigned i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
		for (int option = 0; option < 90; option++) {
			for (int length = 0; length < 22; length += length < 6 ? 1 : 5)
				setsockopt(-1, usual[i], option, memset(end - length, 'A' + length, length), length);
			setsockopt(-1, usual[i], option, letters, 20);
			setsockopt(-1, usual[i], option, end, 4);
			setsockopt(-1, usual[i], option, letters, -1);
		}
	}
}

int main(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	end = pages + 4096;
	chdir("/next part");
	names_of_options();
	return 0;
}
