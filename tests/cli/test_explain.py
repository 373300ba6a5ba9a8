import json
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import html5lib
import pytest

from tests.show.golden_text import check
from tests.show.synthetic import make
from wiretale.cli import run
from wiretale.errors import Exit


@pytest.fixture
def capture(tmp_path):
    return str(make(tmp_path / "c.wiretale"))


def explained(capsys, *args):
    code = run(["explain", *args])
    out, err = capsys.readouterr()
    return code, out, err


def test_an_entry_is_prose_of_80_columns_in_a_pipe(capsys):
    code, out, err = explained(capsys, "accept4")
    assert (code, err) == (Exit.OK, "")
    check("explain-accept4", out)
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out


@pytest.mark.parametrize("width", [40, 60, 100])
def test_prose_keeps_to_the_width(capsys, width):
    assert run(["--width", str(width), "explain", "SO_REUSEADDR"]) == Exit.OK
    lines = [line for line in capsys.readouterr().out.splitlines() if " " in line.strip()]
    assert max(map(len, lines)) <= width


def test_a_beginner_gets_background_and_an_engineer_detail(capsys):
    beginner = explained(capsys, "TIME_WAIT", "--for", "beginner")[1]
    engineer = explained(capsys, "TIME_WAIT", "--for", "engineer")[1]
    assert "Whoever closes first waits" in beginner
    assert "tcp_tw_reuse" not in beginner
    assert "tcp_tw_reuse" in engineer
    assert "Whoever closes first waits" not in engineer


def test_an_error_says_what_it_means_from_each_call(capsys):
    out = explained(capsys, "errno", "111")[1]
    assert out.startswith("ECONNREFUSED - error, number 111")
    assert "connect()" in out
    assert "recvfrom()" in out
    assert "To do:" in out


def test_a_capture_adds_where_it_occurs(capsys, capture, tmp_path):
    code, out, _ = explained(capsys, "POLLIN", capture)
    assert code == Exit.OK
    check("explain-pollin-capture", out[out.index("In ") :].replace(str(tmp_path), "DIR"))


def test_states_are_named_with_who_had_them(capsys, capture):
    out = explained(capsys, "ESTABLISHED", capture)[1]
    assert "ESTABLISHED nc(4021) fd 3 127.0.0.1:4444 (the client of connection 1), to the end of the recording" in out


def test_states_keep_to_the_width(capsys, capture):
    assert run(["--width", "80", "explain", "ESTABLISHED", capture]) == Exit.OK
    rows = capsys.readouterr().out.split("spans in this state")[1]
    assert "(the client of connection 1)" in " ".join(rows.split())
    assert max(map(len, rows.splitlines())) <= 80


def test_what_does_not_occur_is_said_with_what_was_looked_for(capsys, capture):
    out = explained(capsys, "TIME_WAIT", capture)[1]
    assert "It does not occur. Looked for: spans in this state." in out
    assert "2 packets dropped: lost" in out


def test_more_than_the_limit_names_the_filter_that_shows_all(capsys, capture):
    out = explained(capsys, "close", capture, "--limit", "1")[1]
    assert "calls: 3, the first 1:" in out
    assert out.rstrip().endswith("--filter 'call.name == \"close\"'")


def test_captured_names_cannot_reach_the_terminal(capsys, tmp_path):
    capture = str(make(tmp_path / "c.wiretale", command="\x1b[31mevil", payload=b"\x1b]0;x\x07"))
    for word in ("ESTABLISHED", "write", "SIGINT", "PSH"):
        for args in ((word, capture), (word, capture, "--json")):
            assert "\x1b" not in explained(capsys, *args)[1]


def test_json_is_one_object_with_the_rows_of_show(capsys, capture):
    code, out, _ = explained(capsys, "EINPROGRESS", capture, "--json")
    assert code == Exit.OK
    (line,) = out.splitlines()
    value = json.loads(line)
    assert (value["name"], value["kind"], value["numbers"]) == ("EINPROGRESS", "error", {"EINPROGRESS": 115})
    assert value["sentence"].startswith("EINPROGRESS says")
    assert value["from_calls"][0]["call"] == "connect"
    assert all(fact["sources"] for fact in value["facts"])
    failed = value["occurrences"][0]
    assert (failed["total"], failed["table"], failed["filter"]) == (1, "call", "call.error == EINPROGRESS")
    assert failed["rows"][0]["name"] == "connect"
    states = json.loads(explained(capsys, "LISTEN", capture, "--json")[1])["occurrences"][0]["rows"]
    assert (states[0]["state"], states[0]["pid"]) == ("LISTEN", 4019)


def test_the_list_names_subjects_and_words(capsys):
    code, out, _ = explained(capsys, "--list")
    assert code == Exit.OK
    assert "tcp-states" in out
    assert explained(capsys, "--list", "tcp-states")[1].count("means that") == 11
    objects = [json.loads(line) for line in explained(capsys, "--list", "errors", "--json")[1].splitlines()]
    assert "ECONNREFUSED" in {o["name"] for o in objects}
    code, _, err = explained(capsys, "--list", "nonsense")
    assert code == Exit.USAGE
    assert "tcp-states" in err


def test_an_unknown_word_is_answered_with_the_nearest_in_one_sentence(capsys):
    code, out, err = explained(capsys, "SO_REUSEPROT")
    assert (code, out) == (Exit.USAGE, "")
    assert err.startswith("wiretale: there is no entry 'SO_REUSEPROT'\ndid you mean SO_REUSEPORT")
    assert len(err.splitlines()) == 2


def test_a_capture_is_told_as_a_story(capsys, capture):
    code, out, err = explained(capsys, capture)
    assert (code, err) == (Exit.OK, "")
    assert out.startswith(f"The story of {capture}")
    assert "How it was established" in out


def test_what_is_odd_can_be_told_alone(capsys, capture, tmp_path):
    code, out, err = explained(capsys, capture, "--odd")
    assert (code, err) == (Exit.OK, "")
    assert "1. What is odd, and whether it matters" in out
    assert "EINPROGRESS is no error" in out
    assert "The cast" not in out
    assert "How it was established" not in out
    assert explained(capsys, capture, "--odd", "--connection", "1")[0] == Exit.USAGE
    assert explained(capsys, "connect", "--odd")[0] == Exit.USAGE


def test_nothing_to_explain_is_a_usage_error(capsys, capture):
    for args in ((), (capture, capture)):
        code, out, err = explained(capsys, *args)
        assert (code, out) == (Exit.USAGE, "")
        assert "wiretale explain WORD [CAPTURE]" in err
    assert explained(capsys, "connect", "/nonexistent")[0] == Exit.CAPTURE
    assert explained(capsys, "/nonexistent")[0] == Exit.CAPTURE


def test_an_ambiguous_word_lists_what_it_can_mean(capsys):
    code, out, _ = explained(capsys, "cork")
    assert code == Exit.OK
    assert "wiretale explain TCP_CORK" in out
    assert "wiretale explain UDP_CORK" in out
    assert explained(capsys, "cork", "--json")[0] == Exit.USAGE


def test_explaining_a_word_needs_no_database():
    code = "import sys; from wiretale.cli import run; run(['explain', 'connect']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("duckdb", "numpy", "lark"):
        assert heavy not in done.stderr.split()


def test_a_file_s_name_says_what_a_story_is_written_as_and_only_its_owner_may_read_it(capsys, capture, tmp_path):
    into = tmp_path / "story.html"
    code, out, err = explained(capsys, capture, "-o", str(into))
    assert (code, out, err) == (Exit.OK, "", "")
    assert into.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert into.stat().st_mode & 0o777 == 0o600


def test_the_page_opens_the_rows_that_each_step_rests_on_as_show_prints_them(capsys, capture):
    html = explained(capsys, capture, "--format", "html")[1]
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    article = next(a for a in root.iter("article") if len(re.findall(r"#\d+ ", _opened(a))) > 1)
    run(["show", capture, "--step", article.get("id"), "--no-header"])
    shown = capsys.readouterr().out
    of_calls = re.compile(r"(?<= )#\d+ \w+\(")
    assert sorted(of_calls.findall(_opened(article))) == sorted(of_calls.findall(shown))


def _opened(article):
    return "".join(text for pre in article.findall("details/pre") for text in pre.itertext())


def test_figures_are_written_as_files(capsys, capture, tmp_path):
    code, out, _ = explained(capsys, capture, "--figures", str(tmp_path / "drawn" / "here"))
    assert code == Exit.OK
    for path in (tmp_path / "drawn" / "here").iterdir():
        root = ElementTree.fromstring(path.read_text("utf-8"))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        title = next(t.text for t in root.iter("{http://www.w3.org/2000/svg}text"))
        assert f"\n{title}\n" in out


def test_a_terminal_without_box_drawing_gets_ascii(capture):
    done = subprocess.run(
        [sys.executable, "-m", "wiretale", "explain", capture], capture_output=True, check=False, timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == Exit.OK, done.stderr
    assert done.stdout.isascii()
    assert b"SYN --" in done.stdout


def test_a_place_that_cannot_be_written_is_said(capsys, capture, tmp_path):
    code, _, err = explained(capsys, capture, "--figures", f"{capture}/x")
    assert code == Exit.CAPTURE
    assert "cannot be made" in err
