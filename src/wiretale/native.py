"""The compiled parts that need no Python headers: shared libraries beside their sources, loaded with ctypes."""

import ctypes
from pathlib import Path

from wiretale.errors import Exit, WiretaleError


def load_library(path: Path, what: str) -> ctypes.CDLL:
    """The library at `path`; `what` names it where it cannot be loaded (WiretaleError)."""
    try:
        return ctypes.CDLL(str(path))
    except OSError as fault:
        raise WiretaleError(
            f"the compiled {what} {path} cannot be loaded: {fault}",
            "pip install --force-reinstall wiretale (a C compiler is needed)",
            exit_code=Exit.INTERNAL,
        ) from fault
