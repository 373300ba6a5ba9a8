/* Text that grows, and the spellings of numbers and bytes. */

static void text_reserve(struct quick_text *t, size_t more)
{
	if (t->room - t->used >= more)
		return;
	size_t room = t->room ? t->room : 65536;
	while (room - t->used < more)
		room *= 2;
	char *bytes = realloc(t->bytes, room);
	if (!bytes) {
		t->failed = true;
		return;
	}
	t->bytes = bytes;
	t->room = room;
}

static void put_bytes(struct quick_text *t, const char *bytes, size_t n)
{
	text_reserve(t, n);
	if (t->failed || !n)
		return;
	memcpy(t->bytes + t->used, bytes, n);
	t->used += n;
}

static void put(struct quick_text *t, const char *word)
{
	put_bytes(t, word, strlen(word));
}

static void put_char(struct quick_text *t, char c)
{
	put_bytes(t, &c, 1);
}

static void put_number(struct quick_text *t, uint64_t value, unsigned base, unsigned digits)
{
	char spelled[72], *at = spelled + sizeof(spelled);
	unsigned n = 0;
	do {
		*--at = "0123456789abcdef"[value % base];
		value /= base;
		n++;
	} while (value || n < digits);
	put_bytes(t, at, n);
}

static void put_unsigned(struct quick_text *t, uint64_t value)
{
	put_number(t, value, 10, 1);
}

static void put_signed(struct quick_text *t, int64_t value)
{
	if (value < 0)
		put_char(t, '-');
	put_unsigned(t, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* 0x1f, also of zero. */
static void put_hex(struct quick_text *t, uint64_t value)
{
	put(t, "0x");
	put_number(t, value, 16, 1);
}

static void put_hex_or_zero(struct quick_text *t, uint64_t value)
{
	if (value)
		put_hex(t, value);
	else
		put_char(t, '0');
}

static void put_pointer(struct quick_text *t, uint64_t value)
{
	if (value)
		put_hex(t, value);
	else
		put(t, "NULL");
}

/* A C octal literal of at least three digits: 0644, 000. */
static void put_octal(struct quick_text *t, uint64_t value)
{
	if (value >= 0100)
		put_char(t, '0');
	put_number(t, value, 8, value >= 0100 ? 1 : 3);
}

/* At least `width` characters, filled up behind (or, `right`, before). */
static void put_padded(struct quick_text *t, uint64_t value, size_t width, bool right)
{
	size_t digits = 1;
	for (uint64_t rest = value; rest >= 10; rest /= 10)
		digits++;
	if (!right)
		put_unsigned(t, value);
	for (; digits < width; digits++)
		put_char(t, ' ');
	if (right)
		put_unsigned(t, value);
}

/* What is behind the backslash of a byte that has a short spelling; 0: it has none. */
static char short_escape(uint8_t byte)
{
	switch (byte) {
	case '\t': return 't';
	case '\n': return 'n';
	case '\v': return 'v';
	case '\f': return 'f';
	case '\r': return 'r';
	case '"': return '"';
	case '\\': return '\\';
	}
	return 0;
}

/* As decode/escape.py: octal in its shortest form, unless an octal digit follows. */
static void put_literal(struct quick_text *t, const uint8_t *bytes, uint64_t n)
{
	text_reserve(t, 4 * n + 2);
	if (t->failed)
		return;
	char *at = t->bytes + t->used;
	*at++ = '"';
	for (uint64_t i = 0; i < n; i++) {
		uint8_t byte = bytes[i];
		char shortly = short_escape(byte);
		if (shortly) {
			*at++ = '\\';
			*at++ = shortly;
		} else if (byte >= 0x20 && byte < 0x7f) {
			*at++ = (char)byte;
		} else {
			bool whole = i + 1 < n && bytes[i + 1] >= '0' && bytes[i + 1] <= '7';
			*at++ = '\\';
			if (whole || byte >= 0100)
				*at++ = (char)('0' + (byte >> 6));
			if (whole || byte >= 010)
				*at++ = (char)('0' + (byte >> 3 & 7));
			*at++ = (char)('0' + (byte & 7));
		}
	}
	*at++ = '"';
	t->used = (size_t)(at - t->bytes);
}

static void put_hex_literal(struct quick_text *t, const uint8_t *bytes, uint64_t n)
{
	put_char(t, '"');
	for (uint64_t i = 0; i < n; i++) {
		put(t, "\\x");
		put_number(t, bytes[i], 16, 2);
	}
	put_char(t, '"');
}
