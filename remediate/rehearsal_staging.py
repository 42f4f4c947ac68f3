"""Decides in order what of a plan is rehearsed where, and why a change is not tried. It tries nothing.

A change is tried with those before it made in the copy: what depends on one that cannot be had there is not tried.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from remediate.model import Change, Fidelity, Plan, Rehearsal
from remediate.planner import NamedFix
from remediate.recording import Recorder
from remediate.steps import Action, Trial
from remediate.target import Target

FREE_COMMAND = "a free command is never rehearsed"
SCHEMA_FACTS = frozenset({"tables", "indexes", "foreign keys", "enums"})
"""What a change of a schema alters, as the providers call it; one of rows alters none of them."""


@dataclass(frozen=True)
class Planned:
    """A change of a plan with the action that would make it, and its number on the host, from 1."""

    number: int
    action: Action
    change: Change


@dataclass
class Staged:
    """What is rehearsed where, and what came of it.

    Attributes:
        trials: What is done in a room, by the app's directory.
        on_schema: What is done in a database made from the schema.
        files: What earlier changes write, by path.
        laid: The same at the place of each trial, by its number.
        results: What came of each change, by its number.
    """

    trials: dict[str, list[tuple[Planned, Trial]]] = field(default_factory=dict)
    on_schema: list[Planned] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    laid: dict[int, dict[str, bytes]] = field(default_factory=dict)
    results: dict[int, Rehearsal] = field(default_factory=dict)

    def refuse(self, planned: Planned, why: str) -> None:
        """Say of a change why it is not tried."""
        self.results[planned.number] = not_tried(planned.change, why)


def not_tried(change: Change, why: str) -> Rehearsal:
    """Return that a change was not rehearsed, and why, in a clause."""
    return Rehearsal(outcome="not tried", told=f"not rehearsed: {why}", instead_of=change.fidelity)


def numbered(plan: Plan, fixes: Sequence[NamedFix]) -> Iterator[Planned]:
    """Yield the changes of a plan with their actions, numbered from 1."""
    number = 0
    for fix, planned in zip(fixes, plan.fixes, strict=True):
        for change in planned.changes:
            number += 1
            yield Planned(number, fix.action, change)


def staged_of(planned: Iterable[Planned], target: Target) -> Staged:
    """Decide in order what is tried where; of each, whether what it depends on can be had in the copy."""
    staged, moved, free, gap = Staged(), dict[str, str](), "", ""
    recorder = Recorder(target, staged.files)
    for one in planned:
        trial, why = one.action.on_copy(one.change), ""
        if trial or one.action.on_schema:
            why = free or (_moved_before(trial, moved) if trial else gap)
        elif one.change.fidelity is Fidelity.OPAQUE:
            why = FREE_COMMAND
            free = f"“{one.change.what}” comes before it, and {FREE_COMMAND}"
        if why:
            staged.refuse(one, why)
        elif trial:
            staged.trials.setdefault(trial.place, []).append((one, trial))
            staged.laid[one.number] = dict(staged.files)
            continue
        elif one.action.on_schema:
            staged.on_schema.append(one)
            continue
        gap = gap or untried_before(one.change)
        if problem := why or recorder.record(one.action, one.change):
            moved |= dict.fromkeys(_paths(one.change), f"“{one.change.what}” comes before it: {problem}")
    return staged


def _paths(change: Change) -> tuple[str, ...]:
    return tuple(fact.removeprefix("file:") for fact in change.alters if fact.startswith("file:"))


def untried_before(change: Change) -> str:
    """Return why SQL on the schema is not tried after a change that was not; empty where that is nothing to it."""
    altered = SCHEMA_FACTS.intersection(change.alters)
    return f"“{change.what}” comes before it, and was not tried" if altered else ""


def _moved_before(trial: Trial, moved: Mapping[str, str]) -> str:
    """Return why what a trial depends on cannot be had in its copy; empty where it can."""
    for path, why in moved.items():
        if any(within(path, one) or within(one, path) for one in trial.depends):
            return why
    return ""


def within(path: str, folder: str) -> bool:
    """Tell whether a path is a folder's, or the folder itself."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
