"""What a database's catalog is asked about indexes and foreign keys. Compares nothing and changes nothing.

Each table of the app's schema is answered with what it has, so that a table without an index, and no table, differ.
Source: the manual's chapters "pg_index", "pg_constraint" and "pg_opclass", tried on PostgreSQL 15.
"""

from remediate.questions import Query, QueryAnswer, Value

ALL_INDEXES = "indexes"
"""The fact that every index depends on."""
ALL_FOREIGN_KEYS = "foreign keys"
"""The fact that every foreign key depends on."""

AT_WORK = """EXISTS (SELECT FROM pg_locks AS l WHERE l.locktype = 'relation' AND l.relation = i.indrelid
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid()
  AND l.pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum UNION ALL SELECT pid FROM pg_stat_progress_analyze))"""
"""Whether somebody else may be building the index `i`: an expression of SQL.

Which index is built, pg_stat_progress_create_index tells only to the builder's own roles; that its table is locked, and
whose process vacuums or analyzes, pg_locks and the other progress views tell everybody (tried on PostgreSQL 15). Who
validates a constraint has the same lock: then it cannot be told, and is taken for a build.
"""

# What only newer servers know is read through to_jsonb: a column that is not there would be an error.
INDEXES = Query(
    sql=f"""SELECT n.nspname AS schema_name, c.relname AS name,
 (SELECT coalesce(json_agg(json_build_object('name', x.relname, 'method', m.amname, 'unique', i.indisunique,
    'primary', i.indisprimary, 'valid', i.indisvalid AND i.indisready AND i.indislive,
    'building', CASE WHEN i.indisvalid THEN false ELSE {AT_WORK} END,
    'constraint', EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid
      AND k.contype IN ('p', 'u', 'x')),
    'immediate', i.indimmediate, 'excludes', i.indisexclusion, 'included', i.indnatts - i.indnkeyatts,
    'nulls_equal', coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
    'where', pg_get_expr(i.indpred, i.indrelid), 'definition', pg_get_indexdef(i.indexrelid),
    'columns', (SELECT json_agg(json_build_object('name', a.attname,
        'expression', CASE WHEN k.attnum = 0 THEN pg_get_indexdef(i.indexrelid, k.number::int, true) END,
        'descending', (i.indoption[k.number - 1] & 1) = 1, 'nulls_first', (i.indoption[k.number - 1] & 2) = 2,
        'ops', o.opcname, 'usual_ops', o.opcdefault) ORDER BY k.number)
      FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, number)
      LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum <> 0
      JOIN pg_opclass AS o ON o.oid = i.indclass[k.number - 1] WHERE k.number <= i.indnkeyatts))
    ORDER BY x.relname), '[]')
  FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_am AS m ON m.oid = x.relam
  WHERE i.indrelid = c.oid) AS indexes
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') ORDER BY c.relname""",  # noqa: S608  (constants)
    about=(ALL_INDEXES,),
)
"""Every table of the app's schema with its indexes."""

FOREIGN_KEYS = Query(
    sql="""SELECT n.nspname AS schema_name, c.relname AS name,
 (SELECT coalesce(json_agg(json_build_object('oid', k.oid::bigint, 'name', k.conname,
    'columns', ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, number)
      JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.number),
    'to_schema', s.nspname, 'to_table', t.relname,
    'to_columns', ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, number)
      JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.number),
    'on_delete', k.confdeltype, 'on_update', k.confupdtype,
    'valid', k.convalidated AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true),
    'deferrable', k.condeferrable, 'deferred', k.condeferred, 'full', k.confmatchtype = 'f',
    'some_columns', coalesce(to_jsonb(k) ->> 'confdelsetcols', '') <> '',
    'definition', pg_get_constraintdef(k.oid)) ORDER BY k.conname), '[]')
  FROM pg_constraint AS k JOIN pg_class AS t ON t.oid = k.confrelid JOIN pg_namespace AS s ON s.oid = t.relnamespace
  WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0) AS foreign_keys
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') ORDER BY c.relname""",
    about=(ALL_FOREIGN_KEYS,),
)
"""Every table of the app's schema with the foreign keys that lead from it to others."""

RULES = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
"""What `confdeltype` and `confupdtype` mean."""


class IndexColumn(Value):
    """One column of an index.

    Attributes:
        name: Of the table's column; None where an expression is indexed.
        expression: That expression, as the catalog prints it.
        descending: Whether it is sorted downwards.
        nulls_first: Whether NULLs come first; the usual is: where it is descending.
        ops: The operator class.
        usual_ops: Whether that is the one that the column's type has by itself.
    """

    name: str | None
    expression: str | None = None
    descending: bool = False
    nulls_first: bool = False
    ops: str = ""
    usual_ops: bool = True


class Index(Value):
    """An index as it is.

    Attributes:
        name: Its name.
        method: `btree`, `hash`, `gin`, …
        unique: Whether it lets a value be there once only.
        primary: Whether it is the primary key.
        valid: Whether the planner may use it; false for what a failed CREATE INDEX CONCURRENTLY left.
        building: Whether somebody may be building it at this moment (`AT_WORK`).
        constraint: Whether a constraint owns it.
        immediate: Whether uniqueness is checked at once; false where its constraint is deferrable.
        excludes: Whether it is of an exclusion constraint.
        included: How many further columns it carries along.
        nulls_equal: Whether two NULLs count as the same value.
        where: The condition of a partial index, as `pg_get_expr` prints it.
        definition: The statement that would make it.
        columns: In order.
    """

    name: str
    method: str
    unique: bool
    primary: bool
    valid: bool
    building: bool = False
    constraint: bool = False
    immediate: bool = True
    excludes: bool = False
    included: int = 0
    nulls_equal: bool = False
    where: str | None = None
    definition: str = ""
    columns: tuple[IndexColumn, ...]


class IndexedTable(Value):
    """A table with its indexes."""

    schema_name: str
    name: str
    indexes: tuple[Index, ...]


class ForeignKey(Value):
    """A foreign key as it is.

    Attributes:
        oid: Its number; 0 of one that is only foretold.
        name: Of the constraint.
        columns: That refer.
        to_schema: Where the table lies that is referred to.
        to_table: Its name.
        to_columns: Its columns, in the order of `columns`.
        on_delete: A letter of `RULES`.
        on_update: A letter of `RULES`.
        valid: Whether all rows were checked (`convalidated`).
        deferrable: Whether it may be checked at COMMIT.
        deferred: Whether it is, unless a transaction says otherwise.
        full: Whether it is MATCH FULL: of several columns none or all are NULL.
        some_columns: Whether it sets only some of its columns to NULL or their defaults.
        definition: As `pg_get_constraintdef` prints it.
    """

    oid: int = 0
    name: str
    columns: tuple[str, ...]
    to_schema: str
    to_table: str
    to_columns: tuple[str, ...]
    on_delete: str
    on_update: str
    valid: bool
    deferrable: bool = False
    deferred: bool = False
    full: bool = False
    some_columns: bool = False
    definition: str = ""


class ReferringTable(Value):
    """A table with the foreign keys that lead from it to others."""

    schema_name: str
    name: str
    foreign_keys: tuple[ForeignKey, ...]


def indexed_tables_in(answer: QueryAnswer) -> dict[str, IndexedTable]:
    """Return the tables of an answer to `INDEXES`, under their names."""
    return {record["name"]: IndexedTable.model_validate(record) for record in answer.records}


def referring_tables_in(answer: QueryAnswer) -> dict[str, ReferringTable]:
    """Return the tables of an answer to `FOREIGN_KEYS`, under their names."""
    return {record["name"]: ReferringTable.model_validate(record) for record in answer.records}


def with_index(answer: QueryAnswer, table: str, made: Index, dropped: str = "") -> QueryAnswer:
    """Return what `INDEXES` will be answered once an index was made, and another one dropped."""
    rows = []
    for record in answer.records:
        if record["name"] == table:
            kept = [index for index in record["indexes"] if index["name"] != dropped]
            record["indexes"] = sorted(
                [*kept, made.model_dump(mode="json")], key=lambda index: str(index["name"])
            )
        rows.append(tuple(record.values()))
    return answer.model_copy(update={"rows": tuple(rows)})


def without_index(answer: QueryAnswer, table: str, dropped: str) -> QueryAnswer:
    """Return what `INDEXES` will be answered once an index was dropped."""
    rows = []
    for record in answer.records:
        if record["name"] == table:
            record["indexes"] = [index for index in record["indexes"] if index["name"] != dropped]
        rows.append(tuple(record.values()))
    return answer.model_copy(update={"rows": tuple(rows)})


def with_foreign_key(answer: QueryAnswer, table: str, made: ForeignKey, dropped: str = "") -> QueryAnswer:
    """Return what `FOREIGN_KEYS` will be answered once one was made, in the place of another one or of itself."""
    rows = []
    for record in answer.records:
        if record["name"] == table:
            kept = [key for key in record["foreign_keys"] if key["name"] not in (dropped, made.name)]
            keys = [*kept, made.model_dump(mode="json")]
            record["foreign_keys"] = sorted(keys, key=lambda key: str(key["name"]))
        rows.append(tuple(record.values()))
    return answer.model_copy(update={"rows": tuple(rows)})
