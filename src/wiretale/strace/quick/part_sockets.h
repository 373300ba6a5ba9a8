/* Addresses, options and kinds of sockets. As decode/strace/address.py, sockopts.py and special.py. */

static void put_port(struct quick_text *t, const char *name, const uint8_t *bytes)
{
	put(t, name);
	put_unsigned(t, big_endian(bytes));
	put_char(t, ')');
}

static bool put_inet6_address(struct quick_text *t, const uint8_t *bytes, uint64_t n)
{
	char spelled[INET6_ADDRSTRLEN];
	bool is_local = (big_endian(bytes + 8) & 0xffc0) == 0xfe80 || (big_endian(bytes + 8) & 0xff0f) == 0xff02;
	if (n > 24 && is_local)
		return false;	/* its interface has a name */
	put_port(t, ", sin6_port=htons(", bytes + 2);
	put(t, ", sin6_flowinfo=htonl(");
	put_unsigned(t, (uint64_t)big_endian(bytes + 4) << 16 | big_endian(bytes + 6));
	inet_ntop(AF_INET6, bytes + 8, spelled, sizeof(spelled));
	put(t, "), inet_pton(AF_INET6, \"");
	put(t, spelled);
	put(t, "\", &sin6_addr)");
	if (n > 24) {
		put(t, ", sin6_scope_id=");
		put_unsigned(t, integer(bytes + 24, n < 28 ? n - 24 : 4));
	}
	return true;
}

static void put_unix_path(struct quick_text *t, const uint8_t *bytes, uint64_t n)
{
	uint64_t length = n - 2 < 108 ? n - 2 : 108;
	const uint8_t *end = memchr(bytes + 2, 0, length);
	if (!bytes[2]) {	/* unix(7): an abstract name is every byte after the NUL */
		put(t, ", sun_path=@");
		put_literal(t, bytes + 3, length - 1);
	} else {
		put(t, ", sun_path=");
		put_literal(t, bytes + 2, end ? (uint64_t)(end - bytes) - 2 : length);
	}
}

static void put_netlink_address(struct quick_text *t, const uint8_t *bytes)
{
	uint64_t groups = integer(bytes + 8, 4);
	if (integer(bytes + 2, 2)) {
		put(t, ", nl_pad=");
		put_hex(t, integer(bytes + 2, 2));
	}
	put(t, ", nl_pid=");
	put_signed(t, signed_integer(bytes + 4, 4));
	put(t, groups ? ", nl_groups=0x" : ", nl_groups=");
	put_number(t, groups, 16, groups ? 6 : 8);
}

static bool put_sockaddr(struct writer *w, const uint8_t *bytes, uint64_t n)
{
	struct quick_text *t = w->text;
	if (n < 2)
		return false;
	unsigned family = (unsigned)integer(bytes, 2);
	put(t, "{sa_family=");
	put_enum(t, NAMES_family, family);
	if (family == AF_INET && n >= 16) {
		put_port(t, ", sin_port=htons(", bytes + 2);
		put(t, ", sin_addr=");
		put_inet(t, bytes + 4);
	} else if (family == AF_INET6 && n >= 24) {
		if (!put_inet6_address(t, bytes, n))
			return false;
	} else if (family == AF_UNIX && n >= 3) {
		put_unix_path(t, bytes, n);
	} else if (family == AF_NETLINK && n >= 12) {
		put_netlink_address(t, bytes);
	} else if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6 && family != AF_UNIX) {
		return false;
	} else if (n > 2) {
		put(t, ", sa_data=");
		put_literal(t, bytes + 2, n - 2);
	}
	put_char(t, '}');
	return true;
}

static bool arg_sockaddr_in(struct writer *w, int i, const struct argument *a)
{
	struct datum d;
	int32_t length = (int32_t)low_half(w, a->length);
	if (!readable(w, i, WT_SOCKADDR, GIVEN, &d) || length < 0 || d.n < (length < 128 ? (uint64_t)length : 128))
		return put_address(w, i);
	return put_sockaddr(w, d.bytes, d.n);
}

static bool arg_sockaddr_out(struct writer *w, int i, const struct argument *a)
{
	struct datum d, room;
	if (!readable(w, i, WT_SOCKADDR, FILLED, &d) || !d.n || !succeeded(w))
		return put_address(w, i);
	if (readable(w, a->length, WT_SOCKLEN, GIVEN, &room) && room.n >= 4 && integer(room.bytes, 4) < d.n)
		d.n = integer(room.bytes, 4);
	return put_sockaddr(w, d.bytes, d.n);
}

static bool arg_socklen(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	struct datum before, after;
	bool given = readable(w, i, WT_SOCKLEN, GIVEN, &before), filled = succeeded(w) && readable(w, i, WT_SOCKLEN, FILLED, &after);
	if (!given && !filled)
		return put_address(w, i);
	if ((given && before.n < 4) || (filled && after.n < 4))
		return false;
	int64_t first = signed_integer(given ? before.bytes : after.bytes, 4);
	int64_t last = signed_integer(filled ? after.bytes : before.bytes, 4);
	put_char(w->text, '[');
	put_signed(w->text, first);
	if (first != last) {
		put(w->text, " => ");
		put_signed(w->text, last);
	}
	put_char(w->text, ']');
	return true;
}

static bool arg_protocol(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	int32_t family = (int32_t)low_half(w, 0);
	uint32_t value = low_half(w, i);
	if (family == AF_PACKET)	/* a type of frames, in network order */
		return false;
	if (family == AF_INET || family == AF_INET6)
		put_enum(w->text, NAMES_ip_protocol, value);
	else if (family == AF_NETLINK)
		put_enum(w->text, NAMES_netlink_protocol, value);
	else
		put_unsigned(w->text, value);
	return true;
}

static bool arg_socket_type(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	uint32_t value = low_half(w, i), kind = value & 0xf, extra = value & ~0xfu;
	if (!name_of(NAMES_socket_kind, kind))
		return false;
	put_enum(w->text, NAMES_socket_kind, kind);
	if (extra) {
		put_char(w->text, '|');
		put_flags(w->text, NAMES_socket_flags, extra);
	}
	return true;
}

/* -- options -------------------------------------------------------------------------------------------------------- */

#define SO_GET_FILTER_NUMBER 26
#define FIRST_FILTER_OPTION 64	/* IPT_BASE_CTL of linux/netfilter_ipv4/ip_tables.h, the lowest of its kind */

static bool arg_option(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	int32_t level = (int32_t)low_half(w, 1), option = (int32_t)low_half(w, i);
	for (size_t n = 0; n < sizeof(LEVELS) / sizeof(LEVELS[0]); n++) {
		if (LEVELS[n].level == level) {
			put_enum(w->text, LEVELS[n].table, option);
			return true;
		}
	}
	put_unsigned(w->text, (uint32_t)option);
	return true;
}

/* SO_ATTACH_FILTER has another name where it is asked for, and so have the options of packet filters: Python knows them. */
static bool arg_asked_option(struct writer *w, int i, const struct argument *a)
{
	int32_t level = (int32_t)low_half(w, 1), option = (int32_t)low_half(w, i);
	if ((level == IPPROTO_IP || level == IPPROTO_IPV6) && option >= FIRST_FILTER_OPTION)
		return false;
	if (level != SOL_SOCKET || option != SO_GET_FILTER_NUMBER)
		return arg_option(w, i, a);
	put(w->text, "SO_GET_FILTER");
	return true;
}

static void put_bracketed(struct quick_text *t, int64_t value)
{
	put_char(t, '[');
	put_signed(t, value);
	put_char(t, ']');
}

static bool put_socket_error(struct writer *w, const struct datum *d)
{
	int64_t number = d->n < 4 ? 0 : signed_integer(d->bytes, 4);
	const struct error *error = error_of(number);
	if (d->n < 4 || (number > 0 && !error))
		return false;
	if (number <= 0) {
		put_bracketed(w->text, number);
		return true;
	}
	put_char(w->text, '[');
	put(w->text, text_at(error->name));
	put_char(w->text, ']');
	return true;
}

/* Values that are one number; what else there is, is left to Python. */
static bool put_option(struct writer *w, int i, enum when when)
{
	struct datum d;
	int32_t level = (int32_t)low_half(w, 1), number = (int32_t)low_half(w, 2);
	unsigned flags = 0;
	for (size_t n = 0; n < sizeof(OPTIONS) / sizeof(OPTIONS[0]); n++) {
		if (OPTIONS[n].level == level && OPTIONS[n].number == number)
			flags = OPTIONS[n].flags;
	}
	if (!readable(w, i, WT_OPTVAL, when, &d) || d.error || d.n < d.full)
		return false;
	if (flags & (when == GIVEN ? OPTION_SET_OTHERWISE : OPTION_ASKED_OTHERWISE))
		return false;
	if (level == SOL_SOCKET && number == SO_ERROR && when == FILLED)
		return put_socket_error(w, &d);
	if (d.n != 4 && !(d.n > 4 && flags & OPTION_NUMBER))
		return false;
	if (when == GIVEN && (int32_t)low_half(w, 4) < 4)
		return false;
	put_bracketed(w->text, signed_integer(d.bytes, 4));
	return true;
}

static bool arg_option_in(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	return put_option(w, i, GIVEN);
}

static bool arg_option_out(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	return put_option(w, i, FILLED);
}
