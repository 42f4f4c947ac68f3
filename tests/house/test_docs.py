"""What the first page says is there, is there, and nothing is missing from it."""

import re
from pathlib import Path

from remediate.catalogue import CATALOGUE
from remediate.cli.app import app
from remediate.steps import Action

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


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


def test_the_readme_names_every_playbook() -> None:
    assert row("Playbooks") == {path.stem for path in (ROOT / "playbooks").glob("*.yml")}


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
