"""A signal that asks the process to end while a file is half made ends it as ^C does: what is half made is removed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASK_TO_END = (signal.SIGTERM, signal.SIGHUP)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While in it, SIGTERM and SIGHUP raise KeyboardInterrupt, unless they are ignored (nohup) or have a handler."""
    is_main = threading.current_thread() is threading.main_thread()  # only it may set handlers
    default = [n for n in _ASK_TO_END if is_main and signal.getsignal(n) is signal.SIG_DFL]
    for number in default:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in default:
            signal.signal(number, signal.SIG_DFL)
