"""Every rule of the gate, each a row: what it is about, how much it weighs, which lock it takes. It judges nothing.

Sources: the manual's chapters "Explicit Locking", "ALTER TABLE", "CREATE INDEX" and "DROP TABLE"; measured figures
are in docs/SQL.md.
"""

from dataclasses import dataclass
from enum import StrEnum

from remediate.hazard import Severity

STOP, WARNING, NOTE = Severity.STOP, Severity.WARNING, Severity.NOTE


class Lock(StrEnum):
    """The modes of a table's lock that matter here."""

    NONE = ""
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"


BLOCKS: dict[Lock, str] = {
    Lock.NONE: "",
    Lock.ROW_EXCLUSIVE: "whoever writes to the same rows",
    Lock.SHARE_UPDATE_EXCLUSIVE: "no reader and no writer",
    Lock.SHARE: "every writer",
    Lock.SHARE_ROW_EXCLUSIVE: "every writer",
    Lock.ACCESS_EXCLUSIVE: "every reader and writer",
}


class Work(StrEnum):
    """What a statement does while it holds its lock."""

    NONE = ""
    CATALOG = "catalog only"
    SCAN = "full scan"
    BUILD = "index build"
    REWRITE = "rewrite"


BYTES_A_SECOND: dict[Work, float] = {Work.SCAN: 100e6, Work.BUILD: 20e6, Work.REWRITE: 20e6}
"""Assumed, and rather too slow: what a small cloud disk does. A scan of 200,000 rows took 30 ms in memory."""
LONGEST_BLOCK = 1.0
"""Seconds that a statement may block others before its hazard stops; as long as a lock is waited for."""


@dataclass(frozen=True)
class Rule:
    """One thing that the gate looks for.

    Attributes:
        id: As `allow:` takes it.
        severity: How much it weighs; where `timed`, only if it takes longer than `LONGEST_BLOCK`, or nobody knows.
        lock: The lock it takes.
        work: What is done under that lock.
        why: What is wrong with it.
        safer: What to do instead.
        timed: Whether it is only a warning where the table is small enough.
        asks: Whether it cannot be judged without a database's catalog.
        final: Whether no step can allow it outside a development environment.
        rows: Whether rows are changed or lost by it.
    """

    id: str
    severity: Severity
    lock: Lock
    work: Work
    why: str
    safer: str = ""
    timed: bool = False
    asks: bool = False
    final: bool = False
    rows: bool = False


_ALL, _NO = Lock.ACCESS_EXCLUSIVE, Lock.NONE
_ROWS, _NOTHING = Lock.ROW_EXCLUSIVE, Work.NONE

_TABLE = (
    # What loses data.
    Rule("drop-table", STOP, _ALL, Work.CATALOG,
         "drops a table with all that is in it",
         "rename it, and drop it when nobody has missed it", final=True, rows=True),
    Rule("drop-schema", STOP, _ALL, Work.CATALOG,
         "drops a schema with all that is in it",
         "by hand, after a backup", final=True, rows=True),
    Rule("drop-database", STOP, _NO, _NOTHING,
         "drops a database with all that is in it",
         "by hand, after a backup", final=True, rows=True),
    Rule("truncate", STOP, _ALL, Work.CATALOG,
         "empties a table, fires no DELETE trigger, and cannot be filtered",
         "sql.delete_rows with a WHERE", final=True, rows=True),
    Rule("delete-without-where", STOP, _ROWS, Work.SCAN,
         "DELETE without WHERE: every row of the table is deleted",
         "say which rows", final=True, rows=True),
    Rule("drop-cascade", STOP, _ALL, Work.CATALOG,
         "drops whatever depends on it as well: the columns of a type, the tables of an extension",
         "without CASCADE: what depends on it is then told", final=True, rows=True),
    Rule("code-loses-data", STOP, _NO, _NOTHING,
         "code that drops, empties, or runs text as SQL, which could be anything",
         "the statements themselves", final=True, rows=True),
    Rule("catalog-rows", STOP, _ROWS, _NOTHING,
         "writes to the server's own catalog: what it says of a table is then no longer so",
         "the statement that PostgreSQL has for it", final=True, rows=True),
    Rule("drop-column", STOP, _ALL, Work.CATALOG,
         "drops a column with all that is in it",
         "deploy code that does without it, export it, then drop it", rows=True),
    Rule("drop-own", WARNING, _ALL, Work.CATALOG,
         "drops what this very script made, with what was written to it since",
         "look whether it is still empty", rows=True),
    Rule("update-without-where", STOP, _ROWS, Work.REWRITE,
         "UPDATE without WHERE: every row is written anew, and locked until the commit",
         "say which rows: sql.update_rows keeps what they were, and goes in batches", rows=True),
    Rule("delete-rows", WARNING, _ROWS, _NOTHING,
         "deletes rows, and those of other tables where a foreign key cascades; nothing of them is kept",
         "sql.delete_rows keeps them", rows=True),
    Rule("change-rows", NOTE, _ROWS, _NOTHING,
         "changes rows, and locks them until the commit; what they were is not kept",
         "sql.update_rows keeps it", rows=True),
    Rule("duplicate-of-key", STOP, _ROWS, _NOTHING,
         "deletes by the primary key what is taken for a duplicate: a primary key has none, so the only row"
         " goes",
         "delete nothing: the insert was refused, and the table is as it should be (playbook duplicate-key)",
         asks=True, rows=True),
    Rule("not-in-null", STOP, _NO, _NOTHING,
         "NOT IN over a subquery that can give NULL: with a single NULL in it no row qualifies at all",
         "NOT EXISTS (SELECT FROM … WHERE …)", asks=True, rows=True),
    Rule("not-in-unproven", WARNING, _NO, _NOTHING,
         "NOT IN over a subquery, of columns not known to be NOT NULL: one NULL inside and no row qualifies,"
         " one on the left and that row is passed over",
         "NOT EXISTS (SELECT FROM … WHERE …)", rows=True),
    # Names.
    Rule("unquoted-name", STOP, _NO, _NOTHING,
         "a name in mixed case without quotes: PostgreSQL folds it to lower case, and there is none of that"
         " name", asks=True),
    Rule("folded-name", WARNING, _NO, _NOTHING,
         "makes a name in mixed case without quotes: it will be in lower case, and the app will not find it"),
    # What takes its time under a lock.
    Rule("set-not-null", STOP, _ALL, Work.SCAN,
         "SET NOT NULL reads the whole table, and fails where a row has NULL",
         "ADD CONSTRAINT … CHECK (… IS NOT NULL) NOT VALID, then VALIDATE CONSTRAINT in a transaction of its"
         " own, then SET NOT NULL, which need not read then: sql.not_null does so", timed=True),
    Rule("change-type", STOP, _ALL, Work.REWRITE,
         "changes a column's type: the table and its indexes are written anew",
         "a new column, filled in batches, and the app moved to it", timed=True, rows=True),
    Rule("volatile-default", STOP, _ALL, Work.REWRITE,
         "adds a column that is computed for each row: the table and its indexes are written anew",
         "add the column without a default, fill it in batches, then SET DEFAULT", timed=True),
    Rule("index-blocks-writes", STOP, Lock.SHARE, Work.BUILD,
         "CREATE INDEX without CONCURRENTLY",
         "CREATE INDEX CONCURRENTLY, alone, outside a transaction: sql.create_index", timed=True),
    Rule("unique-blocks", STOP, _ALL, Work.BUILD,
         "adds a UNIQUE or PRIMARY KEY constraint, which builds its index",
         "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX", timed=True),
    Rule("foreign-key-scans", STOP, Lock.SHARE_ROW_EXCLUSIVE, Work.SCAN,
         "adds a foreign key without NOT VALID: every row is compared, under a lock on both tables",
         "ADD … NOT VALID, then VALIDATE CONSTRAINT in a transaction of its own: sql.foreign_key", timed=True),
    Rule("check-scans", STOP, _ALL, Work.SCAN,
         "adds a CHECK without NOT VALID: the whole table is read",
         "ADD … NOT VALID, then VALIDATE CONSTRAINT in a transaction of its own", timed=True),
    Rule("validate-with-add", STOP, _ALL, Work.SCAN,
         "validates a constraint in the transaction that adds it: the lock of the adding is held while all is"
         " read",
         "two transactions", timed=True),
    Rule("vacuum-full", STOP, _ALL, Work.REWRITE,
         "VACUUM FULL and CLUSTER write the table anew, and need its size in free disk",
         "VACUUM, or let autovacuum do it", timed=True),
    Rule("rewrites-table", STOP, _ALL, Work.REWRITE,
         "SET LOGGED, UNLOGGED, TABLESPACE and ACCESS METHOD write the table anew",
         "when nobody needs it; pg_repack for a tablespace", timed=True),
    Rule("reindex-blocks", STOP, _ALL, Work.BUILD,
         "REINDEX without CONCURRENTLY",
         "REINDEX … CONCURRENTLY", timed=True),
    Rule("refresh-blocks", WARNING, _ALL, _NOTHING,
         "REFRESH MATERIALIZED VIEW without CONCURRENTLY",
         "REFRESH MATERIALIZED VIEW CONCURRENTLY"),
    Rule("drop-index-blocks", WARNING, _ALL, Work.CATALOG,
         "DROP INDEX without CONCURRENTLY waits for every open query",
         "DROP INDEX CONCURRENTLY, alone, outside a transaction"),
    Rule("lock-table", STOP, _ALL, _NOTHING,
         "LOCK TABLE is held until the transaction ends; in this mode where it names no other",
         "let the statement that needs it take the lock it needs"),
    Rule("lock-held", WARNING, _ALL, _NOTHING,
         "rows are changed while an earlier statement's ACCESS EXCLUSIVE lock is held: nobody gets at that"
         " table until the commit",
         "change rows in a script of their own, before or after"),
    Rule("validate", NOTE, Lock.SHARE_UPDATE_EXCLUSIVE, Work.SCAN,
         "VALIDATE CONSTRAINT reads the whole table"),
    Rule("foreign-key-late", NOTE, Lock.SHARE_ROW_EXCLUSIVE, Work.CATALOG,
         "adds a foreign key that is not validated yet: new rows are checked, those that are there are not read"),
    Rule("index-concurrently", NOTE, Lock.SHARE_UPDATE_EXCLUSIVE, Work.BUILD,
         "builds an index while others write: the table is read twice, and each transaction that is open must"
         " end"),
    Rule("drop-index-concurrently", NOTE, Lock.SHARE_UPDATE_EXCLUSIVE, Work.CATALOG,
         "drops an index while others write: each transaction that is open must end"),
    Rule("rows-kept", NOTE, _ROWS, _NOTHING,
         "changes or deletes rows, in batches of one transaction each; what they were is kept in remediate.rows",
         rows=True),
    Rule("schema-aside", WARNING, _ALL, _NOTHING,
         "locks every table of the schema, and keeps them locked while another schema is made and filled in its"
         " place",
         "when nobody else is at work in it"),
    Rule("alter-table", NOTE, _ALL, Work.CATALOG,
         "takes the lock even where IF NOT EXISTS finds nothing to do, keeps it until the commit, and whoever"
         " comes later waits behind it"),
    # What does not do what it says.
    Rule("not-null-without-default", STOP, _ALL, Work.CATALOG,
         "adds a NOT NULL column without a default to a table with rows: it fails",
         "give it a default, or add it as NULL, fill it, then sql.not_null", asks=True),
    Rule("not-the-same", STOP, _ALL, Work.CATALOG,
         "IF NOT EXISTS passes over what is there, and what is there is not what is written", asks=True),
    Rule("there-already", STOP, _NO, _NOTHING,
         "makes what is there already: it fails", asks=True),
    Rule("missing-required", STOP, _NO, _NOTHING,
         "leaves out a column that is NOT NULL and has no default: it fails",
         "give it a value; Prisma's @updatedAt has no default in the database", asks=True),
    Rule("information-schema", WARNING, _NO, _NOTHING,
         "information_schema hides what a role has no privilege on, and has every schema's tables of a name",
         "prisma.columns, or pg_catalog by to_regclass('…')"),
    Rule("adds-cascade", WARNING, Lock.SHARE_ROW_EXCLUSIVE, _NOTHING,
         "adds ON DELETE CASCADE to a table that is there: deletes that were refused will delete its rows,"
         " silently",
         "decide it as a change of the product, not as a repair"),
    Rule("drop-constraint", WARNING, _ALL, Work.CATALOG,
         "drops a constraint; of a foreign key, the other table is locked, too",
         "write down its definition first"),
    Rule("drop-object", WARNING, _ALL, Work.CATALOG,
         "drops an object that code may use",
         "look who uses it (pg_depend, the code)"),
    Rule("drop-not-null", WARNING, _ALL, Work.CATALOG,
         "lets a column take NULL, which code may not expect"),
    Rule("rename", WARNING, _ALL, Work.CATALOG,
         "renames what running code uses under its old name",
         "add the new, move the code, drop the old"),
    Rule("disables-triggers", WARNING, Lock.SHARE_ROW_EXCLUSIVE, Work.CATALOG,
         "switches triggers off, those of foreign keys among them",
         "mend the data so that they need not be"),
    Rule("long-name", WARNING, _NO, _NOTHING,
         "a name of more than 63 bytes is cut, silently",
         "a shorter one"),
    Rule("domain-check", WARNING, _NO, Work.SCAN,
         "a constraint of a domain reads every table that has it",
         "a CHECK of the table"),
    # What cannot run as it is written.
    Rule("several-statements", STOP, _NO, _NOTHING,
         "several statements where one is taken",
         "one statement a step"),
    Rule("not-in-transaction", STOP, _NO, _NOTHING,
         "cannot run in a transaction, and it is not alone here",
         "a file of its own: sql.migrate runs it outside of one"),
    Rule("own-transaction", STOP, _NO, _NOTHING,
         "begins or ends transactions itself",
         "leave them to the runner: one file, one transaction, with bounded locks"),
    Rule("atomic-body", STOP, _NO, _NOTHING,
         "has a body that holds statements of its own (BEGIN ATOMIC), which cannot be cut",
         "write the body as a string"),
    Rule("session", STOP, _NO, _NOTHING,
         "alters the session itself, and with it whatever comes after",
         "SET LOCAL"),
    Rule("client-copy", STOP, _NO, _NOTHING,
         "reads from its client, or runs a program on the server",
         "INSERT"),
    Rule("psql", STOP, _NO, _NOTHING,
         "is a command of psql, not SQL"),
    Rule("opaque", STOP, _NO, _NOTHING,
         "runs code that cannot be judged: DO, CALL, a function or trigger",
         "the statements themselves", rows=True),
    Rule("function-with-effects", STOP, _NO, _NOTHING,
         "calls a function with effects that no transaction takes back",
         "the action that is made for it, such as sql.cancel"),
    Rule("explain-analyze-writes", STOP, _ROWS, _NOTHING,
         "EXPLAIN ANALYZE really executes what it explains",
         "EXPLAIN", final=True, rows=True),
    Rule("explain-analyze", NOTE, _NO, _NOTHING,
         "EXPLAIN ANALYZE really executes the query",
         "EXPLAIN"),
    Rule("syntax", STOP, _NO, _NOTHING,
         "is no SQL that PostgreSQL takes"),
    Rule("unread", STOP, _NO, _NOTHING,
         "cannot be read by this gate, so nothing can be said of it",
         "a simpler form, or `allow` it", rows=True),
    Rule("linted", WARNING, _NO, _NOTHING,
         "squawk found something that this table has no row for"),
)  # fmt: skip

RULES: dict[str, Rule] = {rule.id: rule for rule in _TABLE}
"""Every rule under its id."""

NEVER_INSIDE = frozenset(
    {"own-transaction", "not-in-transaction", "atomic-body", "session", "client-copy", "psql"}
)
"""Rules that no `allow` helps against: such a statement cannot be one of several in a transaction of the runner's."""
