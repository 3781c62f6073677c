"""A small durable map, shared by the runs of a workflow.

Writes commit together with the attempt's success: a failed attempt leaves none. Reads see what is committed and, over
it, what this attempt has written. Between two calls other runs may commit; `insert_if_absent`, `compare_and_put` and
counters are the means to be right all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar, overload

from . import jsontext
from .convert import jsonable
from .document import read_json
from .failure import Failure, Reject, Retry, milliseconds

#: How many keys are asked for at a time; the host's maximum.
KEYS_PER_PAGE = 1000

T = TypeVar("T")


class StorageError(Exception):
    """Why a call was refused. There is one class for each case of the WIT interface."""

    #: Short stable name, such as `too-large`.
    name: ClassVar[str] = "other"
    #: Whether another attempt may help.
    is_passing: ClassVar[bool] = False
    _sentence: ClassVar[str] = "{}"

    def __init__(self, detail: str | int) -> None:
        super().__init__(self._sentence.format(detail))
        #: What the host said: a text, or the limit that was reached.
        self.detail = detail

    def failure(self) -> Failure:
        """The failure that fits: a retry where storage could not be read, else a rejection with code `storage-` and
        the error's name."""
        return Retry(str(self)) if self.is_passing else Reject(f"storage-{self.name}", str(self))


class InvalidKey(StorageError):
    """A key is empty or longer than 512 bytes."""

    name, _sentence = "invalid-key", "invalid storage key: {}"


class TooLarge(StorageError):
    """The value is larger than the limit, in bytes."""

    name, _sentence = "too-large", "the value is larger than {} bytes"


class LimitReached(StorageError):
    """The attempt has used up its number of storage calls or of bytes written."""

    name, _sentence = "limit-reached", "storage limit reached: {}"


class WrongKind(StorageError):
    """The key holds a counter where bytes are asked for, or the other way about."""

    name, _sentence = "wrong-kind", "wrong kind of storage entry: {}"


class Unavailable(StorageError):
    """The journal could not be read."""

    name, is_passing, _sentence = "unavailable", True, "storage is unavailable: {}"


class OtherStorageError(StorageError):
    """Anything that a later host adds."""

    is_passing = True


@dataclass(frozen=True)
class Entry:
    """A value and its version, for `compare_and_put`."""

    value: bytes
    #: Changes with every committed write of the key. A value that this attempt itself has written reads with the
    #: version it will replace, or 0.
    version: int


@dataclass(frozen=True)
class Lost:
    """A put whose condition does not hold."""

    #: The version that is there now, or none.
    version: int | None


#: When a put takes effect: always, only if the key holds nothing, or only if its version is this one.
Condition: TypeAlias = Literal["always", "if-absent"] | int


class Backend(Protocol):
    """What holds the values: the host, or a map in tests. The verbs are those of the WIT interface."""

    def get(self, key: str) -> Entry | None: ...
    def put(self, key: str, value: bytes, condition: Condition, ttl_ms: int | None) -> Lost | None: ...
    def delete(self, key: str) -> bool: ...
    def list_keys(self, prefix: str, cursor: str | None, limit: int) -> tuple[list[str], str | None]: ...
    def add(self, key: str, delta: int) -> int: ...
    def counter(self, key: str) -> int: ...


class Storage:
    """The map; see `ctx.storage`. Every method raises [StorageError][]."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def get(self, key: str) -> bytes | None:
        """The value of a key."""
        entry = self._backend.get(key)
        return None if entry is None else entry.value

    def entry(self, key: str) -> Entry | None:
        """The value of a key and its version."""
        return self._backend.get(key)

    def get_text(self, key: str) -> str | None:
        """The value of a key as text. What is not UTF-8 is a rejection with code `storage-value`."""
        value = self.get(key)
        try:
            return None if value is None else value.decode()
        except UnicodeDecodeError as error:
            raise Reject("storage-value", f"the value of {key} is not UTF-8: byte {error.start}") from None

    @overload
    def get_json(self, key: str) -> Any: ...
    @overload
    def get_json(self, key: str, type_: type[T]) -> T | None: ...
    def get_json(self, key: str, type_: Any = Any) -> Any:
        """The value of a key, read as JSON of a type; None where there is none. What does not fit is a rejection with
        code `storage-value` that says where."""
        value = self.get(key)
        return None if value is None else read_json(value, type_, "storage-value")

    def put(self, key: str, value: bytes | str, *, ttl: timedelta | float | None = None) -> None:
        """Writes a value, whatever was there. It disappears `ttl` after the commit, in seconds or as a `timedelta`."""
        self._put(key, value, "always", ttl)

    def put_json(self, key: str, value: object, *, ttl: timedelta | float | None = None) -> None:
        """Writes a value as JSON, whatever was there."""
        try:
            text = jsontext.write(value, jsonable)
        except jsontext.NotJson as error:
            raise Reject("storage-value", f"the value of {key} is not JSON: {error.problem}") from None
        self.put(key, text, ttl=ttl)

    def insert_if_absent(self, key: str, value: bytes | str, *, ttl: timedelta | float | None = None) -> bool:
        """Writes a value if the key holds nothing. Says whether it did."""
        return self._put(key, value, "if-absent", ttl) is None

    def compare_and_put(
        self, key: str, version: int, value: bytes | str, *, ttl: timedelta | float | None = None
    ) -> Lost | None:
        """Writes a value if the key's version is still `version`. A lost race is answered, with the version that is
        there now."""
        return self._put(key, value, version, ttl)

    def delete(self, key: str) -> bool:
        """Removes a value or a counter. Says whether there was one."""
        return self._backend.delete(key)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with `prefix`, in ascending order of their bytes, fetched a page at a time."""
        cursor: str | None = None
        while True:
            keys, cursor = self._backend.list_keys(prefix, cursor, KEYS_PER_PAGE)
            yield from keys
            # A page may be empty and yet have another after it.
            if cursor is None:
                return

    def add(self, key: str, delta: int = 1) -> int:
        """Adds to a counter, which begins at 0, and answers its value. The answer is not unique to this attempt."""
        return self._backend.add(key, delta)

    def counter(self, key: str) -> int:
        """The value of a counter; 0 where there is none."""
        return self._backend.counter(key)

    def _put(self, key: str, value: bytes | str, condition: Condition, ttl: timedelta | float | None) -> Lost | None:
        content = value.encode() if isinstance(value, str) else value
        return self._backend.put(key, content, condition, milliseconds(ttl))
