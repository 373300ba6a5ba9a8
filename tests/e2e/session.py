"""Recording a server and a client end to end: each with its own input and output file, in a network of their own."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import require
from tests.netcat.programs import wait_until

WIRETALE = (sys.executable, "-m", "wiretale")
OURS = (sys.executable, "-m", "wiretale.netcat")
HOST4, HOST6, PORT, CLIENT_PORT = "127.0.0.1", "::1", 4000, 4444

# Says its process id, then becomes the program, with its own input and output.
_WITH_INPUT = 'echo $$ >"$0.pid"; exec "$@" <"$0.in" >"$0.out"'
_WITHOUT_INPUT = 'echo $$ >"$0.pid"; exec "$@" >"$0.out"'


@dataclass
class Session:
    """What the two ends are told to do. An end without input has one on which nothing ever comes."""

    folder: Path
    server: list[str]
    client: list[str]
    from_server: bytes | None = None
    from_client: bytes | None = None
    options: list[str] = field(default_factory=list)
    client_stays: bool = False  # it does not leave by itself: end it when all bytes have arrived
    expected_status: int | None = 0
    server_ticks: bool = False  # it never rests, so the recorder does not see that only it is left
    input_stays_open: bool = False  # the client leaves at the end of its input, too early for datagrams
    _held: list[int] = field(default_factory=list)

    @property
    def capture(self) -> Path:
        """The file it is recorded to."""
        return self.folder / "run.wiretale"

    def output(self, end: str) -> bytes:
        """What the `server` or the `client` has received."""
        path = self.folder / f"{end}.out"
        return path.read_bytes() if path.exists() else b""

    def commands(self) -> tuple[list[str], list[str]]:
        """The two command lines, wrapped; their input files are written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for end, data in (("server", self.from_server), ("client", self.from_client)):
            if data is not None and end == "client" and self.input_stays_open:
                self._hold_open(self.folder / "client.in", data)
            elif data is not None:
                (self.folder / f"{end}.in").write_bytes(data)
        return (
            _wrapped(self.server, self.folder / "server", has_input=self.from_server is not None),
            _wrapped(self.client, self.folder / "client", has_input=self.from_client is not None),
        )

    def _hold_open(self, path: Path, data: bytes) -> None:
        """Make the input a pipe that holds `data` (at most 64 KiB, pipe(7)) and does not end."""
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        for fd in self._held:
            os.close(fd)
        self._held[:] = [os.open(path, os.O_RDWR)]
        os.write(self._held[0], data)

    def all_arrived(self) -> bool:
        """Every byte has come out at the other end."""
        return _size(self.folder / "server.out") >= len(self.from_client or b"") and _size(
            self.folder / "client.out"
        ) >= len(self.from_server or b"")

    def end_client_if_it_stays(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the end, or for the bytes and then end the client."""
        if self.client_stays:
            wait_until(lambda: self.all_arrived() or process.poll() is not None, "all bytes to arrive")
            for end in ("client", "server") if self.server_ticks else ("client",):
                with suppress(ProcessLookupError, FileNotFoundError):
                    os.kill(int((self.folder / f"{end}.pid").read_text()), signal.SIGTERM)

    def record(self, meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None) -> Path:
        """Record it; `meanwhile` runs beside it. Returns the capture."""
        server, client = self.commands()
        words = [*WIRETALE, "record", "-q", "-o", str(self.capture), "--private-net", *self.options]
        words += ["--with", shlex.join(client), "--", *server]
        with (self.folder / "messages").open("wb") as messages, _running(words, messages) as process:
            (meanwhile or self.end_client_if_it_stays)(process)
            status = process.wait(90)
        said = (self.folder / "messages").read_text(errors="replace")
        assert self.capture.exists(), said
        if self.expected_status is not None and not self.client_stays:
            assert status == self.expected_status, said
        return self.capture


def record_alone(words: list[str], folder: Path, data: bytes = b"") -> Path:
    """Record one program that ends by itself; returns the capture."""
    capture = folder / "run.wiretale"
    command = [*WIRETALE, "record", "-q", "-o", str(capture), "--private-net", "--snaplen", "all", "--", *words]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)
    assert capture.exists(), done.stderr.decode(errors="replace")
    return capture


def _wrapped(words: list[str], place: Path, *, has_input: bool) -> list[str]:
    return ["sh", "-c", _WITH_INPUT if has_input else _WITHOUT_INPUT, str(place), *words]


@contextmanager
def _running(words: list[str], messages: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=messages, stderr=messages)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(20)
        if process.stdin:
            process.stdin.close()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def program(name: str) -> str:
    """The path of a program the test needs; beside the interpreter too, where pip puts commands."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", str(Path(sys.executable).parent)])
    found = shutil.which(name, path=path)
    require(found, f"{name} is not installed")
    assert found
    return found
