"""A connector: asks the step's system whether an order's articles are in stock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from stepmill import ConnectorContext, Field, connector


@dataclass
class Config:
    """The step's `with:`."""

    path: Annotated[str, Field("Where the system answers stock.", schema={"pattern": "^/"})] = "/stock"


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
class Answer:
    order: str
    available: Annotated[bool, "Whether all lines are in stock."]
    missing: Annotated[list[str], "The articles that are not."]


@connector(name="my-step", version="0.1.0", summary="Asks a system for the stock of an order's lines.")
def my_step(order: Order, config: Config, ctx: ConnectorContext) -> Answer:
    missing = []
    for line in order.lines:
        # No stock for now is an answer; no answer is a failure, and tried again if it may pass.
        stock = ctx.http.get(config.path, query={"sku": line.sku}).or_fail().json(Stock)
        if stock.available < line.quantity:
            missing.append(line.sku)
    # Commits with this attempt's success, and only then.
    ctx.storage.put_json(f"seen/{order.id}", {"missing": missing})
    ctx.log.info("asked", order=order.id, missing=len(missing))
    return Answer(order.id, not missing, missing)
