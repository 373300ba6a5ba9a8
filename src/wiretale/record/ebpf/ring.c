/*
 * Empties BPF ring buffers, each into its file: whole runs of records at once, nothing looked at but the header that says
 * whether a record is complete (kernel/bpf/ringbuf.c). One thread; no wake-ups from the kernel, because a wake-up of
 * the recorder would be part of what is recorded: the ring is looked at every few milliseconds instead.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BUSY 0x80000000u	/* BPF_RINGBUF_BUSY_BIT of linux/bpf.h */
#define DISCARDED 0x40000000u
#define HEADER_BYTES 8u
#define SMALL_RING (8u << 20)	/* full within some milliseconds; others are looked at less often, which costs less */
#define RUN_BYTES (1u << 20)	/* at most this much is written at a time, so that room in the ring comes back early */

struct wt_ring {
	uint64_t *consumed;		/* the consumer's page */
	const uint64_t *produced;	/* the producer's page */
	const uint8_t *data;		/* the ring, mapped twice in a row */
	uint64_t bytes;			/* its size, a power of two */
	uint32_t record_bytes;		/* of every record, without its header */
	int32_t file;
	uint64_t records, lost;		/* out: written; not written because the disk was full */
	int32_t error;			/* out: errno of the last failed write */
	uint32_t reserved;
};

/* Maps the ring behind `map_fd`: the consumer's page for writing; the producer's page, then the ring twice in a row. */
int wt_ring_open(struct wt_ring *r, int map_fd, uint64_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumed = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (consumed == MAP_FAILED)
		return -errno;
	uint8_t *produced = mmap(NULL, page + 2 * bytes, PROT_READ, MAP_SHARED, map_fd, (off_t)page);
	if (produced == MAP_FAILED) {
		int error = errno;
		munmap(consumed, page);
		return -error;
	}
	r->consumed = consumed;
	r->produced = (const uint64_t *)produced;
	r->data = produced + page;
	r->bytes = bytes;
	return 0;
}

void wt_ring_close(struct wt_ring *r)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	munmap(r->consumed, page);
	munmap((void *)(uintptr_t)r->produced, page + 2 * r->bytes);
}

static int put(struct wt_ring *r, const uint8_t *from, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = write(r->file, from, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r->error = errno;
			return -1;
		}
		from += n;
		bytes -= (uint64_t)n;
	}
	return 0;
}

/* Takes all complete records. Returns how many. */
uint64_t wt_ring_drain(struct wt_ring *r)
{
	const uint64_t stride = HEADER_BYTES + r->record_bytes, before = r->records + r->lost;
	uint64_t at = *r->consumed;
	for (;;) {
		uint64_t end = __atomic_load_n(r->produced, __ATOMIC_ACQUIRE), from = at;
		while (at + stride <= end && at - from < RUN_BYTES) {
			const uint32_t *header = (const uint32_t *)(r->data + (at & (r->bytes - 1)));
			if (__atomic_load_n(header, __ATOMIC_ACQUIRE) & BUSY)
				break;
			at += stride;
		}
		if (at == from)
			return r->records + r->lost - before;
		off_t whole = lseek(r->file, 0, SEEK_CUR);
		if (put(r, r->data + (from & (r->bytes - 1)), at - from) == 0) {
			r->records += (at - from) / stride;
		} else {
			r->lost += (at - from) / stride;
			if (whole >= 0 && ftruncate(r->file, whole) == 0)	/* half a record would shift all behind it */
				lseek(r->file, whole, SEEK_SET);
		}
		__atomic_store_n(r->consumed, at, __ATOMIC_RELEASE);
	}
}

static uint64_t drain_all(struct wt_ring *rings, uint32_t count)
{
	uint64_t records = 0;
	for (uint32_t i = 0; i < count; i++)
		records += wt_ring_drain(&rings[i]);
	return records;
}

/* Drains `count` rings until `stop` is readable, then once more. */
void wt_ring_run(struct wt_ring *rings, uint32_t count, int stop)
{
	struct pollfd waiting = { .fd = stop, .events = POLLIN };
	struct timespec soon = { .tv_nsec = 5000000 }, later = { .tv_nsec = 20000000 };
	for (uint32_t i = 0; i < count; i++)
		if (rings[i].bytes < SMALL_RING)
			soon.tv_nsec = later.tv_nsec = 1000000;
	while (ppoll(&waiting, 1, drain_all(rings, count) ? &soon : &later, NULL) <= 0)
		;
	drain_all(rings, count);
}
