"""What is counted, for Prometheus: looks, alerts, healings, breakers. Labels are names that the inventory declares.

Nothing that came from outside becomes a label, so there are never more lines than the inventories have names.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

BUCKETS = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Seconds that a healing may take."""


class Metrics:
    """The numbers of one service."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        where = ("environment", "host")
        self._looks = self._counter("looks", "Looks at a host, by what came of them.", (*where, "result"))
        self._looked = self._gauge("last_look_timestamp_seconds", "When a host was last looked at.", where)
        self._alarms = self._gauge("alarm", "Whether a rule fires.", (*where, "rule"))
        self._concerns = self._gauge("incidents_open", "Incidents that are open.", ("environment",))
        self._alerts = self._counter("alerts", "Alerts that were sent, by what became of them.", ("result",))
        self._requests = self._counter("requests", "Requests to the listener, by answer.", ("status",))
        self._runs = self._counter(
            "runs", "Healings and scheduled runs that ended.", ("environment", "outcome")
        )
        self._faults = self._counter(
            "faults", "Faults that were met, by what became of them.", ("environment", "playbook", "result")
        )
        self._took = Histogram(
            "remediate_run_duration_seconds",
            "How long they took.",
            ("environment",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._breakers = self._gauge(
            "breaker_open", "Faults whose breaker is open.", ("environment", "target", "playbook")
        )
        self._reloads = self._counter("reloads", "Times that all was read anew.", ("result",))

    def page(self) -> bytes:
        """Return all of it in Prometheus's text format."""
        return generate_latest(self._registry)

    def looked(self, environment: str, host: str, result: str, at: float) -> None:
        """Count a look.

        Args:
            environment: The inventory's environment.
            host: The host's name.
            result: `well`, `alarm` or `unknown`.
            at: Seconds since the epoch.
        """
        self._looks.labels(environment, host, result).inc()
        self._looked.labels(environment, host).set(at)

    def alarm(self, environment: str, host: str, rule: str, *, firing: bool) -> None:
        """Note whether a rule fires."""
        self._alarms.labels(environment, host, rule).set(firing)

    def open_concerns(self, environment: str, many: int) -> None:
        """Note how many incidents are open."""
        self._concerns.labels(environment).set(many)

    def keep(self, rules: Mapping[tuple[str, str], Collection[str]]) -> None:
        """Forget how it is where nobody looks any more: all was read anew, and some of it is not there now.

        What was counted stays: a counter that vanishes and comes again is a reset to whoever reads it.

        Args:
            rules: The rules that are on, by environment and host; what is not among them is forgotten.
        """
        _forget(self._looked, lambda labels: labels in rules)
        _forget(self._alarms, lambda labels: labels[2] in rules.get((labels[0], labels[1]), ()))

    def alert(self, result: str, many: int = 1) -> None:
        """Count alerts."""
        self._alerts.labels(result).inc(many)

    def request(self, status: int) -> None:
        """Count a request to the listener."""
        self._requests.labels(str(status)).inc()

    def ran(self, environment: str, outcome: str, seconds: float) -> None:
        """Count a healing or a scheduled run."""
        self._runs.labels(environment, outcome).inc()
        self._took.labels(environment).observe(seconds)

    def fault(self, environment: str, playbook: str, result: str) -> None:
        """Count what became of a fault."""
        self._faults.labels(environment, playbook, result).inc()

    def breakers(self, open_ones: Iterable[tuple[str, str, str]]) -> None:
        """Note which breakers are open: environment, target and playbook of each."""
        self._breakers.clear()
        for environment, target, playbook in open_ones:
            self._breakers.labels(environment, target, playbook).set(1)

    def reloaded(self, result: str) -> None:
        """Count a time that all was read anew."""
        self._reloads.labels(result).inc()

    def _counter(self, name: str, about: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"remediate_{name}", about, labels, registry=self._registry)

    def _gauge(self, name: str, about: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(f"remediate_{name}", about, labels, registry=self._registry)


def _forget(gauge: Gauge, wanted: Callable[[tuple[str, ...]], bool]) -> None:
    """Drop every line of a gauge whose labels, in their order, are not wanted."""
    for metric in gauge.collect():
        for sample in metric.samples:
            labels = tuple(sample.labels.values())
            if not wanted(labels):
                gauge.remove(*labels)
