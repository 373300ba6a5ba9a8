"""Calls of bpf(2) with all commands and many sizes, under the installed strace and under `wiretale strace`."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
SOURCE = """
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
static unsigned char *page;
static void ask(int command, unsigned size, int pattern)
{
	unsigned char *at = page + 4096 - size;
	for (unsigned i = 0; i < size; i++)
		at[i] = pattern == 0 ? 0 : pattern == 1 ? i % 4 == 0 : 0x80 + i * 7;
	syscall(SYS_bpf, command, at, size);
}
/* Whether programs, maps, links and types with small numbers exist is the machine's affair. */
static int asks_for_ids(int command)
{
	return command >= 11 && command <= 14 || command == 19 || command == 23 || command >= 30;
}
int main(void)
{
	page = mmap((void *)0x600000000000, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap(page + 4096, 4096);
	for (int command = 0; command < 32; command++) {
		for (int size = 4; size <= 160; size += 4)
			for (int pattern = asks_for_ids(command) ? 2 : 0; pattern < 3; pattern++)
				ask(command, size, pattern);
		syscall(SYS_bpf, command, 0, 16);
		syscall(SYS_bpf, command, page + 4092, 16);
		if (!asks_for_ids(command)) /* the kernel takes what was not given for zeros: the first of all */
			syscall(SYS_bpf, command, page, 0);
		syscall(SYS_bpf, command, page, 5000);
	}
	return 0;
}
"""
STYLES = [[], ["-X", "raw"], ["-X", "verbose"], ["-v"]]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("strace"), "strace is not installed")
    built = tmp_path_factory.mktemp("bpf") / "calls"
    subprocess.run(["cc", "-w", "-O1", "-x", "c", "-o", built, "-"], input=SOURCE, text=True, check=True)
    return built


def trace(tracer: list[str], style: list[str], program: Path, out: Path) -> list[str]:
    subprocess.run([*tracer, *style, "-a1", "-e", "trace=bpf", "-o", out, program], check=True, capture_output=True)
    return [re.sub(r"=> \d+", "=> ID", line) for line in out.read_text().splitlines()]


@pytest.mark.parametrize("style", STYLES, ids=" ".join)
def test_every_line_is_straces(program: Path, tmp_path: Path, style: list[str]) -> None:
    theirs = trace(["strace"], style, program, tmp_path / "theirs")
    ours = trace([sys.executable, "-m", "wiretale", "strace"], style, program, tmp_path / "ours")
    differ = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    assert not differ[:5], len(differ)


# numbers of objects, addresses of the kernel and times: other ones in each run
VARYING = [
    (r"\bid=\d+", "id=N"),
    (r"map_ids=\[\d+\]", "map_ids=[N]"),
    (r"imm=0x[0-9a-f]+", "imm=N"),
    (r"load_time=\d+", "load_time=N"),
    (r"T[0-9:]{8}\+", "T+"),
    (r'(tag|jited_prog_insns)="[^"]*"', r"\1=BYTES"),
]
OBJECT_STYLES = [
    ["-v"],
    ["-v", "-y"],
    ["-v", "-s", "3"],
    ["-v", "-X", "raw"],
    ["-v", "-X", "verbose"],
    ["-v", "-e", "inject=bpf:error=EPERM:when=5+"],
]


@pytest.mark.parametrize("style", OBJECT_STYLES, ids=" ".join)
def test_what_the_kernel_tells_of_objects_is_shown(tmp_path: Path, style: list[str]) -> None:
    require(shutil.which("strace"), "strace is not installed")
    program = tmp_path / "objects"
    subprocess.run(["cc", "-w", "-O1", "-o", program, Path(__file__).parent / "objects.c"], check=True)
    require(subprocess.run([program], check=False).returncode == 0, "the kernel makes no objects of BPF for us")
    lines = []
    for tracer in (["strace"], [sys.executable, "-m", "wiretale", "strace"]):
        out = tmp_path / "lines"
        subprocess.run([*tracer, *style, "-a1", "-e", "trace=bpf", "-o", out, program], check=True, capture_output=True)
        text = re.sub(r"0x7f[0-9a-f]{10}", "ADDRESS", out.read_text())
        for pattern, same in VARYING:
            text = re.sub(pattern, same, text)
        lines.append([line for line in text.splitlines() if "OBJ_GET_INFO" in line or "bpf(0xf" in line])
    theirs, ours = lines
    assert len(theirs) > 20
    assert ours == theirs
