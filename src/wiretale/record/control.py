"""Signals and time for the control loop of a recording: one object that waits for whichever comes first."""

import contextlib
import os
import selectors
import signal
from types import FrameType

_WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Waiter:
    """Waits for readable descriptors and for the signals that end a recording; use it as a context manager."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._read_end, selectors.EVENT_READ)
        self._former: dict[signal.Signals, object] = {}

    def __enter__(self) -> "Waiter":
        for number in _WATCHED:
            self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._selector.close()
        os.close(self._read_end)
        os.close(self._write_end)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(BlockingIOError):  # a full pipe already wakes the loop
            os.write(self._write_end, bytes([number]))

    def watch(self, fd: int, *, readable: bool = True, writable: bool = False) -> None:
        """Wake when `fd` is readable, or writable, from now on; neither: stop watching it."""
        events = (selectors.EVENT_READ if readable else 0) | (selectors.EVENT_WRITE if writable else 0)
        known = self._selector.get_map().get(fd)
        if not events:
            if known:
                self._selector.unregister(fd)
        elif not known:
            self._selector.register(fd, events)
        elif known.events != events:
            self._selector.modify(fd, events)

    def wait(self, timeout_s: float) -> tuple[set[int], list[signal.Signals]]:
        """Readable (or writable) descriptors and the signals that came, after at most `timeout_s` seconds."""
        ready = {int(key.fd) for key, _ in self._selector.select(timeout_s)}
        signals: list[signal.Signals] = []
        if self._read_end in ready:
            ready.discard(self._read_end)
            with contextlib.suppress(BlockingIOError):
                signals = [signal.Signals(n) for n in os.read(self._read_end, 64)]
        return ready, signals


def terminal_signals_reach_us() -> bool:
    """Whether ^C typed at the controlling terminal is delivered to this process group, and so to the programs in it."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
