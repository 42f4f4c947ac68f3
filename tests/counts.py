"""Sums up what the tests counted: faults survived, kill points tried and held, bits flipped, injection strings."""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

SUMS = "REMEDIATE_TEST_SUMS"
"""The variable that names a file for the sums, for whoever prints them last."""


def fault_numbers(item: pytest.Item) -> list[int]:
    """Return the numbers of the faults that a test holds: `@pytest.mark.fault(3)`."""
    return [number for mark in item.iter_markers("fault") for number in mark.args]


class Counts:
    """Gathers what the tests of all workers counted."""

    def __init__(self) -> None:
        self.tried: dict[str, int] = defaultdict(int)
        self.held: dict[str, int] = defaultdict(int)
        self.searched: dict[str, int] = defaultdict(int)
        self.sums: list[str] = []
        self.met: set[int] = set()
        self.fallen: set[int] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what one test counted, which faults it is about, and whether it passed."""
        faults = {number for name, number in report.user_properties if name == "fault"}
        if report.failed:
            self.fallen |= faults
        if report.when == "teardown":
            self._note_searched([value for name, value in report.user_properties if name == "searched"])
        if report.when != "call":
            return
        if report.passed:
            self.met |= faults
        self.sums += [str(value) for name, value in report.user_properties if name == "sum"]
        for name, value in report.user_properties:
            if name == "count":
                what, tried, held = value
                self.tried[what] += tried
                self.held[what] += held

    def _note_searched(self, searched: list[dict[str, int]]) -> None:
        """Note where secrets were looked for; one that is found fails the suite."""
        for what, times in (pair for one in searched for pair in one.items()):
            self.searched[what] += times

    @property
    def lines(self) -> list[str]:
        """One line for each sum."""
        told = [
            f"{what}: {tried} tried, {self.held[what]} held" for what, tried in sorted(self.tried.items())
        ]
        told += [f"searched for secrets: {times} {what}" for what, times in sorted(self.searched.items())]
        if self.met | self.fallen:
            told.insert(
                0, f"faults: {len(self.met | self.fallen)} tried, {len(self.met - self.fallen)} survived"
            )
        return [*told, *self.sums]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell the sums at the suite's end."""
        if self.lines:
            terminalreporter.section("what was survived")
        for line in self.lines:
            terminalreporter.write_line(line)
        if file := os.environ.get(SUMS):
            Path(file).write_text(json.dumps({"tried": self.tried, "held": self.held, "lines": self.lines}))
