"""What has to be known of a table before its rows are changed: who may, what fires, who refers to it. Changes nothing.

Which tables refer to it only the catalog knows, so how many rows they have is asked by statements that the server
itself composes (`format` quotes the names) and runs read-only within the one question (`query_to_xml`; manual, chapter
"Producing XML Content"). The values in them are literals that psycopg quoted.
"""

from remediate.model import Json
from remediate.providers.row_selection import rows_fact
from remediate.questions import Facts, Query, QueryAnswer, Value

_FACTS = """SELECT current_user AS role, row_security_active(c.oid) AS guarded,
 has_table_privilege(c.oid, 'SELECT') AS may_select, has_table_privilege(c.oid, 'INSERT') AS may_insert,
 has_any_column_privilege(c.oid, 'UPDATE') AS may_update, has_table_privilege(c.oid, 'DELETE') AS may_delete,
 (SELECT coalesce(json_agg(t.tgname ORDER BY t.tgname), '[]') FROM pg_trigger AS t
  WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D') AS triggers,
 (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute AS a
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> '') AS computed,
 (SELECT coalesce(json_agg(p.pubname ORDER BY p.pubname), '[]') FROM pg_publication_tables AS p
  WHERE p.schemaname = n.nspname AND p.tablename = c.relname) AS publications,
 (SELECT coalesce(json_agg(i.inhrelid::regclass::text ORDER BY 1), '[]') FROM pg_inherits AS i
  WHERE i.inhparent = c.oid AND c.relkind = 'r') AS heirs
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relname = %s"""

FOREIGN_KEYS = Query(
    sql="""SELECT f.conname AS name, f.confdeltype AS on_delete, f.convalidated AS validated,
 row_security_active(f.conrelid) AS guarded,
 cn.nspname AS schema_name, c.relname AS table_name, pn.nspname AS parent_schema, p.relname AS parent_table,
 (SELECT json_agg(a.attname ORDER BY k.at) FROM unnest(f.conkey) WITH ORDINALITY AS k (number, at)
  JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = k.number) AS columns,
 (SELECT json_agg(a.attname ORDER BY k.at) FROM unnest(f.confkey) WITH ORDINALITY AS k (number, at)
  JOIN pg_attribute AS a ON a.attrelid = f.confrelid AND a.attnum = k.number) AS parent_columns
FROM pg_constraint AS f JOIN pg_class AS c ON c.oid = f.conrelid JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
JOIN pg_class AS p ON p.oid = f.confrelid JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
WHERE f.contype = 'f' AND f.conparentid = 0 ORDER BY cn.nspname, c.relname, f.conname""",
    about=("tables",),
)
"""Every foreign key of the database; those of partitions are their table's."""

# $1 the rows that would go, $2 their table, $3 that a row `r` of that table is one of them.
_DEPENDENTS = """WITH RECURSIVE reach AS (
  SELECT c.oid AS relation, %s::text COLLATE "C" AS selected, 0 AS depth, ARRAY[c.oid] AS path,
   ''::text COLLATE "C" AS name, 'c'::"char" AS on_delete, false AS round
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = current_schema() AND c.relname = %s
 UNION ALL
  SELECT f.conrelid, (format('SELECT r.* FROM %%s AS r WHERE EXISTS (SELECT FROM (%%s) AS p WHERE %%s)%%s',
    f.conrelid::regclass, reach.selected,
    (SELECT string_agg(format('r.%%I = p.%%I', a.attname, b.attname), ' AND ')
     FROM unnest(f.conkey, f.confkey) AS k (child, parent)
     JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = k.child
     JOIN pg_attribute AS b ON b.attrelid = f.confrelid AND b.attnum = k.parent),
    CASE WHEN reach.depth = 0 AND f.conrelid = f.confrelid THEN ' AND NOT ' || %s ELSE '' END)) COLLATE "C",
   reach.depth + 1, reach.path || f.conrelid, f.conname::text COLLATE "C", f.confdeltype, f.conrelid = ANY(reach.path)
  FROM reach JOIN pg_constraint AS f ON f.confrelid = reach.relation AND f.contype = 'f' AND f.conparentid = 0
  WHERE reach.on_delete = 'c' AND NOT reach.round)
SELECT n.nspname AS schema_name, c.relname AS table_name, reach.name, reach.depth, reach.on_delete, reach.round,
 row_security_active(c.oid) AS guarded,
 (SELECT count(*) > 0 FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D')
  AS fires,
 (SELECT coalesce(json_agg(a.attname), '[]') FROM pg_attribute AS a
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> '') AS computed,
 (regexp_match(reach.found, '<n>([0-9]+)</n>'))[1]::bigint AS rows,
 (regexp_match(reach.found, '<d>([0-9a-f]*)</d>'))[1] AS image
FROM (SELECT *, query_to_xml('SELECT count(*) AS n, left(encode(sha256(convert_to(coalesce(string_agg((x.*)::text,'
   ' E''\\n'' ORDER BY (x.*)::text COLLATE "C"), ''''), ''UTF8'')), ''hex''), 32) AS d FROM (' || selected || ') AS x',
   false, true, '')::text AS found FROM reach WHERE depth > 0) AS reach
JOIN pg_class AS c ON c.oid = reach.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY reach.depth, n.nspname, c.relname, reach.name"""


class Rights(Value):
    """What the role may do to a table's rows, and what happens by itself when it does.

    Attributes:
        role: The app's role.
        guarded: Whether row-level security hides rows from it.
        may_select: Whether it may read all columns.
        may_insert: Whether it may insert.
        may_update: Whether it may update some column, which locking a row takes, too.
        may_delete: Whether it may delete.
        triggers: Those that are enabled and not the database's own.
        computed: The columns that the database computes, and nobody can write.
        publications: Those that send its changes on, by logical replication.
        heirs: The tables that inherit from it, partitions apart: their rows would be taken for its own.
    """

    role: str
    guarded: bool
    may_select: bool
    may_insert: bool
    may_update: bool
    may_delete: bool
    triggers: tuple[str, ...]
    computed: tuple[str, ...]
    publications: tuple[str, ...] = ()
    heirs: tuple[str, ...] = ()

    def refusal(self, table: str, *verbs: str) -> str:
        """Return why the role cannot do these verbs to all rows of the table, or nothing."""
        if self.guarded:
            return f"row-level security hides rows of {table} from the role {self.role}"
        missing = [verb for verb in verbs if not getattr(self, f"may_{verb}")]
        return f"the role {self.role} may not {' or '.join(missing)} in {table}" if missing else ""


class ForeignKey(Value):
    """A foreign key.

    Attributes:
        name: The constraint's.
        on_delete: `a` no action, `r` restrict, `c` cascade, `n` set null, `d` set default.
        validated: Whether every row was held against it.
        guarded: Whether row-level security hides rows of the table that refers.
        schema_name: Where the table that refers lies.
        table_name: That table.
        parent_schema: Where the table that is referred to lies.
        parent_table: That table.
        columns: Those that refer.
        parent_columns: Those that are referred to, in the same order.
    """

    name: str
    on_delete: str
    validated: bool
    guarded: bool
    schema_name: str
    table_name: str
    parent_schema: str
    parent_table: str
    columns: tuple[str, ...]
    parent_columns: tuple[str, ...]

    def leads_to(self, schema: str, table: str) -> bool:
        """Tell whether it refers to this table."""
        return (self.parent_schema, self.parent_table) == (schema, table)


class Dependents(Value):
    """Rows of another table that refer to rows that would go.

    Attributes:
        schema_name: Where it lies.
        table_name: Its name.
        name: The foreign key that refers.
        depth: How many foreign keys away it is.
        on_delete: What the foreign key does with them, as in `ForeignKey`.
        round: Whether the way there leads through one table twice.
        guarded: Whether row-level security hides rows of the table: then how many there are is not known.
        fires: Whether the table has triggers.
        computed: The table's columns that the database computes.
        rows: How many.
        image: Tells whether they are still what they were.
    """

    schema_name: str
    table_name: str
    name: str
    depth: int
    on_delete: str
    round: bool
    guarded: bool
    fires: bool
    computed: tuple[str, ...]
    rows: int
    image: str

    @property
    def cascades(self) -> bool:
        """Whether they would go without a word."""
        return self.on_delete == "c"


def rights(table: str) -> Query:
    """Return the question for the rights on a table of the app's schema."""
    return Query(sql=_FACTS, parameters=(table,), about=("tables",))


def rights_in(answer: QueryAnswer) -> Rights | None:
    """Return the rights of an answer, or None where there is no such table."""
    return next((Rights.model_validate(record) for record in answer.records), None)


def foreign_keys_in(answer: QueryAnswer) -> tuple[ForeignKey, ...]:
    """Return the foreign keys of an answer to `FOREIGN_KEYS`."""
    return tuple(ForeignKey.model_validate(record) for record in answer.records)


def dependents(table: str, selected: str, among_them: str, about: Facts) -> Query:
    """Return the question which rows of other tables refer to some rows, through cascades as far as they go.

    Args:
        table: The table, in the app's schema.
        selected: A SELECT of all columns of those rows, without parameters.
        among_them: The condition that a row `r` of the table itself is one of them, without parameters.
        about: What the answer depends on, besides the other tables' rows, which nobody can name beforehand.
    """
    return Query(
        sql=_DEPENDENTS, parameters=(selected, table, among_them), about=(*about, "tables", rows_fact(table))
    )


def dependents_in(answer: QueryAnswer) -> tuple[Dependents, ...]:
    """Return those of an answer that there are, or may be."""
    found = (Dependents.model_validate(record) for record in answer.records)
    return tuple(one for one in found if one.rows or one.guarded)


# One look at the table counts the NULLs of all columns that take them; keys are looked for only where there are some.
_NULLS = """WITH shape AS (
  SELECT c.oid AS relation, n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = current_schema() AND c.relname = %s),
nullable AS (
  SELECT a.attname AS name, a.attnum AS number FROM shape JOIN pg_attribute AS a ON a.attrelid = shape.relation
  WHERE a.attnum > 0 AND NOT a.attisdropped AND NOT a.attnotnull),
key AS (
  SELECT coalesce(string_agg(format('%%L, r.%%I', a.attname, a.attname), ', '), '') AS parts
  FROM shape JOIN pg_index AS i ON i.indrelid = shape.relation AND i.indisprimary
  JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)),
counted AS MATERIALIZED (
  SELECT query_to_xml(format('SELECT %%s FROM %%I.%%I AS r', (SELECT coalesce(string_agg(
    format('count(*) FILTER (WHERE r.%%I IS NULL) AS c%%s', name, number), ', '), 'count(*)') FROM nullable),
   nspname, relname), false, true, '')::text AS found FROM shape),
by_column AS MATERIALIZED (
  SELECT name, (regexp_match(found, '<c' || number || '>([0-9]+)<'))[1]::bigint AS count FROM nullable, counted)
SELECT name, count, CASE WHEN count > 0 THEN (SELECT convert_from(decode((regexp_match(query_to_xml(format(
   'SELECT encode(convert_to(coalesce(jsonb_agg(k.key), ''[]'')::text, ''UTF8''), ''hex'') AS h FROM'
   ' (SELECT jsonb_build_object(%%s) AS key FROM %%I.%%I AS r WHERE r.%%I IS NULL LIMIT 5) AS k',
   parts, nspname, relname, name), false, true, '')::text, '<h>([0-9a-f]*)<'))[1], 'hex'), 'UTF8')::jsonb
  FROM shape, key) ELSE '[]' END AS keys
FROM by_column ORDER BY name"""


def null_counts(table: str) -> Query:
    """Return the question how many rows have NULL in each column that takes it: `name`, `count`, `keys` of some."""
    return Query(sql=_NULLS, parameters=(table,), about=(rows_fact(table), f"table:{table}"))


def nulls_in(answer: QueryAnswer) -> dict[str, dict[str, Json]]:
    """Return the counts and keys of an answer, by column."""
    return {record["name"]: record for record in answer.records}
