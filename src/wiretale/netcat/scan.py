"""-z: which ports can be reached. Nothing is sent to a TCP port; a UDP port gets one byte, as silence says nothing.

A UDP port that stays silent may be open or filtered; as in nc it counts as reached. nc sends five such bytes and sleeps
for three seconds; one byte and one wait for the refusal find the same.
"""

import errno
import os
import socket

from wiretale.errors import WiretaleError
from wiretale.netcat.addresses import port_numbers, protocol_name
from wiretale.netcat.connect import connect
from wiretale.netcat.kernel import POLLIN, poll
from wiretale.netcat.messages import reason, say
from wiretale.netcat.options import Options
from wiretale.netcat.peer import Peer

_UDP_WAIT_S = 1.0


def run(options: Options) -> None:
    """Try every port, upwards; raises WiretaleError if none could be reached."""
    assert options.port is not None
    reached = False
    ports = port_numbers(options.port, options)
    for port in ports:
        try:
            peer = connect(port, options)
            try:
                if options.datagram:
                    _probe(peer, options)
            finally:
                peer.close()
        except WiretaleError as fault:
            if len(ports) == 1:
                raise
            if options.verbose:
                say(fault.message)
            continue
        reached = True
        say(f"connection to {options.host} {port} port [{_service(port, options)}] succeeded!")
    if not reached:
        raise WiretaleError(f"no port of {options.port} on {options.host} could be reached")


def _probe(peer: Peer, options: Options) -> None:
    """Send one byte and wait for an answer or a refusal."""
    wait_s = _UDP_WAIT_S if options.timeout is None else options.timeout
    try:
        os.write(peer.fd, b"X")
        if any(poll([(peer.fd, POLLIN)], int(wait_s * 1000))):
            os.read(peer.fd, 1)
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise WiretaleError(f"connect to {peer.name} (udp) failed: {reason(error)}") from None


def _service(port: int, options: Options) -> str:
    """`tcp/http`, or `tcp/*` if the port has no name or names are not wanted."""
    name = "*"
    if not options.numeric:
        try:
            name = socket.getservbyport(port, protocol_name(options))
        except OSError:
            name = "*"
    return f"{protocol_name(options)}/{name}"
