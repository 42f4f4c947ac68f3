"""The laws of every action, as functions of an action and a world in which it has something to do. They know no world.

A law is given a world at its beginning; one that needs several beginnings resets it itself.
"""

import json
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from remediate.errors import Failed, Lost
from remediate.events import Events
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Change, Plan, PlannedFix, Undo, WayBack
from remediate.owner import LockOwner
from remediate.planner import NamedFix
from remediate.questions import Answers, NotKnown
from remediate.rehearsal import rehearse
from remediate.runner import Runner
from remediate.steps import Action, Step
from remediate.target import Target

from .world import Watched, World

Law: TypeAlias = Callable[[Action, World, Mapping[str, type[Step]]], None]
Moment: TypeAlias = Literal["before", "after"]


class Broken(AssertionError):  # noqa: N818  (a law is broken, no error of ours)
    """A law does not hold."""


def demand(holds: object, sentence: str) -> None:
    if not holds:
        raise Broken(sentence)


def looking_writes_nothing(action: Action, world: World, catalogue: Mapping[str, type[Step]]) -> None:
    """Law 1: asking and planning leave files, database and processes as they are."""
    before = world.fingerprint()
    watched = Watched(world.target())
    demand(action.plan(watched.answer(action.ask())), "the case gives the action nothing to do")
    demand(not watched.changes, "it changed the target while it looked")
    demand(world.fingerprint() == before, "something is different after asking and planning")


def applied_is_done(action: Action, world: World, catalogue: Mapping[str, type[Step]]) -> None:
    """Law 2: after apply there is nothing left to do."""
    before = world.fingerprint()
    carry_out(action, world.target(), [])
    left = planned(action, world.target())
    demand(not left, f"after apply it would still: {[change.what for change in left]}")
    demand(_visible(action) or world.fingerprint() != before, "apply changed nothing")


def the_way_back_leads_back(action: Action, world: World, catalogue: Mapping[str, type[Step]]) -> None:
    """Law 3: apply, whole or cut at any verb, then undo and undo: all is as before.

    What has no way back says so, once it has had an effect, and touches nothing more.
    """
    irrevocable = _has_no_way_back(action, world)
    for cut_at, moment in [(0, "before"), *_cuts(action, world)]:
        world.reset()
        before = world.fingerprint()
        undos = _carried_out_with_cut(action, world, cut_at, moment)
        if irrevocable and world.fingerprint() != before:
            _says_so_and_touches_nothing(action, world, undos)
            continue
        for _ in range(2):
            for undo in reversed(undos):
                action.undo(world.target().scoped(fresh_token()), undo)
            where = f"cut {moment} verb {cut_at}" if cut_at else "after a whole apply"
            demand(world.fingerprint() == before, f"not all is as before: {where}")


def an_undo_survives_another_process(
    action: Action, world: World, catalogue: Mapping[str, type[Step]]
) -> None:
    """Law 4: the Undo as JSON, with the action built anew from it, still leads back."""
    before, irrevocable = world.fingerprint(), _has_no_way_back(action, world)
    undos: list[Undo] = []
    carry_out(action, world.target(), undos)
    for written in reversed([undo.model_dump_json() for undo in undos]):
        undo = Undo.model_validate_json(written)
        reader = rebuilt(undo.action, undo.parameters, catalogue)
        demand(reader == action, "the action built from its own parameters is another one")
        if irrevocable:
            _says_so_and_touches_nothing(reader, world, [undo])
            continue
        reader.undo(world.target().scoped(fresh_token()), undo)
    demand(irrevocable or world.fingerprint() == before, "not all is as before")


def a_recorded_plan_is_the_live_plan(
    action: Action, world: World, catalogue: Mapping[str, type[Step]]
) -> None:
    """Law 5: answers that went through JSON give the same plan, and so does a second look."""
    answers = world.target().answer(action.ask())
    demand(action.plan(answers), "the case gives the action nothing to do")
    recorded = Answers.from_json(answers.to_json(), answers.where)
    demand(action.plan(recorded) == action.plan(answers), "recorded answers give another plan")
    second = planned(action, world.target())
    essences = [change.outline.essence for change in action.plan(answers)]
    demand([change.outline.essence for change in second] == essences, "a second look gives another plan")


def forecasts_come_true(action: Action, world: World, catalogue: Mapping[str, type[Step]]) -> None:
    """Law 2, beforehand: planned on what its changes foretell, nothing is left to do, or that cannot be known."""
    answers = world.target().answer(action.ask())
    for change in action.plan(answers):
        foretold = {forecast.question: forecast.answer for forecast in change.forecasts}
        answers = answers.after(change.alters, foretold, change.what)
    try:
        left = action.plan(answers)
    except NotKnown:
        return
    demand(all(change.assumed for change in left), "on its own forecasts it would still change something")


def an_assumed_change_wants_the_same(
    action: Action, world: World, catalogue: Mapping[str, type[Step]]
) -> None:
    """A change planned without knowing the answers is the same in `what`, `target` and `script` as the real one."""
    answers = world.target().answer(action.ask())
    everything = tuple(fact for question in answers for fact in question.about)
    try:
        assumed = action.plan(answers.after(everything, {}, "an earlier step"))
    except NotKnown:
        return
    real = action.plan(answers)
    demand(all(change.assumed for change in assumed), "it planned on unknown answers without saying so")
    same = len(real) == len(assumed) and all(
        one.outline.same_as(other.outline) for one, other in zip(real, assumed, strict=True)
    )
    demand(same, "what it assumed is not what it would do")  # fmt: skip


def a_rehearsal_leaves_all_as_it_was(
    action: Action, world: World, catalogue: Mapping[str, type[Step]]
) -> None:
    """Law 6: rehearsed, files, database and processes are as before, and the plan is the same plan."""
    before, target = world.fingerprint(), world.target()
    changes = planned(action, target)
    fix = PlannedFix(step="it", action=action.kind, parameters=action.parameters, changes=changes)
    plan = Plan(playbook="p", playbook_digest="", environment="e", host="h", findings=(), fixes=(fix,))
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder), Masker()) as journal:
        owner = LockOwner(run=f"law-{uuid.uuid4().hex[:12]}", who="tester", since="now")
        events = Events(owner.run, [], Masker(), time.time)
        runner = Runner(owner, journal, events, lambda kind, given: rebuilt(kind, given, catalogue))
        rehearsed = rehearse(plan, [NamedFix("it", action)], target, runner, uuid.uuid4().hex[:12])
    demand(world.fingerprint() == before, "something is different after the rehearsal")
    demand(rehearsed.digest == plan.digest, "the rehearsed plan is another one")
    failed = [
        one.rehearsal for one in rehearsed.changes if one.rehearsal and one.rehearsal.outcome == "failed"
    ]
    demand(not failed, f"its rehearsal failed, and it would not: {failed}")


def changes_are_as_promised(action: Action, world: World, catalogue: Mapping[str, type[Step]]) -> None:
    """Law 7: every change is as the action's class says of all of them, which is what `explain` tells."""
    for change in planned(action, world.target()):
        broken = list(action.promised(action.parameters).broken_by(change))
        demand(not broken, f"“{change.what}” is not as promised: {', '.join(broken)}")


LAWS: tuple[Law, ...] = (
    looking_writes_nothing,
    applied_is_done,
    the_way_back_leads_back,
    an_undo_survives_another_process,
    a_recorded_plan_is_the_live_plan,
    forecasts_come_true,
    an_assumed_change_wants_the_same,
    a_rehearsal_leaves_all_as_it_was,
    changes_are_as_promised,
)


def fresh_token() -> str:
    """Return a scope of its own: a target does nothing twice for the same one."""
    return f"law-{uuid.uuid4().hex[:12]}/1.1"


def planned(action: Action, target: Target) -> tuple[Change, ...]:
    """Look, and return what the action would do."""
    return action.plan(target.answer(action.ask()))


def carry_out(action: Action, target: Target, undos: list[Undo]) -> None:
    """Do what an engine does with one fix; what can be undone is in `undos` even when it breaks off."""
    for change in planned(action, target):
        scoped = target.scoped(fresh_token())
        undos.append(action.snapshot(scoped, change))
        action.apply(scoped, change)


def rebuilt(kind: str, parameters: dict[str, object], catalogue: Mapping[str, type[Step]]) -> Action:
    """Return the action of a kind with parameters that went through JSON."""
    step = catalogue[kind].model_validate_json(json.dumps(parameters))
    if not isinstance(step, Action):
        raise Broken(f"{kind} is no action")
    return step


def _has_no_way_back(action: Action, world: World) -> bool:
    return any(change.way_back is WayBack.NONE for change in planned(action, world.target()))


def _says_so_and_touches_nothing(action: Action, world: World, undos: Sequence[Undo]) -> None:
    after, said = world.fingerprint(), 0
    for undo in undos:
        try:
            action.undo(world.target().scoped(fresh_token()), undo)
        except Failed:
            said += 1
    demand(said, "it has no way back, and did not say so")
    demand(world.fingerprint() == after, "it has no way back, and changed something all the same")


def _cuts(action: Action, world: World) -> Sequence[tuple[int, Moment]]:
    watched = Watched(world.target())
    carry_out(action, watched, [])
    demand(watched.changes, "apply used no verb that changes anything")
    moments: tuple[Moment, ...] = ("before", "after")
    return [(verb, moment) for verb in range(1, watched.changes + 1) for moment in moments]


def _carried_out_with_cut(action: Action, world: World, cut_at: int, moment: Moment) -> list[Undo]:
    undos: list[Undo] = []
    try:
        carry_out(action, Watched(world.target(), cut_at, moment), undos)
    except Lost:
        demand(cut_at, "the link was lost without a cut")
    return undos


def _visible(action: Action) -> bool:
    # A restart leaves no trace in a fingerprint, which tells nothing of process ids; nor do counters of a server, nor
    # an invalid index, which pg_dump leaves out.
    return action.undo_last or action.kind in {"sql.analyze", "sql.vacuum", "sql.drop_invalid_indexes"}
