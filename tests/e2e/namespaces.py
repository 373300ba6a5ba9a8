"""Recording between two network namespaces, over a good path or a bad one (two_namespaces.sh, badpath.py)."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.conftest import require
from tests.e2e.session import WIRETALE, program

HERE = Path(__file__).parent
NEAR, FAR = "10.0.0.1", "10.0.0.2"


def run_in_two(folder: Path, command: list[str], bad_path: str = "") -> str:
    """Run `command` in the near namespace; {far} in it becomes the process whose network is the far one."""
    require(os.geteuid() == 0, "the test runs as root, to make network namespaces")
    for tool in ("ip", "nsenter", "mkfifo"):
        program(tool)
    words = shlex.join(command).replace("{far}", "$(cat peer)").replace("'$(cat peer)'", "$(cat peer)")
    done = subprocess.run(
        [program("unshare"), "-n", "sh", str(HERE / "two_namespaces.sh"), "sh", "-c", words],
        cwd=folder, env={**os.environ, "BAD_PATH": bad_path, "HERE": str(HERE), "PYTHON": sys.executable},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    return done.stderr


def record_transfer(
    folder: Path, *, bad_path: str = "", trace_server: bool = True, options: tuple[str, ...] = ()
) -> Path:
    """`near` sends `data` to a server in the far namespace, which keeps it in `got`. Returns the capture."""
    capture = folder / "run.wiretale"
    server = [
        "nsenter",
        "-t",
        "{far}",
        "-n",
        program("socat"),
        "-u",
        "TCP-LISTEN:4000,reuseaddr",
        "OPEN:got,creat,trunc",
    ]
    client = ["sh", "-c", f"nc.openbsd -N {FAR} 4000 <data"]
    record = [*WIRETALE, "record", "-q", "-o", str(capture), "--snaplen", "all", *options]
    if trace_server:
        said = run_in_two(folder, [*record, "--with", shlex.join(client), "--", *server], bad_path)
    else:
        # the far namespace's own list of sockets says when the server listens
        waiting = "until grep -q ':0FA0 .* 0A ' /proc/$(cat peer)/net/tcp /proc/$(cat peer)/net/tcp6; do :; done"
        script = f"{shlex.join(server)} & {waiting}; {shlex.join([*record, '--', *client])}; wait $!"
        said = run_in_two(folder, ["eval", script.replace("'{far}'", "{far}")], bad_path)
    assert capture.exists(), said
    return capture
