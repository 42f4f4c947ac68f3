"""The rule about names: what is written without quotes is looked up in lower case. It asks nobody."""

from collections.abc import Collection, Iterator

from sqlglot import exp

from remediate.gate.found import Found
from remediate.gate.grammar import folded
from remediate.gate.known import Known
from remediate.hazard import Severity
from remediate.sql import identifier

_OF_COLUMNS = (exp.Column, exp.AlterColumn, exp.Schema, exp.ForeignKey, exp.PrimaryKey, exp.RenameColumn)


def in_names(tree: exp.Expr | None, known: Known) -> Iterator[Found]:
    """Yield each unquoted name that is not there in lower case, with its right spelling from the catalog; each once."""
    if tree is None:
        return
    aliases = {
        folded(one)
        for alias in tree.find_all(exp.Alias, exp.TableAlias)
        for one in alias.find_all(exp.Identifier)
    }
    yield from dict.fromkeys(_tables(tree, known, aliases))
    yield from dict.fromkeys(_columns(tree, known, aliases))


def made_names(tree: exp.Expr | None) -> Iterator[Found]:
    """Yield each name that a statement makes in mixed case without quotes."""
    if tree is None:
        return
    columns = (one.this for one in tree.find_all(exp.ColumnDef))
    made = tree.find(exp.Table) if isinstance(tree, exp.Create) and tree.kind == "TABLE" else None
    for name in (*columns, *((made.this,) if made is not None else ())):
        if _is_mixed(name):
            yield Found(
                "folded-name",
                str(name.this),
                f"{name.this} becomes {folded(name)}",
                identifier(str(name.this)),
            )


def _tables(tree: exp.Expr, known: Known, aliases: set[str]) -> Iterator[Found]:
    for table in tree.find_all(exp.Table):
        name = folded(table.this)
        if isinstance(table.this, exp.Identifier) and not table.this.quoted and name not in aliases:
            yield from _misspelt(str(table.this.this), name, known.tables, known)


def _columns(tree: exp.Expr, known: Known, aliases: set[str]) -> Iterator[Found]:
    tables = {_spelling(folded(table.this), known.tables) for table in tree.find_all(exp.Table)}
    columns = {column for name in tables for column in known.table(name).columns}
    for one in tree.find_all(exp.Identifier):
        if (
            isinstance(one.parent, _OF_COLUMNS)
            and one.arg_key in {"this", "expressions", "to"}
            and not one.quoted
        ):
            name = folded(one)
            if name not in aliases:
                yield from _misspelt(str(one.this), name, columns, known)


def _spelling(name: str, there: Collection[str]) -> str:
    """Return a name as it is spelled where it is there in another case only, or itself."""
    return name if name in there else next((one for one in there if one.lower() == name.lower()), name)


def _misspelt(written: str, name: str, there: Collection[str], known: Known) -> Iterator[Found]:
    spelled = _spelling(name, there)
    if spelled != name:
        yield Found("unquoted-name", written, f"{written} is looked up as {name}", identifier(spelled))
    elif not known.looked and written != name and name not in there:
        why = f"{written} is looked up as {name}; whether that is there, only a catalog can tell"
        yield Found("unquoted-name", written, why, identifier(written), Severity.WARNING)


def _is_mixed(name: exp.Expr | None) -> bool:
    return isinstance(name, exp.Identifier) and not name.quoted and str(name.this) != folded(name)
