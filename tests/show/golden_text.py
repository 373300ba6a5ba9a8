"""Golden text: what a command printed is compared with a file; `WIRETALE_ACCEPT=1 pytest TEST` writes them."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check(name: str, text: str, folder: Path = FOLDER) -> None:
    """Compare with `golden/NAME.txt`, or make it so."""
    path = folder / f"{name}.txt"
    if os.environ.get("WIRETALE_ACCEPT"):
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no {path}; accept with WIRETALE_ACCEPT=1"
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; accept with WIRETALE_ACCEPT=1"
