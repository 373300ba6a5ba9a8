"""What Python changes for itself when it starts, and a program started here has to inherit as it was before."""

import os

SIGPIPE, SIGXFSZ = 1, 2

# Signals that were ignored when wiretale was started, though Python ignores them for itself. The command `wiretale`
# (strace/launcher.c) looks before Python starts, and says what it found.
found = 0

_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")  # what LC_CTYPE may become (PEP 538)


def forget_coerced_locale() -> None:
    """Take LC_CTYPE out of the environment where Python set it, as it does where no locale is asked for.

    What this process was given stands in /proc/self/environ (proc(5)).
    """
    if os.environ.get("LC_CTYPE") not in _COERCED:
        return
    try:
        with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 (pathlib takes longer than a start)
            given = file.read()
    except OSError:
        return
    if not any(variable.startswith(b"LC_CTYPE=") for variable in given.split(b"\0")):
        del os.environ["LC_CTYPE"]
