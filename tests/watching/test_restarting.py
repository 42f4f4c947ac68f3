"""What a service takes up from one before it: calls that are over, what healing left, how things are scheduled."""

import time
from dataclasses import replace

from remediate.inventory.watch import ScheduledText
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Outcome
from remediate.watching.closing import REASON
from remediate.watching.remembered import remembered
from remediate.watching.schedule import Since
from tests.watching.test_service import HEADER, Stage, journal, service, stage
from tests.watching.test_ward import entries

__all__ = ["journal", "stage"]

WEEKLY = ScheduledText(playbook="vacuum", cron="0 4 * * MON")


def test_what_a_person_was_called_for_before_a_restart_and_is_over_is_told_to_be(
    stage: Stage, journal: Journal
) -> None:
    about = {"environment": "lab", "source": "rule:disk", "seen": "x", "told": 1, "tries": 0, "playbooks": []}
    called = {"incident": "run-1", "fingerprints": ["rule:disk on web1 (lab)"], "playbook": "rule:disk"}
    more = {"environment": "lab", "title": "x", "said": "x", "status": "working", "level": 1, "started": 1.0}
    lists = {"hosts": ["web1"], "apps": [], "topics": []}
    journal.append("run-1", "", "escalated", {**called, **more, **lists})
    with Journal.open(stage.folder / "state", Masker(), lambda: time.time() - 3600) as before:
        before.append("run-1", "web1", "concern", {**about, "turned": "closed"})
    assert service(stage, journal, once=True).run()
    assert stage.said("over, and no call of its own any more: rule:disk on web1 (lab)")


def test_how_things_are_scheduled_is_written_down_once_and_when_it_changes(
    stage: Stage, journal: Journal
) -> None:
    def written(cron: str | None) -> None:
        weekly = stage.inventory.watch.schedule.get("weekly") or WEEKLY
        schedule = {"weekly": weekly.model_copy(update={"cron": cron})} if cron else {}
        watch = stage.inventory.watch.model_copy(update={"schedule": schedule})
        stage.inventory = replace(stage.inventory, watch=watch)

    for cron in ("0 4 * * MON", "0 4 * * MON", "30 4 * * MON", None, None, "30 4 * * MON"):
        written(cron)
        service(stage, journal)
    told = [entry.body["cron"] for entry in journal.of_kinds(["scheduled"])]
    assert told == ["0 4 * * MON", "30 4 * * MON", "", "30 4 * * MON"]


def test_what_a_healing_left_before_a_restart_is_looked_at_once_more(stage: Stage, journal: Journal) -> None:
    about = {"run": "run-1", "command": "heal", "hosts": ("web2",), "reason": "watch: web2 rule:disk"}
    journal.begin(HEADER.model_copy(update=about))
    journal.ended("run-1", "web2", Outcome.NO_CURE)
    assert service(stage, journal, once=True).run()
    assert [(one.hosts, one.reason) for one in stage.errands] == [(("web2",), REASON)]


def test_what_is_scheduled_counts_from_when_it_last_began_and_from_when_it_was_last_written_anew() -> None:
    name = {"environment": "lab", "name": "weekly"}
    first = ("scheduled", {**name, "cron": "0 4 * * MON", "zone": "UTC"})
    later = ("scheduled", {**name, "cron": "0 5 * * MON", "zone": "UTC"})
    began, gone = ("scheduled", name), ("scheduled", {**name, "cron": "", "zone": ""})

    def known(*told: tuple[str, dict[str, object]]) -> Since:
        return remembered(entries(*told)).of("lab")[1]["weekly"]

    assert known(first, began) == Since(102.0, "0 4 * * MON", "UTC")
    assert known(first, began, later) == Since(103.0, "0 5 * * MON", "UTC")
    assert known(first, began, gone) == Since(103.0)
