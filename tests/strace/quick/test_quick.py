"""The renderer in C says what Python says of the same recording, event by event, or leaves it to Python."""

import random
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from tests.conftest import require
from wiretale.decode.syscalls import table
from wiretale.model.spool import HEADER_BYTES
from wiretale.store.load.tracer_events import EventReader, TracerEvent
from wiretale.store.tracer_files import TracerFiles
from wiretale.strace.begun import read_held
from wiretale.strace.output import Outputs
from wiretale.strace.parse import parse
from wiretale.strace.printer import StracePrinter
from wiretale.strace.quick import tables

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))
from compare_strace import PROGRAMS

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent
STRACE = Path(tables.__file__).parents[1]
OPTIONS = {  # words -> the arguments of render.c: STRINGS COLUMN QUIET FOLLOW TO_STDERR TIMES RELATIVE TOOK
    ("-f", "-o", "t"): (32, 40, 1, 1, 0, 0, 0, 0),
    ("-f", "-s", "5", "-a", "60"): (5, 60, 0, 1, 1, 0, 0, 0),
    ("-s", "3000", "-qq", "-o", "t"): (3000, 40, 2, 0, 0, 0, 0, 0),
    ("-s", "0", "-a", "0", "-q"): (0, 0, 1, 0, 1, 0, 0, 0),
    ("-tf",): (32, 40, 0, 1, 1, 1, 0, 0),
    ("-ttT",): (32, 40, 0, 0, 1, 2, 0, 1),
    ("-tttr", "-f", "-o", "t"): (32, 40, 1, 1, 0, 3, 1, 0),
    ("-rT", "-f"): (32, 40, 0, 1, 1, 0, 1, 1),
}
OFFSET_NS = 1_700_000_000_123_456_789  # as in render.c
# With these all of the programs is rendered; long lists of attributes, and lists cut at nothing, are Python's.
WHOLE = frozenset(words for words in OPTIONS if words[0] != "-s")
SIGNALS = (
    "import ctypes; ctypes.string_at(0)",
    "import os, signal; signal.signal(10, lambda *_: 0); os.kill(os.getpid(), 10); signal.pthread_kill(1, 0)",
    "import os, signal; signal.signal(14, lambda *_: 0); signal.setitimer(0, 0.01); signal.pause(); os.abort()",
    "import os, signal; p = os.fork(); p or signal.pause(); os.kill(p, 19); os.waitpid(p, 2); os.kill(p, 9); os.wait()",
    "import os, time; os.fork() or os._exit(sum(range(10**7)) & 3); os.wait4(-1, 0); os.wait4(-1, 1)",
)
_RESTART = -516  # include/linux/errno.h: ERESTART_RESTARTBLOCK


@pytest.fixture(scope="module")
def render(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """render.c with sanitizers, over tables made now."""
    require(shutil.which("cc"), "a C compiler is installed")
    folder = tmp_path_factory.mktemp("render")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "TABLES_PATH", str(folder / "_tables.h"))
        tables.write()
    options = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    options += ["-fno-sanitize-recover=all", f'-DQUICK_TABLES="{folder}/_tables.h"', f"-I{STRACE}"]
    parts = [HERE / "render.c", STRACE / "printing.c", STRACE / "quick" / "quick.c"]
    subprocess.run(["cc", *options, "-o", folder / "render", *parts], check=True)
    return folder / "render"


def recorded(folder: Path, program: list[str]) -> Path:
    """The recording of a program in a network of its own."""
    require(shutil.which(program[0]), f"{program[0]} is installed")
    script = f'ip link set lo up; exec "{sys.executable}" -m tests.strace.quick.recording "$0" "$@"'
    namespace = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script]
    subprocess.run([*namespace, folder, *program], check=True, timeout=60, cwd=HERE.parents[2])
    return folder


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of a program whose calls are at the edges of what they take."""
    folder = tmp_path_factory.mktemp("edges")
    subprocess.run(["cc", "-w", "-O1", "-o", folder / "edges", HERE.parent / "edges.c"], check=True)
    return recorded(folder / "recording", [str(folder / "edges")])


class Told:
    """What Python says of a recording: for each event the state before it, and its text."""

    def __init__(self, folder: Path, words: tuple[str, ...]) -> None:
        self.out = StringIO()
        self.printer, self.outputs = printer_of(words, self.out)
        self.events = events_of(folder)
        self._numbers = {id(event): number for number, event in enumerate(self.events)}
        self._interrupted: dict[int, int] = {}
        self.states: list[str] = []
        self.texts: list[str] = []
        for event in self.events:
            self.states.append(self.state())
            task = self.printer._tasks.get(event.tid)
            if event.kind == 2 and event.value == _RESTART and task is not None and task.begun is not None:
                self._interrupted[event.tid] = self._numbers[id(task.begun)]
            self.printer.take(event)
            self.texts.append("".join(self.outputs.main._parts))
            self.outputs.flush()
        self.states.append(self.state())

    def state(self) -> str:
        """As printing.c writes it."""
        sink = self.outputs.main
        tasks = [
            f"{tid},{self._numbers.get(id(task.begun), -1)},{self._interrupted.get(tid, -1)}"
            for tid, task in self.printer._tasks.items()
        ]
        netlink = [f"{pid},{fd},{protocol}" for (pid, fd), protocol in self.printer._netlink._protocols.items()]
        numbers = f"0,{len(self.states)},{sink.owner or 0},{sink.column},{self.printer._first_pid}"
        last_ns = self.printer._layout._stamps._last_ns
        numbers += f",{OFFSET_NS},{-1 if last_ns is None else last_ns}"
        return f";1,0,0;{numbers};{':'.join(tasks)};{':'.join(netlink)}"


def printer_of(words: tuple[str, ...], out: StringIO) -> tuple[StracePrinter, Outputs]:
    options, _ = parse([*words, "true"])
    outputs = Outputs(options, out)
    outputs.to_stderr = options.output is None
    return StracePrinter(options, outputs, OFFSET_NS), outputs


def events_of(folder: Path) -> list[TracerEvent]:
    reader, found = EventReader(TracerFiles(str(folder))), []
    while some := reader.read():
        found += some
    return found


def rendered(render: Path, folder: Path, numbers: tuple[int, ...], *more: str, given: str = "") -> tuple[bytes, str]:
    files = [folder / f"ptrace.{name}" for name in ("events", "chunks", "data")]
    words = [render, *files, *map(str, numbers), *more]
    done = subprocess.run(words, input=given.encode(), capture_output=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout, done.stderr.decode()


def same(state: str) -> object:
    """A state without the order of its rows, and without the length of a line that is not open."""
    _, _, numbers, tasks, netlink = state.split(";")
    _, number, owner, column, *rest = numbers.split(",")
    return number, owner, column if owner != "0" else "", rest, set(tasks.split(":")), set(netlink.split(":"))


def compare(render: Path, folder: Path, words: tuple[str, ...]) -> set[str]:
    """Compare each event; the calls (or kinds of events) that are left to Python."""
    told = Told(folder, words)
    out, _ = rendered(render, folder, OPTIONS[words], "-", given="\n".join(told.states[:-1]) + "\n")
    left: set[str] = set()
    at = 0
    for number, (event, text) in enumerate(zip(told.events, told.texts, strict=True)):
        end = out.index(b"\n", at)
        length, state = out[at:end].decode().split(" ", 1)
        at = end + 1 + max(int(length), 0)
        if length == "-1":
            left.add(table(event.arch).get(event.number, "?") if event.kind in (1, 2) else f"kind {event.kind}")
            continue
        assert out[end + 1 : at].decode() == text, number
        assert same(state) == same(told.states[number + 1]), number
    assert at == len(out)
    return left


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_rendered_is_what_python_prints(name: str, tmp_path: Path, render: Path) -> None:
    folder = recorded(tmp_path / "recording", PROGRAMS[name])
    for words in list(OPTIONS)[: 4 if name.startswith("python") else None]:
        left = compare(render, folder, words)
        assert not left or words not in WHOLE


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_calls_at_their_edges(words: tuple[str, ...], edges: Path, render: Path) -> None:
    compare(render, edges, words)


@pytest.mark.parametrize("script", SIGNALS)
def test_signals(script: str, tmp_path: Path, render: Path) -> None:
    folder = recorded(tmp_path / "recording", [sys.executable, "-c", script])
    compare(render, folder, ("-f", "-o", "t"))


def test_python_goes_on_where_the_renderer_stops(edges: Path, render: Path) -> None:
    words = ("-tttr", "-f", "-o", "t")
    told = Told(edges, words)
    whole = "".join(told.texts)
    for number in range(0, len(told.events), 7):
        out = StringIO()
        printer, outputs = printer_of(words, out)
        reader = EventReader(TracerFiles(str(edges)))
        held = read_held(f"0,0,0,0,0,0,0,0{told.states[number]}")
        assert held.printed is not None
        printer.go_on(held.printed, reader)
        while some := reader.read():
            printer.take_all(some)
        outputs.flush()
        assert "".join(told.texts[:number]) + out.getvalue() == whole, number


def test_damaged_recordings_do_no_harm(edges: Path, tmp_path: Path, render: Path) -> None:
    """Whatever the records say: nothing is read that is not there (the renderer is built with sanitizers)."""
    chance = random.Random(4)
    numbers = OPTIONS["-f", "-s", "5", "-a", "60"]
    folder = tmp_path / "damaged"
    shutil.copytree(edges, folder)
    states = Told(edges, ("-f", "-s", "5", "-a", "60")).states[:-1]
    for _ in range(25):
        for name in ("events", "chunks", "data"):
            data = bytearray((edges / f"ptrace.{name}").read_bytes())
            for _ in range(len(data) // 200):
                place = chance.randrange(HEADER_BYTES, len(data))
                data[place] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
            (folder / f"ptrace.{name}").write_bytes(data)
        rendered(render, folder, numbers, "-", given="\n".join(states) + "\n")
