/*
 * Empties what the kernel programs fill, into files: whole runs of records at once. Nothing of an event is looked at;
 * of a BPF ring buffer (stacks) the header that says whether a record is complete (kernel/bpf/ringbuf.c). One thread; no
 * wake-ups from the kernel, because a wake-up of the recorder would be part of what is recorded: it looks by itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef uint32_t __u32;
typedef uint64_t __u64;
typedef uint16_t __u16;
typedef uint8_t __u8;
typedef int32_t __s32;
#include "wiretale.bpf.h"

#define BUSY 0x80000000u	/* BPF_RINGBUF_BUSY_BIT of linux/bpf.h */
#define HEADER_BYTES 8u
#define RUN_BYTES (1u << 20)	/* at most this much is written at a time, so that room comes back early */
#define SMALL_RING (8u << 20)
#define MOST_LOOKS 10000	/* at a CPU that is always found writing an event */
#define LEAST_EVENT_NS 100	/* no CPU makes them faster: a buffer is looked at before it can be full */
#define LEAST_REST_NS 500000
#define STACKS_REST_NS 5000000
#define MOST_REST_NS 20000000

struct wt_out {
	int32_t file;
	int32_t error;			/* out: errno of the last failed write */
	uint64_t records, lost;		/* out: written; not written because the disk was full */
};

/* The events: a buffer for each CPU. */
struct wt_buffers {
	struct wt_out out;
	const struct wt_kernel_slot *slots;
	struct wt_filling *filling;
	uint64_t of_cpu;		/* events */
	uint32_t cpus;
	uint32_t reserved;
};

/* A BPF ring buffer: the stacks. */
struct wt_ring {
	struct wt_out out;
	uint64_t *consumed;		/* the consumer's page */
	const uint64_t *produced;	/* the producer's page */
	const uint8_t *data;		/* the ring, mapped twice in a row */
	uint64_t bytes;			/* its size, a power of two */
	uint32_t record_bytes;		/* of every record, without its header; 0: there is no ring */
	uint32_t reserved;
};

/* Maps what each CPU fills. 0, or an errno below 0. */
int wt_buffers_open(struct wt_buffers *b, int events_fd, int filling_fd, uint64_t of_cpu, uint32_t cpus)
{
	const size_t bytes = cpus * of_cpu * sizeof(*b->slots);
	void *slots = mmap(NULL, bytes, PROT_READ, MAP_SHARED, events_fd, 0);
	if (slots == MAP_FAILED)
		return -errno;
	void *filling = mmap(NULL, cpus * sizeof(*b->filling), PROT_READ | PROT_WRITE, MAP_SHARED, filling_fd, 0);
	if (filling == MAP_FAILED) {
		int error = errno;
		munmap(slots, bytes);
		return -error;
	}
	b->slots = slots;
	b->filling = filling;
	b->of_cpu = of_cpu;
	b->cpus = cpus;
	return 0;
}

void wt_buffers_close(struct wt_buffers *b)
{
	munmap((void *)(uintptr_t)b->slots, b->cpus * b->of_cpu * sizeof(*b->slots));
	munmap(b->filling, b->cpus * sizeof(*b->filling));
}

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

static bool write_all(struct wt_out *o, const uint8_t *from, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = write(o->file, from, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			o->error = n ? errno : ENOSPC;
			return false;
		}
		from += n;
		bytes -= (uint64_t)n;
	}
	return true;
}

/* Whole records, or nothing: half of one would shift all behind it. */
static void put(struct wt_out *o, const void *from, uint64_t records, uint64_t record_bytes)
{
	off_t whole = lseek(o->file, 0, SEEK_CUR);
	if (write_all(o, from, records * record_bytes)) {
		o->records += records;
		return;
	}
	o->lost += records;
	if (whole >= 0 && ftruncate(o->file, whole) == 0)
		lseek(o->file, whole, SEEK_SET);
}

/* Events of one CPU that are whole; 0 beyond `taken` if at every look one was being written. */
static uint64_t whole_events(const struct wt_filling *f, uint64_t taken)
{
	for (int i = 0; i < MOST_LOOKS; i++) {
		uint64_t begun = __atomic_load_n(&f->begun, __ATOMIC_ACQUIRE);
		if (begun < WT_WRITING)
			return begun;
	}
	return taken;
}

/* Takes all whole events. */
void wt_buffers_drain(struct wt_buffers *b)
{
	const uint64_t run = RUN_BYTES / sizeof(*b->slots);
	for (uint32_t cpu = 0; cpu < b->cpus; cpu++) {
		struct wt_filling *f = &b->filling[cpu];
		uint64_t taken = f->taken, end = whole_events(f, taken);
		while (taken < end) {
			uint64_t at = taken % b->of_cpu, n = end - taken;
			if (n > b->of_cpu - at)
				n = b->of_cpu - at;
			if (n > run)
				n = run;
			put(&b->out, &b->slots[cpu * b->of_cpu + at], n, sizeof(*b->slots));
			taken += n;
			__atomic_store_n(&f->taken, taken, __ATOMIC_RELEASE);
		}
	}
}

/* Takes all complete records. Returns how many. */
uint64_t wt_ring_drain(struct wt_ring *r)
{
	const uint64_t stride = HEADER_BYTES + r->record_bytes, before = r->out.records + r->out.lost;
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
			return r->out.records + r->out.lost - before;
		put(&r->out, r->data + (from & (r->bytes - 1)), (at - from) / stride, stride);
		__atomic_store_n(r->consumed, at, __ATOMIC_RELEASE);
	}
}

static long rest_of(const struct wt_buffers *b, const struct wt_ring *stacks)
{
	uint64_t rest = b->of_cpu * LEAST_EVENT_NS;
	if (stacks->record_bytes && rest > STACKS_REST_NS)
		rest = STACKS_REST_NS;
	if (stacks->record_bytes && stacks->bytes < SMALL_RING)
		rest = LEAST_REST_NS;
	return (long)(rest < LEAST_REST_NS ? LEAST_REST_NS : rest > MOST_REST_NS ? MOST_REST_NS : rest);
}

/* Drains until `stop` is readable, then once more. */
void wt_drain_run(struct wt_buffers *b, struct wt_ring *stacks, int stop)
{
	struct pollfd waiting = { .fd = stop, .events = POLLIN };
	bool has_stacks = stacks->record_bytes;
	const struct timespec rest = { .tv_nsec = rest_of(b, stacks) };
	do {
		wt_buffers_drain(b);
		if (has_stacks)
			wt_ring_drain(stacks);
	} while (ppoll(&waiting, 1, &rest, NULL) <= 0);
	wt_buffers_drain(b);
	if (has_stacks)
		wt_ring_drain(stacks);
}
