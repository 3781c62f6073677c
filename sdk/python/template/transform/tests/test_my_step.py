from __future__ import annotations

import pytest
from stepmill import Reject
from stepmill.testing import run

from my_step import my_step

ORDER = {"id": "SO-1", "currency": "EUR", "lines": [{"sku": "A", "quantity": 2, "price": 9.5}]}


def test_an_order_is_summed_up() -> None:
    outcome = run(my_step, ORDER)
    assert outcome.output == {"order": "SO-1", "currency": "EUR", "total": 19, "items": 2}
    assert outcome.logs == ["info: summed up order=SO-1 items=2"]


def test_an_order_without_a_currency_gets_that_of_the_config() -> None:
    order = {"id": "SO-1", "lines": ORDER["lines"]}
    assert run(my_step, order, {"currency": "CHF"}).output["currency"] == "CHF"


def test_an_order_without_lines_is_rejected() -> None:
    with pytest.raises(Reject, match="no-lines: order SO-1 has no lines"):
        run(my_step, {"id": "SO-1", "lines": []})
