"""Where `wiretale-python` begins, which strace/launcher.c executes.

`strace` goes on at once, every other command through `cli`, which loads click.
"""

import gc
import os
import sys

from wiretale import inherited

TYPE_CHECKING = False  # typing itself is not loaded: `wiretale strace` starts at once
if TYPE_CHECKING:
    from typing import NoReturn


_OBJECTS_BEFORE_COLLECTION = 100_000
_INTERRUPTED = 130  # errors.Exit.INTERRUPTED, which may not be loaded yet
_BEGUN = "--begun="  # the launcher's; see strace/begun.py
_INHERITED = "--inherited="  # the same; see inherited.py


def main() -> "NoReturn":
    """Entry point of the console script."""
    _fill_standard_descriptors()
    inherited.forget_coerced_locale()
    try:
        status = _run()
    except KeyboardInterrupt:  # ^C while modules were loaded
        status = _INTERRUPTED
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # whoever read it has gone
        status = status or 1
    os._exit(status)  # all is closed and written: what is left is taking the interpreter apart, 50 ms with DuckDB


def _fill_standard_descriptors() -> None:
    """Where 0, 1 or 2 is closed: otherwise a file of the recording gets the number, and the program writes into it.

    What is opened here is closed on exec, which tells it from what somebody has given (part_spawn.h).
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
    for name, fd, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, mode, closefd=False))  # noqa: SIM115 (as long as the process)


def _run() -> int:
    begun = sys.argv.pop(1)[len(_BEGUN) :] if sys.argv[1:2] and sys.argv[1].startswith(_BEGUN) else ""
    if sys.argv[1:2] and sys.argv[1].startswith(_INHERITED):
        inherited.found = int(sys.argv.pop(1)[len(_INHERITED) :])
    if sys.argv[1:2] == ["strace"]:
        gc.disable()  # while modules are loaded there is nothing to collect
        from wiretale.strace.main import main as strace

        return strace(sys.argv[2:], begun)
    # Rows become hundreds of thousands of objects that hold no cycles: looking for some takes a tenth of the time.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    from wiretale.cli import run

    return run(sys.argv[1:])
