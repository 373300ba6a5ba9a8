"""A capture is made whole or not at all, also when a signal asks the process to end meanwhile."""

import os
import signal
from pathlib import Path

import duckdb
import pytest

from scripts.large_spool import Size, make_spool
from wiretale.errors import Exit, WiretaleError
from wiretale.join.build import build
from wiretale.store.capture import open_capture
from wiretale.store.make import make_capture


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_ends_the_making_leaves_the_spool_and_nothing_half_made(
    tmp_path: Path, number: signal.Signals
) -> None:
    spool, capture = make_spool(tmp_path / "x.wiretale.spool", Size(1)), tmp_path / "x.wiretale"

    def interrupted(_db: duckdb.DuckDBPyConnection) -> None:
        os.kill(os.getpid(), number)

    with pytest.raises(WiretaleError) as fault:
        make_capture(spool, capture, interrupted)
    assert fault.value.exit_code == Exit.INTERRUPTED and str(spool.path) in fault.value.hint
    assert list(tmp_path.iterdir()) == [spool.path]
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    with pytest.raises(WiretaleError) as missing:
        open_capture(capture)
    assert "wiretale recover" in missing.value.hint
    make_capture(spool, capture, build)
    with open_capture(capture) as db:
        assert db.execute("SELECT count(*) > 0 FROM call").fetchone() == (True,)


def test_an_ignored_hangup_stays_ignored(tmp_path: Path) -> None:
    spool, capture = make_spool(tmp_path / "x.wiretale.spool", Size(1)), tmp_path / "x.wiretale"

    def hung_up(db: duckdb.DuckDBPyConnection) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        build(db)

    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        make_capture(spool, capture, hung_up)
    finally:
        signal.signal(signal.SIGHUP, former)
    assert capture.exists()
