"""Failures: how a step says that it could not do its work."""

from __future__ import annotations

from datetime import timedelta


class Failure(Exception):
    """A step's failure, as data; raise [Reject][] or [Retry][]. Any other exception is a fault of the plugin."""

    message: str

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Reject(Failure):
    """Lasting trouble: no further attempt can help, and the run becomes a dead letter.

    `code` is a short stable name for grouping, such as `unknown-sku`; the message is for a person.

    >>> raise Reject("unknown-sku", "no SKU 4711")
    Traceback (most recent call last):
    stepmill.failure.Reject: unknown-sku: no SKU 4711
    """

    code: str

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Retry(Failure):
    """Passing trouble: another attempt later, under the step's retry policy.

    `after` is the earliest time of the next attempt from now, in seconds or as a `timedelta`; the policy clamps
    it, and without it the policy alone decides.

    >>> Retry("rate limited", after=30).after
    datetime.timedelta(seconds=30)
    """

    after: timedelta | None

    def __init__(self, message: str, *, after: timedelta | float | None = None) -> None:
        super().__init__(message)
        self.after = after if after is None or isinstance(after, timedelta) else timedelta(seconds=after)


def milliseconds(duration: timedelta | float | None) -> int | None:
    """A duration in whole milliseconds, as the host takes it: seconds if it is a number, and none below 0."""
    if duration is None:
        return None
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    # The host takes 64 bits without a sign; more than that is as good as for ever.
    return max(0, min(round(seconds * 1000), 2**63))
