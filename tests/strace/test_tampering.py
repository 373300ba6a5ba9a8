"""Tampering with memory, and only with calls that name a path, under the installed strace and `wiretale strace`."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

pytestmark = pytest.mark.e2e
SOURCE = """
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(void)
{
	char path[4096], *at = (char *)0x5a5a0000;	/* two pages, of which the second goes again */
	mmap(at, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap(at + 4096, 4096);
	chdir("/usr/share/doc");
	chdir(memset(at + 4092, 'x', 4));	/* its path has no end */
	getcwd(path, sizeof(path));
	char folder[16] = "abc", link[16] = "";
	chdir(folder);
	chdir("/tmp");
	chdir("/usr");
	chdir("/tmp");
	readlink("/proc/self/exe", link, 8);
	syscall(SYS_chdir, (void *)8);
	getppid();
	int passwd = open("/etc/passwd", O_RDONLY), group = open("/etc/group", O_RDONLY);
	poll((struct pollfd[]){{group, POLLIN}, {passwd, POLLIN}}, 2, 0);
	poll((struct pollfd[]){{group, POLLIN}}, 1, 0);
	fd_set set;
	FD_ZERO(&set);
	FD_SET(group, &set);
	select(group + 1, &set, 0, 0, &(struct timeval){0, 0});
	FD_SET(passwd, &set);
	select(group + 1, 0, &set, 0, &(struct timeval){0, 0});
	select(passwd, 0, &set, 0, &(struct timeval){0, 0});
	return 0;
}
"""
TAMPERED = [
    ["-e", "inject=chdir:poke_enter=@arg1=2f746d7000:when=1"],
    ["-e", "inject=chdir:poke_enter=@arg1=2f746d7000:retval=7:when=1"],
    ["-e", "inject=readlink:poke_exit=@arg2=7a7a"],
    ["-e", "inject=readlink:poke_enter=@arg1=2f70726f63,@arg2=7a7a:poke_exit=@arg2=41:delay_exit=1"],
    ["-e", "inject=chdir:poke_exit=@arg1=41:when=1"],
    ["-e", "inject=chdir:poke_enter=@arg2=41"],
    ["-e", "inject=chdir:poke_enter=@arg1=2f746d70414243:when=2"],
    ["-e", "inject=getcwd:poke_exit=@arg2=41"],
    ["-e", "inject=getcwd:poke_exit=@arg1=5374726163652100"],
    ["-e", "inject=chdir:retval=-1"],
    ["-e", "inject=chdir:error=1", "-e", "inject=chdir:retval=3:when=2"],
    ["-e", "inject=chdir@32:error=EPERM"],
    ["-e", "inject=chdir@64:error=EPERM:when=2..3"],
    ["-e", "inject=chdir:delay_enter=.1ms:delay_exit=1e2us:when=2+2"],
    ["-e", "inject=chdir:delay_exit=1:syscall=gettid"],
    ["-e", "inject=chdir:poke_exit=@arg1=41:syscall=gettid:when=1"],
    ["-e", "inject=chdir:retval=3:syscall=gettid"],
    ["-e", "trace=getppid", "-e", "inject=getppid:retval=0x1f3456789"],
    ["-P", "/etc/passwd", "-e", "trace=/poll|select", "-e", "inject=/poll|select:error=EPERM"],
    ["-P", "/tmp", "-e", "inject=chdir:error=EPERM"],
    ["-P", "/tmp", "-e", "inject=chdir:error=EPERM:when=2"],
    ["-P", "/usr", "-P", "/tmp", "-e", "fault=chdir:error=EIO:when=2+2"],
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("strace"), "strace is not installed")
    built = tmp_path_factory.mktemp("tampering") / "program"
    subprocess.run(["cc", "-w", "-O1", "-x", "c", "-o", built, "-"], input=SOURCE, text=True, check=True)
    return built


def trace(tracer: list[str], options: list[str], program: Path, out: Path) -> list[str]:
    words = [*tracer, "-e", "trace=chdir,getcwd,readlink", "-e", "signal=none", "-o", str(out), *options, str(program)]
    subprocess.run(words, capture_output=True, check=True)
    return out.read_text().splitlines()


@pytest.mark.parametrize("options", TAMPERED, ids=" ".join)
def test_every_line_is_straces(program: Path, tmp_path: Path, options: list[str]) -> None:
    ours = trace([sys.executable, "-m", "wiretale", "strace"], options, program, tmp_path / "ours")
    assert ours == trace(["strace"], options, program, tmp_path / "theirs")


def test_memory_that_cannot_be_written_is_said(program: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "wiretale", "strace", "-o", str(tmp_path / "out")]
    words += ["-e", "inject=chdir:poke_enter=@arg1=41:when=7", str(program)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert re.search(r"Failed to tamper with process \d+: what its argument points to cannot be written", done.stderr)
    assert "chdir(0x8)" in (tmp_path / "out").read_text()


@pytest.mark.parametrize("when", ["poke_enter", "poke_exit"])
def test_an_argument_that_a_call_does_not_have_is_said(tmp_path: Path, when: str) -> None:
    words = [sys.executable, "-m", "wiretale", "strace", "-e", f"inject=access:{when}=@arg3=41", "true"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    said = r"Failed to tamper with process \d+: the rule names an argument that access does not have\n"
    assert re.search(said, done.stderr)
