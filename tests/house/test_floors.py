"""The architecture, held: imports go down, fences stand, nothing hides behind TYPE_CHECKING."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "remediate"

FLOOR_OF = {
    "errors": 0, "owner": 0, "hazard": 0, "model": 0, "clock": 0, "questions": 0,
    "target": 1, "promise": 1, "sql": 1, "masking": 1, "signatures": 1,
    "steps": 2,
    "events": 3, "planner": 3, "playbook": 3, "inventory": 3, "journal": 3, "policy": 3, "providers": 3,
    "text": 3, "schemas": 3, "gate": 3, "review": 3, "lint": 3,
    "catalogue": 4, "procedure": 4, "runner": 4, "engine": 4, "resumption": 4, "verification": 4, "triage": 4,
    "locking": 4, "examination": 4, "rehearsal": 4, "rehearsal_room": 3, "recording": 3, "explaining": 3,
    "healing": 4, "watching": 4, "escalation": 4,
    "rehearsal_staging": 4, "rehearsal_sql": 4,
    "rollback": 4, "fleet": 4, "witnessing": 4, "transport": 4, "sinks": 4,
    "cli": 5, "__main__": 5,
}  # fmt: skip

FENCED = {
    "fabric": {"transport/ssh.py"},
    "paramiko": {"transport/ssh.py"},
    "psycopg": {"transport/database_wire.py", "transport/database_values.py", "sql.py"},
    "rich": {"sinks/console.py", "cli"},
    "typer": {"cli"},
    "jinja2": {"text/templates.py", "sinks/page.py"},
    "pygments": {"sinks/colouring.py"},
    "ruamel": {"text/strict_yaml.py"},
    "ast_grep_py": {"providers/typescript_syntax.py"},
    "sqlglot": {"gate"},
    "cronsim": {"text/cron.py"},
    "starlette": {"watching/listener.py"},
    "uvicorn": {"watching/serving.py"},
    "h11": {"watching/serving.py"},
    "prometheus_client": {"watching/metrics.py"},
    "apprise": {"escalation/apprise_sender.py"},
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from {_module_named(node.module, alias.name) for alias in node.names}


def _module_named(module: str, name: str) -> str:
    """Return the module that `from MODULE import NAME` reaches: the one below it, where NAME is a module."""
    folder = PACKAGE.parent / module.replace(".", "/")
    return f"{module}.{name}" if (folder / f"{name}.py").exists() else module


def own_rooms(path: Path) -> Iterator[str]:
    for name in imported(path):
        if name.startswith("remediate."):
            yield name.split(".")[1]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_from_its_own_floor_or_a_lower_one(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        assert not list(own_rooms(path))
        return
    above = {other for other in own_rooms(path) if FLOOR_OF[other] > FLOOR_OF[room]}
    assert not above, f"{room} (floor {FLOOR_OF[room]}) imports from above: {above}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_is_imported_only_where_it_belongs(path: Path) -> None:
    here = str(path.relative_to(PACKAGE))
    for name in imported(path):
        allowed = FENCED.get(name.split(".")[0])
        if allowed is not None:
            assert here in allowed or room_of(path) in allowed, f"{here} imports {name}"


def test_the_engine_and_its_neighbours_know_no_provider() -> None:
    for room in ("engine", "runner", "verification", "rollback", "fleet", "planner", "rehearsal"):
        assert "providers" not in own_rooms(PACKAGE / f"{room}.py")


@pytest.mark.parametrize("path", sorted((PACKAGE / "providers").glob("*.py")), ids=lambda path: path.name)
def test_a_provider_knows_no_transport_journal_or_engine(path: Path) -> None:
    assert not {"transport", "journal", "engine", "cli", "sinks", "playbook", "inventory"} & set(
        own_rooms(path)
    )


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_hides_from_the_floors(path: Path) -> None:
    text = path.read_text()
    assert "TYPE_CHECKING" not in text
    if room_of(path) == "cli":
        return  # a lazy import for start-up time is fine there
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            inside = [inner for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)]
            assert not inside, f"{path.name}:{node.name} imports inside a function"


def test_no_import_cycle() -> None:
    graph = {
        path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/__init__", ""): {
            name.removeprefix("remediate.").replace(".", "/")
            for name in imported(path)
            if name.startswith("remediate.")
        }
        for path in modules()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name in done or name not in graph:
            return
        for other in graph[name]:
            visit(other, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())
