"""Plugins tested on the machine they are written on, without a host.

[run][] runs a plugin as the host does, from config and input to output. The outside world is a [FakeHttp][] and a
[MemoryStorage][]. A plugin is also the function that was decorated; [context][] and [connector_context][] are for
calling it by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import jsontext
from ..context import Attempt, ConnectorContext, Context
from ..convert import jsonable
from ..document import Document
from ..http import Http
from ..log import Level, Log
from ..plugin import Plugin
from ..storage import Storage
from ..violation import Violation
from .http import FakeHttp
from .storage import MemoryStorage

__all__ = ["ATTEMPT", "FakeHttp", "Logs", "MemoryStorage", "Outcome", "connector_context", "context", "run"]

#: The first attempt of step `step` of a run of workflow `test`.
ATTEMPT = Attempt(
    workflow="test",
    run="run_00000000000000000000000000000001",
    step="step",
    number=1,
    idempotency_key="test-key",
    accepted_at_ms=1_700_000_000_000,
    timeout_ms=30_000,
)


class Logs:
    """The lines that a plugin has logged, as `level: message name=value …`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        #: What a context writes to.
        self.log = Log(self._keep)

    def _keep(self, level: Level, message: str, fields: list[tuple[str, str]]) -> None:
        self.lines.append(f"{level}: {message}" + "".join(f" {name}={value}" for name, value in fields))


@dataclass(frozen=True)
class Outcome:
    """What a plugin has answered."""

    #: A transform's or a connector's answer.
    document: Document | None
    #: A validate's answer.
    violations: list[Violation]
    #: What was logged, as `level: message name=value …`.
    logs: list[str]

    @property
    def output(self) -> Any:
        """The document, read as JSON."""
        return jsontext.read(self.text)

    @property
    def text(self) -> str:
        """The document's body as text."""
        if self.document is None:
            raise TypeError("a validate answers no document: look at `violations`")
        return self.document.text()


def run(
    plugin: Plugin[Any, Any],
    input: object,
    config: object = None,
    *,
    http: FakeHttp | None = None,
    storage: MemoryStorage | None = None,
    attempt: Attempt = ATTEMPT,
) -> Outcome:
    """Runs a plugin as the host does.

    The input is a [Document][stepmill.Document], or a value that is sent as JSON; the config is such a value, `{}` by
    default. A failure is raised as the plugin's [Failure][stepmill.Failure]. As on the host, what a connector has
    written to storage is committed if it succeeds, and dropped if it fails.
    """
    document = input if isinstance(input, Document) else Document.json(input)
    config_text = "{}" if config is None else jsontext.write(config, jsonable)
    logs = Logs()
    if plugin.kind != "connector":
        answer = plugin.run(document, config_text, Context(attempt, logs.log))
    else:
        storage = storage or MemoryStorage()
        context = ConnectorContext(attempt, logs.log, Http(http or FakeHttp()), Storage(storage))
        try:
            answer = plugin.run(document, config_text, context)
        except BaseException:
            storage.roll_back()
            raise
        storage.commit()
    if isinstance(answer, Document):
        return Outcome(answer, [], logs.lines)
    return Outcome(None, answer, logs.lines)


def context(logs: Logs | None = None, *, attempt: Attempt = ATTEMPT) -> Context:
    """A context, for calling a plugin's function by itself."""
    return Context(attempt, (logs or Logs()).log)


def connector_context(
    http: FakeHttp | None = None,
    storage: MemoryStorage | None = None,
    logs: Logs | None = None,
    *,
    attempt: Attempt = ATTEMPT,
) -> ConnectorContext:
    """A connector's context, for calling its function by itself.

    >>> ctx = connector_context(FakeHttp().reply("GET", "/ping", 200, "pong"))
    >>> ctx.http.get("/ping").text()
    'pong'
    """
    log = (logs or Logs()).log
    return ConnectorContext(attempt, log, Http(http or FakeHttp()), Storage(storage or MemoryStorage()))
