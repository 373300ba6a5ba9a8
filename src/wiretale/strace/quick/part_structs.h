/* Structures. As decode/struct_text.py, and decode/strace's own words for some. */

#define PERMISSIONS 07777

static void put_mode(struct quick_text *t, uint32_t mode)
{
	if (!(mode & S_IFMT)) {
		put_octal(t, mode & PERMISSIONS);
		return;
	}
	put_enum(t, NAMES_mode_type, mode & S_IFMT);
	put(t, mode & S_ISUID ? "|S_ISUID" : "");
	put(t, mode & S_ISGID ? "|S_ISGID" : "");
	put(t, mode & S_ISVTX ? "|S_ISVTX" : "");
	put_char(t, '|');
	put_octal(t, mode & 0777);
}

/* The split of linux/kdev_t.h as user space sees it (sys/sysmacros.h). */
static void put_device(struct quick_text *t, uint64_t number)
{
	put(t, "makedev(");
	put_hex_or_zero(t, (number >> 8 & 0xfff) | (number >> 32 & 0xfffff000));
	put(t, ", ");
	put_hex_or_zero(t, (number & 0xff) | (number >> 12 & 0xffffff00));
	put_char(t, ')');
}

/* Multiples of 1024 as N*1024. */
static void put_limit(struct quick_text *t, uint64_t value, size_t size)
{
	if (value == (size == 8 ? UINT64_MAX : UINT32_MAX)) {
		put(t, size == 8 ? "RLIM64_INFINITY" : "RLIM_INFINITY");
		return;
	}
	bool round = value > 1024 && value % 1024 == 0;
	put_unsigned(t, round ? value / 1024 : value);
	put(t, round ? "*1024" : "");
}

static void put_wait_status(struct quick_text *t, uint32_t status)
{
	if (status == 0xffff) {
		put(t, "{WIFCONTINUED(s)}");
	} else if ((status & 0xff) == 0x7f) {
		put(t, "{WIFSTOPPED(s) && WSTOPSIG(s) == ");
		put_signal(t, status >> 8 & 0xff);
		if (status >> 16 & 0xff) {
			put(t, ", event=");
			put_unsigned(t, status >> 16 & 0xff);
		}
		put_char(t, '}');
	} else if (!(status & 0x7f)) {
		put(t, "{WIFEXITED(s) && WEXITSTATUS(s) == ");
		put_unsigned(t, status >> 8 & 0xff);
		put_char(t, '}');
	} else {
		put(t, "{WIFSIGNALED(s) && WTERMSIG(s) == ");
		put_signal(t, status & 0x7f);
		put(t, status & 0x80 ? " && WCOREDUMP(s)}" : "}");
	}
}

static void put_inet(struct quick_text *t, const uint8_t *bytes)
{
	char spelled[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, bytes, spelled, sizeof(spelled));
	put(t, "inet_addr(\"");
	put(t, spelled);
	put(t, "\")");
}

static bool put_fields(struct writer *w, const struct structure *s, const uint8_t *bytes, uint64_t n);

/* One element of a field. */
static bool put_element(struct writer *w, const struct field *f, const uint8_t *bytes)
{
	struct quick_text *t = w->text;
	uint64_t value = f->as == FIELD_NESTED || f->as == FIELD_TEXT ? 0 : integer(bytes, f->size);
	int64_t with_sign = f->flags & FIELD_SIGNED ? signed_integer(bytes, f->size) : (int64_t)value;
	switch ((enum field_kind)f->as) {
	case FIELD_UNKNOWN:
		return false;
	case FIELD_NUMBER:
		if (f->flags & FIELD_SIGNED)
			put_signed(t, with_sign);
		else
			put_unsigned(t, value);
		return true;
	case FIELD_HEX:
		if (value)
			put_hex(t, value);
		else
			put(t, f->flags & FIELD_POINTER ? "NULL" : "0");
		return !(f->flags & FIELD_SIGNED) || with_sign >= 0;
	case FIELD_ADDRESS:
		put_pointer(t, value);
		return true;
	case FIELD_OCTAL:
		put_octal(t, value);
		return true;
	case FIELD_SIGNAL:
		put_signal(t, with_sign);
		return true;
	case FIELD_SET:
		put_signal_set(t, value);
		return true;
	case FIELD_MODE:
		put_mode(t, (uint32_t)value);
		return true;
	case FIELD_LIMIT:
		put_limit(t, value, f->size);
		return true;
	case FIELD_INET:
		put_inet(t, bytes);
		return true;
	case FIELD_FLAGS:
		put_flags(t, f->table, value);
		return true;
	case FIELD_ENUM:
		if (!(f->flags & FIELD_SIGNED) && value > INT64_MAX)
			return false;
		put_enum(t, f->table, with_sign);
		return true;
	case FIELD_HANDLER:
		if (f->size < sizeof(value) ? value == UINT32_MAX : value == UINT64_MAX)
			put(t, "SIG_ERR");
		else if (value > 1)	/* SIG_DFL, SIG_IGN; larger ones are addresses */
			put_hex(t, value);
		else
			put_enum(t, f->table, (int64_t)value);
		return true;
	case FIELD_TEXT: {
		const uint8_t *end = memchr(bytes, 0, f->size);
		put_literal(t, bytes, end ? (uint64_t)(end - bytes) : f->size);
		return true;
	}
	case FIELD_NESTED:
		return put_fields(w, &STRUCTURES[f->table], bytes, STRUCTURES[f->table].size);
	}
	return false;
}

static bool put_field(struct writer *w, const struct field *f, const uint8_t *bytes)
{
	if (!f->count)
		return put_element(w, f, bytes + f->offset);
	put(w->text, f->flags & FIELD_WRAPPED ? "{val=[" : "[");
	for (unsigned i = 0; i < f->count; i++) {
		put(w->text, i ? ", " : "");
		if (!put_element(w, f, bytes + f->offset + (size_t)i * f->size))
			return false;
	}
	put(w->text, f->flags & FIELD_WRAPPED ? "]}" : "]");
	return true;
}

static bool is_zero(const struct field *f, const uint8_t *bytes)
{
	for (size_t i = 0; i < (size_t)f->size * (f->count ? f->count : 1); i++)
		if (bytes[f->offset + i])
			return false;
	return true;
}

/* Every field in order; all of them are there. */
static bool put_fields(struct writer *w, const struct structure *s, const uint8_t *bytes, uint64_t n)
{
	const char *comma = "";
	if (n < s->size)
		return false;
	put_char(w->text, '{');
	for (size_t i = 0; i < s->fields; i++) {
		const struct field *f = &FIELDS[s->first + i];
		if (f->flags & FIELD_OPTIONAL && is_zero(f, bytes))
			continue;
		put(w->text, comma);
		put(w->text, text_at(f->name));
		put_char(w->text, '=');
		if (!put_field(w, f, bytes))
			return false;
		comma = ", ";
	}
	put_char(w->text, '}');
	return true;
}

/* The field of a structure by the place of it that the declaration gives. */
static uint64_t field_value(const struct structure *s, size_t at, const uint8_t *bytes)
{
	const struct field *f = &FIELDS[s->first + at];
	return integer(bytes + f->offset, f->size);
}

/* A time: what is behind the seconds is printed unsigned. */
static void put_time(struct quick_text *t, const struct structure *s, const uint8_t *bytes)
{
	const struct field *seconds = &FIELDS[s->first], *part = seconds + 1;
	put(t, "{tv_sec=");
	put_signed(t, signed_integer(bytes + seconds->offset, seconds->size));
	put(t, ", ");
	put(t, text_at(part->name));
	put_char(t, '=');
	put_unsigned(t, integer(bytes + part->offset, part->size));
	put_char(t, '}');
}

static void put_stat(struct quick_text *t, const struct structure *s, const uint8_t *bytes)
{
	uint32_t mode = (uint32_t)field_value(s, PLACE_STAT_MODE, bytes);
	put(t, "{st_mode=");
	put_mode(t, mode);
	if (S_ISCHR(mode) || S_ISBLK(mode)) {
		put(t, ", st_rdev=");
		put_device(t, field_value(s, PLACE_STAT_RDEV, bytes));
	} else {
		put(t, ", st_size=");
		put_signed(t, (int64_t)field_value(s, PLACE_STAT_SIZE, bytes));
	}
	put(t, ", ...}");
}

static void put_statx(struct quick_text *t, const struct structure *s, const uint8_t *bytes)
{
	put(t, "{stx_mask=");
	put_flags(t, NAMES_statx_mask, field_value(s, PLACE_STATX_MASK, bytes));
	put(t, ", stx_attributes=");
	put_flags(t, NAMES_statx_attributes, field_value(s, PLACE_STATX_ATTRIBUTES, bytes));
	put(t, ", stx_mode=");
	put_mode(t, (uint32_t)field_value(s, PLACE_STATX_MODE, bytes));
	put(t, ", stx_size=");
	put_unsigned(t, field_value(s, PLACE_STATX_SIZE, bytes));
	put(t, ", ...}");
}

static bool put_utsname(struct writer *w, const struct structure *s, const uint8_t *bytes)
{
	for (size_t i = 0; i < 2; i++) {
		const struct field *f = &FIELDS[s->first + i];
		put(w->text, i ? ", " : "{");
		put(w->text, text_at(f->name));
		put_char(w->text, '=');
		if (f->as != FIELD_TEXT || !put_element(w, f, bytes + f->offset))
			return false;
	}
	put(w->text, ", ...}");
	return true;
}

static bool put_sigaction(struct writer *w, const struct structure *s, const uint8_t *bytes)
{
	const size_t order[] = { PLACE_SIGACTION_HANDLER, PLACE_SIGACTION_MASK, PLACE_SIGACTION_FLAGS, PLACE_SIGACTION_RESTORER };
	bool restores = field_value(s, PLACE_SIGACTION_FLAGS, bytes) & 0x4000000;	/* SA_RESTORER of asm/signal.h */
	for (size_t i = 0; i < (restores ? 4 : 3); i++) {
		const struct field *f = &FIELDS[s->first + order[i]];
		put(w->text, i ? ", " : "{");
		put(w->text, text_at(f->name));
		put_char(w->text, '=');
		if (!put_element(w, f, bytes + f->offset))
			return false;
	}
	put_char(w->text, '}');
	return true;
}

static bool put_structure(struct writer *w, uint16_t number, const uint8_t *bytes, uint64_t n)
{
	const struct structure *s = &STRUCTURES[number];
	if (n < s->size)
		return false;
	switch ((enum structure_kind)s->as) {
	case STRUCTURE_FIELDS:
		return put_fields(w, s, bytes, n);
	case STRUCTURE_VALUE:
		put_char(w->text, '[');
		if (!put_field(w, &FIELDS[s->first], bytes))
			return false;
		put_char(w->text, ']');
		return true;
	case STRUCTURE_TIME:
		put_time(w->text, s, bytes);
		return true;
	case STRUCTURE_INTERVAL: {
		const struct structure *half = &STRUCTURES[FIELDS[s->first].table];
		put(w->text, "{it_interval=");
		put_time(w->text, half, bytes);
		put(w->text, ", it_value=");
		put_time(w->text, half, bytes + half->size);
		put_char(w->text, '}');
		return true;
	}
	case STRUCTURE_USAGE:
		put(w->text, "{ru_utime=");
		put_time(w->text, &STRUCTURES[FIELDS[s->first].table], bytes);
		put(w->text, ", ru_stime=");
		put_time(w->text, &STRUCTURES[FIELDS[s->first].table], bytes + STRUCTURES[FIELDS[s->first].table].size);
		put(w->text, ", ...}");
		return true;
	case STRUCTURE_STAT:
		put_stat(w->text, s, bytes);
		return true;
	case STRUCTURE_STATX:
		put_statx(w->text, s, bytes);
		return true;
	case STRUCTURE_UTSNAME:
		return put_utsname(w, s, bytes);
	case STRUCTURE_SIGACTION:
		return put_sigaction(w, s, bytes);
	case STRUCTURE_SIGSET:
		put_signal_set(w->text, integer(bytes, 8));
		return true;
	case STRUCTURE_STATUS:
		put_char(w->text, '[');
		put_wait_status(w->text, (uint32_t)integer(bytes, 4));
		put_char(w->text, ']');
		return true;
	case STRUCTURE_COMM:
		return put_element(w, &FIELDS[s->first], bytes);
	case STRUCTURE_SIGINFO:
		return put_siginfo(w->text, bytes, n);
	case STRUCTURE_UNKNOWN:
		return false;
	}
	return false;
}
