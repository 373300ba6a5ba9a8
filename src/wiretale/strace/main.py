"""Entry of `wiretale strace`."""

import gc
import os
import sys
from collections.abc import Sequence

from wiretale import __version__
from wiretale.errors import WiretaleError, mistake, shortage
from wiretale.strace.parse import parse

_OBJECTS = 200_000  # records of events are many, and never refer to each other in circles
HELP = """\
Usage: wiretale strace [OPTIONS] PROG [ARGS]
       wiretale strace [OPTIONS] -p PID

  wiretale strace -f nc -l 127.0.0.1 4000
  wiretale strace -f -e trace=%net -o trace.txt curl -s http://127.0.0.1:8000/

Print the system calls and signals of a program in the words and the layout of strace 6.1.

  -f, -ff, -p PID                     follow children; one file each; attach
  -o FILE, -o '|COMMAND', -A          where the trace goes; append
  -o FILE.wiretale                    calls and packets into a capture besides
  -e trace=SET, signal=SET            which calls and signals (names, %net, /regex, !, ?)
  -e status=SET, -z, -Z, -P PATH      which results; only calls that name a path
  -e quiet=SET, -q, -qq, -qqq         which messages are left out
  -e read=SET, write=SET              dump the bytes of these descriptors
  -e abbrev=SET, raw=, verbose=, -v    how much is decoded
  -y, -yy, -Y, -N                     what descriptors are, names of processes, names of arguments
  -s N, -x, -xx, -X FORMAT, -a N      strings, hexadecimal, constants, column of the results
  -k                                  the stack of each call and signal
  -t, -tt, -ttt, -r, -T, -i, -n       times, instruction pointer, call number
  -c, -C, -w, -S KEY, -U LIST, -O N   counts; -w: of wall-clock time
  -E VAR=VAL, -u USER, -I N           environment, user, signals
  -e inject=SET:..., fault=SET:...    tamper with calls: errors, results, signals, delays
  -b execve, -D, -DD, -DDD            let go at the next program; trace in the background
  --seccomp-bpf, --kill-on-exit       stop at wanted calls only; the program dies with the tracer
  --tips[=full,ID]                    something worth knowing at the end
  --engine=ptrace|ebpf|auto, --more   who records; decode what strace leaves as bytes

docs/strace.md lists what is not supported. Exit status: the program's own; if a signal killed it, the same signal.
"""


def run(arguments: Sequence[str], begun: str = "") -> int:
    """Run one command line and return its exit code; `begun` as in run.py. Raises WiretaleError."""
    gc.set_threshold(_OBJECTS)
    gc.enable()
    options, instead = parse(list(arguments))
    if instead:
        sys.stdout.write(HELP if instead == "help" else f"wiretale strace -- version {__version__}\n")
        return 0
    for remark in options.remarks:
        sys.stderr.write(f"strace: {remark}\n")
    from wiretale.strace.run import run as trace  # not for --help

    return trace(options, begun)


def main(arguments: Sequence[str], begun: str = "") -> int:
    """As `run`, with faults printed; used where click is not loaded."""
    try:
        return run(arguments, begun)
    except WiretaleError as fault:
        return _say(fault)
    except Exception as fault:
        if os.environ.get("WIRETALE_DEBUG"):
            raise
        return _say(shortage(fault) or mistake(fault))


def _say(fault: WiretaleError) -> int:
    sys.stderr.write(f"wiretale: {fault.message}\n" + (f"  try: {fault.hint}\n" if fault.hint else ""))
    return fault.exit_code
