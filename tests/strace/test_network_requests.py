"""Requests of ioctl of network devices: strace's words without --more, their arguments with it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
WIRETALE = [sys.executable, "-m", "wiretale", "strace"]
PROGRAM = """
import fcntl, socket, struct, ctypes, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
buffer = ctypes.create_string_buffer(40 * 8)
def ask(request, data):
    try:
        fcntl.ioctl(s, request, data)
    except OSError:
        pass
ask(0x8912, bytearray(struct.pack("iPi", len(buffer), ctypes.addressof(buffer), 0)))
ask(0x8912, bytearray(struct.pack("iPi", 0, 0, 0)))
value = ctypes.create_string_buffer(struct.pack("II", 10, 0) + bytes(300))  # ETHTOOL_GLINK
ask(0x8946, bytearray(struct.pack("16sP16x", b"lo", ctypes.addressof(value))))
ask(0x8946, bytearray(struct.pack("16sP16x", b"lo", 8)))
ask(0x8983, bytearray(struct.pack("i24s24sh2x", 0, b"lo", bytes([5, 0]), 0)))
ask(0x890B, bytearray(struct.pack("8xHH12x16x16xH", 2, 0x5000, 1) + bytes(60)))
ask(0x400454CA, bytearray(struct.pack("16sH22x", b"tun7", 0x1001)))
ask(0x800454CF, bytearray(4))
ask(0x400454CB, 1)
ask(0x8B06, bytearray(struct.pack("16sI12x", b"lo", 2)))
ask(0x40047459, bytearray(struct.pack("I", 1)))
"""


def trace(tracer: list[str], out: Path) -> list[str]:
    words = [*tracer, "-a1", "-e", "trace=ioctl", "-o", str(out), sys.executable, "-S", "-c", PROGRAM]
    subprocess.run(words, check=True, capture_output=True)
    lines = [line for line in out.read_text().splitlines() if line.startswith("ioctl(3, ")]
    assert len(lines) >= 11
    return lines[-11:]


def shape(line: str) -> str:
    """The line without its addresses."""
    return " ".join("0x..." if word.startswith("0x7f") else word for word in line.replace(")", " )").split())


def test_without_more_they_are_straces(tmp_path: Path) -> None:
    require(shutil.which("strace"), "strace is not installed")
    ours, theirs = trace(WIRETALE, tmp_path / "ours"), trace(["strace"], tmp_path / "theirs")
    assert [shape(line) for line in ours] == [shape(line) for line in theirs]
    assert 'ifc_buf=[{ifr_name="lo", ifr_addr={sa_family=AF_INET, ' in ours[0]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (2, '{ifr_name="lo", ifr_data={cmd=ETHTOOL_GLINK, data='),
        (3, '{ifr_name="lo", ifr_data=0x8}'),
        (4, '{cmd=ADD_VLAN_CMD, device1="lo", u=0x5, vlan_qos=0}'),
        (5, "{rt_dst={sa_family=AF_INET, sin_port=htons(80), sin_addr="),
        (6, '{ifr_name="tun7", ifr_flags=IFF_TUN|IFF_NO_PI}'),
        (7, "TUNGETFEATURES, 0x"),  # no answer, so nothing but an address
        (8, "TUNSETPERSIST, 1)"),
        (9, '{ifr_name="lo", mode=IW_MODE_INFRA}'),
        (10, "PPPIOCSFLAGS, [SC_"),
    ],
)
def test_more_says_what_was_asked(tmp_path: Path, at: int, said: str) -> None:
    assert said in trace([*WIRETALE, "--more"], tmp_path / "ours")[at]
