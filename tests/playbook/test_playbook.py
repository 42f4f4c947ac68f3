from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import PlaybookError, UsageError
from remediate.playbook import find_playbook, playbook_files


def test_a_playbook_says_what_it_says(desk: Any) -> None:
    book = desk.load()
    assert (book.name, book.group, book.when, book.on_failure) == (
        "missing-columns",
        "backend",
        "any",
        "roll_back",
    )
    assert (book.within, book.stable, book.auto.per_hour, book.escalate) == (60.0, 10.0, 1, "database")
    assert book.symptoms[1].search('column "x" does not exist')["column"] == "x"
    assert [step.name for step in book.fix] == ["add them", "restart"]
    assert [step.needs_found for step in book.fix] == [True, False]


def test_its_steps_are_built_for_a_host_with_values_of_their_own_type(desk: Any) -> None:
    book = desk.load()
    scope = book.scope(desk.host, {"table": "faces"})
    (check,) = book.checks(scope)
    assert (check.known_as, check.check.table, check.check.backend) == ("columns", "faces", "/srv/backend")
    (answers,) = book.verifying(scope, desk.found)
    assert (answers.check.path, answers.check.port, answers.check.patience) == ("/api/faces", 3000, 5.0)
    add, restart = book.fixes(scope, desk.found)
    assert [(column.name, column.nullable) for column in add.action.columns] == [
        ("persona", False),
        ("mood", True),
    ]
    assert restart.action.app == "lumiku"
    assert [fix.name for fix in book.ready_fixes(scope)] == ["restart"]


def test_a_built_step_can_be_built_again_from_its_parameters(desk: Any) -> None:
    book = desk.load()
    (answers,) = book.verifying(book.scope(desk.host), desk.found)
    assert type(answers.check).model_validate_json(answers.check.model_dump_json()) == answers.check


def test_the_operator_is_told_what_was_found(desk: Any) -> None:
    book = desk.load()
    said = book.say(book.scope(desk.host), desk.found)
    assert said == "2 columns will be added to avatars on avatars_db."
    assert desk.with_("say: ", "say: plain #").load().say({}, {}) == "plain"


def test_the_digest_is_of_the_text_and_of_its_parts(desk: Any) -> None:
    first = desk.load().digest
    assert desk.load().digest == first
    desk.part("build-and-restart", "- name: restart it\n  sample.restart: {}\n")
    second = desk.load().digest
    assert second != first
    assert desk.with_("per_hour: 1", "per_hour: 2").load().digest not in {first, second}


def test_what_a_host_answered_is_never_read_as_a_template_or_as_yaml(desk: Any) -> None:
    book = desk.load()
    evil = "{{ app.name }}: [&x, *x, !!python/object 'a']\n- b"
    found = {"columns": {"missing": [{"name": evil}]}}
    add, _ = book.fixes(book.scope(desk.host), found)
    assert add.action.columns[0].name == evil


MISSING = '"{{ found.columns.missing }}"'
WRONG = [
    ("title:", "titel:", "2:1: unknown key `titel`; did you mean `title`?"),
    ("title: A column is missing\n", "", "1:1: `title` is missing; add `title:`"),
    ("on: backend", "on: 3", "4:5: `on` must be text"),
    ("'P2022'", "'P(2022'", "3:12: this is no regular expression"),
    ("identifier", "identifer", "6:17: `type` must be one of `str`, `int`"),
    ("default: avatars", "default: av-a", "6:10: `table` must be a name as SQL has it"),
    ("default: 3", "default: many", "7:10: `limit` must be a whole number"),
    ("  limit:", "  found:", "7:3: `found` means something else in templates; rename it"),
    ("  limit:", "  Limit:", "7:10: `Limit` must be text like"),
    ("sample.columns:", "sample.colums:", "11:5: there is no step `sample.colums`; did you mean `sample.columns`?"),
    ("{{ table }}", "{{ tabel }}", "11:29: `tabel` is not known here; did you mean `table`?"),
    ("{{ table }}", "{{ found.columns.x }}", "11:29: `found` is not known here"),
    ("{{ table }}", "{{ table | uper }}", "11:29: there is no filter `uper`; did you mean `upper`?"),
    ("{{ table }}", "{{ host.nam }}", "11:29: `host` has no `nam`; did you mean `name`?"),
    ("{{ table }}", "{{ vars.tabel }}", "11:29: `vars` has no `tabel`; did you mean `table`?"),
    ('{table: "{{ table }}"}', "{}", "11:5: `table` is missing; add `table:`"),
    ("as: columns", "alone: no", "12:12: `alone` must be true or false"),
    ("status: 200}\n", "status: 200}\n    alone: false\n", "23:5: `alone` is for steps of `diagnose`; remove it"),
    ("as: columns", "as: 1", "12:9: `as` must be a name of letters, digits and _"),
    ("columns.missing |", "colums.missing |", "14:8: `found` has no `colums`; did you mean `columns`?"),
    ("risk: schema", "risk: huge", "15:9: `risk` must be one of `none`, `restart`"),
    ("sample.add: {", "sample.add: {tabl: x, ", "18:18: unknown key `tabl`; did you mean `table`?"),
    (MISSING, "[{name: 3}]", "18:57: `name` must be text"),
    (MISSING, "[{nam: x}]", "18:51: unknown key `nam`; did you mean `name`?"),
    (MISSING, "[{}]", "18:50: `name` is missing"),
    ("sample.add:", "sample.answers:", "18:5: `sample.answers` looks and cannot cure; `fix` takes actions"),
    ("sample.columns:", "sample.restart:", "11:5: `sample.restart` changes things; `diagnose` takes checks"),
    ("use: build-and-restart", "use: build-and-restrt", "19:10: there is no part `build-and-restrt`"),
    ("- use: build-and-restart", "- {use: build-and-restart, name: x}", "19:5: `use` stands alone"),
    ("status: 200", "status: '200'", "22:56: `status` must be a whole number"),
    ("status: 200", "type: list", "22:54: `type` must be one of `array` or `object`"),
    ("status: 200", "patience: soon", "22:58: `patience` must be a duration like 60s, 5m, 2h or 1m30s"),
    ("    sample.answers:", "    sample.restart: {}\n    sample.answers:", "21:5: a step says twice what it does"),
    ("- name: the API answers\n    ", "- ", "21:5: a step needs a `name`"),
    ("within: 1m", "within: 1 m", "23:9: `within` must be a duration like 60s, 5m, 2h or 1m30s"),
    ("roll_back", "rollback", "25:13: `on_failure` must be one of `roll_back` or `keep`"),
    ("per_hour: 1", "per_hour: 0", "26:33: `per_hour` must be at least 1"),
    ("per_hour: 1", "per_hor: 1", "26:23: unknown key `per_hor`; did you mean `per_hour`?"),
    ("name: missing-columns", "name: other", "1:7: the playbook is named `other` and its file"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), WRONG, ids=[f"{old} -> {new}" for old, new, _ in WRONG])
def test_a_wrong_playbook_is_refused_with_its_place_and_a_hint(
    refused: Callable[[str, str], str], old: str, new: str, message: str
) -> None:
    assert f"missing-columns.yml:{message}" in refused(old, new)


@pytest.mark.parametrize("section", ["diagnose", "verify"])
def test_an_empty_diagnose_or_verify_is_refused(desk: Any, section: str) -> None:
    start = desk.text.index(f"{section}:\n")
    following = {"diagnose": "confirm:", "verify": "within:"}[section]
    end = desk.text.index(following)
    desk.text = desk.text[:start] + f"{section}: []\n" + desk.text[end:]
    with pytest.raises(PlaybookError, match=f"`{section}` must not be empty"):
        desk.load()


def test_two_steps_of_one_name_or_one_as_are_refused(desk: Any) -> None:
    desk.part("build-and-restart", "- name: add them\n  sample.restart: {}\n")
    with pytest.raises(PlaybookError, match=r"build-and-restart.yml:1:9: two steps are named `add them`"):
        desk.load()
    twice = "    as: columns\n  - name: again\n    sample.columns: {table: x}\n    as: columns\n"
    with pytest.raises(PlaybookError, match="two steps are `as: columns`"):
        desk.with_("    as: columns\n", twice).load()


def test_a_part_may_use_another_and_a_circle_is_refused(desk: Any) -> None:
    desk.part("build-and-restart", "- name: one\n  sample.restart: {}\n- use: more\n")
    desk.part("more", "- name: two\n  sample.restart: {app: x}\n")
    assert [step.name for step in desk.load().fix] == ["add them", "one", "two"]
    desk.part("more", "- use: build-and-restart\n")
    with pytest.raises(PlaybookError, match=r"more.yml:1:8: the part `build-and-restart` uses itself"):
        desk.load()


def test_a_mistake_in_a_part_is_told_at_the_part(desk: Any) -> None:
    desk.part("build-and-restart", "- name: one\n  sample.restart: {app: '{{ tabel }}'}\n")
    with pytest.raises(PlaybookError, match=r"parts/build-and-restart.yml:2:25: `tabel` is not known here"):
        desk.load()
    desk.part("build-and-restart", "name: one\n")
    with pytest.raises(PlaybookError, match="a part must be a list of steps"):
        desk.load()


def test_a_part_outside_its_folder_is_not_there(desk: Any) -> None:
    (desk.path.parent / "secret.yml").write_text("- name: x\n  sample.restart: {}\n")
    with pytest.raises(PlaybookError, match="there is no part"):
        desk.with_("use: build-and-restart", "use: ../secret").load()


def test_as_is_for_the_diagnosis_only(desk: Any) -> None:
    with pytest.raises(PlaybookError, match="`as` is for steps of `diagnose`; remove it"):
        desk.with_("status: 200}\n", "status: 200}\n    as: later\n").load()


def test_what_only_a_host_can_tell_is_refused_when_it_is_rendered(desk: Any) -> None:
    book = desk.load()
    bare = book.scope({**desk.host, "app": {"bakend": "/srv", "port": "x"}})
    with pytest.raises(
        PlaybookError, match=r"yml:11:21: sample.columns, `backend`: `app` has no `backend`; did you mean"
    ):
        book.checks(bare)
    with pytest.raises(PlaybookError, match=r"yml:22:21: `port` must be a whole number"):
        book.verifying(bare, desk.found)
    with pytest.raises(PlaybookError, match=r"yml:18:49: `columns` must be a list"):
        book.fixes(book.scope(desk.host), {"columns": {"missing": "persona"}})
    with pytest.raises(PlaybookError, match=r"yml:14:8: `database` has no `name`"):
        book.say({**book.scope(desk.host), "database": {}}, desk.found)


def test_variables_of_the_command_line_are_typed_and_known(desk: Any) -> None:
    book = desk.load()
    assert book.scope(desk.host, {"limit": "7"})["vars"] == {"table": "avatars", "limit": 7}
    with pytest.raises(
        UsageError, match=r"--var tabel: missing-columns has no such variable; did you mean `table`\?"
    ):
        book.scope(desk.host, {"tabel": "x"})
    with pytest.raises(UsageError, match="--var table: must be a name as SQL has it"):
        book.scope(desk.host, {"table": 'x"; DROP TABLE avatars; --'})
    with pytest.raises(UsageError, match="the variable `table` has no value; give --var table="):
        desk.with_(", default: avatars", "").load().scope(desk.host)


def test_a_playbook_is_found_by_its_name_or_its_path(desk: Any) -> None:
    desk.load()
    folder = desk.path.parent
    assert playbook_files(folder) == (desk.path,)
    assert find_playbook("missing-columns", folder) == desk.path
    assert find_playbook("elsewhere/x.yml", folder) == Path("elsewhere/x.yml")
    with pytest.raises(
        UsageError, match=r"there is no such playbook in .*; did you mean `missing-columns`\?"
    ):
        find_playbook("mising-columns", folder)
