"""A validate: checks an order before anything is done with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from stepmill import Field, Violation, validate


@dataclass
class Config:
    """The step's `with:`."""

    max_lines: Annotated[int | None, Field("Lines that an order may have.", schema={"minimum": 1})] = None


# The order is of no type yet: that is what is checked.
@validate(
    name="my-step",
    version="0.1.0",
    summary="Checks the lines of an order.",
)
def step(order: Any, config: Config) -> Iterator[Violation]:
    lines = order.get("lines") if isinstance(order, dict) else None
    if not isinstance(lines, list):
        yield Violation("/lines", "required", "the order has no list of lines")
        return
    if config.max_lines is not None and len(lines) > config.max_lines:
        yield Violation("/lines", "max-lines", f"{len(lines)} lines are more than {config.max_lines}")
    for index, line in enumerate(lines):
        sku, quantity = (line.get("sku"), line.get("quantity")) if isinstance(line, dict) else (None, None)
        if not sku:
            yield Violation.at(["lines", index, "sku"], "required", "the line has no sku")
        if not isinstance(quantity, int | float) or quantity < 1:
            yield Violation.at(["lines", index, "quantity"], "minimum", "the quantity must be 1 at least")
