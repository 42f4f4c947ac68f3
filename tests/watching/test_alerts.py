"""Alerts choose among what the inventory declares, and do nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from remediate.inventory import Inventory, load_inventory
from remediate.watching.alerts import MOST, Malformed, Notice, Refusal, understood
from tests.nasty import CORPUS
from tests.watching.conftest import TEXT

ALERTMANAGER = {
    "version": "4",
    "groupKey": '{}:{alertname="HighErrorRate"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "remediate",
    "groupLabels": {"alertname": "HighErrorRate"},
    "commonLabels": {"alertname": "HighErrorRate"},
    "commonAnnotations": {"summary": "too many errors"},
    "externalURL": "http://alertmanager:9093",
}


def payload(*labels: dict[str, str], status: str = "firing", **more: Any) -> bytes:
    alerts = [
        {
            "status": status,
            "labels": one,
            "annotations": {"summary": "$(reboot)"},
            "startsAt": "2026-11-23T03:00:00.000Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph",
            "fingerprint": "c4b0e7c8f2a1d3e5",
        }
        for one in labels
    ]
    return json.dumps({**ALERTMANAGER, "alerts": alerts, **more}).encode()


@pytest.fixture
def lab(inventory: Callable[..., Inventory]) -> dict[str, Inventory]:
    return {"lab": inventory()}


@pytest.mark.parametrize(
    ("labels", "hosts"),
    [
        ({"host": "web1"}, ["web1"]),
        ({"instance": "web2:9100"}, ["web2"]),
        ({"instance": "192.0.2.12:3000"}, ["web2"]),
        ({"instance": "192.0.2.11:9100"}, ["web1", "studio1"]),  # two apps on one machine
        ({"instance": "[2001:db8::1]:9100"}, ["little"]),
        ({"instance": "2001:db8::1"}, ["little"]),
        ({"host": "web1", "instance": "192.0.2.12:3000", "environment": "lab"}, ["web1"]),
        ({"host": "web1", "env": "lab"}, ["web1"]),
    ],
)
def test_labels_choose_hosts(lab: dict[str, Inventory], labels: dict[str, str], hosts: list[str]) -> None:
    told, refused = understood(payload({"alertname": "HighErrorRate", **labels}), lab)
    assert [one.host for one in told] == hosts
    assert told[0] == Notice("lab", hosts[0], "HighErrorRate", ("post-deploy-500",), firing=True)
    assert refused == ()


@pytest.mark.parametrize("labels", [{}, {"instance": "exporter:9187"}])
def test_an_alert_that_names_no_host_is_about_those_it_is_declared_for(
    lab: dict[str, Inventory], labels: dict[str, str]
) -> None:
    told, _ = understood(payload({"alertname": "DatabaseDown", **labels}), lab)
    assert [one.host for one in told] == ["web1", "web2", "studio1"]


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"host": "web1"}, Refusal.NAME),
        ({"alertname": "Rabbits", "host": "web1"}, Refusal.NAME),
        ({"alertname": "HighErrorRate"}, Refusal.HOST),
        ({"alertname": "HighErrorRate", "host": "web*"}, Refusal.HOST),
        ({"alertname": "HighErrorRate", "host": "all"}, Refusal.HOST),
        ({"alertname": "HighErrorRate", "host": "backend"}, Refusal.HOST),
        ({"alertname": "HighErrorRate", "host": ""}, Refusal.HOST),
        (
            {"alertname": "DatabaseDown", "host": "web9"},
            Refusal.HOST,
        ),  # named, and wrong: not the declared ones
        ({"alertname": "HighErrorRate", "host": "web1", "environment": "production"}, Refusal.ENVIRONMENT),
    ],
)
def test_what_names_anything_else_is_refused(
    lab: dict[str, Inventory], labels: dict[str, str], why: Refusal
) -> None:
    assert understood(payload(labels), lab) == ((), (why,))


def test_what_still_fires_is_not_over_because_something_alike_is(lab: dict[str, Inventory]) -> None:
    label = {"alertname": "HighErrorRate", "host": "web1"}
    message = json.loads(
        payload({**label, "route": "/b"}, {**label, "route": "/a"}, {**label, "host": "web2"})
    )
    for resolved in (1, 2):
        message["alerts"][resolved]["status"] = "resolved"
    told, refused = understood(json.dumps(message).encode(), lab)
    assert ([(one.host, one.firing) for one in told], refused) == ([("web1", True), ("web2", False)], ())


def test_with_several_environments_an_alert_has_to_say_which(inventory: Callable[..., Inventory]) -> None:
    both = {name: inventory(name=name) for name in ("lab", "staging")}
    labels = {"alertname": "HighErrorRate", "host": "web1"}
    assert understood(payload(labels), both) == ((), (Refusal.ENVIRONMENT,))
    told, _ = understood(payload({**labels, "environment": "staging"}), both)
    assert [one.environment for one in told] == ["staging"]


def test_one_wrong_alert_takes_none_of_the_others_along(lab: dict[str, Inventory]) -> None:
    good = {"alertname": "HighErrorRate", "host": "web1"}
    told, refused = understood(payload(good, {"alertname": "x"}, good, status="resolved"), lab)
    assert told == (Notice("lab", "web1", "HighErrorRate", ("post-deploy-500",), firing=False),)
    assert refused == (Refusal.NAME,)


GOOD = {"alertname": "HighErrorRate", "host": "web1"}


@pytest.mark.parametrize(
    "beside",
    [
        *(
            {"alertname": 7},
            {"alertname": "x" * 5000},
            {**GOOD, "host": None},
            {**GOOD, "instance": ["web1"]},
        ),
        *(None, [], "firing", {**GOOD, "host": "web1" * 5000}),
    ],
)
def test_an_alert_that_is_none_takes_none_of_the_others_along(lab: dict[str, Inventory], beside: Any) -> None:
    told, refused = understood(payload(beside, GOOD), lab)
    assert ([one.host for one in told], refused) == (["web1"], (Refusal.MALFORMED,))
    message = json.loads(payload(GOOD, GOOD))
    message["alerts"][0] = beside
    told, refused = understood(json.dumps(message).encode(), lab)
    assert ([one.host for one in told], refused) == (["web1"], (Refusal.MALFORMED,))


def test_nor_does_one_whose_status_is_none(lab: dict[str, Inventory]) -> None:
    assert understood(payload(GOOD, status="maybe"), lab) == ((), (Refusal.MALFORMED,))


@pytest.mark.parametrize(
    "more", [{"query": "x" * 50_000}, {"n" * 50_000: "x"}, {"replica": 7}, {"pod": None}]
)
def test_a_label_that_is_not_read_keeps_no_alert_out(lab: dict[str, Inventory], more: Any) -> None:
    told, refused = understood(payload({**GOOD, **more}), lab)
    assert ([one.host for one in told], refused) == (["web1"], ())


def test_of_too_many_alerts_the_first_are_taken(lab: dict[str, Inventory]) -> None:
    told, refused = understood(payload(GOOD, *[{"alertname": "x"}] * (MOST + 1)), lab)
    assert [one.host for one in told] == ["web1"]
    assert refused == (*[Refusal.NAME] * (MOST - 1), Refusal.TOO_MANY, Refusal.TOO_MANY)


def test_the_plain_form_says_the_same(lab: dict[str, Inventory]) -> None:
    plain = {"alert": "HighErrorRate", "status": "resolved", "host": "web1", "environment": "lab"}
    told, _ = understood(json.dumps(plain).encode(), lab)
    assert told == (Notice("lab", "web1", "HighErrorRate", ("post-deploy-500",), firing=False),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 20_000,
        json.dumps({"alert": "HighErrorRate", "playbook": "vacuum"}).encode(),
        json.dumps({"alert": ["HighErrorRate"]}).encode(),
        json.dumps({"alert": "x" * 5000}).encode(),
        json.dumps({**ALERTMANAGER, "alerts": {}}).encode(),
        json.dumps({**ALERTMANAGER, "version": "3", "alerts": []}).encode(),
    ],
)
def test_what_is_no_alert_is_refused_in_one_line(lab: dict[str, Inventory], body: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        understood(body, lab)
    assert "\n" not in str(refused.value)


KEYS = some.sampled_from(["alertname", "host", "instance", "environment", "env", "playbook", "cmd"])
VALUES = some.one_of(
    some.sampled_from(["HighErrorRate", "DatabaseDown", "web1", "web2:9100", "lab", *CORPUS]),
    some.text("ab1:*!\x00\n'\"$`é漢\u202e{}%", max_size=12),
)


@given(labels=some.lists(some.dictionaries(KEYS, VALUES), max_size=5))
def test_whatever_labels_say_only_declared_names_come_of_it(
    labels: list[dict[str, str]], lab_of_names: dict[str, Inventory]
) -> None:
    try:
        told, refused = understood(payload(*labels), lab_of_names)
    except Malformed:  # half a character is none in JSON
        return
    lab = lab_of_names["lab"]
    for one in told:
        assert one.environment == "lab"
        assert one.host in {host.name for host in lab.hosts}
        assert one.playbooks == lab.watch.alerts[one.alert].playbooks
    assert len(refused) <= len(labels)


@pytest.fixture(scope="module")
def lab_of_names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Inventory]:
    path = tmp_path_factory.mktemp("inventory") / "lab.yml"
    path.write_text(TEXT)
    return {"lab": load_inventory(path)}
