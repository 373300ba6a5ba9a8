/*
 * The renderer alone, over the files of a recording:
 *     render EVENTS CHUNKS DATA STRINGS COLUMN QUIET FOLLOW TO_STDERR TIMES RELATIVE TOOK
 *         prints its lines, and on standard error the number of the event at which it stopped
 *     render EVENTS CHUNKS DATA STRINGS COLUMN QUIET FOLLOW TO_STDERR TIMES RELATIVE TOOK -
 *         reads states, one a line as printing.c writes them; renders one event from each, and prints how long its text
 *         is (-1: not understood), the state after it, and the text
 */
#define _GNU_SOURCE
#include "launcher.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As much as is committed, on the heap, so that a sanitizer sees a read behind the end. */
static struct wt_header *contents(const char *path, size_t record)
{
	struct stat st;
	struct wt_header header;
	int fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0 || pread(fd, &header, sizeof(header), 0) != sizeof(header))
		exit(2);
	size_t size = WT_HEADER_BYTES + header.committed * record;
	uint8_t *bytes = malloc(size);
	if (!bytes || pread(fd, bytes, size, 0) != (ssize_t)size)
		exit(2);
	close(fd);
	return (struct wt_header *)bytes;
}

static void read_state(struct quick *q, char *line)
{
	char *parts[5], *row, *rest;
	for (int i = 0; i < 5; i++)
		parts[i] = strsep(&line, ";");
	sscanf(parts[2], "%*d,%" SCNu64 ",%u,%" SCNu64 ",%u,%*d,%" SCNd64, &q->next, &q->owner, &q->column, &q->first_pid,
	       (int64_t *)&q->last_ns);
	q->n_tasks = q->n_netlink = 0;
	for (rest = parts[3]; (row = strsep(&rest, ":")) && *row; q->n_tasks++) {
		struct quick_task *task = &q->tasks[q->n_tasks];
		sscanf(row, "%u,%" SCNd64 ",%" SCNd64, &task->tid, (int64_t *)&task->begun, (int64_t *)&task->interrupted);
	}
	for (rest = parts[4]; (row = strsep(&rest, ":")) && *row; q->n_netlink++) {
		struct quick_netlink *known = &q->netlink[q->n_netlink];
		sscanf(row, "%u,%u,%u", &known->pid, &known->fd, &known->protocol);
	}
}

static void print_text(struct quick_text *t)
{
	if (t->used)
		fwrite(t->bytes, 1, t->used, stdout);
	t->used = 0;
}

static void render_each(struct printing *p, struct wt_header *events)
{
	char *line = NULL, told[32768];
	size_t room = 0;
	for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;) {
		line[n - 1] = 0;
		read_state(&p->quick, line);
		events->committed = p->quick.next + 1;
		bool understood = quick_render(&p->quick) == 1;
		describe_printing(p, told, sizeof(told));
		printf("%ld %s\n", understood ? (long)p->quick.text.used : -1L, told);
		print_text(&p->quick.text);
	}
	free(line);
}

static void render_all(struct quick *q)
{
	int64_t done;
	do {
		done = quick_render(q);
		print_text(&q->text);
	} while (done > 0);
	fprintf(stderr, "%" PRIu64 "\n", q->next);
}

int main(int argc, char **argv)
{
	static struct printing p = { .hello.pid = 1 };
	if (argc < 12)
		return 2;
	struct wt_header *events = contents(argv[1], sizeof(struct wt_event));
	p.quick.files = (struct quick_files){ events, contents(argv[2], sizeof(struct wt_chunk)), contents(argv[3], 1) };
	p.quick.options = (struct quick_options){
		.strings = strtoull(argv[4], NULL, 10), .column = strtoull(argv[5], NULL, 10), .no_attach = atoi(argv[6]) >= 1,
		.no_exit = atoi(argv[6]) >= 2, .follow = atoi(argv[7]), .to_stderr = atoi(argv[8]),
		.clock = atoi(argv[9]) > 2 ? QUICK_UNIX_TIME : atoi(argv[9]) ? QUICK_TIME_OF_DAY : QUICK_NO_CLOCK,
		.microseconds = atoi(argv[9]) > 1, .relative = atoi(argv[10]), .took = atoi(argv[11]),
		.offset_ns = 1700000000123456789,
	};
	p.quick.last_ns = QUICK_NONE;
	if (argc > 12)
		render_each(&p, events);
	else
		render_all(&p.quick);
	return 0;
}
