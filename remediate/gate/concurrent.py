"""An index that is made or dropped concurrently, as a statement alone says it; the rest of its kind is not taken."""

from dataclasses import dataclass

from sqlglot import exp

from remediate.gate.grammar import Statement, folded
from remediate.gate.known import Known
from remediate.gate.shapes import essence


@dataclass(frozen=True)
class ConcurrentIndex:
    """What CREATE or DROP INDEX CONCURRENTLY wants.

    Attributes:
        name: The index's name, in the app's schema.
        makes: Whether it is made, or dropped.
        statement: The statement.
    """

    name: str
    makes: bool
    statement: Statement

    def stands(self, known: Known) -> bool:
        """Tell whether it is so already: the same index and valid, or none of that name."""
        there = known.indexes.get(self.name)
        if not self.makes:
            return there is None
        return (
            there is not None and there.valid and essence(there.definition) == essence(self.statement.words)
        )


def concurrent_index(statement: Statement) -> ConcurrentIndex | None:
    """Return what a statement wants of an index, or None where it is no such statement, or the index has no name."""
    tree = statement.tree
    if isinstance(tree, exp.Create) and tree.kind == "INDEX" and tree.args.get("concurrently"):
        name, makes = folded(tree.this.this), True
    elif isinstance(tree, exp.Drop) and tree.args.get("kind") == "INDEX" and tree.args.get("concurrently"):
        tables = tree.args["tables"]
        name, makes = folded(tables[0].this) if len(tables) == 1 else "", False
    else:
        return None
    elsewhere = any(table.args.get("db") for table in tree.find_all(exp.Table))
    return ConcurrentIndex(name, makes, statement) if name and not elsewhere else None
