"""What recording may not import: a user namespace is entered only by a process of one thread, and NumPy starts more."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["wiretale.cli.record", "wiretale.cli.run", "wiretale.cli.demo", "wiretale.record.recording"]
)
def test_recording_imports_neither_numpy_nor_duckdb(module: str) -> None:
    script = f"import sys, {module}; print(sorted(m for m in ('numpy', 'duckdb', 'rich') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
