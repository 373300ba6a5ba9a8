"""Stories of real programs, kept as text: what they say must be meant when it changes.

The kept text has what the programs themselves cause (see normal.py). Another version of a program may do otherwise, so
each text begins with the versions it was made with, and is compared only where these are the same.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.session import program
from tests.explain.story.accounts import PAIRS, Pair, account
from tests.explain.story.normal import names, normalised, without_descriptors
from tests.explain.story.recordings import service, told
from tests.show.golden_text import check

pytestmark = pytest.mark.e2e

FOLDER = Path(__file__).parent / "golden"

# How each is asked for its version; of Debian's netcats only the package has one that tells builds apart.
VERSIONS = {
    "python": (sys.executable, "-V"),
    "curl": ("curl", "-V"),
    "nginx": ("nginx", "-v"),
    "redis-server": ("redis-server", "-v"),
    "dig": ("dig", "-v"),
    "dnsmasq": ("dnsmasq", "-v"),
    "ssh": ("ssh", "-V"),
    "ncat": ("ncat", "--version"),
    "busybox": ("busybox",),
    "nc.openbsd": ("dpkg-query", "-W", "netcat-openbsd"),
    "nc.traditional": ("dpkg-query", "-W", "netcat-traditional"),
}

# Of each service: the programs whose versions count, and what of the story is left out because it is not theirs alone
# to decide: in how many pieces bytes are read, what is sent again, which of two ends is first to close, what a login
# shell does, which links and addresses the kernel has to tell of. Which descriptors are free when a worker of nginx
# accepts is chance, too.
MOVED = "How data moved|Waiting for the connection|How its clients were served|Worth a look|What was asked"
KEPT = {
    "curl-from-python": (("curl", "python"), f"{MOVED}|How it ended"),
    "nginx": (("curl", "nginx"), f"{MOVED}|Unix stream"),
    "redis": (("redis-server", "nc.openbsd"), rf"{MOVED}|How it ended|shutdown\(\) without"),
    "dnsmasq-and-dig": (("dig", "dnsmasq"), f"{MOVED}|How it ended"),
    "openssh": (("ssh",), rf"{MOVED}|How it ended|The cast|Unix stream|What is odd|[\d,]+ bytes went"),
}


def version(name: str) -> str:
    """One line that tells versions of a program apart."""
    command = [program(VERSIONS[name][0]), *VERSIONS[name][1:]]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()[0].strip()


def compare(name: str, versions: tuple[str, ...], capture: Path, leave_out: str) -> None:
    """The story of a capture against the text that is kept of it."""
    head = "".join(f"Made with {version(v)}.\n" for v in versions)
    path = FOLDER / f"{name}.txt"
    if path.exists() and not path.read_text().startswith(head):
        pytest.skip(f"{path.name} was made with other versions; here: {head}")
    with told(capture) as (db, story):
        processes = db.execute(
            "SELECT pid, arg_min(parent_pid, start_ns), arg_max(comm, start_ns) FROM task WHERE is_leader AND traced"
            " GROUP BY pid ORDER BY min(start_ns)"
        ).fetchall()
        text = normalised(story, names(processes), leave_out)
        check(name, f"{head}\n{without_descriptors(text) if name == 'nginx' else text}", FOLDER)


@pytest.mark.parametrize("pair", [pytest.param(pair, id=pair.name) for pair in PAIRS])
def test_the_story_of_a_netcat_is_as_it_was(pair: Pair) -> None:
    program_name = pair.server[0]
    compare(f"netcat-{pair.name}", (program_name,), account(pair).capture, "")


@pytest.mark.parametrize("name", KEPT)
def test_the_story_of_a_service_is_as_it_was(name: str) -> None:
    versions, leave_out = KEPT[name]
    compare(name, versions, service(name), leave_out)
