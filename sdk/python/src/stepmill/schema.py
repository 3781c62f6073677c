"""The JSON Schemas of the author's types."""

from __future__ import annotations

import enum
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .shape import (
    Field,
    UnsupportedType,
    entries,
    field_of,
    is_anything,
    is_dict,
    is_list,
    is_record,
    is_union,
    plain,
    unsupported,
)

Schema: TypeAlias = dict[str, Any]


def json_schema(type_: Any, *, closed: bool = False) -> Schema:
    """The JSON Schema (draft 2020-12) of a type. Raises [UnsupportedType][]."""
    definitions: dict[str, Schema] = {}
    root = _Schemas(definitions, closed).of(type_)
    if root.get("$ref", "").startswith("#/$defs/") and len(root) == 1:
        name = root["$ref"].removeprefix("#/$defs/")
        # A root that nothing refers to stands by itself.
        if not _refers(definitions, root["$ref"]):
            root = definitions.pop(name)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **root}
    return {**schema, "$defs": definitions} if definitions else schema


_SCALARS: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    list: {"type": "array"},
    dict: {"type": "object"},
}


@dataclass
class _Schemas:
    definitions: dict[str, Schema]
    closed: bool
    names: dict[type, str] = field(default_factory=dict)

    def of(self, type_: Any) -> Schema:
        if typing.get_origin(type_) is typing.Annotated:
            base, *notes = typing.get_args(type_)
            return _described(self.of(base), field_of(notes))
        type_ = plain(type_)
        if is_anything(type_):
            return {}
        if is_record(type_):
            return self._record(type_)
        if isinstance(type_, type) and issubclass(type_, enum.Enum):
            return {"enum": [member.value for member in type_]}
        if typing.get_origin(type_) is None:
            try:
                return dict(_SCALARS[type_])
            except (KeyError, TypeError):
                raise unsupported(type_) from None
        return self._generic(typing.get_origin(type_), typing.get_args(type_), type_)

    def _generic(self, origin: Any, args: tuple[Any, ...], type_: Any) -> Schema:
        if origin is Literal:
            return {"enum": list(args)}
        if is_union(origin):
            return {"anyOf": [self.of(option) for option in args]}
        if is_list(origin):
            return {"type": "array", "items": self.of(args[0])}
        if origin is tuple and len(args) == 2 and args[1] is ...:
            return {"type": "array", "items": self.of(args[0])}
        if origin is tuple:
            items = [self.of(item) for item in args]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        if is_dict(origin) and plain(args[0]) is str:
            return {"type": "object", "additionalProperties": self.of(args[1])}
        raise unsupported(type_)

    def _record(self, type_: type) -> Schema:
        known = self.names.get(type_)
        if known is None:
            known = self.names[type_] = self._free_name(type_.__name__)
            # Taken before its fields are looked at, since they may refer to it.
            self.definitions[known] = {}
            self.definitions[known].update(self._object(type_))
        return {"$ref": f"#/$defs/{known}"}

    def _free_name(self, name: str) -> str:
        number, free = 2, name
        while free in self.definitions:
            free, number = f"{name}{number}", number + 1
        return free

    def _object(self, type_: type) -> Schema:
        schema: Schema = {"title": type_.__name__, "type": "object", "properties": {}}
        if text := _docstring(type_):
            schema = {"title": type_.__name__, "description": text, "type": "object", "properties": {}}
        required = []
        for entry in entries(type_):
            try:
                found = _described(self.of(entry.type), entry.field)
            except UnsupportedType as error:
                raise UnsupportedType(f"`{entry.name}` of {type_.__name__}: {error}") from None
            if entry.default is not None and (value := _default(entry.default())) is not ...:
                found["default"] = value
            schema["properties"][entry.key] = found
            if entry.is_required:
                required.append(entry.key)
        if required:
            schema["required"] = required
        if self.closed:
            schema["additionalProperties"] = False
        return schema


def _described(schema: Schema, described: Field) -> Schema:
    text = {"description": described.description} if described.description else {}
    return {**schema, **text, **described.schema}


def _default(value: object) -> object:
    """A default as JSON, where it is simple enough to be shown; else `...`."""
    if isinstance(value, enum.Enum):
        value = value.value
    return value if value is None or isinstance(value, (str, int, float, bool)) or value in ([], {}) else ...


def _docstring(type_: type) -> str | None:
    text = type_.__dict__.get("__doc__")
    # What `dataclass` writes where there is none begins like a call.
    if not text or text.startswith(f"{type_.__name__}("):
        return None
    return " ".join(text.split())


def _refers(value: Any, reference: str) -> bool:
    if isinstance(value, dict):
        return value.get("$ref") == reference or any(_refers(item, reference) for item in value.values())
    return isinstance(value, list) and any(_refers(item, reference) for item in value)
