/* io_submit of what is written, from memory that ends: bytes, vectors, lengths that are none. The descriptor is none. */
#include <linux/aio_abi.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static aio_context_t context;

static void submit(int command, const void *from, uint64_t size)
{
	struct iocb one = { .aio_fildes = -1, .aio_lio_opcode = command, .aio_buf = (uintptr_t)from, .aio_nbytes = size };
	struct iocb *list[3] = { &one, (void *)-1L, &one };
	syscall(SYS_io_submit, context, 1, list);
	syscall(SYS_io_submit, context, 3, list);
	syscall(SYS_io_cancel, context, &one, list);
}

int main(void)
{
	static const int commands[] = { IOCB_CMD_PREAD, IOCB_CMD_PWRITE, IOCB_CMD_PREADV, IOCB_CMD_PWRITEV };
	static const uint64_t wild[] = { ~0ULL, 1ULL << 63, 1ULL << 62, 1ULL << 60, (1ULL << 60) - 1, 1ULL << 59, 1 << 20 };
	char *end = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;
	char data[80] = "a\nb";
	struct iovec vector[3] = { { "abc", 3 }, { data, sizeof(data) }, { (void *)-1L, 7 } };

	mprotect(end, 4096, PROT_NONE);
	memcpy(end - 36, vector, 36);
	chdir("/next part");
	syscall(SYS_io_setup, 4, &context);
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		int is_vector = i > 1;
		for (uint64_t size = 0; size < 4; size++) {
			submit(commands[i], NULL, size);
			submit(commands[i], is_vector ? (void *)vector : data, size);
			submit(commands[i], end, size);
			submit(commands[i], end - (is_vector ? 36 : 2), size);
		}
		submit(commands[i], is_vector ? (void *)vector : data, is_vector ? 2 : 40);
		submit(commands[i], NULL, ~0ULL);
		for (unsigned w = 0; w < sizeof(wild) / sizeof(*wild); w++)
			submit(commands[i], is_vector ? end - 36 : data, wild[w]);
	}
	submit(4, data, 3);
	submit(IOCB_CMD_POLL, (void *)5, 3);
	syscall(SYS_io_submit, context, -3L, end - 36);
	return 0;
}
