"""Names and numbers to addresses, and addresses to text for messages.

A numeric host never reaches getaddrinfo: that would look for a name service and read /etc files for nothing.
"""

import os
import socket

from wiretale.errors import UsageFault, WiretaleError
from wiretale.netcat.kernel import Address
from wiretale.netcat.options import Options

Target = tuple[socket.AddressFamily, Address]

_MAX_PORT = 65535


def protocol_name(options: Options) -> str:
    """`tcp`, `udp`, `unix` or `unix datagram`."""
    if options.unix:
        return "unix datagram" if options.datagram else "unix"
    return "udp" if options.datagram else "tcp"


def text(address: Address) -> str:
    """An address as messages show it: `127.0.0.1 4000`, `::1 4000`, or an escaped path."""
    if isinstance(address, tuple):
        scope = f"%{address[3]}" if len(address) == 4 and address[3] else ""
        return f"{address[0]}{scope} {address[1]}"
    if isinstance(address, bytes):
        address = "@" + os.fsdecode(address[1:])
    # The peer chose this path; a control character in it must not reach the terminal.
    # (The unicode_escape codec would do it too, but its import would appear in the middle of the conversation's trace.)
    return "".join(c if c.isprintable() and c != "\\" else f"\\u{{{ord(c):x}}}" for c in address) or "(unnamed)"


def unix_address(path: str) -> str | bytes:
    """The address of a path; `@name` is the abstract one (unix(7))."""
    return b"\0" + os.fsencode(path[1:]) if path.startswith("@") else path


def port_number(word: str, options: Options, lowest: int = 1) -> int:
    """A port from its number or service name; raises UsageFault. 0 as `lowest` allows "any free port"."""
    if word.isascii() and word.isdigit():
        number = int(word) if len(word) <= 5 else _MAX_PORT + 1
        if not lowest <= number <= _MAX_PORT:
            raise UsageFault(f"port {word} is not between {lowest} and {_MAX_PORT}")
        return number
    try:
        if options.numeric:
            raise OSError
        return socket.getservbyname(word, protocol_name(options))
    except (OSError, ValueError):
        raise UsageFault(f"port {word!r} is neither a number nor a known {protocol_name(options)} service") from None


def port_numbers(word: str, options: Options) -> range:
    """The ports of a range such as `20-25`, or of one port."""
    low, dash, high = word.partition("-")
    if dash and low.isdigit() and high.isdigit():
        first, last = port_number(low, options), port_number(high, options)
        if first > last:
            raise UsageFault(f"the port range {word} runs backwards")
        return range(first, last + 1)
    number = port_number(word, options)
    return range(number, number + 1)


def targets(host: str | None, port: int, options: Options) -> list[Target]:
    """Every address HOST has, in the order to try them; no host means "any address of this machine"."""
    if host is None:
        host = "::" if options.ipv6 else "0.0.0.0"  # what a listener without a host binds to
    numeric = _numeric_target(host, port)
    if numeric is not None:
        unwanted = socket.AF_INET6 if options.ipv4 else socket.AF_INET if options.ipv6 else None
        if numeric[0] == unwanted:
            raise WiretaleError(f"{host} is not an {'IPv4' if options.ipv4 else 'IPv6'} address")
        return [numeric]
    family = socket.AF_INET if options.ipv4 else socket.AF_INET6 if options.ipv6 else socket.AF_UNSPEC
    kind = socket.SOCK_DGRAM if options.datagram else socket.SOCK_STREAM
    flags = socket.AI_NUMERICHOST if options.numeric else 0
    try:
        found = socket.getaddrinfo(host, port, family, kind, 0, flags)
    except (socket.gaierror, ValueError) as error:
        why = error.strerror if isinstance(error, socket.gaierror) else "not a valid host name"
        raise WiretaleError(f"cannot resolve {host!r}: {why}") from None
    return [(family, address if len(address) == 4 else (str(address[0]), port)) for family, _, _, _, address in found]


def _numeric_target(host: str, port: int) -> Target | None:
    """The address of a numeric host without a scope; None for names and scoped addresses."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return (family, (host, port)) if family == socket.AF_INET else (family, (host, port, 0, 0))
    return None
