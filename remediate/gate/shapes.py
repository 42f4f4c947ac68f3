"""The rules about tables: what ALTER, CREATE INDEX and DROP do, and whether it takes a scan or a rewrite. Asks nobody.

Sources: the manual's chapters "ALTER TABLE" (notes on scans and rewrites, by form) and "CREATE INDEX".
"""

import re
from collections.abc import Iterator

from sqlglot import exp

from remediate.gate.columns import added_column, altered_column
from remediate.gate.found import Found
from remediate.gate.grammar import Statement, as_written, folded, table_of
from remediate.gate.known import Known

_SPACES = re.compile(r"\s+")
_WRITES_ANEW = re.compile(r"\bSET (?:LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)\b", re.IGNORECASE)
_EXCLUDES = re.compile(r"\bADD (?:CONSTRAINT (?:\"(?:[^\"]|\"\")+\"|\w+) )?EXCLUDE\b", re.IGNORECASE)
_FINAL = {"TABLE": "drop-table", "SCHEMA": "drop-schema", "DATABASE": "drop-database"}


def in_shapes(statement: Statement, known: Known) -> Iterator[Found]:
    """Yield what a statement does to tables, indexes and constraints."""
    tree = statement.tree
    if isinstance(tree, exp.Alter) and tree.kind == "TABLE":
        yield from _altered(tree, statement, known)
    elif isinstance(tree, exp.Create):
        yield from _created(tree, statement, known)
    elif isinstance(tree, exp.Drop):
        yield from _dropped(tree, known)


def _altered(tree: exp.Alter, statement: Statement, known: Known) -> Iterator[Found]:
    name = table_of(tree.this)
    table = known.table(name)
    if _WRITES_ANEW.search(statement.words) and not table.own:
        yield Found("rewrites-table", name)
    if _EXCLUDES.search(statement.words) and not table.own:
        yield Found("unique-blocks", name, "an EXCLUDE constraint")
    for action in tree.args.get("actions") or ():
        if isinstance(action, exp.ColumnDef):
            yield from added_column(action, table)
        elif isinstance(action, exp.AlterColumn) and not table.own:
            yield from altered_column(action, table)
        elif isinstance(action, exp.AddConstraint):
            yield from _constraints(action, name, statement, known)
        elif isinstance(action, exp.Drop):
            yield from _dropped_part(action, name, known)
        elif isinstance(action, exp.AlterRename | exp.RenameColumn) and not table.own:
            yield Found("rename", name)
    if not table.own and not _only_refers(tree):
        yield Found("alter-table", name)


def _only_refers(tree: exp.Alter) -> bool:
    """Tell whether all that is done is to add foreign keys: that takes a weaker lock than whatever else ALTER does."""
    actions = tree.args.get("actions") or ()
    return bool(actions) and all(
        isinstance(action, exp.AddConstraint)
        and all(one.find(exp.ForeignKey) is not None for one in action.expressions)
        for action in actions
    )


def _constraints(action: exp.AddConstraint, name: str, statement: Statement, known: Known) -> Iterator[Found]:
    late = _all_late(statement)
    if known.table(name).own:
        return
    for key in action.find_all(exp.ForeignKey):
        refers = f"it refers to {table_of(key.args.get('reference'))}"
        yield Found("foreign-key-late" if late else "foreign-key-scans", name, refers)
        if "ON DELETE CASCADE" in as_written(key).upper():
            yield Found("adds-cascade", name)
    if not late and action.find(exp.CheckColumnConstraint):
        yield Found("check-scans", name)
    if action.find(exp.PrimaryKey, exp.UniqueColumnConstraint, exp.PrimaryKeyColumnConstraint):
        yield Found("unique-blocks", name)


def _all_late(statement: Statement) -> bool:
    """Tell whether each constraint that could be NOT VALID is; sqlglot says it of the whole statement only."""
    tree = statement.tree
    scanning = [] if tree is None else list(tree.find_all(exp.ForeignKey, exp.CheckColumnConstraint))
    return 0 < len(scanning) <= statement.words.upper().count("NOT VALID")


def _dropped_part(action: exp.Drop, name: str, known: Known) -> Iterator[Found]:
    kind = str(action.args.get("kind"))
    if kind == "COLUMN":
        own = known.table(name).own
        yield from (
            Found("drop-own" if own else "drop-column", f"{name}.{folded(one.this)}")
            for one in action.args["tables"]
        )
    elif kind == "CONSTRAINT" and not known.table(name).own:
        made = known.table(name).made
        dropped = (folded(one.this) for one in action.args["tables"])
        if any(constraint not in made for constraint in dropped):
            yield Found("drop-constraint", name)


def _created(tree: exp.Create, statement: Statement, known: Known) -> Iterator[Found]:
    if tree.kind == "INDEX":
        yield from _index(tree, statement, known)
    elif tree.kind == "TABLE":
        yield from _table(tree, known)


def _index(tree: exp.Create, statement: Statement, known: Known) -> Iterator[Found]:
    name, table = folded(tree.this.this), table_of(tree.this.args.get("table"))
    there = known.indexes.get(name)
    if there is not None and tree.args.get("exists"):
        yield from _same_index(there.definition, name, statement, valid=there.valid)
    elif there is not None:
        yield Found("there-already", name, f"there is an index {name}")
    elif not known.table(table).own:
        late = tree.args.get("concurrently")
        yield Found("index-concurrently" if late else "index-blocks-writes", table)


def _same_index(definition: str, name: str, statement: Statement, *, valid: bool) -> Iterator[Found]:
    if not valid:
        yield Found(
            "not-the-same",
            name,
            "the index is invalid: a concurrent build of it failed",
            f"DROP INDEX {name} first",
        )
    elif essence(definition) != essence(statement.words):
        yield Found("not-the-same", name, f"there is: {definition}")


def essence(definition: str) -> str:
    """Return what of CREATE INDEX tells two indexes apart, spelled as PostgreSQL spells it."""
    after = _SPACES.sub(" ", definition).partition(" ON ")[2]
    unique = "UNIQUE " if re.match(r"\s*CREATE\s+UNIQUE\b", definition, re.IGNORECASE) else ""
    plain = re.sub(r"\bUSING btree\b|\bONLY\b|\bASC\b", " ", after, flags=re.IGNORECASE)
    unquoted = re.sub(r'"([a-z_][a-z0-9_]*)"', r"\1", plain)
    local = re.sub(r'^\s*(?:"(?:[^"]|"")+"|\w+)\s*\.\s*', "", unquoted)
    return unique + _SPACES.sub("", local)


def _table(tree: exp.Create, known: Known) -> Iterator[Found]:
    name = table_of(tree.this)
    there = known.tables.get(name)
    if there is None:
        return
    if not tree.args.get("exists"):
        yield Found("there-already", name, f"there is a table {name}")
        return
    wanted = {folded(column.this) for column in tree.find_all(exp.ColumnDef)}
    if wanted and wanted != set(there.columns):
        apart = ", ".join(sorted(wanted ^ set(there.columns)))
        yield Found("not-the-same", name, f"the columns differ in {apart}")


def _dropped(tree: exp.Drop, known: Known) -> Iterator[Found]:
    kind = str(tree.args.get("kind"))
    for dropped in tree.args.get("tables") or ():
        name = folded(dropped.this) or folded(dropped.args.get("db"))
        if kind == "TABLE" and known.table(name).own:
            yield Found("drop-own", name)
        elif kind in _FINAL:
            yield Found(_FINAL[kind], name)
        elif kind == "INDEX":
            yield from _dropped_index(tree, name, known)
        else:
            yield Found("drop-object", name)


def _dropped_index(tree: exp.Drop, name: str, known: Known) -> Iterator[Found]:
    index = known.indexes.get(name)
    table = index.table if index else ""
    if not (table and known.table(table).own):
        late = tree.args.get("concurrently")
        rule = "drop-index-concurrently" if late else "drop-index-blocks"
        yield Found(rule, table or name, f"the index {name}")
