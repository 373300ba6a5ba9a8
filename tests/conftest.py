"""Shared by all tests: how a test says what it needs from the machine."""

import os
import pwd
import signal

import pytest
from hypothesis import settings

# How long one example takes depends on what else the machine does. Where everything is required, a property is judged
# by the same examples every time: what is new is looked for in front of a screen, not in the run that decides.
settings.register_profile("wiretale", deadline=None, derandomize=os.environ.get("WIRETALE_REQUIRE") == "all")
settings.load_profile("wiretale")


# Programs meet what they meet at a user's: without HOME and SHELL they ask for the user's entry in /etc/passwd (and so
# nscd, over a socket); what a full disk does to standard output shows only where Python keeps a buffer of it.
_USER = pwd.getpwuid(os.getuid())
os.environ.setdefault("HOME", _USER.pw_dir)
os.environ.setdefault("SHELL", _USER.pw_shell)
os.environ.pop("PYTHONUNBUFFERED", None)


def pytest_configure() -> None:
    """Programs started by tests answer to signals, even where this run was started in the background or with nohup."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def require(condition: object, reason: str) -> None:
    """Skip the test with `reason` unless `condition` holds; with WIRETALE_REQUIRE=all a missing need is a failure."""
    if condition:
        return
    if os.environ.get("WIRETALE_REQUIRE") == "all":
        pytest.fail(f"required by WIRETALE_REQUIRE=all: {reason}")
    pytest.skip(reason)
