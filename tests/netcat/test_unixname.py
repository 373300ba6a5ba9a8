"""Taking and giving back the name of a unix socket."""

import socket
from pathlib import Path

import pytest

from wiretale.netcat.unixname import UnixName


@pytest.fixture(autouse=True)
def keep_signal_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The context sets handlers for a program's life; the test program has its own."""
    monkeypatch.setattr("wiretale.netcat.unixname._SIGNALS", ())


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_name_nobody_serves_is_replaced_and_removed_at_the_end(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, kind) as old:
        old.bind(str(path))
    with socket.socket(socket.AF_UNIX, kind) as new, UnixName(new, str(path)):
        assert path.is_socket()
    assert not path.exists()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_working_servers_name_is_left_alone(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, kind) as old, socket.socket(socket.AF_UNIX, kind) as new:
        old.bind(str(path))
        if kind == socket.SOCK_STREAM:
            old.listen()
        with pytest.raises(OSError, match="already in use"):
            UnixName(new, str(path))
    assert path.is_socket()


def test_a_file_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(OSError, match="already in use"):
        UnixName(sock, str(path))
    assert path.read_text() == "data"


def test_a_name_that_now_belongs_to_somebody_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as one, UnixName(one, str(path)):
        path.rename(tmp_path / "old")  # keeps the inode in use, so that the new file gets another
        path.write_text("mine")
    assert path.read_text() == "mine"


def test_an_abstract_name_needs_no_care() -> None:
    with socket.socket(socket.AF_UNIX) as sock, UnixName(sock, f"@wiretale-{id(sock)}"):
        assert sock.getsockname()[:1] == b"\0"
