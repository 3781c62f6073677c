from __future__ import annotations

from stepmill import Violation
from stepmill.testing import run

from my_step import step


def test_there_is_nothing_to_say_of_a_good_order() -> None:
    assert run(step, {"id": "SO-1", "lines": [{"sku": "A", "quantity": 2}]}).violations == []


def test_what_is_wrong_is_named_with_its_place() -> None:
    order = {"id": "SO-2", "lines": [{"sku": "A", "quantity": 0}, {"quantity": 1}]}
    assert run(step, order).violations == [
        Violation("/lines/0/quantity", "minimum", "the quantity must be 1 at least"),
        Violation("/lines/1/sku", "required", "the line has no sku"),
    ]
    [violation] = run(step, {"id": "SO-2"}).violations
    assert (violation.pointer, violation.rule) == ("/lines", "required")


def test_an_order_may_have_as_many_lines_as_the_config_says() -> None:
    order = {"id": "SO-1", "lines": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}]}
    assert run(step, order, {"max_lines": 2}).violations == []
    [violation] = run(step, order, {"max_lines": 1}).violations
    assert (violation.pointer, violation.rule) == ("/lines", "max-lines")
