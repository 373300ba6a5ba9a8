"""`wiretale doctor`: what this machine and this user can record."""

import sys

import click

from wiretale.cli.output import output_of, print_json
from wiretale.errors import Exit
from wiretale.light import asdict

HELP = """
\b
  wiretale doctor
  sudo wiretale doctor

Says for each thing that can be recorded whether this machine and this user can, why, and what to type for more. It
tries each thing where that is harmless, and changes nothing.
"""


@click.command(name="doctor", help=HELP)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    from wiretale.cli.doctor_checks import CHECKS
    from wiretale.decode.escape import escape_text

    found = [check() for check in CHECKS]
    if as_json:
        for check in found:
            print_json(asdict(check))
        return Exit.OK
    green, yellow, reset = ("\x1b[32m", "\x1b[33m", "\x1b[0m") if output_of(context).color else ("", "", "")
    width = max(len(check.name) for check in found)
    for check in found:
        answer = f"{green}yes{reset}" if check.ok else f"{yellow}no {reset}"
        lines = [f"{check.name:<{width}}  {answer}  {check.gives}", f"{'':<{width}}       {escape_text(check.reason)}"]
        if check.remedy:
            lines.append(f"{'':<{width}}       try: {escape_text(check.remedy)}")
        sys.stdout.write("".join(line + "\n" for line in lines))
    return Exit.OK
