/*
 * io_uring_register of every opcode, perf_event_open of every kind of event, and programs of eBPF, from memory that ends
 * anywhere. The descriptor is none, and the events are none that can be opened.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned char *end;	/* of a page, before one that cannot be read */

static void *filled(int bytes, int pattern)
{
	for (int at = 0; at < 4096; at++)
		end[at - 4096] = pattern == 0 ? 0 : pattern == 1 ? at % 4 == 0 : pattern == 2 ? at : 0xff;
	return end - bytes;
}

static void rings(void)
{
	static const int counts[] = { 0, 1, 2, 3, 24, 32, 33, 40, 66, -1 };
	for (int opcode = 0; opcode < 30; opcode++) {
		syscall(SYS_io_uring_register, -1, opcode, NULL, 1);
		for (int pattern = 0; pattern < 4; pattern++)
			for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++)
				for (int bytes = 0; bytes < 60; bytes += 7 + (bytes == 7))
					syscall(SYS_io_uring_register, -1, opcode, filled(bytes, pattern), counts[i]);
	}
	/* pointers to arrays: files and their tags */
	for (int opcode = 13; opcode < 17; opcode++) {
		for (int count = 0; count < 5; count++) {
			uint32_t *given = filled(32, 0);
			uint64_t list = (uintptr_t)(end - 60), tags = (uintptr_t)(end - 52);
			given[opcode % 2 ? 0 : 6] = count;
			memcpy(given + 2 + 2 * (opcode % 2), &list, 8);
			memcpy(given + 4 + 2 * (opcode % 2), &tags, 8);
			syscall(SYS_io_uring_register, -1, opcode, given, 32);
		}
	}
}

static void counters(void)
{
	static const uint32_t sizes[] = { 0, 8, 64, 70, 72, 80, 96, 104, 109, 112, 116, 120, 128, 136, 4096 };
	for (uint32_t kind = 0; kind < 8; kind++) {
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			for (int pattern = 0; pattern < 4; pattern++) {
				uint32_t *given = filled(sizes[i] < 8 ? 64 : sizes[i], pattern);
				given[0] = kind;
				given[1] = sizes[i];
				for (uint32_t type = 0; type < (kind == 5 ? 10 : 1); type++) {
					if (kind == 5 && sizes[i] >= 64)
						given[13] = type;
					syscall(SYS_perf_event_open, given, -1, -1, -1, pattern);
				}
			}
		}
	}
	for (int bytes = 0; bytes < 130; bytes += 9) {
		uint32_t *given = filled(bytes, 2);
		syscall(SYS_perf_event_open, given, -1, -1, -1, 0);
	}
}

/* eBPF: instructions of every code, and functions by name; the kernel refuses them all. */
static void programs(void)
{
	for (int count = 0; count < 300; count += 1 + count / 3 * 3) {
		unsigned char *given = filled(2048, 2);
		uint64_t where = (uintptr_t)given;
		uint32_t *attributes = (uint32_t *)(end - 4096);
		for (int i = 0; i < 256; i++) {
			given[i * 8] = i;
			given[i * 8 + 1] = i;
		}
		memset(attributes, 0, 128);
		attributes[1] = count;
		memcpy(attributes + 2, &where, 8);
		syscall(SYS_bpf, 5, attributes, 48);
	}
	for (int count = 0; count < 6; count++) {
		uint64_t pointers[4] = { (uintptr_t)"connect", 0, (uintptr_t)"a function whose name is very long indeed", 7 };
		uint64_t where = (uintptr_t)end - sizeof(pointers);
		uint32_t attributes[12] = { 0, 0, 42, 0, 1, count };
		memcpy(end - sizeof(pointers), pointers, sizeof(pointers));
		for (int i = 0; i < 3; i++)
			memcpy(attributes + 6 + 2 * i, &where, 8);
		syscall(SYS_bpf, 28, attributes, sizeof(attributes));
	}
}

int main(void)
{
	unsigned char *pages = mmap((void *)0x600000000000, 8192, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap(pages + 4096, 4096);
	end = pages + 4096;
	chdir("/next part");
	rings();
	chdir("/next part");
	counters();
	chdir("/next part");
	programs();
	return 0;
}
