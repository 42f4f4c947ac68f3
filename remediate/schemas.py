"""JSON Schemas of playbooks, inventories and plans, for editors and for machines. They check no file here.

Draft 2020-12 (json-schema.org), in the form that yaml-language-server reads. Descriptions come from the docstrings, so
there is one place that explains a key.
"""

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel

from remediate.inventory.written import InventoryText
from remediate.playbook.sections import Catalogue
from remediate.playbook.written import PlaybookText
from remediate.review import PlanDocument
from remediate.steps import Action, Check, Step

Schema: TypeAlias = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TEMPLATE = "template"
_ATTRIBUTE = re.compile(r"^    (?P<name>\w+): (?P<text>.+(?:\n {6,}.+)*)", re.MULTILINE)


def playbook_schema(catalogue: Catalogue) -> Schema:
    """Return the schema of a playbook.

    Args:
        catalogue: Every step there is, by kind.
    """
    schema = _described(PlaybookText)
    schema["$defs"] |= {TEMPLATE: _template(), "use": _use(), **dict(_definitions(catalogue))}
    checks, actions = _steps(catalogue, Check), _steps(catalogue, Action)
    for section, steps in {"diagnose": checks, "fix": actions, "verify": checks}.items():
        schema["properties"][section] |= {
            "type": "array",
            "items": {"oneOf": [{"$ref": "#/$defs/use"}, *steps]},
        }
    schema["dependentRequired"] = {"fix": ["verify"]}
    return {"$schema": DRAFT, **schema, "title": "A playbook of remediate"}


def inventory_schema() -> Schema:
    """Return the schema of an inventory."""
    return {"$schema": DRAFT, **_described(InventoryText), "title": "An inventory of remediate"}


def plan_schema() -> Schema:
    """Return the schema of a plan document as a file has it, with the digest over all else in it."""
    schema = _described(PlanDocument)
    digest = {"type": "string", "description": "SHA-256 over all else, as canonical JSON, in hex."}
    schema["properties"]["digest"] = digest
    schema["required"] = [*schema["required"], "digest"]
    return {"$schema": DRAFT, **schema, "title": "A plan of remediate"}


def schema_text(schema: Schema) -> str:
    """Return a schema as it is written to a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _template() -> Schema:
    return {
        "type": "string",
        "pattern": r"\{\{.*\}\}",
        "description": "A template over found, host, app, database, vars and the variables' own names.",
    }


def _use() -> Schema:
    return {
        "type": "object",
        "description": "A list of steps that is shared with other playbooks.",
        "properties": {
            "use": {"type": "string", "description": "The name of a file in parts/, without its ending."}
        },
        "required": ["use"],
        "additionalProperties": False,
    }


def _steps(catalogue: Catalogue, contract: type[Step]) -> list[Schema]:
    kinds = sorted(kind for kind, step in catalogue.items() if issubclass(step, contract))
    return [{"$ref": f"#/$defs/{kind}"} for kind in kinds]


def _definitions(catalogue: Catalogue) -> Iterator[tuple[str, Schema]]:
    for kind, step in sorted(catalogue.items()):
        parameters = _described(step, f"#/$defs/{kind}:{{model}}")
        for name, definition in parameters.pop("$defs", {}).items():
            yield f"{kind}:{name}", _inner(definition)
        yield kind, _step(kind, step, _inner(parameters))


def _step(kind: str, step: type[Step], parameters: Schema) -> Schema:
    named = {"type": "string", "minLength": 1, "description": "What this step is for, in a few words."}
    alone = {
        "type": "boolean",
        "description": "In diagnose: false where this alone is not this playbook's fault.",
    }
    facts = {"type": "string", "description": "In diagnose: the name by which templates find what it found."}
    return {
        "type": "object",
        "description": parameters.get("description", kind),
        "properties": {"name": named, kind: parameters}
        | ({"as": facts, "alone": alone} if issubclass(step, Check) else {}),
        "required": ["name", kind],
        "additionalProperties": False,
    }


def _described(model: type[BaseModel], references: str = "#/$defs/{model}") -> Schema:
    """Return a model's schema, with what its docstrings say of each field at that field."""
    schema = model.model_json_schema(ref_template=references)
    schema.setdefault("$defs", {})
    _describe(model, schema)
    for inner in _models_in(model):
        if inner.__name__ in schema["$defs"]:
            _describe(inner, schema["$defs"][inner.__name__])
    return schema


def _describe(model: type[BaseModel], schema: Schema) -> None:
    schema["description"] = " ".join(_docstring(model).partition("\n\n")[0].split())
    for name, about in schema.get("properties", {}).items():
        about.pop("title", None)
        if isinstance(about.get("default"), dict):
            del about["default"]
        if text := _attributes(model).get(name):
            about["description"] = text


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """Return what the docstrings of a model and its bases say of each field, under the name that is written."""
    matches = (match for base in reversed(model.__mro__) for match in _ATTRIBUTE.finditer(_docstring(base)))
    told = {match["name"]: " ".join(match["text"].split()) for match in matches}
    return {field.alias or name: told[name] for name, field in model.model_fields.items() if name in told}


def _docstring(model: type) -> str:
    return inspect.cleandoc(model.__dict__.get("__doc__") or "")


def _models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field in model.model_fields.values():
        for inner in _models_of(field.annotation):
            yield inner
            yield from _models_in(inner)


def _models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_of(inner)


def _inner(parameters: Schema) -> Schema:
    """Return the schema of a mapping whose values may be templates instead."""
    properties = {name: _or_template(value) for name, value in parameters.get("properties", {}).items()}
    return {**parameters, "properties": properties} if properties else parameters


def _or_template(schema: Schema) -> Schema:
    about: Schema = {key: schema[key] for key in ("description", "default") if key in schema}
    rest: Schema = {key: value for key, value in schema.items() if key not in about}
    if rest == {"type": "string"} or not rest:
        return schema
    if "items" in rest:
        rest["items"] = _or_template(rest["items"])
    alternatives = rest["anyOf"] if set(rest) == {"anyOf"} else [rest]
    return {**about, "anyOf": [*alternatives, {"$ref": f"#/$defs/{TEMPLATE}"}]}
