from __future__ import annotations

import pytest
from stepmill import Reject
from stepmill.testing import run

from my_step import step

LINES = [{"sku": "A", "quantity": 2, "price": 9.5}, {"sku": "B", "quantity": 1, "price": 0.99}]


def test_an_order_is_summed_up() -> None:
    outcome = run(step, {"id": "SO-1", "currency": "EUR", "lines": LINES})
    assert outcome.output == {"order": "SO-1", "currency": "EUR", "total": 19.99, "items": 3}
    assert outcome.logs == ["debug: summed up order=SO-1 lines=2"]


def test_an_order_without_a_currency_gets_that_of_the_step() -> None:
    assert run(step, {"id": "SO-2", "lines": LINES}, {"currency": "CHF"}).output["currency"] == "CHF"


def test_an_order_without_any_currency_is_rejected() -> None:
    with pytest.raises(Reject, match="no-currency: order SO-3 names no currency"):
        run(step, {"id": "SO-3", "lines": LINES})
