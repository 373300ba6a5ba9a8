"""The name of a unix socket in the file system: taken carefully, and removed at the end, also after a signal.

nc unlinks whatever is at the path before it binds, a regular file or a working server's socket too, and leaves its own
socket behind.
"""

import contextlib
import errno
import os
import signal
import socket
import stat
from types import FrameType, TracebackType

from wiretale.netcat.addresses import unix_address

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal that ends the program has arrived; `main` lets it do so once the name is removed."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


class UnixName:
    """Binds a socket to a path and, as a context, removes that path at the end if it is still the same file."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        address = unix_address(path)
        self._path = None if isinstance(address, bytes) else path
        # A signal that comes after the bind waits until __enter__ can answer it by removing the name.
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS if self._path else ())
        try:
            self._bind(sock, path)
            self._identity = _identity(path) if self._path else None
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            raise

    def _bind(self, sock: socket.socket, path: str) -> None:
        try:
            sock.bind(unix_address(path))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or self._path is None or not _is_abandoned(path, sock.type):
                raise
            os.unlink(path)  # noqa: PTH108 - pathlib would double the imports
            sock.bind(path)

    def __enter__(self) -> "UnixName":
        if self._path:
            for number in _SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, _stop)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        except Stopped:
            self._remove()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _value: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):  # somebody else may have removed it
            if self._path and _identity(self._path) == self._identity:
                os.unlink(self._path)  # noqa: PTH108 - as above


def _identity(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def _is_abandoned(path: str, kind: int) -> bool:
    """Whether the file is a socket that nobody serves."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        return False
    with socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK) as probe:
        return probe.connect_ex(path) == errno.ECONNREFUSED
