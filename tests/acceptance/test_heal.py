"""The command heal on a real host: what it may cure it cures, the rest it proposes, or calls a person for."""

import json
import time
from pathlib import Path

import pytest

from remediate.journal import Journal
from remediate.masking import Masker
from tests.acceptance.trials import works
from tests.operator import Ended, Operator, picture
from tests.practice import LUMIKU, Practice


def heals(operator: Operator, *words: str) -> tuple[Ended, dict]:
    ended = operator.does("heal", "--on", "web1", "--json", *words)
    assert ended.out, ended.err
    return ended, ended.lines[-1]


def of(healed: dict) -> list[tuple[str, str, str | None]]:
    return [
        (one["fingerprint"]["playbook"], one["ruling"]["verdict"], one["outcome"]) for one in healed["faults"]
    ]


def test_two_faults_of_one_deploy_are_cured_and_proven_and_the_next_look_finds_nothing(
    practice: Practice, operator: Operator, web1: str, tmp_path: Path
) -> None:
    practice.break_("missing-columns")
    practice.break_("named-import")
    page = tmp_path / "page.md"
    ended, healed = heals(operator, "--summary", str(page))
    assert ended.code == 0, ended.out + ended.err
    assert works(practice, LUMIKU)
    assert {one[0] for one in of(healed)} == {"prisma-import", "missing-columns"}
    assert {one[1:] for one in of(healed)} == {("heal", "fixed")}
    columns = next(one for one in healed["faults"] if one["fingerprint"]["playbook"] == "missing-columns")
    assert columns["fingerprint"]["target"].startswith("lumiku"), "the database is what was ill, not the host"
    assert all(0 < one["seconds"] < 600 for one in healed["faults"])
    assert "2 healed" in page.read_text()
    again, quiet = heals(operator)
    assert (again.code, quiet["faults"]) == (0, [])
    assert operator.does("audit", "verify").code == 0


def test_a_fault_without_a_cure_changes_nothing_and_leaves_a_report(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("failed-migration")
    broken = picture(practice)
    ended, healed = heals(operator)
    assert ended.code == 8, ended.out + ended.err
    assert [one[:2] for one in of(healed)] == [("failed-migration", "escalate")]
    (report,) = (operator.folder / "remediate" / "escalations").iterdir()
    assert "failed-migration has no cure" in report.read_text().replace("&#45;", "-")
    assert picture(practice).settled == broken.settled


def test_what_a_person_decides_is_proposed_and_the_plan_is_applied_later(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("app-stopped")
    ended, healed = heals(operator)
    assert ended.code == 8, ended.out + ended.err
    (fault,) = healed["faults"]
    assert fault["ruling"]["verdict"] == "propose"
    assert "leaves this to a person" in fault["why"]
    applied = operator.does("apply", fault["plan"], "--yes")
    assert applied.code == 0, applied.out + applied.err
    assert works(practice, LUMIKU)


def owed(operator: Operator) -> int:
    with Journal.open(operator.folder / "remediate", Masker()) as journal:
        return sum(entry.kind == "owed" for entry in journal.entries())


def killed_at_its_second_change(operator: Operator) -> None:
    with operator.start("heal", "--on", "web1", "--json") as process:
        while owed(operator) < 2:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=30)
    assert process.returncode == -9


@pytest.mark.fault(1, 2)
def test_a_healer_that_was_killed_forgets_no_brake_and_what_it_left_is_put_back_first(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("named-import")
    broken = picture(practice)
    killed_at_its_second_change(operator)
    ended, healed = heals(operator)
    assert ended.code == 8, ended.out + ended.err
    (fault,) = healed["faults"]
    assert "its healer was killed (run " in fault["why"]
    assert "the fault will be tried again after " in fault["why"]
    assert fault["plan"]
    assert picture(practice).settled_but_for_marks == broken.settled_but_for_marks


def test_the_switch_is_honoured_before_the_next_change_and_what_was_done_is_put_back(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("named-import")
    broken = picture(practice)
    with operator.start("heal", "--on", "web1", "--json") as process:
        while owed(operator) < 1:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        (operator.folder / "remediate" / "stop").write_text("INC-7: hands off\n")
        said, complained = process.communicate(timeout=120)
    assert process.returncode == 8, said + complained
    healed = json.loads(said.splitlines()[-1])
    (fault,) = healed["faults"]
    assert (fault["outcome"], fault["interrupted"]) == ("rolled back", True)
    assert "INC-7: hands off" in fault["why"]
    assert picture(practice).settled_but_for_marks == broken.settled_but_for_marks
    again, still = heals(operator)
    assert (again.code, of(still)) == (8, [("prisma-import", "propose", None)])
    assert operator.does("start", "--reason", "go on").code == 0
    assert heals(operator)[0].code == 0, "what was only interrupted is no failure"


def test_two_healers_at_once_cure_a_fault_once(practice: Practice, operator: Operator, web1: str) -> None:
    practice.break_("named-import")
    both = [operator.start("heal", "--on", "web1", "--json") for _ in range(2)]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert works(practice, LUMIKU)
    with Journal.open(operator.folder / "remediate", Masker()) as journal:
        attempts = {entry.run for entry in journal.entries() if entry.kind == "attempt"}
        changed = {entry.run for entry in journal.entries() if entry.kind == "owed"}
    assert len(changed) == 1, "one of them did it; the other saw that"
    assert changed <= attempts
