"""The command triage without a network: what it says of diagnoses and reads of a log, and where nothing is asked."""

import io
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.cli import triaging
from remediate.cli.app import run
from remediate.cli.exit_codes import BLOCKED, NO_CURE
from remediate.cli.triaging import Wanted, lines_of, tail_of
from remediate.inventory import Host, load_inventory
from remediate.model import Finding
from remediate.playbook import load_playbook, playbook_files
from remediate.triage import Diagnosis, Presence, given_by, matches, ranked

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
BOOKS = {path.stem: load_playbook(path, CATALOGUE) for path in playbook_files(PLAYBOOKS)}
ILL = Finding(check="it is so", healthy=False, seen="it is not")
CURE = "fix: [{name: restart, pm2.restart: {}}]\nverify: [{name: room, system.disk: {}}]\n"


@pytest.fixture
def web1(here: Path) -> Host:
    (host,) = load_inventory(here / "inventory/lab.yml").select(["web1"])
    return host


def found(name: str) -> Diagnosis:
    return Diagnosis(BOOKS[name], Presence.FOUND, (ILL,))


def healthy(name: str, *findings: Finding) -> Diagnosis:
    return Diagnosis(BOOKS[name], Presence.HEALTHY, findings)


def told(host: Host, seen: Iterable[Diagnosis], text: str = "", places: tuple[str, ...] = ()) -> str:
    met = matches(BOOKS.values(), text)
    lines = {match.playbook.name: match.line for match in met}
    given = {match.playbook.name: given_by(match) for match in met}
    wanted = Wanted(tuple(BOOKS.values()), given, lines, places=places)
    return "\n".join(line.text for line in lines_of(host, ranked(tuple(seen), lines), wanted))


def test_an_error_that_was_cured_hides_no_other_fault(web1: Host) -> None:
    said = told(web1, [healthy("missing-columns"), found("app-stopped")], "code: 'P2022'")
    assert "web1: 1 fault" in said
    assert "1. app-stopped" in said
    assert (
        "! missing-columns knows the error, and its fault is not there now\n     knows: code: 'P2022'" in said
    )


def test_of_equals_the_one_that_knows_the_error_comes_first_with_what_brings_it_about(web1: Host) -> None:
    seen = [found("disk-pressure"), found("prisma-validation"), found("prisma-client-out-of-sync")]
    said = told(web1, seen, "@prisma/client did not initialize yet")
    assert "1. prisma-validation" in said
    assert "2. disk-pressure" in said
    assert "3. prisma-client-out-of-sync" in said
    assert "(explained by prisma-validation)\n     knows: @prisma/client did not initialize yet" in said
    assert "run prisma-client-out-of-sync" not in said


def test_of_several_causes_the_one_whose_cure_goes_least_deep_comes_first_and_that_is_said(
    web1: Host,
) -> None:
    said = told(
        web1, [found("foreign-key"), found("disk-pressure"), found("app-stopped"), found("stale-process")]
    )
    assert [
        line.split(":")[0].strip() for line in said.splitlines() if line.startswith("  ") and ". " in line[:6]
    ][:4] == [
        "1. app-stopped",
        "2. foreign-key",
        "3. disk-pressure",
        "4. stale-process",
    ]
    assert "1. app-stopped: it brings about stale-process; its cure restarts" in said
    assert (
        "2. foreign-key: nothing that was found explains it; its cure changes the database's schema" in said
    )
    assert "later: stale-process: app-stopped explains it and goes first" in said
    assert "in this order:" not in told(web1, [found("foreign-key")]), "one needs no reason"


def test_what_another_fault_explains_is_held_back_whether_that_one_has_a_cure_or_not(
    web1: Host, tmp_path: Path
) -> None:
    root = tmp_path / "books/root.yml"
    root.parent.mkdir()
    (root.parent / "crash-loop.yml").write_text((PLAYBOOKS / "crash-loop.yml").read_text())
    (root.parent / "post-deploy-500.yml").write_text((PLAYBOOKS / "post-deploy-500.yml").read_text())
    text = "name: root\ntitle: Root\non: backend\nexplains: [crash-loop]\ndiagnose: [{name: room, system.disk: {}}]\n"
    root.write_text(text)
    bare = Diagnosis(load_playbook(root, CATALOGUE), Presence.FOUND, (ILL,))
    said = told(web1, [bare, found("crash-loop")])
    assert "next: remediate run crash-loop" not in said
    assert "next: root first, then look again" in said
    assert triaging._code(ranked([bare, found("crash-loop")])) == NO_CURE
    root.write_text(text + CURE)
    cure = Diagnosis(load_playbook(root, CATALOGUE), Presence.FOUND, (ILL,))
    assert "next: remediate run crash-loop" not in told(web1, [cure, found("crash-loop")])


def test_what_is_left_beside_a_fault_that_is_not_there_is_told(web1: Host) -> None:
    said = told(web1, [healthy("prisma-import", ILL)], "TS2614")
    assert "✗ it is so: it is not" in said
    assert "not there: prisma-import" in told(web1, [healthy("prisma-import", ILL)]), "nobody asked about it"


def test_the_next_command_finds_the_same_inventory_and_playbooks(web1: Host) -> None:
    places = ("-i", "lab", "--playbooks", "my books")
    said = told(web1, [found("missing-columns")], "The column `users.nickname` does not exist", places)
    assert (
        "next: remediate run missing-columns --on web1 --var=table=users -i lab --playbooks 'my books'"
        in said
    )


def test_a_host_that_nothing_was_asked_of_is_not_called_healthy(web1: Host, here: Path, capsys) -> None:
    assert run(["triage", "--on", "db1", "--playbooks", str(PLAYBOOKS)]) == BLOCKED
    assert "db1: nothing was asked, no playbook is for database" in capsys.readouterr().out
    assert run(["triage", "--on", "db1", "--json", "--playbooks", str(PLAYBOOKS)]) == BLOCKED
    assert json.loads(capsys.readouterr().out)["blocked"] == "nothing was asked, no playbook is for database"


def test_a_playbook_that_lacks_a_value_is_told_and_hides_no_other(here: Path, capsys) -> None:
    books = here / "books"
    books.mkdir()
    (books / "lacks.yml").write_text(
        "name: lacks\ntitle: Lacks\non: database\nvars: {size: {type: int}}\n"
        "diagnose: [{name: room, system.disk: {}}]\n"
    )
    assert run(["triage", "--on", "db1", "--playbooks", str(books)]) == BLOCKED
    assert "? lacks: lacks: the variable `size` has no value; give --var size=…" in capsys.readouterr().out


class Log(io.RawIOBase):
    """A log of many parts, which tells how much was asked for at once."""

    def __init__(self, parts: int) -> None:
        self.left = parts

    def read(self, size: int = -1) -> bytes:
        self.left -= 1
        return str(self.left).encode() * size if self.left >= 0 else b""


def test_of_a_log_of_any_length_the_end_is_kept(monkeypatch) -> None:
    monkeypatch.setattr(triaging, "LARGEST_TEXT", 8)
    assert tail_of(Log(6)) == b"00000000"
    assert tail_of(io.BytesIO(b"0123456789")) == b"23456789"
    assert tail_of(io.BytesIO(b"")) == b""


@pytest.mark.parametrize(
    ("line", "table"),
    [
        ("The column `users.nickname` does not exist in the current database.", "users"),
        ("The column `main.users.nickname` does not exist in the current database.", "users"),
        ('column "nickname" of relation "users" does not exist', "users"),
        ("column users.nickname does not exist", "users"),
        ("column t0.nickname does not exist", None),
        ("The column `nickname` does not exist", None),
    ],
)
def test_a_missing_column_tells_its_table(line: str, table: str | None) -> None:
    (match,) = matches([BOOKS["missing-columns"]], f"{line}\n  code: 'P2022'\n")
    assert given_by(match) == ({"table": table} if table else {})


def test_a_log_is_known_by_its_end() -> None:
    log = "column old.a does not exist\ncolumn users.b does not exist\nall is well"
    (match,) = matches([BOOKS["missing-columns"]], log)
    assert (match.line, given_by(match)) == ("column users.b does not exist", {"table": "users"})


@pytest.mark.parametrize(
    "word", ["AP1000", "P10001", "XECONNREFUSED", "P20221", "SHIP2022", "ENOSPCX", "TS26145"]
)
def test_a_code_is_a_word_of_its_own(word: str) -> None:
    assert matches(BOOKS.values(), word) == ()
