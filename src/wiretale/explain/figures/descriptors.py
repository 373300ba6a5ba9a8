"""What each descriptor number of each process was, from when to when."""

from typing import Any

from wiretale.explain.files import Descriptor, described
from wiretale.explain.story import Figure, Ref, Span, Track
from wiretale.explain.words import count
from wiretale.explain.world import World

TRACKS, SPANS, ALL_SPANS = 20, 8, 44

# One row is one span of one number. Plain files that followed each other under one number are one span, and so is
# whatever was of one kind under a number that was used more than SPANS times.
_QUERY = f"""
WITH one AS (
    SELECT d.descriptor_id, d.pid, d.fd, d.from_ns, d.to_ns, f.kind, f.name,
        count(*) OVER (PARTITION BY d.pid, d.fd) AS uses,
        lag(f.kind) OVER (PARTITION BY d.pid, d.fd ORDER BY d.from_ns, d.descriptor_id) AS kind_before
    FROM descriptor d JOIN file f USING (file_id) WHERE d.pid IN (SELECT pid FROM task WHERE traced)
),
run AS (
    SELECT *, count(*) FILTER (NOT coalesce(kind = kind_before AND (kind = 'file' AND fd > 2 OR uses > {SPANS}), FALSE))
        OVER (PARTITION BY pid, fd ORDER BY from_ns, descriptor_id) AS run FROM one
),
span AS (
    SELECT pid, fd, run, any_value(kind) AS kind, count(*) AS files, min(from_ns) AS from_ns,
        CASE WHEN bool_or(to_ns IS NULL) THEN NULL ELSE max(to_ns) END AS to_ns, min(descriptor_id) AS descriptor_id
    FROM run GROUP BY pid, fd, run
),
-- numbers that were sockets first; of those that were nothing but files only the standard ones
number AS (
    SELECT pid, fd, bool_or(kind = 'socket') AS has_socket, least(count(*), {2 * SPANS}) AS spans
    FROM span GROUP BY pid, fd HAVING bool_or(kind <> 'file') OR fd <= 2
),
track AS (
    SELECT pid, fd, row_number() OVER first_sockets AS rank, sum(spans) OVER first_sockets AS spans,
        count(*) OVER () AS total
    FROM number WINDOW first_sockets AS (ORDER BY has_socket DESC, pid, fd)
)
SELECT s.pid, s.fd, s.kind, s.files, s.from_ns, s.to_ns, s.descriptor_id, t.total
FROM span s JOIN track t USING (pid, fd) WHERE t.rank <= {TRACKS} AND (t.spans <= {ALL_SPANS} OR t.rank = 1)
QUALIFY row_number() OVER (PARTITION BY s.pid, s.fd ORDER BY s.from_ns) <= {2 * SPANS}
ORDER BY s.pid, s.fd, s.from_ns"""  # noqa: S608 (numbers only)

_PLURALS = {"file": "files", "socket": "sockets", "pipe": "pipes", "event": "event objects"}


def descriptors(world: World, owned: list[Descriptor]) -> Figure | None:
    """One track for each number of each process; None if no descriptor is known. `owned`: those looked up already."""
    rows = world.db.execute(_QUERY).fetchall()
    known = {one.descriptor_id: one for one in owned}
    # of plain files in turn only the number is told
    known |= described(world, [row[6] for row in rows if row[6] not in known and not _is_several_files(row)])
    tracks: dict[tuple[int, int], list[Span]] = {}
    for pid, fd, kind, files, begin, end, descriptor_id, _ in rows:
        one = known.get(descriptor_id)
        label, detail = _named(one.what) if one is not None else ("", "")
        if files > 1:
            label, detail = f"{files:,} {_PLURALS.get(kind, kind + 's')} in turn", ""
        shade = kind
        if kind == "socket" and one is not None:
            shade = "listening" if "listens" in one.what else "connected" if one.connection_id is not None else "idle"
        ref = Ref("descriptor", descriptor_id, f"descriptor {descriptor_id}") if files == 1 else None
        tracks.setdefault((pid, fd), []).append(Span(label, begin, end, shade, ref, detail))
    if not tracks:
        return None
    drawn = tuple(Track(f"fd {fd}", tuple(spans), world.short(pid)) for (pid, fd), spans in tracks.items())
    caption = (
        "What each descriptor number was, from when to when. Numbers that were nothing but plain files are left out"
    )
    left = rows[0][7] - len(drawn)
    caption += f", and {count(left, 'other number')}." if left else "."
    return Figure("fig-descriptors", "Descriptors over time", caption, drawn)


def _is_several_files(row: tuple[Any, ...]) -> bool:
    return bool(row[2] == "file" and row[3] > 1)


def _named(what: str) -> tuple[str, str]:
    """What it is, and which: `a TCP socket, 127.0.0.1:4444 → ...`, `a TCP socket that listens on ...`."""
    bare = what.removeprefix("a ").removeprefix("an ")
    for border, keep in ((", ", ""), (" that ", "that ")):
        label, found, detail = bare.partition(border)
        if found:
            return label, keep + detail
    return bare, ""
