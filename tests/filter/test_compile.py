# ruff: noqa: E501 (tables of filters)
import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.filter.frames import frames, imported
from tests.show.synthetic import make
from wiretale.errors import UsageFault
from wiretale.filter.compile import compile_filter
from wiretale.filter.condition import NEVER, Filter
from wiretale.filter.events import TIME, EventKind
from wiretale.filter.fields import FIELDS
from wiretale.filter.select import selecting
from wiretale.filter.tables import with_all_tables
from wiretale.filter.types import BYTES_LIKE, FieldType
from wiretale.model.tables import TABLES
from wiretale.store.capture import open_capture


def run(db: duckdb.DuckDBPyConnection, compiled: Filter, kind: EventKind, select: str) -> list[object]:
    sql, parameters = selecting(compiled, kind, f"{select}, {TIME[kind]} AS sort_ns")
    return [row[0] for row in db.execute(f"{sql} ORDER BY sort_ns", parameters).fetchall()]


@pytest.fixture(scope="module")
def empty():
    db = duckdb.connect()
    for table in TABLES:
        db.execute(table.ddl)
    yield db
    db.close()


@pytest.fixture(scope="module")
def packets_of_all_kinds(tmp_path_factory):
    with open_capture(imported(frames(), tmp_path_factory.mktemp("kinds"))) as db:
        yield with_all_tables(db)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    with open_capture(make(tmp_path_factory.mktemp("filter") / "c.wiretale")) as db:
        yield db


def calls(db, text):
    return run(db, compile_filter(text), EventKind.CALL, "c.name")


def packets(db, text):
    return run(db, compile_filter(f"({text}) and frame.number > 0"), EventKind.PACKET, "p.number")


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f.name)
def test_every_fields_sql_runs_in_every_test(empty, packets_of_all_kinds, field):
    texts = [field.name, f"not {field.name}"]
    value = {
        FieldType.NUMBER: "5", FieldType.BOOLEAN: "1", FieldType.TEXT: '"x"', FieldType.BYTES: "de:ad",
        FieldType.PROTOCOL: "de:ad", FieldType.ETHER: "02:00:00:00:00:01", FieldType.IPV4: "10.0.0.0/9",
        FieldType.IPV6: "fe80::/10", FieldType.ADDRESS: "10.1.2.3", FieldType.DURATION: "1ms",
        FieldType.TIME: '"2026-11-25 04:15:16"', FieldType.ERROR: "ECONNREFUSED", FieldType.LABEL: "",
    }[field.type]  # fmt: skip
    if value:
        texts += [f"{field.name} {sign} {value}" for sign in ("==", "!=", "===", "!==", "<", ">=")]
        texts += [f"{field.name} in {{{value}}}", f"all {field.name} == {value}", f"{value} == {field.name}"]
        texts += [f"count({field.name}) > 1", f"{field.name} == {field.name}", f"len({field.name}) > 2"]
    if field.type in (FieldType.TEXT, *BYTES_LIKE):
        texts += [f'{field.name} contains "x"', f'{field.name} matches "^x+$"', f"{field.name}[0:2,-1:] == 61:62:63"]
    if field.type in (FieldType.NUMBER, FieldType.ERROR):
        texts += [
            f"{field.name} + 1 > 2",
            f"{field.name} & 3",
            f"max({field.name}, 7) > 8",
            f'string({field.name}) == "5"',
        ]
    compiled = compile_filter(" or ".join(f"({text})" for text in texts))
    for kind in EventKind:
        if compiled.conditions[kind] != NEVER:
            assert run(empty, compiled, kind, "1") == []
            run(packets_of_all_kinds, compiled, kind, "1")


WORDS = st.sampled_from(
    ["tcp.port", "ip.addr", "call.name", "payload", "fd", "==", "!=", "===", "<", ">=", "contains", "matches", "in",
     "{", "}", "(", ")", "and", "or", "xor", "not", "!", "&&", "||", "1", "0x2", '"a"', "..", ",", "127.0.0.0/8", "1ms",
     "tcp", "&", "'", '"', "ECONNREFUSED", "+", "-", "*", "/", "%", "[", "]", "0:2", "-3:", "#", "2", "@", "any", "all", "len",
     "count", "max", "string", "lower", "frame.time", '"2026-11-25"', "aa:bb", "tcp.option_kind", "link.packet",
     "tcp.flags.syn", "eth.addr", "::1", "proc.name", "frame.time_relative", "1.5", "'x'"]
)  # fmt: skip


@settings(deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=16).map(" ".join)))
def test_any_text_gives_runnable_sql_or_a_usage_fault(empty, text):
    try:
        compiled = compile_filter(text)
    except UsageFault as fault:
        assert fault.message
        return
    for kind in EventKind:
        assert run(empty, compiled, kind, "1") == []


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda t: '"' not in t and "\\" not in t))
def test_values_never_reach_the_sql_text(text):
    compiled = compile_filter(f'proc.name == "{text}"')
    condition = compiled.conditions[EventKind.CALL]
    assert condition.parameters == (text,)
    assert "?" in condition.sql
    other = compile_filter('proc.name == "another"').conditions[EventKind.CALL]
    assert condition.sql == other.sql


def test_ports_select_packets_of_either_end(capture):
    assert packets(capture, "tcp.srcport == 4000") == [2, 5]
    assert packets(capture, "tcp.dstport == 4000") == [1, 3, 4]
    assert packets(capture, "tcp.srcport == 4000 || tcp.srcport == 4444") == [1, 2, 3, 4, 5]
    assert packets(capture, "tcp.port == 0xfa0") == [1, 2, 3, 4, 5]
    assert packets(capture, "udp.port == 4000") == []


def test_a_call_has_the_ports_of_its_connection(capture):
    assert calls(capture, 'tcp.port == 4000 && call.name == "write"') == ["write"]
    assert calls(capture, "tcp.srcport == 4444 and call.name in {write read connect}") == ["connect", "write"]
    assert calls(capture, "tcp.srcport == 4000 and call.name in {write read connect}") == ["read"]
    assert calls(capture, "ip.addr == 127.0.0.0/8 and call.name == write") == ["write"]
    assert calls(capture, "ip.addr == 10.0.0.0/8") == []


def test_calls_of_a_listener_belong_to_the_connections_it_accepted(capture):
    assert calls(capture, "connection == 1 and fd == 3 and proc.pid == 4019") == ["bind", "listen", "accept4"]


def test_a_wait_belongs_to_the_connection_it_waited_for(capture):
    assert calls(capture, "tcp.port == 4444 and call.name == poll") == ["poll"]


def test_not_equal_needs_the_field_and_every_value_to_differ(capture):
    # wireshark-filter(4): != means all values differ, and an absent field does not match
    assert packets(capture, "tcp.port != 4000") == []
    assert packets(capture, "tcp.port !== 4000") == [1, 2, 3, 4, 5]
    assert packets(capture, "udp.port != 53") == []
    assert packets(capture, "!(udp.port == 53)") == [1, 2, 3, 4, 5]


def test_and_binds_tighter_than_or(capture):
    assert packets(capture, "(frame.number == 1 or frame.number == 2 and frame.number == 9)") == [1]
    assert packets(capture, "(frame.number == 1 or frame.number == 2) and frame.number == 9") == []
    assert packets(capture, "not tcp.flags.syn == 1 and tcp.flags.ack == 1") == [3, 4, 5]


def test_flags_ranges_and_bits(capture):
    assert packets(capture, "tcp.flags.syn == 1 and tcp.flags.ack == 0") == [1]
    assert packets(capture, "tcp.flags & 2") == [1, 2]
    assert packets(capture, "frame.number in {1, 4..5}") == [1, 4, 5]
    assert packets(capture, "frame.number not in {1, 4..5}") == [2, 3]
    assert packets(capture, "tcp.len > 0") == [4]


def test_payload_is_found_in_calls_and_packets(capture):
    assert packets(capture, 'payload contains "ala"') == [4]
    assert packets(capture, 'data contains "\\x6c\\x61\\x6d"') == [4]
    assert packets(capture, "data contains 6c:61:6d") == [4]
    assert packets(capture, 'data matches "S[a-z]+M"') == [4]
    assert calls(capture, 'payload contains "salam\\n"') == ["write", "read"]
    # 0x61 0x6c is in "salam"; shifted by half a byte the digits 16 c6 are in it, too, and must not match
    assert packets(capture, "data contains 16:c6") == []


def test_errors_by_name_and_durations(capture):
    assert calls(capture, "call.error == EINPROGRESS") == ["connect"]
    assert calls(capture, "call.errno == 9") == ["close"]
    assert calls(capture, "call.duration > 5ms") == ["accept4", "poll"]
    assert calls(capture, "call.duration > 0.005 and fd == 3") == ["accept4"]
    assert calls(capture, "time > 0.0395 and call") == ["close"]


def test_a_packet_has_the_processes_of_its_ends(capture):
    assert packets(capture, "proc.pid == 4019 and tcp.len > 0") == [4]
    assert packets(capture, "proc.pid == 1") == []
    assert packets(capture, 'proc.name contains "n"') == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("tcp.srcprt == 1", 0, "did you mean tcp.srcport?"),
        ("tcp.port = 4", 9, "=="),
        ("tcp.port == abc", 12, "not a number"),
        ("fd == 3 and tcp.prot == 3", 12, "did you mean tcp.port?"),
        ('"x', 0, "never closed"),
        ("tcp.port contians 4", 9, "contains"),
        ('payload matches "("', 16, "regular expression"),
        ("call.error == EFOO", 14, "EFOO"),
        ("fd matches 3", 3, "number"),
        ("fd % 0 == 1", 0, "division by zero"),
        ("$private_ipv4(ip.src)", 0, "a macro"),
        ("tcp && ${both:tcp.srcport;tcp.dstport}", 7, "a macro"),
        ("tcp.port == $tcp.port", 12, "field reference"),
        ('vals(arp.opcode) == "request"', 0, "compare with the word"),
        ("double(tcp.port) > 1.5", 0, "numbers are whole"),
        ("ip_special_mask(ip.src) == 4", 0, "IANA"),
        ("ip_ula(ip.src)", 7, "takes an IPv6 address, and this is an IPv4 address"),
        ("upper(proc.name)", 0, "gives a text, which is no test"),
        ("ip.proto == .tcp", 9, "they cannot be compared"),
    ],
)
def test_a_mistake_is_one_sentence_with_a_caret_under_it(text, place, says):
    with pytest.raises(UsageFault) as caught:
        compile_filter(text)
    sentence, shown, carets = caught.value.message.split("\n")
    assert shown == text
    assert carets.index("^") == place
    assert says in sentence + caught.value.hint


@pytest.mark.parametrize("text", ["(" * 5000, "!" * 5000 + "tcp", "not " * 2000 + "tcp", "tcp or " * 1400 + "tcp"])
def test_deep_and_long_filters_do_not_exhaust_the_stack(empty, text):
    try:
        run(empty, compile_filter(text), EventKind.PACKET, "1")
    except UsageFault as fault:
        assert "filter" in fault.message or "ends" in fault.message
