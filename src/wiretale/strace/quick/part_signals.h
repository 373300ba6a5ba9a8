/* What a signal carries. As decode/signals.py and decode/strace/siginfo.py, for tasks of 64 bits. */

#define SIGINFO_HEAD 16
#define CLOCK_TICKS 100	/* USER_HZ of linux/param.h */

static void put_sender(struct quick_text *t, const uint8_t *body)
{
	uint32_t uid = (uint32_t)integer(body + 4, 4);
	put(t, ", si_pid=");
	put_signed(t, signed_integer(body, 4));
	put(t, ", si_uid=");
	put_signed(t, uid == UINT32_MAX ? -1 : (int64_t)uid);
}

/* A time in ticks, in seconds as well unless it is zero. */
static bool put_ticks(struct quick_text *t, const char *name, int64_t ticks)
{
	put(t, name);
	put_signed(t, ticks);
	if (ticks > 0) {
		put(t, " /* ");
		put_unsigned(t, (uint64_t)ticks / CLOCK_TICKS);
		put_char(t, '.');
		put_number(t, (uint64_t)ticks % CLOCK_TICKS, 10, 2);
		put(t, " s */");
	}
	return ticks >= 0;
}

static bool put_child(struct quick_text *t, const uint8_t *body, int code)
{
	int64_t status = signed_integer(body + 8, 4);
	if (code != CLD_EXITED && (status <= 0 || status > SIGNALS))
		return false;
	put_sender(t, body);
	put(t, ", si_status=");
	if (code == CLD_EXITED)
		put_signed(t, status);
	else
		put_signal(t, status);
	return put_ticks(t, ", si_utime=", signed_integer(body + 16, 8)) &&
	       put_ticks(t, ", si_stime=", signed_integer(body + 24, 8));
}

static void put_timer(struct quick_text *t, const uint8_t *body)
{
	put(t, ", si_timerid=");
	put_hex_or_zero(t, integer(body, 4));
	put(t, ", si_overrun=");
	put_signed(t, signed_integer(body + 4, 4));
	put(t, ", si_int=");
	put_signed(t, signed_integer(body + 8, 4));
	put(t, ", si_ptr=");
	put_pointer(t, integer(body + 8, 8));
}

/* Signals that say where: not only with the codes that they define. */
static bool is_fault(int64_t number)
{
	return number == SIGILL || number == SIGTRAP || number == SIGBUS || number == SIGFPE || number == SIGSEGV;
}

static bool put_siginfo(struct quick_text *t, const uint8_t *bytes, uint64_t n)
{
	if (n < SIGINFO_HEAD + 32)
		return false;
	int64_t number = signed_integer(bytes, 4), error = signed_integer(bytes + 4, 4), code = signed_integer(bytes + 8, 4);
	const uint8_t *body = bytes + SIGINFO_HEAD;
	bool own = code > 0 && code < SI_KERNEL;	/* a code that this signal defines */
	uint16_t table = NAMES_si_code_any;
	if (error || number <= 0 || number > SIGNALS)
		return false;
	if (own && number == SIGCHLD)
		table = NAMES_si_code_chld;
	else if (number == SIGSEGV && (code == SEGV_MAPERR || code == SEGV_ACCERR))
		table = NAMES_si_code_segv;
	else if (own || (code > 0 && is_fault(number)))
		return false;
	const char *name = name_of(table, code);
	if (!name)
		return false;
	put(t, "{si_signo=");
	put_signal(t, number);
	put(t, ", si_code=");
	put(t, name);
	if (own && number == SIGCHLD) {
		if (!put_child(t, body, (int)code))
			return false;
	} else if (own) {
		put(t, ", si_addr=");
		put_pointer(t, integer(body, 8));
	} else if (code == SI_USER || code == SI_TKILL) {
		put_sender(t, body);
	} else if (code == SI_TIMER) {
		put_timer(t, body);
	} else if (code != SI_KERNEL) {
		return false;
	}
	put_char(t, '}');
	return true;
}

/* As much of struct sigevent as the way of telling uses: a value, a signal, the way, what that needs. */
static bool arg_sigevent(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum d;
	struct quick_text *t = w->text;
	if (!find(w, i, WT_STRUCT, GIVEN, 0, &d) || d.n < 32)
		return put_address(w, i);
	uint64_t value = integer(d.bytes, 8), number = integer(d.bytes + 8, 4), notify = integer(d.bytes + 12, 4);
	put_char(t, '{');
	if (value) {
		put(t, "sigev_value={sival_int=");
		put_signed(t, signed_integer(d.bytes, 4));
		put(t, ", sival_ptr=");
		put_hex(t, value);
		put(t, "}, ");
	}
	put(t, "sigev_signo=");
	if (number && (notify == SIGEV_SIGNAL || notify == SIGEV_THREAD || notify == SIGEV_THREAD_ID))
		put_signal(t, (int64_t)number);
	else
		put_unsigned(t, number);
	put(t, ", sigev_notify=");
	put_enum(t, NAMES_sigev_notify, (int64_t)notify);
	if (notify == SIGEV_THREAD_ID) {
		put(t, ", sigev_notify_thread_id=");
		put_signed(t, signed_integer(d.bytes + 16, 4));
	}
	if (notify == SIGEV_THREAD) {
		put(t, ", sigev_notify_function=");
		put_pointer(t, integer(d.bytes + 16, 8));
		put(t, ", sigev_notify_attributes=");
		put_pointer(t, integer(d.bytes + 24, 8));
	}
	put_char(t, '}');
	return true;
}
