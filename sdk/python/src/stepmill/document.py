"""Documents: what flows from step to step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, TypeVar, overload

from . import jsontext
from .convert import decode, jsonable
from .failure import Reject

#: Media type of JSON.
JSON = "application/json"

T = TypeVar("T")


@dataclass(frozen=True)
class Document:
    """A body with its media type. The body is text (JSON always is) or bytes.

    A plugin whose input is a `Document` gets it as it came, whatever its media type; one that answers a `Document`
    decides itself what is written.

    >>> Document("text/csv", "sku,quantity")
    Document(media_type='text/csv', body='sku,quantity')
    """

    #: RFC 9110 media type of the body, such as `application/json`.
    media_type: str
    #: The content.
    body: str | bytes

    @classmethod
    def json(cls, value: object) -> Self:
        """A value as JSON: dataclasses, enums, mappings, sequences, strings, numbers, booleans and None.

        What cannot be written, such as NaN, is a rejection with code `output` that says where it is.

        >>> Document.json({"total": 19.0}).body
        '{"total":19}'
        """
        try:
            return cls(JSON, jsontext.write(value, jsonable))
        except jsontext.NotJson as error:
            raise Reject("output", f"{place('output', error.pointer)}: {error.problem}") from None

    def text(self) -> str:
        """The body as text: as it is, or bytes that are UTF-8; else a rejection with code `input`."""
        if isinstance(self.body, str):
            return self.body
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise Reject("input", f"the document is not UTF-8: byte {error.start}") from None

    def bytes(self) -> bytes:
        """The body's bytes."""
        return self.body.encode() if isinstance(self.body, str) else self.body

    @overload
    def parse(self) -> Any: ...
    @overload
    def parse(self, type_: type[T]) -> T: ...
    def parse(self, type_: Any = Any) -> Any:
        """Reads the body as JSON of a type; what does not fit is a rejection with code `input` that says where."""
        return read_json(self.body, type_, "input")


def read_json(text: str | bytes, type_: Any, what: str, *, closed: bool = False) -> Any:
    """Reads JSON of a type. `what` names it in messages and is the code of the rejection; `closed`: unknown keys of
    dataclasses are errors."""
    try:
        value = jsontext.read(text)
    except ValueError as error:
        raise Reject(what, f"the {what} is not JSON: {error}") from None
    return decode_or_reject(value, type_, what, closed=closed)


def decode_or_reject(value: object, type_: Any, what: str, *, closed: bool = False) -> Any:
    """Makes a value of a type from JSON that is read already."""
    decoded, mismatch = decode(value, type_, closed=closed)
    if mismatch is not None:
        raise Reject(what, f"{place(what, mismatch.pointer)}: {mismatch.problem}")
    return decoded


def place(what: str, pointer: str) -> str:
    """How messages name a place."""
    return f"the {what} at `{pointer}`" if pointer else f"the {what}"
