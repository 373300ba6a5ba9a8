"""The structures shared with the C library have the same sizes and places on both sides."""

import ctypes
import re
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import require
from wiretale.errors import WiretaleError
from wiretale.model.spool import (
    CHUNK,
    CHUNK_BYTES,
    EVENT,
    EVENT_BYTES,
    FILE_HEADER,
    HEADER_BYTES,
    SOCKET,
    EventFlag,
    EventKind,
    Role,
)
from wiretale.record.ptrace import library, plan
from wiretale.store.load.ptrace_files import record_type

HEADER = (Path(library.__file__).parent / "tracer.h").read_text()


def c_fields(structure: str) -> list[str]:
    """Names of the fields of a structure of tracer.h, in order."""
    body = re.search(rf"struct {structure} {{(.*?)\n}};", HEADER, re.DOTALL)
    assert body, structure
    text = re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL)
    return re.findall(r"(\w+)(?:\[\w+\])?;", text)


def c_enum(name: str) -> dict[str, int]:
    """Names and values of an enumeration of tracer.h."""
    body = re.search(rf"enum {name} {{(.*?)}};", HEADER, re.DOTALL)
    assert body, name
    return {n: int(v) for n, v in re.findall(r"WT_(\w+) = (\d+)", body[1])}


@pytest.mark.parametrize(
    ("structure", "layout"),
    [("wt_header", FILE_HEADER), ("wt_event", EVENT), ("wt_chunk", CHUNK), ("wt_socket", SOCKET)],
)
def test_records_have_the_fields_of_the_model(structure: str, layout: list[tuple[str, str, str]]) -> None:
    assert c_fields(structure) == [name for name, _, _ in layout]


@pytest.mark.parametrize(
    ("structure", "python"),
    [
        ("wt_event", library.Event),
        ("wt_chunk", library.Chunk),
        ("wt_op", library.Op),
        ("wt_call", library.CallPlan),
        ("wt_table", library.Table),
        ("wt_options", library.Options),
        ("wt_spawn_request", library.SpawnArguments),
        ("wt_stats", library.Stats),
        ("wt_tamper", library.Tamper),
        ("wt_settings", library.Settings),
    ],
)
def test_arguments_have_the_fields_of_the_header(structure: str, python: type[ctypes.Structure]) -> None:
    assert [re.sub(r"^\*", "", f) for f in c_fields(structure)] == [str(f[0]) for f in python._fields_]


def test_sizes_are_those_the_compiler_made() -> None:
    require(Path(library.LIBRARY_PATH).exists(), "the tracer is not compiled")
    sizes = (ctypes.c_uint32 * len(library.SHARED_STRUCTURES))()
    library.load().call("wt_sizes", sizes)
    assert sizes[1] == EVENT_BYTES and sizes[2] == CHUNK_BYTES and sizes[0] <= HEADER_BYTES
    layouts = (FILE_HEADER, EVENT, CHUNK, SOCKET)
    assert [record_type(layout).itemsize for layout in layouts] == list(sizes[:4])
    for size, structure in zip(sizes, library.SHARED_STRUCTURES, strict=True):
        if structure is not None:
            assert ctypes.sizeof(structure) == size, structure


@pytest.mark.parametrize(("layout", "python"), [(EVENT, library.Event), (CHUNK, library.Chunk)])
def test_numpy_and_ctypes_see_the_same_places(
    layout: list[tuple[str, str, str]], python: type[ctypes.Structure]
) -> None:
    fields = record_type(layout).fields
    assert fields is not None
    for name in fields:
        assert fields[name][1] == getattr(python, name).offset, name


@pytest.mark.parametrize(
    ("name", "python"),
    [
        ("wt_event_kind", EventKind),
        ("wt_role", Role),
        ("wt_event_flag", EventFlag),
        ("wt_what", plan.What),
        ("wt_count", plan.Count),
        ("wt_call_flag", plan.CallFlag),
        ("wt_op_flag", plan.OpFlag),
    ],
)
def test_numbers_are_those_of_the_header(name: str, python: type[EventKind]) -> None:
    prefixes = r"^(FLAG|READ|COUNT|CALL|OP)_"
    assert sorted(c_enum(name).values()) == sorted(m.value for m in python)
    values = {re.sub(prefixes, "", n): v for n, v in c_enum(name).items()}
    assert values == {m.name: m.value for m in python}


def test_a_library_that_is_missing_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "LIBRARY_PATH", str(tmp_path / "none.so"))
    library.load.cache_clear()
    try:
        with pytest.raises(WiretaleError, match="cannot be loaded"):
            library.load()
    finally:
        library.load.cache_clear()


def test_event_is_one_cache_line_pair() -> None:
    assert np.dtype(record_type(EVENT)).itemsize == 128
