"""What the knowledge base cites, and what it must know because the kernel's headers name it."""

import re
from pathlib import Path

import pytest

from tests.conftest import require
from wiretale.explain.entry import Entry, SourceKind
from wiretale.explain.load import KnowledgeError, entries, source
from wiretale.explain.subjects import SUBJECTS

HERE = Path(__file__).parent
HEADERS = Path("/usr/include")
ALL: dict[str, Entry] = {name: entry for subject in SUBJECTS for name, entry in entries(subject).items()}
SPELLINGS = {spelling for entry in ALL.values() for spelling in (entry.name, *entry.aliases)}

# header -> names in it that must have an entry, and those of the same form that are no option, error, event or signal:
# values that an option takes, parts of structures, limits, what BPF programs may set.
NAMED = {
    "asm-generic/errno-base.h": ("E[A-Z0-9]+", "$^"),
    "asm-generic/errno.h": ("E[A-Z0-9]+", "$^"),
    "asm-generic/signal.h": ("SIG[A-Z0-9]+", "SIGLOST|SIGUNUSED|SIGRTM(IN|AX)|SIGSTKSZ"),
    "asm-generic/poll.h": ("POLL[A-Z]+", "POLLFREE"),
    "asm-generic/socket.h": ("SO_[A-Z0-9_]+", "$^"),
    "linux/in.h": (
        "(?:IP|MCAST)_[A-Z0-9_]+", "IP_PMTUDISC_.*|MCAST_(EXCLUDE|INCLUDE)|IP_DEFAULT_.*|IP_RECVRETOPTS",
    ),
    "linux/in6.h": (
        "IPV6_[A-Z0-9_]+",
        "IPV6_(FL|FLOWINFO|PRIORITY|TLV|PMTUDISC|PREFER)_.*|IPV6_USE_MIN_MTU",
    ),
    "linux/tcp.h": (
        "TCP_[A-Z0-9_]+",
        "TCP_(NLA|FLAG|CA|MSS)_.*|TCP_REPAIR_(ON|OFF.*)|TCP_MD5SIG_.+|TCP_RECEIVE_ZEROCOPY_FLAG_.*|TCP_RESERVED_BITS"
        "|TCP_DATA_OFFSET|TCP_(NO|RECV|SEND)_QUEUE|TCP_QUEUES_NR|TCPF?_AO_.*KEYF.*",
    ),
    "linux/udp.h": ("UDP_[A-Z0-9_]+", "UDP_ENCAP_.+"),
    "linux/eventpoll.h": ("EPOLL[A-Z]+", "EPOLLNVAL"),
}  # fmt: skip


def names_in(header: str) -> set[str]:
    """What a header defines, as macro or in an enumeration, of the form wanted."""
    form, other = NAMED[header]
    path = HEADERS / header
    require(path.exists(), f"the kernel's headers are installed ({path}): apt install linux-libc-dev")
    text = path.read_text(errors="replace")
    found = re.findall(rf"^\s*#\s*define\s+({form})\s+\S", text, re.MULTILINE)
    found += re.findall(rf"^\s*({form})\s*(?:=|,)", text, re.MULTILINE)
    return {name for name in found if not re.fullmatch(other, name)}


@pytest.mark.parametrize("header", NAMED)
def test_whatever_the_kernels_headers_name_has_an_entry(header):
    names = names_in(header)
    assert len(names) >= 5
    assert sorted(names - SPELLINGS) == []


def test_the_states_and_flags_of_tcp_have_entries():
    states = "CLOSED LISTEN SYN_SENT SYN_RECEIVED ESTABLISHED FIN_WAIT1 FIN_WAIT2 CLOSE_WAIT CLOSING LAST_ACK TIME_WAIT"
    assert set(entries("tcp-states")) == set(states.split())
    assert set(entries("tcp-flags")) == {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"}


def cited() -> dict[str, set[str]]:
    """Every source of the knowledge base, with the entries that name it."""
    found: dict[str, set[str]] = {}
    for entry in ALL.values():
        texts = (*entry.facts, *entry.pitfalls, *(case.why for case in entry.errors))
        for named in (*entry.sources, *(s for fact in texts for s in fact.sources)):
            found.setdefault(named.text, set()).add(entry.name)
    return found


def test_every_section_of_an_rfc_that_is_cited_was_looked_up():
    lines = (HERE / "rfc_sections.txt").read_text().splitlines()[1:]
    known = {" ".join(["RFC", *line.split(" ", 2)[:2]]) for line in lines}
    assert all(line.split(" ", 2)[2] for line in lines)
    assert {text for text in cited() if source(text).kind is SourceKind.RFC} == known


@pytest.mark.parametrize(
    "text",
    [
        "RFC 9293",
        "RFC9293 3.1",
        "tcp 7",
        "tcp(9)",
        "net/ipv4/tcp",
        "net/ipv4/tcp.c()",
        "https://example.org",
        "man tcp",
    ],
)
def test_what_has_not_the_form_of_a_source_is_refused(text):
    with pytest.raises(KnowledgeError):
        source(text)
