"""The keys of `watch:` in an inventory, as they are written: what is looked at, when, and which alerts count.

It looks at nothing. The rules' defaults are the runbook's five alerts ("Monitoring Alerts") and its health check.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from remediate.inventory.references import NonEmpty, SecretText
from remediate.questions import Value
from remediate.text.cron import Cron, Zone
from remediate.text.durations import Duration

Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]*$", max_length=200)]
Percent = Annotated[float, Field(gt=0, le=100)]
LEAST_PAUSE = 5.0
"""Seconds: more often no host is looked at, whatever an inventory says."""


class Watched(Value):
    """The base of what is written below `watch:`: nothing is guessed from another type."""

    model_config = ConfigDict(strict=True, validate_by_name=True, validate_by_alias=True)


class PrometheusText(Watched):
    """A Prometheus that the runner can ask.

    Attributes:
        url: Where its URL is to be had; `/api/v1/query` is added to it.
        token: Where the bearer token is to be had.
    """

    url: SecretText
    token: SecretText | None = None


class NumbersText(Watched):
    """PromQL that gives one number each for a host, over the time that `within` says.

    They are templates over `host`, `app` and `window`, which is that time as Prometheus writes it: `300s`.

    Attributes:
        total: How many requests there were.
        failed: How many of them were answered with 500 or more.
        seconds: How many seconds all of them took together.
    """

    total: NonEmpty
    failed: NonEmpty
    seconds: NonEmpty


class RequestsText(Watched):
    """Where it is known what the app answered.

    Attributes:
        log: A log on the host in the common or combined format, with the seconds that a request took at the end of a
            line (nginx: `$request_time`). Without it, what the app itself writes under pm2.
        prometheus: Queries, instead of a log.
        within: Over how long it is counted.
        at_least: Of fewer requests than this nothing is said.
    """

    log: NonEmpty = "~/.pm2/logs/{{ app.name }}-out.log"
    prometheus: NumbersText | None = None
    within: Annotated[Duration, Field(ge=60, le=86_400)] = 300.0
    at_least: Annotated[int, Field(ge=1)] = 20


class Lasting(Watched):
    """A rule.

    Attributes:
        for_: How long it must have been so; one look is enough for `0s`.
    """

    for_: Duration = Field(default=0.0, alias="for")


class ErrorsRule(Lasting):
    """Answers of 500 and more.

    Attributes:
        percent: More than this share of all requests is too much.
    """

    percent: Percent = 5.0


class SlowRule(Lasting):
    """How long requests take.

    Attributes:
        seconds: More than this on average is too long.
    """

    seconds: Annotated[float, Field(gt=0)] = 1.0


class DatabaseRule(Lasting):
    """Whether the database lets the app in, with what its `.env` says.

    Attributes:
        for_: How long it must have been so.
        key: The variable in `.env`.
    """

    for_: Duration = Field(default=60.0, alias="for")
    key: NonEmpty = "DATABASE_URL"


class DiskRule(Lasting):
    """The disk that the app is on.

    Attributes:
        free_percent: Less than this is too little.
    """

    free_percent: Percent = 20.0


class CpuRule(Lasting):
    """The processors.

    Attributes:
        percent: More than this is too much.
        for_: How long it must have been so, all the time.
    """

    percent: Percent = 80.0
    for_: Duration = Field(default=300.0, alias="for")


class HealthRule(Lasting):
    """The health check.

    Attributes:
        for_: How long it must have been so.
        tool: The tool that judges.
    """

    for_: Duration = Field(default=60.0, alias="for")
    tool: NonEmpty = "health"


class RulesText(Watched):
    """What counts as wrong at a look; null switches a rule off.

    Attributes:
        errors: More than 5 % of all requests are answered with 500 or more.
        slow: Requests take more than a second on average.
        database: The database does not let the app in.
        disk: Less than 20 % of the disk is free.
        cpu: The processors are taken by more than 80 %, for five minutes.
        health: The health check is not content.
    """

    errors: ErrorsRule | None = ErrorsRule()
    slow: SlowRule | None = SlowRule()
    database: DatabaseRule | None = DatabaseRule()
    disk: DiskRule | None = DiskRule()
    cpu: CpuRule | None = CpuRule()
    health: HealthRule | None = HealthRule()


class AlertText(Watched):
    """An alert that may be sent.

    Attributes:
        on: The hosts that it is about, where its labels name none; as `--on` takes them.
        playbooks: Only these may be run for it; without them, any that triage names.
    """

    on: tuple[NonEmpty, ...] = ()
    playbooks: tuple[NonEmpty, ...] = ()


class ListenerText(Watched):
    """What whoever sends an alert must know: exactly one of these.

    Attributes:
        bearer: A token, sent as `Authorization: Bearer …`.
        hmac: A key; the body is signed with it, and the time.
    """

    bearer: SecretText | None = None
    hmac: SecretText | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "ListenerText":
        if (self.bearer is None) == (self.hmac is None):
            raise ValueError("exactly one of bearer, hmac")
        return self

    @property
    def chosen(self) -> tuple[Literal["bearer"], SecretText] | tuple[Literal["hmac"], SecretText]:
        """Which of them it is, and where it is to be had."""
        if self.bearer:
            return "bearer", self.bearer
        if self.hmac:
            return "hmac", self.hmac
        raise ValueError("exactly one of bearer, hmac")


class ScheduledText(Watched):
    """A playbook or a tool that is run from time to time.

    Attributes:
        playbook: Which one.
        cron: When: minute, hour, day of the month, month, day of the week.
        zone: The time zone that this is meant in.
        on: Hosts, as `--on` takes them; without it, all of the playbook's group.
        jitter: It begins up to this much later; how much is drawn from the environment's and its own name.
    """

    playbook: NonEmpty
    cron: Cron
    zone: Zone = "UTC"
    on: tuple[NonEmpty, ...] = ()
    jitter: Duration = 0.0


class WatchText(Watched):
    """What `remediate watch` does in this environment.

    Attributes:
        every: How often each host is looked at.
        jitter: Each host's looks are moved by up to this much, so that not all are looked at in one moment.
        requests: Where it is known what the app answered.
        prometheus: A Prometheus that the runner can ask.
        rules: What counts as wrong at a look.
        listener: What whoever sends an alert must know; without it, none is taken.
        alerts: The alerts that may be sent, by their names; any other is refused.
        schedule: Playbooks and tools that are run from time to time, by names of their own.
    """

    every: Annotated[Duration, Field(ge=LEAST_PAUSE)] = 60.0
    jitter: Duration = 10.0
    requests: RequestsText = RequestsText()
    prometheus: PrometheusText | None = None
    rules: RulesText = RulesText()
    listener: ListenerText | None = None
    alerts: dict[Label, AlertText] = {}
    schedule: dict[Label, ScheduledText] = {}

    @model_validator(mode="after")
    def _queries_have_a_prometheus(self) -> "WatchText":
        if self.requests.prometheus and not self.prometheus:
            raise ValueError("given `prometheus` where `requests` asks one")
        return self
