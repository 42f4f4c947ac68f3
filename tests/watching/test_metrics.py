"""What is counted, as Prometheus reads it: gauges of what is no more are gone, counters stay."""

from remediate.inventory.watch import RulesText, WatchText
from remediate.watching.metrics import Metrics
from remediate.watching.rules import rules_on

EVERY = ("errors", "slow", "database", "disk", "cpu", "health")


def page_of(metrics: Metrics) -> list[str]:
    return [line for line in metrics.page().decode().splitlines() if line.startswith("remediate_")]


def seen(*hosts: tuple[str, str]) -> Metrics:
    metrics = Metrics()
    for environment, host in hosts:
        metrics.looked(environment, host, "alarm", 1_700_000_000.0)
        metrics.open_concerns(environment, 2)
        for rule in ("health", "disk"):
            metrics.alarm(environment, host, rule, firing=True)
    return metrics


def test_what_is_still_there_keeps_its_numbers() -> None:
    hosts = (("lab", "web1"), ("staging", "web1"))
    metrics = seen(*hosts)
    before = page_of(metrics)
    metrics.keep(dict.fromkeys(hosts, EVERY))
    assert page_of(metrics) == before


def test_a_host_that_was_taken_out_is_no_alarm_any_more_and_one_of_its_name_elsewhere_is() -> None:
    metrics = seen(("lab", "web1"), ("lab", "web2"), ("staging", "web2"))
    metrics.keep({("lab", "web1"): EVERY, ("staging", "web2"): EVERY})
    gauges = [
        line for line in page_of(metrics) if line.startswith(("remediate_alarm", "remediate_last_look"))
    ]
    assert len(gauges) == 2 * 3
    assert not [line for line in gauges if 'environment="lab",host="web2"' in line]
    assert 'remediate_incidents_open{environment="lab"} 2.0' in page_of(metrics)


def test_a_rule_that_was_switched_off_fires_no_more() -> None:
    metrics = seen(("lab", "web1"))
    on = rules_on(WatchText(rules=RulesText(disk=None)))
    assert on == tuple(name for name in EVERY if name != "disk")
    metrics.keep({("lab", "web1"): on})
    (alarm,) = (line for line in page_of(metrics) if line.startswith("remediate_alarm"))
    assert 'rule="health"' in alarm


def test_what_was_counted_stays_and_a_host_that_comes_back_is_told_again() -> None:
    metrics = seen(("lab", "web1"))
    metrics.keep({})
    (looks,) = (line for line in page_of(metrics) if line.startswith("remediate_looks_total"))
    assert looks.endswith(" 1.0")
    metrics.alarm("lab", "web1", "health", firing=False)
    assert [line for line in page_of(metrics) if line.startswith("remediate_alarm")]
