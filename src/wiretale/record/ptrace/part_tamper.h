/* Tampering with calls (strace's -e inject): another number at the entry, another result at the exit, a signal, delays. */

#include <stddef.h>
#include <sys/user.h>

static bool write_register(struct task *t, bool result, int64_t value)
{
#if defined(__x86_64__)
	size_t at = result ? offsetof(struct user_regs_struct, rax) : offsetof(struct user_regs_struct, orig_rax);
	return ptrace(PTRACE_POKEUSER, t->tid, (void *)at, (void *)value) == 0;
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec all = { &regs, sizeof(regs) };
	int number = (int)value;
	struct iovec call = { &number, sizeof(number) };
	if (!result)	/* NT_ARM_SYSTEM_CALL */
		return ptrace(PTRACE_SETREGSET, t->tid, (void *)0x404, &call) == 0;
	if (ptrace(PTRACE_GETREGSET, t->tid, (void *)1, &all) < 0)
		return false;
	regs.regs[0] = (unsigned long long)value;
	return ptrace(PTRACE_SETREGSET, t->tid, (void *)1, &all) == 0;
#else
	(void)t, (void)result, (void)value;
	errno = ENOTSUP;
	return false;
#endif
}

/* The rule that applies to the call which begins now: every task counts its own calls. */
static const struct wt_tamper *find_tamper(struct wt *w, struct task *t)
{
	for (uint32_t i = 0; i < w->n_tampers; i++) {
		const struct wt_tamper *rule = &w->tampers[i];
		if (rule->arch != t->arch || rule->number != t->number)
			continue;
		if (!t->tampered)
			t->tampered = calloc(w->n_tampers, sizeof(*t->tampered));
		if (!t->tampered)
			return NULL;
		uint32_t seen = ++t->tampered[i];
		bool due = seen >= rule->first && seen <= rule->last && (seen - rule->first) % rule->step == 0;
		return due ? rule : NULL;
	}
	return NULL;
}

static bool is_path(const struct wt *w, const char *text, size_t bytes)
{
	for (uint64_t p = 0; p < w->n_paths; p++)
		if (strlen(w->paths[p]) == bytes && !memcmp(text, w->paths[p], bytes))
			return true;
	return false;
}

static bool is_link_to_path(const struct wt *w, const char *target, size_t bytes)
{
	return is_path(w, target, ends_deleted(target, bytes) ? bytes - DELETED_BYTES : bytes);
}

static bool is_open_path(struct wt *w, struct task *t, int number)
{
	char path[64], target[PATH_MAX];
	ssize_t n = number < 0 ? -1 : readlink(descriptor_path(w, t, "fd", number, path, sizeof(path)), target, sizeof(target));
	return n > 0 && is_link_to_path(w, target, (size_t)n);
}

/* Whether one of the descriptors that poll or select are given is of one of the paths. */
static bool lists_path(struct wt *w, struct task *t, const struct wt_chunk *c, const uint8_t *list)
{
	if (c->role == WT_ARRAY && t->call && t->call->flags & WT_CALL_POLLS)
		for (size_t at = 0; at + sizeof(struct pollfd) <= c->captured_bytes; at += sizeof(struct pollfd)) {
			struct pollfd one;
			memcpy(&one, list + at, sizeof(one));
			if (is_open_path(w, t, one.fd))
				return true;
		}
	if (c->role != WT_FDSET || c->error)	/* a set that could not be read whole names nothing */
		return false;
	int most = (int)t->args[0];
	for (int bit = 0; bit < most && bit / 8 < (int)c->captured_bytes; bit++)
		if (list[bit / 8] >> bit % 8 & 1 && is_open_path(w, t, bit))
			return true;
	return false;
}

/* Whether what the event that is being made carries names one of the paths, as text or by a descriptor. */
static bool names_path(struct wt *w, struct task *t)
{
	const struct wt_chunk *c = (const struct wt_chunk *)file_end(&w->chunks) - w->event_chunks;
	for (uint32_t i = 0; i < w->event_chunks; i++, c++) {
		const uint8_t *bytes = w->data.map + WT_HEADER_BYTES + c->offset;
		const char *text = (const char *)bytes;
		if ((c->role == WT_STRING || (c->role == WT_LINK && c->index)) && is_path(w, text, c->captured_bytes))
			return true;
		if (c->role == WT_LINK && !c->index && is_link_to_path(w, text, c->captured_bytes))
			return true;
		if (lists_path(w, t, c, bytes))
			return true;
	}
	return false;
}

/*
 * How many bytes could be written. Where process_vm_writev may not write (text, constants) PTRACE_POKEDATA may, word by
 * word.
 */
static size_t write_memory(pid_t tid, uint64_t address, const uint8_t *from, size_t bytes)
{
	struct iovec local = { (void *)(uintptr_t)from, bytes };
	struct iovec remote = { (void *)(uintptr_t)address, bytes };
	ssize_t written = process_vm_writev(tid, &local, 1, &remote, 1, 0);
	size_t done = written > 0 ? (size_t)written : 0;
	while (done < bytes) {
		void *word_at = (void *)(uintptr_t)((address + done) & ~(uint64_t)(sizeof(long) - 1));
		size_t skip = (size_t)((address + done) % sizeof(long)), n = sizeof(long) - skip;
		n = n < bytes - done ? n : bytes - done;
		errno = 0;
		long word = ptrace(PTRACE_PEEKDATA, tid, word_at, NULL);
		if (errno)
			break;
		memcpy((uint8_t *)&word + skip, from + done, n);
		if (ptrace(PTRACE_POKEDATA, tid, word_at, (void *)word) < 0)
			break;
		done += n;
	}
	return done;
}

static void poke(struct wt *w, struct task *t, uint16_t when)
{
	for (uint64_t i = 0; i < t->tamper->n_pokes; i++) {
		const struct wt_poke *p = &t->tamper->pokes[i];
		if (p->when != when)
			continue;
		size_t written = p->arg < 6 ? write_memory(t->tid, t->args[p->arg], p->data, p->bytes) : 0;
		t->poked |= (written ? WT_FLAG_POKED : 0) | (written < p->bytes ? WT_FLAG_NOT_POKED : 0);
		w->pages.kept = 0;
	}
}

/* Finds what is done to the call which begins now, and overwrites memory before it is looked at. The execve that starts
 * the program is the tracer's own. */
static void begin_tamper(struct wt *w, struct task *t)
{
	t->tamper = w->n_tampers && !t->first_exec ? find_tamper(w, t) : NULL;
	t->poked = 0;
	if (t->tamper)
		poke(w, t, WT_AT_ENTRY);
}

/* Returns the signal to let the task go on with. */
static int tamper_entry(struct task *t)
{
	const struct wt_tamper *rule = t->tamper;
	if (!rule)
		return 0;
	if (rule->flags & (WT_TAMPER_RESULT | WT_TAMPER_CALL))
		write_register(t, false, rule->flags & WT_TAMPER_CALL ? rule->other : -1);
	return rule->flags & WT_TAMPER_SIGNAL ? (int)rule->signal : 0;
}

/* What the task will see as result goes into `info`. Returns the flags of the exit event. */
static uint16_t tamper_exit(struct wt *w, struct task *t, struct __ptrace_syscall_info *info)
{
	const struct wt_tamper *rule = t->tamper;
	uint16_t flags = 0;
	if (!rule)
		return 0;
	poke(w, t, WT_AT_EXIT);
	flags |= t->poked;
	t->tamper = NULL;
	if (rule->delay_enter_ns || rule->delay_exit_ns)
		flags |= WT_FLAG_DELAYED;
	if (rule->flags & WT_TAMPER_CALL)
		flags |= WT_FLAG_INJECTED;
	if (rule->flags & WT_TAMPER_RESULT && write_register(t, true, rule->result)) {
		info->exit.rval = rule->result;
		info->exit.is_error = !!(rule->flags & WT_TAMPER_ERROR);
		flags |= WT_FLAG_INJECTED;
	}
	return flags;
}
