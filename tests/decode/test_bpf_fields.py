"""Layouts of the members of union bpf_attr, and of what BPF_OBJ_GET_INFO_BY_FD fills in, against linux/bpf.h."""

import subprocess

import pytest

from wiretale.decode.bpf_fields import FIELDS
from wiretale.decode.strace.bpf import _MEMBERS
from wiretale.decode.structs import layout
from wiretale.model.enums import Arch

INFO = ("bpf_map_info", "bpf_prog_info")  # structures of their own
BIT_FIELD = "gpl_compatible"  # has no offset in C; the fields on both sides of it do


def places() -> dict[str, int]:
    """member.field -> offset, as the layouts say."""
    found = {}
    for name in FIELDS:
        prefix = f"{_MEMBERS[name]}." if name in _MEMBERS else ""
        for field in layout(name, Arch.X86_64).fields:
            if field.name[0] != "_" and field.name != BIT_FIELD:
                found[f"{name} {prefix}{field.name}"] = field.offset
    return found


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    program = tmp_path_factory.mktemp("bpf") / "layouts"
    lines = []
    for place in places():
        name, member = place.split()
        whole = f"struct {name}" if name in INFO else "union bpf_attr"
        lines.append(f'printf("{place} %zu\\n", offsetof({whole}, {member}));')
    source = (
        "#include <linux/bpf.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {" + "\n".join(lines) + "}"
    )
    subprocess.run(["cc", "-w", "-x", "c", "-o", program, "-"], input=source, text=True, check=True)
    output = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in output.splitlines()}


def test_every_field_lies_where_the_kernel_has_it(compiled: dict[str, int]) -> None:
    assert places() == compiled
