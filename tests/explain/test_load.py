import pytest

from wiretale.explain.entry import Kind, Reader, SourceKind
from wiretale.explain.load import KnowledgeError, entries, one_entry, parse, source
from wiretale.explain.subjects import SUBJECTS

CALLS = SUBJECTS["connection-calls"]
GOOD = """
[connect]
aliases = ["connekt"]
meaning = "asks for a connection"
args.sockfd = "The socket."
returns = "0."
beginner = ["Simple. [tcp(7)]"]
facts = [
  \"\"\"
  Over
  two lines. [RFC 9293 3.5; net/ipv4/tcp.c tcp_close]\"\"\",
  "No source of its own, but [SYN] in brackets.",
]
engineer = ["Exact. [test_something]"]
see = ["bind"]
sources = ["connect(2)"]
[connect.errors.ECONNREFUSED]
why = "Nobody listens. [RFC 9293 3.10.7.1]"
do = "Start it."
"""


def test_an_entry_is_read_whole():
    entry = parse(CALLS, GOOD)["connect"]
    assert entry.kind is Kind.CALL
    assert entry.sentence == "connect asks for a connection."
    assert entry.argument("sockfd") == "The socket."
    assert entry.argument("flags") is None
    case = entry.error("ECONNREFUSED")
    assert case is not None
    assert (case.why.text, case.remedy) == ("Nobody listens.", "Start it.")
    assert entry.error("EBADF") is None
    assert [f.text for f in entry.facts_for(Reader.BEGINNER)] == [
        "Simple.", "Over two lines.", "No source of its own, but [SYN] in brackets.",
    ]  # fmt: skip
    assert [f.text for f in entry.facts_for(Reader.ENGINEER)][-1] == "Exact."


def test_an_entry_read_alone_is_the_one_of_the_whole_file():
    for subject in SUBJECTS:
        for name, entry in entries(subject).items():
            assert one_entry(subject, name) == entry


def test_a_fact_has_its_own_sources_or_those_of_the_entry():
    facts = parse(CALLS, GOOD)["connect"].facts
    assert [[s.text for s in f.sources] for f in facts] == [
        ["tcp(7)"], ["RFC 9293 3.5", "net/ipv4/tcp.c tcp_close"], ["connect(2)"], ["test_something"],
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), [
    ("tcp(7)", SourceKind.MANUAL), ("socket(7) SO_REUSEADDR", SourceKind.MANUAL), ("gai.conf(5)", SourceKind.MANUAL),
    ("RFC 9293 3.10.7.4", SourceKind.RFC), ("include/net/sock.h sk_acceptq_is_full", SourceKind.KERNEL),
    ("Documentation/networking/tls.rst", SourceKind.KERNEL), ("POSIX.1-2017 connect", SourceKind.STANDARD),
    ("Wireshark packet-tcp.c", SourceKind.WIRESHARK), ("test_x", SourceKind.MEASURED),
])  # fmt: skip
def test_sources_are_told_apart_by_their_form(text, kind):
    assert source(text).kind is kind


@pytest.mark.parametrize("text", ["", "RFC 9293", "somebody said so", "tcp", "Stevens", "net/ipv4/tcp.c()"])
def test_what_is_no_source_is_refused(text):
    with pytest.raises(KnowledgeError):
        source(text)


@pytest.mark.parametrize(("old", "new"), [
    ('sources = ["connect(2)"]', ""),  # no source
    ('returns = "0."', "returns = 0"),  # wrong type
    ('returns = "0."', 'retruns = "0."'),  # a key nobody reads
    ('see = ["bind"]', 'see = "bind"'),
    ('do = "Start it."', 'todo = "Start it."'),
    ("[tcp(7)]", "[somewhere]"),
    ('meaning = "asks for a connection"', ""),
    ("[connect]", "connect = 1\n[connectt]"),
])  # fmt: skip
def test_a_wrong_file_is_refused(old, new):
    assert old in GOOD
    with pytest.raises(KnowledgeError):
        parse(
            CALLS,
            GOOD.replace(old, new).replace("[connect.errors", "[connect.errors" if "tt]" not in new else "[x.errors"),
        )
