from __future__ import annotations

from stepmill import Violation
from stepmill.testing import run

from my_step import my_step


def test_a_sound_order_passes() -> None:
    assert run(my_step, {"id": "SO-1", "lines": [{"sku": "A", "quantity": 2}]}).violations == []


def test_what_is_wrong_is_named_with_its_place() -> None:
    order = {"id": "SO-1", "lines": [{"sku": "A", "quantity": 0}, {"quantity": 1}]}
    assert run(my_step, order).violations == [
        Violation("/lines/0/quantity", "minimum", "0 is less than 1"),
        Violation("/lines/1/sku", "required", "a line needs a sku"),
    ]


def test_an_order_may_have_as_many_lines_as_the_config_says() -> None:
    order = {"id": "SO-1", "lines": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}]}
    assert run(my_step, order, {"max_lines": 2}).violations == []
    [violation] = run(my_step, order, {"max_lines": 1}).violations
    assert (violation.pointer, violation.rule) == ("/lines", "max-lines")
