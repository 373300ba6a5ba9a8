/* Programs at what happens to sockets, with or without a packet. */

#define SOCKET_EVENT(name, kind_of) \
SEC("tp_btf/" #name) \
int BPF_PROG(on_##name, const struct sock *sk) \
{ \
	struct wt_kernel_event *e = begin_socket(ctx, sk, kind_of); \
	if (!e) \
		return 0; \
	e->cookie = cookie_of(sk); \
	end(ctx, e); \
	return 0; \
}

SOCKET_EVENT(sk_data_ready, WT_DATA_READY)
SOCKET_EVENT(tcp_receive_reset, WT_TCP_RECEIVE_RESET)
SOCKET_EVENT(tcp_rcv_space_adjust, WT_TCP_RCV_SPACE)
SOCKET_EVENT(tcp_destroy_sock, WT_TCP_DESTROY)

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_inet_sock_set_state, const struct sock *sk, int old_state, int new_state)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, WT_SET_STATE);
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->value = old_state;
	e->value2 = new_state;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(on_inet_sk_error_report, const struct sock *sk)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, WT_ERROR_REPORT);
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->value = sk->sk_err;
	end(ctx, e);
	return 0;
}

static __always_inline int length_event(void *ctx, struct sock *sk, int length, int flags, __u16 kind)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, kind);
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->value = length;
	e->value2 = flags;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_sock_send_length, struct sock *sk, int length, int flags)
{
	return length_event(ctx, sk, length, flags, WT_SEND_LENGTH);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_sock_recv_length, struct sock *sk, int length, int flags)
{
	return length_event(ctx, sk, length, flags, WT_RECV_LENGTH);
}

SEC("tp_btf/tcp_cong_state_set")
int BPF_PROG(on_tcp_cong_state_set, struct sock *sk, unsigned char state)
{
	return length_event(ctx, sk, state, 0, WT_TCP_CONG_STATE);
}

static __always_inline struct wt_kernel_event *begin_both(void *ctx, const struct sock *sk, const struct sk_buff *skb,
							  __u16 kind)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, kind);
	struct headers h;
	if (!e)
		return NULL;
	e->cookie = cookie_of(sk);
	if (skb) {
		read_headers(skb, &h);
		put_packet(e, skb, &h);
	}
	return e;
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_tcp_sendmsg_locked, const struct sock *sk, const struct msghdr *msg, const struct sk_buff *skb, int goal)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, WT_TCP_SENDMSG);
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->skb = (__u64)skb;
	e->head = skb ? (__u64)skb->head : 0;
	e->value = goal;
	e->value2 = skb ? (__s32)skb->len : 0;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(on_tcp_probe, struct sock *sk, const struct sk_buff *skb)
{
	struct wt_kernel_event *e = begin_both(ctx, sk, skb, WT_TCP_PROBE);
	const struct tcp_sock *tp = (const void *)sk;
	if (!e)
		return 0;
	e->value = (__s32)BPF_CORE_READ(tp, snd_cwnd);
	e->value2 = (__s32)(BPF_CORE_READ(tp, srtt_us) >> 3);
	end(ctx, e);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_tcp_retransmit_skb, const struct sock *sk, const struct sk_buff *skb)
{
	struct wt_kernel_event *e = begin_both(ctx, sk, skb, WT_TCP_RETRANSMIT);
	if (e)
		end(ctx, e);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_tcp_retransmit_synack, const struct sock *sk)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, WT_TCP_RETRANSMIT_SYNACK);
	if (e)
		end(ctx, e);
	return 0;
}

/* A reset may be sent for a packet that met no socket: then the packet's port decides. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_tcp_send_reset, const struct sock *sk, const struct sk_buff *skb)
{
	struct wt_kernel_event *e = skb ? begin_packet(ctx, skb, WT_TCP_SEND_RESET)
					: begin_socket(ctx, sk, WT_TCP_SEND_RESET);
	if (!e)
		return 0;
	e->sk = (__u64)sk;
	if (bpf_core_field_exists(struct trace_event_raw_tcp_send_reset, reason))	/* Linux 6.10 */
		e->value = (__s32)ctx[2];
	end(ctx, e);
	return 0;
}

SEC("tp_btf/sock_rcvqueue_full")
int BPF_PROG(on_sock_rcvqueue_full, struct sock *sk, struct sk_buff *skb)
{
	struct wt_kernel_event *e = begin_both(ctx, sk, skb, WT_RCVQUEUE_FULL);
	if (e)
		end(ctx, e);
	return 0;
}

SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(on_udp_fail_queue_rcv_skb, int error, struct sock *sk)
{
	struct wt_kernel_event *e = begin_socket(ctx, sk, WT_UDP_FAIL_QUEUE);
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->value = error;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/icmp_send")
int BPF_PROG(on_icmp_send, const struct sk_buff *skb, int type, int code)
{
	struct wt_kernel_event *e = begin_packet(ctx, skb, WT_ICMP_SEND);
	if (!e)
		return 0;
	e->value = type;
	e->value2 = code;
	end(ctx, e);
	return 0;
}
