/* Messages: msghdr and mmsghdr. As decode/strace/messages.py. */

/* The places of struct msghdr (linux/socket.h) in tasks of 64 bits. */
enum {
	MSG_NAME = 0, MSG_NAMELEN = 8, MSG_IOV = 16, MSG_IOVLEN = 24, MSG_CONTROL = 32, MSG_CONTROLLEN = 40, MSG_FLAGS = 48,
	MSGHDR = 56, MMSGHDR = 64,
};

static bool put_message_name(struct writer *w, int arg, uint32_t message, enum when when, uint64_t address, int64_t room)
{
	struct datum d;
	if (room < 2 || !readable_at(w, arg, WT_SOCKADDR, when, message << 16, &d) || d.n < (room < 128 ? (uint64_t)room : 128)) {
		put_pointer(w->text, address);
		return true;
	}
	return put_sockaddr(w, d.bytes, d.n < (uint64_t)room ? d.n : (uint64_t)room);
}

/* One struct msghdr; `now` is what the kernel gave back, or `old`. */
static bool put_header(struct writer *w, int arg, uint32_t message, enum when when, const uint8_t *old, const uint8_t *now)
{
	struct quick_text *t = w->text;
	int64_t given = signed_integer(old + MSG_NAMELEN, 4), length = signed_integer(now + MSG_NAMELEN, 4);
	uint64_t count = integer(now + MSG_IOVLEN, 8);
	put(t, "{msg_name=");
	if (!put_message_name(w, arg, message, when, integer(now + MSG_NAME, 8), given < length ? given : length))
		return false;
	put(t, ", msg_namelen=");
	put_signed(t, given);
	if (given != length) {
		put(t, " => ");
		put_signed(t, length);
	}
	put(t, ", msg_iov=");
	if (!put_buffers(w, arg, message, when, integer(now + MSG_IOV, 8), count))
		return false;
	put(t, ", msg_iovlen=");
	put_unsigned(t, count);
	if (integer(now + MSG_CONTROLLEN, 8))
		return false;
	put(t, ", msg_controllen=0, msg_flags=");
	put_flags(t, NAMES_msg, integer(now + MSG_FLAGS, 4));
	put_char(t, '}');
	return true;
}

static bool arg_message_in(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum d;
	if (!readable(w, i, WT_MSGHDR, GIVEN, &d) || d.n < d.full)
		return put_address(w, i);
	return d.n >= MSGHDR && put_header(w, i, 0, GIVEN, d.bytes, d.bytes);
}

static bool arg_message_out(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum before, after;
	if (!readable(w, i, WT_MSGHDR, GIVEN, &before) || before.n < before.full)
		return put_address(w, i);
	if (before.n < MSGHDR)
		return false;
	if (!readable(w, i, WT_MSGHDR, FILLED, &after)) {	/* nothing was received */
		put(w->text, "{msg_namelen=");
		put_signed(w->text, signed_integer(before.bytes + MSG_NAMELEN, 4));
		put_char(w->text, '}');
		return true;
	}
	return after.n >= MSGHDR && put_header(w, i, 0, FILLED, before.bytes, after.bytes);
}

/* The vector of sendmmsg, whose lengths the kernel fills in as far as the result reaches. */
static bool arg_messages_in(struct writer *w, int i, const struct argument *a)
{
	struct datum before, after = { 0 };
	uint32_t given = low_half(w, a->length);
	uint64_t done = succeeded(w) && w->value > 0 ? (uint64_t)w->value : 0;
	if (!given) {
		put(w->text, value_of(w, i) ? "[]" : "NULL");
		return true;
	}
	if (given > w->limit || !readable(w, i, WT_MSGHDR, GIVEN, &before) || before.n < (uint64_t)given * MMSGHDR)
		return false;
	readable(w, i, WT_MSGHDR, FILLED, &after);
	if (done > given || after.n < done * MMSGHDR)
		return false;
	put_char(w->text, '[');
	for (uint32_t n = 0; n < given; n++) {
		const uint8_t *bytes = before.bytes + (uint64_t)n * MMSGHDR;
		put(w->text, n ? ", {msg_hdr=" : "{msg_hdr=");
		if (!put_header(w, i, n, GIVEN, bytes, bytes))
			return false;
		if (n < done) {
			put(w->text, ", msg_len=");
			put_unsigned(w->text, integer(after.bytes + (uint64_t)n * MMSGHDR + MSGHDR, 4));
		}
		put_char(w->text, '}');
	}
	put_char(w->text, ']');
	return true;
}
