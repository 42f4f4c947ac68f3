"""Runs over a host in memory, told by their real entries of the audit log."""

from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.errors import RemediateError
from remediate.escalation.case import Case
from remediate.escalation.record import case_of
from remediate.fleet import ending_of
from remediate.journal import Operator, RunHeader, RunSummary
from remediate.playbook import Playbook
from tests.engine.conftest import Rehearsal, rehearsal

__all__ = ["rehearsal"]


def header(run: str, folder: Path) -> RunHeader:
    return RunHeader(
        run=run,
        playbook="two-files",
        playbook_path=str(folder / "two-files.yml"),
        environment="lab",
        inventory_path="/srv/inventory/lab.yml",
        operator=Operator(user="ada", machine="runner"),
        reason="INC-4711",
        hosts=("memory",),
    )


def summary(rehearsal: Rehearsal) -> RunSummary:
    return next(one for one in rehearsal.journal.runs() if one.header.run == rehearsal.run)


@pytest.fixture
def ran(rehearsal: Rehearsal) -> Callable[..., Case]:
    """Do a run as the command does it, write it all down, and return the case that its record makes."""

    def run(playbook: Playbook | None = None) -> Case:
        journal = rehearsal.journal
        journal.begin(header(rehearsal.run, rehearsal.folder))
        host_run = rehearsal.host_run()
        look = host_run.look()
        findings = [finding.model_dump(mode="json") for finding in look.plan.findings]
        body = {
            "outcome": look.outcome.value,
            "digest": look.plan.digest,
            "machine": {},
            "findings": findings,
        }
        journal.append(rehearsal.run, "memory", "looked", body)
        try:
            ending = host_run.carry_out(look)
        except RemediateError as error:
            ending = ending_of(error)
        journal.ended(rehearsal.run, "memory", ending.outcome, ending.why)
        entries = tuple(journal.entries(rehearsal.run))
        return case_of(summary(rehearsal), entries, playbook, {"memory": "lumiku"}, 2000.0)

    return run
