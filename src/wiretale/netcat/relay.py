"""The loop that passes bytes: standard input to the peers, the peers to standard output.

Rules:
1. One round is nc's: poll four entries (standard input, to the net, from the net, standard output), then read standard
   input, send, receive, write, each only if poll said so. Further peers (-k) add entries behind the first four.
2. A peer that has closed is left as soon as nothing is left to send to it. Whether more would come from a standard
   input that is still open cannot be known: a terminal is not waited for, a pipe as long as it keeps delivering.
3. Nothing is dropped in silence: bytes that could not be passed on make the netcat fail with a sentence.
"""

import os
import stat
import time
from collections.abc import Callable

from wiretale.errors import WiretaleError
from wiretale.netcat.kernel import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, poll, shutdown
from wiretale.netcat.messages import reason, say
from wiretale.netcat.options import Options
from wiretale.netcat.peer import BUFFER_BYTES, DATAGRAM_BYTES, Peer

STDIN, STDOUT = 0, 1

_SILENCE_S = 0.5  # how long a pipe may pause after the peer has closed; socat waits as long (its option -t)
_PIPE_BYTES = 4096  # PIPE_BUF: a pipe that poll calls writable takes these without blocking (pipe(7))
_SHUT_RD, _SHUT_WR = 0, 1
_BROKEN = POLLERR | POLLHUP | POLLNVAL
_FOREVER = float("inf")


class Relay:
    """Standard input, standard output and the peers of one netcat."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._listener = -1
        self._accept: Callable[[], Peer] | None = None
        self._accepting = True
        self._peers: list[Peer] = []
        self._to_stdout = bytearray()
        self._stdin_open = not options.ignore_stdin
        self._stdout_open = True
        self._stdout_limit = _PIPE_BYTES if stat.S_ISFIFO(os.fstat(STDOUT).st_mode) else DATAGRAM_BYTES
        self._active_at = time.monotonic()  # last time anything moved
        self._stdin_at = self._active_at  # last time standard input delivered
        self._all_sent_at: float | None = None  # standard input ended and everything was sent
        self._silence_s = 0.0 if os.isatty(STDIN) else _SILENCE_S
        self._receives = 0
        self.failure: str | None = None  # the last thing that went wrong

    def listen_too(self, listener: int, accept: Callable[[], Peer]) -> None:
        """Take in further clients while a conversation runs (-k): `accept` makes a peer of one that waits."""
        self._listener, self._accept = listener, accept

    def add(self, peer: Peer) -> None:
        """Take part in the conversation from now on."""
        self._peers.append(peer)
        self._active_at = time.monotonic()

    def run(self) -> bool:
        """Pass bytes until no peer is left; False if time (-w, -q) or count (-W) says that this was all."""
        while True:
            self._settle()
            if not self._peers:
                return True
            if self._limit_reached():
                return self._leave("the limit of -W is reached")
            entries = self._entries()
            deadline, why = self._deadline()
            ready = poll(entries, _milliseconds(deadline))
            now = time.monotonic()
            if any(ready):
                self._active_at = now
            elif why and now >= deadline:
                return self._leave(why)
            self._pass_bytes(ready, now)
            self._lose_patience(quiet=not ready[0], now=now)

    # what to wait for

    def _entries(self) -> list[tuple[int, int]]:
        """The poll set: nc's four entries, then the listener and two for each further peer."""
        stdin = (STDIN, POLLIN) if self._stdin_room() else (-1, 0)
        stdout = (STDOUT if self._stdout_open else -1, POLLOUT if self._to_stdout else 0)
        nets = [self._net_entries(peer) for peer in self._peers]
        entries = [stdin, *nets[0], stdout]
        if self._accept is not None:
            entries.append((self._listener if self._accepting else -1, POLLIN))
        for pair in nets[1:]:
            entries += pair
        return entries

    def _stdin_room(self) -> int:
        """How many bytes of standard input every peer that still takes some can take.

        Without room the descriptor is left out of the poll set: a writer that is gone would wake poll all the time.
        """
        rooms = [peer.room for peer in self._peers if peer.writing] if self._stdin_open else []
        return min(rooms, default=0)

    def _net_entries(self, peer: Peer) -> tuple[tuple[int, int], tuple[int, int]]:
        """One peer's two entries: to the net, from the net."""
        sends = peer.writing and (self._stdin_open or peer.out)
        receives = peer.reading and self._space(peer) > 0
        return (peer.fd, POLLOUT if peer.out else 0) if sends else (-1, 0), (peer.fd, POLLIN) if receives else (-1, 0)

    def _space(self, peer: Peer) -> int:
        """How many bytes may be received now."""
        if peer.datagram:
            return 0 if self._to_stdout else DATAGRAM_BYTES
        return max(0, BUFFER_BYTES - len(self._to_stdout))

    def _deadline(self) -> tuple[float, str]:
        """When waiting ends although nothing happens, by time.monotonic, and why, if that ends everything."""
        ends = [(_FOREVER, "")]
        if self._options.timeout is not None:
            ends.append((self._active_at + self._options.timeout, f"nothing happened for {self._options.timeout:g} s"))
        quit_after = self._options.quit_after
        if quit_after is not None and quit_after >= 0 and self._all_sent_at is not None:
            ends.append((self._all_sent_at + quit_after, f"{quit_after:g} s after the end of standard input"))
        ends += [(self._patience_ends(peer), "") for peer in self._peers if self._is_waiting_for_stdin(peer)]
        return min(ends)

    # what to do

    def _pass_bytes(self, ready: list[int], now: float) -> None:
        """One round over everything that is ready, in nc's order."""
        extra = 1 if self._accept is not None else 0
        places = [1, *(4 + extra + 2 * n for n in range(len(self._peers) - 1))]
        pairs = [(peer, ready[place], ready[place + 1]) for peer, place in zip(self._peers, places, strict=True)]
        if ready[0]:
            self._read_stdin(now, at_end=ready[0] == POLLHUP)
        for peer, sendable, _ in pairs:
            if sendable:
                self._send(peer, broken=not sendable & POLLOUT)
        for peer, _, receivable in pairs:
            if receivable and peer.reading:
                self._receive(peer, now, hung_up=bool(receivable & POLLHUP))
        if ready[3]:
            self._write_stdout(broken=not ready[3] & POLLOUT)
        if extra and ready[4]:
            self._take_in()

    def _take_in(self) -> None:
        """One more client. Out of descriptors, clients wait in the backlog until another one leaves."""
        assert self._accept is not None
        try:
            self.add(self._accept())
        except OSError as error:
            self._note(f"no further client for now: {reason(error)}")
            self._accepting = False

    def _read_stdin(self, now: float, *, at_end: bool) -> None:
        """Read what there is; a hang-up without anything to read is the end, and nc spares itself that read too."""
        try:
            data = b"" if at_end else os.read(STDIN, self._stdin_room())
        except BlockingIOError:
            return
        except OSError as error:
            self.failure = f"standard input: {reason(error)}"
            data = b""
        self._stdin_at = now
        if data:
            for peer in self._peers:
                if peer.writing:
                    peer.out += data
        else:
            self._stdin_open = False
            self._note("end of standard input")

    def _send(self, peer: Peer, *, broken: bool) -> None:
        if broken and not peer.out:
            peer.writing = False  # the connection is dead; if there is a reason, receiving tells it
            peer.gone = True
            return
        try:
            peer.send()
        except BlockingIOError:
            pass
        except OSError as error:
            peer.fail_sending(reason(error))

    def _receive(self, peer: Peer, now: float, *, hung_up: bool) -> None:
        size = self._space(peer)
        if size <= 0:
            return  # another client was faster
        try:
            data = peer.receive(size)
        except BlockingIOError:
            return
        except OSError as error:
            peer.fail(reason(error))
            return
        if data or peer.datagram:  # an empty datagram is no end of data
            self._to_stdout += data
            self._receives += 1
            return
        shutdown(peer.fd, _SHUT_RD)
        peer.reading = False
        peer.closed_at = now
        peer.gone = peer.gone or hung_up
        self._note(f"end of data from {peer.name}")

    def _write_stdout(self, *, broken: bool) -> None:
        try:
            if broken:
                raise BrokenPipeError(32, "Broken pipe")
            del self._to_stdout[: os.write(STDOUT, self._to_stdout[: self._stdout_limit])]
        except BlockingIOError:
            pass
        except OSError as error:
            self.failure = f"standard output: {reason(error)}"
            self._stdout_open = False
            self._to_stdout.clear()

    # when to stop

    def _settle(self) -> None:
        """Close ways that have ended, and let go of peers with whom nothing more can pass."""
        if not self._stdout_open:
            for peer in self._peers:
                if peer.reading:
                    shutdown(peer.fd, _SHUT_RD)
                    peer.reading, peer.closed_at = False, time.monotonic()
        if not self._stdin_open:
            for peer in self._peers:
                if peer.writing and not peer.out:
                    self._end_sending(peer)
            if self._all_sent_at is None and not any(peer.out for peer in self._peers):
                self._all_sent_at = time.monotonic()
        for peer in list(self._peers):
            if not peer.reading and not peer.writing and not self._to_stdout:
                self._let_go(peer)

    def _end_sending(self, peer: Peer) -> None:
        peer.writing = False
        if self._options.shutdown_at_eof:
            shutdown(peer.fd, _SHUT_WR)
            self._note(f"end of data to {peer.name}")

    def _is_waiting_for_stdin(self, peer: Peer) -> bool:
        """The peer has closed, everything was passed on, and only standard input is still open."""
        return not peer.reading and peer.writing and not peer.out and not self._to_stdout and self._stdin_open

    def _patience_ends(self, peer: Peer) -> float:
        """Until when a peer that has closed is kept for the sake of an open standard input, by time.monotonic."""
        since = max(self._stdin_at, peer.closed_at or 0.0)
        if peer.gone:
            return since
        if self._options.stay_for_stdin or peer.tells_half_close:
            return _FOREVER
        return since + (self._silence_s)

    def _lose_patience(self, *, quiet: bool, now: float) -> None:
        """After a poll that found standard input silent: no longer wait for what it might still deliver."""
        if quiet:
            for peer in self._peers:
                if self._is_waiting_for_stdin(peer) and now >= self._patience_ends(peer):
                    peer.writing = False

    def _limit_reached(self) -> bool:
        limit = self._options.receive_limit
        return limit is not None and self._receives >= limit and not self._to_stdout

    def _leave(self, why: str) -> bool:
        self._note(why)
        for peer in list(self._peers):
            self._let_go(peer)
        return False

    def _let_go(self, peer: Peer) -> None:
        self._peers.remove(peer)
        peer.close()
        self._accepting = True
        if peer.error is None:
            self._note(f"connection with {peer.name} closed: {peer.received} bytes received, {peer.sent} sent")
        elif self._accept is not None:  # one client's fault is no fault of a server that serves others
            self._note(f"connection with {peer.name} failed: {peer.error}")
        else:
            self.failure = f"connection with {peer.name} failed: {peer.error}"

    def _note(self, line: str) -> None:
        if self._options.verbose:
            say(line)


def _milliseconds(deadline: float) -> int:
    """poll's timeout for a time of time.monotonic, rounded up so that it is not early; -1 for never."""
    if deadline == _FOREVER:
        return -1
    return min(max(0, int(-((time.monotonic() - deadline) * 1000 // 1))), 2**31 - 1)


def raise_failure(relay: Relay) -> None:
    """Turn what went wrong in a conversation into the netcat's error."""
    if relay.failure is not None:
        raise WiretaleError(relay.failure)
