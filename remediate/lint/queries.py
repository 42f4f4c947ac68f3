"""Rules about SQL: what the hazard gate says of it before any database is asked. They parse nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from remediate.gate import RULES as GATE
from remediate.gate import Verdict, judge
from remediate.gate.grammar import tables_in
from remediate.gate.squawk import Lint
from remediate.hazard import Hazard, Severity
from remediate.lint.book import Book, Piece, flaw_of, raw
from remediate.lint.examples import migrating, steps_of
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.model import Json
from remediate.text.templates import is_template

_WAYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sql.query": (("sql",),),
    "sql.slow": (("query",),),
    "sql.migrate": (("text",), ("down", "text")),
}
_SESSIONS = frozenset({"pg_locks", "pg_stat_activity"})


@dataclass(frozen=True)
class Sql:
    """A constant text of SQL.

    Attributes:
        piece: The text it is part of.
        text: The SQL.
        start: Where it begins there, from 0.
    """

    piece: Piece
    text: str
    start: int = 0

    @property
    def verdict(self) -> Verdict:
        """What the gate says of it without a catalog."""
        return _verdict(self.text)

    def flaw(self, hazard: Hazard, what: str) -> Flaw:
        """Return what is wrong at the statement of a hazard, at the name it is about where that stands there."""
        begins = sum(len(line) + 1 for line in self.text.split("\n")[: hazard.line - 1])
        named = hazard.about.rpartition(".")[2]
        at = self.text.find(named, begins) if named else -1
        start, length = (at, len(named)) if at >= 0 else (begins, len(self.text[begins:].split("\n")[0]))
        return self.piece.flaw(what, self.start + start, self.start + start + length)


def sql_of(book: Book) -> Iterator[Sql]:
    """Yield every constant SQL text, that of `psql -c` in scripts among them."""
    for step in book.steps:
        for way in _WAYS.get(step.kind, ()):
            text = _at(raw(step), way)
            if isinstance(text, str) and not is_template(text):
                yield Sql(Piece(step, (*step.place, *way), text, step.kind != "sql.migrate"), text)
    for shell, call in book.calls():
        words = call.words
        given = words[words.index("-c") + 1 :][:1] if call.program == "psql" and "-c" in words else ()
        yield from (Sql(shell, text, max(shell.text.find(text), 0)) for text in given if "$" not in text)


def _at(value: Json, way: tuple[str, ...]) -> Json:
    for part in way:
        value = value.get(part) if isinstance(value, dict) else None
    return value


@cache
def _verdict(text: str) -> Verdict:
    try:
        return judge(text, ask_squawk=lambda _: Lint())
    except ValueError:  # no end of a string: the loader, or the gate before the run, says so
        return Verdict((), (), judge("").known)


def _hazards(*rules: str) -> Callable[[Book], Iterator[Flaw]]:
    def look(book: Book) -> Iterator[Flaw]:
        for sql in sql_of(book):
            for hazard in sql.verdict.hazards:
                if hazard.rule in rules and not _allowed(sql, hazard):
                    yield sql.flaw(hazard, hazard.why)

    return look


def _allowed(sql: Sql, hazard: Hazard) -> bool:
    allow = raw(sql.piece.step).get("allow")
    return isinstance(allow, list) and hazard.rule in allow


def _sessions(book: Book) -> Iterator[Flaw]:
    for sql in sql_of(book):
        for statement in sql.verdict.statements:
            if named := sorted(tables_in(statement.tree) & _SESSIONS):
                yield sql.piece.flaw(
                    f"looks for who blocks whom in {named[0]}", sql.start, sql.start + len(sql.text)
                )


def _passed_over(book: Book) -> Iterator[Flaw]:
    for sql in sql_of(book):
        for statement in sql.verdict.statements:
            if "IF NOT EXISTS" in statement.words.upper():
                end = statement.start + len(statement.text)
                yield sql.piece.flaw(
                    "passes over what is there, whatever it is", sql.start + statement.start, sql.start + end
                )


def _idle_allow(book: Book) -> Iterator[Flaw]:
    for step in book.playbook.fix:
        allow = raw(step).get("allow")
        known = {
            hazard.rule for sql in sql_of(book) if sql.piece.step is step for hazard in sql.verdict.hazards
        }
        constant = (
            step.kind == "sql.migrate" and "text" in raw(step) and not _from_file(raw(step).get("down"))
        )
        for index, rule in enumerate(allow if constant and isinstance(allow, list) else ()):
            if (
                rule in GATE
                and rule not in known
                and not GATE[rule].asks
                and rule not in {"linted", "unread"}
            ):
                yield flaw_of(step, f"nothing in its SQL trips `{rule}`", "allow", str(index))


def _from_file(down: Json) -> bool:
    return isinstance(down, dict) and "file" in down


def _query(sql: str) -> str:
    return steps_of("diagnose", f"sql.query:\n      expect: {{none: true}}\n      sql: {sql}")


_NAMED = frozenset(
    (
        *("unquoted-name", "folded-name", "not-in-unproven", "not-in-null", "information-schema"),
        *("index-blocks-writes", "volatile-default", "set-not-null"),
        *("update-without-where", "delete-without-where", "delete-rows", "change-rows"),
        *("drop-table", "drop-schema", "drop-database", "truncate", "drop-column"),
        *("foreign-key-scans", "check-scans", "unique-blocks", "validate-with-add", "drop-index-blocks"),
        *("explain-analyze", "explain-analyze-writes", "adds-cascade", "function-with-effects"),
    )
)
_OTHERS = tuple(rule.id for rule in GATE.values() if rule.id not in _NAMED and rule.severity is Severity.STOP)

RULES: tuple[Rule[Book], ...] = (
    Rule(
        "RM401", "unquoted-name", Weight.ERROR,
        "PostgreSQL folds a name without quotes to lower case: `userId` is looked up as `userid`, and is not"
        " there (measured).",
        'Quote it: `"userId"`; or write it in lower case where it is.',
        _query("SELECT userId FROM avatars"), _query("'SELECT \"userId\" FROM avatars'"), _hazards("unquoted-name"),
    ),
    Rule(
        "RM402", "folded-name", Weight.ERROR,
        "A column that is made as `personaName` without quotes is `personaname`; the app does not find it.",
        "Quote the name.",
        migrating("ALTER TABLE avatars ADD COLUMN personaName text;"),
        migrating('ALTER TABLE avatars ADD COLUMN "personaName" text;'), _hazards("folded-name"),
    ),
    Rule(
        "RM403", "not-in", Weight.ERROR,
        "`NOT IN (SELECT …)` with one NULL in it finds nothing: 0 rows where NOT EXISTS found 2 (measured).",
        "`NOT EXISTS (SELECT FROM … WHERE …)`; for lost parents, `sql.orphans`.",
        _query("SELECT id FROM avatars WHERE project NOT IN (SELECT id FROM projects)"),
        _query("SELECT id FROM avatars a WHERE NOT EXISTS (SELECT FROM projects p WHERE p.id = a.project)"),
        _hazards("not-in-unproven", "not-in-null"),
    ),
    Rule(
        "RM404", "information-schema", Weight.WARNING,
        "It counts the tables of that name in every schema (10 columns instead of 8), and hides what the role has no"
        " privilege on (0 instead of 8; both measured).",
        "`prisma.columns` compares with schema.prisma; else pg_attribute by `to_regclass('…')`.",
        _query("SELECT count(*) FROM information_schema.columns WHERE table_name = 'avatars'"),
        steps_of("diagnose", "prisma.columns: {table: avatars}"), _hazards("information-schema"),
    ),
    Rule(
        "RM405", "index-blocks-writes", Weight.ERROR,
        "CREATE INDEX without CONCURRENTLY keeps every writer out until it is built (an INSERT timed out, measured).",
        "`sql.create_index` builds it concurrently, and clears away what a failed build leaves.",
        migrating("CREATE INDEX avatars_name ON avatars (name);"),
        migrating("CREATE INDEX CONCURRENTLY avatars_name ON avatars (name);"), _hazards("index-blocks-writes"),
    ),
    Rule(
        "RM406", "volatile-default", Weight.ERROR,
        "ADD COLUMN with a volatile default writes the whole table anew under ACCESS EXCLUSIVE (measured).",
        "Add the column without a default, fill it in batches, then SET DEFAULT.",
        migrating("ALTER TABLE avatars ADD COLUMN mark uuid DEFAULT gen_random_uuid();"),
        migrating("ALTER TABLE avatars ADD COLUMN mark uuid;"), _hazards("volatile-default"),
    ),
    Rule(
        "RM407", "set-not-null", Weight.ERROR,
        "SET NOT NULL reads the whole table under ACCESS EXCLUSIVE, and fails over one NULL.",
        "`sql.not_null`: a CHECK NOT VALID first, then VALIDATE while everybody goes on, then NOT NULL.",
        migrating("ALTER TABLE avatars ALTER COLUMN name SET NOT NULL;"),
        steps_of("fix", "sql.not_null: {table: avatars, columns: [name]}"), _hazards("set-not-null"),
    ),
    Rule(
        "RM408", "rows-by-hand", Weight.ERROR,
        "UPDATE and DELETE in a script know neither how many rows they should meet nor what these were: nothing"
        " brings"
        " them back.",
        "`sql.update_rows` and `sql.delete_rows` have `key`, `where` and `expect`, and keep what was there.",
        migrating("UPDATE avatars SET source = 'uploaded' WHERE source IS NULL;"),
        steps_of("fix", "sql.fill_nulls: {table: avatars, columns: [source], expect: {rows: 1..9}}"),
        _hazards("update-without-where", "delete-without-where", "delete-rows", "change-rows"),
    ),
    Rule(
        "RM409", "drops-data", Weight.ERROR,
        "DROP and TRUNCATE lose what is there, for good.",
        "By hand, after a backup; a column only once no code uses it.",
        migrating("TRUNCATE avatars;"), migrating("ANALYZE avatars;"),
        _hazards("drop-table", "drop-schema", "drop-database", "truncate", "drop-column"),
    ),
    Rule(
        "RM410", "constraint-scans", Weight.ERROR,
        "A constraint that is not NOT VALID reads every row under a lock that keeps writers out, of a foreign"
        " key on both"
        " tables (measured).",
        "`sql.foreign_key`; by hand NOT VALID, then VALIDATE CONSTRAINT in a transaction of its own.",
        migrating("ALTER TABLE avatars ADD CONSTRAINT named CHECK (name <> '');"),
        migrating("ALTER TABLE avatars ADD CONSTRAINT named CHECK (name <> '') NOT VALID;"),
        _hazards("foreign-key-scans", "check-scans", "unique-blocks", "validate-with-add", "drop-index-blocks"),
    ),
    Rule(
        "RM411", "adds-cascade", Weight.WARNING,
        "ON DELETE CASCADE turns a deletion that was refused into one that takes other rows with it, silently"
        " and for good.",
        "Decide it as a change of the product; the playbook foreign-key shows what it would take.",
        migrating(
            "ALTER TABLE avatars ADD CONSTRAINT owner FOREIGN KEY (owner) REFERENCES users (id)"
            " ON DELETE CASCADE NOT VALID;"
        ),
        migrating("ALTER TABLE avatars ADD CONSTRAINT owner FOREIGN KEY (owner) REFERENCES users (id) NOT VALID;"),
        _hazards("adds-cascade"),
    ),
    Rule(
        "RM412", "explain-analyze", Weight.WARNING,
        "EXPLAIN ANALYZE executes what it explains: of a DELETE, it deletes (measured).",
        "EXPLAIN; `sql.slow: {query: …}` plans a query and runs nothing.",
        migrating("EXPLAIN ANALYZE SELECT id FROM avatars;"), migrating("EXPLAIN SELECT id FROM avatars;"),
        _hazards("explain-analyze", "explain-analyze-writes"),
    ),
    Rule(
        "RM413", "function-with-effects", Weight.ERROR,
        "pg_cancel_backend(pid) hits whoever has that number by then, and does nothing to a session that is idle in a"
        " transaction: it returns true, and the lock stays (measured).",
        "`sql.cancel` and `sql.terminate` mean a session by its process, its beginning and its statement.",
        migrating("SELECT pg_cancel_backend(4711);"),
        steps_of(
            "diagnose", "sql.blocked: {}\n    as: blocked"
        ) + steps_of("fix", 'sql.cancel: {backends: "{{ found.blocked.active }}"}'),
        _hazards("function-with-effects"),
    ),
    Rule(
        "RM414", "stopped-by-the-gate", Weight.ERROR,
        "The hazard gate refuses it before anything is changed (docs/SQL.md): the playbook could never be run.",
        "What the gate says is safer; or `allow: [rule]` at the step, where it must be.",
        migrating("VACUUM FULL avatars;"), migrating("VACUUM avatars;"), _hazards(*_OTHERS),
    ),
    Rule(
        "RM415", "sessions-by-hand", Weight.WARNING,
        "The runbook's lock query named 4 blockers of which 1 was one; `state = 'active'` does not show the one"
        " that is idle"
        " in a transaction and holds the lock (both measured).",
        "`sql.blocked` goes by pg_blocking_pids(); `sql.connections` counts.",
        _query("SELECT pid FROM pg_stat_activity WHERE state = 'active'"), steps_of("diagnose", "sql.blocked: {}"),
        _sessions,
    ),
    Rule(
        "RM416", "idle-allow", Weight.WARNING,
        "An `allow:` for a hazard that is not there lets it in unseen when somebody changes the SQL.",
        "Remove the rule from `allow`.",
        "fix:\n  - name: step 1\n    sql.migrate: {text: ANALYZE avatars, allow: [truncate], way_back: none,"
        " reason: harmless}\n",
        "fix:\n  - name: step 1\n    sql.migrate: {text: ANALYZE avatars, way_back: none, reason: harmless}\n",
        _idle_allow,
    ),
    Rule(
        "RM417", "if-not-exists", Weight.WARNING,
        "IF NOT EXISTS goes by the name alone: a column of another type is passed over (it stayed `text`), and"
        " so is the"
        " INVALID index that a failed build has left (both measured). The lock is taken all the same.",
        "`sql.add_columns` and `sql.create_index` compare what is there by what it means.",
        migrating("ALTER TABLE avatars ADD COLUMN IF NOT EXISTS mark text;"),
        migrating("ALTER TABLE avatars ADD COLUMN mark text;"), _passed_over,
    ),
)  # fmt: skip
