"""Makes the explanation of a playbook: what its steps say of themselves, with what it gives them. It words nothing."""

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from remediate.explaining.told import Explanation, Needs, ToldChange, ToldCheck, ToldVariable
from remediate.explaining.wording import Parameters, sentence
from remediate.model import Json
from remediate.playbook import Playbook
from remediate.playbook.step_templates import StepTemplate
from remediate.steps import Action, Check
from remediate.text.templates import Template

AnyStep: TypeAlias = StepTemplate[Check] | StepTemplate[Action]

_OF_APP = re.compile(r"\bapp\.(\w+)")
_SECRETS = ("bearer", "secret")
"""The parameters that name a secret of the inventory, in every step that has one."""
_ONE_NAME = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def explain(book: Playbook) -> Explanation:
    """Return what a playbook is, looks for, may change and needs.

    Args:
        book: As it was read; no host and no inventory is needed.
    """
    return Explanation(
        name=book.name,
        title=book.title,
        kind="tool" if book.tool else "cure" if book.fix else "tells",
        symptoms=tuple(symptom.pattern for symptom in book.symptoms),
        explains=book.explains,
        when=book.when,
        diagnose=tuple(map(_check, book.diagnose)),
        fix=tuple(map(_change, book.fix)),
        verify=tuple(map(_check, book.verify)),
        within=book.within,
        stable=book.stable,
        on_failure=book.on_failure,
        say=" ".join(book.confirm.say.split()),
        risk=book.confirm.risk,
        auto=book.auto.per_hour if book.auto.allowed else 0,
        escalate=book.escalate,
        variables=tuple(_variables(book)),
        needs=_needs(book),
        notes=" ".join(book.notes.split()),
        runbook=book.runbook,
    )


def _check(step: StepTemplate[Check]) -> ToldCheck:
    does = sentence(step.step.tells, parameters_of(step))
    return ToldCheck(name=step.name, kind=step.kind, does=does, facts=step.as_name, alone=step.alone)


def _change(step: StepTemplate[Action]) -> ToldChange:
    action, parameters = step.step, parameters_of(step)
    promise = action.promised(parameters.values)
    return ToldChange(
        name=step.name,
        kind=step.kind,
        does=sentence(action.tells, parameters),
        fidelity={fidelity.value: when for fidelity, when in promise.fidelity.items()},
        back={way.value: how for way, how in promise.back.items()},
        risks=promise.risks,
        meanwhile=promise.meanwhile,
        needs_found=step.needs_found,
        undo_last=action.undo_last,
        once_verified=action.once_verified,
        development_only=action.development_only,
    )


def parameters_of(step: AnyStep) -> Parameters:
    """Return what a step was given, as it was written."""
    defaults = {
        field.alias or name: field.default
        for name, field in step.step.model_fields.items()
        if not field.is_required()
    }
    written = {name: plain(value) for name, value in step.parameters.items()}
    given = {name for name, value in written.items() if name not in defaults or value != defaults[name]}
    return Parameters(values={**defaults, **written}, given=frozenset(given))


def plain(value: Json) -> Json:
    """Return a parameter with its templates as their text."""
    if isinstance(value, Template):
        return value.text
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def _variables(book: Playbook) -> Iterator[ToldVariable]:
    taken = {name for symptom in book.symptoms for name in symptom.groupindex}
    for name, one in book.variables.items():
        yield ToldVariable(
            name=name,
            type=one.type,
            choices=one.choices,
            default=one.default,
            about=one.about,
            from_symptom=name in taken,
        )


def _needs(book: Playbook) -> Needs:
    steps: tuple[AnyStep, ...] = (*book.diagnose, *book.fix, *book.verify)
    texts = [*(text for step in steps for text in _texts(step.parameters)), book.confirm.say]
    return Needs(
        group=book.group,
        app=_each_once(name for text in texts for name in _OF_APP.findall(text)),
        secrets=_each_once(name for step in steps for name in _secrets(step, book)),
        software=_each_once(need.value for step in steps for need in step.step.needs),
    )


def _secrets(step: AnyStep, book: Playbook) -> Iterator[str]:
    for name in _SECRETS:
        value = plain(step.parameters.get(name))
        variable = _ONE_NAME.fullmatch(value) if isinstance(value, str) else None
        if variable and variable[1] in book.variables:
            value = book.variables[variable[1]].default
        if value:
            yield str(value)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, Template):
        yield value.text
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(inner)


def _each_once(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
