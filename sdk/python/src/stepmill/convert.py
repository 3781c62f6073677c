"""Values of the author's types from JSON, and JSON of them.

Numbers follow JSON Schema: `10.0` is an integer, since languages differ in how they write it, and an integer is a
number.
"""

from __future__ import annotations

import dataclasses
import enum
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .jsontext import escape
from .shape import (
    entries,
    is_anything,
    is_dict,
    is_list,
    is_record,
    is_union,
    plain,
    unsupported,
)


@dataclass(frozen=True)
class Mismatch:
    """Why JSON is not of a type."""

    #: RFC 6901 pointer.
    pointer: str
    problem: str


class _Mismatched(Exception):
    def __init__(self, pointer: str, problem: str) -> None:
        self.mismatch = Mismatch(pointer, problem)


def decode(value: object, type_: Any, *, closed: bool = False) -> tuple[Any, Mismatch | None]:
    """Makes a value of a type from JSON. `closed`: keys that a dataclass does not have are errors."""
    try:
        return _decode(value, type_, "", closed), None
    except _Mismatched as error:
        return None, error.mismatch


def jsonable(value: object) -> object:
    """A level closer to JSON: a dataclass as its fields, an enum as its value; `NotImplemented` for the rest."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {entry.key: getattr(value, entry.name) for entry in entries(type(value))}
    if isinstance(value, enum.Enum):
        return value.value
    return NotImplemented


def _decode(value: Any, type_: Any, at: str, closed: bool) -> Any:
    type_ = plain(type_)
    if is_anything(type_):
        return value
    decoder = _DECODERS.get(type_)
    if decoder is not None:
        return decoder(value, at)
    if is_record(type_):
        return _record(value, type_, at, closed)
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        for member in type_:
            if _is_same(member.value, value):
                return member
        raise _Mismatched(at, f"expected {_one_of([member.value for member in type_])}, got {_show(value)}")
    return _decode_generic(value, typing.get_origin(type_), typing.get_args(type_), type_, at, closed)


def _decode_generic(value: Any, origin: Any, args: tuple[Any, ...], type_: Any, at: str, closed: bool) -> Any:
    if origin is Literal:
        for option in args:
            if _is_same(option, value):
                return option
        raise _Mismatched(at, f"expected {_one_of(args)}, got {_show(value)}")
    if is_union(origin):
        return _union(value, args, at, closed)
    if is_list(origin):
        _expect(value, list, "an array", at)
        return [_decode(item, args[0], f"{at}/{index}", closed) for index, item in enumerate(value)]
    if origin is tuple:
        return _tuple(value, args, at, closed)
    if is_dict(origin):
        _expect(value, dict, "an object", at)
        return {key: _decode(item, args[1], f"{at}/{escape(key)}", closed) for key, item in value.items()}
    raise unsupported(type_)


def _record(value: Any, type_: type, at: str, closed: bool) -> Any:
    _expect(value, dict, "an object", at)
    known = entries(type_)
    is_object = typing.is_typeddict(type_)
    # A TypedDict is the object itself, with what else it has.
    made: dict[str, Any] = dict(value) if is_object else {}
    for entry in known:
        if entry.key in value:
            made[entry.name] = _decode(value[entry.key], entry.type, f"{at}/{escape(entry.key)}", closed)
        elif entry.is_required:
            raise _Mismatched(at, f"`{entry.key}` is missing")
    if closed:
        keys = [entry.key for entry in known]
        for key in value:
            if key not in keys:
                one_of = f"; known are {_names(keys)}" if keys else ""
                raise _Mismatched(f"{at}/{escape(key)}", f"there is no `{key}`{one_of}")
    if is_object:
        return made
    try:
        return type_(**made)
    except ValueError as error:
        # A check of the author's own in `__post_init__`.
        raise _Mismatched(at, str(error)) from None


def _union(value: Any, options: tuple[Any, ...], at: str, closed: bool) -> Any:
    mismatches = []
    for option in options:
        try:
            return _decode(value, option, at, closed)
        except _Mismatched as error:
            mismatches.append(error)
    # The option that fits furthest in is the one that was meant; None is meant by none but null.
    deepest = max(mismatches, key=lambda error: error.mismatch.pointer.count("/"))
    if deepest.mismatch.pointer != at:
        raise deepest
    problems = list(dict.fromkeys(error.mismatch.problem for error in mismatches))
    if all(problem.startswith("expected ") for problem in problems):
        wanted = [problem.removeprefix("expected ").rsplit(", got ", 1)[0] for problem in problems]
        raise _Mismatched(at, f"expected {' or '.join(wanted)}, got {_show(value)}")
    raise _Mismatched(at, "; or ".join(problem for problem in problems if not problem.startswith("expected null")))


def _tuple(value: Any, args: tuple[Any, ...], at: str, closed: bool) -> tuple[Any, ...]:
    _expect(value, list, "an array", at)
    if len(args) == 2 and args[1] is ...:
        args = (args[0],) * len(value)
    if len(value) != len(args):
        raise _Mismatched(at, f"expected an array of {len(args)} items, got {len(value)}")
    return tuple(
        _decode(item, wanted, f"{at}/{index}", closed)
        for index, (item, wanted) in enumerate(zip(value, args, strict=True))
    )


def _expect(value: Any, type_: type, what: str, at: str) -> None:
    if type(value) is not type_:
        raise _Mismatched(at, f"expected {what}, got {_show(value)}")


def _string(value: Any, at: str) -> str:
    _expect(value, str, "a string", at)
    return value  # type: ignore[no-any-return]


def _boolean(value: Any, at: str) -> bool:
    _expect(value, bool, "true or false", at)
    return value  # type: ignore[no-any-return]


def _integer(value: Any, at: str) -> int:
    if type(value) is float and value.is_integer():
        return int(value)
    _expect(value, int, "an integer", at)
    return value  # type: ignore[no-any-return]


def _number(value: Any, at: str) -> float:
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise _Mismatched(at, "the number is out of range") from None
    _expect(value, float, "a number", at)
    return value  # type: ignore[no-any-return]


def _null(value: Any, at: str) -> None:
    if value is not None:
        raise _Mismatched(at, f"expected null, got {_show(value)}")


def _array(value: Any, at: str) -> list[Any]:
    _expect(value, list, "an array", at)
    return value  # type: ignore[no-any-return]


def _object(value: Any, at: str) -> dict[str, Any]:
    _expect(value, dict, "an object", at)
    return value  # type: ignore[no-any-return]


_DECODERS: dict[Any, Callable[[Any, str], Any]] = {
    str: _string,
    bool: _boolean,
    int: _integer,
    float: _number,
    None: _null,
    type(None): _null,
    list: _array,
    dict: _object,
}


def _is_same(option: object, value: object) -> bool:
    """Equal as JSON: to Python, 1 and true are equal."""
    return option == value and isinstance(option, bool) == isinstance(value, bool)


def _show(value: Any) -> str:
    """A value in a message: scalars as they are, so long as they are short, and kinds of the rest."""
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 else "a string"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else str(value)


def _one_of(options: Sequence[object]) -> str:
    return " or ".join(_show(option) for option in options)


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
