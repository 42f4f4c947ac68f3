"""What a migration would reach outside of the app's schema, where putting the schema back does not help. Runs no SQL.

Words are looked for, also in the strings of a statement, for a DO has its SQL in one. SQL that is composed while
it runs nobody can read: it is only told that there is some.
"""

import re
from collections.abc import Iterator, Mapping

from remediate.errors import Failed
from remediate.model import Json
from remediate.providers.schema_aside import SCHEMA_FACT, Schema
from remediate.providers.sql_script import bare, blanked, placed_statements
from remediate.questions import Query
from remediate.sql import identifier

OUTSIDE = Query(
    sql="""SELECT (SELECT coalesce(json_agg(n.nspname ORDER BY n.nspname), '[]') FROM pg_namespace AS n
 WHERE n.nspname <> current_schema() AND NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema')
 AS schemas, (SELECT coalesce(json_agg(e.extname ORDER BY e.extname), '[]') FROM pg_extension AS e) AS extensions""",
    about=(SCHEMA_FACT,),
)
"""The other schemas of the database, and the extensions that are installed in it."""

_NAME = r'("(?:[^"]|"")*"|[\w$]+)'
_MADE_THERE = re.compile(rf"CREATE SCHEMA (?:IF NOT EXISTS )?{_NAME}", re.IGNORECASE)
_EXTENSION = re.compile(rf"CREATE EXTENSION (IF NOT EXISTS )?{_NAME}", re.IGNORECASE)
_CODE = re.compile(r"(DO|CREATE (OR REPLACE )?(FUNCTION|PROCEDURE))\b", re.IGNORECASE)
_COMPOSES = re.compile(r"CALL\b|DO\b.*\b(EXECUTE|CALL|LANGUAGE)\b", re.IGNORECASE | re.DOTALL)
_SEARCH_PATH = re.compile(r"SET LOCAL search_path\b|DO\b.*\bsearch_path\b", re.IGNORECASE)
# What belongs to no schema (manual, chapter "SQL Commands"); what a role owns or may do goes through all of them.
_BEYOND = (
    r"(?:CREATE|ALTER|DROP) (?:OR REPLACE )?(?:TRUSTED )?(?:PROCEDURAL )?(?:SCHEMA|EXTENSION|ROLE|USER|GROUP|DATABASE"
    r"|TABLESPACE|PUBLICATION|SUBSCRIPTION|EVENT TRIGGER|SERVER|FOREIGN|LANGUAGE|CAST|TRANSFORM|ACCESS METHOD)\b"
    r"|ALTER (?:SYSTEM|LARGE OBJECT|DEFAULT PRIVILEGES(?! .*\bIN SCHEMA))\b|(?:REASSIGN|DROP) OWNED\b|IMPORT FOREIGN\b"
    r"|SECURITY LABEL\b|COPY .*\bTO\b|(?:GRANT|REVOKE) (?!.*\bON\b)"
    r"|(?:GRANT|REVOKE) .* ON (?:DATABASE|TABLESPACE|LANGUAGE|FOREIGN|PARAMETER|LARGE OBJECT)\b"
    r"|COMMENT ON (?:DATABASE|ROLE|TABLESPACE|EXTENSION|LANGUAGE|CAST|EVENT|PUBLICATION|SUBSCRIPTION|SERVER|FOREIGN"
    r"|LARGE|ACCESS)\b"
)
_BEYOND_AT_ONCE = re.compile(_BEYOND, re.IGNORECASE)
_BEYOND_IN_CODE = re.compile(rf"\b(?:{_BEYOND})", re.IGNORECASE)


def refuse_outside_schema(place: str, script: str, schema: Schema, outside: Mapping[str, Json]) -> None:
    """Refuse a migration of which a statement reaches outside of the app's schema, by what can be read.

    Args:
        place: Its file, for the message.
        script: Its text.
        schema: The app's.
        outside: The row of an answer to `OUTSIDE`.

    Raises:
        Failed: It does; with the line.
    """
    for start, text in placed_statements(script):
        if why := next(_reaches(text, schema, outside), ""):
            line = script.count("\n", 0, start) + 1
            todo = "apply such things by hand, apart from the migrations, or reset the database by hand"
            what = f"line {line}: {why}; only the schema {schema.name} is put aside, and put back"
            raise Failed(place, what, todo)


def composes_sql(script: str) -> bool:
    """Tell whether a script runs code that may compose SQL while it runs, which nobody can read off it."""
    return any(_COMPOSES.match(blanked(text).strip()) for _, text in placed_statements(script))


def _reaches(text: str, schema: Schema, outside: Mapping[str, Json]) -> Iterator[str]:
    words = _words(text)
    if extension := _EXTENSION.match(words):
        name = _folded(extension[2])
        if name not in outside["extensions"]:
            yield f"it makes the extension {name}, which is not installed in the database"
        if extension[1]:  # it is there, so nothing is made
            return
    plain = blanked(text)
    whole = " ".join(plain.split())
    made = _MADE_THERE.fullmatch(words)
    beyond = _BEYOND_IN_CODE.search(whole) if _CODE.match(words) else _BEYOND_AT_ONCE.match(words)
    if beyond and not (made and _folded(made[1]) == schema.name):
        yield f"it alters what belongs to no schema ({beyond[0].strip()})"
    if _SEARCH_PATH.match(whole):
        yield "it sets the search_path"
    for name in (*outside["schemas"], schema.kept):
        if _names(plain, str(name)):
            yield f"it names the schema {name}"


def _names(text: str, schema: str) -> bool:
    written = re.escape(identifier(schema))
    if schema == schema.lower():  # else it is never meant without quotes
        written = rf'(?:{written}|(?<![\w$".]){re.escape(schema)}(?![\w$]))'
    named = rf"{written}\s*\.|\bSCHEMA\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?{written}"
    return bool(re.search(named, text, re.IGNORECASE))


def _words(text: str) -> str:
    return " ".join(bare(text).split())


def _folded(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
