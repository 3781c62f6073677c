"""Violations: what is wrong with a document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from .jsontext import escape


@dataclass(frozen=True)
class Violation:
    """One way in which a document is not valid.

    >>> Violation("/qty", "minimum", "0 is less than 1").rule
    'minimum'
    """

    #: RFC 6901 JSON pointer into the input; empty for the document as a whole.
    pointer: str
    #: Name of the rule that is broken, such as `required` or `minimum`.
    rule: str
    #: What is wrong, for a person.
    message: str

    @classmethod
    def at(cls, path: Iterable[str | int], rule: str, message: str) -> Self:
        """A violation at a place given as names and indexes, which are escaped as RFC 6901 has it.

        >>> Violation.at(["lines", 0, "a/b"], "required", "missing").pointer
        '/lines/0/a~1b'
        """
        return cls("".join(f"/{escape(part)}" for part in path), rule, message)
