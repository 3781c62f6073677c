from __future__ import annotations

from datetime import timedelta

import pytest
from stepmill import Reject, Retry
from stepmill.testing import FakeHttp, MemoryStorage, run

from my_step import step

ORDER = {"id": "SO-1", "lines": [{"sku": "A", "quantity": 2}, {"sku": "B 1", "quantity": 1}]}


def test_what_is_not_in_stock_is_named_and_remembered() -> None:
    http = FakeHttp()
    http.reply("GET", "/stock?sku=A", 200, json={"available": 3})
    http.reply("GET", "/stock?sku=B%201", 200, json={"available": 0})
    storage = MemoryStorage()
    outcome = run(step, ORDER, http=http, storage=storage)
    assert outcome.output == {"order": "SO-1", "available": False, "missing": ["B 1"]}
    assert storage.committed_json("seen/SO-1") == {"missing": ["B 1"]}


def test_a_system_that_is_busy_is_asked_again_when_it_says() -> None:
    http = FakeHttp().reply("GET", "/stock?sku=A", 503, headers={"Retry-After": "30"})
    storage = MemoryStorage()
    with pytest.raises(Retry) as failure:
        run(step, ORDER, http=http, storage=storage)
    assert failure.value.after == timedelta(seconds=30)
    assert storage.committed() == {}


def test_a_system_that_does_not_know_the_article_rejects_the_order() -> None:
    http = FakeHttp().reply("GET", "/stock?sku=A", 404, "no such article")
    with pytest.raises(Reject) as failure:
        run(step, ORDER, http=http)
    assert failure.value.code == "http-404"
