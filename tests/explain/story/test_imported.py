"""The story of packets alone, written by hand: what fails or is odd on the wire is told without any call."""

import struct
from collections.abc import Iterator

import duckdb
import pytest

from tests.explain.story.recorded import text
from tests.filter.frames import (
    ACK,
    FIN,
    MSS,
    NOP,
    PSH,
    RST,
    SACK_PERMITTED,
    SYN,
    ethernet,
    icmp,
    imported,
    ip4,
    tcp,
    udp,
)
from wiretale.explain.conversation import conversations
from wiretale.explain.datagrams import datagram_section
from wiretale.explain.failed import why_it_failed
from wiretale.explain.odd import full_receiver, resent
from wiretale.explain.story import Step
from wiretale.explain.tell import Options, tell
from wiretale.explain.words import plain
from wiretale.explain.world import World, load_world
from wiretale.filter.tables import with_all_tables
from wiretale.store.capture import open_capture

CLIENT, SERVER, ROUTER = "10.1.0.1", "10.2.0.2", "10.9.9.9"
QUESTION = b"\x00\x00\x01\x00\x00\x01" + bytes(6) + b"\x03www\x04test\x00\x00\x01\x00\x01"
ANSWER = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x63"  # the same name, A, 60 s, 10.0.0.99


def sack(low: int, high: int) -> bytes:
    return NOP + NOP + b"\x05\x0a" + struct.pack(">II", low, high)


def c2s(  # noqa: PLR0917 (the fields of a header, in its order)
    port: int, seq: int, ack: int, flags: int, payload: bytes = b"", options: bytes = b""
) -> bytes:
    segment = tcp(port, 44000, 1000 + seq, 5000 + ack if flags & ACK else 0, flags, payload, options)
    return ethernet(ip4(segment, 6, CLIENT, SERVER))


def s2c(  # noqa: PLR0917 (the fields of a header, in its order)
    port: int, seq: int, ack: int, flags: int, payload: bytes = b"", options: bytes = b"", *, window: int = 502
) -> bytes:
    segment = tcp(44000, port, 5000 + seq, 1000 + ack, flags, payload, options, window=window)
    return ethernet(ip4(segment, 6, SERVER, CLIENT), back=True)


def handshake(port: int) -> list[bytes]:
    offer = MSS + SACK_PERMITTED + NOP + NOP
    return [c2s(port, 0, 0, SYN, b"", offer), s2c(port, 0, 1, SYN | ACK, b"", offer), c2s(port, 1, 1, ACK)]


def ask(port: int, number: int) -> tuple[bytes, bytes]:
    """A question for a name, and its answer."""
    asked = struct.pack(">H", number) + QUESTION[2:]
    answered = struct.pack(">HHHH", number, 0x8180, 1, 1) + bytes(4) + QUESTION[12:] + ANSWER
    return (
        ethernet(ip4(udp(port, 53, asked), 17, CLIENT, SERVER)),
        ethernet(ip4(udp(53, port, answered), 17, SERVER, CLIENT), back=True),
    )


QUOTED = ip4(tcp(40004, 44000, 1000, 0, SYN), 6, CLIENT, SERVER)[:28]
FRAMES = [
    *handshake(40001),  # sent again, and the receiver had it
    c2s(40001, 1, 1, PSH | ACK, b"0123456789"),
    c2s(40001, 1, 1, PSH | ACK, b"0123456789"),
    s2c(40001, 1, 11, ACK),
    s2c(40001, 1, 11, ACK, b"", sack(1001, 1011)),
    s2c(40001, 1, 11, ACK, window=0),
    s2c(40001, 1, 11, ACK),
    *handshake(40005),  # sent again, and nothing proves it needless
    c2s(40005, 1, 1, PSH | ACK, b"0123456789"),
    c2s(40005, 1, 1, PSH | ACK, b"0123456789"),
    s2c(40005, 1, 11, ACK),
    *(c2s(40002, 0, 0, SYN) for _ in range(3)),
    c2s(40003, 0, 0, SYN),
    s2c(40003, 0, 1, RST | ACK),
    c2s(40004, 0, 0, SYN),
    ethernet(ip4(icmp(3, 1, bytes(4) + QUOTED), 1, ROUTER, CLIENT), back=True),
    *ask(50001, 7),
    ask(50002, 8)[0],
    *handshake(40006),  # all is well
    c2s(40006, 1, 1, PSH | ACK, b"question"),
    s2c(40006, 1, 9, PSH | ACK, b"answer"),
    c2s(40006, 9, 7, FIN | ACK),
    s2c(40006, 7, 10, FIN | ACK),
    c2s(40006, 10, 8, ACK),
]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_capture(imported(FRAMES, tmp_path_factory.mktemp("imported"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def world(db: duckdb.DuckDBPyConnection) -> World:
    return load_world(with_all_tables(db))


def connection(db: duckdb.DuckDBPyConnection, port: int) -> int:
    row = db.execute("SELECT connection_id FROM connection WHERE client_port = ?", [port]).fetchone()
    assert row is not None
    return int(row[0])


def failing(world: World, port: int) -> str:
    """What is said of a connection by its client's port."""
    connection_id = connection(world.db, port)
    talk = conversations(world.db, [connection_id])[connection_id]
    section = why_it_failed(world, talk) or datagram_section(world, talk)
    return plain(" ".join(text(step) for step in section.steps), "`") if section is not None else ""


def of(steps: list[Step], connection_id: int) -> str:
    said = [text(step) for step in steps if f"connection {connection_id} " in text(step)]
    assert len(said) == 1
    return said[0]


def test_a_repeated_segment_is_needless_only_if_the_receiver_says_so(world: World) -> None:
    steps = resent.find(world)
    assert len(steps) == 2
    needless = of(steps, connection(world.db, 40001))
    assert "was sent again (packet 5; 10 bytes)" in needless
    assert "It was needless" in needless
    assert "packet 7 names them in a D-SACK block" in needless
    unknown = of(steps, connection(world.db, 40005))
    assert "needless" not in unknown
    assert "no acknowledgement in time" in unknown


def test_a_full_receiver_is_told_without_knowing_the_program(world: World) -> None:
    steps = full_receiver.find(world)
    assert len(steps) == 1
    said = of(steps, connection(world.db, 40001))
    assert "that it had no room (a window of 0 in packet 8)" in said
    assert "There was no room for 1.2" in said


def test_silence_a_no_and_a_word_from_a_router_are_told_apart(world: World) -> None:
    silence = failing(world, 40002)
    assert "3 SYNs (packets 16, 17 and 18) got no answer" in silence
    assert "gave up" not in silence
    no = failing(world, 40003)
    assert "Packet 20, a segment with RST, is a plain no" in no
    assert "a filter that refuses with a reset looks the same" in no
    router = failing(world, 40004)
    assert f"an ICMP message from `{ROUTER}`, says `host unreachable`" in router
    assert "a machine on the way could not deliver" in router


def test_a_question_for_a_name_is_told_with_its_answer_or_without(world: World) -> None:
    assert "`A` record of `www.test`. The answer: `10.0.0.99`" in failing(world, 50001)
    assert "`A` record of `www.test`. No answer was captured" in failing(world, 50002)


def test_nothing_is_odd_about_an_orderly_connection(world: World) -> None:
    assert failing(world, 40006) == ""


def test_the_whole_story_names_no_process_and_says_what_is_missing(db: duckdb.DuckDBPyConnection) -> None:
    story = tell(db, Options())
    said = plain(" ".join(text(step) for step in story.steps()))
    assert "pid " not in said.lower()
    assert "No process of the recording" not in said
    assert any("calls were recorded" in gap.text for gap in story.gaps)
