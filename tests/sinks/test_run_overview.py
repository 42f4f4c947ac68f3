"""What a run's page says of it: what became of each change, why it stopped, who took it up, what to do now."""

import pytest

from remediate.errors import JournalError
from remediate.model import Outcome
from remediate.sinks.run_overview import (
    changes_made,
    host_ends,
    lasting,
    next_commands,
    signatures,
    waits,
)
from tests.browser.conftest import RUNS, begin, summary_of
from tests.engine.conftest import Rehearsal, rehearsal  # noqa: F401  (a fixture)


def played(rehearsal: Rehearsal, name: str):  # noqa: F811
    begin(rehearsal, "a test")
    RUNS[name](rehearsal)
    entries, summary = list(rehearsal.journal.entries()), summary_of(rehearsal)
    made = changes_made(entries)
    (end,) = host_ends(summary, entries, made)
    return entries, made, end, [command for command, _ in next_commands(summary, [end])]


@pytest.mark.parametrize(
    ("name", "states", "outcome", "next_words"),
    [
        ("run-fixed", ["made", "made"], Outcome.FIXED, ["rollback"]),
        ("run-rolled-back", ["put back", "put back"], Outcome.ROLLED_BACK, ["triage"]),
        ("run-stuck", ["made", "way back failed"], Outcome.STUCK, ["resume", "rollback"]),
        ("run-resumed-and-taken-back", ["put back", "put back"], Outcome.PUT_BACK, []),
        ("run-not-ended", ["under way"], None, ["resume", "rollback"]),
    ],
)
def test_a_run_is_told_by_what_became_of_its_changes(
    rehearsal: Rehearsal,  # noqa: F811
    name: str,
    states: list[str],
    outcome: Outcome | None,
    next_words: list[str],
) -> None:
    _, made, end, commands = played(rehearsal, name)
    assert [one.state for one in made] == states
    assert end.outcome is outcome
    assert [command.split()[1] for command in commands] == next_words
    assert (end.made + end.put_back) == len([state for state in states if state != "under way"])


def test_what_went_wrong_is_the_last_that_did(rehearsal: Rehearsal) -> None:  # noqa: F811
    _, made, end, _ = played(rehearsal, "run-stuck")
    assert "was changed by somebody else since" in end.failure
    assert end.failure == made[1].why


def test_what_went_wrong_is_said_once(rehearsal: Rehearsal) -> None:  # noqa: F811
    _, _, end, _ = played(rehearsal, "run-rolled-back")
    assert end.failure
    assert end.failure in end.why


def test_nothing_is_wrong_any_more_once_somebody_took_it_up(rehearsal: Rehearsal) -> None:  # noqa: F811
    entries, _, end, _ = played(rehearsal, "run-resumed-and-taken-back")
    assert [entry.kind for entry in entries if entry.kind in ("resumed", "rollback")] == [
        "resumed",
        "rollback",
    ]
    assert all(entry.body["owner"]["who"] == "tester" for entry in entries if entry.kind == "resumed")
    assert end.failure == ""


def test_what_went_wrong_before_somebody_took_it_up_is_history(rehearsal: Rehearsal) -> None:  # noqa: F811
    played(rehearsal, "run-stuck")
    rehearsal.journal.append(rehearsal.run, "memory", "rollback", {})
    entries = list(rehearsal.journal.entries())
    (end,) = host_ends(summary_of(rehearsal), entries, changes_made(entries))
    assert (end.failure, end.outcome, end.why) == ("", None, "")


def test_who_approved_is_named_once(rehearsal: Rehearsal) -> None:  # noqa: F811
    entries, *_ = played(rehearsal, "run-fixed")
    assert [one.principal for one in signatures([*entries, *entries])] == ["grace@example.com"]


def test_a_clock_that_goes_back_gives_no_duration(rehearsal: Rehearsal) -> None:  # noqa: F811
    entries, *_ = played(rehearsal, "run-fixed")
    backwards = [entry.model_copy(update={"at": -float(entry.seq)}) for entry in entries]
    assert all(one.took is None for one in changes_made(backwards))
    assert set(waits(backwards).values()) == {None}
    assert all(seconds is not None and seconds >= 0 for seconds in waits(entries).values())


def test_an_entry_that_somebody_altered_is_told_as_such(rehearsal: Rehearsal) -> None:  # noqa: F811
    entries, *_ = played(rehearsal, "run-fixed")
    for kind in ("owed", "done", "reviewed"):
        spoilt = [one.model_copy(update={"body": {}}) if one.kind == kind else one for one in entries]
        first = next(one.seq for one in entries if one.kind == kind)
        with pytest.raises(JournalError, match=f"entry {first} is damaged"):
            assert changes_made(spoilt) == signatures(spoilt)


def test_durations_are_told_as_people_tell_them() -> None:
    told = [lasting(seconds) for seconds in (0.0, 0.04, 1.46, 12.2, 59.7, 185, 7800)]
    assert told == ["0 ms", "40 ms", "1.5 s", "12 s", "1 min 0 s", "3 min 5 s", "2 h 10 min"]
