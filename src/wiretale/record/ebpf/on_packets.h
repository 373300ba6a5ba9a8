/* Programs at what happens to packets in devices, queues and the ways between them. */

#define PACKET_EVENT(name, kind_of) \
SEC("tp_btf/" #name) \
int BPF_PROG(on_##name, struct sk_buff *skb) \
{ \
	struct wt_kernel_event *e = begin_packet(ctx, skb, kind_of); \
	if (e) \
		end(ctx, e); \
	return 0; \
}

PACKET_EVENT(net_dev_start_xmit, WT_NET_DEV_START_XMIT)
PACKET_EVENT(netif_rx, WT_NETIF_RX)
PACKET_EVENT(napi_gro_receive_entry, WT_NAPI_GRO_RECEIVE)
PACKET_EVENT(netif_receive_skb, WT_NETIF_RECEIVE_SKB)
PACKET_EVENT(consume_skb, WT_CONSUME_SKB)

SEC("tp_btf/net_dev_queue")
int BPF_PROG(on_net_dev_queue, struct sk_buff *skb)
{
	struct wt_kernel_event *e = begin_packet(ctx, skb, WT_NET_DEV_QUEUE);
	struct net_device *device = skb->dev;
	if (!e)
		return 0;
	e->value = (BPF_CORE_READ_BITFIELD_PROBED(device, priv_flags) &
		    bpf_core_enum_value(enum netdev_priv_flags, IFF_BRIDGE_PORT)) != 0;
	end(ctx, e);
	return 0;
}

/* After the driver took it the packet may be gone already; only what the tracepoint itself gives is certain. */
SEC("tp_btf/net_dev_xmit")
int BPF_PROG(on_net_dev_xmit, struct sk_buff *skb, int result, struct net_device *dev, unsigned int bytes)
{
	struct wt_kernel_event *e;
	if (!current_is_traced(ctx))
		return 0;
	e = begin_in(bpf_get_current_task_btf(), WT_OF_TASK, WT_NET_DEV_XMIT);
	if (!e)
		return 0;
	e->skb = (__u64)skb;
	put_device(e, dev);
	e->bytes = bytes;
	e->value = result;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/qdisc_enqueue")
int BPF_PROG(on_qdisc_enqueue, struct Qdisc *qdisc, const struct netdev_queue *queue, struct sk_buff *skb)
{
	struct wt_kernel_event *e = begin_packet(ctx, skb, WT_QDISC_ENQUEUE);
	if (e)
		end(ctx, e);
	return 0;
}

SEC("tp_btf/qdisc_dequeue")
int BPF_PROG(on_qdisc_dequeue, struct Qdisc *qdisc, const struct netdev_queue *queue, int packets, struct sk_buff *skb)
{
	struct wt_kernel_event *e;
	if (!skb || !(e = begin_packet(ctx, skb, WT_QDISC_DEQUEUE)))
		return 0;
	e->value = packets;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_kfree_skb, struct sk_buff *skb, void *location)
{
	struct wt_kernel_event *e = begin_packet(ctx, skb, WT_KFREE_SKB);
	if (!e)
		return 0;
	e->location = (__u64)location;
	if (bpf_core_field_exists(struct trace_event_raw_kfree_skb, reason))	/* Linux 5.17 */
		e->value = (__s32)ctx[2];
	end(ctx, e);
	return 0;
}

SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(on_skb_copy_datagram_iovec, const struct sk_buff *skb, int bytes)
{
	struct wt_kernel_event *e;
	struct headers h;
	if (!current_is_traced(ctx))
		return 0;
	e = begin_in(bpf_get_current_task_btf(), WT_OF_TASK, WT_SKB_COPY_DATAGRAM);
	if (!e)
		return 0;
	read_headers(skb, &h);
	put_packet(e, skb, &h);
	e->value = bytes;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/neigh_update")
int BPF_PROG(on_neigh_update, struct neighbour *neighbour, const __u8 *address, __u8 state)
{
	struct wt_kernel_event *e;
	if (!is_traced(bpf_get_current_pid_tgid() >> 32))
		return 0;
	e = begin(ctx, WT_NEIGH_UPDATE);
	if (!e)
		return 0;
	put_device(e, neighbour->dev);
	e->value = neighbour->nud_state;
	e->value2 = state;
	end(ctx, e);
	return 0;
}
