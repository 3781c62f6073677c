"""What a call knows of itself, and what a connector may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .http import Http
from .log import Log
from .storage import Storage


@dataclass(frozen=True)
class Attempt:
    """Which try of which step of which run a call is."""

    #: Name of the workflow.
    workflow: str
    #: Id of the run: `run_` and 32 lower-case hexadecimal digits.
    run: str
    #: Id of the step within its workflow.
    step: str
    #: Number of this attempt, from 1. It goes on counting over a redrive.
    number: int
    #: The same for every attempt of this step of this run, different for every other step and run.
    idempotency_key: str
    #: When the run's event was accepted, in milliseconds since the Unix epoch.
    accepted_at_ms: int
    #: How long this attempt may take, in milliseconds from its start.
    timeout_ms: int


class Context:
    """What a transform or a validate gets besides its input and config."""

    def __init__(self, attempt: Attempt, log: Log) -> None:
        #: Lines for the operator, kept with the attempt: `ctx.log.info("priced", order=order.id)`.
        self.log = log
        self._attempt = attempt

    @property
    def workflow(self) -> str:
        """Name of the workflow."""
        return self._attempt.workflow

    @property
    def run(self) -> str:
        """Id of the run."""
        return self._attempt.run

    @property
    def step(self) -> str:
        """Id of the step within its workflow."""
        return self._attempt.step

    @property
    def attempt(self) -> int:
        """Number of this attempt, from 1."""
        return self._attempt.number

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this step of this run. Send it to systems that know repeated requests."""
        return self._attempt.idempotency_key

    @property
    def accepted_at(self) -> datetime:
        """When the run's event was accepted, in UTC."""
        return datetime.fromtimestamp(self._attempt.accepted_at_ms / 1000, UTC)

    @property
    def timeout(self) -> timedelta:
        """How long this attempt may take from its start."""
        return timedelta(milliseconds=self._attempt.timeout_ms)


class ConnectorContext(Context):
    """What a connector gets: a [Context][] with the means to reach out."""

    def __init__(self, attempt: Attempt, log: Log, http: Http, storage: Storage) -> None:
        super().__init__(attempt, log)
        #: HTTP to the step's system, and to what else its grant allows.
        self.http = http
        #: Storage shared by the runs of the workflow.
        self.storage = storage
