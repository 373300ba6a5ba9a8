/*
 * What netlink messages of routing and of socket diagnosis are made of: attributes, structures, values. As
 * decode/strace/netlink_values.py and the tables of netlink_*.py.
 */

#define MOST_NESTED 8

static bool put_netlink_value(struct writer *w, uint16_t number, const uint8_t *bytes, uint64_t n, unsigned family, unsigned depth);

static bool put_hexadecimal(struct writer *w, const uint8_t *bytes, uint64_t n)
{
	put_hex_literal(w->text, bytes, n < w->limit ? n : w->limit);
	put(w->text, n > w->limit ? "..." : "");
	return true;
}

/* Put a bracket around what was printed since `began`, if it is more than one thing. */
static void put_brackets(struct quick_text *t, size_t began, uint64_t things)
{
	if (things < 2)
		return;
	put_char(t, '[');
	if (t->failed)
		return;
	memmove(t->bytes + began + 1, t->bytes + began, t->used - began - 1);
	t->bytes[began] = '[';
	put_char(t, ']');
}

static void put_attribute_kind(struct quick_text *t, uint16_t table, unsigned kind)
{
	put(t, kind & 0x8000 ? "NLA_F_NESTED|" : "");
	put(t, kind & 0x4000 ? "NLA_F_NET_BYTEORDER|" : "");
	if (table)
		put_enum(t, table, kind & 0x3fff);
	else
		put_hex_or_zero(t, kind & 0x3fff);
}

/* Attributes back to back; several in one more pair of brackets. */
static bool put_attributes(struct writer *w, const struct netlink_value *v, const uint8_t *bytes, uint64_t n, unsigned family,
			   unsigned depth)
{
	struct quick_text *t = w->text;
	size_t began = t->used;
	uint64_t at = 0, shown = 0;
	while (at + 4 <= n && shown < w->limit) {
		unsigned length = (unsigned)integer(bytes + at, 2), kind = (unsigned)integer(bytes + at + 2, 2);
		uint64_t end = at + length < n ? at + length : n;
		bool has_body = length > 4 && end > at + 4;
		put(t, shown++ ? ", " : "");
		put(t, has_body ? "[{nla_len=" : "{nla_len=");
		put_unsigned(t, length);
		put(t, ", nla_type=");
		put_attribute_kind(t, v->table, kind);
		put_char(t, '}');
		if (length < 4) {
			at = n;
			break;
		}
		if (has_body) {
			uint16_t value = NETLINK_BYTES;
			for (unsigned i = 0; i < v->count; i++)
				if (NETLINK_ATTRIBUTES[v->first + i].kind == (kind & 0x3fff))
					value = NETLINK_ATTRIBUTES[v->first + i].value;
			put(t, ", ");
			if (!put_netlink_value(w, value, bytes + at + 4, end - at - 4, family, depth + 1))
				return false;
			put_char(t, ']');
		}
		at += (length + 3) / 4 * 4;
	}
	if (!shown)
		return !n || put_hexadecimal(w, bytes, n);
	if (at < n) {
		put(t, ", ");
		shown++;
		if (n - at < 4)
			put_hexadecimal(w, bytes + at, n - at);
		else
			put(t, "...");
	}
	put_brackets(t, began, shown);
	return true;
}

/* The fields of a structure as far as the bytes reach: `a=1, b=2`. */
static bool put_netlink_fields(struct writer *w, const struct netlink_value *v, const uint8_t *bytes, uint64_t n, unsigned family,
			       unsigned depth)
{
	struct quick_text *t = w->text;
	uint64_t at = 0;
	bool any = false;
	for (unsigned i = 0; i < v->count; i++) {
		const struct netlink_field *f = &NETLINK_FIELDS[v->first + i];
		if (f->size > n - at)
			break;
		size_t before = t->used;
		bool is_end = NETLINK_VALUES[f->value].as == NETLINK_AS_end && family != AF_INET;
		if (f->name) {
			put(t, any ? ", " : "");
			put(t, is_end ? "" : text_at(f->name));
			put(t, is_end ? "" : "=");
			size_t after = t->used;
			if (!put_netlink_value(w, f->value, bytes + at, f->size, family, depth + 1))
				return false;
			if (is_end) {
				t->used -= 1;	/* inet_pton names the field itself */
				put(t, ", &");
				put(t, text_at(f->name));
				put_char(t, ')');
			}
			if (t->used == after)
				t->used = before;
			else
				any = true;
		}
		at += f->size;
	}
	return true;
}

static bool put_interface(struct quick_text *t, uint64_t index)
{
	char name[IF_NAMESIZE];
	if (!index || index > INT32_MAX || !if_indextoname((unsigned)index, name)) {
		put_unsigned(t, index);
		return true;
	}
	for (const char *at = name; *at; at++)
		if (*at <= ' ' || *at > '~')
			return false;
	put(t, "if_nametoindex(\"");
	put(t, name);
	put(t, "\")");
	return true;
}

static void put_ipv6(struct quick_text *t, const uint8_t *bytes)
{
	char spelled[INET6_ADDRSTRLEN];
	inet_ntop(AF_INET6, bytes, spelled, sizeof(spelled));
	put(t, "inet_pton(AF_INET6, \"");
	put(t, spelled);
	put(t, "\")");
}

static void put_socket_states(struct quick_text *t, uint64_t value)
{
	const char *bar = "";
	uint64_t rest = value;
	for (unsigned bit = 1; bit < 12; bit++) {
		if (!(value >> bit & 1))
			continue;
		put(t, bar);
		put(t, "1<<");
		put_enum(t, NAMES_tcp_state, bit);
		rest &= ~(1ull << bit);
		bar = "|";
	}
	if (rest) {
		put(t, bar);
		put_hex(t, rest);
	}
	put(t, value ? "" : "0");
}

/* Bit N - 1 asks for attribute N. */
static void put_extensions(struct quick_text *t, unsigned bits)
{
	const char *bar = "";
	for (unsigned bit = 0; bit < 8; bit++) {
		if (!(bits >> bit & 1))
			continue;
		put(t, bar);
		put(t, "1<<(");
		put_enum(t, NAMES_nl_inet_diag, bit + 1);
		put(t, "-1)");
		bar = "|";
	}
	put(t, bits ? "" : "0");
}

static void put_socket_options(struct quick_text *t, unsigned bits)
{
	bool any = false;
	put_char(t, '{');
	for (unsigned bit = 0; bit < sizeof(SOCKET_OPTIONS) / sizeof(SOCKET_OPTIONS[0]); bit++) {
		if (!(bits >> bit & 1))
			continue;
		put(t, any ? ", " : "");
		put(t, text_at(SOCKET_OPTIONS[bit]));
		put(t, "=1");
		any = true;
	}
	put_char(t, '}');
}

/* A string that ends with its NUL. */
static void put_netlink_text(struct writer *w, const uint8_t *bytes, uint64_t n)
{
	bool ends = !bytes[n - 1];
	uint64_t shown = n - ends;
	put_literal(w->text, bytes, shown < w->limit ? shown : w->limit);
	put(w->text, shown > w->limit || !ends ? "..." : "");
}

/* A value of at least one byte. */
static bool put_netlink_value(struct writer *w, uint16_t number, const uint8_t *bytes, uint64_t n, unsigned family, unsigned depth)
{
	const struct netlink_value *v = &NETLINK_VALUES[number];
	struct quick_text *t = w->text;
	if (v->as == NETLINK_AS_unknown || depth > MOST_NESTED)
		return false;
	if (n < v->size || n < v->least)
		return put_hexadecimal(w, bytes, n);
	uint64_t value = integer(bytes, v->size);
	switch ((enum netlink_kind)v->as) {
	case NETLINK_AS_number:
		if (v->with_sign)
			put_signed(t, signed_integer(bytes, v->size));
		else
			put_unsigned(t, value);
		return true;
	case NETLINK_AS_hex:
		put_hex_or_zero(t, value);
		return true;
	case NETLINK_AS_enum:
		put_enum(t, v->table, (int64_t)value);
		return true;
	case NETLINK_AS_flags:
		put_flags(t, v->table, value);
		return true;
	case NETLINK_AS_network_enum:
		put(t, "htons(");
		put_enum(t, v->table, big_endian(bytes));
		put_char(t, ')');
		return true;
	case NETLINK_AS_port:
		put_port(t, "htons(", bytes);
		return true;
	case NETLINK_AS_interface:
		return put_interface(t, value);
	case NETLINK_AS_owner:
		put_signed(t, value == UINT32_MAX ? -1 : (int64_t)value);
		return true;
	case NETLINK_AS_ipv4:
		put_inet(t, bytes);
		return true;
	case NETLINK_AS_ipv6:
		put_ipv6(t, bytes);
		return true;
	case NETLINK_AS_address:
		if (family == AF_INET && n >= 4)
			put_inet(t, bytes);
		else if (family == AF_INET6 && n >= 16)
			put_ipv6(t, bytes);
		else
			put_hexadecimal(w, bytes, n);
		return true;
	case NETLINK_AS_end:
		if (family == AF_INET)
			put_inet(t, bytes);
		else
			put_ipv6(t, bytes);
		return true;
	case NETLINK_AS_text:
		put_netlink_text(w, bytes, n);
		return true;
	case NETLINK_AS_hardware:
		for (uint64_t i = 0; i < n; i++) {
			put(t, i ? ":" : "");
			put_number(t, bytes[i], 16, 2);
		}
		return true;
	case NETLINK_AS_bytes:
		return put_hexadecimal(w, bytes, n);
	case NETLINK_AS_nested:
		return put_attributes(w, v, bytes, n, family, depth);
	case NETLINK_AS_structure:
		put_char(t, '{');
		if (!put_netlink_fields(w, v, bytes, n, family, depth))
			return false;
		put_char(t, '}');
		return true;
	case NETLINK_AS_states:
		put_socket_states(t, value);
		return true;
	case NETLINK_AS_cookie:
		put_char(t, '[');
		put_unsigned(t, integer(bytes, 4));
		put(t, ", ");
		put_unsigned(t, integer(bytes + 4, 4));
		put_char(t, ']');
		return true;
	case NETLINK_AS_extensions:
		put_extensions(t, bytes[0]);
		return true;
	case NETLINK_AS_socket_options:
		put_socket_options(t, (unsigned)value);
		return n == 2 && !(value >> sizeof(SOCKET_OPTIONS) / sizeof(SOCKET_OPTIONS[0]));
	case NETLINK_AS_shutdown:
		if (!bytes[0] || bytes[0] & ~3u) {
			put_char(t, '0');
			return !bytes[0];
		}
		put_hex(t, bytes[0]);
		put(t, " /* ");
		put_flags(t, NAMES_nl_shutdown, bytes[0]);
		put(t, " */");
		return true;
	case NETLINK_AS_if_set:
		if (value)
			put_hex(t, value);
		return true;
	case NETLINK_AS_unknown:
		break;
	}
	return false;
}
