"""What the netcat says on standard error: one line each, straight to the descriptor."""

import contextlib
import os


def say(line: str) -> None:
    """Write one line. A standard error that is gone must not end a transfer."""
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode(errors="backslashreplace"))


def reason(error: OSError) -> str:
    """The system's words for an error, without number and file name."""
    return error.strerror or str(error)
