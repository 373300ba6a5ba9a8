"""Faults of `wiretale strace`: strace's meaning, and strace's exit code, which is 1."""

from wiretale.errors import Exit, WiretaleError


class StraceFault(WiretaleError):
    """What strace would refuse as well, or what is not supported. `usage`: point to --help."""

    exit_code = Exit.FAILED

    def __init__(self, message: str, *, usage: bool = False, hint: str = "") -> None:
        super().__init__(message, "wiretale strace --help" if usage else hint)
