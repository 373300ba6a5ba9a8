import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiretale.explain.lookup import entry_named, find, index, near, normal
from wiretale.model.kernel_ring import KINDS


@pytest.mark.parametrize(("word", "name"), [
    ("SO_REUSEPORT", "SO_REUSEPORT"), ("so_reuseport", "SO_REUSEPORT"), ("reuseport", "SO_REUSEPORT"),
    ("CLOSE-WAIT", "CLOSE_WAIT"), ("close wait", "CLOSE_WAIT"), ("TCP_CLOSE_WAIT", "CLOSE_WAIT"),
    ("111", "ECONNREFUSED"), ("errno 111", "ECONNREFUSED"), ("-111", "ECONNREFUSED"), ("connrefused", "ECONNREFUSED"),
    ("EWOULDBLOCK", "EAGAIN"), ("11", "EAGAIN"), ("signal 13", "SIGPIPE"), ("SIG13", "SIGPIPE"), ("pipe", "pipe2"),
    ("connect", "connect"), ("connect()", "connect"), ("shutdown", "shutdown"), ("ACK", "ACK"), ("syn", "SYN"),
    ("close", "close"), ("CLOSED", "CLOSED"), ("listen", "listen"), ("LISTEN", "LISTEN"), ("send", "sendto"),
    ("EPOLLIN", "POLLIN"), ("SO_RCVTIMEO_NEW", "SO_RCVTIMEO"), ("keep-alive", "keep_alive"), ("peek", "MSG_PEEK"),
    ("backlog", "accept-queue"), ("SOL_TCP", "IPPROTO_TCP"), ("nodelay", "TCP_NODELAY"), ("reset", "RST"),
    ("inet_sock_set_state", "inet_sk_state_store"), ("kfree_skb", "sk_skb_reason_drop"), ("net_dev_xmit", "xmit_one"),
    ("sched:sched_switch", "__schedule"), ("dev_queue_xmit", "__dev_queue_xmit"), ("tcp_ack", "tcp_ack"),
    ("cwnd", "congestion-control"), ("rto", "retransmission-timeout"), ("INADDR_ANY", "wildcard-address"),
])  # fmt: skip
def test_a_word_is_found_however_it_is_written(word, name):
    found = entry_named(word)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(("word", "names"), [
    ("cork", {"TCP_CORK", "UDP_CORK"}), ("Listen", {"listen", "LISTEN"}), ("hup", {"POLLHUP", "SIGHUP"}),
])  # fmt: skip
def test_a_word_that_is_several_names_them_all(word, names):
    assert {reference.name for reference in find(word)} == names
    assert entry_named(word) is None


def test_unknown_words_find_nothing_but_what_is_near():
    assert find("SO_REUSEPROT") == ()
    assert near("SO_REUSEPROT")[0] == "SO_REUSEPORT"
    assert "TIME_WAIT" in near("timewait")
    assert "ETIMEDOUT" in near("timedout")
    assert near("demo.wiretale") == ()
    assert find("9999") == ()
    assert find("") == ()


def test_every_tracepoint_leads_to_the_function_that_passes_it():
    for kind in KINDS:
        name = kind.name.partition(":")[2]
        found = entry_named(name)
        assert found is not None, name
        assert found.name in (name, kind.where.partition(",")[0])


@given(st.text(max_size=20))
def test_any_text_is_answered(word):
    assert len(find(word)) <= 10
    assert len(near(word)) <= 4


@given(st.sampled_from(sorted(index().names)), st.data())
def test_case_and_separators_do_not_matter(name, data):
    spelled = "".join(
        data.draw(st.sampled_from("_- " if at else "_")) if c == "_" else data.draw(st.sampled_from([c.lower(), c]))
        for at, c in enumerate(name)
    )
    assert normal(spelled) == name
    assert set(find(spelled)) <= set(index().names[name])
    assert find(spelled)
