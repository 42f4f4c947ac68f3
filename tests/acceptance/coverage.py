"""docs/COVERAGE.md: which fault is recognised, cured and taken back by which playbook. Plays nothing itself."""

import re
from collections.abc import Sequence

from tests.acceptance.trials import STAGES, Trial
from tests.cures import faults
from tests.practice import REPOSITORY

PAGE = REPOSITORY / "docs" / "COVERAGE.md"
HEAD = """\
# Which faults are recognised, cured and taken back

Written by `make matrix`, which breaks the sample backend in every way of `vagrant/faults`, one at a time, and asks:
does `triage` name the right playbook (●) and none that does not belong, is a dry run inert, does `run` cure it so
that the API answers rightly and the log stays quiet, does a second run change nothing, and does `rollback` lead back
to the broken start, to the byte? ○ is a playbook whose fault another one brings about: triage says so, and
ranks it after.
"""


def matrix_line(trials: Sequence[Trial]) -> str:
    """Return the sums of all trials in one line."""
    held = {stage: sum(stage in trial.held for trial in trials) for stage in STAGES}
    alarms = sum(len(trial.false_alarms) for trial in trials)
    words = [f"recognised {held['recognised']}", f"false alarms {alarms}"]
    words += [f"{stage} {held[stage]}" for stage in STAGES[1:]]
    return f"faults {len(trials)}: {', '.join(words)}"


def written(trials: Sequence[Trial]) -> str:
    """Return the page."""
    playbooks = _playbooks()
    columns = ["fault", "what one sees", *playbooks, "cured", "again", "back"]
    rows = [_row(trial, playbooks) for trial in sorted(trials, key=lambda trial: trial.fault.name)]
    table = [f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows)]
    person = sum(not trial.fault.cured_by for trial in trials)
    last = f"{matrix_line(trials)}; {person} are left to a person, who is told what is wrong"
    return f"{HEAD}\n" + "\n".join(table) + f"\n\n{last}.\n"


def _row(trial: Trial, playbooks: Sequence[str]) -> list[str]:
    fault = trial.fault
    marks = {fault.recognised_by: "●", **dict.fromkeys(trial.explained, "○")}
    done = ["✓" if stage in trial.held else "–" for stage in STAGES[2:]]
    return [f"`{fault.name}`", _escaped(fault.description), *(marks.get(one, "") for one in playbooks), *done]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")  # it would end the cell


def _playbooks() -> list[str]:
    named = {fault.recognised_by for fault in faults()}
    shipped = sorted(path.stem for path in (REPOSITORY / "playbooks").glob("*.yml"))
    return [one for one in shipped if one in named]


def page_is_fresh() -> bool:
    """Tell whether the page has a row for each fault as its file tells it now, and a column for each playbook."""
    lines = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in PAGE.read_text().splitlines()
        if line[:1] == "|"
    ]
    columns, _, *rows = lines
    playbooks = columns[2:-3]
    named = {re.sub("`", "", row[0]): playbooks[row[2:-3].index("●")] for row in rows}
    wanted = {fault.name: fault.recognised_by for fault in faults()}
    told = {row[1] for row in rows} == {_escaped(fault.description) for fault in faults()}
    return named == wanted and playbooks == _playbooks() and told
