from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from remediate.errors import PlaybookError
from remediate.playbook import Playbook, load_playbook
from remediate.steps import Action, Check, Step
from remediate.text.durations import Duration

TEXT = """\
name: missing-columns
title: A column is missing
symptoms: ['P2022', 'column "(?P<column>\\w+)" does not exist']
on: backend
vars:
  table: {type: identifier, default: avatars}
  limit: {type: int, default: 3}
notes: For the database administrator.
diagnose:
  - name: every column is there
    sample.columns: {table: "{{ table }}"}
    as: columns
confirm:
  say: "{{ found.columns.missing | length }} columns will be added to {{ vars.table }} on {{ database.name }}."
  risk: schema
fix:
  - name: add them
    sample.add: {table: "{{ table }}", columns: "{{ found.columns.missing }}"}
  - use: build-and-restart
verify:
  - name: the API answers
    sample.answers: {path: "/api/{{ table }}", status: 200}
within: 1m
stable: 10s
on_failure: roll_back
auto: {allowed: true, per_hour: 1}
escalate: database
"""
PART = "- name: restart\n  sample.restart: {}\n"


class Column(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: str
    nullable: bool = False


class Columns(Check):
    """Whether every column is there.

    Attributes:
        table: The table's name.
    """

    kind: ClassVar[str] = "sample.columns"
    table: str
    backend: str = "{{ app.backend }}"


class Answers(Check):
    """Whether the API answers."""

    kind: ClassVar[str] = "sample.answers"
    path: str
    status: int = 200
    port: int = "{{ app.port }}"  # type: ignore[assignment]  # a template over the inventory
    type: Literal["array", "object"] = "array"
    patience: Duration = 5.0


class Add(Action):
    """Adds columns."""

    kind: ClassVar[str] = "sample.add"
    table: str
    columns: tuple[Column, ...]


class Restart(Action):
    """Restarts the app."""

    kind: ClassVar[str] = "sample.restart"
    app: str = "{{ app.name }}"


CATALOGUE: dict[str, type[Step]] = {step.kind: step for step in (Columns, Answers, Add, Restart)}


class Desk:
    """A folder with one good playbook, and a way to spoil it."""

    catalogue = CATALOGUE
    host: ClassVar[dict[str, Any]] = {
        "host": {"name": "web1"},
        "app": {"name": "lumiku", "backend": "/srv/backend", "port": 3000},
        "database": {"name": "avatars_db"},
    }
    found: ClassVar[dict[str, Any]] = {
        "columns": {"missing": [{"name": "persona"}, {"name": "mood", "nullable": True}]}
    }

    def __init__(self, folder: Path) -> None:
        self.path = folder / "missing-columns.yml"
        self.parts = folder / "parts"
        self.parts.mkdir()
        self.text = TEXT
        self.part("build-and-restart", PART)

    def part(self, name: str, text: str) -> None:
        (self.parts / f"{name}.yml").write_text(text)

    def load(self) -> Playbook:
        self.path.write_text(self.text)
        return load_playbook(self.path, CATALOGUE)

    def with_(self, old: str, new: str) -> "Desk":
        assert old in self.text, old
        self.text = self.text.replace(old, new, 1)
        return self


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def refused(desk: Desk) -> Callable[[str, str], str]:
    """Spoil the playbook, and return the line with which it is refused, without its folder."""

    def spoil(old: str, new: str) -> str:
        with pytest.raises(PlaybookError) as caught:
            desk.with_(old, new).load()
        assert "\n" not in str(caught.value)
        return str(caught.value).removeprefix(f"{desk.path.parent}/")

    return spoil
