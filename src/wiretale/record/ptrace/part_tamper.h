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

/* The tracer is one thread: what else stops meanwhile waits, too. */
static void delay(uint64_t ns)
{
	struct timespec left = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	while (ns && nanosleep(&left, &left) < 0 && errno == EINTR)
		;
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

/* Returns the signal to let the task go on with. */
static int tamper_entry(struct wt *w, struct task *t)
{
	const struct wt_tamper *rule = w->n_tampers ? find_tamper(w, t) : NULL;
	t->tamper = rule;
	if (!rule)
		return 0;
	delay(rule->delay_enter_ns);
	if (rule->flags & (WT_TAMPER_RESULT | WT_TAMPER_CALL))
		write_register(t, false, rule->flags & WT_TAMPER_CALL ? rule->other : -1);
	return rule->flags & WT_TAMPER_SIGNAL ? (int)rule->signal : 0;
}

/* What the task will see as result goes into `info`. Returns the flags of the exit event. */
static uint16_t tamper_exit(struct task *t, struct __ptrace_syscall_info *info)
{
	const struct wt_tamper *rule = t->tamper;
	uint16_t flags = 0;
	t->tamper = NULL;
	if (!rule)
		return 0;
	if (rule->delay_enter_ns || rule->delay_exit_ns)
		flags |= WT_FLAG_DELAYED;
	if (rule->flags & WT_TAMPER_CALL)
		flags |= WT_FLAG_INJECTED;
	if (rule->flags & WT_TAMPER_RESULT && write_register(t, true, rule->result)) {
		info->exit.rval = rule->result;
		info->exit.is_error = rule->result < 0 && rule->result >= -4095;
		flags |= WT_FLAG_INJECTED;
	}
	delay(rule->delay_exit_ns);
	return flags;
}
