"""Rehearses a plan on one host: what can be done on a copy is done there, before anybody is asked. Nothing live moves.

Trials run in a room beside the app, all of an app in one job; SQL on the schema in a database made from the schema
alone. A change is tried with those before it made in the copy, or it says why it was not tried.
"""

import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from itertools import count

from remediate.errors import Failed, Interrupted, RemediateError
from remediate.journal import Journal
from remediate.model import Change, Plan, Rehearsal
from remediate.planner import NamedFix
from remediate.questions import ReadAnswer
from remediate.rehearsal_room import (
    PREPARING,
    UNTRIED,
    Laid,
    Place,
    Tried,
    file_beside,
    read_moved,
    read_place,
    read_tried,
    room_job,
    room_question,
    size_of,
)
from remediate.rehearsal_sql import rehearse_on_schema
from remediate.rehearsal_staging import Planned, Staged, not_tried, numbered, staged_of, within
from remediate.runner import Runner
from remediate.steps import Trial
from remediate.target import Target

_OUT_OF_TIME = 124


def rehearse(plan: Plan, fixes: Sequence[NamedFix], target: Target, runner: Runner, token: str) -> Plan:
    """Return the plan with what came of rehearsing it. The host is left as it was.

    Args:
        plan: What would be done.
        fixes: Its fixes, in order.
        target: The host.
        runner: The runner's side.
        token: This rehearsal's own: hex digits that nobody else drew.

    Raises:
        Interrupted: The operator wants no more; what was begun is ended and cleared up.
        KeyboardInterrupt: The same.
    """
    planned = tuple(numbered(plan, fixes))
    staged = staged_of(planned, target)
    try:
        for place, trials in staged.trials.items():
            _rehearse_in_room(place, trials, staged, target, runner, token)
        if staged.on_schema:
            rehearse_on_schema(staged, target, runner, token)
    finally:
        _forget(target, runner, f"rehearsal-{token}")
    return with_results(plan, staged.results)


def with_results(plan: Plan, results: Mapping[int, Rehearsal]) -> Plan:
    """Return the plan with what came of its changes, by their numbers from 1."""
    numbers = iter(range(1, len(plan.changes) + 1))
    fixes = []
    for fix in plan.fixes:
        changes = tuple(
            change.rehearsed(results[number]) if number in results else change
            for change, number in zip(fix.changes, numbers, strict=False)
        )
        fixes.append(fix.model_copy(update={"changes": changes}))
    return plan.model_copy(update={"fixes": tuple(fixes)})


def failure_of(plan: Plan) -> Failed | None:
    """Return the first change whose rehearsal failed, as the failure that the fix would have; None where none did."""
    for fix in plan.fixes:
        for change in fix.changes:
            tried = change.rehearsal
            if tried and tried.outcome == "failed":
                what = f"“{fix.step}” would fail: {change.what}: {tried.told}"
                todo = "nothing was touched; read the last lines, and cure that first"
                return Failed(plan.host, what, todo, output="\n".join(tried.last_lines))
    return None


def _rehearse_in_room(  # noqa: PLR0917  (one caller, in this order)
    place: str,
    trials: Sequence[tuple[Planned, Trial]],
    staged: Staged,
    target: Target,
    runner: Runner,
    token: str,
) -> None:
    """Do the trials of one app, and note what came of each."""
    question = room_question(place)
    scoped = target.scoped(f"rehearsal-{token}/{hashlib.sha256(place.encode()).hexdigest()[:8]}")
    try:
        where = read_place(place, target.answer((question,))[question])
        if why := where.refusal([trial for _, trial in trials]):
            raise Failed(place, why, "make room there")
        runner.events.tell("rehearsing", target.name, _announced(where, trials, runner, target.name))
        laid = _laid(trials, staged, place, where, scoped, token)
        answer = scoped.run(room_job(place, where, token, laid))
    except Interrupted:
        raise
    except RemediateError as error:
        for one, _ in trials:
            staged.refuse(one, error.what)
        return
    results = read_tried(answer)
    for one, trial in trials:
        staged.results[one.number] = _result(one, trial, results, trials)
    if moved := read_moved(answer):
        told = f"changed while it was rehearsed, by a trial or by somebody else: {', '.join(moved)}"
        runner.events.tell("warning", target.name, f"{place}: {told}")


def _announced(where: Place, trials: Sequence[tuple[Planned, Trial]], runner: Runner, host: str) -> str:
    """Say before it begins what is done, what it needs, and how long it took when it was last done in earnest."""
    took = [
        f"{trial.doing} (last time {_seconds(last_took(runner.journal, host, one.change))})"
        for one, trial in trials
    ]
    needed = where.needed([trial for _, trial in trials])
    return (
        f"{', '.join(took)}: up to {size_of(needed)} in {where.beside}, where {size_of(where.free)} are free"
    )


def _seconds(took: float | None) -> str:
    return "unknown" if took is None else f"{took:.0f} s"


def last_took(journal: Journal, host: str, change: Change) -> float | None:
    """Return how many seconds the same change took when a run last made it on this host; None where none did."""
    begun: dict[int, float] = {}
    took = None
    for entry in journal.entries():
        if entry.host != host:
            continue
        if entry.kind == "owed" and entry.body["change"]["what"] == change.what:
            begun[entry.seq] = entry.at
        elif entry.kind == "done" and entry.body["owed"] in begun:
            took = entry.at - begun[entry.body["owed"]]
    return took


def _laid(  # noqa: PLR0917  (one caller, in this order)
    trials: Sequence[tuple[Planned, Trial]],
    staged: Staged,
    place: str,
    where: Place,
    target: Target,
    token: str,
) -> list[tuple[int, Trial, Laid]]:
    """Write beside the room what the changes before each trial would write into the app since the one before it."""
    numbers, before = count(), dict[str, bytes]()
    wanted = []
    for one, trial in trials:
        files = staged.laid[one.number]
        new = {path: content for path, content in files.items() if before.get(path) != content}
        laid = []
        for path in (path for path in new if within(path, place)):
            beside = file_beside(place, where.beside, token, next(numbers))
            target.write(beside, new[path], expect=ReadAnswer(exists=False))
            laid.append((posixpath.relpath(path, place), beside))
        wanted.append((one.number, trial, tuple(laid)))
        before = files
    return wanted


def _result(
    one: Planned,
    trial: Trial,
    results: Mapping[int, Tried],
    trials: Sequence[tuple[Planned, Trial]],
) -> Rehearsal:
    tried = results.get(one.number)
    if tried is None:
        failed = next(
            (other.doing for at, other in trials if at.number in results and results[at.number].exit_code),
            "",
        )
        prepared = results.get(PREPARING)
        said = (
            prepared.last_lines[-1] if prepared and prepared.last_lines else "there was no place for a copy"
        )
        return not_tried(one.change, f"{failed} failed before it" if failed else said)
    result = Rehearsal(
        outcome="done",
        told=f"{trial.doing} in a copy beside {trial.place}",
        instead_of=one.change.fidelity,
        seconds=round(tried.seconds, 1),
        exit_code=tried.exit_code,
        appear=tried.counts[0],
        disappear=tried.counts[1],
        change=tried.counts[2],
        files=tried.files,
    )
    return result if not tried.exit_code else _unsuccessful(result, trial, tried)


def _unsuccessful(result: Rehearsal, trial: Trial, tried: Tried) -> Rehearsal:
    last = tried.last_lines[-1] if tried.last_lines else f"exit code {tried.exit_code}"
    why = f"took longer than {trial.timeout:g} s" if tried.exit_code == _OUT_OF_TIME else last
    outcome = "not tried" if tried.exit_code == UNTRIED else "failed"
    told = f"not rehearsed: {why}" if outcome == "not tried" else f"{result.told}: {why}"
    nothing = {"appear": 0, "disappear": 0, "change": 0, "files": ()}
    return result.model_copy(
        update={"outcome": outcome, "told": told, "last_lines": tried.last_lines, **nothing}
    )


def _forget(target: Target, runner: Runner, prefix: str) -> None:
    """Remove what the host keeps of the job; a host that is gone keeps it until the next rehearsal's end."""
    try:
        target.forget(prefix)
    except RemediateError as error:
        runner.events.tell("warning", target.name, f"what it keeps of the rehearsal is left: {error.what}")
