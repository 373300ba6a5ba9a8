"""Real servers and clients, each set up for one small exchange in a network of their own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import require
from tests.e2e.session import HOST4, Session, program

FILE_BYTES = 300_000
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Service:
    """`server` and `client` give command lines for a folder; a single string is a shell script."""

    name: str
    port: int
    server: Callable[[Path], list[str]]
    client: Callable[[Path], list[str]]
    prepare: Callable[[Path], None] = lambda _: None
    protocols: tuple[str, ...] = ("tcp",)  # of the connections to the port that carry payload, in order
    same_every_time: bool = True  # neither the bytes of all sockets nor the calls that set up connections vary
    varies: bool = False  # nor do the bytes on its connections
    aborts: bool = False  # ends while bytes are under way
    seen: int = 2  # ends whose calls can be seen
    options: tuple[str, ...] = ("--snaplen", "all")
    engines: tuple[str, ...] = ("ptrace",)

    def session(self, folder: Path, engine: str = "ptrace") -> Session:
        """Ready to be recorded."""
        (folder / "f.bin").write_bytes(os.urandom(FILE_BYTES))
        self.prepare(folder)
        client, server = (
            ["sh", "-c", *words] if len(words) == 1 else words for words in (self.client(folder), self.server(folder))
        )
        return Session(
            folder,
            server,
            client,
            options=[*self.options, "--engine", engine],
            expected_status=None,
        )


def _nginx(folder: Path) -> None:
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in (
        "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        "events { worker_connections 64; }\n"
        f"http {{ access_log off; sendfile on; {temporary}\n"
        f"server {{ listen {HOST4}:8002; location / {{ root {folder}; }} }} }}\n"
    )
    _open_to_others(folder)


def _open_to_others(folder: Path) -> None:
    """Servers that drop root must reach their files; pytest makes its folders private."""
    for place in (folder, *folder.parents):
        if place == Path("/tmp"):
            break
        place.chmod(place.stat().st_mode | 0o011)
    (folder / "f.bin").chmod(0o644)


def _named(folder: Path) -> None:
    (folder / "named.conf").write_text(
        f'options {{ directory "{folder}"; listen-on port 5399 {{ {HOST4}; }}; listen-on-v6 {{ none; }};\n'
        "recursion no; pid-file none; session-keyfile none; };\ncontrols { };\n"
        f'zone "x.test" {{ type primary; file "{folder}/zone"; }};\n'
    )
    (folder / "zone").write_text(
        "$TTL 60\n@ IN SOA ns hostmaster 1 60 60 60 60\n@ IN NS ns\nns IN A 10.0.0.1\nwww IN A 10.0.0.2\n"
    )


def _ssh_keys(folder: Path) -> None:
    require(os.geteuid() == 0, "the test runs as root, to start sshd")
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "id"):
        subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "id.pub", folder / "authorized")


def _postgres_bin(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    require(found, "postgresql is installed")
    return str(found[-1])


_AS_POSTGRES = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")


def _database(folder: Path) -> None:
    require(os.geteuid() == 0, "the test runs as root, to become the user postgres")
    _open_to_others(folder)
    (folder / "pg").mkdir()
    shutil.chown(folder / "pg", "postgres")
    subprocess.run(
        [*_AS_POSTGRES, _postgres_bin("initdb"), "-A", "trust", "-D", str(folder / "pg")],
        check=True, capture_output=True,
    )  # fmt: skip


def _certificate(folder: Path) -> None:
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=localhost", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip


def _nginx_tls(folder: Path) -> None:
    _certificate(folder)
    _nginx(folder)
    path = folder / "nginx.conf"
    tls = f"listen {HOST4}:8003 ssl http2; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;"
    path.write_text(path.read_text().replace(f"listen {HOST4}:8002;", tls))


def _haproxy(folder: Path) -> None:
    (folder / "haproxy.cfg").write_text(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n option splice-request\n"
        f" option splice-response\nfrontend f\n bind {HOST4}:8020\n default_backend b\n"
        f"backend b\n server s {HOST4}:8021\n"
    )


def _rsyncd(folder: Path) -> None:
    (folder / "rsyncd.conf").write_text(
        f"use chroot = no\nuid = 0\ngid = 0\npid file = {folder}/rsyncd.pid\n[m]\npath = {folder}\nread only = yes\n"
    )


def _repository(folder: Path) -> None:
    git = [program("git"), "-C", str(folder / "r")]
    (folder / "r").mkdir()
    shutil.copy(folder / "f.bin", folder / "r")
    who = ["-c", "user.name=n", "-c", "user.email=n@x.test"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"})


def _mosquitto(folder: Path) -> None:
    (folder / "mosquitto.conf").write_text(
        f"listener 1899 {HOST4}\nallow_anonymous true\nuser root\nmax_queued_messages 0\n"
    )


def _uring(folder: Path) -> None:
    disabled = Path("/proc/sys/kernel/io_uring_disabled")
    require(not disabled.exists() or disabled.read_text().strip() == "0", "io_uring is allowed")
    source = _HERE / "io_uring_echo.c"
    subprocess.run([program("cc"), "-O1", "-Wall", "-o", str(folder / "io_uring_echo"), str(source)], check=True)


def _echoed(port: int) -> Callable[[Path], list[str]]:
    """A client that sends a part of the file and keeps what comes back."""
    nc = f"nc.openbsd -N {HOST4} {port}"
    return lambda folder: [
        f"head -c 100000 {folder}/f.bin | {nc} >{folder}/got; cmp -n 100000 {folder}/got {folder}/f.bin"
    ]


def _python(style: str, port: int) -> Callable[[Path], list[str]]:
    return lambda _: [sys.executable, str(_HERE / "echo_servers.py"), style, str(port)]


def _fetch(port: int, words: str) -> Callable[[Path], list[str]]:
    url = f"http://{HOST4}:{port}/f.bin"
    return lambda folder: [f"{words.format(folder=folder)} {url} && cmp {folder}/got {folder}/f.bin"]


def _sshd(folder: Path, port: int) -> list[str]:
    words = [program("sshd"), "-D", "-e", "-p", str(port), "-f", "/dev/null", "-h", f"{folder}/host"]
    for option in ("UsePAM=no", f"ListenAddress={HOST4}", "StrictModes=no", "PidFile=none"):
        words += ["-o", option]
    return [*words, "-o", f"AuthorizedKeysFile={folder}/authorized"]


_SSH = "-F none -i {folder}/id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
_BOTH = ("ptrace", "ebpf")
_CURL, _WGET = "curl -s -o {folder}/got", "wget -qO {folder}/got"
_REDIS = (
    "for i in 1 2 3; do echo SET k$i v$i; echo GET k$i; done | redis-cli -p 6390;"
    r" printf 'PING\r\nSET a b\r\nGET a\r\nQUIT\r\n' | nc.openbsd -N 127.0.0.1 6390;"
    " redis-cli -s {folder}/redis.sock SET u w; redis-cli -p 6390 SHUTDOWN NOSAVE"
)
_DIG = "dig {more} @127.0.0.1 -p {port} www.x.test >{{folder}}/{name}; grep -q 10.0.0. {{folder}}/{name}"


def _dig(port: int) -> Callable[[Path], list[str]]:
    both = "; ".join(_DIG.format(more=more, port=port, name=name) for more, name in (("", "u"), ("+tcp", "t")))
    return lambda folder: [both.format(folder=folder)]


SERVICES = (
    Service(
        "curl-from-python", 8001,
        lambda f: [sys.executable, "-m", "http.server", "8001", "--bind", HOST4, "--directory", str(f)],
        _fetch(8001, _CURL),
    ),
    Service(
        "wget-from-python", 8001,
        lambda f: [sys.executable, "-m", "http.server", "8001", "--bind", HOST4, "--directory", str(f)],
        _fetch(8001, _WGET),
    ),
    Service(
        "nginx", 8002, lambda f: [program("nginx"), "-c", f"{f}/nginx.conf"], _fetch(8002, _CURL), _nginx,
        same_every_time=False,  # how much of what its master tells them the workers still read
    ),
    Service(
        "redis", 6390,
        lambda f: [program("redis-server"), "--port", "6390", "--bind", HOST4, "--save", "", "--unixsocket",
                   f"{f}/redis.sock"],
        lambda f: [_REDIS.format(folder=f)],
        protocols=("tcp", "tcp", "tcp"),
    ),
    Service(
        "memcached", 11219,
        lambda _: [program("memcached"), "-u", "root", "-l", HOST4, "-p", "11219", "-t", "4"],
        lambda _: [rf"printf 'set a 0 0 5\r\nhello\r\nget a\r\nquit\r\n' | nc.openbsd -N {HOST4} 11219"],
    ),
    Service(
        "socat-fork", 8005,
        lambda _: [program("socat"), f"TCP-LISTEN:8005,bind={HOST4},reuseaddr,fork", "EXEC:cat"],
        _echoed(8005),
        same_every_time=False,  # how often it wakes itself by a socketpair
    ),
    Service("python-threaded", 8006, _python("threaded", 8006), _echoed(8006)),
    Service("python-asyncio", 8007, _python("asyncio", 8007), _echoed(8007)),
    Service(
        "openssh", 2290,
        lambda f: _sshd(f, 2290),
        lambda f: [f"ssh {_SSH.format(folder=f)} -p 2290 root@{HOST4} head -c 100000 {f}/f.bin >{f}/got;"
                   f" cmp -n 100000 {f}/got {f}/f.bin"],
        _ssh_keys,
        same_every_time=False, varies=True,  # how the bytes are put into packets, each of them padded
    ),
    Service(
        "postgres", 5499,
        lambda f: [*_AS_POSTGRES, _postgres_bin("postgres"), "-D", f"{f}/pg", "-p", "5499", "-h", HOST4, "-k",
                   f"{f}/pg"],
        # it listens before it lets anyone in, and says in its pid file when it does
        lambda f: [f"until grep -q ready {f}/pg/postmaster.pid; do sleep 0.1; done;"
                   f" psql -h {HOST4} -p 5499 -U postgres -Atc 'select repeat(md5(i::text), 50) from"
                   f" generate_series(1, 50) i' >{f}/got; test $(wc -c <{f}/got) = 80050"],
        _database,
        same_every_time=False,  # its helper processes wake when they like
    ),
    Service(
        "named-and-dig", 5399, lambda f: [program("named"), "-g", "-c", f"{f}/named.conf"],
        _dig(5399), _named,
        # a socket per CPU and thread, and a record more in some answers
        protocols=("udp", "tcp"), same_every_time=False, varies=True,
    ),
    Service(
        "dnsmasq-and-dig", 5400,
        lambda _: [program("dnsmasq"), "-k", "--port=5400", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
                   "--address=/www.x.test/10.0.0.1", f"--listen-address={HOST4}", "--bind-interfaces"],
        _dig(5400),
        protocols=("udp", "tcp"), same_every_time=False,  # threads of dig
    ),
    Service(
        "iperf3", 5210,
        lambda _: [program("iperf3"), "-s", "-B", HOST4, "-p", "5210", "-1"],
        lambda _: [program("iperf3"), "-c", HOST4, "-p", "5210", "-t", "1", "-P", "2"],
        protocols=("tcp", "tcp", "tcp"), same_every_time=False, varies=True, aborts=True,
        options=("--calls", "network", "--snaplen", "64", "--packet-snaplen", "256"),
    ),
    Service("io_uring", 8010, lambda f: [f"{f}/io_uring_echo", "8010"], _echoed(8010), _uring, seen=1),
    Service(
        "https-from-python", 8444,
        lambda f: [sys.executable, str(_HERE / "https_server.py"), "8444", str(f)],
        lambda f: [f"curl -sk -o {f}/got https://{HOST4}:8444/f.bin && cmp {f}/got {f}/f.bin"],
        _certificate, varies=True, engines=_BOTH, aborts=True,  # nobody reads the client's last words
    ),
    Service(
        "http2-from-nginx-tls", 8003, lambda f: [program("nginx"), "-c", f"{f}/nginx.conf"],
        lambda f: [f"curl -sk --http2 -o {f}/got https://{HOST4}:8003/f.bin && cmp {f}/got {f}/f.bin"],
        _nginx_tls, same_every_time=False, varies=True, engines=_BOTH,
    ),
    Service(
        "scp-and-sftp", 2291,
        lambda f: [*_sshd(f, 2291), "-o", "Subsystem=sftp internal-sftp"],
        lambda f: [f"scp -q {_SSH.format(folder=f)} -P 2291 root@{HOST4}:{f}/f.bin {f}/got && cmp {f}/got {f}/f.bin;"
                   f" echo get {f}/f.bin {f}/got2 | sftp -q -b - {_SSH.format(folder=f)} -P 2291 root@{HOST4} &&"
                   f" cmp {f}/got2 {f}/f.bin"],
        _ssh_keys, protocols=("tcp", "tcp"), same_every_time=False, varies=True, engines=_BOTH,
    ),
    Service(
        "haproxy", 8020,
        lambda f: [f"{sys.executable} -m http.server 8021 --bind {HOST4} --directory {f} & until curl -s -o /dev/null"
                   f" http://{HOST4}:8021/f.bin; do sleep 0.1; done; exec {program('haproxy')} -db -f {f}/haproxy.cfg"],
        lambda f: [f"until curl -s -o {f}/got http://{HOST4}:8020/f.bin; do sleep 0.1; done; cmp {f}/got {f}/f.bin"],
        _haproxy, same_every_time=False, varies=True, engines=_BOTH,
    ),
    Service(
        "rsync", 8873,
        lambda f: [program("rsync"), "--daemon", "--no-detach", "--address", HOST4, "--port", "8873", "--config",
                   f"{f}/rsyncd.conf"],
        lambda f: [f"rsync rsync://{HOST4}:8873/m/f.bin {f}/got && cmp {f}/got {f}/f.bin"],
        _rsyncd, same_every_time=False, varies=True, engines=_BOTH,
    ),
    Service(
        "git", 9419,
        lambda f: [program("git"), "daemon", "--export-all", "--reuseaddr", f"--listen={HOST4}", "--port=9419",
                   f"--base-path={f}"],
        lambda f: [f"git clone -q git://{HOST4}:9419/r {f}/clone && cmp {f}/clone/f.bin {f}/f.bin; rm -rf {f}/clone"],
        _repository, same_every_time=False, varies=True, engines=_BOTH,
    ),
    Service(
        "node", 8030,
        lambda f: [program("node"), "-e", f"require('http').createServer((q, a) => require('fs').createReadStream("
                   f"'{f}/f.bin').pipe(a)).listen(8030, '{HOST4}')"],
        _fetch(8030, _CURL), same_every_time=False, varies=True, engines=_BOTH,
    ),
    Service(
        "mosquitto", 1899,
        lambda f: [program("mosquitto"), "-c", f"{f}/mosquitto.conf"],
        lambda f: [f"mosquitto_sub -h {HOST4} -p 1899 -q 1 -i s -c -t t -E;"
                   f" mosquitto_pub -h {HOST4} -p 1899 -q 1 -i p -t t -f {f}/f.bin;"
                   f" mosquitto_sub -h {HOST4} -p 1899 -q 1 -i s -c -t t -C 1 -N >{f}/got && cmp {f}/got {f}/f.bin"],
        _mosquitto, protocols=("tcp", "tcp", "tcp"), same_every_time=False, varies=True, engines=_BOTH,
        aborts=True,  # a subscriber leaves without reading the last acknowledgement
    ),
)  # fmt: skip
