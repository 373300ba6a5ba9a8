"""Running Python code inside a private network, in a process of its own (namespaces want a single thread)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import require

ROOT = Path(__file__).resolve().parents[3]
ORDINARY_UID = 54321  # of nobody: not even of the overflow user, which an unmapped one looks like

_ENTER = "from wiretale.record.namespace import enter_private_net\nenter_private_net()\n"
# The interpreter may lie where only root can read: become somebody else after the imports. A process that changed its
# user is not dumpable, and its /proc files are root's: prctl(PR_SET_DUMPABLE) makes it what a fresh login is.
_BECOME_ORDINARY = f"""
import ctypes, os
os.setgroups([]); os.setgid({ORDINARY_UID}); os.setuid({ORDINARY_UID})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""


def run_code(code: str, *, private: bool = True, as_ordinary_user: bool = False, imports: str = "") -> Any:
    """Run `code`; returns what it printed last, read as JSON. Fails with its error output if it fails."""
    if as_ordinary_user:
        require(os.geteuid() == 0, "only root can become another user")
    if private and not as_ordinary_user:
        require(can_make_private_net(), "this user may not make network namespaces")
    modules = (
        "ctypes, encodings.idna, json, subprocess, tempfile, threading,"
        " wiretale.record.namespace, wiretale.record.packets.source"
    )
    parts = [imports, _BECOME_ORDINARY if as_ordinary_user else "", _ENTER if private else "", code]
    if as_ordinary_user:
        parts.insert(0, f"import {modules}")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(parts)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def can_make_private_net() -> bool:
    """Whether this user gets network namespaces here."""
    return subprocess.run([sys.executable, "-c", _ENTER], capture_output=True, check=False, cwd=ROOT).returncode == 0
