"""A step as a playbook writes it: rendered into a Check or an Action for each host. Runs none.

What is literal is checked when the file is read; what is a template is checked for its names then, and for its value
when it is rendered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticUndefined

from remediate.model import Json, canonical
from remediate.steps import Step
from remediate.text.complaints import first_complaint
from remediate.text.strict_yaml import Document, Place
from remediate.text.templates import Names, Scope, Template, TemplateFault, is_template, read_template

S = TypeVar("S", bound=Step)


@dataclass(frozen=True)
class StepTemplate(Generic[S]):
    """One step of a playbook, not yet rendered.

    Attributes:
        name: As the playbook names it.
        as_name: Under which name later templates find its facts; empty where none.
        step: What it becomes.
        parameters: Its parameters, the defaults that are templates among them; templates are `Template`s.
        document: The file it stands in.
        place: Where its parameters stand there.
        alone: Of a check in `diagnose`: whether it makes the fault when no other check does.
    """

    name: str
    as_name: str
    step: type[S]
    parameters: Mapping[str, Json]
    document: Document
    place: Place
    alone: bool = True

    @property
    def kind(self) -> str:
        """`provider.verb`."""
        return self.step.kind

    @cached_property
    def names(self) -> frozenset[str]:
        """The roots that its templates name."""
        return frozenset(name for template in _templates(self.parameters) for name in template.names)

    @property
    def needs_found(self) -> bool:
        """Whether it can only be built after the diagnosis."""
        return "found" in self.names

    @property
    def where(self) -> str:
        """`file:line:column` of its parameters."""
        return self.document.where(self.place)

    def build(self, scope: Scope, found: Mapping[str, Json] | None = None) -> S:
        """Return the step for one host.

        Args:
            scope: The values of `host`, `app`, `database`, `vars` and the variables' own names.
            found: The facts of the diagnosis, each under its check's `as`.

        Raises:
            PlaybookError: A template has no value here, or a parameter is not of its type.
        """
        seen = scope if found is None else {**scope, "found": found}
        values = {key: self._rendered(value, (key,), seen) for key, value in self.parameters.items()}
        try:
            return self.step.model_validate_json(canonical(values))
        except ValidationError as error:
            raise first_complaint(error.errors(), self.step, self.document, self.place) from None

    def _rendered(self, value: Json, way: Place, scope: Scope) -> Json:
        if isinstance(value, Mapping):
            return {key: self._rendered(inner, (*way, key), scope) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._rendered(inner, (*way, index), scope) for index, inner in enumerate(value)]
        try:
            return value.render(scope) if isinstance(value, Template) else value
        except TemplateFault as fault:
            what = f"{self.kind}, `{way[0]}`: {fault.what}"
            raise self.document.error((*self.place, *way), what, fault.todo) from fault


def read_at(text: str, document: Document, place: Place, names: Names) -> Template:
    """Return the template that stands at a place of a document.

    Raises:
        UsageError: Of the document's kind: it is no template, or names what is not there.
    """
    try:
        return read_template(text, names)
    except TemplateFault as fault:
        raise document.error(place, fault.what, fault.todo) from fault


def check_literals(template: StepTemplate[S]) -> None:
    """Refuse what can be known to be wrong before anything is rendered.

    Raises:
        PlaybookError: A parameter is unknown, missing, or a literal of the wrong type.
    """
    try:
        template.step.model_validate_json(canonical(_unrendered(template.parameters)))
    except ValidationError as error:
        wrong = [detail for detail in error.errors() if not _waits(detail, template.parameters)]
        if wrong:
            raise first_complaint(wrong, template.step, template.document, template.place) from None


def _waits(detail: ErrorDetails, parameters: Mapping[str, Json]) -> bool:
    """Tell whether a complaint is about something whose value is not known before it is rendered."""
    about = parameters.get(str(detail["loc"][0])) if detail["loc"] else parameters
    return any(_templates(about))


def template_defaults(step: type[Step]) -> Iterator[tuple[str, str]]:
    """Return the parameters whose default is a template, each with that template."""
    for name, described in step.model_fields.items():
        if described.default is not PydanticUndefined and is_template(described.default):
            yield described.alias or name, described.default


def _templates(value: Json) -> Iterator[Template]:
    if isinstance(value, Template):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _templates(inner)


def _unrendered(value: Json) -> Json:
    if isinstance(value, Template):
        return value.text
    if isinstance(value, Mapping):
        return {key: _unrendered(inner) for key, inner in value.items()}
    return [_unrendered(inner) for inner in value] if isinstance(value, list) else value
