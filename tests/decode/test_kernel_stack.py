"""Where the work for an event ends on a stack: a bystander that was interrupted is never blamed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.decode.kernel_stack import divide, plain_name

TRACING = "bpf_prog_0123_on_x bpf_trace_run1 __traceiter_x"
WRITE = (
    "__dev_queue_xmit ip_finish_output2 ip_output __ip_queue_xmit __tcp_transmit_skb tcp_write_xmit"
    " __tcp_push_pending_frames tcp_sendmsg_locked tcp_sendmsg sock_write_iter vfs_write ksys_write do_syscall_64"
)
RECEIVE = (
    "tcp_rcv_established tcp_v4_do_rcv tcp_v4_rcv ip_protocol_deliver_rcu ip_local_deliver_finish"
    " __netif_receive_skb_one_core process_backlog __napi_poll net_rx_action"
)
INLINE = "handle_softirqs do_softirq.part.0 __local_bh_enable_ip"
IRQ = "common_interrupt asm_common_interrupt"
TIMER = "sysvec_apic_timer_interrupt asm_sysvec_apic_timer_interrupt"
VICTIM = "ext4_create path_openat do_syscall_64"


def divided(*parts: tuple[str, str]) -> tuple[str, bool]:
    """The context and backlog of a stack of these parts; they must be found where they are."""
    names = [(name, part) for part, text in parts for name in text.split()]
    found = divide([name for name, _ in names])
    assert list(found.parts) == [part for _, part in names]
    return found.context, found.backlog


def test_a_calls_own_work() -> None:
    assert divided(("tracing", TRACING), ("work", WRITE)) == ("task", False)


def test_what_waited_for_the_locked_socket_is_named() -> None:
    late = "tcp_rcv_established tcp_v4_do_rcv __release_sock release_sock tcp_sendmsg do_syscall_64"
    assert divided(("tracing", TRACING), ("work", late)) == ("task", True)


def test_a_softirq_that_the_sender_runs_has_the_send_as_caller() -> None:
    parts = (("tracing", TRACING), ("work", RECEIVE), ("entry", INLINE), ("caller", WRITE))
    assert divided(*parts) == ("softirq in a call", False)


def test_backlog_of_the_caller_is_not_that_of_the_softirq() -> None:
    parts = (("work", RECEIVE), ("entry", INLINE), ("caller", f"__dev_queue_xmit __release_sock {WRITE}"))
    assert divided(*parts) == ("softirq in a call", False)


@pytest.mark.parametrize("irq", [IRQ, TIMER])
def test_whoever_was_interrupted_is_not_blamed(irq: str) -> None:
    entry = f"handle_softirqs __irq_exit_rcu {irq}"
    parts = (("tracing", TRACING), ("work", RECEIVE), ("entry", entry), ("interrupted", VICTIM))
    assert divided(*parts) == ("softirq after an interrupt", False)
    # even if the bystander was itself about to send, or ran another softirq
    other = (("work", RECEIVE), ("entry", entry), ("interrupted", f"{INLINE} {WRITE}"))
    assert divided(*other) == ("softirq after an interrupt", False)


def test_an_interrupt_in_the_middle_of_a_softirq_has_its_own_work_only() -> None:
    waking = "ttwu_do_activate sched_ttwu_pending __flush_smp_call_function_queue"
    entry = "sysvec_call_function_single asm_sysvec_call_function_single"
    parts = (("work", waking), ("entry", entry), ("interrupted", f"{RECEIVE} {INLINE} {WRITE}"))
    assert divided(*parts) == ("interrupt", False)


def test_a_caller_that_runs_in_an_interrupt_ends_there() -> None:
    parts = (("work", RECEIVE), ("entry", INLINE), ("caller", "__dev_queue_xmit"), ("interrupted", f"{IRQ} {VICTIM}"))
    assert divided(*parts)[0] == "softirq in a call"


def test_the_softirq_thread() -> None:
    entry = "handle_softirqs run_ksoftirqd smpboot_thread_fn kthread ret_from_fork ret_from_fork_asm"
    assert divided(("work", RECEIVE), ("entry", entry)) == ("softirq thread", False)


def test_a_preempted_thread_switches_in_its_own_name() -> None:
    names = f"__schedule preempt_schedule_irq irqentry_exit {TIMER} {WRITE}"
    assert divided(("tracing", TRACING), ("work", names)) == ("task", False)


def test_a_page_fault_is_the_threads_own() -> None:
    assert divided(("work", f"__wake_up asm_exc_page_fault {WRITE}")) == ("task", False)


def test_arm64_and_kernels_before_handle_softirqs() -> None:
    inline = "__do_softirq ____do_softirq call_on_irq_stack do_softirq_own_stack do_softirq __local_bh_enable_ip"
    assert divided(("work", RECEIVE), ("entry", inline), ("caller", WRITE))[0] == "softirq in a call"
    entry = "__do_softirq irq_exit_rcu el1_interrupt el1h_64_irq_handler el1h_64_irq"
    found = divided(("work", RECEIVE), ("entry", entry), ("interrupted", VICTIM))
    assert found[0] == "softirq after an interrupt"


def test_idle_and_threads_of_the_kernel() -> None:
    assert divided(("work", "ttwu_do_activate flush_smp_call_function_queue do_idle cpu_startup_entry"))[0] == "idle"
    assert divided(("work", "__wake_up worker_thread kthread ret_from_fork"))[0] == "kernel thread"


def test_without_names_nothing_is_said() -> None:
    assert divide([None] * 3).context == "unknown"


def test_what_the_compiler_adds_to_names() -> None:
    assert plain_name("do_softirq.part.0") == "do_softirq"
    assert plain_name("__netif_receive_skb_core.constprop.0.isra.0") == "__netif_receive_skb_core"


KNOWN = f"{TRACING} {RECEIVE} {INLINE} {IRQ} {TIMER} run_ksoftirqd".split()
NAMES = st.one_of(st.none(), st.sampled_from(KNOWN), st.text())
ORDER = ("tracing", "work", "entry", "caller", "interrupted")


@given(st.lists(NAMES, max_size=40))
def test_every_frame_has_a_part_and_parts_come_in_order(names: list[str | None]) -> None:
    found = divide(names)
    places = [ORDER.index(part) for part in found.parts]
    assert len(places) == len(names) and places == sorted(places)


@given(st.lists(st.sampled_from(f"{RECEIVE} {WRITE} {INLINE}".split()), max_size=20), st.sampled_from([IRQ, TIMER]))
def test_nothing_under_an_interrupt_is_work_or_caller(names: list[str], irq: str) -> None:
    """The innermost function of a softirq is never __schedule: nobody is switched there."""
    found = divide([*names, *irq.split(), *VICTIM.split()])
    assert set(found.parts[len(names) + 2 :]) == {"interrupted"}
