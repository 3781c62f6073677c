"""HTTP, and the clients that send through it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import requests

from stepmill import Reject, Retry
from stepmill.clients import httpx_client, install_urllib, requests_session
from stepmill.http import ConnectError, Denied, Http, InvalidRequest, Response, Timeout, TooManyRequests, _retry_after
from stepmill.testing import FakeHttp, connector_context


def response(status: int, body: bytes = b"", **headers: str) -> Response:
    return Response(status, [(name.replace("_", "-"), value.encode()) for name, value in headers.items()], body)


def test_a_request_goes_out_as_it_was_asked_for() -> None:
    fake = FakeHttp().reply("POST", "/a?x=1&q=%C3%A4%20%26&q=2", 201)
    ctx = connector_context(fake)
    ctx.http.post("/a?x=1#top", json={"n": 1.0}, query=[("q", "ä &"), ("q", 2)], headers={"X-A": "b"}, timeout=1.5)
    [request] = fake.requests
    assert (request.body, request.timeout_ms) == (b'{"n":1}', 1500)
    assert request.headers == [("X-A", b"b"), ("content-type", b"application/json")]


def test_a_content_type_of_ones_own_stays() -> None:
    fake = FakeHttp().reply("PUT", "/a", 204)
    connector_context(fake).http.put("/a", json=None, headers={"Content-Type": "application/merge-patch+json"})
    assert fake.requests[0].headers == [("Content-Type", b"application/merge-patch+json")]
    assert fake.requests[0].body == b"null"


def test_a_body_that_cannot_be_sent_is_an_invalid_request() -> None:
    fake = FakeHttp()
    with pytest.raises(InvalidRequest, match="the body is not JSON at `/a`: nan is no JSON number"):
        connector_context(fake).http.post("/", json={"a": float("nan")})
    with pytest.raises(InvalidRequest, match="both `json` and `body`"):
        connector_context(fake).http.post("/", json={}, body="x")
    assert fake.requests == []


def test_a_status_becomes_the_failure_that_fits() -> None:
    busy = response(503, b"later", Retry_After="7").failure()
    assert isinstance(busy, Retry)
    assert (busy.message, busy.after) == ("the system answered 503: later", timedelta(seconds=7))
    gone = response(410, Retry_After="7").failure()
    assert isinstance(gone, Reject)
    assert (gone.code, gone.message) == ("http-410", "the system answered 410 with an empty body")
    assert isinstance(response(501).failure(), Reject)
    assert isinstance(response(408).failure(), Retry)
    assert response(204).or_fail().status == 204
    with pytest.raises(Reject, match="http-302"):
        response(302).or_fail()


def test_a_long_body_is_cut_at_a_character() -> None:
    for body in ("ä" * 200, "x" + "ä" * 200):
        assert response(400, body.encode()).failure().message.endswith("ä…")


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
    assert _retry_after("120", now) == timedelta(seconds=120)
    assert _retry_after("Wed, 21 Oct 2026 07:28:30 GMT", now) == timedelta(seconds=30)
    assert _retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now) == timedelta(0)
    assert _retry_after("9" * 40, now) is not None
    for nonsense in ("", "-1", "soon", "1.5"):
        assert _retry_after(nonsense, now) is None, nonsense


def test_a_body_is_read_as_a_type() -> None:
    @dataclass
    class Stock:
        available: int

    assert response(200, b'{"available":3}').json(Stock) == Stock(3)
    with pytest.raises(Reject) as failure:
        response(200, b'{"available":"x"}').json(Stock)
    assert str(failure.value) == 'response: the response at `/available`: expected an integer, got "x"'


def test_errors_know_their_failures() -> None:
    assert isinstance(Timeout("10 s").failure(), Retry)
    denied = Denied("GET /x").failure()
    assert isinstance(denied, Reject)
    assert str(denied) == "http-denied: not granted: GET /x"
    assert str(TooManyRequests(3)) == "the attempt may send 3 requests only"


@pytest.fixture
def fake() -> FakeHttp:
    return (
        FakeHttp()
        .reply("GET", "https://a.test/x?q=1", 200, json={"ok": True})
        .reply("POST", "https://a.test/form", 201, "made", headers={"X-Id": "7"})
        .reply("GET", "https://a.test/old", 302, headers={"Location": "/x?q=1"})
        .reply("GET", "https://a.test/none", 404, "nothing")
        .fail("GET", "https://a.test/down", ConnectError("refused"))
    )


@pytest.fixture
def urlopen(fake: FakeHttp) -> Iterator[Any]:
    install_urllib(Http(fake))
    yield urllib.request.urlopen
    urllib.request.install_opener(None)


def test_urllib_sends_through_the_host(fake: FakeHttp, urlopen: Any) -> None:
    assert urlopen("https://a.test/x?q=1").read() == b'{"ok":true}'
    assert urlopen("https://a.test/old").read() == b'{"ok":true}'
    answer = urlopen(urllib.request.Request("https://a.test/form", data=b"a=1"), timeout=2)
    assert (answer.status, answer.headers["x-id"]) == (201, "7")
    sent = fake.requests[-1]
    assert (sent.body, sent.timeout_ms) == (b"a=1", 2000)
    assert sent.header("content-type") == "application/x-www-form-urlencoded"
    with pytest.raises(urllib.error.HTTPError, match="404: Not Found"):
        urlopen("https://a.test/none").close()
    with pytest.raises(urllib.error.URLError, match="connection failed: refused"):
        urlopen("https://a.test/down")


def test_requests_sends_through_the_host(fake: FakeHttp) -> None:
    session = requests_session(Http(fake))
    assert session.get("https://a.test/old").json() == {"ok": True}
    made = session.post("https://a.test/form", data={"a": "1"}, timeout=(1, 2))
    assert (made.status_code, made.text, made.headers["x-id"]) == (201, "made", "7")
    sent = fake.requests[-1]
    assert (sent.body, sent.timeout_ms) == (b"a=1", 2000)
    # What the host sets itself it refuses from a plugin.
    assert not {name.lower() for name, _ in sent.headers} & {"host", "content-length", "connection", "accept-encoding"}
    with pytest.raises(requests.HTTPError):
        session.get("https://a.test/none").raise_for_status()
    with pytest.raises(requests.ConnectionError, match="refused"):
        session.get("https://a.test/down")


def test_httpx_sends_through_the_host(fake: FakeHttp) -> None:
    with httpx_client(Http(fake), base_url="https://a.test", timeout=2) as client:
        assert client.get("/x", params={"q": 1}).json() == {"ok": True}
        made = client.post("/form", data={"a": "1"})
        assert (made.status_code, made.text, made.headers["x-id"]) == (201, "made", "7")
        sent = fake.requests[-1]
        assert (sent.body, sent.timeout_ms) == (b"a=1", 2000)
        assert not {name.lower() for name, _ in sent.headers} & {"host", "content-length", "connection"}
        with pytest.raises(httpx.HTTPStatusError):
            client.get("/none").raise_for_status()
        with pytest.raises(httpx.ConnectError, match="refused"):
            client.get("/down")
