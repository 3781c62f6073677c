"""The host's HTTP and storage, from inside a connector's component."""

from __future__ import annotations

from typing import Any, NoReturn

from componentize_py_types import Err
from wit_world.imports import http as wit_http
from wit_world.imports import storage as wit_storage

from . import http, storage

HTTP_ERRORS: dict[type, type[http.HttpError]] = {
    wit_http.HttpError_Denied: http.Denied,
    wit_http.HttpError_InvalidRequest: http.InvalidRequest,
    wit_http.HttpError_Dns: http.DnsError,
    wit_http.HttpError_Connect: http.ConnectError,
    wit_http.HttpError_Timeout: http.Timeout,
    wit_http.HttpError_Interrupted: http.Interrupted,
    wit_http.HttpError_ResponseTooLarge: http.ResponseTooLarge,
    wit_http.HttpError_RequestTooLarge: http.RequestTooLarge,
    wit_http.HttpError_TooManyRequests: http.TooManyRequests,
    wit_http.HttpError_Other: http.OtherHttpError,
}
STORAGE_ERRORS: dict[type, type[storage.StorageError]] = {
    wit_storage.StorageError_InvalidKey: storage.InvalidKey,
    wit_storage.StorageError_TooLarge: storage.TooLarge,
    wit_storage.StorageError_LimitReached: storage.LimitReached,
    wit_storage.StorageError_WrongKind: storage.WrongKind,
    wit_storage.StorageError_Unavailable: storage.Unavailable,
    wit_storage.StorageError_Other: storage.OtherStorageError,
}


class HostHttp:
    """The host's `http` import."""

    def send(self, request: http.Request) -> http.Response:
        """Sends one request and waits for the whole response."""
        target = wit_http.Target_Url if request.is_absolute else wit_http.Target_Path
        headers = [wit_http.Header(name, value) for name, value in request.headers]
        sent = wit_http.Request(request.method, target(request.target), headers, request.body, request.timeout_ms)
        try:
            response = wit_http.send(sent)
        except Err as error:
            raise HTTP_ERRORS[type(error.value)](error.value.value) from None
        return http.Response(
            response.status, [(header.name, header.value) for header in response.headers], response.body
        )


class HostStorage:
    """The host's `storage` import."""

    def get(self, key: str) -> storage.Entry | None:
        """The value of a key."""
        try:
            entry = wit_storage.get(key)
        except Err as error:
            _fail(error)
        return None if entry is None else storage.Entry(entry.value, entry.version)

    def put(self, key: str, value: bytes, condition: storage.Condition, ttl_ms: int | None) -> storage.Lost | None:
        """Writes a value under a condition."""
        options = wit_storage.PutOptions(_condition(condition), ttl_ms)
        try:
            outcome = wit_storage.put(key, value, options)
        except Err as error:
            _fail(error)
        return storage.Lost(outcome.value) if isinstance(outcome, wit_storage.PutOutcome_Lost) else None

    def delete(self, key: str) -> bool:
        """Removes a value or a counter."""
        try:
            return bool(wit_storage.delete(key))
        except Err as error:
            _fail(error)

    def list_keys(self, prefix: str, cursor: str | None, limit: int) -> tuple[list[str], str | None]:
        """One page of keys."""
        try:
            page = wit_storage.list_keys(prefix, cursor, limit)
        except Err as error:
            _fail(error)
        return page.keys, page.cursor

    def add(self, key: str, delta: int) -> int:
        """Adds to a counter."""
        try:
            return int(wit_storage.add(key, delta))
        except Err as error:
            _fail(error)

    def counter(self, key: str) -> int:
        """The value of a counter."""
        try:
            return int(wit_storage.counter(key))
        except Err as error:
            _fail(error)


def _condition(condition: storage.Condition) -> Any:
    if isinstance(condition, int):
        return wit_storage.Condition_IfVersion(condition)
    return wit_storage.Condition_Always() if condition == "always" else wit_storage.Condition_IfAbsent()


def _fail(error: Any) -> NoReturn:
    raise STORAGE_ERRORS[type(error.value)](error.value.value) from None
