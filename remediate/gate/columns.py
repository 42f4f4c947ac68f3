"""The rules about columns: adding one, and changing what one takes. It asks nobody."""

import re
from collections.abc import Iterator
from functools import cache

from sqlglot import exp

from remediate.gate.found import Found
from remediate.gate.grammar import as_written, conjuncts, folded, table_of, tree_of
from remediate.gate.known import KnownTable
from remediate.providers.catalog import Column
from remediate.providers.column_types import postgres_type, same_default, same_type

_ONCE = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.CurrentUser, exp.Cast, exp.Array)
"""Functions that give one value for the whole statement: such a default is kept in the catalog."""
_SERIAL = frozenset({"SERIAL", "BIGSERIAL", "SMALLSERIAL"})
_WIDENING = re.compile(r"character varying(?:\((?P<size>\d+)\))?|text")


def added_column(column: exp.ColumnDef, table: KnownTable) -> Iterator[Found]:
    """Yield what ADD COLUMN does."""
    name = folded(column.this)
    there = table.columns.get(name)
    if there is not None:
        yield from _there(column, there, table)
        return
    if table.own:
        return
    about = f"{table.name}.{name}"
    if _is_computed(column):
        yield Found("volatile-default", table.name, f"the column {name}")
    elif not column_of(column).nullable and default_of(column) is None and table.bytes != 0:
        yield Found("not-null-without-default", about)
    if constraint_of(column, exp.UniqueColumnConstraint, exp.PrimaryKeyColumnConstraint):
        yield Found("unique-blocks", table.name, f"the column {name}")
    if constraint_of(column, exp.CheckColumnConstraint):
        yield Found("check-scans", table.name, f"the column {name}")
    reference = constraint_of(column, exp.Reference)
    if (
        reference is not None and default_of(column) is not None
    ):  # without a default there is nothing to compare
        yield Found("foreign-key-scans", table.name, f"it refers to {table_of(reference)}")


def _there(column: exp.ColumnDef, there: Column, table: KnownTable) -> Iterator[Found]:
    about = f"{table.name}.{there.name}"
    if not column.args.get("exists"):
        yield Found("there-already", about, f"there is a column {about}")
        return
    wanted = column_of(column)
    apart = []
    if wanted.type and not same_type(wanted.type, there.type):
        apart.append(f"its type is {there.type}, written is {wanted.type}")
    if wanted.nullable != there.nullable:
        apart.append(f"it {'takes' if there.nullable else 'does not take'} NULL")
    if same_default(wanted.default, there.default) is False:
        apart.append(f"its default is {there.default or 'none'}")
    if apart:
        yield Found(
            "not-the-same", about, "; ".join(apart), "change what is there, by a statement of its own"
        )


def column_of(column: exp.ColumnDef) -> Column:
    """Return a column as a statement writes it; its type is empty where it cannot be compared with the catalog's."""
    default = default_of(column)
    required = constraint_of(column, exp.NotNullColumnConstraint, exp.PrimaryKeyColumnConstraint)
    allows = isinstance(required, exp.NotNullColumnConstraint) and bool(required.args.get("allow_null"))
    spelled = "" if _is_serial(column) else postgres_type(as_written(column.kind)) or ""
    return Column(
        name=folded(column.this),
        type=spelled,
        nullable=(required is None or allows) and not _is_serial(column),
        default=as_written(default) if default is not None else "nextval" if _is_serial(column) else None,
        generated=_is_generated(column),
    )


def default_of(column: exp.ColumnDef) -> exp.Expr | None:
    """Return the default that a column is written with, or None."""
    default = constraint_of(column, exp.DefaultColumnConstraint)
    return default.this if default is not None and not isinstance(default.this, exp.Null) else None


def constraint_of(column: exp.ColumnDef, *kinds: type[exp.Expr]) -> exp.Expr | None:
    """Return the first constraint of one of these kinds, or None."""
    kinds_there = (one.args.get("kind") for one in column.args.get("constraints") or ())
    return next((kind for kind in kinds_there if isinstance(kind, kinds)), None)


def _is_serial(column: exp.ColumnDef) -> bool:
    return as_written(column.kind).upper() in _SERIAL


def _is_generated(column: exp.ColumnDef) -> bool:
    generated = (exp.ComputedColumnConstraint, exp.GeneratedAsIdentityColumnConstraint)
    return constraint_of(column, *generated) is not None


def _is_computed(column: exp.ColumnDef) -> bool:
    """Tell whether each row gets a value of its own when the column is added."""
    default = default_of(column)
    called = default.find_all(exp.Func) if default is not None else ()
    return _is_serial(column) or _is_generated(column) or any(not isinstance(one, _ONCE) for one in called)


def altered_column(action: exp.AlterColumn, table: KnownTable) -> Iterator[Found]:
    """Yield what ALTER COLUMN does."""
    name = folded(action.this)
    if action.args.get("allow_null") is False and not _is_proven(name, table):
        yield Found("set-not-null", table.name, f"the column {name}")
    elif action.args.get("allow_null"):
        yield Found("drop-not-null", f"{table.name}.{name}")
    if action.args.get("dtype") is not None and not _is_widened(action, table.columns.get(name)):
        yield Found("change-type", table.name, f"the column {name}")


def _is_proven(name: str, table: KnownTable) -> bool:
    """Tell whether a valid CHECK says already that there is no NULL, or the column does: then nothing is read."""
    column = table.columns.get(name)
    return (column is not None and not column.nullable) or any(
        name in never_null(check) for check in table.checks
    )


@cache
def never_null(check: str) -> frozenset[str]:
    """Return the columns of which a CHECK says that they are never NULL, each by itself and not one or another."""
    condition = check.strip().removeprefix("CHECK").removesuffix("NO INHERIT")
    return frozenset(
        folded(one.this.this)
        for one in conjuncts(tree_of(f"SELECT 1 WHERE {condition}"))
        if isinstance(one, exp.Is) and one.args.get("negate") and isinstance(one.expression, exp.Null)
    )


def _is_widened(action: exp.AlterColumn, column: Column | None) -> bool:
    """Tell whether it is a varchar that is made longer, or a text: then only the catalog is written."""
    if column is None or action.args.get("using") or action.args.get("collate"):
        return False
    before = _WIDENING.fullmatch(column.type)
    after = _WIDENING.fullmatch(postgres_type(as_written(action.args["dtype"])) or "")
    if not before or not after:
        return False
    return after["size"] is None or (before["size"] is not None and int(before["size"]) <= int(after["size"]))
