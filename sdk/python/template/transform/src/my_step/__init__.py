"""A transform: reshapes an order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from stepmill import Context, Reject, transform


@dataclass
class Config:
    """The step's `with:`."""

    currency: Annotated[str | None, "Of orders that name none."] = None


@dataclass
class Line:
    sku: str
    quantity: int
    price: float


@dataclass
class Order:
    id: str
    lines: list[Line]
    currency: str | None = None


@dataclass
class Summary:
    order: str
    currency: str
    total: Annotated[float, "Rounded to cents."]
    items: Annotated[int, "Pieces of all lines."]


@transform(
    name="my-step",
    version="0.1.0",
    summary="Sums up an order.",
)
def step(order: Order, config: Config, ctx: Context) -> Summary:
    currency = order.currency or config.currency
    if not currency:
        raise Reject("no-currency", f"order {order.id} names no currency, and neither does the step")
    total = sum(line.quantity * line.price for line in order.lines)
    items = sum(line.quantity for line in order.lines)
    ctx.log.debug("summed up", order=order.id, lines=len(order.lines))
    return Summary(order.id, currency, math.floor(total * 100 + 0.5) / 100, items)
