"""`wiretale strace`: only the way in; `wiretale.strace` is the command."""

import click

from wiretale.strace.main import run


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": [],
    },
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> int:
    """Print the system calls of a program exactly as strace does."""
    return run(arguments)
