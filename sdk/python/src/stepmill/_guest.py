"""A plugin as the exports of a component. Runs inside of one, and is all that touches its bindings (`wit_world`).

Python is started and the author's modules are imported when the component is built; what is in memory then is what
every attempt begins with. There are no files any more, so that whatever is imported late must be imported here.
"""

from __future__ import annotations

import importlib
import linecache
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from .context import Attempt, ConnectorContext, Context
from .document import Document
from .failure import Failure, Reject, Retry, milliseconds
from .http import Http
from .log import Level, Log, LogHandler, Write
from .plugin import Plugin
from .storage import Storage

#: What CPython's own library imports at its first use only. What this build of it does not have is passed over.
LATE_IMPORTS = [
    "_strptime",
    "ast",
    "encodings.ascii",
    "encodings.cp1252",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_16",
    "encodings.utf_8_sig",
    "tokenize",
    "unicodedata",
]


def exports(plugin: Plugin[Any, Any]) -> tuple[type, type]:
    """The classes that componentize-py looks for: `WitWorld` and the step's interface."""
    import_late_ones()
    refuse_sockets()
    keep_sources()
    log = Log(log_writer())
    root = logging.getLogger()
    root.addHandler(LogHandler(log))
    root.setLevel(logging.INFO)
    context = context_of(plugin, log)
    from componentize_py_types import Err
    from wit_world.imports import types

    class WitWorld:
        def describe(self) -> Any:
            found = plugin.manifest
            schemas = (found.config_schema, found.input_schema, found.output_schema)
            return types.Manifest(found.name, found.version, found.summary, *schemas)

    class Step:
        def run(self, input: Any, config: str, attempt: Any) -> Any:
            try:
                return answer(types, plugin.run(to_document(input), config, context(attempt)))
            except Failure as failure:
                raise Err(to_failure(types, failure)) from None
            finally:
                sys.stdout.flush()
                sys.stderr.flush()

    return WitWorld, Step


def import_late_ones() -> None:
    """Imports what would else be looked for in files that are gone."""
    for name in LATE_IMPORTS:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def refuse_sockets() -> None:
    """Makes `socket`, if something imports it, say what to use: what a call of it ends in traps."""
    socket: Any = sys.modules.get("socket")
    if socket is None:
        return

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError("a plugin opens no sockets: send requests by ctx.http, or see stepmill.clients")

    socket.socket = type("socket", (socket.socket,), {"__init__": refuse})
    socket.getaddrinfo = socket.gethostbyname = refuse


def keep_sources() -> None:
    """Keeps the sources of all modules but the standard library's, for the lines of tracebacks."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or name.split(".")[0] in sys.stdlib_module_names:
            continue
        try:
            text = Path(file).read_text()
        except (OSError, UnicodeDecodeError):
            continue
        # Without a time it is never looked for again.
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)


def log_writer() -> Write:
    """What writes a line to the host."""
    from wit_world.imports import log

    def write(level: Level, message: str, fields: list[tuple[str, str]]) -> None:
        log.write(log.Level[level.upper()], message, [log.Field(name, value) for name, value in fields])

    return write


def context_of(plugin: Plugin[Any, Any], log: Log) -> Callable[[Any], Context]:
    """What makes the context of an attempt. Only a connector's component has bindings of what it reaches out by."""
    if plugin.kind != "connector":
        return lambda given: Context(to_attempt(given), log)
    from ._host import HostHttp, HostStorage

    http, storage = Http(HostHttp()), Storage(HostStorage())
    if "urllib.request" in sys.modules:
        # Some MiB that a plugin without it need not carry.
        from .clients import install_urllib

        install_urllib(http)
    return lambda given: ConnectorContext(to_attempt(given), log, http, storage)


def to_attempt(given: Any) -> Attempt:
    """An attempt of the bindings' one."""
    return Attempt(
        workflow=given.workflow,
        run=given.run,
        step=given.step,
        number=given.number,
        idempotency_key=given.idempotency_key,
        accepted_at_ms=given.accepted_at_ms,
        timeout_ms=given.timeout_ms,
    )


def to_document(given: Any) -> Document:
    """A document of the bindings' one."""
    return Document(given.media_type, given.body.value)


def answer(types: Any, answered: Any) -> Any:
    """What the host is answered: a document, or violations."""
    if isinstance(answered, list):
        return [types.Violation(item.pointer, item.rule, item.message) for item in answered]
    body = types.Body_Text if isinstance(answered.body, str) else types.Body_Binary
    return types.Document(answered.media_type, body(answered.body))


def to_failure(types: Any, failure: Failure) -> Any:
    """The bindings' failure of ours."""
    if isinstance(failure, Retry):
        return types.Failure_Retry(types.RetryHint(failure.message, milliseconds(failure.after)))
    code = failure.code if isinstance(failure, Reject) else "failed"
    return types.Failure_Reject(types.Rejection(code, failure.message))
