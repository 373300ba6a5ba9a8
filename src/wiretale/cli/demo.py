"""`wiretale demo`: the netcat experiment, end to end."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import click

from wiretale.cli.recording_options import check_output, engine_option, finish
from wiretale.errors import Exit
from wiretale.light import replace
from wiretale.record.namespace import PrivateNetFault
from wiretale.record.packets.source import PacketOptions
from wiretale.record.plan import Outcome, Plan
from wiretale.record.recording import Recording
from wiretale.record.user import invoking_user

SERVER_ARGS = ("-l", "127.0.0.1", "4000")
CLIENT_ARGS = ("-p", "4444", "127.0.0.1", "4000")
TEXT = "salam"


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, readable=False),
    default=Path("demo.wiretale"),
    show_default=True,
    help="The capture to write; the packets go to the same name with .pcapng, the story to that with .html.",
)
@engine_option
@click.option("--builtin", is_flag=True, help="Use wiretale's own netcat even if OpenBSD's is installed.")
@click.pass_context
def command(context: click.Context, output: Path, engine: Literal["ptrace", "ebpf", "auto"], builtin: bool) -> None:
    """Run the netcat experiment end to end and show it.

    A server `nc -l 127.0.0.1 4000` and a client `nc -p 4444 127.0.0.1 4000` are recorded in a network of their own;
    once the connection stands "salam" is typed at the client, then ^D (and ^C to OpenBSD's client, which would wait for
    ever). No privilege is needed.

    \b
    wiretale demo
    wiretale demo -o /tmp/mine.wiretale --builtin
    sudo wiretale demo --engine ebpf        # kernel programs record the calls
    """
    check_output(output, force=True)
    netcat = None if builtin else openbsd_netcat()
    words = (netcat,) if netcat else (sys.executable, "-m", "wiretale.netcat")
    # OpenBSD's client waits for the server after the end of its input, and the server for the client: somebody has to
    # type ^C. Ours is told to pass the end of its input on, so that both leave by themselves.
    client_args = CLIENT_ARGS if netcat else ("-N", *CLIENT_ARGS)
    plan = Plan(
        output=output,
        commands=((*words, *SERVER_ARGS), (*words, *client_args)),
        private_net=True,
        type_text=TEXT,
        interrupt_when_idle=True,
        terminals=True,
        engine=engine,
        user=invoking_user(),
        command_line=tuple(sys.argv),
    )
    name = Path(netcat).name if netcat else "wiretale nc"
    click.echo(
        f"server: {name} {' '.join(SERVER_ARGS)}\nclient: {name} {' '.join(client_args)}\ntyped:  {TEXT}\n", err=True
    )
    outcome = _record(plan)
    finish(outcome, plan)
    if outcome.fault is not None:
        raise outcome.fault
    _export(context, output)
    _show(context, output)
    _tell(context, output)
    click.echo(
        f"\nwiretale: {output}, {output.with_suffix('.pcapng')} and {output.with_suffix('.html')} written; next:\n"
        f"  wiretale explain {output}    (the whole story; the same as in the page)\n"
        f"  wiretale show {output} --filter 'tcp.srcport == 4000 || tcp.srcport == 4444'\n"
        f"  wiretale connections {output}\n"
        f"  wiretale fds {output} --at end",
        err=True,
    )
    sys.exit(Exit.OK)


def _record(plan: Plan) -> Outcome:
    """Record in a private network; where that is forbidden, record the calls alone and say so."""
    try:
        return Recording(plan).run()
    except PrivateNetFault as fault:
        click.echo(f"wiretale: {fault.message}; recording calls only\ntry: {fault.hint}", err=True)
        shared = replace(plan, private_net=False, packets=PacketOptions(), interrupt_when_idle=True)
        return Recording(shared).run()


def openbsd_netcat() -> str | None:
    """The path of an OpenBSD netcat on this machine, or None."""
    named = shutil.which("nc.openbsd")
    if named:
        return named
    plain = shutil.which("nc")
    if plain is None:
        return None
    said = subprocess.run(
        [plain, "-h"], capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
    )
    return plain if "OpenBSD netcat" in said.stdout + said.stderr else None


def _export(context: click.Context, output: Path) -> None:
    from wiretale.cli.export import command as export

    context.invoke(export, capture=output, to="pcapng", output=output.with_suffix(".pcapng"), force=True)


def _show(context: click.Context, output: Path) -> None:
    from wiretale.cli.show import command as show

    context.invoke(show, capture=output)


def _tell(context: click.Context, output: Path) -> None:
    """The story: in short here, as the listing above has every call already; whole in a page beside the capture."""
    from wiretale.cli.output import output_of
    from wiretale.cli.story import StoryFormat, StoryRequest, print_story
    from wiretale.explain.entry import Reader

    click.echo()
    print_story(StoryRequest(output, Reader.BEGINNER, brief=True), output_of(context))
    page = output.with_suffix(".html")
    print_story(StoryRequest(output, Reader.BEGINNER, StoryFormat.HTML, into=page), output_of(context))
