"""Running wiretale as a user without any privilege, wherever the checkout and the interpreter are installed.

The interpreter, its packages and the source may lie in folders only root can enter; they are bind-mounted, in a mount
namespace of the test's own, where anybody can.
"""

import shlex
import shutil
import site
import subprocess
import sys
from pathlib import Path

from tests.conftest import require

NOBODY = 65534
_SOURCE = Path(__file__).resolve().parent.parent / "src"


def run_as_nobody(
    place: Path,
    args: list[str],
    timeout_s: float = 60,
    *,
    capabilities: tuple[str, ...] = (),
    before: str = "",
    may_gain: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run `python ARGS` as nobody, without groups, in a fresh folder `place`/home of its own.

    `{python}` in ARGS stands for the interpreter. Only these capabilities are kept (as setpriv names them: bpf). Its
    programs gain nothing by set-user-ID files, unless it `may_gain`. `before` are shell commands that root runs in the
    same mount namespace.
    """
    require(Path("/proc/self/uid_map").exists() and _is_root(), "the test runs as root, to become nobody")
    require(shutil.which("setpriv") and shutil.which("unshare"), "setpriv and unshare (util-linux) are installed")
    mounts = {"base": Path(sys.base_prefix), "site": Path(site.getsitepackages()[0]), "src": _SOURCE}
    home = place / "home"
    home.mkdir()
    shutil.chown(home, NOBODY, NOBODY)
    # /mnt is empty on every Debian, and anybody may enter it.
    lines = ["set -e", "mount -t tmpfs -o mode=755 none /mnt"]
    lines += [f"mkdir /mnt/{name}; mount --bind {shlex.quote(str(path))} /mnt/{name}" for name, path in mounts.items()]
    lines.append(f"mkdir /mnt/home; mount --bind {shlex.quote(str(home))} /mnt/home; cd /mnt/home")
    python = f"/mnt/base/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    words = [python, *(a.replace("{python}", python) for a in args)]
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if not may_gain:
        drop.append("--no-new-privs")
    if capabilities:
        kept = ",".join(f"+{name}" for name in capabilities)
        drop += [f"--inh-caps={kept}", f"--ambient-caps={kept}"]
    lines.append(before)
    lines.append("export PYTHONPATH=/mnt/src:/mnt/site HOME=/mnt/home PYTHONDONTWRITEBYTECODE=1")
    lines.append("exec " + shlex.join([*drop, *words]))
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", "\n".join(lines)],
        capture_output=True, text=True, check=False, timeout=timeout_s, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _is_root() -> bool:
    import os

    return os.geteuid() == 0
