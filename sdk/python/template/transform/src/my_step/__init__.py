"""A transform: reshapes an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from stepmill import Context, Reject, transform


@dataclass
class Config:
    """The step's `with:`."""

    currency: Annotated[str, "The currency of orders that name none."] = "EUR"


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
class Shaped:
    order: str
    currency: str
    total: Annotated[float, "The sum of quantity times price over all lines."]
    items: Annotated[int, "How many articles there are in all lines."]


@transform(name="my-step", version="0.1.0", summary="Sums up an order.")
def my_step(order: Order, config: Config, ctx: Context) -> Shaped:
    if not order.lines:
        raise Reject("no-lines", f"order {order.id} has no lines")
    total = sum(line.quantity * line.price for line in order.lines)
    items = sum(line.quantity for line in order.lines)
    ctx.log.info("summed up", order=order.id, items=items)
    return Shaped(order.id, order.currency or config.currency, round(total, 2), items)
