"""What `record`, `run` and `demo` share: the options that say what to record, and turning a spool into a capture."""

import contextlib
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import click

from wiretale.errors import PermissionFault, ResourceFault, UsageFault, WiretaleError
from wiretale.record.ebpf.calls import RingOptions
from wiretale.record.ebpf.source import ALL_STACKS, GROUPS, KernelOptions
from wiretale.record.packets.source import MIB, PacketOptions
from wiretale.record.plan import Outcome, Plan
from wiretale.record.ptrace.source import PtraceOptions
from wiretale.record.user import give_to, invoking_user, named
from wiretale.store.ending import ended_by_signals
from wiretale.store.file_names import is_utf8
from wiretale.store.spool import Spool

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}


def _snaplen(_: click.Context, parameter: click.Parameter, value: str) -> int | None:
    """A number of bytes; None stands for `all`."""
    if value == "all":
        return None
    if value.isdigit():
        return int(value)
    raise click.BadParameter(f"{value!r} is neither a number of bytes nor the word all", param=parameter)


def _stacks(_: click.Context, parameter: click.Parameter, value: str | None) -> int:
    """Of how many events of each kind; 0: of none."""
    if value is None or value == "all":
        return ALL_STACKS if value else 0
    if value.isdigit() and 0 < int(value) < ALL_STACKS:
        return int(value)
    raise click.BadParameter(
        f"{value!r} is neither a number of events nor the word all (before a command write --)", param=parameter
    )


def _groups(_: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Groups of tracepoints; none stands for all."""
    found = tuple(value.split(",")) if value is not None else ()
    unknown = [name for name in found if name not in GROUPS]
    if unknown:
        raise click.BadParameter(f"there is no group {unknown[0]!r}, but {', '.join(GROUPS)}", param=parameter)
    return found


def unescape(text: str) -> str:
    r"""Turn \n, \t, \r, \0, \\ and \xNN of a command line option into the characters they stand for."""

    def replace(match: re.Match[str]) -> str:
        if match[2]:
            return bytes([int(match[2], 16)]).decode("utf-8", "surrogateescape")
        return _ESCAPES.get(match[1], match[0])

    return re.sub(r"\\(?:([ntr0\\])|x([0-9a-fA-F]{2}))", replace, text)


engine_option = click.option(
    "--engine",
    type=click.Choice(["ptrace", "ebpf", "auto"]),
    default="ptrace",
    show_default=True,
    help="Who records the calls; ebpf: kernel programs, at a fraction of the cost; auto: ebpf where it can.",
)

_OPTIONS = [
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
    click.option(
        "-p",
        "--pid",
        "pids",
        type=click.IntRange(1),
        multiple=True,
        metavar="PID",
        help="Attach to a running process and all its threads.",
    ),
    click.option(
        "--with",
        "with_commands",
        multiple=True,
        metavar="COMMAND",
        help="Start another program once the one before it listens (may be repeated).",
    ),
    click.option(
        "--type",
        "type_text",
        metavar="TEXT",
        help="Type TEXT and Enter at the last program's terminal once its connection stands, then ^D.",
    ),
    click.option(
        "--stdin-file",
        type=click.Path(path_type=Path, dir_okay=False, readable=False),
        help="Feed the last program this file once its connection stands.",
    ),
    click.option(
        "--private-net", is_flag=True, help="Run in a network namespace of its own, where packets need no privilege."
    ),
    click.option(
        "--calls",
        type=click.Choice(["all", "network"]),
        default="all",
        show_default=True,
        help="Which system calls stop the program; network: those that touch a descriptor, and process life.",
    ),
    click.option(
        "--snaplen",
        callback=_snaplen,
        default="256",
        show_default=True,
        metavar="N|all",
        help="Bytes kept of every buffer that goes to or comes from a descriptor.",
    ),
    click.option(
        "--packet-snaplen",
        callback=_snaplen,
        default="all",
        metavar="N|all",
        show_default=True,
        help="Bytes kept of every packet.",
    ),
    click.option(
        "--packet-ring",
        type=click.IntRange(4, 4096),
        default=PacketOptions().ring_bytes // MIB,
        metavar="MIB",
        show_default=True,
        help="Room for packets that came and are not written yet; more of it helps against drops.",
    ),
    click.option(
        "-i",
        "--interface",
        "interfaces",
        multiple=True,
        metavar="NAME",
        help="Capture packets on this interface only (may be repeated; default: all).",
    ),
    click.option("--packet-filter", metavar="EXPRESSION", help="Capture only these packets, in tcpdump's syntax."),
    click.option("--no-packets", is_flag=True, help="Record calls only."),
    engine_option,
    click.option(
        "--kernel",
        is_flag=True,
        help="Also record the kernel's work for the programs (eBPF: root, or CAP_BPF and CAP_PERFMON).",
    ),
    click.option(
        "--kernel-events",
        "groups",
        callback=_groups,
        metavar="GROUP[,GROUP...]",
        help=f"With --kernel: only these groups of tracepoints, as the kernel names them: {', '.join(GROUPS)}.",
    ),
    click.option(
        "--stacks",
        is_flag=False,
        flag_value="all",
        callback=_stacks,
        metavar="[N|all]",
        help="With --kernel: also how the kernel came to each event; N: only to the first N of each kind."
        " A stack costs ten times an event, so times are longer.",
    ),
    click.option(
        "--ring",
        type=click.Choice([str(1 << n) for n in range(12)]),
        default=str(KernelOptions().ring_bytes // MIB),
        metavar="MIB",
        show_default=True,
        help="With eBPF: room for what was recorded and is not written yet, a power of two up to 2048.",
    ),
    click.option("--pin", is_flag=True, help="Also keep the program on the tracer's CPU (this moves the program)."),
    click.option(
        "--duration",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Stop after this long, as ^C does: a command is interrupted, a process of -p goes on.",
    ),
    click.option(
        "--on-recorder-death",
        type=click.Choice(["end", "continue"]),
        default=None,
        help="What the program does if wiretale is killed (default: end for a command, continue for -p).",
    ),
    click.option(
        "--user", metavar="NAME", help="Run the program as this user (default under sudo: whoever typed sudo)."
    ),
]


def recording_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a recording to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def plan_from(output: Path, options: dict[str, Any]) -> Plan:
    """The Plan that the options describe. Raises UsageFault where they contradict each other."""
    command: tuple[str, ...] = options["command"]
    pids: tuple[int, ...] = options["pids"]
    if not command and not pids:
        raise UsageFault(
            "there is nothing to record",
            "give a command after --, or -p PID: wiretale record -o FILE.wiretale -- nc -l 4000",
        )
    if command and pids:
        raise UsageFault(
            "-p PID and a command cannot be recorded together", "leave one of them out, or add the second with --with"
        )
    if options["type_text"] is not None and options["stdin_file"] is not None:
        raise UsageFault("--type and --stdin-file both give the last program its input", "choose one of them")
    if pids and (options["private_net"] or options["with_commands"]):
        raise UsageFault(
            "a running process cannot be moved into a private network or joined by --with",
            "leave out -p, or those options",
        )
    if options["stacks"] and not options["kernel"]:
        raise UsageFault("--stacks is about the kernel level, which is not recorded", "add --kernel")
    if options["groups"] and not options["kernel"]:
        raise UsageFault("--kernel-events is about the kernel level, which is not recorded", "add --kernel")
    on_death = options["on_recorder_death"] or ("continue" if pids else "end")
    text = options["type_text"]
    return Plan(
        output=output,
        commands=(command, *(_words(c) for c in options["with_commands"])) if command else (),
        attach=pids,
        ptrace=PtraceOptions(
            calls=options["calls"],
            snaplen=options["snaplen"],
            pin=options["pin"],
            kill_on_recorder_exit=on_death == "end",
        ),
        packets=None
        if options["no_packets"]
        else PacketOptions(
            interfaces=options["interfaces"],
            snaplen=options["packet_snaplen"],
            filter=options["packet_filter"] or "",
            ring_bytes=options["packet_ring"] * MIB,
        ),
        ring=RingOptions(int(options["ring"]) * MIB),
        kernel=KernelOptions(int(options["ring"]) * MIB, options["stacks"], groups=options["groups"])
        if options["kernel"]
        else None,
        engine=options["engine"],
        private_net=options["private_net"],
        type_text=unescape(text) if text is not None else None,
        stdin_file=options["stdin_file"],
        duration_s=options["duration"],
        user=named(options["user"]) if options["user"] else invoking_user(),
        command_line=tuple(sys.argv),
    )


def _words(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as fault:
        raise UsageFault(
            f"--with {command!r} cannot be split into words: {fault}", "quote it as for a shell"
        ) from fault
    if not words:
        raise UsageFault("--with was given an empty command", "--with 'nc 127.0.0.1 4000'")
    return words


def fresh_output(command: tuple[str, ...], pids: tuple[int, ...], *, force: bool) -> Path:
    """A name in this folder for the capture of a program: its own, numbered where that is taken, unless forced."""
    name = "wiretale"
    if command:
        name = Path(command[0]).name or name
    elif pids:
        with contextlib.suppress(OSError):
            name = Path(f"/proc/{pids[0]}/comm").read_text(errors="replace").strip().replace("/", "-") or name
    first = Path(f"{name}.wiretale")
    if force:
        return first
    names = (Path(f"{name}-{n}.wiretale") if n > 1 else first for n in count(1))
    return next(path for path in names if not path.exists() and not path.with_name(path.name + ".spool").exists())


def check_output(path: Path, *, force: bool) -> None:
    """Refuse to overwrite a capture unless forced, and a place where none can be made."""
    elsewhere = "choose another place with -o FILE"
    if not is_utf8(path):
        raise UsageFault(f"{path} is no name in UTF-8, and DuckDB, which makes the capture, takes no other", elsewhere)
    try:
        is_there = path.exists()
        if is_there and not path.is_file():
            raise UsageFault(f"{path} exists and is no file that could be overwritten", elsewhere)
        if is_there and not force:
            raise UsageFault(f"{path} exists already", "choose another name, or overwrite it with --force")
        if not path.parent.is_dir():
            raise UsageFault(f"there is no folder {path.parent}", f"make it first, or {elsewhere}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionFault(f"you may not write into the folder {path.parent.resolve()}", elsewhere)
    except OSError as fault:
        raise PermissionFault(f"{path} cannot be made: {fault.strerror}", elsewhere) from fault


def finish(outcome: Outcome, plan: Plan, *, keep_spool: bool = False) -> None:
    """Make the capture from the spool, then delete the spool. On any fault the spool stays, and the message says so."""
    with ended_by_signals():
        capture_from_spool(outcome.spool, plan.output)
        give_to(plan.user, plan.output)
        if not keep_spool:
            shutil.rmtree(outcome.spool.path)


def capture_from_spool(spool: Spool, output: Path) -> None:
    """Make a capture, with progress on standard error when that is a terminal."""
    try:
        with ended_by_signals() as ending:
            from wiretale.cli.progress import steps
            from wiretale.join.build import build
            from wiretale.store.make import make_capture

            with steps() as progress:
                step = ending.checked(progress)
                make_capture(spool, output, lambda db: build(db, step), step)
    except ResourceFault:
        raise
    except WiretaleError as fault:
        kept = f"the recording is kept: wiretale recover {spool.path}"
        hint = fault.hint if "recover" in fault.hint else f"{fault.hint}; {kept}" if fault.hint else kept
        raise type(fault)(fault.message, hint, exit_code=fault.exit_code) from fault
    except Exception:  # nobody foresaw it, so nobody says what to do
        click.echo(f"wiretale: the recording is kept in {spool.path}", err=True)
        raise
