"""The other end of a conversation: its descriptor, what is still to be sent to it, and which ways are open."""

import os
import socket

from wiretale.netcat.kernel import Address

BUFFER_BYTES = 16384  # nc's buffer, and so the size of its reads
DATAGRAM_BYTES = 65536  # more than any UDP datagram holds, so that none is cut


class Peer:
    """A connected socket. `tells_half_close`: the kernel says whether the peer closed or only stopped sending."""

    def __init__(self, fd: int, name: str, *, datagram: bool = False, tells_half_close: bool = False) -> None:
        self.fd = fd
        self.name = name
        self.datagram = datagram
        self.tells_half_close = tells_half_close
        self.out = bytearray()  # read from standard input, not yet sent
        self.reading = True
        self.writing = True
        self.closed_at: float | None = None  # when its end of data was read, by time.monotonic
        self.gone = False  # closed for good, both ways
        self.received = 0
        self.sent = 0
        self.error: str | None = None

    @property
    def room(self) -> int:
        """How many bytes of standard input it takes now. A datagram must leave before the next is made."""
        if self.datagram:
            return 0 if self.out else BUFFER_BYTES
        return BUFFER_BYTES - len(self.out)

    def receive(self, size: int) -> bytes:
        """Read at most `size` bytes, or one datagram."""
        data = os.read(self.fd, size)
        self.received += len(data)
        return data

    def send(self) -> None:
        """Send what is queued, as much of it as the socket takes."""
        count = os.write(self.fd, self.out)
        self.sent += count
        del self.out[:count]

    def fail_sending(self, why: str) -> None:
        """Nothing can be sent any more; what the peer sent before may still be read."""
        self.error = self.error or f"{why} ({len(self.out)} bytes were not sent)"
        self.writing = False
        self.out.clear()

    def fail(self, why: str) -> None:
        """Nothing can pass any more."""
        if self.out:
            self.fail_sending(why)
        self.error = self.error or why
        self.reading = self.writing = False

    def close(self) -> None:
        """Close the descriptor, once."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


class Crowd(Peer):
    """Every sender to one unconnected datagram socket (-k -u). What is typed goes to the one who spoke last."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        super().__init__(sock.fileno(), name, datagram=True)
        self._sock = sock
        self._last: Address | None = None

    @property
    def room(self) -> int:
        """Nothing can be sent before somebody spoke."""
        return super().room if self._last else 0

    def receive(self, size: int) -> bytes:
        """Take one datagram and remember its sender, if it has an address."""
        data, sender = self._sock.recvfrom(size)
        self._last = sender or self._last
        self.received += len(data)
        return data

    def send(self) -> None:
        """Send the queued datagram to the last sender."""
        if self._last is not None:
            self.sent += self._sock.sendto(self.out, self._last)
        self.out.clear()

    def close(self) -> None:
        """Close the socket through its object, which would otherwise close the number a second time."""
        self.fd = -1
        self._sock.close()
