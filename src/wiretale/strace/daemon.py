"""-D, -DD, -DDD: the program is the child of whoever called, and its tracer a grandchild of the program's process."""

import os
import sys
from typing import NoReturn

from wiretale.errors import WiretaleError
from wiretale.light import replace
from wiretale.record.ptrace.faults import EXEC_STAGE, find_program, spawn_fault
from wiretale.record.user import named
from wiretale.strace.faults import StraceFault
from wiretale.strace.options import StraceOptions
from wiretale.strace.requests import environment

_GROUP, _SESSION = 2, 3


def leave_tracing_to_grandchild(options: StraceOptions) -> StraceOptions:
    """Returns in the grandchild only, with the options of a tracer that attaches; this process becomes the program."""
    variables = environment(options)
    try:
        program = find_program(options.command[0], os.environ, even_folder=True)
    except WiretaleError as fault:
        raise StraceFault(fault.message, hint=fault.hint) from fault
    here = os.getpid()
    traced, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        os.waitpid(child, 0)
        _become(options, program, variables, traced)
    os.close(traced)
    if os.fork():
        os._exit(0)
    if options.daemon >= _SESSION:
        os.setsid()
    elif options.daemon == _GROUP:
        os.setpgid(0, 0)
    return replace(options, daemon=0, command=[], pids=[here], attached_fd=tell, awaits_exec=True)


def _become(options: StraceOptions, program: str, variables: dict[str, str], traced: int) -> NoReturn:
    if not os.read(traced, 1):  # the tracer could not begin, and has said why
        os._exit(1)
    if options.user is not None:
        user = named(options.user)
        os.setgroups(user.groups)
        os.setgid(user.gid)
        os.setuid(user.uid)
    try:
        os.execve(program, options.command, variables)
    except OSError as fault:
        refused = spawn_fault(options.command[0], EXEC_STAGE, fault.errno or 0)
        sys.stderr.write(f"wiretale: {refused.message}\n  try: {refused.hint}\n")
        sys.stderr.flush()
        os._exit(1)
