"""Where lines go: standard error, a file, one file per process (-ff), or a command's input."""

import os
import stat
import sys
from contextlib import suppress

from wiretale.strace.faults import StraceFault
from wiretale.strace.options import StraceOptions

TYPE_CHECKING = False  # typing itself is not loaded: see light.py
if TYPE_CHECKING:
    from subprocess import Popen as _Command
    from typing import IO, Literal, TextIO


class Sink:
    """One stream of text with the state of its last line: `owner` is the task whose call has begun and not ended."""

    def __init__(self, stream: "TextIO") -> None:
        self._stream = stream
        self._parts: list[str] = []
        self._lost = False
        self.owner: int | None = None
        self.column = 0

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> None:
        self._parts.append(text)

    def flush(self) -> None:
        """A trace that cannot be written any more is no reason to disturb the program: the fault is said once."""
        text = "".join(self._parts)
        self._parts.clear()
        if self._lost:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as fault:
            self._lost = True
            if self._stream is not sys.stderr:
                name = self._stream.name if isinstance(self._stream.name, str) else "the trace"
                sys.stderr.write(f"strace: {name}: {os.strerror(fault.errno or 0)}\n")

    def close(self) -> None:
        self.flush()
        if self._stream not in (sys.stderr, sys.stdout):
            with suppress(OSError):  # said already
                self._stream.close()


class Outputs:
    """The sinks of one run; one only, `instead`, if that is given. Raises StraceFault if the file cannot be opened.

    `opened`: the descriptor of the file, if it has been opened and written to.
    """

    def __init__(self, options: StraceOptions, instead: "TextIO | None" = None, opened: int = -1) -> None:
        self._options = options
        self._opened = opened
        self._by_task: dict[int, Sink] = {}
        self._command: _Command[str] | None = None
        name = options.output
        self.to_stderr = name is None and instead is None
        self.separately = options.separately and not self.to_stderr
        if instead is not None:
            stream: IO[str] = instead
        elif self.to_stderr:
            stream = sys.stderr
        elif name is not None and name[:1] in ("|", "!"):
            if options.separately:
                raise StraceFault("piping the output and -ff/--output-separately are mutually exclusive", usage=True)
            from subprocess import PIPE, Popen  # takes longer to load than most of the rest

            self._command = Popen(["/bin/sh", "-c", name[1:]], stdin=PIPE, text=True)
            assert self._command.stdin is not None
            stream = self._command.stdin
        elif self.separately:
            stream = sys.stderr
        else:
            stream = self._open(str(name))
        self.main = Sink(stream)  # type: ignore[arg-type]

    def _open(self, path: str) -> "TextIO":
        opener = (lambda *_: self._opened) if self._opened >= 0 else None
        way: Literal["a", "w"] = "a" if self._options.append else "w"
        try:
            return open(path, way, encoding="ascii", errors="backslashreplace", opener=opener)
        except OSError as fault:
            raise StraceFault(f"Can't fopen '{path}': {os.strerror(fault.errno or 0)}") from fault

    def of(self, tid: int) -> Sink:
        """Where the lines of a task go."""
        if not self.separately:
            return self.main
        sink = self._by_task.get(tid)
        if sink is None:
            sink = self._by_task[tid] = Sink(self._open(f"{self._options.output}.{tid}"))
        return sink

    def message(self, text: str) -> None:
        """A sentence of the tracer itself: always to standard error, in the middle of a line if need be."""
        if self.to_stderr:
            self.main.write(f"strace: {text}\n")
        else:
            sys.stderr.write(f"strace: {text}\n")

    def shared_fd(self) -> int:
        """Where lines may stand among what the program writes; -1: nowhere, they have a file of their own."""
        if self._options.summary == "only" or self.separately or self._command is not None:
            return -1
        fd = self.main.fileno()
        return fd if self.to_stderr or not stat.S_ISREG(os.fstat(fd).st_mode) else -1

    def flush(self) -> None:
        for sink in (self.main, *self._by_task.values()):
            sink.flush()

    def close(self) -> None:
        self.flush()
        for sink in (self.main, *self._by_task.values()):
            sink.close()
        if self._command is not None:
            self._command.wait()
