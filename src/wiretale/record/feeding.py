"""Input for a recorded program, given when its connection stands: typed at a terminal of its own, or from a file."""

import os
import termios
from pathlib import Path

from wiretale.errors import UsageFault
from wiretale.light import dataclass

END_OF_INPUT = b"\x04"  # VEOF: ^D
INTERRUPT = b"\x03"  # VINTR: ^C
LITERAL_NEXT = b"\x16"  # VLNEXT: ^V, the next byte has no special meaning
_CHUNK = 1 << 16


@dataclass(slots=True)
class Feed:
    """The program reads `program_end`, the recorder writes `recorder_end`; `is_terminal`: the ends of a terminal."""

    program_end: int
    recorder_end: int
    is_terminal: bool
    pending: bytes
    source: int = -1  # file descriptor that more input comes from; -1: all of it is pending
    begun: bool = False
    finished: bool = False

    def give(self) -> bool:
        """Write what fits without blocking. True when everything, the end of input included, has been given."""
        self.begun = True
        while not self.finished:
            if not self.pending and self.source >= 0:
                self.pending = os.read(self.source, _CHUNK)
                if not self.pending:
                    os.close(self.source)
                    self.source = -1
            if not self.pending:
                self._end()
                break
            try:
                written = os.write(self.recorder_end, self.pending)
            except BlockingIOError:
                return False
            except BrokenPipeError:  # the program closed its input or is gone: nobody is left to read the rest
                self._end()
                break
            self.pending = self.pending[written:]
        return True

    def _end(self) -> None:
        self.finished = True
        if not self.is_terminal:
            os.close(self.recorder_end)
            self.recorder_end = -1

    def discard_output(self) -> None:
        """Read and drop what the terminal shows (a program that writes to its input terminal must not block)."""
        try:
            while os.read(self.recorder_end, _CHUNK):
                pass
        except OSError:  # nothing more, or (EIO) the program has closed its side
            return

    def interrupt(self) -> bool:
        """Type ^C; False where there is no terminal to type it at."""
        if not self.is_terminal or self.recorder_end < 0:
            return False
        os.write(self.recorder_end, INTERRUPT)
        return True

    def program_started(self) -> None:
        """The program has its own copy of its end."""
        if not self.is_terminal:
            os.close(self.program_end)
            self.program_end = -1

    def close(self) -> None:
        """Let go of every descriptor that is still held."""
        for fd in (self.program_end, self.recorder_end, self.source):
            if fd >= 0:
                os.close(fd)
        self.program_end = self.recorder_end = self.source = -1


def typed(text: str) -> Feed:
    """A terminal at which `text` and Enter are typed, then ^D. It does not echo, so nothing is shown twice.

    Control characters in `text` are typed after ^V and so reach the program instead of acting. A terminal's line buffer
    holds 4095 bytes (termios(3)); give() therefore goes on whenever the program has read.
    """
    line = text if text.endswith("\n") else text + "\n"
    keys = b"".join(_key(byte) for byte in line.encode(errors="surrogateescape"))
    return _terminal(keys + END_OF_INPUT)


def untouched_terminal() -> Feed:
    """A terminal at which nobody types."""
    return _terminal(b"")


def _terminal(keys: bytes) -> Feed:
    """A terminal at which `keys` will be typed; it does not echo."""
    master, slave = os.openpty()
    settings = termios.tcgetattr(slave)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    os.set_blocking(master, False)
    return Feed(slave, master, True, keys)


def _key(byte: int) -> bytes:
    is_control = (byte < 0x20 and byte != 0x0A) or byte == 0x7F  # ASCII: controls but newline, and delete
    return LITERAL_NEXT + bytes([byte]) if is_control else bytes([byte])


def from_file(path: Path) -> Feed:
    """A pipe that carries the file at `path`, then ends."""
    try:
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as fault:
        raise UsageFault(
            f"the input file {path} cannot be read: {fault.strerror}", "give another --stdin-file"
        ) from fault
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(write_end, False)
    return Feed(read_end, write_end, False, b"", source)


def idle() -> Feed:
    """An input on which nothing ever comes."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    return Feed(read_end, write_end, False, b"")
