"""Patterns are tried where that ends, told where it might not, and no file keeps the linter busy."""

import json
import time
from pathlib import Path

import pytest

from remediate.lint.examples import looking
from remediate.lint.patterns import finds, repeats_what_is_repeated

from .playing import play


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+", r"(\w+\s?)*x", r"((a)+)+", r"(?:\d{1,})*", r"(?P<name>[a-z]*)+", r"(a*?)+", r"([ab]+c?)*"],
)
def test_what_repeats_itself_is_told_and_never_tried(pattern: str) -> None:
    assert repeats_what_is_repeated(pattern)
    assert not finds(pattern, "a" * 60)


@pytest.mark.parametrize(
    "pattern", [r"(ab)+", r"\(a+\)+", r"(a\+)+", r"a+b+", r"(of relation \"(\w+)\" )?does", r"(a|b)"]
)
def test_what_does_not_is_not(pattern: str) -> None:
    assert not repeats_what_is_repeated(pattern)


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
