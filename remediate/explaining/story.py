"""An explanation as a person reads it: sections of paragraphs and points. It knows neither a terminal nor Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from remediate.explaining.changes import how_far_back, more_about
from remediate.explaining.told import Explanation, ToldChange, ToldCheck
from remediate.explaining.wording import code, counted, duration, listed


@dataclass(frozen=True)
class Point:
    """A point of a list.

    Attributes:
        text: What it says.
        name: Of a step, as the playbook names it; empty of anything else.
        kind: Of a step, `provider.verb`.
        below: Further lines.
    """

    text: str
    name: str = ""
    kind: str = ""
    below: tuple[str, ...] = ()


@dataclass(frozen=True)
class Points:
    """A list.

    Attributes:
        points: In order.
        numbered: Whether their order matters.
    """

    points: tuple[Point, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Quoted:
    """What a playbook says, word for word."""

    text: str


Block: TypeAlias = str | Points | Quoted
"""A paragraph, a list, or what is quoted. Code in it stands between backticks, as Markdown has it."""


@dataclass(frozen=True)
class Section:
    """A heading, and what stands under it; the first one of a story has no heading."""

    heading: str
    blocks: tuple[Block, ...]


def story(told: Explanation) -> tuple[Section, ...]:
    """Return all that there is to say, in the order in which somebody needs it who was just woken up."""
    sections = (
        Section("", tuple(_in_short(told))),
        Section("When to think of it", tuple(_symptoms(told))),
        Section("What it looks for", tuple(_looks(told))),
        Section("What it may change", tuple(_changes(told))),
        Section("What it asks of you", tuple(_asks(told))),
        Section("When it counts as cured", tuple(_cured(told))),
        Section("When it does not help", tuple(_no_help(told))),
        Section("Without a person", tuple(_unattended(told))),
        Section("What it needs", tuple(_needs(told))),
        Section("What you can choose", tuple(_variables(told))),
        Section("What you should know", (told.notes,) if told.notes else ()),
        Section("Where the runbook has it", tuple(_runbook(told))),
    )
    return tuple(section for section in sections if section.blocks)


def _in_short(told: Explanation) -> Iterator[Block]:
    hosts = f"the group {code(told.needs.group)}"
    if told.kind == "tool":
        run = code(f"remediate {told.name} --on HOSTS")
        yield f"A tool for hosts of {hosts}. It only looks, and changes nothing: {run}."
        return
    if told.kind == "tells":
        yield (
            f"For hosts of {hosts}. It tells what is wrong, changes nothing, and leaves the cure to a person:"
            f" {code(f'remediate run {told.name} --on HOSTS')} ends with exit code 8 where the fault is there,"
            " and with 0 where it is not."
        )
        return
    steps = counted(len(told.fix), "step")
    yield f"A cure for hosts of {hosts}, in {steps}; its class of risk is {code(told.risk)}. {how_far_back(told.fix)}"
    dry = code(f"remediate run {told.name} --on HOSTS --dry-run")
    yield f"See what it would do, without any change: {dry}."


def _symptoms(told: Explanation) -> Iterator[Block]:
    if told.symptoms:
        yield "An error message, a line of a log or an alert has one of these (regular expressions):"
        yield Points(tuple(Point(code(symptom)) for symptom in told.symptoms))
    elif told.kind != "tool":
        yield "No error message gives it away: `remediate triage` finds it by looking."
    if told.explains:
        others = listed([code(name) for name in told.explains])
        one = len(told.explains) == 1
        yield (
            f"Its fault brings about {'that' if one else 'those'} of {others}: where"
            f" {'both are' if one else 'several are'} there, `remediate triage` names this one first."
        )


def _looks(told: Explanation) -> Iterator[Block]:
    yield Points(tuple(map(_check_point, told.diagnose)), numbered=True)
    if told.kind == "tool":
        yield _two_looks(told)
        yield "It ends with exit code 0 where all is well, 8 where something is not, and 6 where nobody can say."
        return
    yield _fault(told)


def _check_point(check: ToldCheck) -> Point:
    below = () if check.alone else ("By itself this is not the fault: `triage` does not count it.",)
    return Point(check.does, check.name, check.kind, below)


def _change_point(change: ToldChange) -> Point:
    return Point(change.does, change.name, change.kind, tuple(more_about(change)))


def _two_looks(told: Explanation) -> str:
    if not told.stable:
        return "It looks once."
    return f"It looks for {duration(told.stable)}: what moves meanwhile (a line in a log, another process) counts."


def _fault(told: Explanation) -> str:
    if len(told.diagnose) == 1:
        return "Where this is well, there is nothing to do, and it ends with exit code 0."
    if told.when == "all":
        return "Only where none of these is well is it this fault. Otherwise it ends with exit code 0."
    several = sum(check.alone for check in told.diagnose)
    which = (
        "One that is not well is enough"
        if several == len(told.diagnose)
        else f"The fault is there where {_which(told)} not well"
    )
    others = (
        "" if several == len(told.diagnose) or not told.fix else "; what only another finds is made good, too"
    )
    return f"{which}{others}. Where all are well, there is nothing to do, and it ends with exit code 0."


def _which(told: Explanation) -> str:
    numbers = [str(at) for at, check in enumerate(told.diagnose, 1) if check.alone]
    return f"number {listed(numbers, 'or')} is"


def _changes(told: Explanation) -> Iterator[Block]:
    if told.kind == "tool":
        return
    if not told.fix:
        yield "Nothing. What it finds wants a person's decision."
        return
    yield (
        "In this order. A step that finds nothing to do is left out. Everything is shown before it is done, and"
        " nothing is done where anything moved since it was shown."
    )
    yield Points(tuple(map(_change_point, told.fix)), numbered=True)


def _asks(told: Explanation) -> Iterator[Block]:
    if not told.fix:
        return
    if told.say:
        filled = " (what stands between braces is filled in on the spot)" if "{{" in told.say else ""
        yield f"Beside the plan, it tells or asks you{filled}:"
        yield Quoted(told.say)
    yield (
        "Whether you confirm with yes, by typing the environment's name, with a reason or with the signatures of"
        " others is for the policy in the inventory to say."
    )


def _cured(told: Explanation) -> Iterator[Block]:
    if not told.fix:
        return
    yield "All that it looked for at first is asked again, and must be well. So must be:"
    yield Points(tuple(map(_check_point, told.verify)))
    stay = f"and must then stay so for {duration(told.stable)}" if told.stable else "once is enough"
    yield f"All that may take {duration(told.within)}, {stay}."


def _no_help(told: Explanation) -> Iterator[Block]:
    if told.kind == "tool":
        return
    if told.fix:
        yield _on_failure(told)
    if told.escalate:
        who = f"the contacts for {code(told.escalate)} in the inventory"
        yield f"Then call {who}." if told.fix else f"Call {who}, with what it found."


def _on_failure(told: Explanation) -> str:
    if told.on_failure == "keep":
        return "What was changed stays, for nothing is put back by itself. The run ends with exit code 8."
    for_good = any("none" in change.back for change in told.fix)
    what = "What can be put back is put back" if for_good else "Everything is put back"
    return (
        f"{what}, the last change first; then it looks again, to prove that all is as it was. The run ends with"
        " exit code 1, or with 7 where something could not be put back, and then a person is needed at once."
        " A cure that held can be taken back later, too: `remediate rollback RUN`."
    )


def _unattended(told: Explanation) -> Iterator[Block]:
    if not told.fix:
        return
    if told.auto:
        often = _OFTEN.get(told.auto, f"{told.auto} times")
        yield (
            f"It may be run unattended, at most {often} an hour on a host, where the environment's policy allows"
            " that, too."
        )
    else:
        yield "It is never run unattended: a person has to confirm it."


_OFTEN = {1: "once", 2: "twice"}


def _needs(told: Explanation) -> Iterator[Block]:
    points = [f"A host of the inventory's group {code(told.needs.group)}, reached through SSH."]
    if told.needs.app:
        points.append(f"In the inventory, under `app:`, {listed([code(name) for name in told.needs.app])}.")
    if told.needs.secrets:
        names = listed([code(name) for name in told.needs.secrets])
        points.append(f"The inventory's {'secrets' if len(told.needs.secrets) > 1 else 'secret'} {names}.")
    points += [f"{one}." for one in told.needs.software]
    yield Points(tuple(map(Point, points)))


def _variables(told: Explanation) -> Iterator[Block]:
    if not told.variables:
        return
    points = []
    for one in told.variables:
        kind = (
            f"one of {listed([code(choice) for choice in one.choices], 'or')}"
            if one.choices
            else _TYPES[one.type]
        )
        about = f": {one.about}" if one.about else ""
        taken = " `triage` takes it from the text of the error." if one.from_symptom else ""
        name = code(f"--var {one.name}=…")
        points.append(Point(f"{name} ({kind}){about}. {_default(one.default)}{taken}"))
    yield Points(tuple(points))


_TYPES = {
    "str": "text",
    "int": "a whole number",
    "bool": "`true` or `false`",
    "float": "a number",
    "identifier": "a name in SQL",
    "path": "a path",
    "regex": "a regular expression",
    "duration": "a duration, such as `90s` or `5m`",
}


def _default(value: object) -> str:
    if value is None:
        return "It must be given."
    return f"Without it: {code(_as_written(value))}." if value != "" else "Without it: nothing."


def _as_written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _runbook(told: Explanation) -> Iterator[Block]:
    if told.runbook:
        yield f"Under {listed([f'“{heading}”' for heading in told.runbook])}."
