"""Lines for the operator, kept with the attempt.

The host keeps 64 KiB of log an attempt unless its limits say otherwise, and says how much it dropped. `print`, and
`logging` from level INFO, end in the same place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["trace", "debug", "info", "warn", "error"]
#: Writes one line: its level, its message, and its named values.
Write: TypeAlias = Callable[[Level, str, list[tuple[str, str]]], None]


class Log:
    """Writes lines with named values: `log.info("reserved", sku="A1", quantity=3)`."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def trace(self, message: str, /, **fields: object) -> None:
        """A line at level trace."""
        self.write("trace", message, fields)

    def debug(self, message: str, /, **fields: object) -> None:
        """A line at level debug."""
        self.write("debug", message, fields)

    def info(self, message: str, /, **fields: object) -> None:
        """A line at level info."""
        self.write("info", message, fields)

    def warn(self, message: str, /, **fields: object) -> None:
        """A line at level warn."""
        self.write("warn", message, fields)

    def error(self, message: str, /, **fields: object) -> None:
        """A line at level error."""
        self.write("error", message, fields)

    def write(self, level: Level, message: str, fields: dict[str, object]) -> None:
        """A line at a level."""
        self._write(level, _sound(message), [(name, _sound(str(value))) for name, value in fields.items()])


class LogHandler(logging.Handler):
    """Passes the records of `logging` on to the attempt's log, with the logger's name as a value."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record, with its traceback if it has one."""
        self._log.write(_level(record.levelno), self.format(record), {"logger": record.name})


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    if number >= logging.INFO:
        return "info"
    return "debug" if number >= logging.DEBUG else "trace"


def _sound(text: str) -> str:
    # Half of a surrogate pair cannot cross to the host.
    return text if text.isascii() else text.encode(errors="replace").decode()
