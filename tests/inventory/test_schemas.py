import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remediate.catalogue import CATALOGUE
from remediate.errors import PlaybookError
from remediate.playbook import playbook_files
from remediate.schemas import inventory_schema, plan_schema, playbook_schema, schema_text
from remediate.text.strict_yaml import read_yaml

ROOT = Path(__file__).parents[2]
SCHEMAS = {
    "playbook.json": playbook_schema(CATALOGUE),
    "inventory.json": inventory_schema(),
    "plan.json": plan_schema(),
}


def every(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from every(inner)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_written_schema_is_what_the_code_takes(name: str) -> None:
    written = (ROOT / "docs" / "schema" / name).read_text(encoding="utf-8")
    assert written == schema_text(SCHEMAS[name]), "run: python docs/schema/write.py"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_reference_in_a_schema_leads_somewhere(name: str) -> None:
    definitions = SCHEMAS[name]["$defs"]
    for part in every(SCHEMAS[name]):
        if isinstance(part.get("$ref"), str):
            assert part["$ref"].removeprefix("#/$defs/") in definitions


def test_every_key_of_an_inventory_is_explained_to_the_editor() -> None:
    for part in every(inventory_schema()):
        for name, about in part.get("properties", {}).items():
            assert about.get("description"), name


def test_every_step_is_in_the_playbook_schema_with_its_words() -> None:
    definitions = SCHEMAS["playbook.json"]["$defs"]
    for kind in CATALOGUE:
        assert set(definitions[kind]["properties"]) - {"as", "alone"} == {"name", kind}
        assert definitions[kind]["description"]


@pytest.mark.parametrize("path", playbook_files(ROOT / "playbooks"), ids=lambda path: path.stem)
def test_the_keys_of_the_shipped_playbooks_are_in_the_schema(path: Path) -> None:
    schema = SCHEMAS["playbook.json"]
    written = read_yaml(path, PlaybookError).value
    assert set(written) <= set(schema["properties"])
    for section in ("diagnose", "fix", "verify"):
        kinds = {key for step in written.get(section, ()) for key in step} - {"name", "as", "alone", "use"}
        named = {
            one["$ref"].removeprefix("#/$defs/") for one in schema["properties"][section]["items"]["oneOf"]
        }
        assert kinds <= named


def test_a_parameter_of_any_type_may_be_a_template() -> None:
    for kind in CATALOGUE:
        parameters = SCHEMAS["playbook.json"]["$defs"][kind]["properties"][kind]
        for name, about in parameters.get("properties", {}).items():
            plain = about.get("type") == "string" and "anyOf" not in about
            anything = "anyOf" not in about and "type" not in about
            assert plain or anything or {"$ref": "#/$defs/template"} in about["anyOf"], (kind, name)


def test_a_schema_is_json_of_the_draft_it_names() -> None:
    for schema in SCHEMAS.values():
        assert json.loads(schema_text(schema))["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_script_beside_the_schemas_writes_these_two() -> None:
    found = importlib.util.spec_from_file_location("write", ROOT / "docs" / "schema" / "write.py")
    assert found is not None
    assert found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    assert script.schemas() == SCHEMAS
