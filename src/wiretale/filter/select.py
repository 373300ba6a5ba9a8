"""One filter for every command: the SQL of the events that match."""

from wiretale.filter.condition import Filter, Value
from wiretale.filter.events import EventKind, source


def selecting(chosen: Filter, kind: EventKind, columns: str, *also: str) -> tuple[str, list[Value]]:
    """A SELECT of `columns` (over the aliases of `events`) of the events of a kind that match, and its parameters.

    `also` are further conditions, without parameters. The text may stand in parentheses wherever a query may, for
    example as `packet_id IN (...)`. The tables must be there: see `tables.with_all_tables`.
    """
    condition = chosen.conditions[kind]
    ctes = f"WITH {', '.join(chosen.ctes)} " if chosen.ctes else ""
    tables = source(kind, columns, condition.sql, *also)
    where = " AND ".join([condition.sql, *(f"({a})" for a in also)])
    return f"{ctes}SELECT {columns} FROM {tables} WHERE {where}", list(condition.parameters)  # noqa: S608 (built from fixed text; values are parameters)
