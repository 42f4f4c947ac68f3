"""Rows that name a parent before it is made anew: what of them is written down, and what the way back demands of them.

Sends nothing itself but questions. Taking such a parent away again leaves the very rows without one that had none
before, and no other: where somebody has added or removed one since, the parent stays, and that is told.
"""

from collections.abc import Sequence
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from remediate.errors import Conflict, Failed
from remediate.model import Json
from remediate.providers import catalog
from remediate.providers.catalog import TABLES
from remediate.providers.catalog_keys import ForeignKey as CatalogKey
from remediate.providers.foreign_key_aside import in_the_way, without
from remediate.providers.row_cascade import no_other_key
from remediate.providers.row_facts import ForeignKey, rights, rights_in
from remediate.providers.row_images import RowsOf, TypedColumn
from remediate.providers.row_selection import quoted, texts_of
from remediate.questions import Answers, Query, Value
from remediate.target import Statement, Target

_IMAGE = (
    "left(encode(sha256(convert_to(coalesce(string_agg(c.key, E'\\n' ORDER BY c.key COLLATE \"C\"), ''), 'UTF8')),"
    " 'hex'), 32)"
)


class Adopts(BaseModel):
    """Rows that name the inserted ones already.

    Attributes:
        table: Their table, in the app's schema.
        column: Their column that names the key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    table: str
    column: str


class Adopted(Value):
    """A table whose rows name a batch of inserted ones.

    Attributes:
        schema_name: Where it lies.
        table: Its name.
        column: The column that names them.
        key: Its primary key.
        names: The keys of the batch, as text.
        image: Tells whether the same rows still name them; empty in a plan.
    """

    schema_name: str
    table: str
    column: TypedColumn
    key: tuple[str, ...]
    names: tuple[str, ...]
    image: str = ""

    @property
    def naming(self) -> Query:
        """The question which rows name them, as an image, and how many those are."""
        named = f"r.{quoted(self.column.name)} = ANY(%s::text[]::{self.column.sql_type}[])"
        sql = (
            f"SELECT {_IMAGE} AS image, count(*) AS number FROM (SELECT {texts_of(self.key)}::text AS key"  # noqa: S608
            f" FROM {quoted(self.schema_name, self.table)} AS r WHERE {named}) AS c"
        )
        return Query(sql=sql, parameters=(self.key, self.names))

    @property
    def lock(self) -> Statement:
        """The statement that lets nobody name them until the end of the transaction."""
        name = quoted(self.schema_name, self.table)
        return Statement(sql=f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")

    @property
    def guard(self) -> Statement:
        """The statement that ends the transaction where other rows name them by now."""
        sql = f"SELECT 1 / (n.image = %s)::int FROM ({self.naming.sql}) AS n"  # noqa: S608  (quoted)
        return Statement(sql=sql, parameters=(self.image, *self.naming.parameters))

    def is_led_by(self, key: ForeignKey) -> bool:
        """Tell whether a foreign key leads from the column."""
        there = (key.schema_name, key.table_name, key.columns)
        return there == (self.schema_name, self.table, (self.column.name,))


_Aside: TypeAlias = tuple[Adopted, tuple[CatalogKey, ...]]


def adopting(
    given: Sequence[Adopts], names: tuple[str, ...], answers: Answers, into: str
) -> tuple[Adopted, ...]:
    """Return the tables whose rows name a batch, as they are planned.

    Args:
        given: As the playbook has them.
        names: The keys of the batch.
        answers: Answers to `TABLES` and the rights on each.
        into: The table that is inserted into.

    Raises:
        Failed: There is no such table or column, or not all of its rows can be seen.
    """
    return tuple(_adopting(one, names, answers, into) for one in given)


def _adopting(one: Adopts, names: tuple[str, ...], answers: Answers, into: str) -> Adopted:
    table, allowed = catalog.tables_in(answers[TABLES]).get(one.table), rights_in(answers[rights(one.table)])
    column = table.by_name.get(one.column) if table else None
    if table is None or allowed is None or column is None:
        what = f"there is no {one.table}.{one.column} in the app's schema"
        raise Failed(answers.where, what, "nothing was changed")
    why = allowed.refusal(one.table, "select")
    if not why and not table.primary_key:
        why = f"{one.table} has no primary key, so nobody can tell which of its rows name those of {into}"
    if why:
        raise Failed(answers.where, why, "nothing was changed")
    return Adopted(
        schema_name=table.schema_name,
        table=table.name,
        column=TypedColumn(name=column.name, type=column.type),
        key=table.primary_key,
        names=names,
    )


def adopted_now(target: Target, planned: Sequence[Json]) -> list[Json]:
    """Look which rows name a batch right now, and return that for the way back."""
    each = [Adopted.model_validate(one) for one in planned]
    answers = target.answer(tuple(one.naming for one in each))
    images = [answers[one.naming].rows[0][0] for one in each]
    return [
        one.model_copy(update={"image": image}).model_dump(mode="json")
        for one, image in zip(each, images, strict=True)
    ]


def refuse_others(target: Target, adopted: Sequence[Adopted], rows: RowsOf) -> None:
    """Look whether the same rows still name a batch.

    Raises:
        Conflict: Others do.
    """
    answers = target.answer(tuple(one.naming for one in adopted))
    for one in adopted:
        image, number = answers[one.naming].rows[0]
        if image != one.image:
            what = f"other rows of {one.table} than before name what was inserted into {rows.relation}: {number} now"
            todo = "nothing of this batch was touched; look at them, and decide by hand"
            raise Conflict(target.name, what, todo)


def set_aside(target: Target, adopted: Sequence[Adopted], rows: RowsOf) -> tuple[_Aside, ...]:
    """Look which foreign keys, never validated, keep rows from being left without a parent again."""
    return tuple(
        (one, in_the_way(target, one.table, [[one.column.name, rows.table, rows.key[0].name]]))
        for one in adopted
    )


def others_than(keys: Sequence[ForeignKey], aside: Sequence[_Aside]) -> tuple[ForeignKey, ...]:
    """Return the foreign keys by which nothing may refer."""
    names = {(one.schema_name, one.table, key.name) for one, gone in aside for key in gone}
    return tuple(key for key in keys if (key.schema_name, key.table_name, key.name) not in names)


def left_without(
    aside: Sequence[_Aside], rows: RowsOf, keys: Sequence[ForeignKey], statements: Sequence[Statement]
) -> tuple[Statement, ...]:
    """Return statements that take a batch away, so that the rows which name it have no parent again, and no others.

    Args:
        aside: What `set_aside` saw.
        rows: The table that was inserted into.
        keys: All foreign keys that lead to it.
        statements: Those that take the batch away.
    """
    whole = (*(one.guard for one, _ in aside), *statements)
    for one, gone in aside:
        whole = without(one.schema_name, one.table, gone, whole)
    return (*(one.lock for one, _ in aside), no_other_key((rows,), keys), *whole) if aside else whole
