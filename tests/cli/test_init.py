import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.show.synthetic import make
from wiretale.cli import COMMANDS, run
from wiretale.errors import Exit

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_two_examples(name, capfd):
    for flag in ("-h", "--help"):
        assert run([name, flag]) == Exit.OK
        out = capfd.readouterr().out
        assert out.count("nc " if name == "nc" else "wiretale ") >= 3  # the usage line and two examples


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page(name):
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# wiretale {name}\n")


# nc parses its own options, as netcats do; tests/netcat compares them with their page.
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "nc"])
def test_every_option_stands_on_its_commands_page(name):
    command = importlib.import_module(COMMANDS[name][0]).command
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    if "(record.md)" in page:  # the options of a recording are explained once
        page += (ROOT / "docs" / "record.md").read_text(encoding="utf-8")
    options = [p for p in command.params if isinstance(p, click.Option)]
    assert [p.opts for p in options if not any(f"`{o}" in page for o in p.opts)] == []


def test_help_imports_nothing_heavy():
    code = "import sys; from wiretale.cli import run; run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("duckdb", "numpy", "rich", "lark", "ctypes"):
        assert f"'{heavy}'" not in done.stderr
    assert "wiretale record" in done.stdout


def test_a_mistyped_command_or_option_is_answered_with_the_nearest(capsys):
    assert run(["shwo"]) == Exit.USAGE
    assert "wiretale show" in capsys.readouterr().err
    assert run(["show", "--filtr", "tcp", "x"]) == Exit.USAGE
    assert "--filter" in capsys.readouterr().err


def test_an_error_is_one_sentence_and_the_next_step(capsys, tmp_path):
    assert run(["show", str(tmp_path / "none.wiretale")]) == Exit.CAPTURE
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("wiretale: there is no file")
    assert lines[1].startswith("try: ")
    assert len(lines) == 2


def test_file_names_in_errors_are_escaped(capsys, tmp_path):
    run(["show", str(tmp_path / "\x1b[31m\udcff")])
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\\x1b[31m\\xff" in err


def test_a_mistake_of_our_own_asks_for_a_report(capsys, monkeypatch):
    def broken(*_args, **_options):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("wiretale.cli.group.invoke", broken)
    monkeypatch.delenv("WIRETALE_DEBUG", raising=False)
    assert run(["show"]) == Exit.INTERNAL
    err = capsys.readouterr().err
    assert "report" in err
    assert "WIRETALE_DEBUG=1" in err
    assert "Traceback" not in err


def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path):
    capture = make(tmp_path / "c.wiretale")
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m wiretale show --json {capture} | head -n 1; echo ${{PIPESTATUS[0]}}'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] in ("0", str(int(Exit.INTERRUPTED)))


@pytest.mark.parametrize("command", ["show", "explain", "sql --schema"])
def test_an_output_that_is_full_is_said(tmp_path, command):
    capture = make(tmp_path / "c.wiretale")
    with Path("/dev/full").open("w") as full:
        args = [sys.executable, "-m", "wiretale", *command.split(), str(capture)]
        done = subprocess.run(args, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == Exit.RESOURCE
    assert "wiretale: the disk is full: the output could not be written whole\n" in done.stderr
    assert "report" not in done.stderr


def test_a_closed_reader_is_quiet_even_for_much_output(tmp_path):
    capture = make(tmp_path / "c.wiretale")
    script = (
        f'"{sys.executable}" -m wiretale sql {capture} "select * from range(200000)" | true; echo ${{PIPESTATUS[0]}}'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (str(int(Exit.INTERRUPTED)), "")


@pytest.mark.parametrize(
    ("environment", "colored"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_on_a_terminal_unless_no_color(tmp_path, environment, colored):
    import os
    import pty

    capture = make(tmp_path / "c.wiretale")
    pid, terminal = pty.fork()
    if pid == 0:
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")} | {"TERM": "xterm"} | environment
        os.execve(sys.executable, [sys.executable, "-m", "wiretale", "show", str(capture)], env)
    out = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    os.waitpid(pid, 0)
    os.close(terminal)
    assert (b"\x1b[" in out) is colored
    assert b"program start" in out
