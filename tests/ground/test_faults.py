"""Each fault is really there: the app's own answer and its own log show it."""

from tests.cures import cures
from tests.practice import BACKEND, LAB, REPOSITORY, done

DESCRIPTIONS = {file.stem: file for file in (LAB.parent / "faults").glob("*.sh")}


FOR_GOOD = {"blocked-queries"}
"""What these cure no way back brings again, and the matrix takes back what it cures: they have tests of their own."""
BY_CHOICE = {"orphaned-rows", "foreign-key"}
"""What these cure is cured only where a person says how: tests/acceptance/test_key_choices.py."""


def log(practice):
    return practice.shell("web1", "cat ~/.pm2/logs/lumiku-backend-error.log")


def test_every_fault_is_listed_with_what_it_does(practice):
    listed = done(practice.lab("faults")).stdout.splitlines()
    assert [line.split()[0] for line in listed] == sorted(DESCRIPTIONS)
    assert all(len(line.split()) > 4 for line in listed)


def test_named_import_makes_every_endpoint_answer_500(practice, web1):
    for _ in range(2):  # the second time changes nothing
        done(practice.lab("break", "named-import"))
    assert practice.answers(web1)[0] == 500
    assert practice.answers(web1, "POST", body={"name": "Test"})[0] == 500
    assert "TypeError: Cannot read properties of undefined (reading 'avatarProject')" in log(practice)
    repository = f"{BACKEND}/src/apps/avatar-creator/repositories/avatar-creator.repository.ts"
    assert practice.on(web1, "head", "-n", "1", repository) == "import { prisma } from '../../../db/client'\n"


def test_missing_columns_makes_only_writing_answer_500(practice, web1):
    for _ in range(2):
        done(practice.lab("break", "missing-columns"))
    assert practice.answers(web1)[0] == 200
    status, body = practice.answers(web1, "POST", body={"name": "Test"})
    assert (status, body) == (500, '{"error":"Internal Server Error","code":"P2022"}')
    assert "does not exist in the current database" in log(practice)
    counted = "select count(*) from information_schema.columns where table_name = 'avatars'"
    columns = practice.on(web1, "psql", "-h", "/run/postgresql", "-U", "postgres", "-Atc", counted, "lumiku")
    assert columns.strip() == "8"


def test_a_fault_that_does_not_show_says_so(practice, web1):
    practice.on(web1, "pm2", "stop", "lumiku-backend")
    failed = practice.lab("break", "missing-columns", REMEDIATE_LAB_PATIENCE="1")
    assert failed.returncode == 1
    assert "lab: web1: the fault does not show" in failed.stderr


def test_every_shipped_playbook_cures_a_fault_that_is_here():
    cured = {playbook for _, playbook in cures()} | FOR_GOOD | BY_CHOICE
    shipped = (REPOSITORY / "playbooks").glob("*.yml")
    assert cured == {path.stem for path in shipped if "\nfix:" in path.read_text()}
