"""Storage, over the memory of tests."""

from __future__ import annotations

import pytest

from stepmill import Reject, Retry
from stepmill.storage import InvalidKey, Lost, Unavailable, WrongKind
from stepmill.testing import MemoryStorage, connector_context


def test_versions_change_at_the_commit() -> None:
    memory = MemoryStorage()
    storage = connector_context(storage=memory).storage
    storage.put("a", "1")
    entry = storage.entry("a")
    assert entry is not None
    assert entry.version == 0
    memory.commit()
    entry = storage.entry("a")
    assert entry is not None
    assert storage.compare_and_put("a", entry.version + 8, "2") == Lost(entry.version)
    assert storage.compare_and_put("b", 9, "2") == Lost(None)
    assert storage.compare_and_put("a", entry.version, "2") is None
    assert storage.get("a") == b"2"
    memory.commit()
    assert storage.compare_and_put("a", entry.version, "3") == Lost(entry.version + 1)


def test_a_key_is_taken_once() -> None:
    storage = connector_context().storage
    assert storage.insert_if_absent("customer/7", "Ada")
    assert not storage.insert_if_absent("customer/7", "Bob")
    assert storage.get_text("customer/7") == "Ada"


def test_keys_come_over_several_pages_and_show_buffered_writes() -> None:
    memory = MemoryStorage({f"k/{number:04}": b"" for number in range(2500)})
    storage = connector_context(storage=memory).storage
    storage.delete("k/0000")
    storage.add("k/count")
    keys = list(storage.list_keys("k/"))
    assert (len(keys), keys[0], keys[-1]) == (2500, "k/0001", "k/count")


def test_counters_and_values_are_not_mixed_up() -> None:
    storage = connector_context().storage
    assert storage.add("n", 2**63) == 2**63 - 1
    assert storage.counter("n") == 2**63 - 1
    with pytest.raises(WrongKind) as error:
        storage.get("n")
    failure = error.value.failure()
    assert isinstance(failure, Reject)
    assert failure.code == "storage-wrong-kind"
    assert isinstance(Unavailable("down").failure(), Retry)
    with pytest.raises(InvalidKey):
        storage.put("k" * 513, "")


def test_json_is_read_as_it_was_written() -> None:
    storage = connector_context().storage
    storage.put_json("a", {"x": 1.0}, ttl=60)
    assert storage.get_text("a") == '{"x":1}'
    assert storage.get_json("a", dict[str, int]) == {"x": 1}
    assert storage.get_json("b") is None
    storage.put("a", "{")
    with pytest.raises(Reject, match="the storage-value is not JSON"):
        storage.get_json("a")
