"""Compares the indexes that a table should have with those that it has: by what they mean. Pure; asks nothing.

The same are two indexes with the same columns in the same order, each sorted alike and of the same operator class, of
one method, uniqueness and condition. What they are called is only told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remediate.model import Json
from remediate.providers.catalog import stored_name
from remediate.providers.catalog_keys import Index, IndexColumn, IndexedTable
from remediate.providers.conditions import same_condition
from remediate.providers.wanted_keys import WantedColumn, WantedIndex


@dataclass(frozen=True)
class IndexComparison:
    """What differs between the indexes of a table as they should be and as they are.

    Attributes:
        table: Its name.
        exists: Whether there is such a table at all.
        missing: Indexes that are not there.
        wrong: One of the wanted name that is something else: name, what, wanted, found.
        invalid: Names of those that a failed build left, the schema's or not.
        unusable: Indexes that are there only as what a failed build left, or whose name that has.
        leftovers: Names of the invalid ones that are to be dropped by themselves: no wanted one stands in their place.
        building: Names of those that somebody builds at this moment.
        extra: Names of those that only the database has.
        notes: What a person may want to know: another name, a condition that cannot be compared.
        compared: How many are wanted.
    """

    table: str
    exists: bool = True
    missing: tuple[WantedIndex, ...] = ()
    wrong: tuple[dict[str, Json], ...] = ()
    invalid: tuple[str, ...] = ()
    unusable: tuple[WantedIndex, ...] = ()
    leftovers: tuple[str, ...] = ()
    building: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    compared: int = 0

    @property
    def healthy(self) -> bool:
        """Whether all that is wanted is there and in use; a table that is not there is not this comparison's fault."""
        return not (self.missing or self.wrong or self.invalid or self.building)

    def told(self) -> str:
        """Return what is wrong, in one clause."""
        parts = []
        if self.missing:
            parts.append(f"{len(self.missing)} of {self.compared} indexes are missing in {self.table}")
        if self.wrong:
            names = dict.fromkeys(str(one["name"]) for one in self.wrong)
            parts.append(f"not as wanted in {self.table}: {', '.join(names)}")
        if self.invalid:
            parts.append(f"invalid in {self.table}, left by a build that failed: {', '.join(self.invalid)}")
        if self.building:
            parts.append(f"being built in {self.table}: {', '.join(self.building)}")
        return ", ".join(parts)

    def evidence(self) -> tuple[str, ...]:
        """Return one line for each difference."""
        return (
            *(f"missing: {one.name_on(self.table)} on {self.table}: {one.told()}" for one in self.missing),
            *(
                f"wrong {one['what']}: {one['name']} on {self.table} has {one['found']}, wanted {one['wanted']}"
                for one in self.wrong
            ),
            *(f"invalid: {name} on {self.table}" for name in self.invalid),
            *(f"being built: {name} on {self.table}" for name in self.building),
            *self.notes,
            *(f"only in the database: {name} on {self.table}" for name in self.extra),
        )

    def to_make(self) -> list[Json]:
        """Return the indexes that `sql.create_index` would make, in its own words; a primary key is none of them."""
        lacking = [one for one in (*self.missing, *self.unusable) if not one.primary]
        return [{**one.model_dump(mode="json", exclude={"primary"}), "table": self.table} for one in lacking]

    def facts(self) -> dict[str, Json]:
        """Return it as JSON; `missing` as `sql.create_index` takes it, a primary key apart, for it is none."""
        keys = [one for one in self.missing if one.primary]
        return {
            "table": self.table,
            "exists": self.exists,
            "missing": [
                one.model_dump(mode="json", exclude={"primary", "table"})
                for one in self.missing
                if not one.primary
            ],
            "missing_primary_key": [column.name for one in keys for column in one.columns],
            "wrong": list(self.wrong),
            "invalid": list(self.invalid),
            "extra": list(self.extra),
        }


def compared_indexes(
    table: str, wanted: Sequence[WantedIndex], found: IndexedTable | None
) -> IndexComparison:
    """Return what differs.

    Args:
        table: The table's name.
        wanted: The indexes that it should have.
        found: The table as it is, or None where there is none.
    """
    if found is None:
        return IndexComparison(table=table, exists=False)
    there = {one.name_on(table): twin_of(one, found.indexes, one.name_on(table)) for one in wanted}
    by_name = {index.name: index for index in found.indexes}
    absent = [one for one in wanted if there[one.name_on(table)] is None]
    twins = {index.name for index in there.values() if index}
    named = {one.name_on(table) for one in absent if one.name_on(table) in by_name}
    broken = [index for index in found.indexes if not index.valid and not index.building]
    unusable = [
        (one, index.name)
        for one in wanted
        if (index := there[one.name_on(table)] or by_name.get(one.name_on(table)))
        and index in broken
        and not index.constraint
    ]
    return IndexComparison(
        table=table,
        missing=tuple(one for one in absent if one.name_on(table) not in named),
        wrong=tuple(
            wrong
            for one in absent
            if (same := by_name.get(one.name_on(table)))
            for wrong in _wrong(one, same)
        ),
        invalid=tuple(index.name for index in broken),
        unusable=tuple(one for one, _ in unusable),
        leftovers=tuple(
            index.name
            for index in broken
            if not index.constraint and index.name not in {name for _, name in unusable}
        ),
        building=tuple(
            index.name for index in there.values() if index and index.building and not index.valid
        ),
        extra=tuple(name for name in by_name if name not in twins | named),
        notes=tuple(
            note
            for one in wanted
            if (index := there[one.name_on(table)])
            for note in _notes(table, one, index)
        ),
        compared=len(wanted),
    )


def twin_of(wanted: WantedIndex, found: Sequence[Index], name: str) -> Index | None:
    """Return the index that means the same: one that is valid, and of that name, before any other."""
    same = [index for index in found if not any(differences(wanted, index))]
    return min(same, key=lambda index: (not index.valid, index.name != name), default=None)


def differences(wanted: WantedIndex, found: Index) -> Iterator[tuple[str, str, str]]:
    """Tell in what an index differs from what is wanted: what, wanted, found. A build that failed is no difference."""
    names = [stored_name(column.name) for column in wanted.columns]
    if names != (others := [_name(column) for column in found.columns]):
        yield "columns", ", ".join(names), ", ".join(others)
        return
    yield from _column_differences(wanted.columns, found.columns)
    if wanted.method != found.method:
        yield "method", wanted.method, found.method
    if (wanted.primary, wanted.unique or wanted.primary) != (found.primary, found.unique):
        yield "uniqueness", _kind(wanted), _kind(found)
    if same_condition(wanted.where, found.where) is False:
        yield "condition", wanted.where or "none", found.where or "none"
    if unusual := _unusual(found):
        yield "kind", "a plain one", unusual


def _column_differences(
    wanted: Sequence[WantedColumn], found: Sequence[IndexColumn]
) -> Iterator[tuple[str, str, str]]:
    for one, other in zip(wanted, found, strict=True):
        if (one.sort == "desc", one.sort == "desc") != (other.descending, other.nulls_first):
            yield "sort", f"{one.name} {one.sort.upper()}", f"{one.name} {_sort(other)}"
        ops = one.ops.rpartition(".")[2].lower()
        if ops != other.ops if ops else not other.usual_ops:
            yield "operator class", ops or "the usual one", other.ops


def _name(column: IndexColumn) -> str:
    return column.name if column.name is not None else f"({column.expression})"


def _sort(column: IndexColumn) -> str:
    nulls = (
        ""
        if column.nulls_first == column.descending
        else " NULLS FIRST"
        if column.nulls_first
        else " NULLS LAST"
    )
    return f"{'DESC' if column.descending else 'ASC'}{nulls}"


def _kind(index: WantedIndex | Index) -> str:
    return "primary key" if index.primary else "unique" if index.unique else "not unique"


def _unusual(found: Index) -> str:
    """Return what an index has that nobody asked for and that makes it another one."""
    if found.excludes:
        return "an exclusion constraint"
    if found.nulls_equal:
        return "NULLS NOT DISTINCT"
    if found.included:
        return f"{found.included} further columns (INCLUDE)"
    return "" if found.immediate else "deferrable"


def _wrong(wanted: WantedIndex, found: Index) -> Iterator[dict[str, Json]]:
    for what, one, other in differences(wanted, found):
        yield {"name": found.name, "what": what, "wanted": one, "found": other}


def _notes(table: str, wanted: WantedIndex, found: Index) -> Iterator[str]:
    if found.name != (name := wanted.name_on(table)):
        yield f"another name: {found.name} on {table} is what {name} should be"
    if same_condition(wanted.where, found.where) is None:
        yield f"not compared: the condition of {found.name}: {found.where}, wanted {wanted.where}"
