"""Who may only read is told what is to be seen, and what is not: a role with SELECT alone, a login without rights."""

import os
from pathlib import Path

import pytest

from tests.operator import Ended, Operator, picture
from tests.practice import BACKEND, Practice
from tests.traces import nothing_left, traces

READER = """
CREATE ROLE reader LOGIN PASSWORD 'reading-only';
ALTER ROLE reader SET default_transaction_read_only = on;
GRANT USAGE ON SCHEMA public TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader
"""
FROM_ENV = 'url: {env_file: "{{ app.backend }}/.env", key: DATABASE_URL}'
SET_UP = f"chgrp ops {BACKEND}/.env && chmod 640 {BACKEND}/.env"
OWN = "ls -lRa ~; ps -u ops -o args= | grep -v 'ps -u' || :"
THEIRS = "the backend is another user's, and so is the pm2 that runs: ours does not know it"


def inventory_with(practice: Practice, folder: Path, *changes: tuple[str, str]) -> str:
    """Write the ground's inventory with other words, and return its path."""
    text, beside = practice.inventory.read_text(), practice.inventory.parent
    beside_it = (("{file: lab.", f"{{file: {beside}/lab."), ("known_hosts: ", f"known_hosts: {beside}/"))
    for old, new in (*beside_it, *changes):
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "lab.yml"
    path.write_text(text)
    return str(path)


def sql(practice: Practice, text: str) -> None:
    practice.on("web1", "psql", "-h", "/run/postgresql", "-U", "postgres", "-qc", text, "lumiku")


@pytest.fixture
def reader(practice: Practice, web1: str, tmp_path: Path) -> str:
    """An inventory whose database is that of the app, with a role that has SELECT and nothing else."""
    assert web1
    sql(practice, READER)
    (tmp_path / "url").write_text("postgresql://reader:reading-only@127.0.0.1:5432/lumiku?schema=public")
    return inventory_with(practice, tmp_path, (FROM_ENV, f"url: {{file: {tmp_path}/url}}"))


@pytest.fixture
def guest(practice: Practice, web1: str, tmp_path: Path) -> str:
    """An inventory whose login may read what the app has, and write nothing of it."""
    if os.geteuid() != 0:
        pytest.skip("only a lab that root started has a second login on its hosts")
    practice.as_root(web1, SET_UP)
    return inventory_with(practice, tmp_path, ("ssh: {user: deploy", "ssh: {user: ops"))


def test_a_role_with_select_alone_sees_all_of_it_and_leaves_nothing(
    practice: Practice, operator: Operator, reader: str
) -> None:
    before, then = picture(practice), traces(practice)

    def looks(*words: str) -> Ended:
        return operator.does(*words, "--on", "web1", "-i", reader)

    told = looks("doctor")
    assert (told.code, "lumiku as reader" in told.out) == (0, True), told.out + told.err
    told = looks("triage")
    assert told.code == 8, told.out + told.err
    assert "the role reader may not INSERT in avatars: is it meant to? then GRANT INSERT" in told.out
    assert told.out.count("✗") == 1, told.out
    assert looks("schema-validate").code == looks("plan", "missing-columns").code == 0
    assert looks("run", "missing-columns", "--dry-run").code == 0
    assert picture(practice) == before
    nothing_left(practice, then)


def test_a_login_that_may_only_read_is_told_what_it_cannot_see_and_starts_no_pm2_of_its_own(
    practice: Practice, operator: Operator, guest: str
) -> None:
    before, then = picture(practice), traces(practice)
    own = practice.shell("web1", OWN, user="ops")

    def looks(*words: str) -> Ended:
        return operator.does(*words, "--on", "web1", "-i", guest)

    told = looks("doctor")
    assert (told.code, "we are ops, the app runs as deploy: set become" in told.out) == (8, True), told.out
    told = looks("triage", "--json")
    said = {one["playbook"]: one["verdict"] for one in told.lines[0]["diagnoses"]}
    assert {name for name, verdict in said.items() if verdict == "unknown"} == {
        *("app-stopped", "crash-loop", "database-unreachable", "stale-process")
    }
    assert (told.code, set(said.values())) == (6, {"unknown", "healthy"}), "nothing is made up"
    told = looks("health")
    assert (told.code, told.out.count(THEIRS), "✗ the" in told.out) == (6, 4, False), told.out
    told = looks("plan", "app-stopped")
    assert (told.code, THEIRS in told.out + told.err) == (6, True), told.out + told.err
    assert looks("plan", "missing-columns").code == 0
    assert picture(practice) == before
    assert practice.shell("web1", OWN, user="ops") == own
    nothing_left(practice, then)
