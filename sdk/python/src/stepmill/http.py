"""HTTP to the systems that the operator has granted.

A target that begins with `http://` or `https://` is an absolute URL and must be granted; anything else is a path at
the step's system. The host adds credentials on the way out: the plugin never sees them. Whatever its status, what the
system answers is a [Response][]; no response is an [HttpError][], which, if the plugin lets it pass, becomes the
failure that fits: a retry where the network failed, else a rejection with code `http-` and the error's name.
"""

from __future__ import annotations

import email.utils
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeAlias, TypedDict, TypeVar, Unpack, overload
from urllib.parse import quote

from . import jsontext
from .convert import jsonable
from .document import JSON, read_json
from .failure import Failure, Reject, Retry, milliseconds

#: How much of a body goes into the message of a failure.
EXCERPT_BYTES = 300

T = TypeVar("T")
Headers: TypeAlias = Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]
Query: TypeAlias = Mapping[str, object] | Iterable[tuple[str, object]]


def is_passing(status: int) -> bool:
    """Statuses that say "try again": 408, 425, 429 and all of 5xx but 501 and 505.

    >>> is_passing(503), is_passing(429), is_passing(404), is_passing(501)
    (True, True, False, False)
    """
    return status in (408, 425, 429) or (500 <= status < 600 and status not in (501, 505))


class HttpError(Exception):
    """Why there is no response. There is one class for each case of the WIT interface."""

    #: Short stable name, such as `denied`.
    name: ClassVar[str] = "other"
    #: Whether another attempt may help: the network failed, not the request.
    is_passing: ClassVar[bool] = True
    _sentence: ClassVar[str] = "{}"

    def __init__(self, detail: str | int) -> None:
        super().__init__(self._sentence.format(detail))
        #: What the host said: a text, or the limit that was reached.
        self.detail = detail

    def failure(self) -> Failure:
        """The failure that fits."""
        return Retry(str(self)) if self.is_passing else Reject(f"http-{self.name}", str(self))


class Denied(HttpError):
    """The step's grant does not cover the target; the host's log has the config that would allow it."""

    name, is_passing, _sentence = "denied", False, "not granted: {}"


class InvalidRequest(HttpError):
    """The request cannot be sent as it is: a bad URL, method or header."""

    name, is_passing, _sentence = "invalid-request", False, "invalid request: {}"


class DnsError(HttpError):
    """The name could not be resolved."""

    name, _sentence = "dns", "name resolution failed: {}"


class ConnectError(HttpError):
    """No connection: refused, reset while connecting, or TLS failed."""

    name, _sentence = "connect", "connection failed: {}"


class Timeout(HttpError):
    """It took too long. The request may have reached the system."""

    name, _sentence = "timeout", "timed out: {}"


class Interrupted(HttpError):
    """The connection broke after the request was begun. The request may have reached the system."""

    name, _sentence = "interrupted", "connection broke: {}"


class ResponseTooLarge(HttpError):
    """The response's body is larger than the step's limit, in bytes."""

    name, is_passing, _sentence = "response-too-large", False, "the response is larger than {} bytes"


class RequestTooLarge(HttpError):
    """The request's body is larger than the step's limit, in bytes."""

    name, is_passing, _sentence = "request-too-large", False, "the request is larger than {} bytes"


class TooManyRequests(HttpError):
    """The attempt has used up its number of requests."""

    name, is_passing, _sentence = "too-many-requests", False, "the attempt may send {} requests only"


class OtherHttpError(HttpError):
    """Anything that a later host adds."""


@dataclass(frozen=True)
class Request:
    """A request as it goes to the host."""

    method: str
    #: A path at the step's system, or an absolute URL.
    target: str
    #: In order, repeats kept.
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    body: bytes | None = None
    #: Time for the whole exchange; clamped to what is left of the attempt.
    timeout_ms: int | None = None

    @property
    def is_absolute(self) -> bool:
        """Whether the target is an absolute URL."""
        return self.target.lower().startswith(("http://", "https://"))

    def header(self, name: str) -> str | None:
        """The first header of this name; names are case-insensitive."""
        return _header(self.headers, name)

    def json(self) -> Any:
        """The body as JSON."""
        return jsontext.read(self.body or b"")


class Backend(Protocol):
    """What sends requests: the host, or a fake in tests."""

    def send(self, request: Request) -> Response:
        """Sends one request and waits for the whole response; raises [HttpError][]."""


@dataclass(frozen=True)
class Response:
    """What a system answered, whole."""

    status: int
    #: All headers, in order.
    headers: list[tuple[str, bytes]]
    #: The body.
    bytes: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first header of this name whose value is text; names are case-insensitive."""
        return _header(self.headers, name)

    def text(self) -> str:
        """The body as text. What is not UTF-8 is a rejection with code `response`."""
        try:
            return self.bytes.decode()
        except UnicodeDecodeError as error:
            raise Reject("response", f"the response is not UTF-8: byte {error.start}") from None

    @overload
    def json(self) -> Any: ...
    @overload
    def json(self, type_: type[T]) -> T: ...
    def json(self, type_: Any = Any) -> Any:
        """The body as JSON of a type. What does not fit is a rejection with code `response` that says where."""
        return read_json(self.bytes, type_, "response")

    def or_fail(self) -> Response:
        """The response if its status is 2xx; else raises [failure][Response.failure]."""
        if self.is_success:
            return self
        raise self.failure()

    def failure(self) -> Failure:
        """The failure that fits the status: a retry, after `Retry-After`, where it says that the trouble may pass
        ([is_passing][]); else a rejection with code `http-<status>`. The message has the beginning of the body."""
        return self.retry() if is_passing(self.status) else self.rejection()

    def retry(self) -> Retry:
        """A retry, after `Retry-After` if there is one, whatever the status."""
        return Retry(self._summary(), after=self.retry_after())

    def rejection(self) -> Reject:
        """A rejection with code `http-<status>`, whatever the status."""
        return Reject(f"http-{self.status}", self._summary())

    def retry_after(self) -> timedelta | None:
        """How long the system asks to wait: `Retry-After` in seconds or, against the clock, as a date."""
        value = self.header("retry-after")
        return None if value is None else _retry_after(value.strip(), datetime.now(UTC))

    def _summary(self) -> str:
        # A character that the cut went through is no loss.
        excerpt = self.bytes[:EXCERPT_BYTES].decode(errors="replace")
        if len(self.bytes) > EXCERPT_BYTES:
            excerpt = excerpt.rstrip("\N{REPLACEMENT CHARACTER}") + "…"
        if not excerpt.strip():
            return f"the system answered {self.status} with an empty body"
        return f"the system answered {self.status}: {excerpt.strip()}"


class Options(TypedDict, total=False):
    """How a request is sent; see [request][Http.request]."""

    query: Query
    headers: Headers
    timeout: timedelta | float | None


class BodyOptions(Options, total=False):
    """How a request with a body is sent; see [request][Http.request]."""

    json: object
    body: str | bytes | None


class Http:
    """Sends requests; see `ctx.http`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def get(self, target: str, **options: Unpack[Options]) -> Response:
        """A GET; see [request][Http.request]."""
        return self.request("GET", target, **options)

    def post(self, target: str, **options: Unpack[BodyOptions]) -> Response:
        """A POST; see [request][Http.request]."""
        return self.request("POST", target, **options)

    def put(self, target: str, **options: Unpack[BodyOptions]) -> Response:
        """A PUT; see [request][Http.request]."""
        return self.request("PUT", target, **options)

    def patch(self, target: str, **options: Unpack[BodyOptions]) -> Response:
        """A PATCH; see [request][Http.request]."""
        return self.request("PATCH", target, **options)

    def delete(self, target: str, **options: Unpack[Options]) -> Response:
        """A DELETE; see [request][Http.request]."""
        return self.request("DELETE", target, **options)

    def request(
        self,
        method: str,
        target: str,
        *,
        json: object = ...,
        body: str | bytes | None = None,
        query: Query = (),
        headers: Headers = (),
        timeout: timedelta | float | None = None,
    ) -> Response:
        """Sends a request and waits for the whole response, whatever its status; raises [HttpError][].

        `json` is sent as JSON, with its content type unless `headers` has one; `body` as it is. `query` is
        percent-encoded and joined to the target's own. `timeout`, in seconds or as a `timedelta`, limits the whole
        exchange. What cannot be sent is an [InvalidRequest][].
        """
        sent = [(name, value.encode() if isinstance(value, str) else value) for name, value in _pairs(headers)]
        content = body.encode() if isinstance(body, str) else body
        if json is not ...:
            if body is not None:
                raise InvalidRequest("it has both `json` and `body`")
            content = _json(json)
            if _header(sent, "content-type") is None:
                sent.append(("content-type", JSON.encode()))
        target = _with_query(target, query)
        return self._backend.send(Request(method, target, sent, content, milliseconds(timeout)))


def _json(value: object) -> bytes:
    try:
        return jsontext.write(value, jsonable).encode()
    except jsontext.NotJson as error:
        at = f" at `{error.pointer}`" if error.pointer else ""
        raise InvalidRequest(f"the body is not JSON{at}: {error.problem}") from None


def _with_query(target: str, query: Query) -> str:
    pairs = [f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in _pairs(query)]
    if not pairs:
        return target
    # A fragment is never sent, and would swallow the query.
    target = target.partition("#")[0]
    return f"{target}{'&' if '?' in target else '?'}{'&'.join(pairs)}"


def _pairs(given: Mapping[str, T] | Iterable[tuple[str, T]]) -> list[tuple[str, T]]:
    return list(given.items() if isinstance(given, Mapping) else given)


def _header(headers: list[tuple[str, bytes]], name: str) -> str | None:
    for given, value in headers:
        if given.lower() == name.lower():
            try:
                return value.decode()
            except UnicodeDecodeError:
                continue
    return None


def _retry_after(value: str, now: datetime) -> timedelta | None:
    """RFC 9110, section 10.2.3. A date that has passed means at once."""
    if value.isascii() and value.isdigit():
        # More than these days are as good as for ever; the host clamps.
        return timedelta(seconds=min(int(value[:18]), 10**9))
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(date - now, timedelta(0)) if date.tzinfo else None
