"""--tips: one thing worth knowing about `wiretale strace`, said when the run is over."""

import os

from wiretale.strace.faults import StraceFault
from wiretale.strace.options import TIP_FORMATS

_MOST = 0x7FFFFFFF
_WIDTH = 76

# What it is good for, and the command that shows it.
TIPS = (
    ("A name that ends in .wiretale makes a capture besides the lines: calls and packets, joined byte by byte.",
     "wiretale strace -o run.wiretale curl -s http://127.0.0.1:8000/"),
    ("Ask a capture what happened, in sentences that name the calls and packets they rest on.",
     "wiretale explain run.wiretale"),
    ("A busy program is told best by counts: -c counts calls, -w the time they waited, -C prints the lines, too.",
     "wiretale strace -c -w -f make"),
    ("A descriptor is a number until you ask: -y names files, -yy the two ends of sockets as they are now.",
     "wiretale strace -yy -e trace=%net nc 127.0.0.1 4000"),
    ("With --engine ebpf the program is not stopped: what depends on time behaves as without a tracer.",
     "sudo wiretale strace --engine ebpf -f nc -l 127.0.0.1 4000"),
    ("Calls that failed are often all you need: -Z shows no others.",
     "wiretale strace -f -Z -e trace=%file PROG"),
    ("See what a program does when a call fails, without breaking anything: the second openat has no memory.",
     "wiretale strace -e inject=openat:error=ENOMEM:when=2 PROG"),
    ("-f into one file mixes processes; -ff makes a file for each of them.",
     "wiretale strace -ff -o trace PROG"),
    ("Where in the program is that call made? -k shows the stack of each.",
     "wiretale strace -k -e trace=connect PROG"),
    ("Which call took long? -T says how long each took, -r how much time lies between them.",
     "wiretale strace -r -T PROG"),
    ("--more decodes what strace leaves as bytes: TCP_INFO, ethtool, control messages of IPv6, UDP and TLS.",
     "wiretale strace --more -e trace=getsockopt,ioctl PROG"),
    ("Every call, option and error has a page of its own.",
     "wiretale explain EADDRINUSE"),
    ("A recording that is there already can be read as strace's lines, each with its thread.",
     "wiretale show --format strace run.wiretale"),
    ("A tracer need not be the parent: with -D the program stays the child of your shell.",
     "wiretale strace -D -o trace PROG"),
)  # fmt: skip


def choose(format_: str, tip: int | None, text: str) -> tuple[str, int | None]:
    """What `text`, the value of --tips, changes: the format, and which tip (None: any). Raises StraceFault."""
    format_ = "compact" if format_ == "none" and not text else format_
    for word in filter(None, text.split(",")):
        kind, colon, value = word.rpartition(":")
        if value in TIP_FORMATS and kind in ("", "format") and not (colon and not kind):
            format_ = value
        elif kind in ("", "id") and not (colon and not kind) and (value == "random" or _is_number(value)):
            tip = None if value == "random" else int(value)
            format_ = "compact" if format_ == "none" else format_
        else:
            raise StraceFault(f"invalid --tips argument: '{text}'", usage=True)
    return format_, tip


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and int(word) <= _MOST


def tip_text(format_: str, tip: int | None) -> str:
    """Numbers beyond the last begin anew."""
    if format_ == "none":
        return ""
    number = (int.from_bytes(os.urandom(4), "little") if tip is None else tip) % len(TIPS)
    told, command = TIPS[number]
    if format_ == "compact":
        return f"tip: {told}\n"
    lines = [""]
    for word in told.split():
        if len(lines[-1]) + len(word) >= _WIDTH:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{word}"
    rule = "-" * (_WIDTH + 2)
    return "\n".join([rule, *(f"  {line}" for line in lines), "", f"    {command}", rule, ""])
