"""A second process for a long listing: it makes every other batch of lines, since one interpreter uses one processor.

It opens the capture itself and goes through the same places. Where it cannot, or ends early, nothing is lost: the first
process makes all batches that do not come.
"""

import gc
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import IO

_FROM = 2  # the first batches are there before another process could begin
_AHEAD = 2  # batches that it makes before they are asked for, and a pipe's worth
_LENGTH = struct.Struct("<q")
_SURROGATES = "surrogatepass"  # file names may hold them


def in_turn(batches: Iterator[Callable[[], str]], path: Path, work: object) -> Iterator[str]:
    """The texts of all batches of the capture `path`. `work` is pickled; `work.batches(db)` gives the same ones."""
    second: _Second | None = None
    try:
        for number, make in enumerate(batches):
            if number == _FROM and len(os.sched_getaffinity(0)) > 1:
                second = _Second(path, work)
            text = second.next() if second is not None and _is_of_second(number) else None
            yield make() if text is None else text
    finally:
        if second is not None:
            second.end()


def _is_of_second(number: int) -> bool:
    return number >= _FROM and number % 2 == 1


class _Second:
    """The process, as the first one sees it."""

    def __init__(self, path: Path, work: object) -> None:
        command = [sys.executable, "-P", "-m", __name__]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as given:
            pickle.dump((path, _identity(path), gc.get_threshold(), work), given)
        self._made: Queue[str | None] = Queue(_AHEAD)
        self._ended = False
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        """In a thread of its own: the pipe holds less than a batch, and the process should not wait."""
        assert self._process.stdout is not None
        while text := _received(self._process.stdout):
            self._made.put(text)
        self._made.put(None)

    def next(self) -> str | None:
        """The next of its batches; None: there are no more."""
        if not self._ended:
            text = self._made.get()
            self._ended = text is None
            return text
        return None

    def end(self) -> None:
        """It is not needed any more."""
        self._process.kill()
        self._process.wait()


def _received(pipe: IO[bytes]) -> str | None:
    header = pipe.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    [size] = _LENGTH.unpack(header)
    data = pipe.read(size)
    return data.decode(errors=_SURROGATES) if len(data) == size else None


def _identity(path: Path) -> tuple[int, ...]:
    """Another file may have taken the name meanwhile."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def main() -> None:
    """The second process."""
    from wiretale.store.capture import open_capture  # noqa: PLC0415 (the first process has it already)

    path, identity, threshold, work = pickle.load(sys.stdin.buffer)
    gc.set_threshold(*threshold)
    with open_capture(path) as db:
        if _identity(path) != identity:
            return
        for number, make in enumerate(work.batches(db)):
            if _is_of_second(number):
                data = make().encode(errors=_SURROGATES)
                sys.stdout.buffer.write(_LENGTH.pack(len(data)) + data)
                sys.stdout.buffer.flush()


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):
        main()
