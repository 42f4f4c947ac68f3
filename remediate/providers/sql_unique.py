"""The check `sql.unique`: whether the unique index that refused a row is in force. It changes nothing and reads no row.

While it is in force, no key can be in its table twice: the refusal was right. Source: the manual's chapter "pg_index"
(`indisvalid`, `indisready`, `indislive`); a build that was cut off leaves one that is not valid.
"""

import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.providers.catalog_keys import ALL_INDEXES
from remediate.questions import Answers, Query
from remediate.steps import Check, Questions, Step

_FOUND = """SELECT n.nspname AS schema_name, n.nspname = current_schema() AS here, t.relname AS table_name,
 x.relname AS name, i.indisunique AS is_unique, i.indisvalid AND i.indisready AND i.indislive AS usable, k.columns
FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = x.relnamespace
CROSS JOIN LATERAL (SELECT array_agg(coalesce(a.attname::text, '(an expression)') ORDER BY u.at) AS columns
 FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u(attnum, at)
 LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.attnum WHERE u.at <= i.indnkeyatts) AS k"""
_NAMED = (
    f"{_FOUND} WHERE x.relname = %s AND NOT starts_with(n.nspname, 'pg_') ORDER BY here DESC, schema_name"
)
_OVER = f"""{_FOUND} WHERE n.nspname = current_schema() AND k.columns @> %s::text[] AND k.columns <@ %s::text[]
ORDER BY x.relname"""
_WORD = re.compile(r"[\w$]+")


class Unique(Check):
    """Whether the unique index that a message names is in force, by its name, or else by its columns.

    Where the message names neither, nothing is known, and it says so; it is healthy then, for nothing is found. An
    index of that name that is not there is none in force. Facts: `indexes` (names), `tables`.
    """

    kind: ClassVar[str] = "sql.unique"
    tells: ClassVar[str] = (
        "Looks whether the unique index that the message names is in force[: by its name, {index}][, or "
        "else by its columns, {columns}]. Where the message names neither, nothing is known, and it says "
        "so"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    index: str = Field(default="", description="The index's name, which is its constraint's as well.")
    columns: str = Field(
        default="", description="Its columns in any form in which a message lists them; for want of a name."
    )

    @property
    def question(self) -> Query:
        """The question for the index; where nothing is named it finds none, and the database has answered."""
        if self.index:
            return Query(sql=_NAMED, parameters=(self.index,), about=(ALL_INDEXES,))
        return Query(sql=_OVER, parameters=(self._columns, self._columns), about=(ALL_INDEXES,))

    @property
    def _columns(self) -> tuple[str, ...]:
        return tuple(_WORD.findall(self.columns))

    def ask(self) -> Questions:
        """Ask for it."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Tell whether it is in force."""
        del first
        records = now[self.question].records
        if self.index:
            return self._by_name(records)
        if self._columns:
            return self._by_columns(records)
        todo = "say --var constraint=NAME, from the database's own log"
        seen = "not known: the message names neither index nor columns"
        return Finding(healthy=True, seen=seen, evidence=(todo,), facts=_facts([]))

    def _by_name(self, records: list[dict[str, Json]]) -> Finding:
        here = next((one for one in records if one["here"]), None)
        if here is None:
            seen = f"there is no index {self.index} in the app's schema: no key is refused by it any more"
            others = (f"the schema {one['schema_name']} has one, on {one['table_name']}" for one in records)
            why = "it was dropped since, or the message is of another database or schema"
            return Finding(healthy=False, seen=seen, evidence=(why, *others), facts=_facts([]))
        lacks = _lacks(here)
        seen = f"{_called(here)} {f'is not in force: {lacks}' if lacks else 'is in force'}"
        return Finding(healthy=not lacks, seen=seen, facts=_facts([here]))

    def _by_columns(self, records: list[dict[str, Json]]) -> Finding:
        unique = [one for one in records if one["is_unique"]]
        names = ", ".join(self._columns)
        if not unique:
            seen = f"not known: no unique index is on ({names}), which may be called otherwise in the database (@map)"
            return Finding(healthy=True, seen=seen, facts=_facts([]))
        wrong = [one for one in unique if _lacks(one)]
        many = f"{len(unique)} unique index{'es are' if len(unique) > 1 else ' is'} on ({names})"
        seen = f"{many}, {len(wrong)} of them not in force" if wrong else f"{many}, and in force"
        told = (f"{_called(one)}: {_lacks(one) or 'in force'}" for one in (wrong or unique))
        return Finding(healthy=not wrong, seen=seen, evidence=tuple(told), facts=_facts(unique))


def _lacks(index: Mapping[str, Json]) -> str:
    if not index["is_unique"]:
        return "it is not unique"
    return "" if index["usable"] else "it is invalid, of a build that never ended"


def _called(index: Mapping[str, Json]) -> str:
    return f"{index['name']} on {index['table_name']} ({', '.join(index['columns'])})"


def _facts(indexes: list[dict[str, Json]]) -> dict[str, Json]:
    return {
        "indexes": [one["name"] for one in indexes],
        "tables": sorted({one["table_name"] for one in indexes}),
    }


STEPS: tuple[type[Step], ...] = (Unique,)
