"""The server: one conversation, or with -k any number at once."""

import os
import socket

from wiretale.errors import WiretaleError
from wiretale.netcat.addresses import port_number, protocol_name, targets, text, unix_address
from wiretale.netcat.kernel import accept_nonblocking
from wiretale.netcat.messages import reason, say
from wiretale.netcat.options import Options
from wiretale.netcat.peer import Crowd, Peer
from wiretale.netcat.relay import Relay, raise_failure
from wiretale.netcat.unixname import UnixName

_PEEK_BYTES = 2048  # nc looks at so much of the first datagram to learn its sender
_BACKLOG, _UNIX_BACKLOG = 1, 5  # nc's
_KEEP_BACKLOG = 128  # several clients may arrive at the same time; more than the backlog would wait a second and retry


def run(options: Options) -> None:
    """Serve as asked; raises WiretaleError."""
    relay = Relay(options)
    if options.unix:
        _run_unix(relay, options)
    else:
        _serve(_bind(options), relay, options)
    raise_failure(relay)


def _run_unix(relay: Relay, options: Options) -> None:
    """Serve at a path, and remove it afterwards."""
    assert options.host is not None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if options.datagram else socket.SOCK_STREAM)
    try:
        name = UnixName(sock, options.host)
    except OSError as error:
        sock.close()
        where = text(unix_address(options.host))
        raise WiretaleError(f"cannot listen on {where} ({protocol_name(options)}): {reason(error)}") from None
    with name:
        if not options.datagram:
            sock.listen(_KEEP_BACKLOG if options.keep else _UNIX_BACKLOG)
        _serve(sock, relay, options)


def _serve(sock: socket.socket, relay: Relay, options: Options) -> None:
    if options.verbose:
        say(f"listening on {text(sock.getsockname())} ({protocol_name(options)})")
    if options.datagram:
        _serve_datagrams(sock, relay, options)
    else:
        _serve_streams(sock.detach(), relay, options)


def _serve_streams(listener: int, relay: Relay, options: Options) -> None:
    """Accept and talk. The listener stays open during the conversation, as nc's does, and is closed once."""

    def accept() -> Peer:
        fd, address = accept_nonblocking(listener)
        if options.verbose:
            say(f"connection received on {text(address)}")
        return Peer(fd, text(address), tells_half_close=options.unix)

    if options.keep:
        relay.listen_too(listener, accept)
    try:
        relay.add(accept())
        while relay.run() and options.keep:
            relay.add(accept())
    finally:
        os.close(listener)


def _serve_datagrams(sock: socket.socket, relay: Relay, options: Options) -> None:
    """The sender of the first datagram is the peer from then on. With -k, or if it has no address, anyone is."""
    name = text(sock.getsockname())
    if not options.keep:
        _, sender = sock.recvfrom(_PEEK_BYTES, socket.MSG_PEEK)
        if options.verbose:
            say(f"connection received on {text(sender or '')}")
        if sender:
            sock.connect(sender)
            relay.add(Peer(sock.detach(), text(sender), datagram=True))
    if sock.fileno() >= 0:
        relay.add(Crowd(sock, name))
    relay.run()


def _bind(options: Options) -> socket.socket:
    """A bound socket, listening if it is a stream; raises WiretaleError with the last address's reason."""
    assert options.port is not None
    port = port_number(options.port, options, lowest=0)
    fault = WiretaleError(f"{options.host} has no address")
    # A name with both kinds of address is served on IPv4, as nc does on this system.
    for family, address in sorted(targets(options.host, port, options), key=lambda t: t[0] != socket.AF_INET):
        kind, protocol = (
            (socket.SOCK_DGRAM, socket.IPPROTO_UDP) if options.datagram else (socket.SOCK_STREAM, socket.IPPROTO_TCP)
        )
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(address)
            if not options.datagram:
                sock.listen(_KEEP_BACKLOG if options.keep else _BACKLOG)
        except OSError as error:
            sock.close()
            fault = WiretaleError(f"cannot listen on {text(address)} ({protocol_name(options)}): {reason(error)}")
        else:
            return sock
    raise fault
