# ruff: noqa: E501 (tables of filters)
import json
from pathlib import Path

import pytest

from tests.show.synthetic import make
from wiretale.cli import run
from wiretale.cli.fields import events_of, said
from wiretale.errors import Exit
from wiretale.filter.compile import compile_filter
from wiretale.filter.events import EventKind
from wiretale.filter.fields import BY_NAME, FIELDS, GROUPS
from wiretale.filter.fields.sysdig import SYNONYMS
from wiretale.filter.select import selecting
from wiretale.store.capture import open_capture

PAGE = Path(__file__).parents[2] / "docs" / "fields.md"


def test_names_are_unique():
    assert len(BY_NAME) == len(FIELDS)


def test_another_name_gives_what_the_name_gives():
    for other, name in SYNONYMS.items():
        assert (BY_NAME[other].on, BY_NAME[other].type) == (BY_NAME[name].on, BY_NAME[name].type)


def test_the_page_lists_every_field_as_it_is():
    """scripts/make_fields_page.py writes the lists."""
    page = PAGE.read_text(encoding="utf-8")
    for heading, fields in GROUPS:
        listed = page.split(f"## {heading}\n")[1].split("\n## ")[0]
        rows = [line for line in listed.splitlines() if line.startswith("| `")]
        assert rows == [f"| `{f.name}` | {said(f)} | {f.meaning} | {events_of(f)} |" for f in fields]
    others = page.split("## Other names\n")[1]
    assert [line for line in others.splitlines() if line.startswith("| `")] == [
        f"| `{other}` | `{name}` |" for other, name in SYNONYMS.items()
    ]


def test_a_word_chooses_by_name_and_meaning(capsys):
    assert run(["fields", "urgent_pointer"]) == Exit.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["field", "takes", "meaning", "of"]
    assert [line.split()[0] for line in lines[1:]] == ["tcp.urgent_pointer"]
    assert run(["fields", "retransmission", "--json"]) == Exit.OK
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"tcp.analysis.retransmission", "tcp.analysis.fast_retransmission"} <= {f["name"] for f in found}
    assert found[0].keys() == {"name", "type", "meaning", "of", "same_as"}


def test_a_word_that_no_field_has_is_a_mistake_with_the_nearest_field(capsys):
    assert run(["fields", "tcp.srcprt"]) == Exit.USAGE
    assert "did you mean tcp.srcport?" in capsys.readouterr().err


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: f.name)
def test_a_meaning_is_one_short_line(field):
    assert field.meaning
    assert "\n" not in field.meaning
    assert "|" not in field.meaning
    assert events_of(field)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('evt.res == "SUCCESS"', "call.failed == false"), ("evt.res == EINPROGRESS", "call.error == EINPROGRESS"),
        ('evt.dir == ">"', "call"), ('evt.dir == "<"', "call.finished == true"), ("evt.reltime >= 0", "call"),
        ("evt.is_io_read == true", 'call.name in {"read" "recvfrom" "recvmsg"}'), ('evt.io_dir == "w"', 'call.name == "write"'),
        ("evt.is_io == true", 'call.name in {"read" "write"}'), ("evt.is_wait == true", 'call.name == "poll"'),
        ("thread.ismain == true", "proc.tid == proc.pid"), ("fd.port == 4000", "tcp.port == 4000"),
        ("fd.ip == 127.0.0.1", "ip.addr == 127.0.0.1"), ('fd.type == "ipv4"', 'socket.family == "AF_INET"'),
        ('fd.typechar == "4"', 'socket.family == "AF_INET"'), ('fd.sockfamily == "ip"', 'socket.family == "AF_INET"'),
        ("fd.is_server == true", 'connection.role == "server"'), ('proc.args == "-p 4444 127.0.0.1 4000"', 'proc.cmdline contains "-p 4444"'),
    ],
)  # fmt: skip
def test_names_of_sysdig_select_the_calls_that_they_name_there(both_ends, text, same):
    db, calls = both_ends
    assert calls(db, text) == calls(db, same)
    assert calls(db, text)


@pytest.fixture(scope="module")
def both_ends(tmp_path_factory):
    def calls(db, text):
        compiled = compile_filter(text)
        return sorted(db.execute(*selecting(compiled, EventKind.CALL, "c.call_id")).fetchall())

    with open_capture(make(tmp_path_factory.mktemp("sysdig") / "c.wiretale")) as db:
        yield db, calls
