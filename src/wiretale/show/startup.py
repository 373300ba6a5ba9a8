"""The SQL that finds, in a capture, the calls that fold into one line. The rule and its tables are in `quiet`."""

from wiretale.model.enums import Arch
from wiretale.show.quiet import (
    BY_DESCRIPTOR,
    BY_PATH,
    CLONE_THREAD,
    CODE_OF,
    DUPLICATING,
    FCNTL_DUPLICATES,
    FIRST_OWN_FD,
    LOOKING,
    MAKING,
    O_DIRECTORY,
    O_DIRECTORY_ARM,
    ONLY,
    OPEN_FLAGS_ARGUMENT,
    OPENS,
    PROBING,
    READS,
    SETTING_UP,
    STATS,
    SYSTEM_PATH,
)

FOLD_AT_LEAST = 5  # calls in a row


def _names(names: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{name}'" for name in names) + ")"


def _only_sql() -> str:
    """Calls of which only some uses belong to a start or look-up are used in one of these ways."""
    tests = []
    for name, (argument, mask, values) in ONLY.items():
        allowed = ", ".join(str(v) for v in values)
        tests.append(f"(c.name <> '{name}' OR c.a{argument} & {mask} IN ({allowed}))")
    return " AND ".join(tests)


def _is_system(path: str) -> str:
    """SQL: whether the path expression names a library, a module or data of the system."""
    return f"regexp_matches(coalesce({path}, 'unknown'), '{SYSTEM_PATH}')"


def _is_code(path: str) -> str:
    """SQL: whether the path expression names code that the task's interpreter loads, or the script it runs."""
    kinds = " OR ".join(
        f"t.code = {number} AND regexp_matches({path}, '{code}')" for number, code in enumerate(CODE_OF.values())
    )
    # An interpreter may open its script under a longer name than the one it was given.
    script = f"t.script <> '' AND parse_filename({path}) = parse_filename(t.script)"
    return f"(t.code IS NOT NULL AND {path} IS NOT NULL AND ({kinds} OR {script}))"


def _opens_directory() -> str:
    flags = " OR ".join(
        f"c.name = '{name}' AND c.a{argument} & CASE WHEN c.arch IN ({Arch.AARCH64:d}, {Arch.ARM:d})"
        f" THEN {O_DIRECTORY_ARM} ELSE {O_DIRECTORY} END <> 0"
        for name, argument in OPEN_FLAGS_ARGUMENT.items()
    )
    return f"(t.code IS NOT NULL AND ({flags}))"


_CODE = " ".join(f"WHEN regexp_matches(exe, '{exe}') THEN {number}" for number, exe in enumerate(CODE_OF))

# `program`: for every task whether it is one program's image, which interpreter it is, the script it was told to run,
# and the directories where it looks for that script's modules first.
_PROGRAM = f"""
program AS (
    SELECT task_id, how IN ('execve', 'started') AS is_image, CASE {_CODE} END AS code,
        coalesce([word FOR word IN argv[2:] IF NOT starts_with(word, '-')][1], '') AS script,
        [cwd, CASE WHEN contains(script, '/') THEN
            CASE WHEN starts_with(script, '/') THEN '' ELSE cwd || '/' END || regexp_replace(script, '/[^/]*$', '')
        END] AS own_modules
    FROM task
)"""  # noqa: S608 (built from fixed text; values are parameters)

# Only calls of these names fold: `runs` finds those that are enough in a row, the table `candidate`.
MAY_FOLD = tuple(sorted({*SETTING_UP, *LOOKING, *PROBING, *MAKING}))

# `judged`: for each of those calls, what it names, and what kind of use it is. Opens and their like name a path;
# calls on a descriptor name a file through `call_file`.
_JUDGED = f"""
judged AS (
    SELECT c.call_id, c.task_id, a.at_begin, c.name, c.exit_ns IS NOT NULL AND f.socket_id IS NULL AS may, t.is_image,
        c.name IN {_names(BY_PATH)} AS names_file,
        c.name NOT IN {_names(OPENS)} OR c.errno IS NOT NULL OR {_is_system("d.path")} OR {_is_code("d.path")}
            OR {_opens_directory()} AS opens_quietly,
        c.name IN {_names(READS)} OR c.name IN {_names(DUPLICATING)}
            OR c.name IN ('fcntl', 'fcntl64') AND c.a1 IN {FCNTL_DUPLICATES} AS needs_known_file,
        c.fd >= {FIRST_OWN_FD} AND ({_is_system("file.name")} OR {_is_code("file.name")}
            OR t.code IS NOT NULL AND c.name IN ('getdents', 'getdents64')) AS on_known_file,
        c.fd >= {FIRST_OWN_FD} AND {_is_system("file.name")} AS on_system_file,
        coalesce(d.path, '') = '' OR {_is_system("d.path")} OR t.code IS NOT NULL AND c.name IN {_names(STATS)}
            AND list_contains(t.own_modules, d.path) AS path_of_system,
        {_only_sql()} AS used_quietly,
        c.name IN {_names(PROBING)} AND coalesce(lead(c.name) OVER next_of_task = 'close'
            AND lead(c.a0) OVER next_of_task = c.retval, false) AS only_probes,
        c.name IN {_names(MAKING)} AND (c.name <> 'clone' OR c.a0 & {CLONE_THREAD} <> 0) AS makes
    FROM candidate a JOIN call c ON c.call_id = a.call_id
    LEFT JOIN program t ON t.task_id = c.task_id
    LEFT JOIN call_file f ON f.call_id = c.call_id
    LEFT JOIN file ON file.file_id = f.file_id
    LEFT JOIN (
        SELECT call_id, any_value(CAST(bytes AS VARCHAR)) AS path FROM call_data
        WHERE role = 'string' AND arg IN (0, 1) AND NOT at_exit GROUP BY call_id
    ) d ON d.call_id = c.call_id
    WINDOW next_of_task AS (PARTITION BY c.task_id ORDER BY c.call_id)
)"""  # noqa: S608 (built from fixed text; values are parameters)

# `quiet`: for every call, whether it may fold as start, whether it may stand in one, whether it may fold as look-up.
_QUIET = f"""
quiet AS (
    SELECT call_id, task_id, at_begin, names_file, is_image,
        may AND (only_probes OR name IN {_names(SETTING_UP)} AND opens_quietly AND used_quietly
            AND (NOT needs_known_file OR coalesce(on_known_file, false))) AS starts,
        makes AND NOT only_probes AS stays,
        may AND name IN {_names(LOOKING)} AND used_quietly
            AND (NOT names_file OR path_of_system)
            AND (name NOT IN {_names(BY_DESCRIPTOR)} OR coalesce(on_system_file, false)) AS looks
    FROM judged
)"""  # noqa: S608 (built from fixed text; values are parameters)

# One row per call that folds; calls with the same task and run stand in one line. Runs up to 0 are the parts of the
# program's start.
FOLD = f"""
WITH {_PROGRAM},
{_JUDGED},
{_QUIET},
in_runs AS (
    SELECT call_id, task_id, names_file, starts, looks,
        is_image AND at_begin AND sum(CAST(NOT starts AND NOT stays AS INTEGER)) OVER task_so_far = 0 AS in_start,
        sum(CAST(NOT starts AS INTEGER)) OVER task_so_far AS start_run,
        sum(CAST(NOT looks AS INTEGER)) OVER task_so_far AS look_run
    FROM quiet WINDOW task_so_far AS (PARTITION BY task_id ORDER BY call_id ROWS UNBOUNDED PRECEDING)
)
SELECT call_id, task_id, names_file, CASE WHEN in_start THEN -start_run ELSE look_run + 1 END AS run FROM in_runs
WHERE in_start AND starts OR NOT in_start AND looks
"""  # noqa: S608 (built from fixed text; values are parameters)
