"""The data files: complete, consistent, and with their sources. What they say of the kernel is tested in test_binding,
test_connecting, test_ending and test_moving."""

import re
from pathlib import Path

import pytest

from wiretale.decode.constants.tables import ERRORS, TABLES
from wiretale.decode.syscalls import CALLS, call_spec
from wiretale.decode.syscalls.spec import Effect
from wiretale.explain.entry import Entry, Fact, Kind, SourceKind
from wiretale.explain.load import entries, raw_text
from wiretale.explain.lookup import index, references
from wiretale.explain.subjects import SUBJECTS, numbers
from wiretale.model.kernel_ring import KINDS

HERE = Path(__file__).parent
ALL: dict[str, Entry] = {name: entry for subject in SUBJECTS for name, entry in entries(subject).items()}
SPELLINGS = {spelling for entry in ALL.values() for spelling in (entry.name, *entry.aliases)}

# Calls beside those of Effect.NETWORK that a network program makes on its descriptors.
NEIGHBOURS = frozenset(
    re.findall(
        r"\w+",
        """
read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 sendfile splice tee vmsplice copy_file_range
close close_range dup dup2 dup3 fcntl ioctl pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl
epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime io_uring_setup
io_uring_enter pidfd_getfd fork vfork clone clone3 execve execveat exit exit_group wait4 waitid kill rt_sigaction
rt_sigprocmask restart_syscall open openat
""",
    )
)

# Tables of which every name must be explained.
COMPLETE = {
    "socket-options": ("so",), "ip-options": ("ip",), "tcp-options": ("tcp",), "udp-options": ("udp",),
    "message-flags": ("msg",), "events": ("poll", "epoll"), "tcp-states": ("tcp_state",),
    "socket-constants": ("shutdown", "socket_kind", "socket_flags", "scm"),
    "descriptor-constants": ("eventfd", "splice", "epoll_ctl", "fd_flags"),
}  # fmt: skip

# Phrases that say something false about Linux, however they are meant.
FALSE = (
    r"accept\w*\(?\)? (?:is woken|wakes|returns) (?:by|when|on) the SYN\b",
    r"SYN wakes accept",
    r"packet event's process is the receiver",
    r"net_dev_xmit",
)


def texts(entry: Entry) -> list[Fact]:
    return [*entry.facts, *entry.pitfalls, *(case.why for case in entry.errors)]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_index_read_without_parsing_is_that_of_the_parsed_file(subject):
    assert [(r.name, aliases) for r, aliases in references(subject)] == [
        (e.name, e.aliases) for e in entries(subject).values()
    ]


def test_every_network_call_is_explained():
    wanted = {name for name, call in CALLS.items() if Effect.NETWORK in call.effects} | NEIGHBOURS
    calls = {s for e in ALL.values() if e.kind is Kind.CALL for s in (e.name, *e.aliases)}
    assert wanted - calls == set()


def test_arguments_have_the_names_that_show_prints_and_all_are_explained():
    for entry in ALL.values():
        if entry.kind is Kind.CALL:
            spec = call_spec(entry.name)
            assert spec is not None, entry.name
            assert [a.name for a in entry.arguments] == [a.name for a in spec.args], entry.name
            assert entry.returns, entry.name
        else:
            assert not entry.arguments and not entry.returns and not entry.errors, entry.name


@pytest.mark.parametrize(("subject", "tables"), COMPLETE.items())
def test_every_constant_of_these_tables_is_explained(subject, tables):
    have = {s for e in entries(subject).values() for s in (e.name, *e.aliases)}
    assert {name for table in tables for name in TABLES[table].values()} - have == set()


def test_every_option_of_ipv6_is_explained():
    assert set(TABLES["ipv6"].values()) - SPELLINGS == set()


def test_options_and_flags_are_those_of_the_tables():
    own_names = {"TCP_NEW_SYN_RECV", "TCP_REPAIR_QUEUE", "IPV6_FLOWLABEL_MGR", "IPV6_FLOWINFO_SEND"}
    for subject in SUBJECTS.values():
        if subject.kind in (Kind.OPTION, Kind.MESSAGE_FLAG, Kind.EVENT):
            for entry in entries(subject.name).values():
                known = numbers(subject, (entry.name, *entry.aliases))
                assert known or entry.name in own_names, entry.name


def test_errors_that_calls_name_are_explained_and_exist():
    names = {row[0] for row in ERRORS.values()}
    errors = set(entries("errors"))
    assert errors <= names
    assert {case.error for entry in ALL.values() for case in entry.errors} <= errors
    assert set(entries("signals")) <= set(TABLES["signal"].values())


def test_errors_come_with_a_remedy():
    assert [f"{e.name} {c.error}" for e in ALL.values() for c in e.errors if not c.remedy.endswith(".")] == []


def test_see_also_leads_to_other_entries():
    for entry in ALL.values():
        assert set(entry.see) <= set(ALL), entry.name
        assert entry.name not in entry.see
        assert len(set(entry.see)) == len(entry.see), entry.name
        assert entry.see or entry.kind in (Kind.CALL, Kind.FUNCTION), entry.name


def test_the_kernels_functions_are_known_with_their_place_and_their_time():
    functions = [entry for entry in ALL.values() if entry.kind is Kind.FUNCTION]
    assert len(functions) >= 150
    for entry in functions:
        assert [source.text.split()[-1] for source in entry.sources] == [entry.name]
        assert entry.facts[0].text.startswith("It runs "), entry.name
    places = {entry.name: entry.sources[0].text.split()[0] for entry in functions}
    for kind in KINDS:  # the functions in which tracepoints are
        name, _, file = kind.where.partition(", ")
        assert places.get(name) == file, kind.name


def test_no_two_entries_answer_to_one_name():
    for spelling, found in index().names.items():
        assert len(found) == 1 or spelling == "LISTEN", found  # listen is the call, LISTEN the state
    for spelling, found in index().aliases.items():
        assert len(found) == 1, found
        assert spelling not in index().names, found


def test_a_meaning_continues_a_sentence_that_begins_with_the_name():
    for entry in ALL.values():
        assert re.fullmatch(r"[a-z].{10,150}[^.\s]", entry.meaning), entry.sentence


def test_texts_are_whole_sentences():
    for entry in ALL.values():
        for fact in texts(entry):
            assert fact.text[-1] in ".?:'" and fact.text[-2:] != ".'", (entry.name, fact.text)


def test_nothing_known_to_be_false_is_said():
    for subject in SUBJECTS:
        for phrase in FALSE:
            assert not re.search(phrase, " ".join(raw_text(subject).split())), (subject, phrase)


def test_every_measured_source_is_a_test_that_exists():
    made = {
        m for file in HERE.glob("test_*.py") for m in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    named = {
        source.text
        for entry in ALL.values()
        for sources in (entry.sources, *(fact.sources for fact in texts(entry)))
        for source in sources
        if source.kind is SourceKind.MEASURED
    }
    assert named - made == set()
    assert len(named) > 50


def test_the_files_read_well_in_a_diff():
    for subject in SUBJECTS:
        long = [line for line in raw_text(subject).splitlines() if len(line) > 120]
        assert [line for line in long if not line.startswith("aliases")] == []


@pytest.mark.parametrize(("word", "said"), [
    ("SO_REUSEADDR", "both must have it"), ("SO_REUSEPORT", "same effective user"),
    ("listen", "dropped without an answer"),
    ("accept4", "itself still waits"), ("EINPROGRESS", "0 is success"), ("POLLHUP", "peer's FIN alone does not"),
    ("TIME_WAIT", "closed first"), ("CLOSE_WAIT", "leak in the application"), ("close", "bytes were never read"),
    ("SIGPIPE", "from the write after the RST"), ("keep_alive", "probe of a zero window"), ("accept", "not the SYN"),
    ("handshake", "not the SYN"), ("sendto", "one call is one datagram"), ("nagle", "40 ms"),
])  # fmt: skip
def test_the_points_people_get_wrong_are_made(word, said):
    assert said in " ".join(fact.text for fact in texts(ALL[word]))
