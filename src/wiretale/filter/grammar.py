"""The parser of `grammar.lark`, as it was made when wiretale was built: making it takes longer than most filters do.

`hatch_build.py` has it written beside the grammar. It serves for exactly the grammar and the Lark that it was made of
and by; where one is another now, it is made anew.
"""

import pickle
from functools import cache
from pathlib import Path

import lark

GRAMMAR_PATH = Path(__file__).with_name("grammar.lark")
PARSER_PATH = Path(__file__).with_name("_parser.bin")


@cache
def parser() -> lark.Lark:
    """The parser: LALR(1), whose trees know where they stand in the text."""
    return _kept() or _made()


def write() -> None:
    """Keep the parser for later. Called when wiretale is built."""
    with PARSER_PATH.open("wb") as file:
        pickle.dump(_made_of(), file)
        _made().save(file)


def _made() -> lark.Lark:
    return lark.Lark(_grammar(), parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def _kept() -> lark.Lark | None:
    """What `write` wrote; None if it cannot be used."""
    try:
        with PARSER_PATH.open("rb") as file:
            return lark.Lark.load(file) if pickle.load(file) == _made_of() else None
    except (OSError, EOFError, pickle.UnpicklingError):
        return None


def _made_of() -> tuple[str, str, str]:
    """The code of this module, too: it chooses the kind of parser."""
    return lark.__version__, _grammar(), Path(__file__).read_text(encoding="utf-8")


def _grammar() -> str:
    return GRAMMAR_PATH.read_text(encoding="utf-8")
