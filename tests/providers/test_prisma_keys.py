"""What a Prisma schema means in indexes and foreign keys. `keys.sql` is what prisma 7.10.0 printed for `keys.prisma`:

prisma migrate diff --from-empty --to-schema keys.prisma --script
"""

import re
from pathlib import Path

import pytest

from remediate.errors import CouldNotLook
from remediate.providers.conditions import columns_in, condition_sql, same_condition
from remediate.providers.prisma_schema import Table, tables_of
from remediate.providers.wanted_keys import WantedForeignKey, WantedIndex
from remediate.sql import identifier

HERE = Path(__file__).parent / "prisma"
STEMS = ("rich", "keys")


def tables(stem: str) -> list[Table]:
    text = (HERE / f"{stem}.prisma").read_text()
    return [table for table in tables_of(text, f"{stem}.prisma") if not table.is_view]


def printed(stem: str, pattern: str) -> list[str]:
    return re.findall(pattern, (HERE / f"{stem}.sql").read_text(), re.MULTILINE)


def index_sql(table: Table, index: WantedIndex) -> str:
    """Return the line that Prisma prints."""
    columns = ", ".join(
        identifier(one.name) + f" {one.ops}" * bool(one.ops) + " DESC" * (one.sort == "desc")
        for one in index.columns
    )
    name, where = index.name_on(table.name), f" WHERE ({index.where})" if index.where else ""
    if index.primary:
        return f"    CONSTRAINT {identifier(name)} PRIMARY KEY ({columns.replace(', ', ',')})"
    method = "" if index.method == "btree" else f" USING {index.method.upper()} "
    what = f"CREATE {'UNIQUE ' * index.unique}INDEX {identifier(name)} ON {identifier(table.name)}"
    return f"{what}{method}({columns}){where};"


def foreign_key_sql(table: Table, key: WantedForeignKey) -> str:
    columns, referenced = (
        ", ".join(identifier(name) for name in names) for names in (key.columns, key.referenced)
    )
    name = key.name or f"{table.name}_{'_'.join(key.columns)}_fkey"
    return (
        f"ALTER TABLE {identifier(table.name)} ADD CONSTRAINT {identifier(name)} FOREIGN KEY ({columns})"
        f" REFERENCES {identifier(key.references)}({referenced})"
        f" ON DELETE {key.on_delete} ON UPDATE {key.on_update};"
    )


@pytest.mark.parametrize("stem", STEMS)
def test_every_index_and_primary_key_is_what_prisma_creates(stem) -> None:
    meant = [index_sql(table, index) for table in tables(stem) for index in table.indexes]
    shown = printed(stem, r"^CREATE (?:UNIQUE )?INDEX .*;$|^    CONSTRAINT .* PRIMARY KEY .*$")
    assert sorted(meant) == sorted(shown)
    assert len(meant) > 20


@pytest.mark.parametrize("stem", STEMS)
def test_every_foreign_key_is_what_prisma_creates(stem) -> None:
    meant = [foreign_key_sql(table, key) for table in tables(stem) for key in table.foreign_keys]
    assert sorted(meant) == sorted(printed(stem, r"^ALTER TABLE .*;$"))
    assert len(meant) > 5


SCHEMA = """
datasource db {
  provider = "postgresql"
  %s
}
model A {
  id Int @id
  bs B[]
  c  C?
  @@schema("auth")
}
model B {
  id Int @id
  as A[]
}
model C {
  id Int @id
  a  A   @relation(fields: [id], references: [id])
}
"""


@pytest.mark.parametrize("setting", ['relationMode = "prisma"', 'referentialIntegrity = "prisma"'])
def test_there_are_no_foreign_keys_where_prisma_keeps_relations_itself(setting) -> None:
    found = tables_of(SCHEMA % setting, "s")
    assert [table.foreign_keys for table in found] == [()] * 4
    assert [len(table.indexes) for table in found] == [1, 1, 1, 2]


def test_a_foreign_key_leads_to_the_schema_that_its_model_names() -> None:
    *_, from_c, joining = tables_of(SCHEMA % "", "s")
    assert [key.in_schema for key in (*from_c.foreign_keys, *joining.foreign_keys)] == ["auth", "auth", ""]
    assert [table.schema_name for table in tables_of(SCHEMA % "", "s")] == ["auth", "", "", "auth"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("@@index([nope])", "A has no field nope"),
        ("@@index(nope)", "@index has no fields"),
        ("@@index([])", "@index of A cannot be read"),
        ("@@index([id], type: Nonsense)", "@index of A cannot be read"),
        ('@@index([id], where: "x")', "where cannot be read"),
        ("@@index([id], where: {id: [1]})", "where cannot be read"),
        ("@@index([id(ops: raw())])", "ops cannot be read"),
        ('@@index([id(ops: raw("1; DROP TABLE x"))])', "ops cannot be read"),
        ("b A @relation(fields: [id], references: [id, id])", "b has 1 fields and 2 references"),
        ("b A @relation(fields: [id], references: [id], onDelete: Nothing)", "onDelete cannot be read"),
        ("b A @relation(fields: [id])", "@relation has no references"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(line, said) -> None:
    with pytest.raises(CouldNotLook, match=re.escape(f"s:3: {said}")):
        tables_of(f"model A {{\n  id Int @id\n  {line}\n}}", "s")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("note IS NOT NULL AND status = 'NEW'", '"note" IS NOT NULL AND "status" = \'NEW\''),
        ('"a b" != 3 and c is null', '"a b" <> 3 AND "c" IS NULL'),
        ("x = 'it''s -- no'", "\"x\" = 'it''s -- no'"),
        ("active = true AND n >= -1.5", '"active" = true AND "n" >= -1.5'),
        ("a = 1 OR b = 2", None),
        ("a = 1; DROP TABLE x", None),
        ("a = pg_sleep(1)", None),
        ("a = 1 AND", None),
        ("a = 'x' -- and more", None),
        ("a = b", None),
        ("", None),
    ],
)
def test_a_condition_outside_the_grammar_is_refused(text, written) -> None:
    assert condition_sql(text) == written


def test_the_columns_of_a_condition_are_known() -> None:
    assert columns_in("\"aB\" IS NULL AND C = 1 AND c > 'x'") == ("aB", "c")


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ("note IS NOT NULL AND s = 'N'", "((note IS NOT NULL) AND (s = 'N'::\"Status\"))", True),
        ("s = 'N' AND note IS NOT NULL", "((note IS NOT NULL) AND (s = 'N'::\"Status\"))", True),
        ("num != 3 AND note = 'it''s'", "((num <> 3) AND (note = 'it''s'::text))", True),
        ("code = 'x'", "((code)::text = 'x'::text)", True),
        ("f = -1.5", "(f = '-1.5'::numeric::double precision)", True),
        (
            '"at" > \'2020-01-01 00:00:00\' AND "on" = true',
            "((at > '2020-01-01 00:00:00'::timestamp(3) without time zone) AND (\"on\" = true))",
            True,
        ),
        ("code = 'a::b'", "(code = 'a::b'::text)", True),
        ("code = 'a::b'", "(code = 'a'::text)", False),
        ("a = 1", "(a = 2)", False),
        ("a = 1", "(a IS NULL)", False),
        ("a = 1 OR b = 2", "((a = 1) OR (b = 2))", None),
        ("lower(a) = 'x'", "(lower(a) = 'x'::text)", None),
        ("(lower(a) = 'x')", "(lower(a) = 'x'::text)", True),
        (None, "(a = 1)", False),
        (None, None, True),
    ],
)
def test_conditions_are_compared_by_what_they_mean(wanted, found, same) -> None:
    assert same_condition(wanted, found) is same
