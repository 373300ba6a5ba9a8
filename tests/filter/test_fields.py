from pathlib import Path

from wiretale.filter.fields import BY_NAME, FIELDS

PAGE = Path(__file__).parents[2] / "docs" / "filter.md"


def test_names_are_unique():
    assert len(BY_NAME) == len(FIELDS)


def test_the_page_lists_every_field_as_it_is():
    rows = [
        f"| `{f.name}` | {f.type.removeprefix('a ').removeprefix('an ')} | {f.meaning} | {', '.join(f.on)} |"
        for f in FIELDS
    ]
    listed = [
        line for line in PAGE.read_text(encoding="utf-8").split("## Fields")[1].splitlines() if line.startswith("| `")
    ]
    assert listed == rows
