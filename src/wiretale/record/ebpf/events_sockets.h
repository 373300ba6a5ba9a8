/* Which sockets and ports are ours, and what an event says about a socket. */

#define AF_INET 2
#define AF_INET6 10
#define TCP 6
#define UDP 17
#define S_IFMT 0170000	/* linux/stat.h */
#define S_IFSOCK 0140000

static __always_inline __u8 *port_of(__u16 number, __u16 protocol)
{
	__u32 of = protocol == TCP ? 0 : protocol == UDP ? 1 : 2;
	__u32 index = (of << 16 | number) / PORTS_OF_BYTES;
	struct some_ports *some = bpf_map_lookup_elem(&ports, &index);
	return some ? &some->followed[number % PORTS_OF_BYTES] : NULL;
}

static __always_inline void follow_port(__u16 number, __u16 protocol)
{
	__u8 *followed = port_of(number, protocol);
	if (number && followed && !*followed)	/* a line that is only read stays in every CPU's cache */
		*followed = 1;
}

static __always_inline bool is_followed_port(__u16 number, __u16 protocol)
{
	__u8 *followed = port_of(number, protocol);
	return number && followed && *followed;
}

/* Whether a socket is ours that was not lately; learns it. Request and time-wait sockets have the common part only. */
static __noinline bool is_ours_by_now(void *ctx, const struct sock *sk)
{
	__u64 key = (__u64)sk, cookie = sk->__sk_common.skc_cookie.counter;
	unsigned char state = sk->__sk_common.skc_state;
	__u16 number = sk->__sk_common.skc_num, protocol = state == 6 || state == 12 ? TCP : sk->sk_protocol;
	struct followed *known = bpf_map_lookup_elem(&sockets, &key), now;
	if (known && known->cookie && known->cookie != cookie) {	/* that one is gone, and another lies where it lay */
		bpf_map_delete_elem(&sockets, &key);
		known = NULL;
	}
	if (known) {
		if (known->cookie != cookie)
			known->cookie = cookie;
		if (known->port != number) {
			known->port = number;
			follow_port(number, protocol);
		}
		return true;
	}
	if (!current_is_traced(ctx) && !is_followed_port(number, protocol))
		return false;
	now.cookie = cookie;
	now.port = number;
	bpf_map_update_elem(&sockets, &key, &now, BPF_ANY);
	follow_port(number, protocol);
	return true;
}

static __always_inline bool is_ours(void *ctx, const struct sock *sk)
{
	struct followed *seen_there;
	__u64 cookie, number;
	__u32 at;
	if (!sk)
		return false;
	cookie = sk->__sk_common.skc_cookie.counter;
	number = sk->__sk_common.skc_num;
	at = cookie & (SEEN_SOCKETS - 1);
	seen_there = bpf_map_lookup_elem(&seen, &at);
	if (seen_there && cookie && seen_there->cookie == cookie && seen_there->port == number)
		return true;
	if (!is_ours_by_now(ctx, sk))
		return false;
	if (seen_there && cookie) {
		seen_there->cookie = cookie;
		seen_there->port = number;
	}
	return true;
}

/* An open file of a traced task: if it is a socket that packets can be for, it is ours from now on. */
static __always_inline void follow_file(struct file *file)
{
	struct socket *socket;
	struct sock *sk;
	__u16 family;
	struct followed now = {};
	__u64 key;
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	key = (__u64)sk;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (!sk || (family != AF_INET && family != AF_INET6))
		return;
	now.cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	bpf_map_update_elem(&sockets, &key, &now, BPF_ANY);	/* its port may come later */
	follow_port(BPF_CORE_READ(sk, __sk_common.skc_num), BPF_CORE_READ(sk, sk_protocol));
}

/* A socket gets its cookie when somebody asks for the first time. */
static __always_inline __u64 cookie_of(const struct sock *sk)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;
	return cookie ? cookie : bpf_get_socket_cookie((void *)sk);
}

static __always_inline void put_socket(struct wt_kernel_event *e, const struct sock *sk)
{
	if (!sk)
		return;
	e->sk = (__u64)sk;
	e->family = (__u8)sk->__sk_common.skc_family;
	e->state = sk->__sk_common.skc_state;
	/* time-wait and request sockets end after the common part */
	e->protocol = e->state == 6 || e->state == 12 ? TCP : (__u8)sk->sk_protocol;
	e->source_port = sk->__sk_common.skc_num;
	e->destination_port = bpf_ntohs(sk->__sk_common.skc_dport);
	if (e->family == AF_INET) {
		__be32 local = sk->__sk_common.skc_rcv_saddr, peer = sk->__sk_common.skc_daddr;
		__builtin_memcpy(e->source, &local, 4);
		__builtin_memcpy(e->destination, &peer, 4);
	} else if (e->family == AF_INET6) {
		BPF_CORE_READ_INTO(&e->source, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&e->destination, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
}

static __always_inline struct wt_kernel_event *begin_socket(void *ctx, const struct sock *sk, __u16 kind)
{
	struct wt_kernel_event *e;
	if (!is_ours(ctx, sk))
		return NULL;
	note_softirq(ctx);
	e = begin(ctx, kind);
	if (e)
		put_socket(e, sk);
	return e;
}
