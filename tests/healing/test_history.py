"""The history that the audit log tells: what is open, what ended, what was taken back, and what is damaged."""

import pytest

from remediate.errors import JournalError
from remediate.healing.history import Fingerprint
from remediate.model import Outcome
from tests.healing.logbook import FAULT, Logbook


def test_an_attempt_is_open_until_its_run_ends_on_its_host() -> None:
    log = Logbook()
    run = log.attempt()
    log.add("ended", run, "web2", outcome="fixed", why="")
    log.add("ended", "another", "web1", outcome="fixed", why="")
    (attempt,) = log.history.attempts
    assert (attempt.ended, attempt.outcome) == (None, None)
    log.add("ended", run, outcome="rolled back", why="")
    assert log.history.attempts[0].outcome is Outcome.ROLLED_BACK


def test_what_a_person_takes_back_later_was_healed_all_the_same() -> None:
    log = Logbook()
    run = log.attempt(Outcome.FIXED)
    log.add("ended", run, outcome="put back", why="")
    assert log.history.attempts[0].healed


@pytest.mark.parametrize("end", [Outcome.STUCK, Outcome.ROLLED_BACK, Outcome.KEPT])
def test_a_cure_that_did_not_hold_stays_one_when_somebody_puts_it_back(end: Outcome) -> None:
    log = Logbook()
    run = log.attempt(end)
    log.now += 60
    log.ended(run, Outcome.PUT_BACK)
    (attempt,) = log.history.attempts
    assert (attempt.outcome, attempt.did_not_hold, attempt.ended) == (end, True, log.now)


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_cure_that_went_wrong_failed_whoever_ends_its_way_back_but_not_one_that_nobody_wanted(
    interrupted: bool,
) -> None:
    log = Logbook()
    run = log.attempt()
    log.stopped(run, interrupted=interrupted)
    log.stopped(run, interrupted=not interrupted)  # a person resumes the way back: the first word counts
    log.ended(run, Outcome.PUT_BACK)
    (attempt,) = log.history.attempts
    assert attempt.did_not_hold is not interrupted
    assert attempt.interrupted is interrupted


def test_what_was_only_killed_is_no_failure_when_it_is_put_back() -> None:
    log = Logbook()
    run = log.attempt()
    log.ended(run, Outcome.PUT_BACK)
    (attempt,) = log.history.attempts
    assert (attempt.did_not_hold, attempt.interrupted, attempt.counts) == (False, False, True)


def test_an_incident_is_one_however_often_it_is_seen_until_a_look_closes_it() -> None:
    log = Logbook()
    log.incident("opened")
    log.now += 60
    log.incident("opened")
    (incident,) = log.history.incidents.values()
    assert (incident.number, incident.since, incident.fingerprint) == (1, log.now - 60, FAULT)
    log.incident("closed", Fingerprint(environment="lab", target="web2", playbook="colour"))
    assert len(log.history.incidents) == 1
    log.incident("closed")
    assert not log.history.incidents
    log.incident("opened")
    assert log.history.incidents[FAULT].number == 5


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("attempt", {"group": "backend"}),
        ("attempt", {"group": "backend", "fingerprint": {"environment": "lab"}}),
        ("attempt", {"group": "backend", "fingerprint": []}),
        ("healing-stopped", {}),
        ("breaker-reset", {"target": "web1"}),
        ("incident", {"state": "opened", "fingerprint": {}}),
    ],
)
def test_a_damaged_entry_is_told_by_its_number_and_never_taken_for_less_history(
    kind: str, body: dict
) -> None:
    log = Logbook()
    log.add(kind, **body)
    with pytest.raises(JournalError, match="entry 1 is damaged"):
        _ = log.history
