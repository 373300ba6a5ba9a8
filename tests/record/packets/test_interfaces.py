"""The interfaces of this namespace are those of /sys/class/net."""

import socket
from pathlib import Path

import pytest

from wiretale.errors import UsageFault
from wiretale.record.packets.interfaces import find_interfaces, list_interfaces


def test_names_indices_types_and_mtus_are_the_systems() -> None:
    found = list_interfaces()
    assert {(i.ifindex, i.name) for i in found} == set(socket.if_nameindex())
    for i in found:
        folder = Path("/sys/class/net", i.name)
        assert i.hatype == int((folder / "type").read_text())
        assert i.mtu == int((folder / "mtu").read_text())
        assert i.is_up == bool(int((folder / "flags").read_text(), 16) & 1)
        assert i.is_loopback == (i.name == "lo")


def test_interfaces_are_found_in_the_order_asked_for() -> None:
    names = tuple(i.name for i in list_interfaces())[::-1]
    assert tuple(i.name for i in find_interfaces(names)) == names


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageFault, match="nosuch0") as caught:
        find_interfaces(("lo", "nosuch0"))
    assert "lo" in caught.value.hint
