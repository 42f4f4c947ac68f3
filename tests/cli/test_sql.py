"""`remediate sql check`: exit codes, lines for people and for machines, and what it says that it could not judge."""

import json
from pathlib import Path

SAFE = 'CREATE TABLE "new" (id bigint PRIMARY KEY);\n'


def write(here: Path, text: str, name: str = "fix.sql") -> str:
    (here / name).write_text(text)
    return name


def test_a_file_without_a_stop_is_well_and_one_with_a_stop_is_not(here: Path, does) -> None:
    code, out, _ = does("sql", "check", write(here, SAFE))
    assert (code, out.splitlines()[0]) == (0, "fix.sql  ✓ 1 statement, no hazard")
    code, out, _ = does("sql", "check", write(here, f"{SAFE}\nTRUNCATE avatars;"))
    assert code == 8
    assert "fix.sql  ✗ 1 stops" in out
    assert "  line 3    stop     truncate  avatars" in out
    assert "    safer: sql.delete_rows with a WHERE" in out
    assert "not judged without a database (give --on HOST): " in out


def test_machines_get_one_object_a_file(here: Path, does) -> None:
    names = [write(here, SAFE, "a.sql"), write(here, "DELETE FROM avatars", "b.sql")]
    code, out, _ = does("sql", "check", *names, "--json")
    first, second = (json.loads(line) for line in out.splitlines())
    assert code == 8
    assert (first["file"], first["stops"], first["hazards"]) == ("a.sql", [], [])
    assert second["stops"] == ["delete-without-where"]
    assert second["hazards"][0] | {"why": ""} == {
        "rule": "delete-without-where",
        "severity": "stop",
        "line": 1,
        "about": "avatars",
        "lock": "ROW EXCLUSIVE",
        "work": "full scan",
        "blocks": "ROW EXCLUSIVE: blocks whoever writes to the same rows for as long as that takes (full scan; live"
        " size not known)",
        "seconds": None,
        "why": "",
        "safer": "say which rows",
        "allowed": False,
        "final": True,
    }
    assert "unquoted-name" in second["not_judged"]


def test_a_rule_can_be_allowed_but_not_a_final_one_nor_one_that_is_not(here: Path, does) -> None:
    name = write(here, "ALTER TABLE avatars DROP COLUMN gender;")
    assert does("sql", "check", name)[0] == 8
    code, out, _ = does("sql", "check", name, "--allow", "drop-column")
    assert code == 0
    assert "drop-column (allowed)" in out
    assert does("sql", "check", write(here, "TRUNCATE a"), "--allow", "truncate")[0] == 8
    code, _, err = does("sql", "check", name, "--allow", "drop-colum")
    assert code == 2
    assert "did you mean `drop-column`?" in err


def test_a_file_that_is_none_is_wrong_usage(here: Path, does) -> None:
    (here / "latin.sql").write_bytes(b"SELECT '\xe9'")
    for name, why in {"nowhere.sql": "cannot be read", "latin.sql": "no UTF-8"}.items():
        code, _, err = does("sql", "check", name)
        assert code == 2
        assert f"{name}: " in err
        assert why in err
    code, _, err = does("sql", "check", write(here, "SELECT 'a"))
    assert code == 2
    assert "has no end" in err


def test_a_database_that_cannot_be_looked_at_is_told_and_the_file_is_judged_all_the_same(
    here: Path, does
) -> None:
    code, out, _ = does("sql", "check", write(here, "TRUNCATE avatars"), "--on", "web1", "--json")
    (record,) = (json.loads(line) for line in out.splitlines())
    assert code == 6
    assert (record["host"], record["stops"]) == ("web1", ["truncate"])
    assert record["blocked"].startswith("web1")


def test_what_a_file_says_cannot_reach_the_terminal(here: Path, does) -> None:
    _, out, _ = does("sql", "check", write(here, 'DROP TABLE "\x1b[31mred\x1b[0m"'))
    assert "\x1b" not in out
    assert "drop-table" in out
