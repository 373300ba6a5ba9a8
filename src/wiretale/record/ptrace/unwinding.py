"""libunwind-ptrace, for the tracer's part_stack.h: it unwinds the stack of a stopped task.

An optional library: whoever asks for stacks without it is told which package has it. Its names, types and numbers are
those of libunwind(3) and libunwind-ptrace(3), which have been the same since version 1.0.
"""

import ctypes

from wiretale.decode.syscalls import table
from wiretale.errors import WiretaleError
from wiretale.model.enums import Arch
from wiretale.record.ptrace.library import Unwinder
from wiretale.record.ptrace.plan import native_arches

_PTRACE = "libunwind-ptrace.so.0"
# By the architecture of the machine: the prefix of its functions, its library, the number of the register that
# holds the place of execution (libunwind-x86_64.h, libunwind-aarch64.h).
_NATIVE: dict[int, tuple[str, str, int]] = {
    Arch.X86_64: ("_Ux86_64_", "libunwind-x86_64.so.8", 16),
    Arch.AARCH64: ("_Uaarch64_", "libunwind-aarch64.so.8", 32),
}
_AT_ENTRY, _AT_EXIT = 1, 2  # enum wt_when
_NEVER_RETURN = ("exit", "exit_group")


def unwinder(calls: tuple[str, ...]) -> Unwinder:
    """For native programs, with stacks of these calls. Raises WiretaleError without the library."""
    arch = native_arches()[0]
    prefix, name, register = _NATIVE[arch]
    try:
        # The second needs what the first brings, without saying so.
        common, ptrace = ctypes.CDLL(name, ctypes.RTLD_GLOBAL), ctypes.CDLL(_PTRACE, ctypes.RTLD_GLOBAL)
    except OSError as fault:
        raise WiretaleError(f"stacks cannot be unwound: {fault}", "apt install libunwind8") from fault
    numbers = table(arch)
    size = max(numbers) + 1
    wanted = (ctypes.c_uint8 * size)()
    for number, call in numbers.items():
        if call in calls:
            wanted[number] = _AT_ENTRY if call in _NEVER_RETURN else _AT_EXIT

    def address(library: ctypes.CDLL, function: str) -> int | None:
        return ctypes.cast(getattr(library, function), ctypes.c_void_p).value

    return Unwinder(
        ctypes.addressof(ctypes.c_char.in_dll(ptrace, "_UPT_accessors")),
        address(common, f"{prefix}create_addr_space"),
        address(common, f"{prefix}destroy_addr_space"),
        address(common, f"{prefix}set_caching_policy"),
        address(common, f"{prefix}flush_cache"),
        address(ptrace, "_UPT_create"),
        address(ptrace, "_UPT_destroy"),
        address(common, f"{prefix}init_remote"),
        address(common, f"{prefix}step"),
        address(common, f"{prefix}get_reg"),
        address(common, f"{prefix}get_proc_name"),
        wanted,
        size,
        arch,
        register,
    )
