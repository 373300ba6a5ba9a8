"""`wiretale path` where packets pass through the machine: a bridge, a router with and without address translation,
and over IPv6. The exact steps with the device of each, and what took the time.

A thread is a host: it has a network namespace of its own. The recorder stands in the one between them.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.test_path import recorded
from tests.cli.test_record import query, run
from tests.conftest import require

pytestmark = pytest.mark.e2e

HOSTS = """
import ctypes, queue, socket, subprocess, threading
class Host:
    def __init__(self):
        self.asked, self.done = queue.Queue(), queue.Queue()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()
    def work(self):
        assert ctypes.CDLL(None).unshare(0x40000000) == 0
        while True:
            self.done.put(self.asked.get()())
    def __call__(self, work):
        self.asked.put(work)
        return self.done.get()
def sh(command):
    subprocess.run(command, shell=True, check=True)
def talk(a, b, family, asked, bound):
    def listening():
        server = socket.socket(family)
        server.bind(bound)
        server.listen()
        return server
    server, client = b(listening), a(lambda: socket.socket(family))
    a(lambda: client.connect(asked))
    peer, _ = b(server.accept)
    a(lambda: client.sendall(b"salam"))
    b(lambda: peer.recv(9))
    refused = a(lambda: socket.socket(family))
    a(lambda: refused.connect_ex((asked[0], 4009, *asked[2:])))
"""
# Two hosts and this machine between them.
BETWEEN = """
a, b = Host(), Host()
def link(name, host, address, more):
    sh(f"ip link add {name} type veth peer name eth0 netns {host(threading.get_native_id)}")
    host(lambda: sh(f"ip addr add {address}/24 dev eth0; ip link set eth0 up"))
    sh(f"{more}; ip link set {name} up")
"""
BRIDGE = """
sh("ip link add br0 type bridge; ip link set br0 up")
link("va", a, "10.9.0.1", "ip link set va master br0")
link("vb", b, "10.9.0.2", "ip link set vb master br0")
talk(a, b, socket.AF_INET, ("10.9.0.2", 4000), ("10.9.0.2", 4000))
"""
ROUTER = """
sh("sysctl -qw net.ipv4.ip_forward=1")
link("va", a, "10.9.1.2", "ip addr add 10.9.1.1/24 dev va")
link("vb", b, "10.9.2.2", "ip addr add 10.9.2.1/24 dev vb")
a(lambda: sh("ip route add default via 10.9.1.1"))
b(lambda: sh("ip route add default via 10.9.2.1"))
"""
ROUTED = """
talk(a, b, socket.AF_INET, ("10.9.2.2", 4000), ("10.9.2.2", 4000))
"""
TRANSLATED = """
sh('''nft "table ip nat {
 chain pre { type nat hook prerouting priority -100; tcp dport 4000 dnat to 10.9.2.2:4001; }
 chain post { type nat hook postrouting priority 100; oifname vb masquerade; }
}"''')
talk(a, b, socket.AF_INET, ("10.9.1.1", 4000), ("10.9.2.2", 4001))
"""
IPV6 = """
here = lambda work: work()
talk(here, here, socket.AF_INET6, ("::1", 4000), ("::1", 4000))
"""
LINK_LOCAL = """
b = Host()
sh("sysctl -qw net.ipv6.conf.default.accept_dad=0")
sh(f"ip link add va type veth peer name vb netns {b(threading.get_native_id)}; ip link set va up")
b(lambda: sh("sysctl -qw net.ipv6.conf.vb.accept_dad=0; ip link set vb up"))
def address():
    while True:
        said = subprocess.check_output("ip -6 -o addr show scope link", shell=True, text=True)
        if said and "tentative" not in said:
            return said.split("inet6 ")[1].split("/")[0]
address()
peer, scope, there = b(address), socket.if_nametoindex("va"), b(lambda: socket.if_nametoindex("vb"))
talk(lambda work: work(), b, socket.AF_INET6, (peer, 4000, 0, scope), (peer, 4000, 0, there))
"""
_NO_STAGE = re.compile(r"sched:|irq:|napi:|skb:consume_skb|net:net_dev_xmit|tcp:tcp_cong_state_set|sock:sock_send")
AT_SOCKET = [
    "tcp_probe", "sk_data_ready", "skb_copy_datagram_iovec", "tcp_rcv_space_adjust", "sock_recv_length",
]  # fmt: skip


def through(*devices: str) -> list[str]:
    """The steps of a packet that is sent by the first device and comes in by the second, and so on."""
    found = []
    for out, into in zip(devices[::2], devices[1::2], strict=True):
        found += [f"net_dev_queue {out}", f"net_dev_start_xmit {out}", f"netif_rx {into}", f"netif_receive_skb {into}"]
    return found


def sent(capture: Path) -> dict[str, object]:
    ((call,),) = query(capture, "SELECT call_id FROM call WHERE name = 'sendto' AND retval = 5")
    told: dict[str, object] = json.loads(run("path", capture, call, "--json").stdout)
    return told


def stages(told: dict[str, object]) -> list[str]:
    """Steps in order, each about a device with its name."""
    events = told["events"]
    assert isinstance(events, list)
    return [
        f"{e['name'].partition(':')[2]} {e['interface'] if e['name'].startswith('net:') else ''}".strip()
        for e in events
        if not e["answer"] and not _NO_STAGE.match(e["name"])
    ]


def time_went(told: dict[str, object]) -> list[str]:
    spans = told["spans"]
    assert isinstance(spans, list)
    return [s["what"] for s in spans]


def test_a_bridge_passes_a_message_on(tmp_path: Path) -> None:
    require(shutil.which("ip") is not None, "namespaces are joined with ip (iproute2)")
    capture = recorded(tmp_path, HOSTS + BETWEEN + BRIDGE, "--kernel", "--engine", "ebpf")
    told = sent(capture)
    assert stages(told) == ["tcp_sendmsg_locked", *through("eth0", "va", "vb", "eth0"), *AT_SOCKET]
    assert time_went(told)[:5] == [
        "in the sender's call, until IP handed the packet to the device",
        "in the device, and until the deferred work took the packet",
        "in the bridge, until it handed the packet to its port vb",
        "in the device, and until the deferred work took the packet",
        "in the receiving stack, until the socket's sleepers were told",
    ]
    shown = run("path", capture).stdout
    assert re.search(r"net_dev_queue .*, vb\); the bridge passes it on", shown)
    assert re.search(r"netif_receive_skb .*, eth0 in network namespace \d+\)", shown)


@pytest.mark.parametrize("translated", [False, True])
def test_a_router_passes_a_message_on(tmp_path: Path, *, translated: bool) -> None:
    require(shutil.which("ip") is not None, "namespaces are joined with ip (iproute2)")
    require(not translated or shutil.which("nft") is not None, "addresses are translated with nft (nftables)")
    program = HOSTS + BETWEEN + ROUTER + (TRANSLATED if translated else ROUTED)
    capture = recorded(tmp_path, program, "--kernel", "--engine", "ebpf")
    told = sent(capture)
    assert stages(told) == ["tcp_sendmsg_locked", *through("eth0", "va", "vb", "eth0"), *AT_SOCKET]
    assert time_went(told)[2] == "in IP, which passes the packet on, until it handed it to vb"
    assert "in the receive queue, until the reader's call took them" in time_went(told)
    shown = run("path", capture, told["call"]["call_id"]).stdout  # type: ignore[index]
    (line,) = (x for x in shown.splitlines() if "IP passes it on" in x and "seq 1, 5 bytes" in x)
    changed = (
        r"NAT: 10\.9\.1\.2 port (\d+) -> 10\.9\.1\.1 port 4000 became 10\.9\.2\.1 port \1 -> 10\.9\.2\.2 port 4001"
    )
    assert bool(re.search(changed, line)) == translated, line


@pytest.mark.parametrize(
    ("program", "devices"), [(IPV6, ("lo", "lo")), (LINK_LOCAL, ("va", "vb"))], ids=["loopback", "link-local"]
)
def test_a_message_over_ipv6(tmp_path: Path, program: str, devices: tuple[str, str]) -> None:
    require(shutil.which("ip") is not None, "namespaces are joined with ip (iproute2)")
    capture = recorded(tmp_path, HOSTS + program, "--kernel", "--engine", "ebpf")
    assert stages(sent(capture)) == ["tcp_sendmsg_locked", *through(*devices), *AT_SOCKET]
    ((call,),) = query(capture, "SELECT call_id FROM call WHERE name = 'connect' AND errno = 111")
    refused = json.loads(run("path", capture, call, "--json").stdout)
    names = [e["name"].partition(":")[2] for e in refused["events"] if not _NO_STAGE.match(e["name"])]
    assert names == [
        "inet_sock_set_state", "net_dev_queue", "net_dev_start_xmit", "netif_rx", "netif_receive_skb",
        "tcp_send_reset", "net_dev_queue", "net_dev_start_xmit", "netif_rx", "kfree_skb", "netif_receive_skb",
        "tcp_receive_reset", "inet_sock_set_state", "inet_sk_error_report", "inet_sk_error_report",
    ]  # fmt: skip
