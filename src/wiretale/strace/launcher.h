/* What the launcher's parts share: the messages of the tracer's process, and what Python is given of a recording. */
#ifndef WIRETALE_LAUNCHER_H
#define WIRETALE_LAUNCHER_H

#include "quick/quick.h"

#include <signal.h>
#include <sys/types.h>

/* What begun.py is told, in two messages. */
struct hello {
	int32_t pid;		/* the program's; -errno if it could not be started */
	int32_t stage;		/* where it failed: enum wt_spawn_stage */
	uint32_t flags;		/* enum wt_option_flag */
	uint32_t reserved;
	uint64_t snaplen;
};
struct goodbye {
	int32_t ended;		/* 1: with `status` */
	int32_t status;
	int32_t full_errno;
	uint32_t reserved;
	uint64_t lost;
};

struct held {
	pid_t tracer;
	int channel, events, chunks, data;
	int behind, caught_up;	/* as wt_behind_fd, wt_caught_up_fd */
};

/* A program whose lines are printed in C so far. */
struct printing {
	struct quick quick;	/* what has been printed */
	struct hello hello;	/* pid 0: not read yet, so that Python will */
	int output;
};

/*
 * Print until the program has ended, which gives its wait status and true; or until Python must go on from
 * `printing`. `ending` are the signals that Python has answers to, all of them blocked.
 */
bool print_lines(struct printing *printing, const struct held *held, const sigset_t *ending, int *status);

/* What Python is told of it, behind what it is told of the recording. */
void describe_printing(const struct printing *printing, char *into, size_t room);

#endif
