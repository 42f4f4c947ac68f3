"""Rules about the order of a cure: what must come before what, and what must not be left out. They plan nothing."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from remediate.lint.book import Book, flaw_of, raw
from remediate.lint.examples import steps_of
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.lint.shell_words import calls_of
from remediate.playbook.step_templates import StepTemplate

_STARTS = frozenset({"pm2.restart", "pm2.reload", "pm2.recreate", "pm2.start"})
_BUILDS = frozenset({"node.build", "node.rebuild", "node.previous"})
_OF_SOURCES = frozenset({"typescript.import", "node.commonjs"})
_OF_FILES = frozenset({"files.replace", "files.line", "files.json_set", "files.absent"})
_OF_ENVIRONMENT = frozenset({"env.set", "env.unset", "env.mend"})
_CLIENT = frozenset({"prisma.generate", "node.ci"})
_LOADED = _BUILDS | _OF_SOURCES | _OF_FILES | _OF_ENVIRONMENT | _CLIENT
_FILLS = frozenset({"sql.fill_nulls", "sql.update_rows", "sql.insert_rows", "sql.delete_rows"})
_HOLDS = frozenset({"sql.not_null", "sql.foreign_key"})

_Kinds = Callable[[StepTemplate[Any]], bool]


def _restarts(step: StepTemplate[Any]) -> bool:
    """Tell whether a step starts the process anew: by an action, or in a script of its own."""
    if step.kind in _STARTS:
        return True
    script = raw(step).get("script") if step.kind == "command.run" else None
    calls = calls_of(script) if isinstance(script, str) else ()
    return any(call.is_a(*start) for call in calls for start in _BY_HAND)


_BY_HAND = (
    *(("pm2", verb) for verb in ("restart", "reload", "start", "startOrRestart", "startOrReload")),
    ("systemctl", "restart"),
)


def _of(kinds: Collection[str]) -> _Kinds:
    return lambda step: step.kind in kinds


def _never_followed(book: Book, first: _Kinds, second: _Kinds) -> Iterator[StepTemplate[Any]]:
    """Yield the first-like steps of the cure that no second-like step comes after."""
    fix = book.playbook.fix
    last = max((index for index, step in enumerate(fix) if second(step)), default=-1)
    return (step for index, step in enumerate(fix) if index > last and first(step))


def _restart_before_edit(book: Book) -> Iterator[Flaw]:
    if any(_restarts(step) for step in book.playbook.fix):
        for step in _never_followed(book, _of(_LOADED), _restarts):
            yield flaw_of(step, f"`{step.kind}` comes after the last restart: nothing runs what it makes")


def _restart_missing(book: Book) -> Iterator[Flaw]:
    if not any(_restarts(step) for step in book.playbook.fix):
        for step in _never_followed(book, _of(_LOADED), _restarts):
            yield flaw_of(step, f"nothing is restarted after `{step.kind}`: the process goes on with the old")


def _build_before_edit(book: Book) -> Iterator[Flaw]:
    if any(step.kind in _BUILDS for step in book.playbook.fix):
        for step in _never_followed(book, _of(_OF_SOURCES | _CLIENT), _of(_BUILDS)):
            yield flaw_of(step, f"`{step.kind}` comes after the build, which does not have it")


def _build_missing(book: Book) -> Iterator[Flaw]:
    if not any(step.kind in _BUILDS for step in book.playbook.fix):
        for step in _never_followed(book, _of(_OF_SOURCES), _of(_BUILDS)):
            yield flaw_of(
                step, f"nothing is built after `{step.kind}`: what runs is made from the old sources"
            )


def _generate_before_install(book: Book) -> Iterator[Flaw]:
    kinds = [step.kind for step in book.playbook.fix]
    if "prisma.generate" in kinds:
        for step in _never_followed(book, _of({"node.ci"}), _of({"prisma.generate"})):
            yield flaw_of(step, "packages are installed after the client was generated into them")


def _constraint_before_rows(book: Book) -> Iterator[Flaw]:
    if any(step.kind in _HOLDS for step in book.playbook.fix):
        for step in _never_followed(book, _of(_FILLS), _of(_HOLDS)):
            yield flaw_of(step, f"`{step.kind}` comes after the constraint that its rows must meet")


def _stopped_for_good(book: Book) -> Iterator[Flaw]:
    for step in _never_followed(book, _of({"pm2.stop"}), _restarts):
        yield flaw_of(step, "the app is stopped, and nothing starts it again")


def _environment_kept(book: Book) -> Iterator[Flaw]:
    anew = _of({"pm2.recreate", "pm2.start"})
    for step in _never_followed(book, _of(_OF_ENVIRONMENT), anew):
        if any(_restarts(one) for one in book.playbook.fix):
            yield flaw_of(step, f"a restart alone keeps the environment from before `{step.kind}`")


_EDIT = 'env.set: {key: PORT, value: "3000"}'
_ANEW = "pm2.recreate: {keys: [PORT]}"


RULES: tuple[Rule[Book], ...] = (
    Rule(
        "RM101", "restart-before-edit", Weight.ERROR,
        "The process is restarted, and what it should run is changed afterwards: it goes on with the old. The runbook"
        " restarts before it edits .env.",
        "Put the restart last in `fix`.",
        steps_of("fix", "pm2.restart: {}", "node.build: {}"), steps_of("fix", "node.build: {}", "pm2.restart: {}"),
        _restart_before_edit,
    ),
    Rule(
        "RM102", "restart-missing", Weight.WARNING,
        "A build, a client, a file of settings: a process has read them when it started, and does not read them"
        " again.",
        "End `fix` with `pm2.restart`, or `use: build-and-restart`.",
        steps_of("fix", "prisma.generate: {}"), steps_of("fix", "prisma.generate: {}", "pm2.restart: {}"),
        _restart_missing,
    ),
    Rule(
        "RM103", "build-before-edit", Weight.ERROR,
        "The build is made from what is there when its turn comes; what is changed afterwards is not in it.",
        "Put `node.build` after all that changes sources, packages or the client.",
        steps_of("fix", "node.build: {}", "typescript.import: {module: src/db/client}", "pm2.restart: {}"),
        steps_of("fix", "typescript.import: {module: src/db/client}", "node.build: {}", "pm2.restart: {}"),
        _build_before_edit,
    ),
    Rule(
        "RM104", "build-missing", Weight.WARNING,
        "What runs is the build, not its sources.",
        "Put `node.build` between the edit and the restart, or `use: build-and-restart`.",
        steps_of("fix", "typescript.import: {module: src/db/client}", "pm2.restart: {}"),
        steps_of("fix", "typescript.import: {module: src/db/client}", "node.build: {}", "pm2.restart: {}"),
        _build_missing,
    ),
    Rule(
        "RM105", "generate-before-install", Weight.ERROR,
        "Prisma's client is generated into node_modules; installing packages afterwards takes it away again.",
        "Put `node.ci` before `prisma.generate`: `use: prisma-client` has both in order.",
        steps_of("fix", "prisma.generate: {}", "node.ci: {packages: [prisma]}", "pm2.restart: {}"),
        steps_of("fix", "node.ci: {packages: [prisma]}", "prisma.generate: {}", "pm2.restart: {}"),
        _generate_before_install,
    ),
    Rule(
        "RM106", "constraint-before-rows", Weight.ERROR,
        "A constraint over rows that do not meet it yet fails, or turns the writes of code that is behind into"
        " errors:"
        " the order is code, rows, constraint.",
        "Put `sql.not_null` and `sql.foreign_key` after the steps that mend the rows.",
        steps_of("fix",
            "sql.not_null: {table: avatars, columns: [name]}",
            "sql.fill_nulls: {table: avatars, columns: [name], expect: {rows: 1..9}}",
        ),
        steps_of("fix",
            "sql.fill_nulls: {table: avatars, columns: [name], expect: {rows: 1..9}}",
            "sql.not_null: {table: avatars, columns: [name]}",
        ),
        _constraint_before_rows,
    ),
    Rule(
        "RM107", "stopped-for-good", Weight.ERROR,
        "`pm2.stop` is for the time of a change; without a start the cure is an outage.",
        "End with `pm2.restart` or `pm2.start`.",
        steps_of("fix", "pm2.restart: {}", "pm2.stop: {}"),
        steps_of("fix", "pm2.stop: {}", "node.rebuild: {}", "pm2.restart: {}"),
        _stopped_for_good,
    ),
    Rule(
        "RM108", "environment-kept", Weight.WARNING,
        "`pm2 restart` keeps the environment that pm2 holds (measured), and a value there wins over .env.",
        "Put `pm2.recreate: {keys: [NAME]}` after the edit: it starts the app anew where what it was given is other.",
        steps_of("fix", _EDIT, "pm2.restart: {runs: [.env]}"), steps_of("fix", _EDIT, _ANEW),
        _environment_kept,
    ),
)  # fmt: skip
