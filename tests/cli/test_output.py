import pytest

from wiretale.cli.output import ColorChoice, Output, print_error, print_table


def test_tables_line_up_and_escape(capsys):
    print_table(("n", "name"), [("1", "a\x1b[2J"), ("22", "b")], Output(ColorChoice.NEVER), right=(0,))
    assert capsys.readouterr().out == " n  name\n 1  a\\x1b[2J\n22  b\n"


def test_an_error_keeps_its_caret_lines(capsys):
    print_error("no\nfilter ==\n       ^~", "did you mean it?")
    assert capsys.readouterr().err == "wiretale: no\n  filter ==\n         ^~\ndid you mean it?\n"


@pytest.mark.parametrize(
    ("choice", "color"), [(ColorChoice.ALWAYS, True), (ColorChoice.NEVER, False), (ColorChoice.AUTO, False)]
)
def test_a_pipe_gets_colour_only_by_order(choice, color):
    assert Output(choice).color is color
