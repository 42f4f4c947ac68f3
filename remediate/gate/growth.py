"""What a script's own statements make of what is known: a table that it makes is empty, and its own. Asks nobody."""

import re
from dataclasses import replace

from sqlglot import exp

from remediate.gate.columns import column_of, constraint_of
from remediate.gate.grammar import Statement, as_written, folded, table_of, unquoted
from remediate.gate.known import Index, Known, KnownTable
from remediate.providers.catalog import Column

_NAME = r'"(?:[^"]|"")+"|\w+'
_VALIDATES = re.compile(
    rf"ALTER TABLE (?:ONLY )?(?:(?:{_NAME})\s*\.\s*)?(?P<table>{_NAME}) VALIDATE CONSTRAINT (?P<name>{_NAME})",
    re.IGNORECASE,
)


def after(statement: Statement, known: Known) -> Known:
    """Return what is known once a statement has run."""
    tree = statement.tree
    if isinstance(tree, exp.Create) and tree.kind == "TABLE":
        return _with_table(tree, known)
    if isinstance(tree, exp.Create) and tree.kind == "INDEX":
        return _with_index(tree, statement, known)
    if isinstance(tree, exp.Drop):
        return _without(tree, known)
    if isinstance(tree, exp.Alter) and tree.kind == "TABLE":
        return _altered(tree, known)
    if found := _VALIDATES.fullmatch(statement.words):  # sqlglot does not read it
        return _validated(known, unquoted(found["table"]), unquoted(found["name"]))
    return known


def _validated(known: Known, name: str, constraint: str) -> Known:
    table = known.tables.get(name)
    if table is None or not table.made.get(constraint):
        return known
    return known.with_table(replace(table, checks=(*table.checks, table.made[constraint])))


def _with_table(tree: exp.Create, known: Known) -> Known:
    name = table_of(tree.this)
    if name in known.tables:
        return known
    columns = {folded(one.this): column_of(one) for one in tree.find_all(exp.ColumnDef)}
    inline = [
        folded(one.this)
        for one in tree.find_all(exp.ColumnDef)
        if constraint_of(one, exp.PrimaryKeyColumnConstraint)
    ]
    keys = [
        folded(part.find(exp.Identifier)) for key in tree.find_all(exp.PrimaryKey) for part in key.expressions
    ]
    primary = tuple(inline or keys)
    required = {
        key: one.model_copy(update={"nullable": False}) for key, one in columns.items() if key in primary
    }
    made = KnownTable(name, {**columns, **required}, primary, bytes=0, rows=0, own=True)
    return known.with_table(made)


def _with_index(tree: exp.Create, statement: Statement, known: Known) -> Known:
    name = folded(tree.this.this)
    if not name or name in known.indexes:
        return known
    return known.with_index(Index(name, table_of(tree.this.args.get("table")), statement.words))


def _without(tree: exp.Drop, known: Known) -> Known:
    for dropped in tree.args.get("tables") or ():
        name = folded(dropped.this)
        if tree.args.get("kind") == "TABLE":
            known = known.without_table(name)
        elif tree.args.get("kind") == "INDEX":
            known = known.without_index(name)
    return known


def _altered(tree: exp.Alter, known: Known) -> Known:
    table = known.tables.get(table_of(tree.this))
    if table is None:
        return known
    for action in tree.args.get("actions") or ():
        if isinstance(action, exp.AlterRename):
            known = known.without_table(table.name)
            table = replace(table, name=table_of(action.this))
        elif isinstance(action, exp.AddConstraint):
            table = replace(table, made={**table.made, **_made(action)})
        else:
            table = replace(table, columns=_columns(action, table.columns))
    return known.with_table(table)


def _made(action: exp.AddConstraint) -> dict[str, str]:
    """Return the constraints that are added, under their names, with the conditions of those that are CHECKs."""
    named = (one for one in action.expressions if isinstance(one, exp.Constraint))
    return {folded(one.this): _condition(one.find(exp.CheckColumnConstraint)) for one in named}


def _condition(check: exp.Expr | None) -> str:
    return f"CHECK ({as_written(check.this)})" if check is not None else ""


def _columns(action: exp.Expr, columns: dict[str, Column]) -> dict[str, Column]:
    if isinstance(action, exp.ColumnDef):
        made = column_of(action)
        return columns if made.name in columns else {**columns, made.name: made}
    if isinstance(action, exp.Drop) and action.args.get("kind") == "COLUMN":
        gone = {folded(one.this) for one in action.args["tables"]}
        return {name: column for name, column in columns.items() if name not in gone}
    if isinstance(action, exp.AlterColumn) and action.args.get("allow_null") is not None:
        name = folded(action.this)
        nullable = bool(action.args["allow_null"])
        return {
            key: one.model_copy(update={"nullable": nullable}) if key == name else one
            for key, one in columns.items()
        }
    return columns
