"""Compile the native parts into the wheel: plain C without Python headers (loaded with ctypes), the BPF programs, and
the command `wiretale`.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

RECORD = Path("src/wiretale/record")
LIBRARIES = {
    RECORD / "ptrace/tracer.c": RECORD / "ptrace/_tracer.so",
    RECORD / "ebpf/ring.c": RECORD / "ebpf/_ring.so",
    Path("src/wiretale/store/bulk.c"): Path("src/wiretale/store/_bulk.so"),
    Path("src/wiretale/store/holding.c"): Path("src/wiretale/store/_holding.so"),
    Path("src/wiretale/store/load/packet_blocks.c"): Path("src/wiretale/store/load/_packet_blocks.so"),
    Path("src/wiretale/store/load/packed_calls.c"): Path("src/wiretale/store/load/_packed_calls.so"),
    Path("src/wiretale/ingest/walk.c"): Path("src/wiretale/ingest/_walk.so"),
    Path("src/wiretale/decode/usual.c"): Path("src/wiretale/decode/_usual.so"),
    Path("src/wiretale/show/runs.c"): Path("src/wiretale/show/_runs.so"),
    Path("src/wiretale/join/compare.c"): Path("src/wiretale/join/_compare.so"),
    Path("src/wiretale/join/tcp/tcp_analysis.c"): Path("src/wiretale/join/tcp/_tcp_analysis.so"),
}
PLAN = RECORD / "ptrace/_plan.bin"  # see planned.py
PARSER = Path("src/wiretale/filter/_parser.bin")  # see filter/grammar.py
STRACE = Path("src/wiretale/strace")
LAUNCHER = [STRACE / name for name in ("launcher.c", "printing.c", "quick/quick.c")], STRACE / "_wiretale"
TABLES = (  # made from the declarations in Python, and from the grammar
    "from wiretale.record.ptrace.planned import write; write()",
    "from wiretale.strace.quick.tables import write; write()",
    "from wiretale.filter.grammar import write; write()",
)
BPF_OBJECTS = {
    RECORD / "ebpf/wiretale.bpf.c": RECORD / "ebpf/_wiretale.bpf.o",
    RECORD / "ebpf/calls.bpf.c": RECORD / "ebpf/_calls.bpf.o",
}
BPF_TOOLS = ("clang", "llvm-strip")


class NativeBuildHook(BuildHookInterface):
    """Build each library beside its source.

    A wheel without the tracer cannot record, so a missing compiler is an error. One without the BPF programs records
    everything but the kernel level, and says so when that is asked for: a missing clang is a message.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        compiler = shlex.split(os.environ.get("CC", "cc"))
        if shutil.which(compiler[0]) is None:
            raise RuntimeError(f"wiretale needs a C compiler, there is no {compiler[0]!r}: apt install gcc libc6-dev")
        flags = shlex.split(os.environ.get("CFLAGS", "-O2 -g"))
        command = [*compiler, *flags, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread"]
        for source, library in LIBRARIES.items():
            subprocess.run([*command, "-o", str(root / library), str(root / source)], check=True)
            build_data["artifacts"].append(str(library))
        for write in TABLES:
            # Lark is where this Python looks for it, and pip's isolated one tells no child where that is
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), *sys.path])}
            subprocess.run([sys.executable, "-c", write], check=True, env=environment)
        build_data["artifacts"] += [str(PLAN), str(PARSER)]
        self._build_launcher([*compiler, *flags], root, version)
        build_data["shared_scripts"][str(LAUNCHER[1])] = "wiretale"
        if self._build_bpf(root):
            build_data["artifacts"] += map(str, BPF_OBJECTS.values())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-linux_{platform.machine()}"

    def _build_launcher(self, command: list[str], root: Path, version: str) -> None:
        """The command itself. That of a checkout looks whether its sources were changed since."""
        sources, program = LAUNCHER
        where = [f'-DWT_SOURCES="{root / "src/wiretale"}"'] if version == "editable" else []
        options = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-pthread", *where]
        subprocess.run([*command, *options, "-o", str(root / program), *(str(root / s) for s in sources)], check=True)

    def _build_bpf(self, root: Path) -> bool:
        clang, strip = (_tool(name) for name in BPF_TOOLS)
        has_headers = Path("/usr/include/bpf/bpf_helpers.h").exists()
        if clang is None or strip is None or not has_headers:
            print("wiretale: no kernel level: apt install clang llvm libbpf-dev, then build again", file=sys.stderr)
            return False
        machine = {"x86_64": "x86", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        flags = ["-target", "bpf", f"-D__TARGET_ARCH_{machine}", "-O2", "-g", "-Wall", "-Werror"]
        for source, compiled in BPF_OBJECTS.items():
            subprocess.run([clang, *flags, "-c", str(root / source), "-o", str(root / compiled)], check=True)
            subprocess.run([strip, "-g", str(root / compiled)], check=True)  # line numbers; the types stay
        return True


def _tool(name: str) -> str | None:
    """A tool of LLVM, also where Debian installs it only under its versioned name; the newest of them."""
    if plain := shutil.which(name):
        return plain
    found = [shutil.which(f"{name}-{version}") for version in range(30, 11, -1)]
    return next((path for path in found if path), None)
