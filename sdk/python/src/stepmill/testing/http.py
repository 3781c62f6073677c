"""HTTP without a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from .. import jsontext
from ..convert import jsonable
from ..http import ConnectError, HttpError, Request, Response


class FakeHttp:
    """Answers requests from a script and keeps them for inspection.

    Replies to one method and target are used up in order, the last one again and again. What has no reply is a
    `ConnectError` that says so.

    >>> http = FakeHttp().reply("GET", "/a", 503).reply("GET", "/a", 200, "ok")
    >>> [http.send(Request("GET", "/a")).status for _ in range(3)]
    [503, 200, 200]
    """

    def __init__(self) -> None:
        #: The requests so far.
        self.requests: list[Request] = []
        self._replies: dict[tuple[str, str], list[Response | HttpError]] = {}

    def reply(
        self,
        method: str,
        target: str,
        status: int,
        body: str | bytes = b"",
        *,
        json: object = ...,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Answers a method and target (a path with query, or a URL) by a status and a body, or a value as JSON."""
        sent = [(name, value.encode()) for name, value in (headers or {}).items()]
        if json is not ...:
            body = jsontext.write(json, jsonable)
            sent.append(("content-type", b"application/json"))
        content = body.encode() if isinstance(body, str) else body
        return self._answer(method, target, Response(status, sent, content))

    def fail(self, method: str, target: str, error: HttpError) -> Self:
        """Answers by no response."""
        return self._answer(method, target, error)

    def send(self, request: Request) -> Response:
        """What the SDK calls in the host's place."""
        self.requests.append(request)
        replies = self._replies.get((request.method, request.target))
        if not replies:
            raise ConnectError(f"no reply for {request.method} {request.target}")
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, HttpError):
            raise reply
        return reply

    def _answer(self, method: str, target: str, reply: Response | HttpError) -> Self:
        self._replies.setdefault((method, target), []).append(reply)
        return self
