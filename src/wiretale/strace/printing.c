/*
 * Prints the lines of a program that the launcher has begun to trace, while quick/ understands them. What has an answer
 * in Python is left to it: a signal, an output that cannot be written, a tracer that was killed, lost events.
 */
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_MS 10

/* Take back what was written of lines that could not be written whole, where that can be done. */
static void take_back(int fd, off_t end)
{
	struct stat st;
	if (end >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ftruncate(fd, end) == 0)
		lseek(fd, end, SEEK_SET);
}

static bool write_all(int fd, const char *bytes, size_t n)
{
	off_t end = lseek(fd, 0, SEEK_CUR);
	while (n) {
		ssize_t written = write(fd, bytes, n);
		if (written < 0 && errno == EAGAIN) {
			struct pollfd room = { fd, POLLOUT, 0 };
			poll(&room, 1, -1);
		} else if (written < 0 && errno != EINTR) {
			take_back(fd, end);
			return false;
		}
		bytes += written > 0 ? written : 0;
		n -= written > 0 ? (size_t)written : 0;
	}
	return true;
}

/* Print all that is there; false if Python must go on. */
static bool print_new(struct printing *p)
{
	while (quick_has_more(&p->quick)) {
		struct quick before = p->quick;
		bool understood = quick_render(&p->quick) >= 0;
		if (!write_all(p->output, p->quick.text.bytes, p->quick.text.used)) {
			before.text = p->quick.text;
			before.text.used = 0;
			p->quick = before;
			return false;
		}
		p->quick.text.used = 0;
		if (!understood)
			return false;
	}
	return true;
}

/* The program waited for all that happened to be printed, which it is now. */
static bool say_caught_up(const struct held *held)
{
	uint64_t asked;
	return read(held->behind, &asked, sizeof(asked)) == sizeof(asked) &&
	       write(held->caught_up, &asked, sizeof(asked)) == sizeof(asked);
}

/* The tracer's last message, left in the channel for Python. */
static bool has_ended_well(int channel, struct goodbye *goodbye)
{
	return recv(channel, goodbye, sizeof(*goodbye), MSG_PEEK) == sizeof(*goodbye) && goodbye->ended && !goodbye->lost;
}

bool print_lines(struct printing *p, const struct held *held, const sigset_t *ending, int *status)
{
	struct hello hello;
	struct goodbye goodbye;
	if (recv(held->channel, &hello, sizeof(hello), MSG_PEEK) != sizeof(hello) || hello.pid < 0)
		return false;	/* the program could not be started, which Python says */
	if (read(held->channel, &p->hello, sizeof(p->hello)) != sizeof(p->hello))
		return false;
	struct pollfd wanted[] = {
		{ held->channel, POLLIN, 0 }, { signalfd(-1, ending, SFD_CLOEXEC), POLLIN, 0 }, { held->behind, POLLIN, 0 },
	};
	bool ended = false, behind = false;
	while (wanted[1].fd >= 0 && !ended) {
		if (!print_new(p) || (behind && !say_caught_up(held)) || poll(wanted, 3, LOOK_MS) < 0 || wanted[1].revents)
			break;
		ended = wanted[0].revents;
		behind = wanted[2].revents;
	}
	if (!ended || !has_ended_well(held->channel, &goodbye) || !print_new(p))
		return false;
	*status = goodbye.status;
	return true;
}

void describe_printing(const struct printing *p, char *into, size_t room)
{
	const struct quick *q = &p->quick;
	FILE *text = fmemopen(into, room, "w");
	if (!text || !p->hello.pid)
		return;
	fprintf(text, ";%d,%u,%llu;%d,%llu,%u,%llu,%u,%lld,%lld;", p->hello.pid, p->hello.flags,
		(unsigned long long)p->hello.snaplen, p->output, (unsigned long long)q->next, q->owner,
		(unsigned long long)q->column, q->first_pid, (long long)q->options.offset_ns, (long long)q->last_ns);
	for (uint32_t i = 0; i < q->n_tasks; i++)
		fprintf(text, "%s%u,%lld,%lld", i ? ":" : "", q->tasks[i].tid, (long long)q->tasks[i].begun,
			(long long)q->tasks[i].interrupted);
	fputc(';', text);
	for (uint32_t i = 0; i < q->n_netlink; i++)
		fprintf(text, "%s%u,%u,%u", i ? ":" : "", q->netlink[i].pid, q->netlink[i].fd, q->netlink[i].protocol);
	fclose(text);
}
