/*
 * Lines of `wiretale strace` from the tracer's records, in C: for as long as every record is surely understood. What
 * is not is left to Python (../begun.py), which goes on from exactly that event. The launcher uses this header only.
 *
 * What calls, constants and structures are is not written here: _tables.h is made from the declarations of `decode`
 * by tables.py, and what that finds no rendering for here is not understood.
 */
#ifndef WIRETALE_QUICK_H
#define WIRETALE_QUICK_H

#include "../../record/ptrace/tracer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUICK_TASKS 256
#define QUICK_NETLINK 64
#define QUICK_NONE UINT64_MAX	/* no such event */

enum quick_clock { QUICK_NO_CLOCK, QUICK_TIME_OF_DAY, QUICK_UNIX_TIME };

struct quick_options {
	uint64_t strings;	/* -s */
	uint64_t column;	/* -a */
	bool follow;		/* -f */
	bool to_stderr;		/* no -o */
	bool no_attach, no_exit;	/* messages that are left out */
	enum quick_clock clock;	/* -t */
	bool microseconds;	/* of it: -tt, -ttt */
	bool relative;		/* -r */
	bool took;		/* -T */
	int64_t offset_ns;	/* from the time of events to that since 1970 */
};

/* The tracer's three files, mapped: their header pages, and what follows them. */
struct quick_files {
	const struct wt_header *events, *chunks, *data;
};

/* A traced thread. Events are told by their numbers. */
struct quick_task {
	uint32_t tid;
	uint64_t begun;		/* the entry of its open call */
	uint64_t interrupted;	/* the entry of the call that restart_syscall goes on with */
};

/* A netlink socket: its bytes are messages of `protocol`. */
struct quick_netlink {
	uint32_t pid, fd, protocol;
};

struct quick_text {
	char *bytes;
	size_t used, room;
	bool failed;		/* no memory */
};

/* All that is known between two events; begun.py is given it. */
struct quick {
	struct quick_options options;
	struct quick_files files;
	struct quick_text text;	/* lines not written yet */
	uint64_t next;		/* the event to render next */
	uint32_t owner;		/* the task whose line is open; 0: none */
	uint64_t column;	/* how long that line is */
	uint64_t last_ns;	/* when the last line began, with -r; QUICK_NONE: there is none */
	uint32_t first_pid;
	uint32_t n_tasks, n_netlink;
	struct quick_task tasks[QUICK_TASKS];
	struct quick_netlink netlink[QUICK_NETLINK];
};

/* Render events that are there now, some at a time; how many, or -1 if the next one is not understood. */
int64_t quick_render(struct quick *q);

/* Whether events have come since. */
bool quick_has_more(const struct quick *q);

/* The sources that _tables.h was made from, below the package's folder; NULL ends them. */
extern const char *const QUICK_SOURCES[];

#endif
