"""Small spools from the generator that the bench uses large."""

from pathlib import Path

from scripts.large_spool import Size, make_spool
from wiretale.join.build import build
from wiretale.store.make import make_capture


def capture_of(folder: Path, size: Size) -> Path:
    """The capture of a generated recording."""
    spool = make_spool(folder / "x.spool", size)
    make_capture(spool, folder / "x.wiretale", build)
    return folder / "x.wiretale"
