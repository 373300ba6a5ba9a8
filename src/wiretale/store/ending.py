"""A signal that asks the process to end while a file is half made: the work stops, and what is half made is removed.

It is not raised where the process happens to be, as Python does with ^C: inside DuckDB, or in a function that C calls,
an exception becomes another one or is only printed. It is noted, a query that runs is interrupted, and whoever works
looks between two steps.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from wiretale.errors import WiretaleError
from wiretale.store.progress import Progress

# The signals, and what stands for nobody having asked for something else (nohup ignores SIGHUP).
_ASK_TO_END = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
_LOOK_S = 0.05  # how often; a query that began just after the last look is interrupted, too


class Ending:
    """Whether somebody asked this process to end."""

    def __init__(self) -> None:
        self.asked = False  # no threading.Event: a handler that sets one may wait for whom it interrupts

    def check(self) -> None:
        """Raise KeyboardInterrupt if so."""
        if self.asked:
            raise KeyboardInterrupt

    def checked(self, progress: Progress) -> Progress:
        """A `progress` that checks, whenever it is told of a step."""

        def report(text: str, done: float | None = None, /) -> None:
            self.check()
            progress(text, done)

        return report

    @contextmanager
    def stops(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While in it, `interrupt` is called from another thread, again and again, once somebody has asked."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_LOOK_S):
                if self.asked:
                    interrupt()

        thread = threading.Thread(target=watch, name="wiretale-ending", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


_using: list[Ending] = []  # the innermost is last; all are the same one


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """While in it, SIGINT, SIGTERM and SIGHUP are noted; what fails because of that is a KeyboardInterrupt.

    One that is ignored or has a handler of its own is left alone. Used inside itself, it is the outer one.
    """
    ending = _using[-1] if _using else Ending()
    former: dict[signal.Signals, object] = {}

    def note(_number: int, _frame: FrameType | None) -> None:
        ending.asked = True

    if not _using and threading.current_thread() is threading.main_thread():  # only it may set handlers
        for number, default in _ASK_TO_END.items():
            if signal.getsignal(number) is default:
                former[number] = signal.signal(number, note)
    _using.append(ending)
    try:
        yield ending
    except WiretaleError:
        raise
    except Exception as fault:
        if ending.asked:
            raise KeyboardInterrupt from fault
        raise
    finally:
        _using.pop()
        for number, handler in former.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
