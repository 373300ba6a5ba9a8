"""Where `wiretale-python` begins, which strace/launcher.c executes.

`strace` goes on at once, every other command through `cli`, which loads click.
"""

import gc
import os
import sys

TYPE_CHECKING = False  # typing itself is not loaded: `wiretale strace` starts at once
if TYPE_CHECKING:
    from typing import NoReturn


_OBJECTS_BEFORE_COLLECTION = 100_000
_BEGUN = "--begun="  # the launcher's; see strace/begun.py


def main() -> "NoReturn":
    """Entry point of the console script."""
    begun = sys.argv.pop(1)[len(_BEGUN) :] if sys.argv[1:2] and sys.argv[1].startswith(_BEGUN) else ""
    if sys.argv[1:2] == ["strace"]:
        gc.disable()  # while modules are loaded there is nothing to collect
        from wiretale.strace.main import main as strace

        status = strace(sys.argv[2:], begun)
    else:
        # Rows become hundreds of thousands of objects that hold no cycles: looking for some takes a tenth of the time.
        gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
        from wiretale.cli import run

        status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # whoever read it has gone
        status = status or 1
    os._exit(status)  # all is closed and written: what is left is taking the interpreter apart, 50 ms with DuckDB
