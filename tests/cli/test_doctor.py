import json

from wiretale.cli import run
from wiretale.cli.doctor_checks import CHECKS
from wiretale.errors import Exit


def test_every_check_answers_with_a_reason(capsys):
    assert run(["doctor", "--json"]) == Exit.OK
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(found) == len(CHECKS)
    for check in found:
        assert isinstance(check["ok"], bool)
        assert check["name"]
        assert check["gives"]
        assert check["reason"]


def test_doctor_says_what_the_machine_says(capsys):
    import os
    import socket

    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
        allowed = True
    except OSError:
        allowed = False
    run(["doctor", "--json"])
    found = {c["name"]: c for c in map(json.loads, capsys.readouterr().out.splitlines())}
    assert found["packets"]["ok"] is allowed
    assert found["packets"]["ok"] or found["packets"]["remedy"]
    assert os.uname().release in found["system"]["reason"]


def test_text_has_a_line_to_type_for_what_is_missing(capsys):
    assert run(["doctor"]) == Exit.OK
    out = capsys.readouterr().out
    assert out.count("yes") + out.count("no ") >= len(CHECKS)
