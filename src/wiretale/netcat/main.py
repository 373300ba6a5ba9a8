"""The netcat's command: words in, exit code out. It prints its own messages: it also runs without `wiretale`."""

import os
import signal
from collections.abc import Sequence

from wiretale.errors import Exit, UsageFault, WiretaleError
from wiretale.netcat import connect, listen, scan
from wiretale.netcat.messages import reason, say
from wiretale.netcat.options import USAGE, Options, parse
from wiretale.netcat.unixname import Stopped


def main(words: Sequence[str]) -> int:
    """Run the netcat with these arguments (without the command's name) and return its exit code."""
    try:
        options = parse(list(words))
        if options.help:
            os.write(1, USAGE.encode())
        else:
            _run(options)
    except UsageFault as fault:
        say(f"nc: {fault.message}; nc -h lists the options")
        return Exit.USAGE
    except WiretaleError as fault:
        say(f"nc: {fault.message}")
        return Exit.FAILED
    except OSError as error:
        say(f"nc: {reason(error)}")
        return Exit.FAILED
    except Stopped as stopped:
        signal.signal(stopped.number, signal.SIG_DFL)
        os.kill(os.getpid(), stopped.number)
    return Exit.OK


def _run(options: Options) -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # die of it, as nc does: a shell then knows what happened
    _occupy_standard_descriptors()
    mode = scan if options.scan else listen if options.listen else connect
    mode.run(options)


def _occupy_standard_descriptors() -> None:
    """Put something behind descriptors 0 to 2 that are closed, or the next socket would become standard input.

    /dev/null opened for reading ends at once as input and refuses output, so that no received byte vanishes unnoticed.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
