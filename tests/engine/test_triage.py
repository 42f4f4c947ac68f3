"""Triage: every playbook's diagnosis at once, each question once, root causes first."""

import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.errors import PlaybookError
from remediate.playbook import Playbook, load_playbook
from remediate.procedure import Procedure
from remediate.questions import Answers, Unanswered
from remediate.triage import Diagnosis, Presence, given_by, matches, triage
from tests.engine.conftest import CONFIG, Rehearsal
from tests.laws.memory import MemoryTarget

HOST = {"app": {"root": "/srv/app"}, "host": {"name": "memory"}, "database": {}}
CONTAINS = "- {name: NAME, files.contains: {path: /srv/app/FILE, text: TEXT}}"


class Counting(MemoryTarget):
    """Counts how often it is asked, and what."""

    def __init__(self, world) -> None:
        super().__init__(world, "")
        self.asked: list[tuple] = []
        self.refused: set[str] = set()

    def answer(self, questions: Iterable) -> Answers:
        wanted = tuple(questions)
        self.asked.append(wanted)
        refused = [one for one in wanted if getattr(one, "path", "") in self.refused]
        answers = super().answer([one for one in wanted if one not in refused])
        return answers.laid_over(Answers({one: Unanswered(reason="no permission") for one in refused}))


def check(text: str, file: str = "config.ini", name: str = "it is so") -> str:
    return CONTAINS.replace("NAME", name).replace("FILE", file).replace("TEXT", text)


@pytest.fixture
def books(tmp_path: Path):
    folder = tmp_path / "library"
    folder.mkdir()

    def write(name: str, diagnose: str, *more: str, fix: bool = True) -> Path:
        action = "fix: [{name: mend, files.replace: {path: config.ini, find: red, replace_with: green}}]"
        lines = [
            f"name: {name}",
            f"title: {name} is there",
            "on: backend",
            "diagnose:",
            diagnose,
            "verify:",
            diagnose.replace(", alone: false", ""),
        ]
        path = folder / f"{name}.yml"
        path.write_text("\n".join([*lines, *([action] if fix else []), *more]))
        return path

    return write


def loaded(*paths: Path) -> list[Playbook]:
    return [load_playbook(path, CATALOGUE) for path in paths]


def procedures(books: Iterable[Playbook]) -> list[Procedure]:
    return [Procedure(book, book.scope(HOST), "lab") for book in books]


def names(diagnoses: Iterable[Diagnosis], presence: Presence = Presence.FOUND) -> list[str]:
    return [one.playbook.name for one in diagnoses if one.presence is presence]


def test_all_playbooks_are_asked_in_one_go_and_no_question_twice(rehearsal: Rehearsal, books) -> None:
    target = Counting(rehearsal.world)
    many = [books(f"book-{number}", check("colour=red")) for number in range(10)]
    diagnoses = triage(procedures(loaded(*many)), target)
    assert len(target.asked) == 1
    assert len(target.asked[0]) == 1
    assert names(diagnoses, Presence.HEALTHY) == [f"book-{number}" for number in range(10)]


def test_a_fault_is_found_with_its_evidence_and_others_are_not(rehearsal: Rehearsal, books) -> None:
    found = books("red", check("colour=green"))
    healthy = books("other", check("colour=red"))
    first, second = triage(procedures(loaded(healthy, found)), MemoryTarget(rehearsal.world, ""))
    assert (first.playbook.name, first.presence, first.curable) == ("red", Presence.FOUND, True)
    assert CONFIG in first.findings[0].seen
    assert (second.playbook.name, second.presence) == ("other", Presence.HEALTHY)


def test_what_alone_makes_no_fault_is_left_to_the_playbook_whose_fault_it_is(
    rehearsal: Rehearsal, books
) -> None:
    beside = check("colour=green", name="beside").replace("}}", "}, alone: false}")
    silent = books("silent", check("colour=red") + "\n" + beside)
    told = books("told", check("colour=green") + "\n" + beside)
    diagnoses = triage(procedures(loaded(silent, told)), MemoryTarget(rehearsal.world, ""))
    assert names(diagnoses) == ["told"]
    assert [one.healthy for one in diagnoses[0].findings] == [False, False]
    assert names(diagnoses, Presence.HEALTHY) == ["silent"]
    blind = Counting(rehearsal.world)
    blind.refused = {"/srv/app/limits.ini"}
    unseen = check("limit=1", "limits.ini", "beside").replace("}}", "}, alone: false}")
    book = books("blind", check("colour=red") + "\n" + unseen)
    assert names(triage(procedures(loaded(book)), blind), Presence.HEALTHY) == ["blind"]


def test_a_diagnosis_of_nothing_but_leftovers_is_refused(books) -> None:
    with pytest.raises(PlaybookError, match="no step of it makes a fault"):
        loaded(books("none", check("colour=red").replace("}}", "}, alone: false}")))


def test_root_causes_come_before_what_they_explain(rehearsal: Rehearsal, books) -> None:
    symptom = books("a-symptom", check("colour=green"))
    middle = books("b-middle", check("colour=green"), "explains: [a-symptom]")
    root = books("c-root", check("colour=green"), "explains: [b-middle]")
    diagnoses = triage(procedures(loaded(symptom, middle, root)), MemoryTarget(rehearsal.world, ""))
    assert names(diagnoses) == ["c-root", "a-symptom", "b-middle"]
    assert [one.explained_by for one in diagnoses] == ["", "c-root", "c-root"]


def test_a_cause_that_is_not_there_explains_nothing(rehearsal: Rehearsal, books) -> None:
    symptom = books("symptom", check("colour=green"))
    root = books("root", check("colour=red"), "explains: [symptom]")
    (first, _) = triage(procedures(loaded(root, symptom)), MemoryTarget(rehearsal.world, ""))
    assert (first.playbook.name, first.explained_by) == ("symptom", "")


def test_two_faults_that_explain_each_other_are_both_told(rehearsal: Rehearsal, books) -> None:
    one, other = books("one", check("colour=green")), books("other", check("colour=green"))
    one.write_text(one.read_text() + "\nexplains: [other]")
    other.write_text(other.read_text() + "\nexplains: [one]")
    diagnoses = triage(procedures(loaded(one, other)), MemoryTarget(rehearsal.world, ""))
    assert [one.explained_by for one in diagnoses] == ["", ""]


def test_what_cannot_be_looked_at_hides_nothing_and_is_not_called_healthy(
    rehearsal: Rehearsal, books
) -> None:
    target = Counting(rehearsal.world)
    target.refused = {"/srv/app/limits.ini"}
    blind = books("blind", check("limit=1", "limits.ini"))
    seen = books("seen", check("limit=1", "limits.ini") + "\n" + check("colour=green", name="colour"))
    diagnoses = triage(procedures(loaded(blind, seen)), target)
    assert [(one.playbook.name, one.presence) for one in diagnoses] == [
        ("seen", Presence.FOUND),
        ("blind", Presence.UNKNOWN),
    ]
    assert "no permission" in diagnoses[1].why[0]


def test_where_all_must_be_unhealthy_one_healthy_check_is_enough_to_say_no(
    rehearsal: Rehearsal, books
) -> None:
    target = Counting(rehearsal.world)
    both = check("limit=1", "limits.ini") + "\n" + check("colour=red", name="colour")
    book = books("both", both, "when: all")
    assert names(triage(procedures(loaded(book)), target), Presence.HEALTHY) == ["both"]
    target.refused = {"/srv/app/config.ini"}
    book.write_text(book.read_text().replace("limit=1", "limit=9"))
    assert names(triage(procedures(loaded(book)), target), Presence.UNKNOWN) == ["both"]
    target.refused = {"/srv/app/limits.ini"}
    assert names(triage(procedures(loaded(book)), target), Presence.HEALTHY) == ["both"]


def test_an_error_text_is_known_by_its_line_and_tells_variables(books) -> None:
    known = books(
        "columns",
        check("x"),
        r"symptoms: ['column \"(?P<column>\w+)\" of (?P<table>\S+) is missing']",
        "vars: {table: {type: identifier, default: avatars}}",
    )
    (match,) = matches(
        loaded(known, books("other", check("x"))), 'started\n  column "age" of users is missing\nend'
    )
    assert (match.playbook.name, match.line) == ("columns", 'column "age" of users is missing')
    assert given_by(match) == {"table": "users"}
    (hostile,) = matches(loaded(known), 'column "age" of users;DROP is missing')
    assert given_by(hostile) == {}
    assert matches(loaded(known), "all is well") == ()


@pytest.mark.parametrize("before", [0, 989, 1500, 1985, 1989, 1995, 2987, 50_000])
def test_a_symptom_is_found_wherever_in_a_long_line_it_is(books, before: int) -> None:
    known = books("columns", check("x"), r"symptoms: ['no table (?P<table>\w+)', '^first', 'all.*']")
    (match,) = matches(loaded(known), f"{'x' * before} no table users{'.' * 3000}")
    assert match.named == {"table": "users"}, "and no half of its name"
    assert matches(loaded(known), f"{'x' * before}first") == () or before == 0
    assert matches(loaded(known), f"{'x' * before} all that follows{'.' * 9000}")


def test_a_line_made_to_keep_it_busy_does_not(books) -> None:
    known = books("columns", check("x"), "symptoms: ['a.*b']")
    began = time.process_time()
    assert matches(loaded(known), "a" * 200_000) == ()
    assert matches(loaded(known), "a" * 200_000 + "b")
    assert time.process_time() - began < 10, "it took half a minute before lines were searched in pieces"


def test_a_playbook_cannot_explain_one_that_is_not_there(books) -> None:
    books("symptom", check("x"))
    with pytest.raises(
        PlaybookError, match=r"root\.yml:\d+:\d+: there is no playbook `symptoms`.*`?symptom`?"
    ):
        load_playbook(books("root", check("x"), "explains: [symptoms]"), CATALOGUE)
