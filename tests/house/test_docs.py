"""What the first page says is there, is there, and nothing is missing from it."""

import re
from pathlib import Path

from remediate.catalogue import CATALOGUE
from remediate.cli.app import app
from remediate.playbook import load_playbook
from remediate.steps import Action

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PLAYBOOKS = (ROOT / "docs" / "PLAYBOOKS.md").read_text()


def row(name: str) -> set[str]:
    (line,) = [line for line in README.splitlines() if line.startswith(f"| {name} |")]
    return set(re.findall(r"`([^`]+)`", line))


def test_the_readme_names_every_check_and_action() -> None:
    actions = {kind for kind, step in CATALOGUE.items() if issubclass(step, Action)}
    assert row("Actions") == actions
    assert row("Checks") == set(CATALOGUE) - actions


def test_the_readme_names_every_command() -> None:
    commands = {command.name for command in app.registered_commands} | {
        group.name for group in app.registered_groups
    }
    named = {words.split()[0] for words in row("Commands")} - {"remediate"}
    assert named == commands


BOOKS = [load_playbook(path, CATALOGUE) for path in sorted((ROOT / "playbooks").glob("*.yml"))]


def test_the_readme_names_every_playbook_among_its_like() -> None:
    (line,) = [line for line in README.splitlines() if line.startswith("| Playbooks |")]
    named = [re.findall(r"\[`([^`]+)`\]\(playbooks/\1\.yml\)", part) for part in line.split("; ")]
    assert [part.partition(":")[0] for part in line.split("; ")[1:]] == ["those that only tell", "tools"]
    cures = {book.name for book in BOOKS if book.fix}
    tools = {book.name for book in BOOKS if book.tool}
    assert list(map(set, named)) == [cures, {book.name for book in BOOKS} - cures - tools, tools]
    assert sum(map(len, named)) == len(BOOKS), "each once"


def test_the_page_on_playbooks_names_every_tool_with_its_command() -> None:
    (told,) = [part for part in PLAYBOOKS.split("\n\n") if part.startswith("A **tool**")]
    tools = {book.name for book in BOOKS if book.tool}
    assert set(re.findall(r"`playbooks/([\w-]+)\.yml`", told)) == tools
    assert set(re.findall(r"`remediate ([\w-]+)`", told)) == tools


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "vagrant" / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_file_that_the_architecture_names_is_there() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    for name in re.findall(r"`([a-z_/]+(?:\.py|/))`", text):
        places = (ROOT / "remediate" / name, ROOT / name)
        assert any(place.exists() for place in places), name


def test_no_page_or_file_names_a_registry_or_a_path_of_one_machine() -> None:
    hosts = re.compile(r"registry\.npmjs|pypi\.org|files\.pythonhosted|deb\.debian|/root/|/work/")
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("vagrant/**/package-lock.json")):
        if "node_modules" not in path.parts:
            assert not hosts.search(path.read_text()), path
