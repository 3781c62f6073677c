"""The three kinds, run as the host does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import pytest

from stepmill import (
    ConnectorContext,
    Context,
    Document,
    InvalidPlugin,
    Reject,
    Retry,
    Violation,
    connector,
    transform,
    validate,
)
from stepmill.testing import FakeHttp, Logs, MemoryStorage, context, run


@dataclass
class Vat:
    vat: Annotated[float, "VAT in percent."]


@dataclass
class Order:
    id: str
    net: float


@transform(name="vat", version="1.2.3")
def vat(order: Order, config: Vat, ctx: Context) -> dict[str, Any]:
    """Adds VAT
    to an order.

    More of it.
    """
    if order.net < 0:
        raise Reject("negative", f"order {order.id} costs {order.net}")
    if order.net > 1000:
        raise Retry("too much at once", after=timedelta(minutes=1))
    ctx.log.debug("priced", order=order.id, attempt=ctx.attempt)
    return {"id": order.id, "gross": order.net * (1 + config.vat / 100)}


@validate(name="not-empty", version="0.1.0", summary="Checks that there is something.")
def not_empty(body: Any) -> Iterator[Violation]:
    if not body:
        yield Violation("", "required", "there is nothing")


@connector(name="ask", version="0.1.0", summary="Asks.")
def ask(name: str, ctx: ConnectorContext) -> Any:
    ctx.storage.add("asked")
    return ctx.http.get(f"/{name}").or_fail().json()


def test_a_transform_gets_typed_values_and_answers_json() -> None:
    outcome = run(vat, {"id": "A1", "net": 100}, {"vat": 19})
    assert outcome.text == '{"id":"A1","gross":119}'
    assert outcome.document is not None
    assert outcome.document.media_type == "application/json"
    assert outcome.logs == ["debug: priced order=A1 attempt=1"]


def test_a_plugin_is_also_its_function() -> None:
    logs = Logs()
    assert vat(Order("A1", 100), Vat(19), context(logs))["gross"] == 119
    assert logs.lines == ["debug: priced order=A1 attempt=1"]


def test_the_manifest_comes_from_the_function() -> None:
    manifest = vat.manifest
    assert (manifest.name, manifest.version, manifest.summary) == ("vat", "1.2.3", "Adds VAT to an order.")
    config = json.loads(manifest.config_schema)
    assert config["properties"]["vat"] == {"type": "number", "description": "VAT in percent."}
    assert config["additionalProperties"] is False
    assert json.loads(manifest.input_schema or "")["required"] == ["id", "net"]
    assert json.loads(manifest.output_schema or "")["type"] == "object"
    # What takes anything says nothing, and violations are no document.
    assert (not_empty.manifest.input_schema, not_empty.manifest.output_schema) == (None, None)
    assert json.loads(not_empty.manifest.config_schema)["additionalProperties"] is False


@pytest.mark.parametrize(
    ("body", "config", "failure"),
    [
        ({"id": "A1", "net": "x"}, {"vat": 19}, 'input: the input at `/net`: expected a number, got "x"'),
        ({"id": "A1"}, {"vat": 19}, "input: the input: `net` is missing"),
        (Document("application/json", "{"), {"vat": 19}, "input: the input is not JSON: "),
        (Document("text/plain", b"\xff"), {"vat": 19}, "input: the input is not JSON: byte 0 is not UTF-8"),
        (
            {"id": "A1", "net": 1},
            {"vat": 19, "vta": 1},
            "config: the config at `/vta`: there is no `vta`; known are `vat`",
        ),
        ({"id": "A1", "net": 1}, {}, "config: the config: `vat` is missing"),
        ({"id": "A1", "net": -1}, {"vat": 19}, "negative: order A1 costs -1.0"),
    ],
)
def test_what_cannot_be_worked_on_is_rejected(body: object, config: object, failure: str) -> None:
    with pytest.raises(Reject) as rejection:
        run(vat, body, config)
    assert str(rejection.value).startswith(failure)


def test_a_retry_carries_its_time() -> None:
    with pytest.raises(Retry) as retry:
        run(vat, {"id": "A1", "net": 2000}, {"vat": 19})
    assert retry.value.after == timedelta(seconds=60)


def test_any_other_exception_passes_as_it_is() -> None:
    @transform(name="broken", version="0.1.0", summary="Fails.")
    def broken(body: Any) -> float:
        return 1 / float(body)

    with pytest.raises(ZeroDivisionError):
        run(broken, 0)


def test_documents_pass_as_they_are() -> None:
    @transform(name="upper", version="0.1.0", summary="Shouts.")
    def upper(document: Document) -> Document:
        return Document("text/plain", document.text().upper())

    outcome = run(upper, Document("text/csv", b"a,b"))
    assert outcome.document == Document("text/plain", "A,B")
    assert (upper.manifest.input_schema, upper.manifest.output_schema) == (None, None)


def test_a_validate_answers_its_violations() -> None:
    assert run(not_empty, []).violations == [Violation("", "required", "there is nothing")]
    assert run(not_empty, [1]).violations == []


def test_a_validate_that_answers_nothing_at_all_is_broken() -> None:
    @validate(name="silent", version="0.1.0", summary="Says nothing.")
    def silent(body: Any) -> list[Violation]:
        return None  # type: ignore[return-value]

    with pytest.raises(TypeError, match="an empty list for none"):
        run(silent, 1)


def test_a_validate_that_answers_something_else_is_broken() -> None:
    @validate(name="chatty", version="0.1.0", summary="Says too much.")
    def chatty(body: Any) -> list[Violation]:
        return ["it is wrong"]  # type: ignore[list-item]

    with pytest.raises(TypeError, match="chatty answers 'it is wrong', which is no Violation"):
        run(chatty, 1)


def test_storage_is_committed_with_success_alone() -> None:
    storage = MemoryStorage()
    http = FakeHttp().reply("GET", "/a", 503).reply("GET", "/a", 200, json={"b": 1})
    with pytest.raises(Retry):
        run(ask, "a", http=http, storage=storage)
    assert storage.committed() == {}
    assert run(ask, "a", http=http, storage=storage).output == {"b": 1}
    assert storage.committed() == {"asked": 1}


def test_an_http_error_becomes_the_failure_that_fits() -> None:
    with pytest.raises(Retry, match="connection failed: no reply for GET /b"):
        run(ask, "b")


def declared(function: Any, kind: Any = transform, name: str = "x", summary: str | None = "X.") -> str:
    with pytest.raises(InvalidPlugin) as error:
        kind(name=name, version="0.1.0", summary=summary)(function)
    return str(error.value)


def test_a_wrong_declaration_says_what_would_be_right() -> None:
    def fine(body: Any) -> Any: ...
    def swapped(config: Vat, body: Any) -> Any: ...
    def untyped(body: Any, config) -> Any: ...  # type: ignore[no-untyped-def]
    def reaching(body: Any, ctx: ConnectorContext) -> Any: ...

    assert declared(fine, name="Shape It") == "the name 'Shape It' must be 1 to 64 lower-case letters, digits and `-`"
    assert declared(fine, summary=None) == "x has no summary: give `summary=`, or fine a docstring"
    assert declared(swapped).startswith("swapped(config, body) must take the input, then")
    assert declared(untyped) == "`config` of untyped has no type: give it a dataclass"
    assert declared(reaching) == "reaching is a transform and pure: its `ctx` is a Context, not a ConnectorContext"
