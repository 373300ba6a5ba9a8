/* Arguments that are numbers. As decode/arguments.py, decode/strace/arguments.py and special.py. */

static bool arg_int(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	put_signed(w->text, (int32_t)low_half(w, i));
	return true;
}

#define arg_fd arg_int

static bool arg_uint(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	put_unsigned(w->text, low_half(w, i));
	return true;
}

static bool arg_long(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	put_signed(w->text, (int64_t)value_of(w, i));
	return true;
}

static bool arg_ulong(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	put_unsigned(w->text, value_of(w, i));
	return true;
}

static bool arg_hex(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	put_hex_or_zero(w->text, value_of(w, i));
	return true;
}

static bool arg_octal(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	put_octal(w->text, value_of(w, i) & 0xffff);
	return true;
}

static bool arg_uid(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	put_signed(w->text, low_half(w, i) == UINT32_MAX ? -1 : (int64_t)low_half(w, i));
	return true;
}

static bool arg_signal(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	put_signal(w->text, (int32_t)low_half(w, i));
	return true;
}

static bool arg_dirfd(struct writer *w, int i, const struct argument *a)
{
	if ((int32_t)low_half(w, i) != AT_FDCWD)
		return arg_fd(w, i, a);
	put(w->text, "AT_FDCWD");
	return true;
}

static bool arg_enum(struct writer *w, int i, const struct argument *a)
{
	uint32_t value = low_half(w, i);
	put_enum(w->text, a->table, a->flags & ARGUMENT_UNSIGNED ? (int64_t)value : (int32_t)value);
	return true;
}

static bool arg_flags(struct writer *w, int i, const struct argument *a)
{
	put_flags(w->text, a->table, low_half(w, i));
	return true;
}

static bool arg_wide_enum(struct writer *w, int i, const struct argument *a)
{
	uint64_t value = value_of(w, i);
	if (value > INT64_MAX)
		return false;
	put_enum(w->text, a->table, (int64_t)value);
	return true;
}

static bool arg_wide_flags(struct writer *w, int i, const struct argument *a)
{
	put_flags(w->text, a->table, value_of(w, i));
	return true;
}

static bool arg_pointer(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	return put_address(w, i);
}

static bool arg_nothing(struct writer *w, int i, const struct argument *a)
{
	(void)w, (void)i, (void)a;
	return true;
}

/* The access mode is a number, the rest are bits. */
static void put_open_flags(struct quick_text *t, uint32_t value)
{
	uint32_t rest = value & ~(uint32_t)O_ACCMODE;
	put_enum(t, NAMES_open_access, value & O_ACCMODE);
	if (rest) {
		put_char(t, '|');
		put_flags(t, NAMES_open_flags, rest);
	}
}

static bool arg_open_flags(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	put_open_flags(w->text, low_half(w, i));
	return true;
}

/* The mode is an argument only if the call may make a file; `number` is the argument of its flags. */
static bool arg_create_mode(struct writer *w, int i, const struct argument *a)
{
	if (!(value_of(w, a->number) & CREATES))
		return true;
	return arg_octal(w, i, a);
}

static bool arg_map_flags(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	uint32_t value = low_half(w, i), rest = value & ~(uint32_t)MAP_TYPE;
	if (value >> MAP_HUGE_SHIFT)
		return false;
	put_enum(w->text, NAMES_mmap_type, value & MAP_TYPE);
	if (rest) {
		put_char(w->text, '|');
		put_flags(w->text, NAMES_mmap_flags, rest);
	}
	return true;
}

static bool arg_protection(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	if (low_half(w, i))
		put_flags(w->text, NAMES_mmap_prot, low_half(w, i));
	else
		put(w->text, "PROT_NONE");
	return true;
}

#define STATX_SYNC 0x6000	/* linux/fcntl.h: AT_STATX_SYNC_TYPE */

static bool arg_statx_flags(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	uint32_t value = low_half(w, i);
	if (!(value & STATX_SYNC))
		put(w->text, value ? "AT_STATX_SYNC_AS_STAT|" : "AT_STATX_SYNC_AS_STAT");
	if (value)
		put_flags(w->text, NAMES_at_statx, value);
	return true;
}

static bool arg_ioctl_request(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	static const char *const directions[] = { "_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE" };
	uint32_t value = low_half(w, i);
	const char *name = name_of(NAMES_ioctl, value);
	if (name) {
		put(w->text, name);
		return true;
	}
	put(w->text, "_IOC(");
	put(w->text, directions[value >> 30]);
	const uint32_t parts[] = { value >> 8 & 0xff, value & 0xff, value >> 16 & 0x3fff };
	for (int n = 0; n < 3; n++) {
		put(w->text, ", ");
		put_hex_or_zero(w->text, parts[n]);
	}
	put_char(w->text, ')');
	return true;
}

#define FUTEX_MODIFIERS 0x180	/* FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME of linux/futex.h */
#define FUTEX_COMMANDS 14
#define FUTEX_WAIT 0
#define FUTEX_DESCRIPTOR 2
#define FUTEX_WAIT_BY_BITS 9
#define FUTEX_WAKE_BY_BITS 10
#define FUTEX_WAIT_FOR_ANOTHER 11	/* FUTEX_WAIT_REQUEUE_PI */

static bool arg_futex_op(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	uint32_t value = low_half(w, i), command = value & ~(uint32_t)FUTEX_MODIFIERS;
	const char *name = command < FUTEX_COMMANDS ? name_of(NAMES_futex_cmd, command) : NULL;
	bool timed = command == FUTEX_WAIT || command == FUTEX_WAIT_BY_BITS || command == FUTEX_WAIT_FOR_ANOTHER;
	if (!name || command == FUTEX_DESCRIPTOR || (value & 0x100 && !timed))
		return false;
	put(w->text, name);
	put(w->text, value & 0x80 ? "_PRIVATE" : "");
	put(w->text, value & 0x100 ? "|FUTEX_CLOCK_REALTIME" : "");
	return true;
}

static bool arg_futex_second(struct writer *w, int i, const struct argument *a)
{
	uint32_t command = low_half(w, 1) & ~(uint32_t)FUTEX_MODIFIERS;
	if (command == FUTEX_WAIT_BY_BITS || command == FUTEX_WAKE_BY_BITS)
		return true;	/* they do not look at it */
	return arg_pointer(w, i, a);
}

static bool arg_futex_set(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	uint32_t command = low_half(w, 1) & ~(uint32_t)FUTEX_MODIFIERS;
	if (command != FUTEX_WAIT_BY_BITS && command != FUTEX_WAKE_BY_BITS)
		return false;
	if (low_half(w, i) == UINT32_MAX)
		put(w->text, "FUTEX_BITSET_MATCH_ANY");
	else
		put_hex_or_zero(w->text, low_half(w, i));
	return true;
}

static bool arg_prctl_signal(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	uint64_t value = value_of(w, i);
	if (value > 0 && value <= SIGNALS)
		put_signal(w->text, (int64_t)value);
	else
		put_unsigned(w->text, value);
	return true;
}
