"""The `wiretale` command: the list of its sub-commands, and the one place that prints errors.

Only `click` is imported here. Each sub-command's module is imported when that sub-command runs, so that `--help` and
short commands do not pay for DuckDB or NumPy.
"""

import difflib
import importlib
import os
import sys
from collections.abc import Sequence

import click

from wiretale import __version__
from wiretale.cli.output import MIN_COLUMNS, ColorChoice, Output, abandon_stdout, print_error
from wiretale.errors import Exit, WiretaleError, mistake, shortage

# name -> (module, what it does); `wiretale --help` lists them in this order
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("wiretale.cli.demo", "Run the netcat experiment end to end and show it."),
    "run": ("wiretale.cli.run", "Run a command and print its calls and packets as they happen."),
    "strace": ("wiretale.cli.strace", "Print the system calls of a program exactly as strace does."),
    "record": ("wiretale.cli.record", "Record a command or a running process into a capture file."),
    "import": ("wiretale.cli.import_", "Make a capture of a pcap or pcapng file."),
    "recover": ("wiretale.cli.recover", "Make a capture from a recording that was cut short."),
    "show": ("wiretale.cli.show", "Print a capture: calls and packets in one list, on one clock."),
    "connections": ("wiretale.cli.connections", "List the connections of a capture, with both ends."),
    "follow": ("wiretale.cli.follow", "Print the bytes of one connection, both ways."),
    "stats": ("wiretale.cli.stats", "Count and time calls, traffic and waits."),
    "check": ("wiretale.cli.check", "Prove the links of a capture again, and say what is not linked and why."),
    "fds": ("wiretale.cli.fds", "List open descriptors at a moment (lsof of the past)."),
    "ps": ("wiretale.cli.ps", "Show the process tree of a capture."),
    "threads": ("wiretale.cli.threads", "Show what each thread did with its time, and which had each CPU."),
    "explain": ("wiretale.cli.explain", "Tell what happened in a capture, or explain a call, option, error or state."),
    "path": ("wiretale.cli.path", "Show the way of a call's bytes through the kernel."),
    "critical": ("wiretale.cli.critical", "Show what bounded the time of an answer, back through all threads."),
    "export": ("wiretale.cli.export", "Write a capture as pcapng (for Wireshark), CSV or Parquet."),
    "sql": ("wiretale.cli.sql", "Query a capture with SQL."),
    "fields": ("wiretale.cli.fields", "List the fields that a filter can use."),
    "nc": ("wiretale.cli.nc", "The built-in netcat."),
    "doctor": ("wiretale.cli.doctor", "Say what this machine and this user can record."),
}

EXAMPLES = """\
\b
  wiretale demo
  wiretale record -o chat.wiretale -- nc 127.0.0.1 4000
"""

HELP = f"""\
{EXAMPLES}
wiretale records a network program's system calls and packets on one clock, joins them byte by byte, and shows them.
"""

EPILOG = f"""\
\b
Exit codes: {Exit.OK} done, {Exit.FAILED} the answer is no, {Exit.USAGE} wrong usage, {Exit.CAPTURE} unusable capture,
{Exit.PERMISSION} not permitted, {Exit.RESOURCE} disk full or port taken, {Exit.INTERNAL} a mistake in wiretale,
{Exit.INTERRUPTED} interrupted, or the reader of the output has gone.
"""


def closest(word: str, words: Sequence[str]) -> str | None:
    """The known word most like `word`, or None if none is near."""
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return near[0] if near else None


class LazyGroup(click.Group):
    """A group whose commands are named in COMMANDS and imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module_name = COMMANDS[cmd_name][0]
        command = importlib.import_module(module_name).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module_name}.command is no click command")
        command.context_settings.setdefault("help_option_names", ["-h", "--help"])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = closest(args[0], list(COMMANDS))
            hint = f"did you mean: wiretale {near}" if near else "wiretale --help lists the commands"
            raise WiretaleError(f"there is no command {click.format_filename(args[0])!r}", hint, exit_code=Exit.USAGE)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    help=HELP,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="wiretale %(version)s")
@click.option(
    "--color",
    type=click.Choice([c.value for c in ColorChoice]),
    default=ColorChoice.AUTO.value,
    help="When to colour the output (auto: on a terminal, unless NO_COLOR is set).",
)
@click.option(
    "--width",
    type=click.IntRange(MIN_COLUMNS),
    help="Break lines at this column (default: a terminal's width; in a pipe lines are not broken).",
)
@click.pass_context
def group(ctx: click.Context, color: str, width: int | None) -> None:
    ctx.obj = Output(ColorChoice(color), width)


def _usage_hint(fault: click.ClickException) -> str:
    """What to type after a fault that click found."""
    possible = getattr(fault, "possibilities", None)
    if possible:
        return f"did you mean {closest(str(getattr(fault, 'option_name', '')), possible) or sorted(possible)[0]}?"
    context = getattr(fault, "ctx", None)
    return f"{context.command_path} --help" if context is not None else "wiretale --help"


def _one_sentence(fault: click.ClickException) -> str:
    """Click's message without the suggestion it appends (the hint gives that) and without a final full stop."""
    text = fault.message if isinstance(fault, click.NoSuchOption) else fault.format_message()
    return text.split("\n")[0].rstrip(".")


def run(args: Sequence[str]) -> int:
    """Run one command line and return the exit code. Prints every error there can be."""
    try:
        result = _invoke(args)
        sys.stdout.flush()
        return result if isinstance(result, int) else Exit.OK
    except WiretaleError as fault:
        print_error(fault.message, fault.hint)
        return fault.exit_code
    except click.exceptions.NoArgsIsHelpError as fault:
        click.echo(fault.format_message(), err=True)
        return Exit.USAGE
    except click.ClickException as fault:
        print_error(_one_sentence(fault), _usage_hint(fault))
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        abandon_stdout()
        return Exit.INTERRUPTED
    except Exception as fault:
        short = shortage(fault)
        if short is not None:
            print_error(short.message, short.hint)
            return short.exit_code
        if "interrupt" in str(fault).lower() and _is_of_duckdb(fault):
            return Exit.INTERRUPTED
        if _is_damage(fault):
            first = str(fault).split("\n")[0]
            print_error(
                f"the capture is damaged ({first})",
                "another copy of it, or wiretale recover if its spool is still there",
            )
            return Exit.CAPTURE
        if os.environ.get("WIRETALE_DEBUG"):
            raise
        unforeseen = mistake(fault)
        print_error(unforeseen.message, unforeseen.hint)
        return unforeseen.exit_code


# What DuckDB raises when a file's content is not what its checksums, sizes and types say.
_DAMAGE = frozenset(
    {"IOException", "SerializationException", "InternalException", "FatalException", "OutOfMemoryException"}
)


def _is_of_duckdb(fault: Exception) -> bool:
    """Whether DuckDB raised it, which makes a RuntimeError of a ^C that came during a query."""
    return "duckdb" in type(fault).__module__ or (isinstance(fault, RuntimeError) and "Query" in str(fault))


def _is_damage(fault: Exception) -> bool:
    """Whether DuckDB found the capture's content wrong. Tells by name, as most commands never import DuckDB."""
    if "duckdb" not in type(fault).__module__:
        return False
    return type(fault).__name__ in _DAMAGE or "Corrupt database file" in str(fault)


def _invoke(args: Sequence[str]) -> object:
    """What `group.main` does, except that it would end the process by itself when the reader of the output leaves."""
    if "_WIRETALE_COMPLETE" in os.environ:  # asked by a shell for completions, which only `main` gives
        return group.main(args=list(args), prog_name="wiretale")
    try:
        with group.make_context("wiretale", list(args)) as context:
            return group.invoke(context)
    except click.exceptions.Exit as fault:
        return fault.exit_code
