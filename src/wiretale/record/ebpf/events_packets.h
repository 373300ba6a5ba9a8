/* Which packets are ours, and what an event says about a packet. */

#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd

static __always_inline void put_device(struct wt_kernel_event *e, const struct net_device *device)
{
	struct place place = {};
	struct name now;
	e->ifindex = place.ifindex = device->ifindex;
	if (!place.ifindex)	/* the packet has no device yet */
		return;
	e->other_tgid = place.netns = device->nd_net.net->ns.inum;
	if (bpf_map_lookup_elem(&devices, &place))
		return;
	__builtin_memcpy(now.text, device->name, NAME_BYTES);
	bpf_map_update_elem(&devices, &place, &now, BPF_ANY);
}

/* What the headers of a packet say. The transport header may not be set yet on the way in: it follows IP. */
struct headers {
	__u16 source_port, destination_port;
	__u32 seq, ack, bytes;
	__u8 family, protocol, tcp_flags;
	__u8 source[16], destination[16];
};

static __always_inline bool read_headers(const struct sk_buff *skb, struct headers *h)
{
	unsigned char *head = skb->head;
	__u16 network = skb->network_header, type = bpf_ntohs(skb->protocol);
	/* Both headers, where IP's has no options; there is always as much, the packet's shared info follows its data. */
	__u8 ip[60], *transport = ip + 20;
	__u32 ip_bytes, total;
	__builtin_memset(h, 0, sizeof(*h));
	if (type != ETH_IPV4 && type != ETH_IPV6)
		return false;
	if (bpf_probe_read_kernel(ip, sizeof(ip), head + network))
		return false;
	if (type == ETH_IPV4 && ip[0] >> 4 == 4) {
		h->family = AF_INET;
		h->protocol = ip[9];
		ip_bytes = (ip[0] & 15) * 4;
		total = (__u32)ip[2] << 8 | ip[3];
		__builtin_memcpy(h->source, ip + 12, 4);
		__builtin_memcpy(h->destination, ip + 16, 4);
	} else if (type == ETH_IPV6 && ip[0] >> 4 == 6) {
		h->family = AF_INET6;
		h->protocol = ip[6];
		ip_bytes = 40;
		transport = ip + 40;
		total = ((__u32)ip[4] << 8 | ip[5]) + 40;
		__builtin_memcpy(h->source, ip + 8, 16);
		__builtin_memcpy(h->destination, ip + 24, 16);
	} else {
		return false;
	}
	if (h->protocol != TCP && h->protocol != UDP)
		return true;
	if (h->family == AF_INET && ip_bytes != 20 && bpf_probe_read_kernel(transport, 20, head + network + ip_bytes))
		return true;
	h->source_port = (__u16)transport[0] << 8 | transport[1];
	h->destination_port = (__u16)transport[2] << 8 | transport[3];
	if (h->protocol == UDP) {
		h->bytes = ((__u32)transport[4] << 8 | transport[5]) - 8;
		return true;
	}
	h->seq = (__u32)transport[4] << 24 | (__u32)transport[5] << 16 | (__u32)transport[6] << 8 | transport[7];
	h->ack = (__u32)transport[8] << 24 | (__u32)transport[9] << 16 | (__u32)transport[10] << 8 | transport[11];
	h->tcp_flags = transport[13];
	h->bytes = total - ip_bytes - (transport[12] >> 4) * 4;
	return true;
}

static __always_inline void put_packet(struct wt_kernel_event *e, const struct sk_buff *skb, const struct headers *h)
{
	e->skb = (__u64)skb;
	e->head = (__u64)skb->head;
	put_device(e, skb->dev);
	if (!h->family)
		return;
	e->family = h->family;
	e->protocol = h->protocol;
	e->source_port = h->source_port;
	e->destination_port = h->destination_port;
	e->seq = h->seq;
	e->ack = h->ack;
	e->bytes = h->bytes;
	e->tcp_flags = h->tcp_flags;
	__builtin_memcpy(e->source, h->source, 16);
	__builtin_memcpy(e->destination, h->destination, 16);
}

/* One event about a packet, if it is ours: by its socket, or by one of its ports. */
static __always_inline struct wt_kernel_event *begin_packet(void *ctx, const struct sk_buff *skb, __u16 kind)
{
	const struct sock *sk = skb->sk;
	struct wt_kernel_event *e;
	struct headers h;
	bool by_socket = is_ours(ctx, sk), known = read_headers(skb, &h);
	if (by_socket && known)
		follow_port(h.source_port, h.protocol);
	if (!by_socket && !(known && (is_followed_port(h.destination_port, h.protocol) ||
				      is_followed_port(h.source_port, h.protocol))))
		return NULL;
	note_softirq(ctx);
	e = begin(ctx, kind);
	if (!e)
		return NULL;
	put_packet(e, skb, &h);
	/* Who owns the packet's memory: the sender on its way out. On its way in it may still be the sender (veth). */
	e->sk = (__u64)sk;
	return e;
}
