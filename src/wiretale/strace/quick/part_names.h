/* Names of numbers. As decode/strace/names.py. */

#define MOST_FLAGS 128

static const char *text_at(uint32_t offset)
{
	return TEXTS + offset;
}

/* The name of a value; NULL if it has none. */
static const char *name_of(uint16_t table, int64_t value)
{
	const struct names *names = &NAMES[table];
	size_t low = names->first_value, high = low + names->values;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (VALUES[middle].value == value)
			return text_at(VALUES[middle].text);
		if (VALUES[middle].value < value)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void put_unknown(struct quick_text *t, uint16_t table)
{
	if (!NAMES[table].unknown)
		return;
	put(t, " /* ");
	put(t, text_at(NAMES[table].unknown));
	put(t, " */");
}

static void put_enum(struct quick_text *t, uint16_t table, int64_t value)
{
	const char *name = name_of(table, value);
	if (name) {
		put(t, name);
		return;
	}
	put_hex_or_zero(t, value < 0 ? (uint32_t)value : (uint64_t)value);
	put_unknown(t, table);
}

static void put_flags(struct quick_text *t, uint16_t table, uint64_t value)
{
	const struct names *names = &NAMES[table];
	const struct named *flags = FLAGS + names->first_flag;
	const uint8_t *widest = WIDEST + names->first_flag;
	bool found[MOST_FLAGS] = { false }, any = false;
	uint64_t rest = value;
	if (!value) {
		const char *zero = name_of(table, 0);
		put(t, zero ? zero : "0");
		return;
	}
	for (size_t i = 0; i < names->flags; i++) {
		uint64_t bits = (uint64_t)flags[widest[i]].value;
		if ((bits & rest) == bits) {
			rest &= ~bits;
			found[widest[i]] = any = true;
		}
	}
	if (!any) {
		put_hex(t, rest);
		put_unknown(t, table);
		return;
	}
	bool first = true;
	for (size_t i = 0; i < names->flags; i++) {
		if (!found[i])
			continue;
		if (!first)
			put_char(t, '|');
		put(t, text_at(flags[i].text));
		first = false;
	}
	if (rest) {
		put_char(t, '|');
		put_hex(t, rest);
	}
}

#define SIGNALS 64

/* SIGINT, SIGRT_1; what is no signal stays a number. */
static void put_signal(struct quick_text *t, int64_t number)
{
	if (number > 0 && number <= SIGNALS && SIGNAL_NAMES[number])
		put(t, text_at(SIGNAL_NAMES[number]));
	else
		put_signed(t, number);
}

/* [INT TERM]; a set with most signals in it by what it lacks: ~[KILL STOP]. */
static void put_signal_set(struct quick_text *t, uint64_t mask)
{
	bool inverted = __builtin_popcountll(mask) * 3 > SIGNALS * 2, first = true;
	uint64_t shown = inverted ? ~mask : mask;
	put(t, inverted ? "~[" : "[");
	for (unsigned n = 1; n <= SIGNALS; n++) {
		if (!(shown >> (n - 1) & 1))
			continue;
		if (!first)
			put_char(t, ' ');
		put(t, text_at(SIGNAL_NAMES[n]) + strlen("SIG"));
		first = false;
	}
	put_char(t, ']');
}

/* "ENOENT (No such file or directory)"; NULL if there is no such error. */
static const struct error *error_of(int64_t number)
{
	size_t low = 0, high = sizeof(ERRORS) / sizeof(ERRORS[0]);
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (ERRORS[middle].number == number)
			return &ERRORS[middle];
		if (ERRORS[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
