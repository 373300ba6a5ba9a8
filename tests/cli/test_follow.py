"""`wiretale follow`: the bytes that passed, all of them, harmless on a terminal, and gaps where there are none."""

import base64
import json
import random

import pytest

from scripts.large_spool import Size
from tests.join.rows import Rows, Tcp
from tests.large import capture_of
from tests.show.synthetic import make
from wiretale.cli import run
from wiretale.errors import Exit
from wiretale.model.derived import DERIVED_TABLES
from wiretale.model.raw import CAPTURE_VERSION, RAW_TABLES
from wiretale.store.capture import create_capture, open_capture, write_meta


@pytest.fixture
def follow(capfdbinary):
    def call(*args):
        code = run(["follow", *(str(a) for a in args)])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return call


@pytest.fixture(scope="module")
def salam(tmp_path_factory):
    return make(tmp_path_factory.mktemp("follow") / "c.wiretale")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return capture_of(tmp_path_factory.mktemp("follow"), Size(connections=3, rounds=4, snaplen=100))


def saved(rows: Rows, path):
    """A capture file of rows made by hand."""
    joined = rows.joined()
    with create_capture(path) as db:
        write_meta(db, {"version": CAPTURE_VERSION})
        for table in DERIVED_TABLES:
            db.execute(table.ddl)
        for table in (*RAW_TABLES, *DERIVED_TABLES):
            found = joined.execute(f'SELECT * FROM "{table.name}"').fetchall()
            for begin in range(0, 0 if table.name == "meta" else len(found), 100):
                some = found[begin : begin + 100]
                places = ", ".join([f"({', '.join('?' for _ in some[0])})"] * len(some))
                db.execute(f'INSERT INTO "{table.name}" VALUES {places}', [value for row in some for value in row])
    return path


def speak(tcp: Tcp, said):
    """Each part is written, sent and read before the next."""
    tcp.open()
    for from_client, data in said:
        ends = (tcp.client, tcp.server) if from_client else (tcp.server, tcp.client)
        tcp.write(ends[0], data)
        tcp.read(ends[1], data)
    tcp.close()


def conversation(said, path, **options):
    """A capture in which `said` (from client?, bytes) was written, sent and read in this order."""
    rows = Rows()
    rows.source()
    rows.interface()
    speak(Tcp(rows, **options), said)
    return saved(rows, path)


def test_text_has_the_direction_before_each_line(salam, follow):
    code, out, err = follow(salam, 1)
    assert code == Exit.OK
    assert out.decode() == "# connection 1, tcp: 127.0.0.1:4444 > 127.0.0.1:4000\n> salam\n"
    assert "c2s: 6 bytes (6 from writes)" in err


def test_boundaries_name_the_call_and_the_packet(salam, follow):
    _, out, _ = follow(salam, 1, "--boundaries", "writes,segments,reads")
    lines = out.decode().splitlines()[1:]
    assert len(lines) == 4
    assert "write by nc(" in lines[0]
    assert lines[0].endswith("fd 3: bytes 0-5")
    assert "packet 4: bytes 0-5" in lines[1]
    assert "read by nc(" in lines[2]
    assert lines[3] == "> salam"


def test_hexadecimal(salam, follow):
    _, out, _ = follow(salam, 1, "--format", "hex")
    assert out.decode() == f"> 00000000  {'73 61 6c 61 6d 0a':<49}  salam.\n"


def test_a_filter_chooses_the_connection(large, follow):
    code, out, _ = follow(large, "tcp.port == 5001", "--json")
    assert code == Exit.OK
    assert {json.loads(line)["direction"] for line in out.splitlines()} == {"c2s", "s2c"}
    code, _, err = follow(large, "tcp.port == 4000")
    assert code == Exit.USAGE
    assert "3 connections match the filter: 1, 2, 3" in err
    code, _, err = follow(large, 77)
    assert code == Exit.USAGE
    assert "no connection 77" in err


def test_the_only_connection_needs_no_number(salam, large, tmp_path, follow):
    assert follow(salam)[:2] == follow(salam, 1)[:2]
    code, out, err = follow(large)
    assert (code, out) == (Exit.USAGE, b"")
    assert "several connections carried bytes: 1 (tcp, 127.0.0.1:" in err
    assert "wiretale follow FILE 1; wiretale connections" in err
    code, _, err = follow(conversation([], tmp_path / "silent.wiretale"))
    assert code == Exit.USAGE
    assert "no connection carried any byte" in err


def test_what_is_cut_is_a_gap_with_its_length(large, follow):
    _, out, err = follow(large, 2, "--direction", "c2s", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    at = 0
    for piece in found:
        assert piece["lo"] == at
        at = piece["hi"]
        if piece["kind"] == "data":
            assert len(base64.b64decode(piece["base64"])) == piece["hi"] - piece["lo"]
    with open_capture(large) as db:
        assert db.execute("SELECT client_bytes FROM connection WHERE connection_id = 2").fetchone() == (at,)
    missing = sum(p["hi"] - p["lo"] for p in found if p["kind"] == "gap")
    assert missing > 0
    assert f"{missing} missing" in err
    _, out, _ = follow(large, 2, "--direction", "c2s")
    assert "longer than what was recorded" in out.decode()


@pytest.mark.parametrize("traced", ["both", "none"])
def test_packets_alone_are_enough(traced, tmp_path, follow):
    said = [(True, b"GET /\r\n"), (False, b"no\n")]
    calls = (traced == "both",) * 2
    path = conversation(said, tmp_path / "c.wiretale", calls=calls)
    code, out, err = follow(path, 1)
    assert code == Exit.OK
    assert out.decode().splitlines()[1:] == ["> GET /", "< no"]
    assert ("from packets" in err) == (traced == "none")


HOSTILE = b"\x1b[2J\x9b1m\xe2\x80\xae\r"


def random_talk(chance: random.Random) -> list[tuple[bool, bytes]]:
    return [(chance.random() < 0.5, chance.randbytes(chance.randint(1, 40))) for _ in range(chance.randint(1, 8))]


@pytest.fixture(scope="module")
def talks(tmp_path_factory):
    """What each connection of one capture said, and the capture. All bytes occur, and those that act on terminals."""
    chance = random.Random(1)
    said = [random_talk(chance) for _ in range(6)]
    said += [[(True, HOSTILE), *random_talk(chance)], [(False, bytes(range(256)))], [(True, b"\n"), (True, b"\r\n")]]
    rows = Rows()
    rows.source()
    rows.interface()
    for n, talk in enumerate(said):
        speak(Tcp(rows, client_port=50_000 + n, server_port=4000 + n), talk)
    return said, saved(rows, tmp_path_factory.mktemp("follow") / "talks.wiretale")


def test_raw_is_what_was_written(talks, follow):
    said, path = talks
    for n, talk in enumerate(said, 1):
        for direction, from_client in (("c2s", True), ("s2c", False)):
            _, out, _ = follow(path, n, "--direction", direction, "--format", "raw")
            assert out == b"".join(data for client, data in talk if client == from_client)
        _, out, _ = follow(path, n, "--format", "raw")
        assert out == b"".join(data for _, data in talk)


def test_no_byte_acts_on_the_terminal(talks, follow):
    said, path = talks
    for n in range(1, len(said) + 1):
        for form in ("text", "hex"):
            _, out, _ = follow(path, n, "--format", form, "--boundaries", "writes")
            assert all(character.isprintable() or character == "\n" for character in out.decode())


def test_raw_has_no_boundaries(salam, follow):
    code, _, err = follow(salam, 1, "--format", "raw", "--boundaries", "writes")
    assert code == Exit.USAGE
    assert "no room for boundaries" in err
    code, _, err = follow(salam, 1, "--boundaries", "packets")
    assert code == Exit.USAGE
    assert "writes,segments,reads" in err
