"""Where the console script begins: `wiretale strace` at once, every other command through `cli`, which loads click."""

import sys

TYPE_CHECKING = False  # typing itself is not loaded: `wiretale strace` starts at once
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """Entry point of the console script."""
    if sys.argv[1:2] == ["strace"]:
        from wiretale.strace.main import main as strace

        sys.exit(strace(sys.argv[2:]))
    from wiretale.cli import main as others

    others()
