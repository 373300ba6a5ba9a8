/* Which calls stand in long runs of their task's (runs.py). */
#include <stdbool.h>
#include <stdlib.h>

#include "../store/arrow.h"

enum { FIRST_SLOTS = 256, FIRST_ROOM = 4096 };

struct call {
    int64_t id;
    uint32_t task; /* its number here; later that of its run */
    bool may;
};

struct run {
    uint32_t length;
    bool may; /* its first call may fold; else the run has the calls behind that one */
};

struct task {
    int64_t id, last, run; /* last: its latest call; run: the one that goes on, -1: none yet */
};

/* All calls, and the tasks in the order they were met; `slots` finds a task by its id: its number and 1, 0 is free. */
struct calls {
    struct call *calls;
    struct task *tasks;
    uint32_t *slots;
    int64_t count, room, task_count, slot_count;
    bool in_order; /* each task's calls have come by their ids */
};

struct found {
    int64_t *ids;
    bool *at_begin;
    int64_t count;
};

static int64_t slot_of(const struct calls *all, int64_t task) {
    uint64_t at = (uint64_t)task * 0x9e3779b97f4a7c15u >> 20;
    while (all->slots[at %= (uint64_t)all->slot_count] && all->tasks[all->slots[at] - 1].id != task)
        at++;
    return (int64_t)at;
}

static bool more_slots(struct calls *all) {
    int64_t slots = all->slot_count ? 2 * all->slot_count : FIRST_SLOTS;
    struct task *tasks = realloc(all->tasks, (size_t)slots / 2 * sizeof(*tasks));
    if (!tasks)
        return false;
    all->tasks = tasks;
    free(all->slots);
    all->slots = calloc((size_t)slots, sizeof(*all->slots));
    if (!all->slots)
        return false;
    all->slot_count = slots;
    for (int64_t n = 0; n < all->task_count; n++)
        all->slots[slot_of(all, tasks[n].id)] = (uint32_t)n + 1;
    return true;
}

/* The number of a task; -1: no memory. */
static int64_t task_number(struct calls *all, int64_t task) {
    if (all->task_count == all->slot_count / 2 && !more_slots(all))
        return -1;
    int64_t at = slot_of(all, task);
    if (!all->slots[at]) {
        all->tasks[all->task_count] = (struct task){task, INT64_MIN, -1};
        all->slots[at] = (uint32_t)++all->task_count;
    }
    return all->slots[at] - 1;
}

static bool add(struct calls *all, const struct arrow_array *batch) {
    const int64_t *ids = column_numbers(batch, 0), *tasks = column_numbers(batch, 1), *may = column_numbers(batch, 2);
    if (all->count + batch->length > all->room) {
        int64_t room = 2 * all->room + batch->length + FIRST_ROOM;
        struct call *more = realloc(all->calls, (size_t)room * sizeof(*more));
        if (!more)
            return false;
        all->calls = more;
        all->room = room;
    }
    for (int64_t n = 0; n < batch->length; n++) {
        if (tasks[n] < 0)
            continue;
        int64_t task = task_number(all, tasks[n]);
        if (task < 0)
            return false;
        all->in_order &= ids[n] >= all->tasks[task].last;
        all->tasks[task].last = ids[n];
        all->calls[all->count++] = (struct call){ids[n], (uint32_t)task, may[n] != 0};
    }
    return true;
}

static int by_id(const void *left, const void *right) {
    int64_t a = ((const struct call *)left)->id, b = ((const struct call *)right)->id;
    return (a > b) - (a < b);
}

/* Which run each call is in. A call that may not fold begins one. */
static int64_t divide(struct calls *all, struct run *runs) {
    int64_t count = 0;
    for (int64_t n = 0; n < all->count; n++) {
        struct call *call = &all->calls[n];
        struct task *task = &all->tasks[call->task];
        if (task->run < 0 || !call->may) {
            task->run = count;
            runs[count++] = (struct run){0, call->may};
        }
        call->task = (uint32_t)task->run;
        runs[task->run].length++;
    }
    return count;
}

static bool is_long(const struct run *run, int64_t at_least) {
    return run->length >= at_least + !run->may;
}

static bool find(struct calls *all, int64_t at_least, struct found *found) {
    if (!all->count)
        return true;
    struct run *runs = malloc((size_t)all->count * sizeof(*runs));
    if (!runs)
        return false;
    if (!all->in_order)
        qsort(all->calls, (size_t)all->count, sizeof(*all->calls), by_id);
    int64_t count = divide(all, runs), calls = 0;
    for (int64_t n = 0; n < count; n++)
        calls += is_long(&runs[n], at_least) ? runs[n].length : 0;
    found->ids = malloc((size_t)(calls + 1) * sizeof(*found->ids));
    found->at_begin = malloc((size_t)(calls + 1) * sizeof(*found->at_begin));
    bool has_room = found->ids && found->at_begin;
    for (int64_t n = 0; has_room && n < all->count; n++) {
        const struct run *run = &runs[all->calls[n].task];
        if (!is_long(run, at_least))
            continue;
        found->ids[found->count] = all->calls[n].id;
        found->at_begin[found->count++] = run->may; /* only the first of a task begins with a call that may fold */
    }
    free(runs);
    return has_room;
}

/* Of a stream of calls (id; task, where it is negative the call does not count; whether it may fold) those in runs of
 * `at_least` or more that may, each run with the call before it. Returns what the stream does where it fails, -1 where
 * there is no memory. `found` is wt_forget's in any case. */
int wt_runs(struct arrow_stream *stream, int64_t at_least, struct found *found) {
    struct calls all = {.in_order = true};
    int fault = 0;
    for (;;) {
        struct arrow_array batch;
        fault = stream->get_next(stream, &batch);
        if (fault || !batch.release)
            break;
        bool added = add(&all, &batch);
        batch.release(&batch);
        if (!added) {
            fault = -1;
            break;
        }
    }
    if (!fault && !find(&all, at_least, found))
        fault = -1;
    free(all.calls);
    free(all.tasks);
    free(all.slots);
    return fault;
}

void wt_forget(struct found *found) {
    free(found->ids);
    free(found->at_begin);
}
