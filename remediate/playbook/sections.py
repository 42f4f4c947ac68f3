"""Reads the lists of steps of a playbook and of the parts it shares with others. Renders nothing, runs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeAlias

from remediate.errors import PlaybookError
from remediate.model import Json
from remediate.playbook.step_templates import S, StepTemplate, check_literals, read_at, template_defaults
from remediate.steps import Action, Check, Step
from remediate.text.strict_yaml import Document, Place, read_yaml
from remediate.text.suggest import did_you_mean
from remediate.text.templates import Names, is_template

Catalogue: TypeAlias = Mapping[str, type[Step]]

BESIDE = frozenset({"name", "as", "alone"})
"""The keys of a step beside the one that says what it does."""


@dataclass
class Parts:
    """The shared lists of steps beside a playbook, each read once.

    Attributes:
        folder: Where they are.
        texts: The text of each that was used, by name.
    """

    folder: Path
    texts: dict[str, str] = field(default_factory=dict)

    def read(self, name: Json, document: Document, place: Place) -> Document:
        """Return the part that a `use:` at this place names.

        Raises:
            PlaybookError: There is none of that name, or it is no list.
        """
        known = {path.stem for path in self.folder.glob("*.yml")}
        if name not in known:
            raise document.error(
                place, f"there is no part `{name}` in {self.folder}", did_you_mean(str(name), known)
            )
        part = read_yaml(self.folder / f"{name}.yml", PlaybookError)
        if not isinstance(part.value, list):
            raise part.error((), "a part must be a list of steps")
        self.texts[str(name)] = part.text
        return part


@dataclass(frozen=True)
class Section(Generic[S]):
    """What is to be read: a list of steps, with all that decides whether it is right.

    Attributes:
        name: `diagnose`, `fix` or `verify`.
        contract: Check or Action.
        catalogue: Every step there is, by kind.
        names: What its templates may name.
        parts: The shared lists.
        document: The file it stands in.
        place: Where its list stands there.
        trail: The parts that led here, outermost first.
    """

    name: str
    contract: type[S]
    catalogue: Catalogue
    names: Names
    parts: Parts
    document: Document
    place: Place
    trail: tuple[str, ...] = ()

    def steps(self) -> tuple[StepTemplate[S], ...]:
        """Return its steps, those of its parts in their place.

        Raises:
            PlaybookError: At the first thing that is wrong.
        """
        steps = tuple(step for index in range(len(self.document.at(self.place))) for step in self._at(index))
        return steps if self.trail else _distinct(steps)

    def _at(self, index: int) -> tuple[StepTemplate[S], ...]:
        place = (*self.place, index)
        written = self.document.at(place)
        if not isinstance(written, dict):
            raise self.document.error(
                place, "a step must be a mapping", "give it a `name` and one `provider.verb`"
            )
        return self._part(place, written) if "use" in written else (self._step(place, written),)

    def _part(self, place: Place, written: dict[str, Json]) -> tuple[StepTemplate[S], ...]:
        if len(written) > 1:
            raise self.document.error(place, "`use` stands alone", "remove the other keys")
        used = (*place, "use")
        part = self.parts.read(written["use"], self.document, used)
        if written["use"] in self.trail:
            raise self.document.error(used, f"the part `{written['use']}` uses itself", "break the circle")
        return replace(self, document=part, place=(), trail=(*self.trail, written["use"])).steps()

    def _step(self, place: Place, written: dict[str, Json]) -> StepTemplate[S]:
        name = written.get("name")
        if not isinstance(name, str) or not name.strip():
            raise self.document.error(place, "a step needs a `name`", "say in a few words what it is for")
        kind = self._kind(place, written)
        step = self._contract(kind, (*place, kind))
        parameters = self._parameters(step, (*place, kind))
        template = StepTemplate(
            name,
            self._as_name(place, written),
            step,
            parameters,
            self.document,
            (*place, kind),
            alone=self._alone(place, written),
        )
        check_literals(template)
        return template

    def _kind(self, place: Place, written: dict[str, Json]) -> str:
        kinds = [key for key in written if key not in BESIDE]
        unknown = next((key for key in kinds if key not in self.catalogue), None)
        if unknown is not None:
            todo = did_you_mean(unknown, {*self._kinds(), *BESIDE, "use"})
            raise self.document.error((*place, unknown), f"there is no step `{unknown}`", todo, key=True)
        if len(kinds) != 1:
            what = "says twice what it does" if kinds else "does not say what it does"
            raise self.document.error(place, f"a step {what}", "give it one key like `provider.verb`")
        return kinds[0]

    def _kinds(self) -> frozenset[str]:
        return frozenset(kind for kind, step in self.catalogue.items() if issubclass(step, self.contract))

    def _contract(self, kind: str, place: Place) -> type[S]:
        step = self.catalogue[kind]
        if issubclass(step, self.contract):
            return step
        what = f"`{kind}` looks and cannot cure" if issubclass(step, Check) else f"`{kind}` changes things"
        todo = f"`{self.name}` takes " + ("actions" if issubclass(self.contract, Action) else "checks")
        raise self.document.error(place, what, todo, key=True)

    def _as_name(self, place: Place, written: dict[str, Json]) -> str:
        name = written.get("as", "")
        if "as" in written and self.name != "diagnose":
            raise self.document.error(
                (*place, "as"), "`as` is for steps of `diagnose`", "remove it", key=True
            )
        if "as" in written and not (isinstance(name, str) and name.isidentifier()):
            raise self.document.error((*place, "as"), "`as` must be a name of letters, digits and _")
        return str(name)

    def _alone(self, place: Place, written: dict[str, Json]) -> bool:
        alone = written.get("alone", True)
        if "alone" in written and self.name != "diagnose":
            what = "`alone` is for steps of `diagnose`"
            raise self.document.error((*place, "alone"), what, "remove it", key=True)
        if not isinstance(alone, bool):
            raise self.document.error((*place, "alone"), "`alone` must be true or false")
        return alone

    def _parameters(self, step: type[Step], place: Place) -> dict[str, Json]:
        written = self.document.at(place)
        if not isinstance(written, dict):
            raise self.document.error(
                place, f"`{step.kind}` must be a mapping", "write {} where it has no parameters"
            )
        constant = frozenset((*place, *way) for way in step.constant)
        read = {key: self._read(value, (*place, key), constant) for key, value in written.items()}
        return {
            **{key: self._read(text, place) for key, text in template_defaults(step) if key not in written},
            **read,
        }

    def _read(self, value: Json, place: Place, constant: frozenset[Place] = frozenset()) -> Json:
        if isinstance(value, dict):
            return {key: self._read(inner, (*place, key), constant) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._read(inner, (*place, index), constant) for index, inner in enumerate(value)]
        if place in constant:
            return self._constant(value, place)
        return read_at(value, self.document, place, self.names) if is_template(value) else value

    def _constant(self, value: Json, place: Place) -> Json:
        """Return text that a shell will run: as it stands, for `${#x}` is no template's comment."""
        if isinstance(value, str) and ("{{" in value or "{%" in value):
            what = f"`{place[-1]}` is run by a shell, and must hold no template"
            raise self.document.error(place, what, "hand the value over in `args`, as $1")
        return value


def _distinct(steps: tuple[StepTemplate[S], ...]) -> tuple[StepTemplate[S], ...]:
    names: set[str] = set()
    for step in steps:
        if step.name in names:
            around = step.place[:-1]
            raise step.document.error(
                (*around, "name"), f"two steps are named `{step.name}`", "name them apart"
            )
        names.add(step.name)
    return steps
