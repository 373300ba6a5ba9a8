/*
 * `ptrace.calls`, as kernel programs packed it (struct wt_packed of tracer.h), to the events, chunks and data of the
 * tracer's own files. Nothing in it is believed: where a block stops making sense, the rest of it is counted as one
 * damage.
 */
#include <stdbool.h>
#include <string.h>
#include "../../record/ptrace/tracer.h"

struct packed_counts {
	uint64_t events, chunks, data_bytes, damaged_blocks;
};

/* What is made of the file; without `events` it is only counted. */
struct into {
	struct wt_event *events;
	struct wt_chunk *chunks;
	uint8_t *data;
	struct packed_counts before;	/* what stands in front of them already */
	struct packed_counts room;	/* a file may grow after it was counted */
	struct packed_counts made;
};

/* The open part of a block. */
struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

static const uint8_t *take(struct cursor *c, uint64_t bytes)
{
	const uint8_t *here = c->at;
	if (bytes > (uint64_t)(c->end - c->at)) {
		c->failed = true;
		return NULL;
	}
	c->at += bytes;
	return here;
}

static uint64_t take_word(struct cursor *c, unsigned bytes)
{
	uint64_t value = 0;
	const uint8_t *from = take(c, bytes);
	if (from)
		memcpy(&value, from, bytes);
	return value;
}

static void align(struct cursor *c, const uint8_t *record)
{
	take(c, (uint64_t)(record - c->at) & 7);
}

static void put_chunk(struct into *o, struct cursor *c, struct wt_chunk chunk, const uint8_t *from, uint64_t bytes)
{
	if (o->events) {
		if (o->made.chunks >= o->room.chunks || o->made.data_bytes + bytes > o->room.data_bytes) {
			c->failed = true;
			return;
		}
		chunk.event = o->before.events + o->made.events;
		chunk.offset = o->before.data_bytes + o->made.data_bytes;
		chunk.captured_bytes = (uint32_t)bytes;
		chunk.reserved = 0;
		o->chunks[o->made.chunks] = chunk;
		memcpy(o->data + o->made.data_bytes, from, bytes);
	}
	o->made.chunks++;
	o->made.data_bytes += bytes;
}

static void take_piece(struct into *o, struct cursor *c, const uint64_t *args, const uint8_t *record)
{
	struct wt_packed_piece p = { 0 };
	struct wt_chunk chunk = { 0 };
	const uint8_t *from = take(c, sizeof(p));
	if (!from)
		return;
	memcpy(&p, from, sizeof(p));
	chunk.role = p.role;
	chunk.arg = p.arg & WT_PIECE_ARG;
	chunk.full_bytes = p.full_bytes;
	chunk.address = p.arg & WT_PIECE_ADDRESS ? take_word(c, 8) : chunk.arg < 6 ? args[chunk.arg] : 0;
	chunk.detail = p.arg & WT_PIECE_DETAIL ? take_word(c, 8) : 0;
	if (p.arg & WT_PIECE_HELD && p.bytes <= WT_PIECE_HOLDS) {
		chunk.full_bytes = p.bytes;
		put_chunk(o, c, chunk, (const uint8_t *)&p.full_bytes, p.bytes);
		return;
	}
	from = take(c, p.bytes);
	if (from)
		put_chunk(o, c, chunk, from, p.bytes);
	align(c, record);
}

static void take_pieces(struct into *o, struct cursor *c)
{
	while (!c->failed && (uint64_t)(c->end - c->at) >= sizeof(struct wt_chunk)) {
		struct wt_chunk chunk;
		memcpy(&chunk, take(c, sizeof(chunk)), sizeof(chunk));
		const uint8_t *from = take(c, chunk.reserved);
		if (!from)
			return;
		put_chunk(o, c, chunk, from, chunk.reserved);
		take(c, -chunk.reserved & 7);
	}
}

/* With the chunks from `first` on. */
static void put_event(struct into *o, struct cursor *c, struct wt_event e, uint64_t first)
{
	if (o->events && o->made.events >= o->room.events)
		c->failed = true;
	if (c->failed)
		return;
	if (o->events) {
		e.seq = o->before.events + o->made.events;
		e.first_chunk = o->before.chunks + first;
		e.chunks = (uint32_t)(o->made.chunks - first);
		o->events[o->made.events] = e;
	}
	o->made.events++;
}

/* False if the record is none: what it had added is taken back. */
static bool take_call(struct into *o, struct cursor c, const struct wt_packed_context *of, uint32_t cpu)
{
	const struct packed_counts before = o->made;
	const uint8_t *record = c.at;
	struct wt_packed p = { 0 };
	struct wt_event e = { 0 };
	uint64_t args[6];
	const uint8_t *head = take(&c, sizeof(p) - 8);
	if (!head)
		return false;
	memcpy(&p, head, sizeof(p) - 8);
	if (p.kind == WT_PACKED_ENTRY) {
		p.ip = p.result;
		p.result = 0;
	} else if (p.kind == WT_PACKED_CALL) {
		p.took = (uint32_t)take_word(&c, 4);
		p.ip = (int32_t)take_word(&c, 4);
	}
	uint64_t took = p.took, ip = of->ip + (uint64_t)(int64_t)p.ip;
	int64_t result = p.result;
	if (p.form & WT_PACKED_WIDE) {
		took = take_word(&c, 8);
		result = (int64_t)take_word(&c, 8);
	}
	for (unsigned i = 0; i < 6; i++)
		args[i] = take_word(&c, 4 * (p.shape >> 2 * i & 3));
	memcpy(e.args, args, sizeof(e.args));
	align(&c, record);
	e.tid = of->tid;
	e.tgid = of->tgid;
	e.arch = of->arch;
	e.cpu = (int32_t)cpu;
	e.number = p.number;
	e.resume_ns = of->time_ns + p.time;
	e.time_ns = e.resume_ns - took;
	e.kind = p.kind == WT_PACKED_CALL ? WT_CALL : p.kind;
	if (p.form & WT_PACKED_GIVEN) {	/* what the entry has is the entry's */
		struct wt_event entry = e;
		entry.kind = WT_ENTRY;
		entry.resume_ns = e.time_ns;
		entry.value = (int64_t)ip;
		take_piece(o, &c, args, record);
		put_event(o, &c, entry, before.chunks);
		e.kind = WT_EXIT;
		e.time_ns = e.resume_ns;
		memset(e.args, 0, sizeof(e.args));
	}
	const uint64_t first_chunk = o->made.chunks;
	if (p.form & WT_PACKED_PIECE)
		take_piece(o, &c, args, record);
	else if (p.form & WT_PACKED_PIECES)
		take_pieces(o, &c);
	e.flags = result < 0 && result >= -4095 ? WT_FLAG_ERROR : 0;
	e.value = e.kind == WT_ENTRY ? (int64_t)ip : result;
	e.extra = e.kind == WT_CALL ? ip : 0;
	put_event(o, &c, e, first_chunk);
	if (c.failed)
		o->made = before;
	return !c.failed;
}

/* False if it stops making sense before its end. */
static bool take_block(struct into *o, const uint8_t *at, uint64_t bytes)
{
	struct wt_packed_context of = { 0 };
	uint32_t cpu = 0;
	const uint8_t *end = at + bytes;
	while (end - at >= 8) {
		uint16_t units;
		uint8_t kind = at[2];
		memcpy(&units, at, sizeof(units));
		if (!units)
			return true;
		if (units * 8 > end - at)
			return false;
		if (kind == WT_PACKED_CPU && units == 1)
			memcpy(&cpu, at + 4, sizeof(cpu));
		else if (kind == WT_PACKED_CONTEXT && units * 8 == sizeof(of))
			memcpy(&of, at, sizeof(of));
		else if (kind < WT_PACKED_ENTRY || kind > WT_PACKED_CALL || !of.tid)
			return false;
		else if (!take_call(o, (struct cursor){ at, at + units * 8, false }, &of, cpu))
			return false;
		at += units * 8;
	}
	return end == at;
}

static void take_file(struct into *o, const uint8_t *bytes, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += WT_PACKED_BLOCK) {
		uint64_t left = size - at;
		o->made.damaged_blocks += !take_block(o, bytes + at, left < WT_PACKED_BLOCK ? left : WT_PACKED_BLOCK);
	}
}

/* How much there is in the file. */
void wt_packed_count(const uint8_t *bytes, uint64_t size, struct packed_counts *counts)
{
	struct into o = { 0 };
	take_file(&o, bytes, size);
	*counts = o.made;
}

/* All that was counted, numbered as what follows `before`. */
void wt_packed_unpack(const uint8_t *bytes, uint64_t size, const struct packed_counts *counts,
		      const struct packed_counts *before, struct wt_event *events, struct wt_chunk *chunks, uint8_t *data)
{
	struct into o = { events, chunks, data, *before, *counts, { 0 } };
	take_file(&o, bytes, size);
}
