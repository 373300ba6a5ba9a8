"""The command line of the netcat: raw words to `Options`.

argparse, dataclasses, typing and pathlib are avoided: each adds a hundred system calls and more to the start, in the
very trace that is to be read.
"""

import os

from wiretale.errors import UsageFault

USAGE = """\
usage: nc [options] HOST PORT           connect
       nc -l [options] [HOST] PORT      listen (also: -l -p PORT [-s HOST])
       nc -U [options] PATH             the same over a unix socket

  nc -l 127.0.0.1 4000                  one end
  nc -p 4444 127.0.0.1 4000             the other

  -4 -6        IPv4 only, IPv6 only
  -d           do not read standard input
  -h           this text
  -k           with -l: keep listening, and serve several clients at once
  -l           listen
  -N           shut down the sending side at the end of standard input
  -n           numbers only, look no name up
  -p PORT      local port
  -q SECS      leave SECS after the end of standard input (implies -N);
               negative: stay until standard input has ended
  -s ADDR      local address (with -uU: local path)
  -U           unix socket; a path that begins with @ is abstract
  -u           UDP; with -U, datagrams
  -v           one line on standard error for every change of state
  -W COUNT     leave after receiving COUNT times
  -w SECS      give up connecting, or leave an idle connection, after SECS
  -z           scan: only see whether the ports can be reached

PORT is a number, a service name or, for a client, a range such as 20-25.
Exit status: 0 done, 1 failed (one sentence says why), 2 wrong usage.
"""

_FLAGS = {
    "4": "ipv4",
    "6": "ipv6",
    "d": "ignore_stdin",
    "h": "help",
    "k": "keep",
    "l": "listen",
    "N": "shutdown_at_eof",
    "n": "numeric",
    "U": "unix",
    "u": "datagram",
    "v": "verbose",
    "z": "scan",
}
_VALUES = {"p": "local_port", "q": "quit_after", "s": "local_address", "W": "receive_limit", "w": "timeout"}
_EXCLUSIVE = (("ipv4", "ipv6"), ("listen", "scan"), ("unix", "ipv4"), ("unix", "ipv6"), ("unix", "scan"))
_UNIX_PATH_BYTES = 107  # sun_path of unix(7) without the closing NUL


class Options:
    """What the user asked for; see `USAGE`. Times are in seconds. Nothing changes it after `parse`."""

    host: str | None = None
    port: str | None = None  # number, service name or range; None for unix sockets
    ipv4: bool = False
    ipv6: bool = False
    ignore_stdin: bool = False
    help: bool = False
    keep: bool = False
    listen: bool = False
    shutdown_at_eof: bool = False
    numeric: bool = False
    unix: bool = False
    datagram: bool = False
    verbose: bool = False
    scan: bool = False
    local_port: str | None = None
    local_address: str | None = None
    quit_after: float | None = None
    receive_limit: int | None = None
    timeout: float | None = None

    @property
    def stay_for_stdin(self) -> bool:
        """-q with a negative number: a peer that has closed is not a reason to leave."""
        return self.quit_after is not None and self.quit_after < 0


def parse(words: list[str]) -> Options:
    """Options from the words after the command's name; raises UsageFault."""
    flags: set[str] = set()
    values: dict[str, str] = {}
    operands: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            operands += rest
            break
        if word == "--help":
            flags.add("help")
        elif word.startswith("-") and word != "-":
            _parse_letters(word, rest, flags, values)
        else:
            operands.append(word)
    options = Options()
    if "help" in flags:
        options.help = True
    else:
        _check(flags, values, operands)
        _fill(options, flags, values, operands)
    return options


def _parse_letters(word: str, rest: list[str], flags: set[str], values: dict[str, str]) -> None:
    """One word of letters (`-lk`, `-p4000`, `-nvz`); a value may be the rest of the word or the next word."""
    for place, letter in enumerate(word[1:], start=2):
        if letter in _FLAGS:
            flags.add(_FLAGS[letter])
        elif letter in _VALUES:
            value = word[place:]
            if not value:
                if not rest:
                    raise UsageFault(f"option -{letter} needs a value")
                value = rest.pop(0)
            values[_VALUES[letter]] = value
            return
        else:
            raise UsageFault(f"unknown option -{letter}" if word[1] != "-" else f"unknown option {word}")


def _check(flags: set[str], values: dict[str, str], operands: list[str]) -> None:
    """Refuse combinations that cannot be meant."""
    letters = {name: letter for letter, name in _FLAGS.items()}
    for first, second in _EXCLUSIVE:
        if first in flags and second in flags:
            raise UsageFault(f"-{letters[first]} and -{letters[second]} cannot be used together")
    if "keep" in flags and "listen" not in flags:
        raise UsageFault("-k needs -l")
    if "unix" in flags and "local_port" in values:
        raise UsageFault("a unix socket has no port: -p and -U cannot be used together")
    if "unix" in flags and "local_address" in values and ("listen" in flags or "datagram" not in flags):
        raise UsageFault("with -U, -s is the local path of a datagram client only")
    most = 1 if "unix" in flags else 2
    if len(operands) > most:
        raise UsageFault(f"one word too many: {operands[most]!r}")


def _fill(options: Options, flags: set[str], values: dict[str, str], operands: list[str]) -> None:
    """Place HOST and PORT and turn numbers into numbers."""
    for name in flags:
        setattr(options, name, True)
    options.local_port = values.get("local_port")
    options.local_address = values.get("local_address")
    place = _place_unix if options.unix else _place_listener if options.listen else _place_client
    options.host, options.port = place(options, operands)
    options.quit_after = _seconds(values, "quit_after", "q")
    if options.quit_after is not None and options.quit_after >= 0:
        options.shutdown_at_eof = True
    options.timeout = _seconds(values, "timeout", "w")
    if options.timeout is not None and options.timeout <= 0:
        raise UsageFault("-w needs a number of seconds above 0")
    limit = values.get("receive_limit")
    if limit is not None:
        if not (limit.isascii() and limit.isdigit() and int(limit[:9]) > 0):
            raise UsageFault(f"-W needs a whole number above 0, not {limit!r}")
        options.receive_limit = int(limit[:9])


def _place_client(options: Options, operands: list[str]) -> tuple[str, str]:
    """Where to connect."""
    if len(operands) < 2:
        raise UsageFault("a host and a port are needed")
    return operands[0], operands[1]


def _place_listener(options: Options, operands: list[str]) -> tuple[str | None, str]:
    """Where to listen: `[HOST] PORT`, or -p with -s. One word beside -p is refused: netcats disagree on its meaning."""
    if options.local_port is not None:
        if operands:
            raise UsageFault("with -l give the port once: -l HOST PORT, or -l -s HOST -p PORT")
        return options.local_address, options.local_port
    if not operands:
        raise UsageFault("a port to listen on is needed")
    if len(operands) == 2 and options.local_address is not None:
        raise UsageFault("with -l give the address once: -l HOST PORT, or -l -s HOST -p PORT")
    return (operands[0], operands[1]) if len(operands) == 2 else (options.local_address, operands[0])


def _place_unix(options: Options, operands: list[str]) -> tuple[str, None]:
    """The path of a unix socket, in place of HOST."""
    if not operands:
        raise UsageFault("a path is needed")
    for path in (operands[0], options.local_address or "-"):
        size = len(os.fsencode(path))
        if not 0 < size <= _UNIX_PATH_BYTES or "\0" in path:
            raise UsageFault(
                f"the path of a unix socket has 1 to {_UNIX_PATH_BYTES} bytes and no NUL, not {size} bytes"
            )
    return operands[0], None


def _seconds(values: dict[str, str], name: str, letter: str) -> float | None:
    """A number of seconds, fractions allowed."""
    text = values.get(name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not abs(seconds) <= 1_000_000:  # about what poll's int of milliseconds holds; NaN fails too
        raise UsageFault(f"-{letter} needs a number of seconds, not {text!r}")
    return seconds
