"""Compiled parts: one that is missing or damaged is one sentence with the next step."""

from pathlib import Path

import pytest

from wiretale.errors import Exit, WiretaleError
from wiretale.native import load_library


def test_a_library_that_cannot_be_loaded_says_which_and_what_to_do(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.so"
    damaged.write_bytes(b"\x7fELF")
    for path in (damaged, tmp_path / "missing.so"):
        with pytest.raises(WiretaleError, match=rf"^the compiled decoder {path} cannot be loaded") as caught:
            load_library(path, "decoder")
        assert "reinstall" in caught.value.hint
        assert caught.value.exit_code == Exit.INTERNAL
