"""Write the lists of docs/fields.md from the table of fields: `.venv/bin/python scripts/make_fields_page.py`."""

from pathlib import Path

from wiretale.cli.fields import events_of, said
from wiretale.filter.fields import GROUPS
from wiretale.filter.fields.sysdig import SYNONYMS

PAGE = Path(__file__).parents[1] / "docs" / "fields.md"


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    parts = [page[: page.index(f"## {GROUPS[0][0]}")]]
    for heading, fields in GROUPS:
        rows = [f"| `{f.name}` | {said(f)} | {f.meaning} | {events_of(f)} |" for f in fields]
        parts.append(
            "\n".join([f"## {heading}\n", "| field | takes | meaning | of |", "|---|---|---|---|", *rows, "\n"])
        )
    others = [f"| `{other}` | `{name}` |" for other, name in SYNONYMS.items()]
    parts.append("\n".join(["## Other names\n", "| name | the same as |", "|---|---|", *others, ""]))
    PAGE.write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
