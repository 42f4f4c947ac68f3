"""What a machine lacks is installed by root, or through sudo, or named. The package manager is a stand-in here."""

from pathlib import Path

import pytest

from ground import packages, places
from ground.errors import MissingError
from ground.progress import Progress


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of an ordinary user that lacks one package; `sudo` installs it where `may` is there."""
    programs = {
        "apt-get": "exit 99",
        "sudo": f'[ "$1" != -n ] && echo "$@" >>{tmp_path}/asked && touch {tmp_path}/installed; test -e {tmp_path}/may',
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(places, "is_root", lambda: False)
    monkeypatch.setattr(packages, "NEEDED", (packages.Package("a-server", (tmp_path / "installed").exists),))
    monkeypatch.setattr(packages, "_check_node", lambda: None)
    return tmp_path


def test_a_user_who_may_use_sudo_has_it_installed_by_this_same_program(machine: Path) -> None:
    (machine / "may").touch()
    packages.ensure(Progress())
    assert (machine / "asked").read_text().endswith("/vagrant/lab packages\n")


def test_a_browser_is_installed_the_same_way_and_alone(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "BROWSER", packages.NEEDED)
    with pytest.raises(MissingError, match="lacks a-server; install with: sudo apt-get install a-server"):
        packages.ensure_browser(Progress())
    (machine / "may").touch()
    packages.ensure_browser(Progress())
    assert (machine / "asked").read_text().endswith("/vagrant/lab packages --browser\n")


def test_a_user_who_may_not_is_told_what_is_missing_and_what_to_type(machine: Path) -> None:
    with pytest.raises(MissingError, match="lacks a-server; install with: sudo apt-get install a-server"):
        packages.ensure(Progress())
    assert not (machine / "asked").exists()


def test_nothing_is_asked_where_nothing_is_missing(machine: Path) -> None:
    (machine / "installed").touch()
    packages.ensure(Progress())
    assert not (machine / "asked").exists()
