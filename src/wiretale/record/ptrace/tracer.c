/*
 * The tracer: follows tasks with ptrace(2), and writes what their stops show as raw records (tracer.h). It decodes
 * nothing; which memory a call carries is told by tables made in plan.py. One thread (wt_run) does all ptrace
 * work; other threads ask it. With a ring (part_ring.h) the records come from kernel programs instead.
 */
#define _GNU_SOURCE
#include "tracer.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef __WNOTHREAD
#define __WNOTHREAD 0x20000000	/* only what this thread made or traces: other children belong to other threads */
#endif
#define WAKE_SIGNAL (SIGRTMIN + 9)
#define HASH_SIZE 1024
#define QUEUE_ROOM 64
#define FAIR_STOPS 2
#define NETLINK_FDS 1024
#define NETLINK_LIMIT 65536
#define CONTROL_LIMIT 131072
#define SOCKET_KINDS 256
#define OTHER_ENDS 256
#define ALARM_AGAIN_NS 1000000
#define PAGE_BYTES 4096
#define PAGES_KEPT 4
#define PAGE_READS 512	/* larger reads are made as they are */
#define EVENT_STOP_CODE 128	/* PTRACE_EVENT_STOP */

struct task {
	pid_t tid, tgid;
	struct task *next;
	const struct wt_call *call;
	uint64_t args[6];
	int64_t number;
	uint64_t system_ns;	/* spent in the kernel when its call began: WT_SYSTEM_TIMES */
	uint32_t arch;
	int pidfd, statfd;
	const struct wt_tamper *tamper;	/* what is done to the call it is in */
	uint32_t *tampered;	/* calls seen, by rule */
	uint64_t held_until;	/* its stop is not answered before; 0: it is not held up */
	int held_signal;	/* to go on with then */
	uint16_t poked;	/* flags of the exit: what became of its pokes */
	bool in_call;	/* between the entry and the exit of a recorded call */
	bool socketcall;
	bool named;	/* the call gave an address to send to */
	bool filtered;	/* stops only where the seccomp filter says so */
	bool fresh;	/* no stop seen yet */
	bool starting;	/* between fork and the stop before execve */
	bool first_exec;	/* its execve has not succeeded yet */
	int start_error;	/* why that failed; 0: it has not */
	bool outside;	/* attached, not born traced */
	bool begins;	/* attached, and its next execve is that of the program that is wanted (WT_HOLDS_ENDS) */
	bool gone;	/* ended, but not waited for yet (ring) */
};

struct program {
	pid_t pid;
	int status;
	bool ended;
	bool spawned;
	struct program *next;
};

enum request { REQUEST_NONE, REQUEST_SPAWN, REQUEST_SPAWN_FILTERED, REQUEST_ATTACH, REQUEST_DETACH, REQUEST_STOP };

#include "part_files.h"
#include "part_state.h"
#include "part_memory.h"
#include "part_proc.h"
#include "part_descriptors.h"
#include "part_calls.h"
#include "part_placement.h"
#include "part_spawn.h"
#include "part_identity.h"
#include "part_tamper.h"
#include "part_in_step.h"
#include "part_stack.h"
#include "part_stops.h"
#include "part_attach.h"

static void serve_request(struct wt *w);

#include "part_packed.h"
#include "part_pieces.h"
#include "part_ring.h"
#include "part_ring_tasks.h"

static void wake_handler(int number)
{
	(void)number;
}

/* Every stop would send SIGCHLD as well, mostly to be thrown away; wait4 does without. */
static void quiet_stops(void)
{
	struct sigaction now;
	if (sigaction(SIGCHLD, NULL, &now) == 0) {
		now.sa_flags |= SA_NOCLDSTOP;
		sigaction(SIGCHLD, &now, NULL);
	}
}

static void serve_request(struct wt *w)
{
	pthread_mutex_lock(&w->lock);
	enum request what = w->request;
	pid_t pid = w->request_pid;
	pthread_mutex_unlock(&w->lock);
	int result = 0;
	switch (what) {
	case REQUEST_NONE:
		return;
	case REQUEST_SPAWN:
	case REQUEST_SPAWN_FILTERED:
		result = w->by_ring ? ring_spawned(w, pid) : seize_child(w, pid, what == REQUEST_SPAWN_FILTERED);
		break;
	case REQUEST_ATTACH:
		result = w->by_ring ? ring_attach(w, pid) : attach_process(w, pid);
		break;
	case REQUEST_STOP:
		w->ending = true;
		result = w->by_ring ? ring_let_go(w) : detach_all(w);
		break;
	case REQUEST_DETACH:
		result = w->by_ring ? ring_let_go(w) : detach_all(w);
		break;
	}
	pthread_mutex_lock(&w->lock);
	w->request = REQUEST_NONE;
	w->request_result = result;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* Nothing is traced: sleep until someone asks. */
static void wait_for_request(struct wt *w)
{
	place_free(w);
	pthread_mutex_lock(&w->lock);
	while (w->request == REQUEST_NONE && !w->ending)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

/*
 * If what comes next is the end of a process that was attached: write it down, and wait for it (so that whoever started
 * the process sees that it ended) only when the reader is done with all that it did. True if there is nothing more
 * to do now.
 */
static bool hold_end(struct wt *w)
{
	siginfo_t next = { 0 };
	if (waitid(P_ALL, 0, &next, WEXITED | WSTOPPED | WNOWAIT | __WALL | __WNOTHREAD) < 0)
		return errno == EINTR;
	struct task *t = find_task(w, next.si_pid);
	bool exited = next.si_code == CLD_EXITED, dumped = next.si_code == CLD_DUMPED;
	if (!(exited || dumped || next.si_code == CLD_KILLED) || !t || !t->outside || t->tid != t->tgid)
		return false;
	dispatch(w, next.si_pid, exited ? next.si_status << 8 : next.si_status | (dumped ? WCOREFLAG : 0), now_ns());
	pthread_mutex_lock(&w->lock);
	while (w->have_read < w->events.header->committed && w->request == REQUEST_NONE)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
	while (wait4(next.si_pid, NULL, __WALL | __WNOTHREAD, NULL) < 0 && errno == EINTR)
		;
	return true;
}

/*
 * Until wt_stop, and until nothing is traced any more. wait4 looks through the tasks in a fixed order, so a busy one
 * would hide the others: all waiting stops are taken before any is answered. Every FAIR_STOPS stops is enough for that;
 * asking each time would be a system call more per stop, which mostly finds nothing.
 */
static void run_ptrace(struct wt *w)
{
	int since_all = 0;
	place_open(w);
	while (!w->ending || w->stats.tasks) {
		struct { pid_t tid; int status; uint64_t time, system_ns; } queue[QUEUE_ROOM];
		int waiting = 0;
		if (w->held)
			release_held(w);
		if (__atomic_load_n(&w->request, __ATOMIC_ACQUIRE) != REQUEST_NONE)
			serve_request(w);
		if (w->flags & WT_HOLDS_ENDS && w->stats.tasks && hold_end(w))
			continue;
		do {
			int *status = &queue[waiting].status;
			uint64_t *system_ns = &queue[waiting].system_ns;
			pid_t tid = waiting ? wait_stop(w, status, __WALL | __WNOTHREAD | WNOHANG, system_ns)
					    : next_stop(w, status, system_ns);
			if (tid <= 0) {
				if (tid < 0 && errno == ECHILD && !waiting)
					forget_tasks(w), wait_for_request(w);
				break;
			}
			queue[waiting].tid = tid;
			queue[waiting++].time = now_ns();
			since_all++;
		} while (w->stats.tasks > 1 && !(w->flags & WT_HOLDS_ENDS) && since_all >= FAIR_STOPS && waiting < QUEUE_ROOM);
		if (since_all >= FAIR_STOPS)
			since_all = 0;
		for (int i = 0; i < waiting; i++) {
			w->stop_system_ns = w->flags & WT_SYSTEM_TIMES ? queue[i].system_ns : 0;
			dispatch(w, queue[i].tid, queue[i].status, queue[i].time);
		}
	}
	place_close(w);
}

/* The tracer thread. */
int wt_run(struct wt *w)
{
	struct sigaction action = { .sa_handler = wake_handler };
	sigset_t wake;
	sigemptyset(&wake);
	sigaddset(&wake, WAKE_SIGNAL);
	sigaction(WAKE_SIGNAL, &action, NULL);
	quiet_stops();
	pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
	pthread_mutex_lock(&w->lock);
	w->tracer_tid = (pid_t)syscall(SYS_gettid);
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	if (w->by_ring)
		run_ring(w);
	else
		run_ptrace(w);
	if (w->has_alarm)
		timer_delete(w->alarm);
	struct timespec cpu;
	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0)
		w->stats.cpu_ns = (uint64_t)cpu.tv_sec * 1000000000ull + (uint64_t)cpu.tv_nsec;
	pthread_mutex_lock(&w->lock);
	w->tracer_tid = 0;
	w->finished = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

#include "part_library.h"
