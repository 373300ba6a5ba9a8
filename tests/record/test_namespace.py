"""A private network for root and for a user without any privilege."""

import os
from pathlib import Path

import pytest

from tests.conftest import require
from tests.record.packets.private import ORDINARY_UID, run_code

pytestmark = pytest.mark.e2e

LOOK = """
import json, os, socket, subprocess
listener = socket.create_server(("127.0.0.1", 4000))
client = socket.create_connection(("127.0.0.1", 4000))
server, _ = listener.accept()
client.sendall(b"salam")
child = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
status = dict(line.split(":", 1) for line in child.splitlines() if ":" in line)
print(json.dumps({
    "heard": server.recv(10).decode(),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "netns": os.stat("/proc/self/ns/net").st_ino,
    "userns": os.stat("/proc/self/ns/user").st_ino,
    "ids": [os.getuid(), os.getgid()],
    "child_uid": status["Uid"].split()[1],
    "child_caps": int(status["CapEff"], 16),
}))
"""


CAPTURE = """
import json, socket, tempfile
from pathlib import Path
from wiretale.record.packets.source import PacketOptions, PacketSource
from wiretale.store.spool import Spool
spool = Spool(Path(tempfile.mkdtemp()))
source = PacketSource(spool, PacketOptions())
source.open(); source.start()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.sendto(b"salam", ("127.0.0.1", 4000))
source.stop()
report = source.report()
for path in spool.path.iterdir():
    path.unlink()
spool.path.rmdir()
print(json.dumps({"items": report.items, "loopback": report.detail["interfaces"][0]["name"]}))
"""


def test_root_gets_a_network_of_its_own_and_stays_in_its_user_namespace() -> None:
    require(os.geteuid() == 0, "the test runs as root")
    seen = run_code(LOOK)
    assert seen["heard"] == "salam"
    assert "lo" in seen["interfaces"]
    assert "eth0" not in seen["interfaces"]
    assert seen["netns"] != Path("/proc/self/ns/net").stat().st_ino
    assert seen["userns"] == Path("/proc/self/ns/user").stat().st_ino


def test_an_ordinary_user_gets_one_too_and_its_programs_gain_nothing() -> None:
    seen = run_code(LOOK, as_ordinary_user=True)
    assert seen["heard"] == "salam"
    assert seen["netns"] != Path("/proc/self/ns/net").stat().st_ino
    assert seen["userns"] != Path("/proc/self/ns/user").stat().st_ino
    assert seen["ids"] == [ORDINARY_UID, ORDINARY_UID]
    assert seen["child_uid"] == str(ORDINARY_UID)
    assert seen["child_caps"] == 0


def test_an_ordinary_user_captures_packets_there() -> None:
    seen = run_code(CAPTURE, as_ordinary_user=True)
    assert seen == {"items": 36, "loopback": "lo"}  # two copies of 16 probes, of the datagram and of its ICMP error


def test_a_process_with_threads_is_refused() -> None:
    message = run_code(
        """
import json, threading
from wiretale.record.namespace import enter_private_net
over = threading.Event()
threading.Thread(target=over.wait).start()
try:
    enter_private_net()
except RuntimeError as fault:
    print(json.dumps(str(fault)))
over.set()
""",
        private=False,
    )
    assert "one thread" in message


def test_where_user_namespaces_are_forbidden_the_error_names_the_switch() -> None:
    # The limit can be set to 0 without touching this machine: inside a user namespace it has its own.
    message, hint, code = run_code(
        """
import ctypes, json, os
from pathlib import Path
from wiretale.errors import PermissionFault
from wiretale.record.namespace import _CLONE_NEWUSER, _map_ids, _unshare, enter_private_net
uid, gid = os.getuid(), os.getgid()
_unshare(_CLONE_NEWUSER)
_map_ids(uid, gid)
for limit in ("max_user_namespaces", "max_net_namespaces"):
    Path("/proc/sys/user", limit).write_text("0")
try:
    enter_private_net()
except PermissionFault as fault:
    print(json.dumps([fault.message, fault.hint, fault.exit_code]))
""",
        private=False,
        as_ordinary_user=True,
    )
    assert "user.max_user_namespaces is 0" in message
    assert hint.startswith("sudo sysctl user.max_user_namespaces=")
    assert code == 4
