"""What the author's types are to JSON.

Dataclasses, TypedDicts, enums, `Literal`, `Annotated`, unions, `list`, `tuple`, `dict` and the JSON scalars are
known, in each other as deep as one likes.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union


@dataclass(frozen=True)
class Field:
    """What the JSON Schema says of a field beyond its type: `sku: Annotated[str, Field("The article's number")]`.

    A plain string in `Annotated` is a description too.
    """

    #: What the field is, for a person.
    description: str | None = None
    #: Its key in JSON, where that is no Python name.
    key: str | None = None
    #: More keywords of its JSON Schema, such as `{"minimum": 1}`. The host checks configs against them before a step
    #: runs; inputs are not checked against them.
    schema: Mapping[str, Any] = field(default_factory=dict)


class UnsupportedType(TypeError):
    """A type that is not known here."""


def is_anything(type_: Any) -> bool:
    """Whether a type allows every JSON value."""
    return type_ is Any or type_ is object


@dataclass(frozen=True)
class Entry:
    """A field of a dataclass or a key of a TypedDict."""

    name: str
    key: str
    type: Any
    is_required: bool
    field: Field
    default: Callable[[], object] | None = None


_ENTRIES: dict[type, list[Entry]] = {}


def entries(type_: type) -> list[Entry]:
    """The fields of a dataclass that its constructor takes, or the keys of a TypedDict."""
    found = _ENTRIES.get(type_)
    if found is None:
        found = _ENTRIES[type_] = _find_entries(type_)
    return found


def _find_entries(type_: type) -> list[Entry]:
    hints = typing.get_type_hints(type_, include_extras=True)
    if typing.is_typeddict(type_):
        # Their keys are what they are called; there is nothing that could be called otherwise.
        made = [_entry(name, hint, _is_required(type_, name, hint), None) for name, hint in hints.items()]
        return [dataclasses.replace(entry, key=entry.name) for entry in made]
    found = []
    for item in dataclasses.fields(type_):
        default: Callable[[], object] | None = None
        if item.default is not dataclasses.MISSING:
            default = functools.partial(copy.copy, item.default)
        elif item.default_factory is not dataclasses.MISSING:
            default = item.default_factory
        if item.init:
            found.append(_entry(item.name, hints[item.name], default is None, default))
    return found


def _is_required(type_: type, name: str, hint: Any) -> bool:
    # `__required_keys__` does not see into annotations that are text, as with `from __future__ import annotations`.
    if typing.get_origin(hint) in (typing.Required, typing.NotRequired):
        return typing.get_origin(hint) is typing.Required
    required: frozenset[str] = type_.__dict__["__required_keys__"]
    return name in required


def _entry(name: str, hint: Any, is_required: bool, default: Callable[[], object] | None) -> Entry:
    described = Field()
    while typing.get_origin(hint) in (typing.Required, typing.NotRequired):
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is typing.Annotated:
        base, *notes = typing.get_args(hint)
        described = field_of(notes)
        hint = base
    return Entry(name, described.key or name, hint, is_required, described, default)


def field_of(notes: Sequence[object]) -> Field:
    """What `Annotated` says."""
    for note in notes:
        if isinstance(note, Field):
            return note
        if isinstance(note, str):
            return Field(note)
    return Field()


def plain(type_: Any) -> Any:
    """A type without its names: of `Annotated`, `NewType` and `type X = …`."""
    while True:
        if typing.get_origin(type_) is typing.Annotated:
            type_ = typing.get_args(type_)[0]
        elif isinstance(type_, typing.NewType):
            type_ = type_.__supertype__
        elif type(type_).__name__ == "TypeAliasType":
            type_ = type_.__value__
        else:
            return type_


def is_record(type_: Any) -> bool:
    """Whether it is an object with keys of its own."""
    return isinstance(type_, type) and (dataclasses.is_dataclass(type_) or typing.is_typeddict(type_))


def is_union(origin: Any) -> bool:
    """Whether it is one of several types."""
    return origin is Union or origin is types.UnionType


def is_list(origin: Any) -> bool:
    """Whether it is an array of one type."""
    return origin in (list, Sequence)


def is_dict(origin: Any) -> bool:
    """Whether it is an object with any keys."""
    return origin in (dict, Mapping)


def unsupported(type_: Any) -> UnsupportedType:
    """The error for a type that is not known."""
    name = type_.__name__ if isinstance(type_, type) else str(type_)
    return UnsupportedType(
        f"no JSON is made of {name}: use dataclasses, TypedDict, Enum, Literal, unions, list, tuple, dict[str, …], "
        "str, int, float, bool, None or Any"
    )
