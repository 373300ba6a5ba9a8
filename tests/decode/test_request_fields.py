"""Layouts of the structures of requests against the compiler and the kernel's headers."""

import subprocess

import pytest

from wiretale.decode import network_request_fields
from wiretale.decode.structs import layout, struct_size
from wiretale.model.enums import Arch

HEADERS = (
    *("net/if.h", "linux/if_tun.h", "linux/ethtool.h", "linux/if_vlan.h", "net/if_arp.h", "net/route.h"),
    *("linux/net_tstamp.h", "linux/ppp-ioctl.h", "linux/if_bonding.h"),
)
# what is no structure of a header: a value, a member of a union, a common beginning, the longest of several
MADE_HERE = ("ifreq_", "iwreq_", "brctl")
OPEN_ENDED = {"ethtool"}
TYPEDEFS = {"ext_accm"}


def of_headers() -> list[str]:
    rows = network_request_fields.FIELDS.items()
    plain = {name for name, row in rows if ";" not in row}
    aliases = {"ethtool_flags": "ethtool_value"}  # another meaning of the same bytes
    return sorted(n for n, _ in rows if not n.startswith(MADE_HERE) and n not in plain | OPEN_ENDED | set(aliases))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Sizes and offsets, by `name` and `name.field`."""
    folder = tmp_path_factory.mktemp("layouts")
    lines = []
    for name in of_headers():
        lines.append(f'P("{name}", sizeof(struct {name}));')
        for field in layout(name, Arch.X86_64).fields:
            if field.name[0] != "_":
                lines.append(f'P("{name}.{field.name}", offsetof(struct {name}, {field.name}));')
    source = "".join(f"#include <{h}>\n" for h in ("stddef.h", "stdio.h", *HEADERS))
    source += '#define P(name, value) printf("%s %zu\\n", name, (size_t)(value))\n'
    source += "int main(void) {\n" + "\n".join(lines) + "\nreturn 0; }\n"
    program = folder / "layouts"
    subprocess.run(["cc", "-w", "-x", "c", "-o", program, "-"], input=source, text=True, check=True)
    output = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in (line.split() for line in output.splitlines())}


@pytest.mark.parametrize("name", of_headers())
def test_a_layout_is_the_compilers(name: str, compiled: dict[str, int]) -> None:
    assert struct_size(name, Arch.X86_64) == compiled[name]
    for field in layout(name, Arch.X86_64).fields:
        if field.name[0] != "_":
            assert (field.name, field.offset) == (field.name, compiled[f"{name}.{field.name}"])


def test_one_member_of_a_union_fills_the_whole_structure() -> None:
    rows = network_request_fields.FIELDS
    assert {struct_size(n, Arch.X86_64) for n in rows if n.startswith("ifreq_")} == {40}
    assert {struct_size(n, Arch.X86_64) for n in rows if n.startswith("iwreq_")} == {32}
