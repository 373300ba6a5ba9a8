"""Folded stacks and the functions entered at each step: of values, without a kernel."""

from collections.abc import Sequence

from tests.show.test_kernel_path import READER, WRITER, event, path
from wiretale.explain.folded import of_way
from wiretale.explain.kernel_functions import passed, why_there
from wiretale.join.kernel_path import KernelPath, PathEvent
from wiretale.join.kernel_stacks import Frame, Stack
from wiretale.light import replace

SEND = ("do_syscall_64", "tcp_sendmsg", "__dev_queue_xmit")
RECEIVE = ("net_rx_action", "tcp_v4_rcv")
ENTRY = ("__local_bh_enable_ip", "handle_softirqs")


def stack(number: int, context: str, *parts: tuple[str, Sequence[str]], backlog: bool = False) -> Stack:
    """Parts and functions with the outermost first."""
    frames = [Frame(name, part, None, 1) for part, names in parts for name in names]
    return Stack(number, context, backlog, False, frames[::-1])


def way(*events: PathEvent, stacks: Sequence[Stack], caused: Sequence[int] = (), comm: str = "nc") -> KernelPath:
    found = path(*events)
    found.threads = {WRITER: f"{comm} {WRITER}", READER: f"{comm} {READER}"}
    found.stacks = {s.stack_id: s for s in stacks}
    found.caused = set(caused)
    return found


TASK = stack(1, "task", ("work", SEND))
INLINE = stack(2, "softirq in a call", ("caller", SEND), ("entry", ENTRY), ("work", RECEIVE))
VICTIM = stack(
    3,
    "softirq after an interrupt",
    ("interrupted", ("ext4_create",)),
    ("entry", ("handle_softirqs",)),
    ("work", RECEIVE),
)
QUEUED = replace(event(10, "net:net_dev_queue"), stack_id=1)


def received(stack_id: int) -> PathEvent:
    return replace(event(25, "net:netif_receive_skb"), context="softirq", softirq="NET_RX", stack_id=stack_id)


def names(found: KernelPath, event_id: int) -> list[str | None]:
    return [frame.function for frame in passed(found)[event_id].entered]


def test_a_softirq_of_the_call_goes_on_where_the_call_was() -> None:
    found = way(QUEUED, received(2), stacks=[TASK, INLINE], caused=[25])
    assert names(found, 10) == list(SEND)
    assert names(found, 25) == [*ENTRY, *RECEIVE]
    assert why_there(found, found.events[1]).startswith("its own call sent the packet")
    assert of_way(found) == {
        f"nc 100;task;{';'.join(SEND)}": 10,
        f"nc 100;softirq in a call;{';'.join((*SEND, *ENTRY, *RECEIVE))}": 15,
    }


def test_a_call_that_is_not_proven_to_be_the_cause_is_not_shown() -> None:
    found = way(QUEUED, received(2), stacks=[TASK, INLINE])
    assert names(found, 25) == list(RECEIVE)
    assert "not known to be the cause" in why_there(found, found.events[1])
    assert of_way(found)[f"kernel;softirq NET_RX in a call;{';'.join(RECEIVE)}"] == 15


def test_whoever_was_interrupted_is_never_shown() -> None:
    """Not even if its own call sent other packets."""
    found = way(QUEUED, received(3), stacks=[TASK, VICTIM], caused=[25])
    assert "ext4_create" not in names(found, 25)
    assert "nothing to do with this" in why_there(found, found.events[1])
    assert not [line for line in of_way(found) if "ext4_create" in line]


def test_the_entry_of_a_softirq_is_told_by_what_follows_in_it() -> None:
    entry = replace(event(20, "irq:softirq_entry"), context="softirq", softirq="NET_RX")
    found = way(QUEUED, entry, received(3), stacks=[TASK, VICTIM])
    assert "nothing to do with this" in why_there(found, entry)
    assert why_there(way(QUEUED, entry, stacks=[TASK]), entry) == ""


def test_the_entry_of_a_softirq_stands_under_what_follows_in_it() -> None:
    entry = replace(event(20, "irq:softirq_entry"), context="softirq", softirq="NET_RX")
    begun = (*SEND, *ENTRY[: ENTRY.index("handle_softirqs") + 1])
    caused = of_way(way(QUEUED, entry, received(2), stacks=[TASK, INLINE], caused=[20, 25]))
    assert caused[f"nc 100;softirq in a call;{';'.join(begun)}"] == 10
    other = of_way(way(QUEUED, entry, received(3), stacks=[TASK, VICTIM], caused=[20, 25]))
    assert other["kernel;softirq NET_RX after an interrupt;handle_softirqs"] == 10


def test_a_step_that_entered_nothing_has_the_innermost_function() -> None:
    found = way(QUEUED, replace(QUEUED, event_id=12, time_ns=12), stacks=[TASK])
    assert names(found, 12) == ["__dev_queue_xmit"]


def test_what_was_done_for_the_backlog_is_said() -> None:
    late = stack(4, "task", ("work", ("do_syscall_64", "tcp_sendmsg", "__release_sock")), backlog=True)
    found = way(QUEUED, replace(event(30, "tcp:tcp_probe"), stack_id=4), stacks=[TASK, late])
    assert "backlog" in passed(found)[30].note and not passed(found)[10].note


def test_names_from_outside_cannot_break_a_line() -> None:
    found = way(QUEUED, stacks=[TASK], comm="a;b 1\nc\x1b[31m")
    (line,) = of_way(found)
    assert line.count(";") == 1 + len(SEND) and line.isprintable()


def test_a_wait_for_a_cpu_is_nobodys_work() -> None:
    found = way(QUEUED, replace(event(40, "sched:sched_switch", about=READER), tid=999), stacks=[TASK])
    assert of_way(found)["kernel;waiting for a CPU;__schedule"] == 30


def test_the_kernels_own_threads_are_the_kernel() -> None:
    worker = stack(5, "kernel thread", ("work", ("kthread", "__wake_up")))
    found = way(replace(QUEUED, stack_id=5), stacks=[worker])
    assert of_way(found) == {"kernel;kernel thread;kthread;__wake_up": 10}


def test_the_end_of_a_softirq_is_the_function_that_does_softirqs() -> None:
    ended = stack(6, "softirq in a call", ("caller", SEND), ("entry", ENTRY))
    found = way(replace(received(6), name="irq:softirq_exit"), stacks=[ended])
    assert of_way(found) == {"kernel;softirq NET_RX in a call;handle_softirqs": 25}
