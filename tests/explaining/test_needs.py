"""What a step says it needs is what its questions ask for: no more, and no less."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.playbook import load_playbook
from remediate.playbook.step_templates import StepTemplate
from remediate.promise import Need
from remediate.questions import Fetch, Query, Run
from remediate.steps import Action, Check

ROOT = Path(__file__).parents[2]
APP = {"name": "app", "root": "/srv", "backend": "/srv/backend", "port": 3000}
HOST = {
    "name": "web1",
    "address": "web1",
    "environment": "lab",
    "group": "backend",
    "user": "deploy",
    "vars": {},
}
PROGRAMS = {
    Need.NODE: r"^(?!\s*#).*(?<![\w./-])(exec node|command -v node|node -|node --check)\b|\.bin/tsc -",
    Need.PM2: r"command -v pm2|\bpm2\(",
    Need.CURL: r"command -v curl",
    Need.TSC: r"-x node_modules/\.bin/tsc \] \|\| exit",
    Need.SYSTEMD: r"systemctl",
}


def steps() -> Iterator[Check | Action]:
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        book = load_playbook(path, CATALOGUE)
        scope = book.scope({"app": APP, "host": HOST})
        written: tuple[StepTemplate[Check] | StepTemplate[Action], ...] = (
            *book.diagnose,
            *book.fix,
            *book.verify,
        )
        for step in written:
            if not step.needs_found:
                yield step.build(scope)


def asked(step: Check | Action) -> set[Need]:
    needs: set[Need] = set()
    for question in step.ask():
        needs |= {Need.DATABASE} if isinstance(question, Query) else set()
        needs |= {Need.CURL} if isinstance(question, Fetch) else set()
        if isinstance(question, Run):
            needs |= {
                need for need, sign in PROGRAMS.items() if re.search(sign, question.script, re.MULTILINE)
            }
    return needs


STEPS = {f"{step.kind} {number}": step for number, step in enumerate(steps())}
CHECKS = {name: step for name, step in STEPS.items() if isinstance(step, Check) and step.ask()}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_says_all_that_its_questions_need(name: str) -> None:
    assert asked(STEPS[name]) <= set(STEPS[name].needs)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_says_nothing_that_no_question_of_it_needs(name: str) -> None:
    assert set(CHECKS[name].needs) <= asked(CHECKS[name])
