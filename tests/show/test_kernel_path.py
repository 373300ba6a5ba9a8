"""Where the time of a message went: only steps that were seen, and only what they prove."""

from wiretale.explain.kernel_way import spans
from wiretale.join.kernel_passing import PassedOn, passed_on
from wiretale.join.kernel_path import Did, KernelPath, PathCall, PathEvent
from wiretale.light import replace
from wiretale.show.kernel_path import path_lines

WRITER, READER = 100, 200
READY, WAKING, RUNS = "sock:sk_data_ready", "sched:sched_waking", "sched:sched_switch"
COPIED, RETURNED = "skb:skb_copy_datagram_iovec", "sock:sock_recv_length"


def event(
    time_ns: int, name: str, *, about: int | None = None, call: int | None = 1, answer: bool = False
) -> PathEvent:
    return PathEvent(
        time_ns, time_ns, 0, name, WRITER, "task", None, about, 0, 0, call, 4, 6, 1, 0x18, "lo", None, 6, None, None,
        None, None, None, None, 6, None, answer,
    )  # fmt: skip


def path(*events: PathEvent, comm: str = "nc") -> KernelPath:
    write = PathCall(1, "write", 3, WRITER, WRITER, comm, 0, 90, 6)
    read = PathCall(2, "read", 4, READER, READER, comm, 50, 99, 6)
    return KernelPath(write, 0, 6, [read], [], [4], list(events))


def spent(*events: PathEvent) -> list[tuple[int, str]]:
    return [(span.ns, span.what) for span in spans(path(*events))]


def test_a_woken_reader_waited_for_a_cpu_then_took_the_bytes() -> None:
    found = spent(
        event(10, "net:net_dev_queue"), event(15, "net:netif_receive_skb"), event(20, READY),
        event(22, WAKING, about=READER), event(40, RUNS, about=READER), event(70, COPIED, call=2),
    )  # fmt: skip
    assert [ns for ns, _ in found] == [10, 5, 5, 2, 18, 30, 70]
    assert found[4][1] == "until the woken reader had a CPU"  # as thread_state has it: from the waking on
    assert found[5][1] == "in the reader, until its call took them"


def test_a_reader_that_was_not_woken_by_the_bytes_did_not_wait_for_a_cpu() -> None:
    """It was made, or ran, later: the bytes lay in the queue."""
    found = spent(event(20, READY), event(40, RUNS, about=READER), event(70, COPIED, call=2))
    assert [what for _, what in found][1:2] == ["in the receive queue, until the reader's call took them"]
    before = spent(
        event(5, WAKING, about=READER), event(20, READY), event(40, RUNS, about=READER), event(70, COPIED, call=2)
    )
    assert not [what for _, what in before if "CPU" in what]


def test_a_packet_that_waited_for_its_neighbours_address_says_so() -> None:
    """What the other host learns from the question (from NONE to STALE) is no answer to it."""
    told = replace(event(5, "neigh:neigh_update"), value=0, value2=4)
    answered = replace(event(8, "neigh:neigh_update"), value=1, value2=2)
    found = spent(told, answered, event(10, "net:net_dev_queue"))
    assert [ns for ns, _ in found] == [8, 2, 10] and "neighbour" in found[0][1]
    assert "INCOMPLETE to REACHABLE" in "\n".join(path_lines(path(answered), color=False))


def test_another_threads_turn_and_the_answers_packets_are_no_step() -> None:
    found = spent(
        event(5, "net:net_dev_queue", answer=True), event(20, READY), event(22, WAKING, about=READER),
        event(30, RUNS, about=999), event(70, COPIED, call=2),
    )  # fmt: skip
    assert [ns for ns, _ in found] == [20, 2, 48, 70]


def test_a_datagram_counts_until_its_call_had_the_result() -> None:
    queued, returned = event(10, "net:net_dev_queue"), event(60, RETURNED, call=2)
    whole = (60, "in all, until the reader's call had them")
    assert spent(queued, event(20, READY), returned)[-2:] == [
        (40, "in the receive queue, until the reader's call had them"),
        whole,
    ]
    assert spent(queued, returned)[-2:] == [(50, "until the reader's call had them"), whole]


def test_bytes_that_were_not_seen_to_arrive_are_not_said_to_have() -> None:
    assert spent(event(10, "net:net_dev_queue"))[-1] == (10, "in all, as far as it was seen")
    assert spent() == []


def test_lost_bytes_wait_until_they_are_sent_again() -> None:
    dropped = replace(event(20, "skb:kfree_skb"), value=7)
    again = replace(event(60, "net:net_dev_queue"), context="softirq", softirq="TIMER", packet_number=5)
    way = path(event(10, "net:net_dev_queue"), event(15, "net:netif_receive_skb"), dropped)
    way.reasons = {"drop": {7: "NO_SOCKET"}}
    assert [s.what for s in spans(way)][2] == "in the receiving stack, until the packet was dropped (NO_SOCKET)"
    way.events += [again, replace(event(70, "net:netif_receive_skb"), packet_number=5), event(75, READY)]
    way.packets.append(5)
    assert [(s.ns, s.what) for s in spans(way)][2:5] == [
        (45, "lost, as the packet was dropped (NO_SOCKET), until a timer sent them again"),
        (10, "in the device, and until the deferred work took the packet"),
        (5, "in the receiving stack, until the socket's sleepers were told"),
    ]


def test_what_another_packet_does_at_its_socket_is_no_step_of_the_first() -> None:
    other = replace(event(17, "net:netif_receive_skb"), packet_number=9)
    found = spent(event(15, "net:netif_receive_skb"), other, event(20, READY), event(70, COPIED, call=2))
    assert [what for _, what in found if "told" in what] == []


def test_a_packet_that_is_passed_on_is_followed_and_nat_is_told() -> None:
    came = replace(event(20, "net:netif_receive_skb"), head=1, skb=2, source="a port 1", destination="b port 2")
    on = replace(came, event_id=30, time_ns=30, name="net:net_dev_queue", source="c port 1", interface="vb")
    way = path(event(10, "net:net_dev_queue"), came, on)
    way.passed_on = passed_on(way.events)
    assert [s.what for s in spans(way)][2] == "in IP, which passes the packet on, until it handed it to vb"
    (line,) = (x for x in path_lines(way, color=False) if "passes it on" in x)
    assert line.endswith("NAT: a port 1 -> b port 2 became c port 1 -> b port 2")
    answer = replace(on, source="b port 2", destination="a port 1")  # where the packet lay that it answers
    turn = replace(event(25, "irq:softirq_exit"), cpu=came.cpu)
    assert not passed_on([came, answer]) and not passed_on([came, turn, on])
    bridged = replace(on, value=1, source=came.source)
    assert passed_on([came, bridged]) == {30: PassedOn(by_bridge=True, was=None)}


def test_hostile_names_never_reach_the_terminal() -> None:
    lines = list(path_lines(path(event(10, READY), comm="n\x1b[2Jc"), color=False))
    assert not any("\x1b" in line for line in lines)


def test_bytes_that_left_after_their_call_had_returned_waited_in_the_senders_queue() -> None:
    let_go = replace(event(150, "net:net_dev_queue"), context="softirq", softirq="NET_RX")
    assert spent(let_go)[:2] == [
        (90, "in the sender's call, until it had put them into its queue and returned"),
        (60, "in the sender's queue, until a packet from the other end let it go"),
    ]
    timed = replace(let_go, softirq="TIMER")
    assert spent(timed)[1] == (60, "in the sender's queue, until a timer sent the packet")
    way = path(event(150, "net:net_dev_queue", call=7))
    way.calls[7] = "shutdown"
    assert [s.what for s in spans(way)][1] == "in the sender's queue, until shutdown() handed the packet to the device"
    assert "in shutdown() (call 7), thread 100, CPU 0" in list(path_lines(way, color=False))


def test_whoever_wakes_the_reader_later_does_not_do_it_for_the_bytes() -> None:
    other = replace(event(50, WAKING, about=READER), tid=300)
    found = spent(event(20, READY), event(30, "sock:sock_send_length"), other, event(70, COPIED, call=2))
    assert found[1] == (50, "in the receive queue, until the reader's call took them")
    late = spent(event(20, READY), event(30, "sock:sock_send_length"), event(40, WAKING, about=READER))
    assert [what for _, what in late if "woken" in what] == []


def test_what_met_its_connection_in_a_call_had_waited_for_the_socket() -> None:
    received = replace(event(15, "net:netif_receive_skb"), context="softirq", softirq="NET_RX")
    reached = event(35, "tcp:tcp_probe", call=9)
    assert spent(received, reached)[1] == (
        20,
        "in the socket's backlog, until the call that had it locked let go of it",
    )
    (line,) = (x for x in path_lines(path(received, reached), color=False) if "tcp_probe" in x)
    assert line.endswith("done late, for the backlog: what arrived while a call had the socket locked")
    polled = path(replace(received, context="task"), reached)  # a call took it from the device itself
    assert not any("backlog" in line for line in path_lines(polled, color=False))


def test_a_unix_socket_has_no_receiving_stack() -> None:
    way = path(event(20, READY))
    way.packets.clear()
    assert next(iter(spans(way))).what.startswith("in the sender's call, until they lay in the receiver's queue")
    assert "in no packet: they stayed in this machine's memory" in next(iter(path_lines(way, color=False)))


def test_bytes_that_were_put_to_those_of_an_earlier_packet_say_so() -> None:
    lines = list(path_lines(path(replace(event(70, COPIED, call=2), packet_number=3)), color=False))
    assert any("of packet 3" in line and "put into the same buffer" in line for line in lines)


def test_what_the_reader_did_while_its_bytes_lay_in_the_queue() -> None:
    way = path(event(20, READY), event(70, COPIED, call=2))
    way.did = [
        Did(READER, 0, 40, "blocked", "futex"), Did(READER, 40, 60, "runnable", "futex"),
        Did(READER, 60, 61, "running", None), Did(READER, 61, 80, "running", "read"),
        Did(WRITER, 0, 99, "running", None),
    ]  # fmt: skip
    queued = list(spans(way))[1]
    assert queued.parts == ((20, "it was blocked in futex()"), (20, "it waited for a CPU"), (9, "it ran in read()"))
    assert any("20 ns it waited for a CPU" in line for line in path_lines(way, color=False))


def test_each_line_says_which_packet_which_socket_and_what_was_copied_with_others() -> None:
    handshake = replace(event(5, "net:net_dev_queue"), flags=0x12, payload_bytes=0)
    cut = replace(event(6, "net:net_dev_queue"), payload_bytes=9000, captured_payload=1448)
    state = replace(event(7, "sock:inet_sock_set_state"), value=10, value2=3, own_port=8002)
    copied = replace(event(8, COPIED, call=2), value=9, payload_bytes=6)
    text = "\n".join(path_lines(path(handshake, cut, state, copied), color=False))
    assert "packet 4 (SYN, ACK, seq 1, no payload, lo)" in text
    assert "packet 4 (seq 1, 9000 bytes, lo; cut here (GSO), this is its first part)" in text
    assert "LISTEN to SYN-RECEIVED (of port 8002)" in text
    assert "9 bytes of packet 4 (seq 1, 6 bytes, lo); what arrived after that packet was put into the same" in text


def test_a_call_of_which_no_event_is_known_says_so() -> None:
    alone = KernelPath(PathCall(1, "accept4", 3, WRITER, WRITER, "nc", 0, 90, 6))
    assert "no recorded event of the kernel belongs to it" in "\n".join(path_lines(alone, color=False))
