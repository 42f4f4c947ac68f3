"""Writes the schemas that stand beside this file. A test holds them to what the code takes."""

# ruff: noqa: INP001  (a script, no package)

from pathlib import Path

from remediate.catalogue import CATALOGUE
from remediate.schemas import Schema, inventory_schema, plan_schema, playbook_schema, schema_text


def schemas() -> dict[str, Schema]:
    """Return each schema under its file's name."""
    return {
        "playbook.json": playbook_schema(CATALOGUE),
        "inventory.json": inventory_schema(),
        "plan.json": plan_schema(),
    }


if __name__ == "__main__":
    for name, schema in schemas().items():
        (Path(__file__).parent / name).write_text(schema_text(schema), encoding="utf-8")
