"""Every request of ioctl whose argument is decoded, under the installed strace and under `wiretale strace`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from wiretale.decode.syscalls.requests import rows

pytestmark = pytest.mark.e2e
SOURCE = """
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	unsigned char *pages = mmap((void *)0x600000000000, 8192, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap(pages + 4096, 4096);
	for (int i = 1; i < argc; i++) {
		unsigned long request = strtoul(argv[i], NULL, 0);
		for (int pattern = 0; pattern < 4; pattern++) {
			for (int at = 0; at < 4096; at++)
				pages[at] = pattern == 0 ? 0 : pattern == 1 ? at % 4 == 0 : pattern == 2 ? 0x80 + at : 'A' + at % 26;
			syscall(SYS_ioctl, -1, request, pages + 2048);
		}
		syscall(SYS_ioctl, -1, request, NULL);
		syscall(SYS_ioctl, -1, request, pages + 4095);
		syscall(SYS_ioctl, -1, request, pages + 4096);
		syscall(SYS_ioctl, -1, request, 0xdeadbeefbadc0dedul);
	}
	return 0;
}
"""
# linux/input.h: requests with a size or a code in their number
SIZED = [
    *(0x80404520 + kind for kind in range(32)),  # EVIOCGBIT(kind, 64)
    *(0x80184540 + axis for axis in (0, 1, 0x0E, 0x2F, 0x3D, 0x3F)),  # EVIOCGABS(axis)
    *(0x401845C0 + axis for axis in (0, 1, 0x0E, 0x2F, 0x3D, 0x3F)),  # EVIOCSABS(axis)
    *(0x80204500 + number for number in (1, 6, 7, 8, 9, 0x0A, 0x18, 0x19, 0x1A, 0x1B, 0x1F)),
    *(0x80004500 + (size << 16) + number for size in (19, 20, 23, 28) for number in (0x0A, 0x40)),
]
STYLES = [
    [],
    ["-v"],
    ["-X", "raw", "-v"],
    ["-X", "verbose"],
    ["-e", "inject=ioctl:retval=0", "-v"],
    ["-e", "inject=ioctl:retval=24"],
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("strace"), "strace is not installed")
    built = tmp_path_factory.mktemp("requests") / "requests"
    subprocess.run(["cc", "-w", "-O1", "-x", "c", "-o", built, "-"], input=SOURCE, text=True, check=True)
    return built


def trace(tracer: list[str], style: list[str], program: Path, out: Path) -> list[str]:
    words = [*tracer, *style, "-a1", "-e", "trace=ioctl", "-o", str(out), str(program), *map(hex, [*rows(), *SIZED])]
    subprocess.run(words, check=True, capture_output=True)
    return out.read_text().splitlines()


@pytest.mark.parametrize("style", STYLES, ids=" ".join)
def test_every_line_is_straces(program: Path, tmp_path: Path, style: list[str]) -> None:
    theirs = trace(["strace"], style, program, tmp_path / "theirs")
    ours = trace([sys.executable, "-m", "wiretale", "strace"], style, program, tmp_path / "ours")
    assert ours == theirs
