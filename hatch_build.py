"""Compile the ptrace tracer and the TCP analysis into the wheel: C files without Python headers, loaded with ctypes."""

import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARIES = {  # source -> library
    Path("src/wiretale/record/ptrace/tracer.c"): "_tracer.so",
    Path("src/wiretale/join/tcp/tcp_analysis.c"): "_tcp_analysis.so",
}


class LibraryBuildHook(BuildHookInterface):
    """Build each library beside its source; a wheel without them cannot work, so a missing compiler is an error."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        compiler = shlex.split(os.environ.get("CC", "cc"))
        if shutil.which(compiler[0]) is None:
            raise RuntimeError(f"wiretale needs a C compiler, there is no {compiler[0]!r}: apt install gcc libc6-dev")
        flags = shlex.split(os.environ.get("CFLAGS", "-O2 -g"))
        command = [*compiler, *flags, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread"]
        build_data["pure_python"] = False
        for source, name in LIBRARIES.items():
            library = source.with_name(name)
            subprocess.run([*command, "-o", str(root / library), str(root / source)], check=True)
            build_data["artifacts"].append(str(library))
        build_data["tag"] = f"py3-none-linux_{platform.machine()}"
