"""Compares the foreign keys that a table should have with those that it has: by what they mean. Pure; asks nothing.

The same are two foreign keys that refer from the same columns to the same columns of one table. In which order they are
written says nothing, and what they are called is only told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remediate.model import Json
from remediate.providers.catalog import stored_name
from remediate.providers.catalog_keys import RULES, ForeignKey, ReferringTable
from remediate.providers.wanted_keys import WantedForeignKey

_LETTERS = {rule: letter for letter, rule in RULES.items()}


@dataclass(frozen=True)
class ForeignKeyComparison:
    """What differs between the foreign keys of a table as they should be and as they are.

    Attributes:
        table: Its name.
        exists: Whether there is such a table at all.
        missing: Foreign keys that are not there.
        wrong: Those with another rule: name, what, wanted, found.
        invalid: Names of those that were never validated: rows may refer to nothing.
        unfit: What `sql.foreign_key` would make of all that is missing, wrong or not validated.
        extra: Names of those that only the database has.
        notes: What a person may want to know: another name, deferrable.
        compared: How many are wanted.
    """

    table: str
    exists: bool = True
    missing: tuple[WantedForeignKey, ...] = ()
    wrong: tuple[dict[str, Json], ...] = ()
    invalid: tuple[str, ...] = ()
    unfit: tuple[WantedForeignKey, ...] = ()
    extra: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    compared: int = 0

    @property
    def healthy(self) -> bool:
        """Whether all that is wanted is there and valid; a table that is not there is not this comparison's fault."""
        return not (self.missing or self.wrong or self.invalid)

    def told(self) -> str:
        """Return what is wrong, in one clause."""
        parts = []
        if self.missing:
            parts.append(f"{len(self.missing)} of {self.compared} foreign keys are missing in {self.table}")
        if self.wrong:
            names = dict.fromkeys(str(one["name"]) for one in self.wrong)
            parts.append(f"not as wanted in {self.table}: {', '.join(names)}")
        if self.invalid:
            parts.append(f"never validated in {self.table}: {', '.join(self.invalid)}")
        return ", ".join(parts)

    def evidence(self) -> tuple[str, ...]:
        """Return one line for each difference."""
        return (
            *(f"missing: {one.name_on(self.table)} on {self.table}: {one.told()}" for one in self.missing),
            *(
                f"wrong {one['what']}: {one['name']} on {self.table} has {one['found']}, wanted {one['wanted']}"
                for one in self.wrong
            ),
            *(f"not validated: {name} on {self.table}" for name in self.invalid),
            *self.notes,
            *(f"only in the database: {name} on {self.table}" for name in self.extra),
        )

    def facts(self) -> dict[str, Json]:
        """Return it as JSON; `missing`, and `wanted` for all that is unfit, as `sql.foreign_key` takes them."""
        return {
            "table": self.table,
            "exists": self.exists,
            "missing": [one.model_dump(mode="json") for one in self.missing],
            "wrong": list(self.wrong),
            "invalid": list(self.invalid),
            "wanted": [{"table": self.table, **one.model_dump(mode="json")} for one in self.unfit],
            "extra": list(self.extra),
        }


def compared_foreign_keys(
    table: str, wanted: Sequence[WantedForeignKey], found: ReferringTable | None
) -> ForeignKeyComparison:
    """Return what differs.

    Args:
        table: The table's name.
        wanted: The foreign keys that it should have.
        found: The table as it is, or None where there is none.
    """
    if found is None:
        return ForeignKeyComparison(table=table, exists=False)
    pairs = [(one, counterpart_of(table, one, found)) for one in wanted]
    there = [(one, key) for one, key in pairs if key]
    known = {key.name for _, key in there}
    return ForeignKeyComparison(
        table=table,
        missing=tuple(one for one, key in pairs if key is None),
        wrong=tuple(wrong for one, key in there for wrong in _wrong(one, key)),
        invalid=tuple(key.name for key in found.foreign_keys if not key.valid),
        unfit=(
            *(one for one, key in pairs if key is None or not key.valid or any(differences(one, key))),
            *(_as_it_is(key, found) for key in found.foreign_keys if not (key.valid or key.name in known)),
        ),
        extra=tuple(key.name for key in found.foreign_keys if key.name not in known),
        notes=tuple(note for one, key in there for note in _notes(table, one, key)),
        compared=len(wanted),
    )


def counterpart_of(table: str, wanted: WantedForeignKey, found: ReferringTable) -> ForeignKey | None:
    """Return the foreign key from the same columns to the same: one of the same rules and name before any other."""
    same = [key for key in found.foreign_keys if _refers_alike(wanted, key, found.schema_name)]
    name = wanted.name_on(table)
    return min(
        same, key=lambda key: (any(differences(wanted, key)), not key.valid, key.name != name), default=None
    )


def differences(wanted: WantedForeignKey, found: ForeignKey) -> Iterator[tuple[str, str, str]]:
    """Tell in which rules a foreign key differs from what is wanted: what, wanted, found."""
    for what, one, letter in (
        ("ON DELETE", wanted.on_delete, found.on_delete),
        ("ON UPDATE", wanted.on_update, found.on_update),
    ):
        if one != RULES[letter]:
            yield what, one, RULES[letter]


def _refers_alike(wanted: WantedForeignKey, found: ForeignKey, app_schema: str) -> bool:
    pairs = zip(map(stored_name, wanted.columns), map(stored_name, wanted.referenced), strict=True)
    to = (wanted.in_schema or app_schema, stored_name(wanted.references))
    same_columns = set(pairs) == set(zip(found.columns, found.to_columns, strict=True))
    return same_columns and to == (found.to_schema, found.to_table)


def _as_it_is(key: ForeignKey, table: ReferringTable) -> WantedForeignKey:
    """Return a foreign key that only the database has as one that is wanted: it lacks nothing but its validation."""
    return WantedForeignKey.model_validate(
        {
            "columns": list(key.columns),
            "references": key.to_table,
            "referenced": list(key.to_columns),
            "in_schema": "" if key.to_schema == table.schema_name else key.to_schema,
            "name": key.name,
            "on_delete": RULES[key.on_delete],
            "on_update": RULES[key.on_update],
        }
    )


def _wrong(wanted: WantedForeignKey, found: ForeignKey) -> Iterator[dict[str, Json]]:
    for what, one, other in differences(wanted, found):
        yield {"name": found.name, "what": what, "wanted": one, "found": other}


def _notes(table: str, wanted: WantedForeignKey, found: ForeignKey) -> Iterator[str]:
    if found.name != (name := wanted.name_on(table)):
        yield f"another name: {found.name} on {table} is what {name} should be"
    if found.deferrable:
        yield f"deferrable: {found.name} on {table} may be checked at COMMIT only"


def as_wanted(wanted: WantedForeignKey, table: ReferringTable, there: ForeignKey | None) -> ForeignKey:
    """Return it as the catalog will show it; what is changed keeps its name, and when it is checked."""
    return ForeignKey(
        name=wanted.name_on(table.name) if wanted.name or there is None else there.name,
        columns=tuple(map(stored_name, wanted.columns)),
        to_schema=wanted.in_schema or table.schema_name,
        to_table=stored_name(wanted.references),
        to_columns=tuple(map(stored_name, wanted.referenced)),
        on_delete=_LETTERS[wanted.on_delete],
        on_update=_LETTERS[wanted.on_update],
        valid=False,
        deferrable=there.deferrable if there else False,
        deferred=there.deferred if there else False,
    )
