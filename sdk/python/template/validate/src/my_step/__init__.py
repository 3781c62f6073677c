"""A validate: checks an order before anything is done with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from stepmill import Field, Violation, validate


@dataclass
class Config:
    """The step's `with:`."""

    max_lines: Annotated[int, Field("How many lines an order may have.", schema={"minimum": 1})] = 100


@dataclass
class Line:
    sku: str = ""
    quantity: int = 0


@dataclass
class Order:
    id: str
    lines: list[Line]


@validate(name="my-step", version="0.1.0", summary="Checks the lines of an order.")
def my_step(order: Order, config: Config) -> Iterator[Violation]:
    if len(order.lines) > config.max_lines:
        yield Violation("/lines", "max-lines", f"{len(order.lines)} lines are more than {config.max_lines}")
    for index, line in enumerate(order.lines):
        if not line.sku:
            yield Violation.at(["lines", index, "sku"], "required", "a line needs a sku")
        if line.quantity < 1:
            yield Violation.at(["lines", index, "quantity"], "minimum", f"{line.quantity} is less than 1")
