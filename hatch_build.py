"""Compile the ptrace tracer into the wheel: one C file, no Python headers, loaded with ctypes."""

import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("src/wiretale/record/ptrace/tracer.c")
LIBRARY = SOURCE.with_name("_tracer.so")


class TracerBuildHook(BuildHookInterface):
    """Build `_tracer.so` beside its source; a wheel without it cannot record, so a missing compiler is an error."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        compiler = shlex.split(os.environ.get("CC", "cc"))
        if shutil.which(compiler[0]) is None:
            raise RuntimeError(f"wiretale needs a C compiler, there is no {compiler[0]!r}: apt install gcc libc6-dev")
        flags = shlex.split(os.environ.get("CFLAGS", "-O2 -g"))
        command = [*compiler, *flags, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread"]
        subprocess.run([*command, "-o", str(root / LIBRARY), str(root / SOURCE)], check=True)
        build_data["pure_python"] = False
        build_data["artifacts"].append(str(LIBRARY))
        build_data["tag"] = f"py3-none-linux_{platform.machine()}"
