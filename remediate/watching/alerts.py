"""Alerts that were sent -> which declared hosts and playbooks they are about. Pure: it runs nothing, trusts no text.

Labels only choose among names that the inventory declares: none of their text becomes a command, SQL, a variable, a
path or a line of a log. What names anything else is refused, and counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from remediate.errors import RemediateError
from remediate.inventory import Host, Inventory

MOST = 4000
"""Alerts of one message that are looked at; as many as a message has room for that Alertmanager wrote."""
NAME_LABEL, HOST_LABEL, INSTANCE_LABEL = "alertname", "host", "instance"
ENVIRONMENT_LABELS = ("environment", "env")
READ = (NAME_LABEL, HOST_LABEL, INSTANCE_LABEL, *ENVIRONMENT_LABELS)
"""The labels that are read; whatever others say, however long they are, is nothing to us."""

Text = Annotated[str, Field(max_length=4096)]


class Refusal(StrEnum):
    """Why an alert is not taken."""

    MALFORMED = "malformed"  # it is neither Alertmanager's form nor ours
    TOO_MANY = "too many"  # as many as are looked at came before it in its message
    ENVIRONMENT = "unknown environment"  # none that its sender may speak of
    NAME = "unknown alert"  # the inventory declares none of that name
    HOST = "unknown host"  # it names no host of the environment


class Malformed(RemediateError):  # noqa: N818  (the reason why it is refused)
    """A message that is no alert."""


@dataclass(frozen=True)
class Notice:
    """One alert about one declared host.

    Attributes:
        environment: The inventory's environment.
        host: The host's name in the inventory.
        alert: The alert's name in the inventory.
        playbooks: Only these may be run for it; empty: any.
        firing: Whether it is so; else it is over, as its sender says.
    """

    environment: str
    host: str
    alert: str
    playbooks: tuple[str, ...]
    firing: bool


def _read_ones(labels: Any) -> Any:
    return {name: labels[name] for name in READ if name in labels} if isinstance(labels, dict) else labels


class _Alert(BaseModel):
    """One alert of Alertmanager's webhook: of all it sends, only these two are read."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    status: Literal["firing", "resolved"]
    labels: Annotated[dict[str, Text], BeforeValidator(_read_ones)]


class _Webhook(BaseModel):
    """Alertmanager's webhook payload, version 4 (its documentation, "Configuration", `<webhook_config>`).

    Its alerts are read one by one: Alertmanager does not send a message again that was refused, so that one alert that
    cannot be read would lose all others.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    version: Literal["4"]
    alerts: list[Any]


class _Plain(BaseModel):
    """The plain form: one alert, and nothing else."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    alert: Text
    status: Literal["firing", "resolved"] = "firing"
    environment: Text | None = None
    host: Text | None = None

    @property
    def as_alert(self) -> dict[str, Any]:
        written = {NAME_LABEL: self.alert, "environment": self.environment, HOST_LABEL: self.host}
        labels = {name: value for name, value in written.items() if value is not None}
        return {"status": self.status, "labels": labels}


def understood(
    body: bytes, environments: Mapping[str, Inventory]
) -> tuple[tuple[Notice, ...], tuple[Refusal, ...]]:
    """Return what a message says of declared hosts, each once, and why the rest of it is refused.

    Alerts of one message may differ in labels that are nothing to us: what one of them says is not over, though another
    is.

    Args:
        body: The message, in Alertmanager's form or in the plain one.
        environments: Those that its sender may speak of, by name.

    Raises:
        Malformed: It is no such message.
    """
    notices: dict[Notice, None] = {}
    refused: list[Refusal] = []
    alerts = _alerts(body)
    for written in alerts[:MOST]:
        told = _told(written, environments)
        if isinstance(told, Refusal):
            refused.append(told)
        else:
            notices.update(dict.fromkeys(told))
    refused += [Refusal.TOO_MANY] * len(alerts[MOST:])
    told = tuple(one for one in notices if one.firing or replace(one, firing=True) not in notices)
    return told, tuple(refused)


def _alerts(body: bytes) -> list[Any]:
    try:
        return _Webhook.model_validate_json(body).alerts
    except ValidationError:
        pass  # then it is the other form
    try:
        return [_Plain.model_validate_json(body).as_alert]
    except ValidationError as error:
        todo = "send Alertmanager's version 4, or {alert, status, environment, host}"
        raise Malformed("the message", "is no alert", todo) from error


def _told(written: Any, environments: Mapping[str, Inventory]) -> tuple[Notice, ...] | Refusal:
    try:
        alert = _Alert.model_validate(written)
    except ValidationError:
        return Refusal.MALFORMED
    return _notices(alert, environments)


def _notices(alert: _Alert, environments: Mapping[str, Inventory]) -> tuple[Notice, ...] | Refusal:
    inventory = _environment(alert.labels, environments)
    if inventory is None:
        return Refusal.ENVIRONMENT
    name = alert.labels.get(NAME_LABEL, "")
    declared = inventory.watch.alerts.get(name)
    if declared is None:
        return Refusal.NAME
    hosts = _hosts(alert.labels, inventory, declared.on)
    return (
        tuple(
            Notice(inventory.environment, host.name, name, declared.playbooks, alert.status == "firing")
            for host in hosts
        )
        or Refusal.HOST
    )


def _environment(labels: Mapping[str, str], environments: Mapping[str, Inventory]) -> Inventory | None:
    named = [labels[label] for label in ENVIRONMENT_LABELS if label in labels]
    if named:
        return environments.get(named[0])
    return next(iter(environments.values())) if len(environments) == 1 else None


def _hosts(labels: Mapping[str, str], inventory: Inventory, on: Iterable[str]) -> tuple[Host, ...]:
    """Return the hosts that labels name, or else those that the alert is declared for.

    `host` must be one of the inventory's names. `instance` is Prometheus's own: an address, mostly with a port, which
    two of our hosts may share; one that is none of ours is an exporter's.
    """
    if HOST_LABEL in labels:
        return tuple(host for host in inventory.hosts if host.name == labels[HOST_LABEL])
    address = _without_port(labels.get(INSTANCE_LABEL, ""))
    met = tuple(host for host in inventory.hosts if address in {host.name, host.address})
    patterns = tuple(on)
    return met or (inventory.select(patterns) if patterns else ())


def _without_port(instance: str) -> str:
    if instance.startswith("["):
        return instance[1:].partition("]")[0]
    return instance if instance.count(":") > 1 else instance.partition(":")[0]
