"""The three kinds of plugin, as decorators of a function.

The function's parameters are the input, which comes first, and, as far as it wants them, `config` and `ctx`. Their
annotations are the types that the host's JSON is checked against and made into, and the JSON Schemas of the manifest:

>>> @dataclass
... class Vat:
...     vat: float
>>> @transform(name="vat", version="0.1.0", summary="Adds VAT to an order.")
... def vat(order: dict[str, Any], config: Vat) -> dict[str, Any]:
...     return {**order, "gross": order["net"] * (1 + config.vat / 100)}
>>> vat({"net": 100}, Vat(19))["gross"]
119.0
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal, ParamSpec, TypeAlias, TypeVar, cast

from . import jsontext
from .context import ConnectorContext, Context
from .document import Document, read_json
from .http import HttpError
from .schema import json_schema
from .shape import is_anything
from .storage import StorageError
from .violation import Violation

Kind: TypeAlias = Literal["transform", "validate", "connector"]
P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V", bound=Iterable[Violation])

# As the host has it, `host/core`: names of plugins.
NAME = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True)
class Manifest:
    """What a component says of itself."""

    name: str
    version: str
    summary: str
    config_schema: str
    input_schema: str | None
    output_schema: str | None


@dataclass(frozen=True)
class NoConfig:
    """The config of a plugin that takes none: any key is an error."""


class InvalidPlugin(TypeError):
    """A plugin is declared wrongly; the text says what would be right."""


class Plugin(Generic[P, R]):
    """A function as a plugin. Called, it is the function that was decorated."""

    def __init__(self, kind: Kind, function: Callable[P, R], manifest: Manifest, types: _Types) -> None:
        #: Which world the component targets.
        self.kind = kind
        #: What the host is told when it loads the component.
        self.manifest = manifest
        self._function = function
        self._types = types
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the function itself."""
        return self._function(*args, **kwargs)

    def run(self, input: Document, config: str, ctx: Context) -> Document | list[Violation]:
        """Does the work of one attempt as the host asks for it. Raises [Failure][] where the step fails; any other
        exception is a fault of the plugin."""
        try:
            ready = read_json(config or "{}", self._types.config, "config", closed=True)
            arguments = {"input": self._input(input), "config": ready, "ctx": ctx}
            # By position, as authors call the input as they like.
            function = cast("Callable[..., object]", self._function)
            return self._answer(function(*[arguments[role] for role in self._types.roles]))
        except (HttpError, StorageError) as error:
            raise error.failure() from error

    def _input(self, document: Document) -> object:
        if self._types.input is Document:
            return document
        return read_json(document.body, self._types.input, "input")

    def _answer(self, answer: object) -> Document | list[Violation]:
        if self.kind != "validate":
            return answer if isinstance(answer, Document) else Document.json(answer)
        if answer is None:
            raise TypeError(f"{self.__name__} answers None: a validate answers violations, an empty list for none")
        violations = list(cast("Iterable[Violation]", answer))
        for violation in violations:
            if not isinstance(violation, Violation):
                raise TypeError(f"{self.__name__} answers {violation!r}, which is no Violation")
        return violations


def transform(*, name: str, version: str, summary: str | None = None) -> Callable[[Callable[P, R]], Plugin[P, R]]:
    """A pure function from a document to a document.

    The host may call it again at any time with the same arguments and relies on the same answer. It can reach nothing
    but `ctx.log`.

    `name` is what workflows `use:` (lower-case letters, digits and `-`), `version` a semantic version, `summary` one
    sentence, by default the first paragraph of the function's docstring.
    """
    return lambda function: _plugin("transform", function, name, version, summary)


def validate(*, name: str, version: str, summary: str | None = None) -> Callable[[Callable[P, V]], Plugin[P, V]]:
    """A pure check of a document, which passes on unchanged if nothing is wrong with it.

    The function answers its [Violation][]s, or yields them. Arguments as for [transform][].
    """
    return lambda function: _plugin("validate", function, name, version, summary)


def connector(*, name: str, version: str, summary: str | None = None) -> Callable[[Callable[P, R]], Plugin[P, R]]:
    """A step that talks to other systems, by `ctx.http`, `ctx.storage` and nothing else.

    Connectors are at-least-once: after a crash or a lost answer the same attempt is made again with the same
    `ctx.idempotency_key`. Its writes to storage count only if it succeeds. Arguments as for [transform][].
    """
    return lambda function: _plugin("connector", function, name, version, summary)


@dataclass(frozen=True)
class _Types:
    """What the function's parameters are, in order, and the types that JSON is made into."""

    roles: list[str]
    input: Any
    config: Any
    output: Any


def _plugin(kind: Kind, function: Callable[P, R], name: str, version: str, summary: str | None) -> Plugin[P, R]:
    if not NAME.fullmatch(name):
        raise InvalidPlugin(f"the name {name!r} must be 1 to 64 lower-case letters, digits and `-`")
    summary = summary or inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    if not summary:
        raise InvalidPlugin(f"{name} has no summary: give `summary=`, or {function.__name__} a docstring")
    types = _types(kind, function)
    manifest = Manifest(
        name=name,
        version=version,
        summary=summary,
        config_schema=jsontext.write(json_schema(types.config, closed=True)),
        input_schema=_schema_text(types.input),
        output_schema=None if kind == "validate" else _schema_text(types.output),
    )
    return Plugin(kind, function, manifest, types)


def _types(kind: Kind, function: Callable[..., object]) -> _Types:
    hints = typing.get_type_hints(function, include_extras=True)
    names = list(inspect.signature(function).parameters)
    roles = [name if name in ("config", "ctx") else "input" for name in names]
    if roles.count("input") != 1 or roles[0] != "input":
        raise InvalidPlugin(
            f"{function.__name__}({', '.join(names)}) must take the input, then `config` and `ctx` if it wants them"
        )
    wanted = hints.get("ctx")
    if wanted is ConnectorContext and kind != "connector":
        raise InvalidPlugin(f"{function.__name__} is a {kind} and pure: its `ctx` is a Context, not a ConnectorContext")
    if "config" in names and "config" not in hints:
        raise InvalidPlugin(f"`config` of {function.__name__} has no type: give it a dataclass")
    return _Types(roles, hints.get(names[0], Any), hints.get("config", NoConfig), hints.get("return", Any))


def _schema_text(type_: Any) -> str | None:
    """A type that allows everything says nothing, and a document's type is not told by JSON."""
    if type_ is Document or is_anything(type_):
        return None
    return jsontext.write(json_schema(type_))
