"""From type hints to JSON Schemas and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, TypedDict

import jsonschema
import pytest

from stepmill import Field, UnsupportedType
from stepmill.convert import decode
from stepmill.schema import json_schema

Sku = NewType("Sku", str)


class Mode(Enum):
    FAST = "fast"
    SAFE = "safe"


class Note(TypedDict):
    text: str
    author: NotRequired[str]


@dataclass
class Line:
    """One line
    of an order."""

    sku: Annotated[Sku, "The article's number."]
    quantity: Annotated[int, Field(schema={"minimum": 1})] = 1


@dataclass
class Order:
    id: str
    lines: list[Line]
    mode: Mode = Mode.SAFE
    kind: Literal["b2b", "b2c", 1] = "b2c"
    media_type: Annotated[str, Field("What it is.", key="media-type")] = "application/json"
    price: float | None = None
    old: Optional[str] = None  # noqa: UP045 (what authors write)
    notes: list[Note] = field(default_factory=list)
    tags: Mapping[str, Sequence[int]] = field(default_factory=dict)
    point: tuple[float, float] = (0.0, 0.0)
    free: Any = None


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list)


ORDER = {"id": "1", "lines": [{"sku": "A"}]}


def test_a_dataclass_becomes_a_schema() -> None:
    assert json_schema(Line, closed=True) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Line",
        "description": "One line of an order.",
        "type": "object",
        "properties": {
            "sku": {"type": "string", "description": "The article's number."},
            "quantity": {"type": "integer", "minimum": 1, "default": 1},
        },
        "required": ["sku"],
        "additionalProperties": False,
    }


def test_types_that_refer_to_themselves_are_defined_once() -> None:
    schema = json_schema(Tree)
    assert schema["$ref"] == "#/$defs/Tree"
    tree = {"name": "a", "children": [{"name": "b"}]}
    jsonschema.validate(tree, schema)
    assert decode(tree, Tree) == (Tree("a", [Tree("b")]), None)


def test_every_known_type_is_made_of_json() -> None:
    order = {
        **ORDER,
        "mode": "fast",
        "kind": 1,
        "media-type": "text/csv",
        "price": 2,
        "notes": [{"text": "x", "more": 1}],
        "tags": {"a": [1]},
        "point": [1, 2.5],
        "free": {"x": None},
    }
    made, mismatch = decode(order, Order)
    assert mismatch is None
    assert made == Order(
        "1",
        [Line(Sku("A"))],
        mode=Mode.FAST,
        kind=1,
        media_type="text/csv",
        price=2.0,
        notes=[{"text": "x", "more": 1}],  # type: ignore[typeddict-unknown-key]
        tags={"a": [1]},
        point=(1.0, 2.5),
        free={"x": None},
    )
    assert type(made.price) is float


@pytest.mark.parametrize(
    ("change", "pointer", "problem"),
    [
        ({"id": 1}, "/id", "expected a string, got 1"),
        ({"lines": {}}, "/lines", "expected an array, got an object"),
        ({"lines": [{"sku": "A"}, {}]}, "/lines/1", "`sku` is missing"),
        ({"lines": [{"sku": "A", "quantity": 1.5}]}, "/lines/0/quantity", "expected an integer, got 1.5"),
        ({"lines": [{"sku": "A", "quantity": True}]}, "/lines/0/quantity", "expected an integer, got true"),
        ({"mode": "slow"}, "/mode", 'expected "fast" or "safe", got "slow"'),
        ({"kind": True}, "/kind", 'expected "b2b" or "b2c" or 1, got true'),
        ({"media-type": None}, "/media-type", "expected a string, got null"),
        ({"price": "2"}, "/price", 'expected a number or null, got "2"'),
        ({"notes": [{}]}, "/notes/0", "`text` is missing"),
        ({"tags": {"a/b": ["x"]}}, "/tags/a~1b/0", 'expected an integer, got "x"'),
        ({"point": [1]}, "/point", "expected an array of 2 items, got 1"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(change: dict[str, Any], pointer: str, problem: str) -> None:
    value = {**ORDER, **change}
    _, mismatch = decode(value, Order)
    assert mismatch is not None
    assert (mismatch.pointer, mismatch.problem) == (pointer, problem)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, json_schema(Order))


def test_what_the_schema_allows_is_decoded_too() -> None:
    for change in ({}, {"price": None}, {"lines": [{"sku": "A", "quantity": 2.0}]}, {"unknown": 1}):
        value = {**ORDER, **change}
        jsonschema.validate(value, json_schema(Order))
        assert decode(value, Order)[1] is None


def test_unknown_keys_are_errors_where_the_type_is_closed() -> None:
    _, mismatch = decode({"sku": "A", "quanttiy": 2}, Line, closed=True)
    assert mismatch is not None
    assert mismatch.pointer == "/quanttiy"
    assert mismatch.problem == "there is no `quanttiy`; known are `sku`, `quantity`"


def test_a_check_of_the_authors_own_is_a_mismatch() -> None:
    @dataclass
    class Positive:
        value: int

        def __post_init__(self) -> None:
            if self.value <= 0:
                raise ValueError(f"{self.value} is not above 0")

    _, mismatch = decode({"value": 0}, Positive)
    assert mismatch is not None
    assert mismatch.problem == "0 is not above 0"


def test_the_option_of_a_union_that_fits_furthest_is_complained_about() -> None:
    _, mismatch = decode({"sku": "A", "quantity": "x"}, Line | None)
    assert mismatch is not None
    assert (mismatch.pointer, mismatch.problem) == ("/quantity", 'expected an integer, got "x"')


def test_a_type_without_json_is_refused_with_its_place() -> None:
    @dataclass
    class Wrong:
        tags: set[str]

    with pytest.raises(UnsupportedType, match=r"`tags` of Wrong: no JSON is made of set\[str\]: use dataclasses"):
        json_schema(Wrong)
    with pytest.raises(UnsupportedType, match="no JSON is made of bytes"):
        json_schema(bytes)
