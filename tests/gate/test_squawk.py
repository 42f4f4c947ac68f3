"""squawk as a program: what it finds, where, and that nothing in a file or a folder silences it."""

from pathlib import Path

import pytest

from remediate.gate import judge
from remediate.gate.squawk import MISSING, lint

RENAME = "ALTER TABLE avatars RENAME TO people"


def test_what_it_finds_has_the_place_where_it_stands() -> None:
    script = f"-- é\nSELECT 'ééé'; {RENAME};"
    (said,) = lint(script).said
    assert said.rule == "renaming-table"
    assert script[said.start :].startswith("RENAME") or script[said.start :].startswith("ALTER")


def test_nothing_found_is_nothing_said() -> None:
    assert lint("SELECT 1").said == ()
    assert lint("").said == ()


@pytest.mark.parametrize(
    "comment", ["-- squawk-ignore-file\n", "-- squawk-ignore renaming-table\n", "/* squawk-ignore-file */ "]
)
def test_a_comment_in_the_file_does_not_silence_it(comment: str) -> None:
    assert [one.rule for one in lint(comment + RENAME).said] == ["renaming-table"]


def test_a_configuration_in_the_folder_does_not_silence_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".squawk.toml").write_text('excluded_rules = ["renaming-table"]\n')
    assert [one.rule for one in lint(RENAME).said] == ["renaming-table"]


def test_where_it_is_missing_or_broken_one_line_says_so_and_our_own_rules_judge_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "squawk"
    broken.write_text("#!/bin/sh\ncat >/dev/null; echo nonsense; exit 1\n")
    broken.chmod(0o755)
    assert "could not be run" in lint("SELECT 1", str(broken)).missing
    assert "could not be run" in lint("SELECT 1", str(tmp_path / "nowhere")).missing
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    verdict = judge("TRUNCATE avatars")
    assert verdict.missing == MISSING
    assert [hazard.rule for hazard in verdict.hazards] == ["truncate"]


def test_its_word_counts_where_our_own_parser_reads_nothing() -> None:
    (hazard,) = [
        one for one in judge("ALTER TABLE avatars DETACH PARTITION p").hazards if one.rule == "linted"
    ]
    assert "DETACH" in hazard.why or "detach" in hazard.why.lower()
    assert {one.rule for one in judge("SELECT 1;\nSELECT FROM WHERE;").hazards if one.line == 2} >= {"syntax"}
