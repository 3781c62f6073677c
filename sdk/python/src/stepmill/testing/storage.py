"""Storage without a host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .. import jsontext
from ..storage import Condition, Entry, InvalidKey, Lost, WrongKind

MAX_KEY_BYTES = 512
MAX_PAGE = 1000
COUNTER_MIN, COUNTER_MAX = -(2**63), 2**63 - 1


class MemoryStorage:
    """Storage in memory, with the buffering of one attempt.

    Values never expire: a time to live is taken and forgotten.

    >>> storage = MemoryStorage({"a": b"1"})
    >>> storage.delete("a"), storage.committed()
    (True, {'a': b'1'})
    >>> storage.commit()
    >>> storage.committed()
    {}
    """

    def __init__(self, values: Mapping[str, bytes] | None = None) -> None:
        self._committed: dict[str, Entry | int] = {}
        # What the attempt has written; None where it has removed.
        self._buffered: dict[str, Entry | int | None] = {}
        self._last_version = 0
        for key, value in (values or {}).items():
            self.put(key, value, "always", None)
        self.commit()

    def committed(self) -> dict[str, bytes | int]:
        """What is committed: values as bytes, counters as numbers."""
        return {key: slot.value if isinstance(slot, Entry) else slot for key, slot in sorted(self._committed.items())}

    def committed_json(self, key: str) -> object:
        """A committed value, read as JSON."""
        value = self.committed()[key]
        return jsontext.read(value) if isinstance(value, bytes) else value

    def commit(self) -> None:
        """Commits what the attempt has written, as the host does when an attempt succeeds."""
        for key, slot in self._buffered.items():
            if slot is None:
                self._committed.pop(key, None)
            elif isinstance(slot, Entry):
                self._last_version += 1
                self._committed[key] = replace(slot, version=self._last_version)
            else:
                self._committed[key] = slot
        self._buffered.clear()

    def roll_back(self) -> None:
        """Forgets what the attempt has written, as the host does when an attempt fails."""
        self._buffered.clear()

    def get(self, key: str) -> Entry | None:
        """The value of a key."""
        _check(key)
        slot = self._slot(key)
        if isinstance(slot, int):
            raise WrongKind(f"`{key}` is a counter")
        return slot

    def put(self, key: str, value: bytes, condition: Condition, ttl_ms: int | None) -> Lost | None:
        """Writes a value under a condition."""
        entry = self.get(key)
        version = None if entry is None else entry.version
        holds = condition == "always" or (version is None if condition == "if-absent" else version == condition)
        if not holds:
            return Lost(version)
        self._buffered[key] = Entry(value, version or 0)
        return None

    def delete(self, key: str) -> bool:
        """Removes a value or a counter. Says whether there was one."""
        _check(key)
        was_there = self._slot(key) is not None
        self._buffered[key] = None
        return was_there

    def list_keys(self, prefix: str, cursor: str | None, limit: int) -> tuple[list[str], str | None]:
        """One page of keys."""
        after = (cursor or "").encode()
        keys = sorted((key for key in {*self._committed, *self._buffered} if key.startswith(prefix)), key=str.encode)
        keys = [key for key in keys if key.encode() > after and self._slot(key) is not None]
        page = keys[: max(1, min(limit, MAX_PAGE))]
        return page, page[-1] if len(keys) > len(page) else None

    def add(self, key: str, delta: int) -> int:
        """Adds to a counter; saturates as the host's do."""
        value = max(COUNTER_MIN, min(self.counter(key) + delta, COUNTER_MAX))
        self._buffered[key] = value
        return value

    def counter(self, key: str) -> int:
        """The value of a counter; 0 where there is none."""
        _check(key)
        slot = self._slot(key)
        if isinstance(slot, Entry):
            raise WrongKind(f"`{key}` is not a counter")
        return slot or 0

    def _slot(self, key: str) -> Entry | int | None:
        return self._buffered[key] if key in self._buffered else self._committed.get(key)


def _check(key: str) -> None:
    size = len(key.encode())
    if not 1 <= size <= MAX_KEY_BYTES:
        raise InvalidKey(f"{size} bytes, not 1 to {MAX_KEY_BYTES}")
