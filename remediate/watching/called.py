"""What is written down of a concern that a person is called for: what was seen, since when, what it is about. Pure."""

from collections.abc import Iterable, Mapping

from remediate.inventory import Inventory
from remediate.journal import RunSummary
from remediate.model import Finding, Json, Outcome
from remediate.watching.concerns import Concern

TITLES: Mapping[str, str] = {
    "errors": "Too many requests fail",
    "slow": "Requests take too long",
    "database": "The database does not let the app in",
    "disk": "The disk is nearly full",
    "cpu": "The processors are taken all the time",
    "health": "The app is not well",
}
"""What is wrong where a rule fires, in words; the alarm itself has the figures."""
TOPICS: Mapping[str, str] = {"rule:database": "database"}
"""What a rule is about, where that decides a level."""
MOST = 20
"""Healings that are told of."""


def title(source: str, inventory: Inventory) -> str:
    """Return what is wrong, in words.

    Args:
        source: Where the concern came from: `rule:disk`.
        inventory: The environment's: what is scheduled has its playbook there.
    """
    kind, _, name = source.partition(":")
    if kind == "rule":
        return TITLES.get(name, source)
    if kind == "alert":
        return f"The alert {name} goes on"
    written = inventory.watch.schedule.get(name)
    return f"{written.playbook if written else name} is not content"


def clause(source: str, inventory: Inventory) -> str:
    """Return the same as a clause of a sentence, with its source's name."""
    if source.startswith("schedule:"):
        return f"{title(source, inventory)} ({source})"
    return f"{source} fires"


def why(concern: Concern, inventory: Inventory) -> str:
    """Return why a person is needed, in a sentence: what there is, and why healing is no help."""
    helpless = (
        f"healing cannot be carried out: {concern.mute}"
        if concern.mute
        else "no playbook finds anything wrong"
    )
    return f"{clause(concern.source, inventory)}, and {helpless}"


def record(concern: Concern, inventory: Inventory, runs: Iterable[RunSummary], topic: str) -> dict[str, Json]:
    """Return the body of the entry `looked` of the run that a person is called for.

    Args:
        concern: What healing is no help for.
        inventory: The environment's.
        runs: All runs, newest first: what was tried is among them.
        topic: Whom the playbook wants called that found it; empty where none did.
    """
    alone = Finding(check=concern.source, healthy=False, seen=concern.seen)
    mute = Finding(check="healing is carried out", healthy=False, seen=concern.mute)
    findings = (*(concern.findings or (alone,)), *([mute] if concern.mute else []))
    topics = sorted({topic, TOPICS.get(concern.source, "")} - {""})
    return {
        "outcome": Outcome.NO_CURE.value,
        "digest": "",
        "findings": [one.model_dump(mode="json") for one in findings],
        "title": title(concern.source, inventory),
        "topics": list(topics),
        "since": concern.since,
        "healings": [_healing(run, concern.host) for run in _tried(concern, runs)],
    }


def _tried(concern: Concern, runs: Iterable[RunSummary]) -> list[RunSummary]:
    """Return the runs that tried to heal a concern's host since it was first heard of, oldest first."""
    here = [run for run in runs if run.started >= concern.since and _is_healing(run, concern)]
    return list(reversed(here[:MOST]))


def _is_healing(run: RunSummary, concern: Concern) -> bool:
    header = run.header
    there = header.environment == concern.environment and concern.host in header.hosts
    return (
        there and header.command in {"heal", "run"} and ":" not in header.playbook
    )  # a call of ours has one


def _healing(run: RunSummary, host: str) -> dict[str, Json]:
    outcome = run.outcomes.get(host)
    ended = outcome.value if outcome else "it has not ended"
    return {"run": run.header.run, "what": run.header.title, "at": run.started, "outcome": ended}
