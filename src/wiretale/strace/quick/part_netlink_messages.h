/* Netlink messages, as decode/strace/netlink.py. Only whole ones: what was not captured to its end is Python's. */

#define NLMSG_HEAD 16

static const struct netlink_body *find_body(const struct netlink_body *bodies, size_t n, unsigned kind)
{
	for (size_t i = 0; i < n; i++)
		if (bodies[i].kind == kind)
			return &bodies[i];
	return NULL;
}
#define BODY_OF(bodies, kind) find_body(bodies, sizeof(bodies) / sizeof(bodies[0]), kind)

static void put_message_flags(struct quick_text *t, unsigned protocol, unsigned kind, unsigned flags)
{
	static const int by_operation[] = { NAMES_nl_flags_new, NAMES_nl_flags_delete, NAMES_nl_flags_get, -1 };
	int table = -1;
	if (kind == NLMSG_ERROR)
		table = NAMES_nl_flags_ack;
	else if (kind >= NLMSG_MIN_TYPE && protocol == NETLINK_ROUTE)
		table = kind == RTM_DELACTION ? NAMES_nl_flags_get : by_operation[kind & 3];
	else if (kind >= NLMSG_MIN_TYPE)
		table = NAMES_nl_flags_get;
	if (flags & 0xff)
		put_flags(t, NAMES_nl_flags, flags & 0xff);
	put(t, flags & 0xff && flags & ~0xffu ? "|" : "");
	if (flags & ~0xffu && table >= 0)
		put_flags(t, (uint16_t)table, flags & ~0xffu);
	else if (flags & ~0xffu)
		put_hex(t, flags & ~0xffu);
	put(t, !flags ? "0" : table < 0 && !(flags & 0xff) ? " /* NLM_F_??? */" : "");
}

static bool put_message_body(struct writer *w, unsigned protocol, unsigned kind, unsigned flags, const uint8_t *bytes, uint64_t n)
{
	struct quick_text *t = w->text;
	unsigned family = bytes[0];
	const struct netlink_body *body = NULL;
	if (kind == NLMSG_DONE && n >= 4) {
		put_signed(t, signed_integer(bytes, 4));
		return true;
	}
	if (kind < NLMSG_MIN_TYPE)
		return kind != NLMSG_ERROR && put_hexadecimal(w, bytes, n);
	if (protocol == NETLINK_ROUTE)
		body = BODY_OF(NETLINK_ROUTING, kind);
	else if (kind == SOCK_DIAG_BY_FAMILY || kind == SOCK_DESTROY)
		body = flags & NLM_F_REQUEST ? BODY_OF(NETLINK_ASKED, family) : BODY_OF(NETLINK_ANSWERED, family);
	if (!body || (protocol == NETLINK_ROUTE && kind == RTM_GETNEIGH && family == AF_BRIDGE))
		return false;
	const struct netlink_value *fields = &NETLINK_VALUES[body->structure];
	if (n < fields->least)
		return false;
	put_char(t, '{');
	if (!put_netlink_fields(w, fields, bytes, fields->least, family, 0))
		return false;
	put_char(t, '}');
	uint64_t behind = ((uint64_t)fields->least + 3) / 4 * 4;
	if (behind >= n)
		return true;
	put(t, ", ");
	return body->attributes ? put_attributes(w, &NETLINK_VALUES[body->attributes], bytes + behind, n - behind, family, 0)
				: put_hexadecimal(w, bytes + behind, n - behind);
}

static bool put_netlink_message(struct writer *w, unsigned protocol, const uint8_t *bytes, uint64_t n)
{
	struct quick_text *t = w->text;
	unsigned kind = (unsigned)integer(bytes + 4, 2), flags = (unsigned)integer(bytes + 6, 2);
	uint64_t length = integer(bytes, 4), end = length < n ? length : n;
	bool has_body = end > NLMSG_HEAD;
	put(t, has_body ? "[{nlmsg_len=" : "{nlmsg_len=");
	put_unsigned(t, length);
	put(t, ", nlmsg_type=");
	put_enum(t,
		 kind < NLMSG_MIN_TYPE ? NAMES_nl_msg
		 : protocol == NETLINK_ROUTE ? NAMES_nl_rtm
		 : kind == SOCK_DIAG_BY_FAMILY || kind == SOCK_DESTROY ? NAMES_nl_sock_diag
								       : NAMES_nl_tcpdiag,
		 kind);
	put(t, ", nlmsg_flags=");
	put_message_flags(t, protocol, kind, flags);
	put(t, ", nlmsg_seq=");
	put_unsigned(t, integer(bytes + 8, 4));
	put(t, ", nlmsg_pid=");
	put_signed(t, signed_integer(bytes + 12, 4));
	put_char(t, '}');
	if (!has_body)
		return true;
	put(t, ", ");
	if (!put_message_body(w, protocol, kind, flags, bytes + NLMSG_HEAD, end - NLMSG_HEAD))
		return false;
	put_char(t, ']');
	return true;
}

/* All messages of a buffer. */
static bool put_netlink(struct writer *w, const struct datum *d)
{
	unsigned protocol = (unsigned)w->netlink;
	size_t began = w->text->used;
	uint64_t at = 0, shown = 0;
	if ((protocol != NETLINK_ROUTE && protocol != NETLINK_SOCK_DIAG) || d->n < d->full || d->n < NLMSG_HEAD || !w->limit)
		return false;
	while (at + NLMSG_HEAD <= d->n && shown < w->limit) {
		uint64_t length = integer(d->bytes + at, 4);
		put(w->text, shown++ ? ", " : "");
		if (!put_netlink_message(w, protocol, d->bytes + at, d->n - at))
			return false;
		at = length < NLMSG_HEAD ? d->full : at + (length + 3) / 4 * 4;
	}
	if (at < d->full) {
		put(w->text, ", ");
		shown++;
		if (d->full - at < NLMSG_HEAD)
			put_hexadecimal(w, d->bytes + at, d->n - at);
		else
			put(w->text, "...");
	}
	put_brackets(w->text, began, shown);
	return true;
}
