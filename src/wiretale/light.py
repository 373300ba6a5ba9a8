"""What `dataclasses` offers, for all of wiretale: neither a command nor a program that is traced must wait for it.

`dataclasses` takes as long to load as Python takes to start, and compiles five functions for each class: of the classes
that `wiretale show` loads, 30 ms. Here a class costs what an empty one does, and its `__init__` is compiled when its
first object is made. For mypy these are `dataclasses` themselves; that `frozen` objects are not changed is seen by it
alone, not checked when the program runs.
"""

from operator import attrgetter

TYPE_CHECKING = False  # typing itself is slow to load; mypy knows the name
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import asdict, dataclass, field, replace
    from typing import Any, NamedTuple
else:
    from _collections import _tuplegetter  # as collections.namedtuple

    def dataclass(*, slots: bool, frozen: bool = False, eq: bool = True) -> "Callable[[type], type]":
        """As dataclasses.dataclass, for classes with `slots` that have no dataclass above them."""
        assert slots

        def make(plain: type) -> type:
            body = dict(vars(plain))
            names = tuple(body.get("__annotations__", ()))
            defaults = {name: body.pop(name) for name in names if name in body}
            for name in ("__dict__", "__weakref__"):
                body.pop(name, None)
            body |= {
                "__slots__": names,
                "__match_args__": names,
                "__init__": _first_init(names, defaults),
                "__repr__": body.get("__repr__", _shown),
            }
            if eq:
                made = {name: default for name, default in defaults.items() if isinstance(default, _Made)}
                compared = tuple(n for n in names if n not in made or made[n].compare)
                hashed = tuple(n for n in compared if n not in made or made[n].hash)
                body |= {"__eq__": _equal(compared), "__hash__": _hash(hashed) if frozen else None}
            return type(plain)(plain.__name__, plain.__bases__, body)

        return make

    def field(*, default_factory: "Callable[[], object]", hash: bool = True, compare: bool = True) -> "_Made":
        """As dataclasses.field: a default that every object has its own of."""
        return _Made(default_factory, hash, compare)

    class NamedTuple(tuple):
        """As typing.NamedTuple, for classes without defaults that are made by position."""

        __slots__ = ()

        def __init_subclass__(cls) -> None:
            for at, name in enumerate(cls.__annotations__):
                setattr(cls, name, _tuplegetter(at, ""))

        def __new__(cls, *values: object) -> "NamedTuple":
            assert len(values) == len(cls.__annotations__)
            return tuple.__new__(cls, values)

        def __repr__(self) -> str:
            pairs = (f"{name}={value!r}" for name, value in zip(type(self).__annotations__, self, strict=True))
            return f"{type(self).__qualname__}({', '.join(pairs)})"

    def replace(of: "Any", /, **changes: object) -> "Any":
        """As dataclasses.replace."""
        return type(of)(**{name: getattr(of, name) for name in type(of).__slots__} | changes)

    def asdict(of: "Any") -> "Any":
        """As dataclasses.asdict; sequences become lists."""
        if isinstance(of, dict):
            return {key: asdict(value) for key, value in of.items()}
        if isinstance(of, (list, tuple)):
            return [asdict(value) for value in of]
        if hasattr(type(of), "__match_args__") and hasattr(type(of), "__slots__"):
            return {name: asdict(getattr(of, name)) for name in type(of).__slots__}
        return of


class later:  # noqa: N801 (it stands for a module)
    """A module that is loaded when something of it is first asked for."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, attribute: str) -> object:
        module = __import__(self.__name__, fromlist=[attribute])
        vars(self).update(vars(module))
        return getattr(module, attribute)


class _Made:
    """A default that is made anew for each object."""

    def __init__(self, make: "Callable[[], object]", hashed: bool, compared: bool) -> None:
        self.make = make
        self.hash = hashed
        self.compare = compared


def _first_init(names: tuple[str, ...], defaults: dict[str, object]) -> "Callable[..., None]":
    def __init__(self: "Any", *args: object, **kwargs: object) -> None:  # noqa: N807 (it becomes the class's own)
        init = type(self).__init__ = _compiled(names, defaults)
        init(self, *args, **kwargs)

    return __init__


def _compiled(names: tuple[str, ...], defaults: dict[str, object]) -> "Callable[..., None]":
    known: dict[str, Any] = {}
    parameters, lines = [], []
    for name in names:
        default = defaults.get(name)
        known[f"_{name}"] = default.make if isinstance(default, _Made) else default
        parameters.append(f"{name}=_{name}" if name in defaults else name)
        own = f"{name} if {name} is not _{name} else _{name}()" if isinstance(default, _Made) else name
        lines.append(f" self.{name} = {own}")
    exec(f"def __init__(self, {', '.join(parameters)}):\n" + "\n".join(lines), known)
    made: Callable[..., None] = known["__init__"]
    return made


def _equal(names: tuple[str, ...]) -> "Callable[[object, object], Any]":
    values = attrgetter(*names)

    def __eq__(self: object, other: object) -> "Any":  # noqa: N807 (it becomes the class's own)
        if type(other) is not type(self):
            return NotImplemented
        return self is other or values(self) == values(other)

    return __eq__


def _hash(names: tuple[str, ...]) -> "Callable[[object], int]":
    values = attrgetter(*names)
    return lambda of: hash(values(of))


def _shown(self: "Any") -> str:
    pairs = (f"{name}={getattr(self, name)!r}" for name in type(self).__match_args__)
    return f"{type(self).__qualname__}({', '.join(pairs)})"


__all__ = ["NamedTuple", "asdict", "dataclass", "field", "later", "replace"]
