"""An action for development alone is in no plan of another environment, whichever way the plan would come about."""

from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.steps import Action

Does = Callable[..., tuple[int, str, str]]
BLOCKED, DECLINED, USAGE = 6, 4, 2
BOOK = """
name: again
title: The database is a mess
on: backend
diagnose:
  - name: never well
    sql.query: {sql: SELECT 1, expect: {rows: 0}}
fix:
  - name: begin anew
    prisma.migrate_reset: {}
verify:
  - name: well
    sql.query: {sql: SELECT 1, expect: {rows: 1}}
"""


@pytest.fixture
def playbooks(here: Path) -> Path:
    (here / "playbooks").mkdir()
    (here / "playbooks" / "again.yml").write_text(BOOK)
    return here / "playbooks"


def say_development(here: Path, word: str) -> None:
    inventory = here / "inventory" / "lab.yml"
    inventory.write_text(f"development: {word}\n{inventory.read_text()}")


@pytest.mark.parametrize(
    "words", [["plan", "again"], ["run", "again"], ["run", "again", "--yes"], ["run", "again", "--dry-run"]]
)
@pytest.mark.parametrize("word", ["", "false"])
def test_no_plan_is_made_of_it_where_the_inventory_does_not_say_development(
    does: Does, here: Path, playbooks: Path, words: list[str], word: str
) -> None:
    if word:
        say_development(here, word)
    code, out, err = does(*words, "--on", "web1", "--playbooks", str(playbooks))
    assert code == DECLINED
    said = [line for line in (out + err).splitlines() if "development" in line]
    assert len(said) == 1, out + err
    assert "web1" in said[0]
    assert "“begin anew” (prisma.migrate_reset) is for development alone, and lab is none" in said[0]
    assert "run it where the inventory says `development: true`" in out + err


def test_where_it_says_so_the_host_is_looked_at(does: Does, here: Path, playbooks: Path) -> None:
    say_development(here, "true")
    code, _, _ = does("plan", "again", "--on", "web1", "--playbooks", str(playbooks))
    assert code == BLOCKED  # nobody listens there


def test_check_refuses_a_playbook_that_no_inventory_lets_be_run(
    does: Does, here: Path, playbooks: Path
) -> None:
    code, out, _ = does("check", "--playbooks", str(playbooks))
    assert code == USAGE
    (line,) = (line for line in out.splitlines() if "again.yml" in line and "RM002" in line)
    assert "is for development alone, and lab is none; run it where" in line
    say_development(here, "true")
    assert does("check", "--playbooks", str(playbooks))[0] == 0


def test_what_is_for_development_is_what_makes_a_schema_anew() -> None:
    only = {kind for kind, step in CATALOGUE.items() if issubclass(step, Action) and step.development_only}
    assert only == {"prisma.migrate_reset", "prisma.db_push"}
