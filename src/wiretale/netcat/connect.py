"""The client: one connection, or one after the other over a range of ports."""

import contextlib
import errno
import fcntl
import os
import select
import socket
import struct

from wiretale.errors import WiretaleError
from wiretale.netcat.addresses import Target, port_number, port_numbers, protocol_name, targets, text, unix_address
from wiretale.netcat.messages import reason, say
from wiretale.netcat.options import Options
from wiretale.netcat.peer import Peer
from wiretale.netcat.relay import Relay, raise_failure
from wiretale.netcat.unixname import UnixName


def run(options: Options) -> None:
    """Connect and pass bytes until the conversation ends; raises WiretaleError."""
    if options.unix:
        _run_unix(Relay(options), options)
        return
    assert options.port is not None
    ports = port_numbers(options.port, options)
    reached = False
    for port in ports:
        relay = Relay(options)
        try:
            peer = connect(port, options)
        except WiretaleError as fault:
            if len(ports) == 1:
                raise
            if options.verbose:
                say(fault.message)
            continue
        reached = True
        _converse(peer, relay, options)
    if not reached:
        raise WiretaleError(f"no port of {options.port} on {options.host} could be reached")


def _converse(peer: Peer, relay: Relay, options: Options) -> None:
    if options.verbose:
        say(f"connection to {peer.name} ({protocol_name(options)}) succeeded!")
    relay.add(peer)
    relay.run()
    raise_failure(relay)


def connect(port: int, options: Options) -> Peer:
    """A peer at the first address of the host that answers on `port`; raises WiretaleError with the last reason."""
    fault: WiretaleError | None = None
    for target in targets(options.host, port, options):
        sock = open_socket(target, options)
        try:
            _bind_local(sock, target[0], options)
            finish_connect(sock, target, options)
        except OSError as error:
            sock.close()
            what = f"connect to {text(target[1])} ({protocol_name(options)}) failed"
            if fault is not None and options.verbose:
                say(fault.message)
            fault = WiretaleError(f"{what}: {reason(error)}")
            continue
        except WiretaleError:
            sock.close()
            raise
        return Peer(sock.detach(), text(target[1]), datagram=options.datagram)
    raise fault or WiretaleError(f"{options.host} has no address")


def open_socket(target: Target, options: Options) -> socket.socket:
    """A non-blocking socket for one target."""
    if options.datagram:
        return socket.socket(target[0], socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.IPPROTO_UDP)
    return socket.socket(target[0], socket.SOCK_STREAM | socket.SOCK_NONBLOCK, socket.IPPROTO_TCP)


def _bind_local(sock: socket.socket, family: socket.AddressFamily, options: Options) -> None:
    """Take the local address and port of -s and -p.

    SO_REUSEADDR lets a TCP client take its old port while the last connection is still in TIME-WAIT; a UDP port has no
    such state, and there the option would let two programs share it.
    """
    if options.local_port is None and options.local_address is None:
        return
    port = port_number(options.local_port or "0", options, lowest=0)
    host = options.local_address or ("::" if family == socket.AF_INET6 else "0.0.0.0")
    found = [address for its_family, address in targets(host, port, options) if its_family == family]
    if not found:
        raise WiretaleError(f"the local address {host} is of another family than the destination")
    if not options.datagram:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(found[0])
    except OSError as error:
        raise WiretaleError(f"cannot use the local address {text(found[0])}: {reason(error)}") from None


def finish_connect(sock: socket.socket, target: Target, options: Options) -> None:
    """Connect without blocking, wait for the outcome as nc does, raise OSError if it is bad.

    The F_SETFL calls change nothing, because the socket was made non-blocking. They are nc's own, and kept so that the
    trace of one explains the trace of the other.
    """
    fd = sock.fileno()
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    code = sock.connect_ex(target[1])
    if code == errno.EINPROGRESS:
        if not select.select([], [fd], [], options.timeout)[1]:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    fcntl.fcntl(fd, fcntl.F_SETFL, flags)


def _run_unix(relay: Relay, options: Options) -> None:
    """Talk to a unix socket.

    A datagram client gets a name so that it can be answered: -s, or one of the kernel's choosing (unix(7), autobind),
    which leaves no file behind.
    """
    assert options.host is not None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if options.datagram else socket.SOCK_STREAM)
    address = unix_address(options.host)
    with contextlib.ExitStack() as stack:
        try:
            if options.local_address:
                stack.enter_context(UnixName(sock, options.local_address))
            elif options.datagram:
                sock.bind("")
            _connect_unix(sock, address, options)
        except OSError as error:
            sock.close()
            raise WiretaleError(
                f"connect to {text(address)} ({protocol_name(options)}) failed: {reason(error)}"
            ) from None
        is_stream = not options.datagram
        peer = Peer(sock.detach(), text(address), datagram=options.datagram, tells_half_close=is_stream)
        _converse(peer, relay, options)


def _connect_unix(sock: socket.socket, address: str | bytes, options: Options) -> None:
    """connect, which on a stream waits while the backlog is full; -w bounds that (socket(7): SO_SNDTIMEO)."""
    if options.timeout is not None:
        seconds, fraction = divmod(options.timeout, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), int(fraction * 1e6)))
    try:
        sock.connect(address)
    except BlockingIOError:
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
