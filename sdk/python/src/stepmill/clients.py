"""HTTP clients of the Python ecosystem, sending through the host.

None of them can open a socket in a component. What each offers for a transport of one's own is used instead, so that a
request ends where `ctx.http` ends, under the same grant. URLs are absolute: within the base URL of the step's system
they get its credentials, elsewhere the grant must list them.

- `urllib.request.urlopen` works by itself in a connector that imports it at the top of a module.
- [requests_session][] and [httpx_client][] give a `requests.Session` and an `httpx.Client`, if the plugin depends on
  the library and imports it at the top of a module.
"""

from __future__ import annotations

import http.client
import io
import urllib.error
import urllib.request
import urllib.response
from collections.abc import Iterable
from email.message import Message
from typing import TYPE_CHECKING, Any, cast

from .http import Http, HttpError, Response

if TYPE_CHECKING:
    import httpx
    import requests

#: Headers that the host sets, and refuses from a plugin.
HOSTS_OWN = {"host", "content-length", "connection", "transfer-encoding", "te", "upgrade", "keep-alive"}


class HostHandler(urllib.request.BaseHandler):
    """Opens `http` and `https` URLs for `urllib.request`."""

    def __init__(self, client: Http) -> None:
        self._client = client

    def http_open(self, request: urllib.request.Request) -> urllib.response.addinfourl:
        """Sends one request; an [HttpError][] is the reason of a `URLError`."""
        headers = [*request.header_items()]
        if isinstance(request.data, (bytes, bytearray)) and not request.has_header("Content-type"):
            # As urllib's own handlers do.
            headers.append(("content-type", "application/x-www-form-urlencoded"))
        timeout = getattr(request, "timeout", None)
        seconds = timeout if isinstance(timeout, (int, float)) else None
        try:
            response = self._client.request(
                request.get_method(),
                request.full_url,
                headers=_sendable(headers),
                body=_whole(request.data),
                timeout=seconds,
            )
        except HttpError as error:
            raise urllib.error.URLError(cast("Any", error)) from error
        answer = urllib.response.addinfourl(
            io.BytesIO(response.bytes), _message(response), request.full_url, response.status
        )
        # What `urllib.request` reads where a status is an error.
        cast("Any", answer).msg = http.client.responses.get(response.status, "")
        return answer

    https_open = http_open


def install_urllib(client: Http) -> None:
    """Makes `urllib.request.urlopen` send through the host. The SDK does so in connectors."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        HostHandler(client),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    urllib.request.install_opener(opener)


def requests_session(client: Http) -> requests.Session:
    """A `requests.Session` that sends through the host: `requests_session(ctx.http).get("https://…")`."""
    import requests
    from requests.adapters import BaseAdapter

    class HostAdapter(BaseAdapter):
        def send(self, request: requests.PreparedRequest, *_: Any, timeout: Any = None, **__: Any) -> requests.Response:
            seconds = timeout[1] if isinstance(timeout, tuple) else timeout
            try:
                response = client.request(
                    request.method or "GET",
                    request.url or "",
                    headers=_sendable(request.headers.items()),
                    body=_whole(request.body),
                    timeout=seconds,
                )
            except HttpError as error:
                kind = requests.Timeout if error.name == "timeout" else requests.ConnectionError
                raise kind(error, request=request) from error
            return _requests_response(request, response)

        def close(self) -> None:
            pass

    session = requests.Session()
    # Proxies and credentials of the environment: there is none.
    session.trust_env = False
    session.mount("http://", HostAdapter())
    session.mount("https://", HostAdapter())
    return session


def httpx_client(client: Http, **options: Any) -> httpx.Client:
    """An `httpx.Client` that sends through the host; `options` are the client's, such as `base_url`."""
    import httpx

    class HostTransport(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            timeout = request.extensions.get("timeout", {}).get("read")
            headers = _sendable((name, value) for name, value in request.headers.multi_items())
            try:
                response = client.request(
                    request.method, str(request.url), headers=headers, body=request.read() or None, timeout=timeout
                )
            except HttpError as error:
                kind = httpx.ReadTimeout if error.name == "timeout" else httpx.ConnectError
                raise kind(str(error), request=request) from error
            kept = [(name.encode(), value) for name, value in _decoded(response)]
            return httpx.Response(response.status, headers=kept, content=response.bytes, request=request)

    return httpx.Client(transport=HostTransport(), trust_env=False, **options)


def _requests_response(request: requests.PreparedRequest, response: Response) -> requests.Response:
    import requests
    from requests.structures import CaseInsensitiveDict
    from requests.utils import get_encoding_from_headers

    made = requests.Response()
    made.status_code = response.status
    made.headers = CaseInsensitiveDict((name, value.decode("latin-1")) for name, value in response.headers)
    made.encoding = get_encoding_from_headers(made.headers)
    made.raw = io.BytesIO(response.bytes)
    made.reason = http.client.responses.get(response.status, "")
    made.url = request.url or ""
    made.request = request
    return made


def _sendable(headers: Iterable[tuple[str, str | bytes]]) -> list[tuple[str, str | bytes]]:
    # The body comes as the host has decoded it, so none must be asked for that it would not decode.
    left_out = HOSTS_OWN | {"accept-encoding"}
    return [(name, value) for name, value in headers if name.lower() not in left_out]


def _decoded(response: Response) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in response.headers if name.lower() != "transfer-encoding"]


def _whole(body: object) -> bytes | str | None:
    if body is None or isinstance(body, (bytes, str)):
        return body
    if isinstance(body, (bytearray, memoryview)):
        return bytes(body)
    if hasattr(body, "read"):
        return cast("bytes | str", body.read())
    if isinstance(body, Iterable):
        return b"".join(cast("Iterable[bytes]", body))
    raise TypeError(f"a body of type {type(body).__name__} cannot be sent")


def _message(response: Response) -> Message:
    message = http.client.HTTPMessage()
    for name, value in response.headers:
        message.add_header(name, value.decode("latin-1"))
    return message
