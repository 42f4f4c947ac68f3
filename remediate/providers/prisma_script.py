"""The script by which Prisma would make a schema from nothing: asked of its own program, and read. Runs none of it.

`prisma migrate diff` needs no database, but reads prisma.config.ts and .env where it is started, and hands the URL that
it finds to its engine as an argument (measured with 7.10): so it is started where neither is. Nor may it download an
engine, which is no looking: where there is none it is not started.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remediate.errors import CouldNotLook, Failed
from remediate.model import digest_of
from remediate.providers.prisma_columns import COUNTING
from remediate.providers.sql_script import bare, items_of, not_in_a_transaction, statements_of
from remediate.questions import Run, RunAnswer

DIFF_SCRIPT = r"""
# $1 the backend's directory, $2 the schema. Prints the SQL that makes it from nothing.
prisma=$1/node_modules/.bin/prisma
[ -x "$prisma" ] || exit 91
if [ -z "$PRISMA_SCHEMA_ENGINE_BINARY" ]; then
    set -- "$1" "$2" "$1"/node_modules/@prisma/engines/schema-engine*
    [ -f "$3" ] || exit 92
fi
version=$(sed -n 's/^ *"version": *"\([0-9]*\)\..*/\1/p' <"$1/node_modules/prisma/package.json" | head -n 1)
option=--to-schema
[ "${version:-7}" -ge 7 ] || option=--to-schema-datamodel
cd / || exit 90
unset DATABASE_URL
export CHECKPOINT_DISABLE=1 PRISMA_HIDE_UPDATE_MESSAGE=1 NO_COLOR=1 JITI_FS_CACHE=false XDG_CONFIG_HOME=/dev/null
exec timeout -k 1 60 "$prisma" migrate diff --from-empty "$option" "$2" --script </dev/null
"""
NO_PRISMA, NO_ENGINE = 91, 92
_NAME = r'"((?:[^"]|"")*)"'
_COMMENTS = re.compile(r"\A(?:\s*--[^\n]*\n)+")
_TABLE = re.compile(rf"CREATE TABLE {_NAME}\s*\((.*)\)\s*", re.DOTALL)
_ENUM = re.compile(rf"CREATE TYPE {_NAME} AS ENUM\s*\((.*)\)\s*", re.DOTALL)
_INDEX = re.compile(rf"CREATE (?:UNIQUE )?INDEX {_NAME} ON .*", re.DOTALL)
_KEY = re.compile(
    rf"ALTER TABLE {_NAME} ADD CONSTRAINT {_NAME} FOREIGN KEY .*?"
    r"(?: ON DELETE ([A-Z ]+?))?(?: ON UPDATE ([A-Z ]+?))?\s*",
    re.DOTALL,
)
_PRIMARY = re.compile(rf"CONSTRAINT {_NAME} PRIMARY KEY \((.*)\)", re.DOTALL)
_COLUMN = re.compile(rf"{_NAME}\s+(.+?)( NOT NULL)?(?: DEFAULT (.*))?", re.DOTALL)
_OTHER_SCHEMA = re.compile(rf"\b(?:TABLE|TYPE|ON|INDEX|REFERENCES) {_NAME}\.", re.DOTALL)
_OWN_SCHEMA = re.compile(r'CREATE SCHEMA (?:IF NOT EXISTS )?"public"')


@dataclass(frozen=True)
class Column:
    """A column as the script makes it; `type` is `INTEGER` where it is `SERIAL`, and then it `counts`."""

    name: str
    type: str
    nullable: bool
    default: str | None
    counts: bool

    @property
    def must_be_given(self) -> bool:
        """Whether a row has to bring a value for it."""
        return not (self.nullable or self.default or self.counts)


@dataclass(frozen=True)
class Script:
    """What the script makes.

    Attributes:
        statements: In order, but for those of `keys`.
        keys: The statements that add foreign keys, which come after all rows.
        tables: Columns by table.
        primary_keys: Columns' names by table.
        enums: Labels by enum.
        indexes: Statements by index.
        actions: `ON DELETE` and `ON UPDATE` by foreign key.
    """

    statements: tuple[str, ...]
    keys: tuple[str, ...]
    tables: Mapping[str, tuple[Column, ...]]
    primary_keys: Mapping[str, tuple[str, ...]]
    enums: Mapping[str, tuple[str, ...]]
    indexes: Mapping[str, str]
    actions: Mapping[str, tuple[str, str]]

    @property
    def digest(self) -> str:
        """What tells it from another script."""
        return digest_of([*self.statements, *self.keys])


def script_question(backend: str, schema_file: str) -> Run:
    """Return the question for the script."""
    place = posixpath.normpath(backend)
    about = (f"file:{schema_file}", f"file:{place}/node_modules")
    return Run(script=DIFF_SCRIPT, args=(place, schema_file), about=about, timeout=70.0)


def script_in(answer: RunAnswer, backend: str, schema_file: str) -> Script:
    """Return the script of an answer.

    Raises:
        CouldNotLook: Prisma is not installed, or did not print one.
        Failed: It makes what cannot be made here.
    """
    if answer.exit_code == NO_PRISMA:
        raise CouldNotLook(backend, "prisma is not installed", "npm ci --include=dev")
    if answer.exit_code == NO_ENGINE:
        todo = (
            "have it downloaded (prisma version), or set PRISMA_SCHEMA_ENGINE_BINARY in the inventory's env"
        )
        raise CouldNotLook(backend, "prisma has no schema engine there, and looking downloads none", todo)
    if answer.exit_code or answer.left_out:
        what = f"prisma migrate diff ended with exit code {answer.exit_code}"
        raise CouldNotLook(schema_file, what, "run it by hand: is the schema valid?")
    return read_script(answer.text, schema_file)


def read_script(text: str, where: str) -> Script:
    """Return a script, read.

    Raises:
        Failed: It cannot be taken apart, or makes more than one schema, or nothing.
    """
    try:
        statements = tuple(_COMMENTS.sub("", one) for one in statements_of(text))
        plain = tuple(bare(one) for one in statements)
    except ValueError as error:
        raise Failed(where, f"prisma's script cannot be taken apart: {error}", "make it by hand") from error
    if any(map(_OTHER_SCHEMA.search, plain)):
        raise Failed(
            where, "it names schemas of its own (@@schema), and one is put aside here", "write a migration"
        )
    if why := next((why for one in statements if (why := not_in_a_transaction(one))), ""):
        raise Failed(where, f"one of prisma's statements {why}", "write a migration")
    made = tuple(one for one in statements if not _OWN_SCHEMA.fullmatch(one.strip()))
    if not any(map(_TABLE.fullmatch, made)):
        raise Failed(where, "prisma would make no table from it", "is it the right schema?")
    return _read(made)


def _read(statements: tuple[str, ...]) -> Script:
    keys = tuple(one for one in statements if _KEY.fullmatch(one))
    bodies = {_plain(found[1]): found[2] for found in map(_TABLE.fullmatch, statements) if found}
    return Script(
        statements=tuple(one for one in statements if one not in keys),
        keys=keys,
        tables={name: tuple(_columns(body)) for name, body in bodies.items()},
        primary_keys={name: _primary_key(body) for name, body in bodies.items()},
        enums={
            _plain(found[1]): tuple(one[1:-1].replace("''", "'") for one in items_of(found[2]))
            for found in map(_ENUM.fullmatch, statements)
            if found
        },
        indexes={_plain(found[1]): found[0] for found in map(_INDEX.fullmatch, statements) if found},
        actions={
            _plain(found[2]): (found[3] or "NO ACTION", found[4] or "NO ACTION")
            for found in map(_KEY.fullmatch, statements)
            if found
        },
    )


def _columns(body: str) -> Iterator[Column]:
    for item in items_of(body):
        if found := _COLUMN.fullmatch(item):
            written = found[2].strip()
            plain = COUNTING.get(written, written)
            yield Column(_plain(found[1]), plain, not found[3], found[4], counts=plain != written)


def _primary_key(body: str) -> tuple[str, ...]:
    found = next((found for found in map(_PRIMARY.fullmatch, items_of(body)) if found), None)
    return tuple(_plain(name[1:-1]) for name in items_of(found[2])) if found else ()


def _plain(name: str) -> str:
    return name.replace('""', '"')
