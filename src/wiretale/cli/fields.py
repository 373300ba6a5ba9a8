"""`wiretale fields`: what a filter can ask for."""

from typing import TYPE_CHECKING

import click

from wiretale.cli.output import Output, output_of, print_json, print_table
from wiretale.errors import Exit, UsageFault

if TYPE_CHECKING:
    from wiretale.filter.fields.table import Field

HELP = """
\b
  wiretale fields
  wiretale fields tcp.flags
  wiretale fields retransmission

Lists the fields of filters with the type of their values, their meaning, and the events that have them: all, or those
with WORD in their name or meaning. docs/filter.md has the language, docs/fields.md this list.
"""


@click.command(name="fields", help=HELP)
@click.argument("word", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per field.")
@click.pass_context
def command(context: click.Context, word: str | None, as_json: bool) -> int:
    from wiretale.filter.fields import FIELDS

    return print_fields(tuple(f for f in FIELDS if _is_about(f, word)), word, output_of(context), as_json=as_json)


def print_fields(fields: "tuple[Field, ...]", word: str | None, output: Output, *, as_json: bool = False) -> int:
    """Print some fields; `word` is what they were chosen by."""
    if not fields:
        raise _nothing(word or "")
    if as_json:
        for field in fields:
            print_json(_facts(field))
        return Exit.OK
    rows = [(f.name, said(f), f.meaning, events_of(f)) for f in fields]
    print_table(("field", "takes", "meaning", "of"), rows, output)
    return Exit.OK


def said(field: "Field") -> str:
    """The type of a field in a list."""
    return field.type.removeprefix("a ").removeprefix("an ")


def events_of(field: "Field") -> str:
    """The kinds of events that have a field."""
    return ", ".join(
        kind for kind in ("call", "packet", "signal", "task", "kernel") if kind in {*field.on, *field.present}
    )


def _is_about(field: "Field", word: str | None) -> bool:
    if word is None:
        return True
    wanted = word.lower()
    return wanted in field.name or wanted in field.meaning.lower()


def _facts(field: "Field") -> dict[str, object]:
    return {
        "name": field.name, "type": said(field), "meaning": field.meaning, "of": events_of(field).split(", "),
        "same_as": field.same_as or None,
    }  # fmt: skip


def _nothing(word: str) -> UsageFault:
    from wiretale.filter.names import closest

    near = closest(word)
    return UsageFault(
        f"no field has {word!r} in its name or meaning", f"did you mean {near}?" if near else "wiretale fields"
    )
