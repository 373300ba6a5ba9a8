"""`wiretale nc`: the embedded netcat. Its options are its own, so click passes every word through."""

import click


class _Raw(click.Command):
    """A command whose words click does not look at."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.params = {"words": tuple(args)}
        return []


@click.pass_context
def _run(ctx: click.Context, words: tuple[str, ...]) -> None:
    from wiretale.netcat.main import main

    ctx.exit(main(words))


command = _Raw(
    "nc",
    callback=_run,
    help="The embedded netcat: TCP, UDP and unix sockets, with OpenBSD nc's options and system calls.",
    add_help_option=False,
)
