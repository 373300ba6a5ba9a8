"""`light` beside `dataclasses` and `typing`, whose place it takes."""

import dataclasses
import pickle
from typing import Any

import pytest

from wiretale import light


@light.dataclass(frozen=True, slots=True)
class Light:
    name: str
    count: int = 3
    parts: dict[str, int] = light.field(default_factory=dict, hash=False)

    @property
    def double(self) -> int:
        return 2 * self.count


@dataclasses.dataclass(frozen=True, slots=True)
class Heavy:
    name: str
    count: int = 3
    parts: dict[str, int] = dataclasses.field(default_factory=dict, hash=False)


@light.dataclass(slots=True)
class Changing:
    items: list[int] = light.field(default_factory=list)


@light.dataclass(frozen=True, slots=True)
class Kept:
    name: str
    made: list[int] = light.field(default_factory=list, compare=False)


@light.dataclass(slots=True, eq=False)
class Itself:
    name: str


class Pair(light.NamedTuple):
    left: int
    right: str


@pytest.mark.parametrize("words", [("a",), ("a", 4), ("a", 4, {"x": 1})])
def test_objects_are_as_those_of_dataclasses(words: tuple[Any, ...]) -> None:
    light_one, heavy = Light(*words), Heavy(*words)
    for name in ("name", "count", "parts"):
        assert getattr(light_one, name) == getattr(heavy, name)
    assert repr(light_one) == repr(heavy).replace("Heavy", "Light")
    assert light.asdict(light_one) == dataclasses.asdict(heavy)
    assert light_one == Light(*words) and hash(light_one) == hash(Light(*words))
    assert light_one != heavy and light_one != Light("b", *words[1:])
    assert pickle.loads(pickle.dumps(light_one)) == light_one
    assert light_one.double == 2 * heavy.count


def test_what_is_not_hashed_still_counts_for_equality() -> None:
    assert hash(Light("a", 1, {"x": 1})) == hash(Light("a", 1, {"x": 2}))
    assert Light("a", 1, {"x": 1}) != Light("a", 1, {"x": 2})


def test_what_is_not_compared_counts_neither_for_equality_nor_for_the_hash() -> None:
    assert Kept("a", [1]) == Kept("a", [2]) and hash(Kept("a", [1])) == hash(Kept("a", [2]))
    assert Kept("a") != Kept("b")


def test_objects_of_a_class_without_equality_are_equal_to_themselves_alone() -> None:
    one = Itself("a")
    assert one != Itself("a") and len({one, Itself("a"), one}) == 2


def test_each_object_has_defaults_of_its_own() -> None:
    one, other = Changing(), Changing()
    one.items.append(1)
    assert other.items == []
    with pytest.raises(TypeError):
        hash(one)


@pytest.mark.parametrize("words", [(), ("a", 1, {}, 2)])
def test_missing_and_too_many_values_are_refused(words: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        Light(*words)


def test_replace_changes_a_copy() -> None:
    first = Light("a", 1)
    assert light.replace(first, count=2) == Light("a", 2) and first.count == 1


def test_nested_values_become_plain_ones() -> None:
    assert light.asdict(Changing([1])) == {"items": [1]}
    assert light.asdict({"x": (Light("a"), Heavy("b"))}) == {
        "x": [{"name": "a", "count": 3, "parts": {}}, {"name": "b", "count": 3, "parts": {}}]
    }


def test_named_tuples_are_tuples_with_names() -> None:
    pair = Pair(1, "x")
    assert pair == (1, "x") and (pair.left, pair.right) == (1, "x")
    assert hash(pair) == hash((1, "x")) and repr(pair) == "Pair(left=1, right='x')"
    with pytest.raises(AssertionError):
        Pair(1)  # type: ignore[call-arg]


def test_a_module_is_loaded_when_it_is_asked_for() -> None:
    later = light.later("colorsys")
    assert "rgb_to_hsv" not in vars(later)
    assert later.rgb_to_hsv(1, 1, 1) == (0.0, 0.0, 1)
    assert "rgb_to_hsv" in vars(later)
    with pytest.raises(AttributeError):
        _ = later.nothing_of_it
