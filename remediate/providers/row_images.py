"""What a run keeps of rows in the database it changes, and the statements that write, compare and remove it.

Nothing here is sent. `remediate.rows` has the image of every row that a run changed, deleted or inserted, under the
token of its change; it is written in the transaction of the change, so the two are there together or not at all. What
is personal in it never leaves the database: neither a plan nor the audit log has more than keys.
"""

from remediate.model import Json
from remediate.providers.row_selection import IMAGE, Fragment, quoted, texts_of
from remediate.questions import Query, Scalar, Value
from remediate.sql import literal
from remediate.target import Statement

MANY = 10
"""How many keys are named where rows are no longer what they were."""
MAKE_ROOM = Statement(
    sql="""CREATE TABLE IF NOT EXISTS remediate.rows (change text NOT NULL, relation text NOT NULL, number int NOT NULL,
 run text NOT NULL, at timestamptz NOT NULL DEFAULT now(), recipe text NOT NULL, key jsonb NOT NULL, before jsonb,
 after jsonb, PRIMARY KEY (change, relation, number))"""
)
THERE = Query(
    sql="SELECT to_regclass('remediate.ledger') IS NOT NULL AND to_regclass('remediate.rows') IS NOT NULL"
)
"""Whether anything was ever kept."""
_STANDING = """SELECT coalesce(l.undo, '{}') AS undo, l.token IS NOT NULL AS committed
FROM (SELECT) AS one LEFT JOIN remediate.ledger AS l ON l.undo ->> 'change' = %s"""
_NOTE_UNDONE = (
    """UPDATE remediate.ledger SET undo = undo || '{"undone": true}' WHERE undo ->> 'change' = %s"""
)
_REMOVE = "DELETE FROM remediate.rows WHERE change = %s"
_DONE_BEFORE = """SELECT (undo ->> 'work')::int AS work, sum((undo ->> 'rows')::bigint)::bigint AS rows,
 (array_agg((undo ->> 'whole')::bigint ORDER BY at DESC, token DESC))[1] AS whole
FROM remediate.ledger WHERE undo ->> 'recipe' = %s AND undo ? 'work' AND NOT undo ?| '{undone,forgotten}'
GROUP BY 1 ORDER BY 1 DESC LIMIT 1"""
_NOTE_WORK = f"""UPDATE remediate.ledger SET undo = undo || jsonb_build_object('work',
 coalesce((SELECT work + (rows >= whole)::int FROM ({_DONE_BEFORE}) AS last), 1)) WHERE xact = pg_current_xact_id()"""  # noqa: S608


class TypedColumn(Value):
    """A column.

    Attributes:
        name: Its name.
        type: As `format_type` spells it, which quotes what must be quoted.
    """

    name: str
    type: str

    @property
    def sql_type(self) -> str:
        """Its type in a statement that has parameters."""
        return self.type.replace("%", "%%")

    def read(self, source: str) -> str:
        """Return the expression that makes its value from JSON of texts."""
        return f"({source} ->> {_text(self.name)})::{self.sql_type}"


class RowsOf(Value):
    """A table, as far as its rows' images are concerned.

    Attributes:
        schema_name: Where it lies.
        table: Its name.
        key: The columns of its primary key.
        columns: All columns, those that the database computes left out.
    """

    schema_name: str
    table: str
    key: tuple[TypedColumn, ...]
    columns: tuple[TypedColumn, ...]

    @property
    def name(self) -> str:
        """Its name in a statement that has parameters."""
        return quoted(self.schema_name, self.table)

    @property
    def relation(self) -> str:
        """Its name among the images."""
        return f"{self.schema_name}.{self.table}"

    @property
    def all_names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.columns)

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of its key's columns."""
        return tuple(column.name for column in self.key)

    def is_row_of(self, image: str = "s", row: str = "r") -> str:
        """Return the condition that a row is the one of an image."""
        return " AND ".join(
            f"{row}.{quoted(column.name)} = {column.read(f'{image}.key')}" for column in self.key
        )

    def typed(self, names: tuple[str, ...]) -> tuple[TypedColumn, ...]:
        """Return these columns, in the table's order."""
        return tuple(column for column in self.columns if column.name in names)


def save(rows: RowsOf, change: str, recipe: str, *, planned: str, image: str, where: Fragment) -> Statement:
    """Return the statement that locks the planned rows, in their order, and keeps those that are as planned.

    Args:
        rows: The table.
        change: The token of the change.
        recipe: What tells the action, with its parameters, from others.
        planned: JSON: the keys in order, each with the image of what must be as it was.
        image: What of the row that is: an expression over `r`.
        where: Why the rows are meant, which must still hold.
    """
    sql = f"""INSERT INTO remediate.rows (change, relation, number, run, recipe, key, before)
SELECT %s, %s, s.number, %s, %s, s.key, {texts_of(rows.all_names)}
FROM (SELECT one -> 'key' AS key, one ->> 'image' AS image, number
  FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS planned (one, number)) AS s
JOIN {rows.name} AS r ON {rows.is_row_of()}
WHERE {IMAGE.format(image)} = s.image AND {where[0]} ORDER BY s.number FOR UPDATE OF r"""  # noqa: S608  (quoted)
    values = (change, rows.relation, _run(change), recipe, rows.all_names, planned, *where[1])
    return Statement(sql=sql, parameters=values)


def save_new(rows: RowsOf, change: str, recipe: str, planned: str) -> Statement:
    """Return the statement that keeps rows as they were inserted, as `save` does of what was before."""
    sql = f"""INSERT INTO remediate.rows (change, relation, number, run, recipe, key, after)
SELECT %s, %s, s.number, %s, %s, s.key, {texts_of(rows.all_names)}
FROM (SELECT one -> 'key' AS key, number
  FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS planned (one, number)) AS s
JOIN {rows.name} AS r ON {rows.is_row_of()} ORDER BY s.number"""  # noqa: S608  (quoted)
    return Statement(
        sql=sql, parameters=(change, rows.relation, _run(change), recipe, rows.all_names, planned)
    )


def all_saved(rows: RowsOf, change: str, number: int) -> Statement:
    """Return the statement that ends the transaction where not exactly so many rows were kept."""
    sql = "SELECT 1 / (count(*) = %s)::int FROM remediate.rows WHERE change = %s AND relation = %s"
    return Statement(sql=sql, parameters=(number, change, rows.relation))


def keep_after(rows: RowsOf, change: str, names: tuple[str, ...]) -> Statement:
    """Return the statement that keeps what became of the rows, in these columns."""
    sql = f"""UPDATE remediate.rows AS s SET after = {texts_of(names)} FROM {rows.name} AS r
WHERE s.change = %s AND s.relation = %s AND {rows.is_row_of()}"""  # noqa: S608  (quoted)
    return Statement(sql=sql, parameters=(names, change, rows.relation))


def lock_rows(rows: RowsOf, change: str) -> Statement:
    """Return the statement that locks what is there of the rows, in their order."""
    sql = f"""SELECT count(*) FROM (SELECT FROM remediate.rows AS s JOIN {rows.name} AS r ON {rows.is_row_of()}
WHERE s.change = %s AND s.relation = %s ORDER BY s.number FOR UPDATE OF r) AS locked"""  # noqa: S608  (quoted)
    return Statement(sql=sql, parameters=(change, rows.relation))


def differing(rows: RowsOf, change: str, names: tuple[str, ...], *, gone_is_fine: bool) -> Query:
    """Return the question which rows are no longer as the change left them: `key`, `whole`.

    Args:
        rows: The table.
        change: The token of the change.
        names: The columns that are compared.
        gone_is_fine: Whether a row that is not there any more counts as one that is as it was left.
    """
    gone = "false" if gone_is_fine else "true"
    sql = f"""SELECT s.key, count(*) OVER () AS whole FROM remediate.rows AS s
LEFT JOIN (SELECT r.*, true AS "remediate found" FROM {rows.name} AS r) AS r ON {rows.is_row_of()}
WHERE s.change = %s AND s.relation = %s AND CASE WHEN r."remediate found" IS NULL THEN {gone}
 ELSE {texts_of(names)} IS DISTINCT FROM s.after END ORDER BY s.number LIMIT {MANY}"""  # noqa: S608  (quoted)
    return Query(sql=sql, parameters=(change, rows.relation, names))


def there_again(rows: RowsOf, change: str) -> Query:
    """Return the question which of the deleted rows' keys are taken: `key`, `whole`."""
    sql = f"""SELECT s.key, count(*) OVER () AS whole FROM remediate.rows AS s
JOIN {rows.name} AS r ON {rows.is_row_of()} WHERE s.change = %s AND s.relation = %s ORDER BY s.number LIMIT {MANY}"""  # noqa: S608  (quoted)
    return Query(sql=sql, parameters=(change, rows.relation))


def none_of(question: Query) -> Statement:
    """Return the statement that ends the transaction where a question has an answer."""
    sql = f"SELECT 1 / (NOT EXISTS ({question.sql}))::int"
    return Statement(sql=sql, parameters=question.parameters)


def put_values_back(rows: RowsOf, change: str, names: tuple[str, ...]) -> Statement:
    """Return the statement that gives these columns their old values."""
    values = ", ".join(f"{quoted(one.name)} = {one.read('s.before')}" for one in rows.typed(names))
    sql = f"""UPDATE {rows.name} AS r SET {values} FROM remediate.rows AS s
WHERE s.change = %s AND s.relation = %s AND {rows.is_row_of()}"""  # noqa: S608  (quoted)
    return Statement(sql=sql, parameters=(change, rows.relation))


def as_before(rows: RowsOf, change: str, names: tuple[str, ...]) -> Statement:
    """Return the statement that ends the transaction where one of these columns is not as it was before the change."""
    sql = f"""SELECT 1 / (count(*) = 0)::int FROM remediate.rows AS s LEFT JOIN {rows.name} AS r ON {rows.is_row_of()}
WHERE s.change = %s AND s.relation = %s AND NOT s.before @> {texts_of(names)}"""  # noqa: S608  (quoted)
    return Statement(sql=sql, parameters=(change, rows.relation, names))


def put_rows_back(rows: RowsOf, change: str) -> Statement:
    """Return the statement that inserts the rows as they were, identity columns too."""
    names = ", ".join(quoted(name) for name in rows.all_names)
    values = ", ".join(column.read("s.before") for column in rows.columns)
    sql = f"""INSERT INTO {rows.name} ({names}) OVERRIDING SYSTEM VALUE
SELECT {values} FROM remediate.rows AS s WHERE s.change = %s AND s.relation = %s ORDER BY s.number"""  # noqa: S608
    return Statement(sql=sql, parameters=(change, rows.relation))


def delete(rows: RowsOf, change: str) -> Statement:
    """Return the statement that deletes the rows whose images are kept."""
    sql = f"""DELETE FROM {rows.name} AS r USING remediate.rows AS s
WHERE s.change = %s AND s.relation = %s AND {rows.is_row_of()}"""  # noqa: S608  (quoted)
    return Statement(sql=sql, parameters=(change, rows.relation))


def recipe_back(rows: RowsOf, change: str, data: dict[str, Json]) -> dict[str, Json]:
    """Return what the ledger keeps of the change.

    Args:
        rows: The table.
        change: The token of the change.
        data: The change's: the `number` of its rows, and its `share` of the whole.
    """
    return {"change": change, "relation": rows.relation, "rows": data["number"], **data["share"]}


def settled(change: str) -> tuple[Statement, ...]:
    """Return the statements that end what is owed: the images go, and the ledger says that it was put back."""
    return Statement(sql=_REMOVE, parameters=(change,)), Statement(sql=_NOTE_UNDONE, parameters=(change,))


def standing(change: str) -> Query:
    """Return the question what the ledger says of a change: `committed`, `undo`."""
    return Query(sql=_STANDING, parameters=(change,))


def done_before(recipe: str) -> Query:
    """Return the question what stands of the last work of the same action with the same parameters: `rows`, `whole`.

    A work is all batches of one plan, and what a crash has left of them. `rows` are done and not put back; it is
    finished where they are the `whole`, which each of its batches notes: a later one knows better. Rows that a cascade
    took are not among them.
    """
    return Query(sql=_DONE_BEFORE, parameters=(recipe,), about=(f"recipe:{recipe}",))


def note_work(recipe: str) -> Statement:
    """Return the statement that notes, in this transaction's ledger row, to which work its batch belongs."""
    return Statement(sql=_NOTE_WORK, parameters=(recipe,))


def in_words(key: dict[str, Scalar]) -> str:
    """Return a key for a person: `id 5`, `a 1, b x`."""
    return ", ".join(f"{name} {value}" for name, value in key.items())


def _run(change: str) -> str:
    return change.partition("/")[0]


def _text(name: str) -> str:
    return literal(name).strip().replace("%", "%%")
