"""A Prisma schema is read as Prisma reads it. `rich.sql` is what prisma 7.10.0 printed for `rich.prisma`:

prisma migrate diff --from-empty --to-schema rich.prisma --script
"""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.errors import CouldNotLook
from remediate.providers.column_types import default_sql, postgres_type
from remediate.providers.prisma_columns import Column
from remediate.providers.prisma_schema import Table, tables_of
from remediate.providers.prisma_syntax import tokens_of, words_of
from remediate.sql import identifier

HERE = Path(__file__).parent / "prisma"
RICH = (HERE / "rich.prisma").read_text()
RICH_SQL = (HERE / "rich.sql").read_text()


def column_sql(column: Column) -> str:
    null = "" if column.nullable else " NOT NULL"
    default = f" DEFAULT {column.default}" if column.default is not None else ""
    return f"    {identifier(column.name)} {column.type}{null}{default},\n"


def table_sql(table: Table) -> str:
    columns = "".join(column_sql(column) for column in table.columns)
    return f"CREATE TABLE {identifier(table.name)} (\n{columns}"


def statements(kind: str) -> list[str]:
    return re.findall(rf"^{kind} .*?(?=\n    CONSTRAINT)", RICH_SQL, re.MULTILINE | re.DOTALL)


def rich() -> list[Table]:
    return [table for table in tables_of(RICH, "rich.prisma") if not table.is_view]


def test_every_table_is_what_prisma_creates() -> None:
    assert [table_sql(table) for table in rich()] == statements("CREATE TABLE")


def test_every_type_and_literal_default_of_it_is_in_the_grammar_of_what_can_be_written() -> None:
    columns = [column for table in rich() for column in table.columns if column.supported]
    unknown = [column.type for column in columns if not postgres_type(column.type)]
    assert {name.removesuffix("SERIAL") for name in unknown} <= {"", "BIG", "SMALL"}
    assert [column.default for column in columns if column.default and not default_sql(column.default)] == []


def test_the_practice_backend_has_its_two_tables_and_26_columns() -> None:
    schema = Path(__file__).parents[2] / "vagrant/backend/prisma/schema.prisma"
    projects, avatars = tables_of(schema.read_text(), "schema.prisma")
    assert (projects.name, avatars.name, len(avatars.columns)) == ("avatar_projects", "avatars", 26)
    assert {column.field: column.default for column in avatars.columns}["sourceType"] == "'uploaded'"


SMALL = """
model A { // one
  id Int @id @default(autoincrement()) /* two */
  text String? @default("a // no comment \\" \\u0041 /* none */") @db.VarChar(3)
  bs B[]
  @@index([id, text(sort: Desc)], map: "x")
}
model B {
  id Int @id
  aId Int
  a A @relation(fields: [aId], references: [id])
}
"""


def test_comments_in_strings_are_no_comments() -> None:
    assert tables_of(SMALL, "x")[0].columns[1].default == "'a // no comment \" A /* none */'"


WORDS = [(token.kind, token.text) for token in tokens_of(SMALL, "x")]


@settings(max_examples=60)
@given(st.data())
def test_space_and_comments_anywhere_mean_nothing(data) -> None:
    between = st.sampled_from([" ", "\t", "  ", ' /* { @id " */ ', " /**/"])
    before_line = st.sampled_from(["", '// @@map("x") }', "/// doc ' \"", " "])
    after_line = st.sampled_from(["\n", "\n\n", "\r\n", "\n  // }\n"])
    text = ""
    for kind, word in WORDS:
        text += (
            data.draw(before_line) + data.draw(after_line) if kind == "newline" else data.draw(between) + word
        )
    assert tables_of(text, "x") == tables_of(SMALL, "x")
    assert words_of(text, "x") == words_of(SMALL, "x")


@settings(max_examples=60)
@given(st.lists(st.sampled_from([*(word for _, word in WORDS), "\n", "🙂", "'", "@", "[", "9"]), max_size=60))
def test_any_text_is_read_or_refused_in_one_line(words) -> None:
    try:
        tables_of(" ".join(words), "some/schema.prisma")
    except CouldNotLook as error:
        said = str(error)
    else:
        return
    assert re.fullmatch(r"some/schema\.prisma:\d+: .+", said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model A {\n  id Int @id\n  x Nonsense\n}", "s:3: x has the unknown type Nonsense"),
        ("model A {\n  id Int @id @default(\n}", "s:3: } where a value was expected"),
        (
            "enum E {\n a\n}\nmodel A {\n  id Int @id\n  e E @default(b)\n}",
            "s:6: @default of e is no value of E: b",
        ),
        ("model A {\n  id Int @id", "s:2: end of file where"),
        ("nonsense A {\n}", "s:1: nonsense where model, view"),
        ("model A {\n  bs B[]\n}\nmodel B {\n  as A[]\n}", "s:1: A has no column"),
        ('model A {\n  b Bytes @default("%")\n}', "s:2: @default of b is no Bytes"),
        ("model A {\n  a Int ; b Int\n}", "s:2: cannot read ';'"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text, said) -> None:
    with pytest.raises(CouldNotLook) as raised:
        tables_of(text, "s")
    assert str(raised.value).startswith(said)
