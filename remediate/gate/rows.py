"""The rules about rows: UPDATE and DELETE without WHERE, NOT IN with NULLs, TRUNCATE, INSERT. It asks nobody."""

from collections.abc import Iterator

from sqlglot import exp

from remediate.gate.found import Found
from remediate.gate.grammar import Statement, conjuncts, folded, table_of
from remediate.gate.known import Known, KnownTable


def in_rows(statement: Statement, known: Known) -> Iterator[Found]:
    """Yield what a statement does to rows, wherever in it: WITH can delete, too."""
    tree = statement.tree
    if tree is None:
        return
    for update in tree.find_all(exp.Update):
        if not isinstance(update.parent, exp.When):  # a branch of MERGE
            yield from _update(update, known)
    for delete in tree.find_all(exp.Delete):
        yield from _delete(delete, known)
    for insert in tree.find_all(exp.Insert):
        yield from _insert(insert, known)
    if any(folded(table.args.get("db")) == "information_schema" for table in tree.find_all(exp.Table)):
        yield Found("information-schema")
    for merge in tree.find_all(exp.Merge):
        yield from _merge(merge, known)
    if isinstance(tree, exp.TruncateTable):
        yield from (
            Found("truncate", name) for name in map(table_of, tree.expressions) if not known.table(name).own
        )
    for negation in tree.find_all(exp.Not, exp.NEQ):
        yield from _not_in(negation, known)


def _update(update: exp.Update, known: Known) -> Iterator[Found]:
    name = table_of(update.this)
    if not known.table(name).own:
        yield Found("change-rows" if _filters(update) else "update-without-where", name)


def _delete(delete: exp.Delete, known: Known) -> Iterator[Found]:
    name = table_of(delete.this)
    table = known.table(name)
    if table.own:
        return
    if not _filters(delete):
        yield Found("delete-without-where", name)
    elif _for_a_duplicate(delete, table):
        yield Found("duplicate-of-key", name)
    else:
        yield Found("delete-rows", name)


def _merge(merge: exp.Merge, known: Known) -> Iterator[Found]:
    """Yield what the branches of a MERGE do: its ON is their WHERE, but for rows that it finds no match for."""
    name = table_of(merge.this)
    if known.table(name).own:
        return
    yield Found("change-rows", name)
    for when in merge.args["whens"].expressions:
        unmatched = not when.args.get("matched")
        conditions = (when.args.get("condition"), None if unmatched else merge.args.get("on"))
        filtered = any(one is not None and not _always(one) for one in conditions)
        if _verb(when) == "DELETE":
            yield Found("delete-rows" if filtered else "delete-without-where", name)
        elif isinstance(when.args["then"], exp.Update) and not filtered:
            yield Found("update-without-where", name)


def _verb(when: exp.When) -> str:
    """Return the one word of a branch that is one: DELETE, or DO NOTHING."""
    then = when.args["then"]
    return str(then.this).upper() if isinstance(then, exp.Var) else ""


def _filters(tree: exp.Expr) -> bool:
    """Tell whether there is a WHERE that can be false."""
    conditions = list(conjuncts(tree))
    return any(not _always(condition) for condition in conditions)


def _always(condition: exp.Expr) -> bool:
    """Tell whether a condition holds for every row; so may one that no column is in."""
    condition = condition.unnest()
    if isinstance(condition, exp.Boolean):
        return bool(condition.this)
    if isinstance(condition, exp.And):
        return _always(condition.left) and _always(condition.right)
    if isinstance(condition, exp.Or):
        return _always(condition.left) or _always(condition.right)
    if isinstance(condition, exp.Not):
        return _never(condition.this)
    same = isinstance(condition, exp.EQ | exp.Is | exp.GTE | exp.LTE)
    return condition.find(exp.Column) is None or (same and condition.this == condition.expression)


def _never(condition: exp.Expr) -> bool:
    """Tell whether a condition holds for no row; so may one that no column is in."""
    condition = condition.unnest()
    if isinstance(condition, exp.Boolean):
        return not condition.this
    if isinstance(condition, exp.And):
        return _never(condition.left) or _never(condition.right)
    if isinstance(condition, exp.Or):
        return _never(condition.left) and _never(condition.right)
    if isinstance(condition, exp.Not):
        return _always(condition.this)
    same = isinstance(condition, exp.NEQ | exp.GT | exp.LT)
    return condition.find(exp.Column) is None or (same and condition.this == condition.expression)


def _for_a_duplicate(delete: exp.Delete, table: KnownTable) -> bool:
    """Tell whether the whole primary key is given, and a subquery looks for others of the same table."""
    given = {folded(one.this.this) for one in conjuncts(delete) if _is_given(one)}
    others = (
        select for select in delete.find_all(exp.Select) if table_of(select.args.get("from_")) == table.name
    )
    return bool(table.primary_key) and set(table.primary_key) <= given and any(True for _ in others)


def _is_given(condition: exp.Expr) -> bool:
    value = condition.args.get("expression")
    return (
        isinstance(condition, exp.EQ)
        and isinstance(condition.this, exp.Column)
        and isinstance(value, exp.Literal | exp.Placeholder)
    )


def _insert(insert: exp.Insert, known: Known) -> Iterator[Found]:
    name = table_of(insert.this)
    conflict = insert.args.get("conflict")
    if conflict is not None and conflict.expressions and not known.table(name).own:
        yield Found("change-rows", name)
    if not isinstance(insert.this, exp.Schema):
        return
    given = {folded(one).lower() for one in insert.this.expressions}
    for column in known.table(name).columns.values():
        filled = column.nullable or column.generated or column.default is not None
        if not filled and column.name.lower() not in given:
            yield Found("missing-required", f"{name}.{column.name}")


def _not_in(negation: exp.Expr, known: Known) -> Iterator[Found]:
    left, query = _sides(negation)
    select = query.unnest() if query is not None else None
    if not isinstance(select, exp.Select) or not select.expressions:
        return
    right = select.expressions[0]
    from_the_right = _takes_null(right, select, known)
    if from_the_right is True and _is_filtered(right, select):
        from_the_right = False
    if from_the_right is True:
        yield Found("not-in-null", folded(right.this) if isinstance(right, exp.Column) else "")
    elif from_the_right is None or _takes_null(left, _around(negation), known) is not False:
        yield Found("not-in-unproven", folded(left.this) if isinstance(left, exp.Column) else "")


def _sides(negation: exp.Expr) -> tuple[exp.Expr | None, exp.Expr | None]:
    """Return both sides of `NOT IN (SELECT …)`, or of `<> ALL (SELECT …)`, which is the same."""
    if isinstance(negation, exp.NEQ):
        every = negation.expression
        return negation.this, every.this if isinstance(every, exp.All) else None
    inside = negation.this.unnest()
    return (inside.this, inside.args.get("query")) if isinstance(inside, exp.In) else (None, None)


def _around(negation: exp.Expr) -> exp.Expr | None:
    return negation.find_ancestor(exp.Select, exp.Delete, exp.Update)


def _is_filtered(column: exp.Expr, select: exp.Select) -> bool:
    """Tell whether the subquery leaves NULLs out itself."""
    wanted = exp.Is(this=column.copy(), expression=exp.Null(), negate=True)
    return any(condition == wanted for condition in conjuncts(select))


def _takes_null(column: exp.Expr | None, query: exp.Expr | None, known: Known) -> bool | None:
    """Return whether a column can be NULL, or None where nobody knows."""
    if not isinstance(column, exp.Column) or query is None:
        return None
    source = query.this if isinstance(query, exp.Delete | exp.Update) else query.args.get("from_")
    found = known.table(table_of(source)).columns.get(folded(column.this))
    return None if found is None else found.nullable
