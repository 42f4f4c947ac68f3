"""Prisma looked at: is the schema valid, where do the migrations stand, does the code name what the client lacks.

Reads only. Migrations are judged from their folder and from `_prisma_migrations`, not by `prisma migrate status`, which
answers 1 for pending, failed and unreachable alike, and notices no edited file (measured with 7.10).
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from remediate.errors import CouldNotLook
from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.providers.prisma_syntax import blocks_of
from remediate.providers.typescript_syntax import names_used
from remediate.providers.typescript_tree import Tree, read_tree, tree_question
from remediate.questions import Answers, Query, Read, Run, RunAnswer, Unanswered
from remediate.steps import Check, Questions, Step

VALID_SCRIPT = r"""
# $1 the backend's directory, $2 the schema. Prisma's own validator; JITI_FS_CACHE keeps it from writing into
# node_modules/.cache, XDG_CONFIG_HOME from noting the command in ~/.config/prisma-nodejs. Prints what it says.
cd -- "$1" || exit 90
[ -x node_modules/.bin/prisma ] || exit 91
export CHECKPOINT_DISABLE=1 PRISMA_HIDE_UPDATE_MESSAGE=1 NO_COLOR=1 JITI_FS_CACHE=false XDG_CONFIG_HOME=/dev/null
exec timeout -k 1 60 node_modules/.bin/prisma validate --schema "$2" </dev/null 2>&1
"""
FOLDER_SCRIPT = r"""
# $1 the folder of the migrations. Prints, for each, the SHA-256 of its file, those of it with line ends LF and CRLF,
# with commas between, a space and its name.
cd -- "$1" 2>/dev/null || exit 3
sum() { sha256sum | cut -c 1-64; }
unix() { sed 's/\r$//' <"$file"; }
windows() { { unix; printf x; } | sed '$!s/$/\r/' | head -c -1; }
for file in */migration.sql; do
    [ ! -f "$file" ] || printf '%s,%s,%s %s\n' "$(sum <"$file")" "$(unix | sum)" "$(windows | sum)" "${file%/*}"
done
"""
NO_BACKEND, NO_PRISMA, TIMED_OUT, NO_FOLDER = 90, 91, (124, 137), 3
INVALID_CODE = "P1012"
NOT_GIVEN = "Environment variable not found"
HISTORY_THERE = Query(
    sql="SELECT to_regclass('_prisma_migrations') IS NOT NULL AS there", about=("table:_prisma_migrations",)
)
HISTORY = Query(
    sql="SELECT migration_name, checksum, finished_at IS NOT NULL AS finished, rolled_back_at IS NOT NULL AS undone"
    " FROM _prisma_migrations ORDER BY started_at",
    about=("table:_prisma_migrations",),
)
SHOWN = 5
_SCHEMA_FILE = "{{ app.backend }}/prisma/schema.prisma"


class Valid(Check):
    """Whether Prisma itself calls the schema valid. It says nothing about the client: see `prisma.client`."""

    kind: ClassVar[str] = "prisma.valid"
    tells: ClassVar[str] = (
        "Asks Prisma itself whether schema.prisma is valid; that says nothing of the client"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE, Need.PRISMA)
    backend: str = Field(default="{{ app.backend }}", description="Where `node_modules` lies.")
    schema_file: str = Field(default=_SCHEMA_FILE, description="The Prisma schema on the host.")

    @property
    def question(self) -> Run:
        """The question what Prisma says of the schema."""
        args = (posixpath.normpath(self.backend), self.schema_file)
        return Run(script=VALID_SCRIPT, args=args, about=(f"file:{self.schema_file}",), timeout=70.0)

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Tell Prisma's verdict.

        Raises:
            CouldNotLook: Prisma is not installed, or failed for another reason than the schema.
        """
        del first
        answer = now[self.question]
        if answer.exit_code in (NO_BACKEND, NO_PRISMA, *TIMED_OUT):
            what = "prisma is not installed, or took too long"
            raise CouldNotLook(self.backend, what, "install it with the app (npm ci)")
        # Up to Prisma 6 a variable that the schema names and nobody gave has the code of a schema that is wrong.
        errors = [line for line in answer.text.splitlines() if line.lstrip().startswith("error:")]
        if errors and all(NOT_GIVEN in line for line in errors):
            what = f"prisma validate wants a variable of the environment: {errors[0].rpartition(': ')[2].rstrip('.')}"
            raise CouldNotLook(self.backend, what, "give it to .env")
        # A program that cannot start fails, too; only Prisma's own code says that it is the schema.
        if answer.exit_code and INVALID_CODE not in answer.text:
            what = f"prisma validate failed with exit code {answer.exit_code}, and not over the schema"
            raise CouldNotLook(self.backend, what, "run it by hand")
        told = [
            line.strip() for line in answer.text.splitlines() if line.lstrip().startswith(("error:", "-->"))
        ]
        return Finding(
            healthy=not answer.exit_code,
            seen=f"{self.schema_file} is {'not ' * bool(answer.exit_code)}valid",
            evidence=tuple(told[: 2 * SHOWN]) if answer.exit_code else (),
        )


@dataclass(frozen=True)
class Standing:
    """Where migrations stand, by their names."""

    pending: tuple[str, ...]
    failed: tuple[str, ...]
    edited: tuple[str, ...]
    missing: tuple[str, ...]

    def facts(self) -> dict[str, Json]:
        """Return the four lists."""
        return {
            "pending": list(self.pending),
            "failed": list(self.failed),
            "edited": list(self.edited),
            "missing": list(self.missing),
        }


class Migrations(Check):
    """Whether every migration of the folder was applied, none failed, and none was edited since.

    Facts for later steps: `pending`, `failed`, `edited`, and `missing`: applied, but not in the folder.
    """

    kind: ClassVar[str] = "prisma.migrations"
    tells: ClassVar[str] = (
        "Looks whether every migration on the host was applied to the database, none failed, and none was"
        " edited since"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    folder: str = Field(
        default="{{ app.backend }}/prisma/migrations", description="Absolute path of the migrations."
    )

    @property
    def listing(self) -> Run:
        """The question which migrations the folder has."""
        return Run(script=FOLDER_SCRIPT, args=(self.folder,), about=(f"file:{self.folder}",))

    def ask(self) -> Questions:
        """Return the questions for the folder and for the database's history."""
        return (self.listing, HISTORY_THERE, HISTORY)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the folder with the history."""
        del first
        files = migrations_in(self.folder, now[self.listing])
        history = history_in(now)
        standing = standing_of(forms_in(now[self.listing]), history)
        facts = standing.facts()
        parts = [f"{len(names)} {kind}" for kind, names in facts.items() if names]
        none = "" if history else "; the database has no history of migrations"
        return Finding(
            healthy=not parts,
            seen=f"migrations: {', '.join(parts)}{none}"
            if parts
            else f"all {len(files)} migrations are applied",
            evidence=tuple(f"{kind}: {name}" for kind, names in facts.items() for name in names[:SHOWN]),
            facts=facts,
        )


def forms_in(answer: RunAnswer) -> dict[str, tuple[str, ...]]:
    """Return the checksums under which Prisma takes each migration for the applied one: its own, then by line ends."""
    lines = (line.partition(" ") for line in answer.text.splitlines())
    return {name: tuple(checksums.split(",")) for checksums, _, name in lines}


def migrations_in(folder: str, answer: RunAnswer) -> dict[str, str]:
    """Return the checksum of each migration in the folder as it lies there, by name.

    Raises:
        CouldNotLook: There is no such folder.
    """
    if answer.exit_code == NO_FOLDER:
        raise CouldNotLook(
            folder, "there is no such folder", "set `folder`; is it left out of the deployment?"
        )
    return {name: checksums[0] for name, checksums in forms_in(answer).items()}


def history_in(answers: Answers) -> tuple[Mapping[str, Json], ...]:
    """Return the rows of the database's history, oldest first; none where it has no history.

    Raises:
        CouldNotLook: The database did not answer.
    """
    there = answers[HISTORY_THERE].records[0]["there"]
    rows = answers.raw(HISTORY)
    if isinstance(rows, Unanswered) and not there:
        return ()  # the server refused it because there is no such table, as the other answer says
    return tuple(answers[HISTORY].records)


def standing_of(files: Mapping[str, tuple[str, ...]], history: Iterable[Mapping[str, Json]]) -> Standing:
    """Return where migrations stand.

    Args:
        files: Name -> SHA-256 of its file's bytes, which is Prisma's checksum (verified with 7.10), and of the same
            with other line ends, which Prisma takes for the same migration.
        history: Rows of `_prisma_migrations`, oldest first, with `finished` and `undone` as booleans.
    """
    rows = [row for row in history if not row["undone"]]
    applied = {row["migration_name"]: row["checksum"] for row in rows if row["finished"]}
    failed = [row["migration_name"] for row in rows if not row["finished"]]
    return Standing(
        pending=tuple(sorted(name for name in files if name not in applied and name not in failed)),
        failed=tuple(failed),
        edited=tuple(
            name for name, checksum in applied.items() if checksum not in files.get(name, (checksum,))
        ),
        missing=tuple(name for name in applied if name not in files),
    )


@dataclass(frozen=True)
class Unknown:
    """A field that the code names and the schema has, and the client has not."""

    model: str
    field: str
    file: str
    line: int


class Fields(Check):
    """Whether the client knows every field that the schema has and the code names.

    A client older than its schema answers such a call with `Unknown argument`. Facts for later steps: `unknown`, a list
    of `{model, field, file, line}`.
    """

    kind: ClassVar[str] = "prisma.fields"
    tells: ClassVar[str] = (
        "Looks whether the Prisma client knows every field that schema.prisma has and the code names"
    )
    backend: str = Field(default="{{ app.backend }}", description="Absolute path of the backend.")
    source: str = Field(default="src", description="Directory of the sources below it.")
    schema_file: str = Field(default=_SCHEMA_FILE, description="The Prisma schema on the host.")
    client: str = Field(
        default="{{ app.backend }}/node_modules/.prisma/client",
        description="Where the client is generated to.",
    )

    @property
    def tree(self) -> str:
        """Absolute path of the source tree."""
        return posixpath.normpath(posixpath.join(self.backend, self.source))

    @property
    def schemas(self) -> tuple[Read, Read]:
        """The questions for the schema, and for the one that the client was made from."""
        return Read(path=self.schema_file), Read(path=f"{self.client}/schema.prisma")

    def ask(self) -> Questions:
        """Return the questions for both schemas and the sources."""
        return (*self.schemas, tree_question(self.tree))

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Look for the names of fields that only the schema has."""
        del first
        schema, generated = (now[question] for question in self.schemas)
        if not schema.exists:
            raise CouldNotLook(now.where, f"there is no {self.schema_file}", "set schema_file")
        if not generated.exists:
            return Finding(healthy=True, seen="there is no client that could lack a field")
        new = fields_of(schema.text, self.schema_file) - fields_of(
            generated.text, "the client's schema.prisma"
        )
        tree = read_tree(self.tree, now[tree_question(self.tree)])
        unknown = list(_named(tree, new))
        names = ", ".join(f"{one.model}.{one.field}" for one in unknown[:SHOWN])
        return Finding(
            healthy=not unknown,
            seen=f"the code names what the client does not know: {names}"
            if unknown
            else "the client knows every field of the schema that the code names",
            evidence=tuple(f"{one.file}:{one.line}: {one.field}" for one in unknown[:SHOWN]),
            facts={"unknown": [vars(one) for one in unknown]},
        )


def fields_of(schema: str, where: str) -> set[tuple[str, str]]:
    """Return every (model, field) of a schema.

    Raises:
        CouldNotLook: It cannot be read as one.
    """
    models = (block for block in blocks_of(schema, where) if block.kind in ("model", "view", "type"))
    return {(block.name, field.name) for block in models for field in block.fields}


def _named(tree: Tree, new: set[tuple[str, str]]) -> Iterator[Unknown]:
    if not new:
        return
    used = {
        file: names_used(file, content.decode("utf-8", "replace"))
        for file, content in tree.files.items()
        if content
    }
    for model, field in sorted(new):
        for file, names in used.items():
            if field in names:
                yield Unknown(model, field, tree.path_of(file), names[field])


STEPS: tuple[type[Step], ...] = (Valid, Migrations, Fields)
