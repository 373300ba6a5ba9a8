"""All tables of a capture, in the order they are made."""

from wiretale.model.derived import DERIVED_TABLES
from wiretale.model.raw import RAW_TABLES
from wiretale.model.table import Table

TABLES: tuple[Table, ...] = (*RAW_TABLES, *DERIVED_TABLES)
BY_NAME: dict[str, Table] = {t.name: t for t in TABLES}
