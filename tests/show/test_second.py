"""A second process changes nothing but the time: every line stands where one process would have put it."""

import io
import os

import pytest

from scripts.large_spool import Size
from tests.large import capture_of
from wiretale.light import replace
from wiretale.show import second
from wiretale.show.lines import Style
from wiretale.show.listing import Listing, print_listing
from wiretale.show.selected import Selection
from wiretale.store.capture import open_capture


@pytest.fixture(scope="module")
def listing(tmp_path_factory):
    capture = capture_of(tmp_path_factory.mktemp("second"), Size(connections=12, rounds=200, at_once=6))
    return Listing(capture, Selection(), Style())


def printed(listing, processors=2):
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, open_capture(listing.path) as db:
        patch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
        assert print_listing(db, listing, out, io.StringIO()) == 0
    return out.getvalue()


@pytest.fixture
def taken(monkeypatch):
    """What came of the second process, None where nothing did."""
    found, plain = [], second._Second.next

    def noted(self):
        found.append(plain(self))
        return found[-1]

    monkeypatch.setattr(second._Second, "next", noted)
    return found


@pytest.mark.parametrize("as_json", [False, True])
def test_it_makes_every_other_batch_and_the_lines_are_the_same(listing, taken, as_json):
    asked = replace(listing, as_json=as_json)
    assert printed(asked) == printed(asked, processors=1)
    assert taken
    assert all(taken)


def test_of_another_file_it_makes_nothing(listing, taken, monkeypatch):
    monkeypatch.setattr(second, "_identity", lambda path: (0, 0, path.stat().st_size, 0))
    assert printed(listing) == printed(listing, processors=1)
    assert set(taken) == {None}


def test_where_it_dies_the_first_process_goes_on(listing, taken, monkeypatch):
    plain = second._Second.__init__

    def killed(self, path, work):
        plain(self, path, work)
        self._process.kill()
        self._process.wait()

    monkeypatch.setattr(second._Second, "__init__", killed)
    assert printed(listing) == printed(listing, processors=1)
    assert taken[-1] is None


def test_a_short_list_starts_none(listing, monkeypatch):
    monkeypatch.setattr(second, "_Second", None)
    assert len(printed(replace(listing, selection=Selection(limit=2000), header=False)).splitlines()) == 2000
