"""The command as a whole: exit codes, help, start-up."""

import signal
import socket
import subprocess
import sys

from tests.netcat.programs import OURS, free_port, started, wait_bound
from wiretale.netcat.options import USAGE

SLOW_IMPORTS = {
    "argparse",
    "asyncio",
    "dataclasses",
    "inspect",
    "logging",
    "pathlib",
    "re",
    "subprocess",
    "threading",
    "typing",
}


def test_help_goes_to_standard_output_and_wrong_usage_to_standard_error() -> None:
    helped = subprocess.run([*OURS, "-h"], capture_output=True, text=True, check=False)
    assert (helped.returncode, helped.stdout, helped.stderr) == (0, USAGE, "")
    wrong = subprocess.run([*OURS, "-Q"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout, wrong.stderr) == (2, "", "nc: unknown option -Q; nc -h lists the options\n")


def test_it_dies_of_an_interrupt_as_other_programs_do() -> None:
    port = free_port()
    with started([*OURS, "-l", "127.0.0.1", str(port)]) as server:
        wait_bound(port)
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == -signal.SIGINT
        assert server.stderr
        assert server.stderr.read() == b""


def test_the_start_imports_nothing_heavy() -> None:
    """Its own system calls are what is traced: every import adds dozens."""
    code = "import sys; from wiretale.netcat import main; print(*sys.modules)"
    modules = set(
        subprocess.run(
            [sys.executable, "-Sc", code], capture_output=True, text=True, env=_with_path(), check=True
        ).stdout.split()
    )
    assert not SLOW_IMPORTS & modules
    assert "wiretale.cli" not in modules


def _with_path() -> dict[str, str]:
    import wiretale

    return {"PYTHONPATH": str(wiretale.__file__).rsplit("/", 2)[0]}


def test_wiretale_nc_passes_every_word_through() -> None:
    from click.testing import CliRunner

    from wiretale.cli.nc import command

    done = CliRunner().invoke(command, ["-k", "--", "a", "1"])
    assert done.exit_code == 2
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = ["-nvz", "-w5", "127.0.0.1", str(listener.getsockname()[1])]
        code = f"from wiretale.cli.nc import command; command({words!r})"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
