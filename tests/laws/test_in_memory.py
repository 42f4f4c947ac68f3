"""Every law over every action of the catalogue, in memory; and the laws themselves, over actions that break them."""

import itertools
import json
import os
import subprocess
import sys

import pytest

from remediate.catalogue import CATALOGUE
from remediate.errors import Failed
from remediate.model import WayBack
from remediate.providers.edits import edited, restore_file, save_file
from remediate.providers.files_text import FilesReplace
from remediate.providers.prisma_deploy import MigrateDeploy
from remediate.questions import Read
from remediate.steps import Action

from .cases import CASES, REPLACE, Case
from .database_cases import DEPLOY, migrations_world
from .laws import (
    LAWS,
    Broken,
    a_recorded_plan_is_the_live_plan,
    an_undo_survives_another_process,
    applied_is_done,
    carry_out,
    changes_are_as_promised,
    forecasts_come_true,
    looking_writes_nothing,
    the_way_back_leads_back,
)
from .memory import File, MemoryWorld


def actions() -> set[str]:
    return {kind for kind, step in CATALOGUE.items() if issubclass(step, Action)}


def test_every_action_has_a_case():
    assert actions() == {case.action.kind for case in CASES}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.action.kind}: {case.name}")
def test_every_action_keeps_every_law(case: Case, law):
    law(case.action, case.world(), CATALOGUE)


def test_an_undo_is_read_by_a_process_that_never_saw_its_action():
    script = (
        "import json, sys; from remediate.model import Undo; from remediate.catalogue import CATALOGUE\n"
        "for line in sys.stdin:\n"
        "    undo = Undo.model_validate_json(line)\n"
        "    step = CATALOGUE[undo.action].model_validate_json(json.dumps(undo.parameters))\n"
        "    print(json.dumps([step.kind, step.parameters == undo.parameters]))\n"
    )
    lines = []
    for case in CASES:
        undos = []
        carry_out(case.action, case.world().target(), undos)
        lines += [undo.model_dump_json() for undo in undos]
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        input="\n".join(lines),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {kind for kind, same in map(json.loads, done.stdout.splitlines()) if same} >= {
        case.action.kind for case in CASES
    }


class SavesTooLate(FilesReplace):
    """Saves what the file is once apply has been made."""

    def snapshot(self, target, change):
        return self.undo_with({**save_file(target, change), "before_bytes": change.data["after_bytes"]})


class ForgetsTheMode(FilesReplace):
    def undo(self, target, undo):
        restore_file(target, {**undo.data, "before": {**undo.data["before"], "mode": 0o644}})


class WritesWhilePlanning(FilesReplace):
    def plan(self, answers):
        WORLD[0].state.files["/tmp/plan"] = File()  # noqa: S108
        return super().plan(answers)


class NeverContent(FilesReplace):
    def plan(self, answers):
        changes = super().plan(answers)
        before = answers[self.ask()[0]].content
        return changes or (edited(self.place, before, before + b".", "one more", "config"),)


class UndoesOnceTooOften(FilesReplace):
    def undo(self, target, undo):
        question = Read(path=undo.data["path"])
        now = target.answer((question,))[question]
        target.write(question.path, now.content.replace(b"off", b"on") + b"!", expect=now, like=now)


class PromisesLess(FilesReplace):
    promise = FilesReplace.promise.model_copy(update={"back": {WayBack.NONE: "it is for good"}})


class Guesses(FilesReplace):
    def plan(self, answers):
        return tuple(
            change.model_copy(update={"what": f"{change.what} {next(COUNT)}"})
            for change in super().plan(answers)
        )


WORLD: list[MemoryWorld] = []
COUNT = itertools.count()


class ForgetsThatItIsForGood(MigrateDeploy):
    def undo(self, target, undo):
        pass


class UndoesWhatIsForGood(MigrateDeploy):
    def undo(self, target, undo):
        target.world.state.tables["_prisma_migrations"].pop()
        raise Failed("memory", f"{undo.action} has no way back")


@pytest.mark.parametrize("mutant", [ForgetsThatItIsForGood, UndoesWhatIsForGood])
@pytest.mark.parametrize("law", [the_way_back_leads_back, an_undo_survives_another_process])
def test_what_has_no_way_back_must_say_so_and_touch_nothing(mutant, law):
    action = mutant(**DEPLOY.parameters)
    with pytest.raises(Broken, match="no way back"):
        law(action, migrations_world(), {**CATALOGUE, action.kind: mutant})


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (SavesTooLate, the_way_back_leads_back),
        (SavesTooLate, an_undo_survives_another_process),
        (ForgetsTheMode, the_way_back_leads_back),
        (WritesWhilePlanning, looking_writes_nothing),
        (NeverContent, applied_is_done),
        (NeverContent, forecasts_come_true),
        (UndoesOnceTooOften, the_way_back_leads_back),
        (Guesses, a_recorded_plan_is_the_live_plan),
        (PromisesLess, changes_are_as_promised),
    ],
)
def test_a_law_catches_an_action_that_breaks_it(mutant, law):
    action = mutant(**REPLACE.parameters)
    world = next(case.world() for case in CASES if case.action == REPLACE)
    WORLD[:] = [world]
    with pytest.raises(Broken):
        law(action, world, {**CATALOGUE, action.kind: mutant})
