"""JSON text as documents carry it: read strictly, written in one form.

The form is that of JavaScript's `JSON.stringify`, so that a step answers the same bytes in every language that
follows it: no white space, keys in insertion order, nothing escaped but what must be, and floats in the form of
ECMAScript's `Number::toString` (also RFC 8785's): `19.0` is written `19`, `1e16` is `10000000000000000`, `1e-7` is
`1e-7`. Integers are written exactly, however large.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, NoReturn

quote: Callable[[str], str] = encode_basestring


class NotJson(ValueError):
    """A value cannot be written as JSON. `pointer` says where it is."""

    def __init__(self, pointer: str, problem: str) -> None:
        super().__init__(problem)
        self.pointer = pointer
        self.problem = problem


def read(text: str | bytes) -> Any:
    """The value of JSON text. Raises `ValueError` with a sentence that says what is wrong and where."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise ValueError(f"{_lower_first(error.msg)} at {place}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def write(value: object, convert: Callable[[object], object] | None = None) -> str:
    """The JSON text of a value.

    `convert` turns what is not JSON, such as a dataclass, into what is a level closer to it; it answers
    `NotImplemented` for what it does not know. Raises [NotJson][].
    """
    parts: list[str] = []
    try:
        _write(value, "", parts.append, convert)
    except RecursionError:
        raise NotJson("", "it is nested too deeply, or contains itself") from None
    return "".join(parts)


def escape(key: object) -> str:
    """A name or index as a part of an RFC 6901 pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")


def number(value: float) -> str:
    """A finite float in the form of ECMAScript's `Number::toString`.

    >>> [number(x) for x in (19.0, 0.1, 1e16, 1e21, 1e-6, 1.5e-7, -0.0)]
    ['19', '0.1', '10000000000000000', '1e+21', '0.000001', '1.5e-7', '0']
    """
    # Python too writes the shortest digits that read back as the same float; only their form differs.
    text = repr(value)
    if text.endswith(".0"):
        return "0" if value == 0 else text[:-2]
    if "e" not in text:
        # Python changes to exponents below 1e-4 and ECMAScript below 1e-6, so that this has none in either.
        return text
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits, power = whole + fraction, int(exponent)
    if 0 <= power < 21:
        return sign + digits.ljust(power + 1, "0")
    if -7 < power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    point = f".{fraction}" if fraction else ""
    return f"{sign}{whole}{point}e{'+' if power > 0 else '-'}{abs(power)}"


def _write(value: Any, pointer: str, put: Callable[[str], None], convert: Callable[[object], object] | None) -> None:
    # Subclasses of these, such as enums of strings, are for `convert` first.
    kind = type(value)
    if kind is str:
        put(_string(value, pointer))
    elif value is None:
        put("null")
    elif value is True:
        put("true")
    elif value is False:
        put("false")
    elif kind is int:
        put(int.__repr__(value))
    elif kind is float:
        if not math.isfinite(value):
            raise NotJson(pointer, f"{value} is no JSON number")
        put(number(value))
    elif convert is not None and (converted := convert(value)) is not NotImplemented:
        _write(converted, pointer, put, convert)
    else:
        _write_container(value, pointer, put, convert)


def _write_container(
    value: Any, pointer: str, put: Callable[[str], None], convert: Callable[[object], object] | None
) -> None:
    if isinstance(value, Mapping):
        opening = "{"
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotJson(pointer, f"the key {key!r} is no string")
            put(f"{opening}{_string(key, pointer)}:")
            opening = ","
            _write(item, f"{pointer}/{escape(key)}", put, convert)
        put("}" if opening == "," else "{}")
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        opening = "["
        for index, item in enumerate(value):
            put(opening)
            opening = ","
            _write(item, f"{pointer}/{index}", put, convert)
        put("]" if opening == "," else "[]")
    elif isinstance(value, str):
        put(_string(str(value), pointer))
    elif isinstance(value, (int, float)):
        plain: int | float = int(value) if isinstance(value, int) else float(value)
        _write(plain, pointer, put, convert)
    else:
        raise NotJson(pointer, f"a value of type {type(value).__name__} is not JSON")


def _string(text: str, pointer: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise NotJson(pointer, "the text has half of a surrogate pair, which is no character") from None
    return quote(text)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text} is out of range")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
