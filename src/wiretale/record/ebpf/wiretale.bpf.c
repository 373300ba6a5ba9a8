/*
 * What the kernel does for the traced tasks: BTF tracepoints only, so that it loads without kprobes or fentry.
 *
 * Which events are kept is decided here, by task and by socket, never by the name of whatever ran: the receive path of
 * one process runs on loopback inside another's write(), or in any bystander's softirq.
 *   - A task is traced if the recorder forked it, if it was named in `tasks`, or if a traced task forked it.
 *   - A socket is followed from the call that made it or, of a task that was attached, from then on. Its local port is
 *     remembered, so that packets for it and sockets made from it (a listener's children) are followed before any task
 *     has them.
 */
#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "wiretale.bpf.h"
#include "maps.h"
#include "events_maps.h"
#include "events_tasks.h"
#include "events_buffer.h"
#include "events_sockets.h"
#include "events_packets.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#include "on_descriptors.h"
#include "on_tasks.h"
#include "on_softirqs.h"
#include "on_packets.h"
#include "on_sockets.h"
