"""A connector: asks the step's system whether an order's lines are in stock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from stepmill import ConnectorContext, connector


@dataclass
class Line:
    sku: str
    quantity: int


@dataclass
class Order:
    id: str
    lines: list[Line]


@dataclass
class Stock:
    available: int


@dataclass
class Availability:
    order: str
    available: Annotated[bool, "Whether there is enough for every line."]
    missing: Annotated[list[str], "The SKUs of the lines for which there is not."]


@connector(
    name="my-step",
    version="0.1.0",
    summary="Asks the step's system whether an order's lines are in stock.",
)
def step(order: Order, ctx: ConnectorContext) -> Availability:
    missing = []
    for line in order.lines:
        # A 503 or a broken connection is a retry, a 404 a rejection: see `or_fail`.
        stock = ctx.http.get("/stock", query={"sku": line.sku}).or_fail().json(Stock)
        if stock.available < line.quantity:
            missing.append(line.sku)
    # What is written commits with the attempt's success: it is there exactly once, however often this is tried.
    ctx.storage.put_json(f"seen/{order.id}", {"missing": missing})
    return Availability(order.id, not missing, missing)
