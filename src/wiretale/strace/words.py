"""The words of a command line taken apart as getopt_long(3) does ("+": nothing after PROG is an option)."""

from wiretale.strace.faults import StraceFault

SHORT = "+a:Ab:cCdDe:E:fFhiI:knNo:O:p:P:qrs:S:tTu:U:vVwxX:yYzZ"
# long name -> short option it stands for, "" if it has none; "=": needs a value, "?": may have one
LONG: dict[str, str] = {
    "columns=": "a",
    "output-append-mode": "A",
    "detach-on=": "b",
    "summary-only": "c",
    "summary": "C",
    "debug": "d",
    "daemonize?": "D",
    "daemonise?": "D",
    "daemonized?": "D",
    "daemonised?": "D",
    "env=": "E",
    "follow-forks": "f",
    "help": "h",
    "instruction-pointer": "i",
    "interruptible=": "I",
    "stack-traces": "k",
    "syscall-number": "n",
    "arg-names": "N",
    "output=": "o",
    "summary-syscall-overhead=": "O",
    "attach=": "p",
    "trace-path=": "P",
    "relative-timestamps?": "r",
    "string-limit=": "s",
    "summary-sort-by=": "S",
    "absolute-timestamps?": "t",
    "timestamps?": "t",
    "syscall-times?": "T",
    "user=": "u",
    "summary-columns=": "U",
    "no-abbrev": "v",
    "version": "V",
    "summary-wall-clock": "w",
    "strings-in-hex?": "x",
    "const-print-style=": "X",
    "successful-only": "z",
    "failed-only": "Z",
    "failing-only": "Z",
    "decode-fd?": "y",
    "decode-fds?": "y",
    "decode-pid=": "Y",
    "decode-pids=": "Y",
    **{f"{name}=": "e" for name in ("abbrev", "verbose", "raw", "signal", "signals", "status", "trace")},
    **{f"{name}=": "e" for name in ("read", "write", "fault", "inject", "kvm")},
    "quiet?": "q",
    "silent?": "q",
    "silence?": "q",
    "output-separately": "",
    "pidns-translation": "",
    "seccomp-bpf": "",
    "kill-on-exit": "",
    "engine=": "",
    "more": "",
    "tips?": "",
    "secontext?": "",
}
# What an option that may have a value means without one.
_DEFAULTS = {
    **dict.fromkeys(("daemonize", "daemonise", "daemonized", "daemonised"), "grandchild"),
    **dict.fromkeys(("decode-fd", "decode-fds"), "path"),
    **dict.fromkeys(("relative-timestamps", "syscall-times"), "us"),
    **dict.fromkeys(("quiet", "silent", "silence"), "attach,personality"),
    "strings-in-hex": "all",
}
_VALUELESS = {name.rstrip("=?"): name[-1:] for name in LONG}
EXPRESSIONS = frozenset(n.rstrip("=?") for n, short in LONG.items() if short == "e")


def split(arguments: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Not the getopt of Python: it knows no optional values of long options, and takes longer to load than to write."""
    pairs: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        word = rest[0]
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            full = _complete(name)
            kind = _VALUELESS[full]
            rest.pop(0)
            if kind == "=" and not equals:
                if not rest:
                    raise StraceFault(f"option '--{full}' requires an argument", usage=True)
                value = rest.pop(0)
            elif kind not in ("=", "?") and equals:
                raise StraceFault(f"option '--{full}' doesn't allow an argument", usage=True)
            pairs.append(("--" + full, value if equals or kind == "=" else _DEFAULTS.get(full, "")))
            continue
        pairs += _short(rest)
    if rest and rest[0] == "--":
        rest.pop(0)
    return pairs, rest


def _short(rest: list[str]) -> list[tuple[str, str]]:
    """The options of the next word, which is taken, and where the last one needs a value the word after it too."""
    pairs: list[tuple[str, str]] = []
    letters = rest.pop(0)[1:]
    for at, letter in enumerate(letters):
        where = SHORT.find(letter)
        if where < 0 or letter in "+:":
            raise StraceFault(f"invalid option -- '{letter}'", usage=True)
        if SHORT[where + 1 : where + 2] == ":":
            value = letters[at + 1 :]
            if not value and not rest:
                raise StraceFault(f"option requires an argument -- '{letter}'", usage=True)
            return [*pairs, (f"-{letter}", value or rest.pop(0))]
        pairs.append((f"-{letter}", ""))
    return pairs


def _complete(name: str) -> str:
    if name in _VALUELESS:
        return name
    near = [n for n in _VALUELESS if n.startswith(name)]
    if len(near) != 1:
        many = f"option '--{name}' is ambiguous: it may be {', '.join('--' + n for n in near)}"
        raise StraceFault(many if near else f"unrecognized option '--{name}'", usage=True)
    return near[0]
