/* Programs at softirqs, of which those are kept in which something of ours happens. */

#define NET_TX 2	/* linux/interrupt.h */
#define NET_RX 3

SEC("tp_btf/softirq_raise")
int BPF_PROG(on_softirq_raise, unsigned int vector)
{
	struct wt_kernel_event *e;
	if ((vector != NET_RX && vector != NET_TX) || !current_is_traced(ctx))
		return 0;
	e = begin_in(bpf_get_current_task_btf(), WT_OF_TASK, WT_SOFTIRQ_RAISE);
	if (!e)
		return 0;
	e->value = (__s32)vector;
	end(ctx, e);
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(on_softirq_entry, unsigned int vector)
{
	__u32 zero = 0;
	struct softirq_state *running = bpf_map_lookup_elem(&softirqs, &zero);
	if (!running)
		return 0;
	running->entry_ns = bpf_ktime_get_ns();
	running->vector = vector + 1;
	running->written = 0;
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(on_softirq_exit, unsigned int vector)
{
	__u32 zero = 0;
	struct softirq_state *running = bpf_map_lookup_elem(&softirqs, &zero);
	struct wt_kernel_event *e;
	if (!running)
		return 0;
	if (running->written && (e = begin(ctx, WT_SOFTIRQ_EXIT))) {
		e->value = (__s32)vector;
		end(ctx, e);
	}
	running->vector = 0;
	running->written = 0;
	return 0;
}

SEC("tp_btf/napi_poll")
int BPF_PROG(on_napi_poll, struct napi_struct *napi, int work, int budget)
{
	__u32 zero = 0;
	struct softirq_state *running = bpf_map_lookup_elem(&softirqs, &zero);
	struct wt_kernel_event *e;
	if (!running || !running->written || !(e = begin(ctx, WT_NAPI_POLL)))
		return 0;
	put_device(e, napi->dev);
	e->value = work;
	e->value2 = budget;
	end(ctx, e);
	return 0;
}
