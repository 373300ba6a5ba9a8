"""-k: the stacks are those that strace prints, for calls and signals, of C and of C++."""

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require

SOURCE = """
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEPT __attribute__((noinline, noclone))
static volatile int ran;
static void *nothing;

KEPT int third(void) { int failed = chdir(""); if (ran < 2) kill(getpid(), SIGURG); return failed - ran; }
KEPT int second(void) { return third() + ++ran; }
KEPT int first(void) { return second() + ++ran; }
static void *thread(void *unused) { first(); return unused; }

/* A call from memory that no file is mapped to. */
static void from_nowhere(void)
{
	static const unsigned char getppid_code[] = {0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0xc3};
	void *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(code, getppid_code, sizeof(getppid_code));
	((int (*)(void))code)();
}

int main(void)
{
	pthread_t other;
	first();
	pthread_create(&other, 0, thread, nothing);
	pthread_join(other, 0);
	from_nowhere();
	return 0;
}
"""
FRAME = re.compile(r" > ([^(]*)\((?:(.*)\+0x[0-9a-f]+)?\) \[0x[0-9a-f]+\]")
WIRETALE = [str(Path(sys.executable).with_name("wiretale")), "strace"]


def stacks(tracer: list[str], program: Path, *options: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The first word of each call and signal with its frames: (file, symbol)."""
    out = program.with_name("lines")
    words = [*tracer, "-k", "-e", "trace=chdir,kill", "-o", str(out), *options, str(program)]
    subprocess.run(words, check=True, capture_output=True)
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for line in out.read_text().splitlines():
        frame = FRAME.fullmatch(line)
        if frame is not None:
            found[-1][1].append((frame[1], frame[2] or ""))
        elif not line.startswith(" >"):
            found.append((re.sub(r"^[0-9]+ +|[ (].*", "", line), []))
    return found


def symbols(frames: list[tuple[str, str]]) -> list[str]:
    return [symbol for _, symbol in frames]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("strace"), "strace is not installed")
    built = tmp_path_factory.mktemp("stacks") / "program"
    words = ["cc", "-w", "-g", "-O1", "-fno-optimize-sibling-calls", "-pthread", "-x", "c", "-o", str(built), "-"]
    subprocess.run(words, input=SOURCE, text=True, check=True)
    return built


def test_the_stacks_of_calls_and_signals_are_those_of_strace(program: Path) -> None:
    ours = stacks(WIRETALE, program)
    assert ours == stacks(["strace"], program)
    assert symbols(ours[0][1])[:5] == ["chdir", "third", "second", "first", "main"]
    assert [name for name, _ in ours[:3]] == ["chdir", "kill", "---"]
    assert "third" in symbols(ours[2][1])


def test_each_thread_has_a_stack_of_its_own(program: Path) -> None:
    of_chdir = [frames for name, frames in stacks(WIRETALE, program, "-f") if name == "chdir"]
    assert ["main" in symbols(frames) for frames in of_chdir] == [True, False]
    assert "thread" in symbols(of_chdir[1])


def test_code_that_no_file_holds_has_its_address(program: Path, tmp_path: Path) -> None:
    subprocess.run([*WIRETALE, "-k", "-e", "trace=getppid", "-o", tmp_path / "t", program], check=True)
    assert re.search(r"getppid\(\) .*\n > \?\? \[0x7[0-9a-f]+\]\n", (tmp_path / "t").read_text())


def test_names_of_cpp_are_written_as_in_its_source(tmp_path: Path) -> None:
    require(shutil.which("c++"), "a C++ compiler is installed")
    built = tmp_path / "program"
    source = """
    #include <unistd.h>
    namespace ns { __attribute__((noinline)) int asks(int n) { return chdir("") + n; } }
    int main(int n, char **) { return ns::asks(n) + n > 100; }
    """
    words = ["c++", "-w", "-O1", "-fno-optimize-sibling-calls", "-x", "c++", "-o", str(built), "-"]
    subprocess.run(words, input=source, text=True, check=True)
    assert "ns::asks(int)" in symbols(stacks(WIRETALE, built)[0][1])


def test_a_program_that_executes_another_has_the_stacks_of_the_other(program: Path, tmp_path: Path) -> None:
    words = ["-k", "-e", "trace=chdir", "-o", str(tmp_path / "t"), "sh", "-c", f"cd /; exec {program}"]
    subprocess.run([*WIRETALE, *words], check=True)
    text = (tmp_path / "t").read_text()
    assert re.search(r'chdir\("/"\) .*\n( > .*\n)* > \S*/(da|ba)?sh\(', text)
    assert re.search(r'chdir\(""\) .*\n( > .*\n)* > \S*/program\(third', text)


def test_a_call_that_does_not_return_has_its_stack_too() -> None:
    done = subprocess.run(
        [*WIRETALE, "-k", "-e", "trace=exit_group", "true"], capture_output=True, text=True, check=True
    )
    assert re.search(r"exit_group\(0\) += \?\n > \S+\(_exit\+0x.*\n( > .*\n)*\+\+\+ exited with 0", done.stderr)


def test_a_32_bit_program_has_no_stacks_from_its_execve_on(tmp_path: Path) -> None:
    require(platform.machine() == "x86_64", "x86-64, whose programs may have 32 bits")
    built = tmp_path / "program"
    source = """
    void _start(void)
    {
        __asm__ volatile("int $0x80" : : "a"(37), "b"(0), "c"(23)); /* kill(0, SIGURG) */
        __asm__ volatile("int $0x80" : : "a"(1), "b"(0)); /* exit */
    }
    """
    words = ["cc", "-w", "-O1", "-m32", "-nostdlib", "-static", "-fno-pic", "-x", "c", "-o", str(built), "-"]
    subprocess.run(words, input=source, text=True, check=True)
    words = [*WIRETALE, "-k", "-e", "trace=execve,kill", "-o", str(tmp_path / "t"), "setsid", "-w", str(built)]
    subprocess.run([*words[:2], "-f", *words[2:]], check=True)
    text = (tmp_path / "t").read_text()
    assert re.search(r"execve\(.*\n.* > ", text)
    assert not re.search(r"program.*\n > ", text)
    assert "SIGURG" in text
    assert " > " not in text[text.index("kill(") :]
