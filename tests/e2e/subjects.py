"""How each netcat is told to serve and to connect."""

from dataclasses import dataclass

from tests.e2e.session import CLIENT_PORT, HOST4, HOST6, OURS, PORT, program

_PORT, _LOCAL = str(PORT), str(CLIENT_PORT)


@dataclass(frozen=True)
class Subject:
    """One netcat. HOST and PATH are put in by `words`.

    `both`: it can send in both directions at the same time and lose nothing; one that leaves at the end of what it
    receives cannot. The client then does not shut down its side, and the server does.
    """

    name: str
    server: tuple[str, ...]
    client: tuple[str, ...]
    both: bool = True
    most: int = 1 << 40  # bytes it can be trusted with: ncat loses datagrams that arrive while it accepts the first
    input_stays_open: bool = False  # its client leaves at the end of its input, before it has been answered
    threads: bool = False  # the order of its calls differs from run to run
    hosts: tuple[str, ...] = (HOST4, HOST6)


TCP = (
    Subject("openbsd", ("nc.openbsd", "-N", "-l", "HOST", _PORT), ("nc.openbsd", "-p", _LOCAL, "HOST", _PORT)),
    Subject(
        "traditional",
        ("nc.traditional", "-q", "60", "-l", "-s", "HOST", "-p", _PORT),
        ("nc.traditional", "-p", _LOCAL, "HOST", _PORT),
        hosts=(HOST4,),
    ),
    Subject("ncat", ("ncat", "-l", "HOST", _PORT), ("ncat", "--no-shutdown", "-p", _LOCAL, "HOST", _PORT)),
    Subject(
        "socat",
        ("socat", "-t", "60", "-", "TCPV-LISTEN:4000,bind=[HOST],reuseaddr"),
        ("socat", "-t", "60", "-", "TCPV:[HOST]:4000"),
    ),
    Subject("busybox", ("busybox", "nc", "-l", "-p", _PORT), ("busybox", "nc", "HOST", _PORT), both=False),
    Subject(
        "toybox",
        ("toybox", "nc", "-l", "-s", "HOST", "-p", _PORT),
        ("toybox", "nc", "HOST", _PORT),
        both=False,
    ),
    Subject("pwncat", ("pwncat", "-l", "HOST", _PORT), ("pwncat", "HOST", _PORT), both=False, threads=True),
    Subject("ours", (*OURS, "-N", "-l", "HOST", _PORT), (*OURS, "-p", _LOCAL, "HOST", _PORT)),
)

UDP = (
    Subject("openbsd", ("nc.openbsd", "-u", "-l", "HOST", _PORT), ("nc.openbsd", "-u", "HOST", _PORT)),
    Subject(
        "traditional",
        ("nc.traditional", "-u", "-l", "-s", "HOST", "-p", _PORT),
        ("nc.traditional", "-u", "HOST", _PORT),
        hosts=(HOST4,),
    ),
    Subject(
        "ncat", ("ncat", "-u", "-l", "HOST", _PORT), ("ncat", "-u", "HOST", _PORT), most=8000, input_stays_open=True
    ),
    Subject(
        "socat",
        ("socat", "-t", "60", "-", "UDPV-LISTEN:4000,bind=[HOST]"),
        ("socat", "-t", "60", "-", "UDPV:[HOST]:4000"),
    ),
    Subject(
        "toybox",
        ("toybox", "nc", "-u", "-l", "-s", "HOST", "-p", _PORT),
        ("toybox", "nc", "-u", "HOST", _PORT),
    ),
    Subject("pwncat", ("pwncat", "-u", "-l", "HOST", _PORT), ("pwncat", "-u", "HOST", _PORT), threads=True),
    Subject("ours", (*OURS, "-u", "-l", "HOST", _PORT), (*OURS, "-u", "HOST", _PORT)),
)

UNIX_STREAM = (
    Subject("openbsd", ("nc.openbsd", "-N", "-lU", "PATH"), ("nc.openbsd", "-U", "PATH")),
    Subject("ncat", ("ncat", "-lU", "PATH"), ("ncat", "--no-shutdown", "-U", "PATH")),
    Subject(
        "socat",
        ("socat", "-t", "60", "-", "UNIX-LISTEN:PATH"),
        ("socat", "-t", "60", "-", "UNIX-CONNECT:PATH"),
    ),
    Subject("ours", (*OURS, "-NlU", "PATH"), (*OURS, "-U", "PATH")),
)

UNIX_DATAGRAM = (
    Subject("openbsd", ("nc.openbsd", "-luU", "PATH"), ("nc.openbsd", "-uU", "-s", "PATH.c", "PATH")),
    Subject(
        "ncat", ("ncat", "-luU", "PATH"), ("ncat", "-uU", "-s", "PATH.c", "PATH"), most=8000, input_stays_open=True
    ),
    Subject("socat", ("socat", "-", "UNIX-RECV:PATH"), ("socat", "-", "UNIX-SENDTO:PATH"), both=False),
    Subject("ours", (*OURS, "-luU", "PATH"), (*OURS, "-uU", "PATH")),
)


def words(line: tuple[str, ...], host: str = "", path: str = "") -> list[str]:
    """A command line with its places filled and its program found. socat says the family in the address type."""
    version = "6" if ":" in host else "4"
    bracketed = f"[{host}]" if ":" in host else host
    result = []
    for word in line:
        if "[HOST]" in word:
            word = word.replace("TCPV", f"TCP{version}").replace("UDPV", f"UDP{version}")  # noqa: PLW2901
        result.append(word.replace("[HOST]", bracketed).replace("HOST", host).replace("PATH", path))
    return [program(result[0]), *result[1:]]
