import pickle

import pytest

from wiretale.filter import grammar

TEXT = 'tcp.port in {80, 443..445} && !(payload[0:4] contains "a" or len(fd.name) > 3)'


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Where the parser is kept, and how often one was made since."""
    path, made = tmp_path / "parser", []
    make = grammar._made
    monkeypatch.setattr(grammar, "PARSER_PATH", path)
    monkeypatch.setattr(grammar, "_made", lambda: made.append(1) or make())
    grammar.write()
    made.clear()
    return path, made


def tree():
    grammar.parser.cache_clear()
    return grammar.parser().parse(TEXT)


def places(of):
    return [(t.type, str(t), t.start_pos, t.end_pos) for t in of.scan_values(lambda _: True)]


def test_the_kept_parser_understands_as_the_one_that_is_made(kept):
    path, made = kept
    found = tree()
    assert not made
    path.unlink()
    assert found == tree() and places(found) == places(tree())
    assert made


@pytest.mark.parametrize("made_of", [("0.0", "", ""), None])
def test_one_of_another_grammar_or_lark_is_not_used(kept, made_of):
    path, made = kept
    path.write_bytes(pickle.dumps(made_of) + path.read_bytes()[len(pickle.dumps(grammar._made_of())) :])
    assert tree() and made


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_one_that_was_cut_short_is_not_used(kept, size):
    path, made = kept
    path.write_bytes(path.read_bytes()[:size])
    assert tree() and made


def test_a_parser_is_kept_where_wiretale_is_built():
    assert grammar._kept() is not None
