"""Whether a statement's effects stay within one database, so that it may be tried in a copy. It runs nothing.

A closed list: what is not known to stay within is taken for what reaches beyond. Databases, roles, sessions and
settings are the whole cluster's (manual, chapter "Managing Databases": shared catalogs), and what code does stands in
strings. So a statement is read twice, as sqlglot's tree and by its words, and both must be on the list.
"""

import re

from sqlglot import exp

from remediate.gate.effects import WITH_EFFECTS
from remediate.gate.grammar import Statement, folded, statements_in
from remediate.questions import Answers, Query, Value

_MADE = frozenset({"TABLE", "INDEX", "TYPE", "VIEW", "SEQUENCE"})
_DESCRIBED = _MADE | {"COLUMN", "CONSTRAINT"}
_NAME = r'(?:(?:"(?:[^"]|"")+"|\w+)\s*\.\s*)?(?:"(?:[^"]|"")+"|\w+)'
_ALTER = rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_NAME} "
_WORDS = re.compile(
    "|".join(
        (
            rf"CREATE SCHEMA (?:IF NOT EXISTS )?{_NAME}",
            rf"ALTER TYPE {_NAME} ADD VALUE(?: IF NOT EXISTS)?(?: (?:BEFORE|AFTER))?",
            rf"ALTER TYPE {_NAME} RENAME (?:VALUE TO|TO {_NAME})",
            rf"ALTER (?:INDEX|SEQUENCE|VIEW) (?:IF EXISTS )?{_NAME} RENAME TO {_NAME}",
            rf"ALTER SEQUENCE (?:IF EXISTS )?{_NAME} OWNED BY (?:{_NAME}\.)?{_NAME}",
            rf"{_ALTER}VALIDATE CONSTRAINT {_NAME}",
            rf"{_ALTER}RENAME (?:CONSTRAINT |COLUMN )?{_NAME} TO {_NAME}",
            rf"{_ALTER}ALTER (?:COLUMN )?{_NAME} (?:(?:SET|DROP) NOT NULL|DROP DEFAULT)",
            rf"{_ALTER}ADD (?:CONSTRAINT {_NAME} )?(?:UNIQUE|PRIMARY KEY) USING INDEX {_NAME}",
            r"SET LOCAL (?:lock|statement)_timeout (?:=|TO) ?\d*",
        )
    ),
    re.IGNORECASE,
)
"""What sqlglot does not read, each to its end: nothing in it can call anything."""

_NAMES = (
    "abs age avg btrim cardinality ceil ceiling char_length character_length coalesce concat concat_ws count "
    "date_part date_trunc dense_rank encode extract floor format gen_random_uuid generate_series greatest initcap "
    "lag lead least left length lower lpad ltrim max md5 min mod now nullif octet_length power random rank "
    "regexp_replace repeat replace reverse right round row_number rpad rtrim sha256 sign split_part sqrt starts_with "
    "string_agg strpos substr substring sum to_char to_date to_number to_timestamp translate trim trunc unnest upper "
    "array_agg array_length array_position array_remove array_to_string current_date current_time current_timestamp "
    "localtime localtimestamp jsonb_array_length jsonb_build_array jsonb_build_object jsonb_set jsonb_strip_nulls "
    "jsonb_typeof json_array_length json_build_array json_build_object json_typeof to_json to_jsonb "
    "currval nextval setval "
    "and or not xor array case cast exists if exploding_generate_series group_concat logical_and logical_or pow rand "
    "str_position str_to_time time_to_str timestamp uuid"
)
HARMLESS = frozenset(_NAMES.split())
"""Functions that do nothing beyond the database: they compute, read a clock, or turn a sequence of the same database.

Source: the manual's chapter "Functions and Operators". The last two lines are sqlglot's own names for some of these,
and for what is no function to PostgreSQL."""


class Code(Value):
    """What in a database runs code that nobody reads when something else is done, and what leads out of it.

    Attributes:
        always: What any change of the schema fires: event triggers.
        with_rows: What reading or writing rows may fire or reach: triggers, rules, functions, foreign tables.
        functions: The names of its own functions.
    """

    always: tuple[str, ...] = ()
    with_rows: tuple[str, ...] = ()
    functions: frozenset[str] = frozenset()


CODE = Query(
    sql="""SELECT 'always' AS kind, 'the event trigger ' || evtname AS told, evtname::text AS name
FROM pg_event_trigger WHERE evtenabled <> 'D'
UNION ALL SELECT 'rows', 'the trigger ' || t.tgname || ' on ' || t.tgrelid::regclass, ''
FROM pg_trigger AS t WHERE NOT t.tgisinternal
UNION ALL SELECT 'rows', 'the rule ' || r.rulename || ' on ' || r.ev_class::regclass, ''
FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL SELECT 'rows', 'the foreign table ' || oid::regclass, '' FROM pg_class WHERE relkind = 'f'
UNION ALL SELECT 'rows', 'the extension ' || extname, '' FROM pg_extension
WHERE extname IN ('dblink', 'postgres_fdw', 'adminpack', 'pg_cron', 'pg_background')
UNION ALL SELECT 'function', 'the function ' || p.proname, p.proname::text
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT EXISTS (
  SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1, 2""",
    about=(),
)
"""What runs code in a database, each with how it is told; a function of an extension is its extension's."""


def code_in(answers: Answers) -> Code:
    """Return what a database has that runs code, of an answer to `CODE`.

    Raises:
        CouldNotLook: It could not be asked.
    """
    rows = answers[CODE].records
    return Code(
        always=tuple(str(one["told"]) for one in rows if one["kind"] == "always"),
        with_rows=tuple(str(one["told"]) for one in rows if one["kind"] != "always"),
        functions=frozenset(str(one["name"]) for one in rows if one["kind"] == "function"),
    )


def reaches_beyond(script: str, code: Code) -> str:
    """Return in a clause why SQL must not be tried in a copy on a server that lives; empty where it may be.

    Args:
        script: One statement, or several.
        code: What the database has that would run with it.
    """
    if code.always:
        return f"{code.always[0]} runs with whatever changes the schema"
    try:
        statements = statements_in(script)
    except ValueError as error:
        return f"it cannot be read: {error}"
    return next((why for one in statements if (why := _why(one, code))), "")


def _why(statement: Statement, code: Code) -> str:
    if _WORDS.fullmatch(statement.words):
        return ""
    begins = f"“{' '.join(statement.words.split()[:3])} …”"
    tree = statement.tree
    if tree is None or not _listed(tree):
        return f"{begins} is not known to stay within one database"
    if called := _called(statement, tree, code):
        return f"{begins} calls {called}, which is not known to be harmless"
    if shared := _of_server(statement, tree):
        return f"{begins} names {shared}, which is the server's own"
    if code.with_rows and _has_rows(tree):
        return f"{begins} may run {code.with_rows[0]}, which nobody has read"
    return ""


def _listed(tree: exp.Expr) -> bool:
    """Tell whether a tree, and each statement within it, is of a kind that stays within the database."""
    if isinstance(tree, exp.Create | exp.Drop | exp.Alter):
        return str(tree.args.get("kind")).upper() in _MADE
    if isinstance(tree, exp.Comment):
        return str(tree.args.get("kind")).upper() in _DESCRIBED
    return isinstance(tree, exp.Query | exp.Values | exp.Insert | exp.Update | exp.Delete)


def _called(statement: Statement, tree: exp.Expr, code: Code) -> str:
    """Return the first function that is not on the list, or nothing."""
    for found in WITH_EFFECTS.finditer(statement.words):
        name = found[0].lower()
        if name not in HARMLESS and statement.words[found.end() :].lstrip('" ').startswith("("):
            return name
    if tree.find(exp.Command):
        return "what cannot be read"
    for one in tree.find_all(exp.Func):
        name = str(one.name if isinstance(one, exp.Anonymous) else type(one).sql_name()).lower()
        if name not in HARMLESS or name in code.functions:
            return name
    return ""


def _of_server(statement: Statement, tree: exp.Expr) -> str:
    """Return the first thing named that does not lie in the database alone, or that hides its name; or nothing."""
    if found := re.search(r"\bTABLESPACE\b|\bU&\"", statement.words, re.IGNORECASE):
        return found[0]
    for table in tree.find_all(exp.Table):
        name, schema = folded(table.this), folded(table.args.get("db"))
        if schema in {"pg_catalog", "information_schema"} or name.lower().startswith("pg_"):
            return name
    return ""


def _has_rows(tree: exp.Expr) -> bool:
    """Tell whether rows are read or written when it is run; a view is only written down."""
    if isinstance(tree, exp.Create) and tree.kind == "VIEW":
        return tree.find(exp.MaterializedProperty) is not None
    return tree.find(exp.Query, exp.Values, exp.Insert, exp.Update, exp.Delete) is not None
