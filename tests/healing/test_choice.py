"""Which fault is cured first: causes before symptoms, then the least invasive cure, and none twice."""

from itertools import permutations
from pathlib import Path

from remediate.catalogue import CATALOGUE
from remediate.healing.choice import chosen
from remediate.playbook import load_playbook, playbook_files
from remediate.playbook.invasiveness import Invasiveness, invasiveness_of
from remediate.triage import Diagnosis, Presence, ranked

SHIPPED = Path(__file__).parents[2] / "playbooks"
BOOKS = {path.stem: load_playbook(path, CATALOGUE) for path in playbook_files(SHIPPED)}
NEVER_ALONE = (
    *("sql.delete", "sql.insert", "sql.update", "sql.fill", "sql.terminate", "sql.cancel", "sql.migrate"),
    *("prisma.migrate", "prisma.db_push", "command."),
)
"""How actions begin that no shipped playbook takes without a person."""


def found(*names: str) -> tuple[Diagnosis, ...]:
    return ranked([Diagnosis(BOOKS[name], Presence.FOUND) for name in names])


def order(*names: str, tried: tuple[str, ...] = ()) -> list[str]:
    return [one.playbook.name for one in chosen(found(*names), tried).tried_next]


def test_whatever_order_they_are_found_in_the_least_invasive_cure_comes_first() -> None:
    names = ("app-stopped", "database-unreachable", "foreign-key", "null-values", "vacuum")
    assert {tuple(order(*some)) for some in permutations(names)} == {
        ("vacuum", "app-stopped", "database-unreachable", "foreign-key", "null-values")
    }


def test_a_symptom_waits_for_its_cause_however_little_its_cure_would_do() -> None:
    assert order("stale-process", "missing-columns") == ["missing-columns"]
    choice = chosen(found("stale-process", "missing-columns"))
    assert [one.playbook.name for one in choice.left] == ["stale-process"]
    assert choice.reasons == (
        "1. missing-columns: it brings about stale-process; its cure changes the database's schema",
        "later: stale-process: missing-columns explains it and goes first",
    )


def test_a_cause_without_a_cure_holds_its_symptoms_back_and_of_equals_stands_last() -> None:
    assert order("failed-migration", "missing-columns") == ["failed-migration"]
    assert order("duplicate-key", "app-stopped") == ["app-stopped", "duplicate-key"]


def test_what_was_tried_and_put_back_is_not_tried_again() -> None:
    assert order("app-stopped", "vacuum", tried=("vacuum",)) == ["app-stopped"]
    reasons = chosen(found("app-stopped", "vacuum"), ["vacuum"]).reasons
    assert reasons[-1] == "not again: vacuum: its cure was tried, and put back"


def test_what_is_not_there_or_not_known_is_not_chosen() -> None:
    healthy, unknown = Presence.HEALTHY, Presence.UNKNOWN
    seen = [Diagnosis(BOOKS["vacuum"], healthy), Diagnosis(BOOKS["foreign-key"], unknown)]
    assert chosen(seen).tried_next == ()
    assert chosen(seen).reasons == ()


def test_how_deep_shipped_cures_go() -> None:
    depths = {name: invasiveness_of(book) for name, book in BOOKS.items() if book.fix}
    assert depths["app-stopped"] is Invasiveness.RESTART
    assert depths["stale-process"] is Invasiveness.REBUILD
    assert depths["missing-columns"] is Invasiveness.SCHEMA
    assert depths["orphaned-rows"] is Invasiveness.DATA


def test_a_build_that_only_follows_what_was_generated_counts_as_generating(tmp_path: Path) -> None:
    steps = [
        ("prisma.generate", Invasiveness.REGENERATE),
        ("node.build", Invasiveness.REBUILD),
        ("node.clean", Invasiveness.REBUILD),
    ]
    text = (
        "name: one\ntitle: One\non: backend\ndiagnose: [{name: up, pm2.online: {}}]\nconfirm: {risk: build}\n"
    )
    verify = "verify: [{name: up, pm2.online: {}}]\n"
    for kinds, depth in ((steps[:1], 2), (steps[:2], 2), (steps[1:2], 3), (steps, 3)):
        fix = ", ".join(f"{{name: {kind}, {kind}: {{}}}}" for kind, _ in kinds)
        (tmp_path / "one.yml").write_text(
            f"{text}fix: [{fix}, {{name: restart, pm2.restart: {{}}}}]\n{verify}"
        )
        assert invasiveness_of(load_playbook(tmp_path / "one.yml", CATALOGUE)) == depth, kinds


def test_no_shipped_playbook_that_touches_rows_or_cannot_be_taken_back_is_made_without_a_person() -> None:
    alone = {name: book for name, book in BOOKS.items() if book.auto.allowed}
    assert all(invasiveness_of(book) < Invasiveness.DATA for book in alone.values())
    assert {name for name, book in alone.items() if book.on_failure == "keep"} == {"vacuum"}
    for name, book in alone.items():
        kinds = [step.step.kind for step in book.fix if step.step.kind.startswith(NEVER_ALONE)]
        assert not kinds, name
