"""A playbook: YAML on disk made into a value that knows its checks, its fixes and its policies. It runs nothing.

Parsed first, rendered after: what a host answers, or the command line says, is never read as YAML or as a template.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from remediate.errors import PlaybookError, UsageError
from remediate.model import Json, digest_of
from remediate.planner import NamedCheck, NamedFix
from remediate.playbook.sections import Catalogue, Parts, Section
from remediate.playbook.step_templates import StepTemplate, read_at
from remediate.playbook.variables import Variable, values_of
from remediate.playbook.written import Auto, Confirm, PlaybookText
from remediate.steps import Action, Check
from remediate.text.complaints import read_as
from remediate.text.strict_yaml import Document, read_yaml
from remediate.text.suggest import did_you_mean
from remediate.text.templates import Names, Scope, Template, TemplateFault, is_template

HOST_NAMES = frozenset({"name", "address", "environment", "group", "user", "vars"})
"""What `{{ host.… }}` has."""
ROOTS: Names = {"host": HOST_NAMES, "app": None}
"""What a step's templates can name, beside its variables."""
DATABASE: Names = {"database": frozenset({"name", "role", "version", "identity"})}
"""What only `confirm.say` can name: it is known once the host was asked."""
RESERVED = frozenset({*ROOTS, *DATABASE, "vars", "found"})


@dataclass(frozen=True)
class Playbook:
    """A playbook that was read and found in order.

    Attributes:
        name: Its name.
        path: Its file.
        title: What is wrong when it is the right one.
        tool: Whether it only looks, and is no fault of `triage`.
        symptoms: What `triage` matches on.
        explains: The playbooks beside it whose faults its own fault brings about.
        group: The inventory group it is for.
        variables: Its variables.
        notes: What a person should know.
        runbook: The headings of the written runbook whose place it takes.
        when: Whether `any` unhealthy check is enough to go on, or `all` must be.
        diagnose: Checks.
        confirm: What the operator is told; `say` as it was written.
        fix: Actions, in order; none where it only tells. `fix[i].needs_found`: only built after the diagnosis.
        verify: Checks.
        within: Seconds it may take to become healthy.
        stable: Seconds it must stay so.
        on_failure: `roll_back` or `keep`.
        auto: Whether it may be run unattended.
        escalate: Whom to call when it does not help.
        digest: SHA-256 over its text and that of its parts, in hex.
    """

    name: str
    path: Path
    title: str
    tool: bool
    symptoms: tuple[re.Pattern[str], ...]
    explains: tuple[str, ...]
    group: str
    variables: Mapping[str, Variable]
    notes: str
    runbook: tuple[str, ...]
    when: Literal["any", "all"]
    diagnose: tuple[StepTemplate[Check], ...]
    confirm: Confirm
    fix: tuple[StepTemplate[Action], ...]
    verify: tuple[StepTemplate[Check], ...]
    within: float
    stable: float
    on_failure: Literal["roll_back", "keep"]
    auto: Auto
    escalate: str
    digest: str
    document: Document
    sentence: Template | None

    def scope(self, host: Scope, given: Mapping[str, str] | None = None) -> Scope:
        """Return what this playbook's templates see on one host, without `found`.

        Args:
            host: The host's part of it, `Host.scope`.
            given: The command line's `--var NAME=VALUE`.

        Raises:
            UsageError: A variable is unknown, has no value, or one of the wrong type.
        """
        values = values_of(self.variables, given or {}, self.name)
        return {**values, **host, "vars": values}

    def checks(self, scope: Scope) -> tuple[NamedCheck, ...]:
        """Return the checks of `diagnose` for one host.

        Raises:
            PlaybookError: A template has no value here, or a parameter is not of its type.
        """
        return tuple(
            NamedCheck(step.name, step.build(scope), step.as_name, step.alone) for step in self.diagnose
        )

    def ready_fixes(self, scope: Scope) -> tuple[NamedFix, ...]:
        """Return those actions of `fix` that can be built before anything was found.

        Raises:
            PlaybookError: As `checks`.
        """
        return tuple(NamedFix(step.name, step.build(scope)) for step in self.fix if not step.needs_found)

    def fixes(self, scope: Scope, found: Mapping[str, Json]) -> tuple[NamedFix, ...]:
        """Return the actions of `fix` for one host, given what the diagnosis found.

        Raises:
            PlaybookError: As `checks`.
        """
        return tuple(NamedFix(step.name, step.build(scope, found)) for step in self.fix)

    def verifying(self, scope: Scope, found: Mapping[str, Json]) -> tuple[NamedCheck, ...]:
        """Return the checks of `verify` for one host, given what the diagnosis found.

        Raises:
            PlaybookError: As `checks`.
        """
        return tuple(NamedCheck(step.name, step.build(scope, found)) for step in self.verify)

    def say(self, scope: Scope, found: Mapping[str, Json]) -> str:
        """Return what the operator is told, beyond the plan; empty where there is nothing.

        Raises:
            PlaybookError: A name in it has no value here.
        """
        try:
            return str(self.sentence.render({**scope, "found": found})) if self.sentence else self.confirm.say
        except TemplateFault as fault:
            raise self.document.error(("confirm", "say"), fault.what, fault.todo) from fault


def load_playbook(path: Path, catalogue: Catalogue) -> Playbook:
    """Return the playbook in a file.

    Args:
        path: The file; its parts are in `parts/` beside it.
        catalogue: Every step there is, by kind.

    Raises:
        PlaybookError: With file, line, column, what is wrong and what was probably meant.
    """
    document = read_yaml(path, PlaybookError)
    if not isinstance(document.value, dict):
        raise document.error((), "a playbook must be a mapping", "begin with `name:`")
    text = read_as(PlaybookText, document)
    _check_names(text, document)
    _check_sections(text, document)
    return _assembled(text, document, catalogue)


def _assembled(text: PlaybookText, document: Document, catalogue: Catalogue) -> Playbook:
    parts = Parts(document.path.parent / "parts")
    own: Names = {**ROOTS, "vars": frozenset(text.vars), **dict.fromkeys(text.vars)}
    diagnose = Section("diagnose", Check, catalogue, own, parts, document, ("diagnose",)).steps()
    if not any(step.alone for step in diagnose):
        raise document.error(("diagnose",), "no step of it makes a fault", "leave `alone: false` out of one")
    names: Names = {**own, "found": _found_names(diagnose)}
    fix = Section("fix", Action, catalogue, names, parts, document, ("fix",)).steps() if text.fix else ()
    _check_order(fix)
    verify = (
        Section("verify", Check, catalogue, names, parts, document, ("verify",)).steps()
        if text.verify
        else ()
    )
    return Playbook(
        name=text.name,
        path=document.path,
        title=text.title,
        tool=text.kind == "tool",
        symptoms=tuple(_pattern(document, index, symptom) for index, symptom in enumerate(text.symptoms)),
        explains=tuple(_beside(document, index, name) for index, name in enumerate(text.explains)),
        group=text.on,
        variables=text.vars,
        notes=text.notes,
        runbook=text.runbook,
        when=text.when,
        diagnose=diagnose,
        confirm=text.confirm,
        fix=fix,
        verify=verify,
        within=text.within,
        stable=text.stable,
        on_failure=text.on_failure,
        auto=text.auto,
        escalate=text.escalate,
        digest=digest_of({"playbook": document.text, "parts": parts.texts}),
        document=document,
        sentence=_sentence(text.confirm.say, document, {**names, **DATABASE}),
    )


def _check_names(text: PlaybookText, document: Document) -> None:
    if text.name != document.path.stem:
        what = f"the playbook is named `{text.name}` and its file `{document.path.name}`"
        raise document.error(("name",), what, "give both one name")
    taken = next((name for name in text.vars if name in RESERVED), None)
    if taken:
        raise document.error(
            ("vars", taken), f"`{taken}` means something else in templates", "rename it", key=True
        )


def _check_order(fix: tuple[StepTemplate[Action], ...]) -> None:
    for earlier, later in pairwise(fix):
        if earlier.step.once_verified and not later.step.once_verified:
            what = f"`{earlier.kind}` is done once the cure has held, and “{later.name}” comes before that"
            raise earlier.document.error(earlier.place, what, "put it last in `fix`", key=True)


def _check_sections(text: PlaybookText, document: Document) -> None:
    if text.fix and not text.verify:
        raise document.error(("fix",), "a cure must be verified", "add `verify:` with checks", key=True)
    unfit = next((key for key in ("fix", "verify", "symptoms", "explains") if getattr(text, key)), None)
    if text.kind == "tool" and unfit:
        raise document.error((unfit,), f"a tool only looks, and has no `{unfit}`", "remove it", key=True)


def _found_names(steps: tuple[StepTemplate[Check], ...]) -> frozenset[str]:
    names: set[str] = set()
    for step in steps:
        if step.as_name in names:
            raise step.document.error(
                (*step.place[:-1], "as"), f"two steps are `as: {step.as_name}`", "name them apart"
            )
        names |= {step.as_name} - {""}
    return frozenset(names)


def _pattern(document: Document, index: int, symptom: str) -> re.Pattern[str]:
    try:
        return re.compile(symptom)
    except re.error as error:
        where = ("symptoms", index)
        raise document.error(
            where, f"this is no regular expression ({error})", "escape what is meant literally"
        ) from error


def _beside(document: Document, index: int, name: str) -> str:
    known = {path.stem for path in playbook_files(document.path.parent)}
    if name not in known:
        what = f"there is no playbook `{name}` beside this one"
        raise document.error(("explains", index), what, did_you_mean(name, known))
    return name


def _sentence(say: str, document: Document, names: Names) -> Template | None:
    return read_at(say, document, ("confirm", "say"), names) if is_template(say) else None


def playbook_files(folder: Path) -> tuple[Path, ...]:
    """Return the playbooks of a folder, by name; its parts are none."""
    return tuple(sorted(folder.glob("*.yml")))


def find_playbook(given: str, folder: Path) -> Path:
    """Return the file that a word of the command line means: a playbook's name, or a path.

    Raises:
        UsageError: There is none.
    """
    if "/" in given or given.endswith((".yml", ".yaml")):
        return Path(given)
    known = {path.stem: path for path in playbook_files(folder)}
    if given not in known:
        raise UsageError(given, f"there is no such playbook in {folder}", did_you_mean(given, known))
    return known[given]
