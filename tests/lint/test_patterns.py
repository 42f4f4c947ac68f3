"""Patterns are tried where that ends, told where it might not, and no file keeps the linter busy."""

import json
import time
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.lint.examples import looking, steps_of
from remediate.lint.patterns import finds
from remediate.playbook import load_playbook
from remediate.text.patterns import may_not_end
from remediate.triage import matches

from .playing import play


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            r"(a+)+",
            r"(\w+\s?)*x",
            r"((a)+)+",
            r"(?:\d{1,})*",
            r"(?P<name>[a-z]*)+",
            r"(a*?)+",
            r"([ab]+c?)*",
        ),
        *(
            r"(\w* ?){1,30}#",
            r"(?:\w+ ?){2,20}#",
            r"(.?){40}#",
            ".*" * 10 + "#",
            r"(.*,){9}#",
            "a?" * 30 + "a" * 30,
        ),
        *(r"x|(a|aa)+$", r"(?:(?:a+)b?){3}", r".*\b.*(?:.*).*#"),
    ],
)
def test_what_repeats_itself_is_told_and_never_tried(pattern: str) -> None:
    assert may_not_end(pattern)
    assert not finds(pattern, "a" * 60)


FINE = (
    *(
        r"\d{1,3}(\.\d{1,3}){3}",
        r"(\w+,)*",
        r"(foo|far)+",
        r"error.*code.*at.*in.*of",
        r"\w+\s+\w+\s+\w+\s+\w+\s+",
    ),
    *(
        r"a{,}b{x}",
        r"[]+*]+[^]*]?(?i:x)",
        r"(?=a+)(?!b+)",
        r"(?P<q>['\"]).*(?P=q)",
        "(",
        r"\d\d?:\d\d?(\.\d+)?",
        "",
    ),
)


@pytest.mark.parametrize(
    "pattern", [r"(ab)+", r"\(a+\)+", r"(a\+)+", r"a+b+", r"(of relation \"(\w+)\" )?does", r"(a|b)", *FINE]
)
def test_what_does_not_is_not(pattern: str) -> None:
    assert not may_not_end(pattern)


def test_alternatives_that_are_repeated_are_not_tried_and_what_is_no_pattern_finds_nothing() -> None:
    assert not finds(r"(\w|\s|\w\w)+!", "x" * 60)
    assert not finds("(", "(")
    assert finds(r"P20(21|22)", "P2022")


@pytest.mark.parametrize("piece", ["npx ", "A=b;", "$(", "pm2 save\n"])
def test_a_file_made_to_keep_it_busy_does_not(tmp_path: Path, piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.monotonic()
    play(tmp_path, f"notes: {json.dumps(text)}\n")
    play(tmp_path, looking("x").replace("|\n        x\n", f"{json.dumps(text)}\n"))
    assert time.monotonic() - began < 60, "it took half a minute each before scripts were bounded"


@pytest.mark.parametrize("symptom", [r"(\w* ?){1,30}#", r"(.?){40}#", ".*" * 10 + "#"])
def test_what_may_not_end_is_told_is_not_tried_by_triage_and_is_refused_of_a_step(
    tmp_path: Path, symptom: str
) -> None:
    remarks = play(tmp_path, f"symptoms: ['{symptom}', 'P2022']\n")
    assert {one.rule for one in remarks} == {"RM605"}
    playbook = load_playbook(tmp_path / "playbooks" / "example.yml", CATALOGUE)
    assert matches([playbook], "x" * 60) == ()
    (match,) = matches([playbook], "P2022 " + "x" * 60)
    assert match.line.startswith("P2022")
    steps = (
        f"pm2.log: {{without: '{symptom}'}}",
        f"files.contains: {{path: a, pattern: '{symptom}'}}",
        f"command.output: {{script: date, pattern: '{symptom}'}}",
    )
    for step in steps:
        (refused,) = play(tmp_path, steps_of("diagnose", step))
        assert (refused.rule, "repeat once" in f"{refused.what} {refused.remedy}") == ("RM001", True)
