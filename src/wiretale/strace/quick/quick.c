/* The parts of the renderer, and the loop over events. See quick.h. */
#define _GNU_SOURCE
#include "quick.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define MOST_EVENTS 1024	/* rendered before they are written */
#define MOST_TEXT (1u << 20)	/* the same */
#define RESTARTS_BY_CALL 516	/* ERESTART_RESTARTBLOCK of include/linux/errno.h */
#define SECOND_NS 1000000000ull
#define CREATES (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))

#include "part_text.h"
#include "part_tables.h"
#include "part_names.h"
#include "part_call.h"
#include "part_values.h"
#include "part_signals.h"
#include "part_structs.h"
#include "part_struct_arguments.h"
#include "part_sockets.h"
#include "part_netlink.h"
#include "part_netlink_messages.h"
#include "part_memory.h"
#include "part_waiting.h"
#include "part_processes.h"
#include "part_messages.h"
#include "part_calls.h"
#include "part_lines.h"

bool quick_has_more(const struct quick *q)
{
	return committed(q->files.events) > q->next;
}

int64_t quick_render(struct quick *q)
{
	uint64_t there = committed(q->files.events), first = q->next;
	while (q->next < there && q->next - first < MOST_EVENTS && q->text.used < MOST_TEXT) {
		/* All that a rendering that gives up may have changed. */
		size_t used = q->text.used;
		uint32_t owner = q->owner, n_tasks = q->n_tasks;
		uint64_t column = q->column, last_ns = q->last_ns;
		if (!take(q, event_at(&q->files, q->next), q->next) || q->text.failed) {
			q->text.used = used;
			q->owner = owner;
			q->column = column;
			q->last_ns = last_ns;
			q->n_tasks = n_tasks;
			return -1;
		}
		q->next++;
	}
	return (int64_t)(q->next - first);
}
