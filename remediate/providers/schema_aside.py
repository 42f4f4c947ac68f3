"""The app's schema put aside whole under another name, and a new one in its place. Composes SQL, and sends nothing.

Nothing is dropped: `ALTER SCHEMA … RENAME` leaves every object what it is, rows, owners and grants with it, and takes
no time. The name that it is kept under is made of its oid, which it keeps and no other schema has.
"""

from collections.abc import Iterator

from remediate.errors import Failed
from remediate.model import Json
from remediate.providers.schema_looks import content_of, outside, shape_of
from remediate.questions import Query, QueryAnswer, Value
from remediate.sql import compose, identifier, literal
from remediate.target import Statement

SCHEMA_FACT = "schema"
"""The fact that every question about the schema as a whole depends on."""
KEPT, LEFT = "remediate_kept_", "remediate_left_"

_GRANTED = """'grantee', CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END,
 'privilege', a.privilege_type, 'grantable', a.is_grantable"""

SCHEMA = Query(
    sql=f"""SELECT n.nspname AS name, n.oid::bigint AS oid, pg_get_userbyid(n.nspowner) AS owner,
 current_setting('server_version_num')::int AS version, current_user::text AS role,
 current_database()::text AS database,
 pg_has_role(n.nspowner, 'USAGE') AND pg_has_role(n.nspowner, 'MEMBER') AS owned,
 has_database_privilege(current_database(), 'CREATE') AS may_create,
 obj_description(n.oid, 'pg_namespace') AS comment,
 CASE WHEN n.nspacl IS NOT NULL THEN (SELECT coalesce(json_agg(json_build_object({_GRANTED})
  ORDER BY a.grantee, a.privilege_type), '[]') FROM aclexplode(n.nspacl) AS a) END AS granted,
 (SELECT coalesce(json_agg(json_build_object('role', pg_get_userbyid(d.defaclrole), 'kind', d.defaclobjtype,
   'ours', pg_has_role(d.defaclrole, 'USAGE') AND pg_has_role(d.defaclrole, 'MEMBER'), {_GRANTED})
   ORDER BY d.oid, a.grantee, a.privilege_type), '[]')
  FROM pg_default_acl AS d, aclexplode(d.defaclacl) AS a WHERE d.defaclnamespace = n.oid) AS defaults,
 (SELECT coalesce(json_agg(json_build_object('name', e.extname, 'relocatable', e.extrelocatable,
   'ours', pg_has_role(e.extowner, 'USAGE')) ORDER BY e.extname), '[]')
  FROM pg_extension AS e WHERE e.extnamespace = n.oid) AS extensions,
 (SELECT coalesce(json_agg(json_build_object('name', c.relname, 'lockable',
   has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')) ORDER BY c.relname), '[]')
  FROM pg_class AS c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')) AS tables,
 (SELECT coalesce(json_agg(o.name), '[]') FROM ({outside("n.oid")}) AS o) AS outside,
 (SELECT coalesce(json_agg(k.nspname ORDER BY k.oid), '[]') FROM pg_namespace AS k
  WHERE starts_with(k.nspname, '{KEPT}') OR starts_with(k.nspname, '{LEFT}')) AS kept_before
FROM pg_namespace AS n WHERE n.nspname = current_schema()""",  # noqa: S608  (constants)
    about=(SCHEMA_FACT, "tables"),
)
"""The app's schema as a whole; no row where there is none."""

LIVE = Query(
    sql="""SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes,
 coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint AS rows,
 (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - a.xact_start)), 0)::bigint FROM pg_stat_activity AS a
  WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()) AS longest_seconds,
 (SELECT count(*) FROM pg_prepared_xacts AS p WHERE p.database = current_database()) AS prepared,
 (SELECT coalesce(json_agg(DISTINCT jsonb_build_object('pid', l.pid, 'application', coalesce(a.application_name, ''),
    'state', coalesce(a.state, ''))), '[]')
  FROM pg_locks AS l JOIN pg_class AS t ON t.oid = l.relation JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
  LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
  WHERE tn.nspname = current_schema() AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS holders
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'm')""",
    about=("schema's size",),
)
"""How much is in it, and who is at work there."""

_STILL_SO = """SELECT 1 / (CASE WHEN EXISTS (SELECT FROM pg_namespace WHERE nspname = %s AND oid = %s)
 AND (SELECT count(*) FROM pg_class WHERE relnamespace = %s AND relkind IN ('r', 'p')) = %s THEN 1 ELSE 0 END)"""
_KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES"}
_SHOWN = 5


_NOTE = f"""UPDATE remediate.ledger SET undo = undo
 || jsonb_build_object('made', n.oid::bigint, 'shape', {shape_of("n.oid")}, 'content', {content_of("n.oid")})
FROM pg_namespace AS n WHERE n.nspname = %s AND xact = pg_current_xact_id()"""  # noqa: S608  (constants)


class Extension(Value):
    """An extension whose objects lie in the schema."""

    name: str
    relocatable: bool
    ours: bool


class Table(Value):
    """A table of the schema, and whether the role may lock it."""

    name: str
    lockable: bool


class Grant(Value):
    """A privilege that somebody has; `grantee` None is everybody.

    Attributes:
        grantee: The role.
        privilege: `USAGE`, `SELECT`, …
        grantable: Whether with grant option.
        role: Of a default privilege: whose new objects it is for.
        kind: Of a default privilege: `r` tables, `S` sequences, `f` functions, `T` types.
        ours: Of a default privilege: whether this role may set it.
    """

    grantee: str | None
    privilege: str
    grantable: bool
    role: str = ""
    kind: str = ""
    ours: bool = True

    def clause(self) -> str:
        """Return `TO … WITH GRANT OPTION`."""
        whom = "PUBLIC" if self.grantee is None else identifier(self.grantee)
        return f"TO {whom}{' WITH GRANT OPTION' * self.grantable}"


class Schema(Value):
    """The app's schema as it is; the fields are `SCHEMA`'s columns."""

    name: str
    oid: int
    owner: str
    version: int
    role: str
    database: str
    owned: bool
    may_create: bool
    comment: str | None
    granted: tuple[Grant, ...] | None
    defaults: tuple[Grant, ...]
    extensions: tuple[Extension, ...]
    tables: tuple[Table, ...]
    outside: tuple[str, ...]
    kept_before: tuple[str, ...]

    @property
    def kept(self) -> str:
        """The name that it is kept under."""
        return f"{KEPT}{self.oid}"

    def data(self) -> dict[str, Json]:
        """Return what the way back needs to know, and by which tables it is told that nothing moved since."""
        extensions: list[Json] = [one.name for one in self.extensions]
        tables: list[Json] = [one.name for one in self.tables]
        return {
            "schema": self.name,
            "put_aside": self.oid,
            "kept": self.kept,
            "extensions": extensions,
            "tables": tables,
        }


def schema_in(answer: QueryAnswer, where: str) -> Schema:
    """Return the schema of an answer to `SCHEMA`, which may be put aside.

    Raises:
        Failed: There is none, or the app's role, or an extension in it, does not let it be put aside.
    """
    if not answer.rows:
        todo = "is it the right database? prisma.migrate_deploy applies migrations to an empty schema"
        raise Failed(where, "the schema that the database URL names does not exist", todo)
    schema = Schema.model_validate(answer.records[0])
    if why := next(_hindrances(schema), None):
        raise Failed(where, f"the schema {schema.name} cannot be put aside: {why[0]}", why[1])
    return schema


def _hindrances(schema: Schema) -> Iterator[tuple[str, str]]:
    """Yield what stands in the way, and what to do (manual, ALTER SCHEMA, CREATE SCHEMA, ALTER EXTENSION)."""
    role, database = identifier(schema.role), identifier(schema.database)
    if schema.name == "remediate" or schema.name.startswith((KEPT, LEFT)):
        yield "it is one of ours", "correct `schema` in the database URL"
    if not schema.owned:
        todo = f"ALTER SCHEMA {identifier(schema.name)} OWNER TO {role}"
        if schema.owner == "pg_database_owner":  # of every database from PostgreSQL 15 on
            todo = f"ALTER DATABASE {database} OWNER TO {role}"
        yield f"it belongs to {schema.owner}, and the app's role {schema.role} is no member of that", todo
    if not schema.may_create:
        yield (
            f"the role {schema.role} may not create schemas",
            f"GRANT CREATE ON DATABASE {database} TO {role}",
        )
    for one in schema.extensions:
        if not one.relocatable:
            yield (
                f"the extension {one.name} lies in it and cannot be moved",
                f"DROP EXTENSION {identifier(one.name)}",
            )
        if not one.ours:
            todo = "have its owner move it: ALTER EXTENSION … SET SCHEMA"
            yield f"the extension {one.name} lies in it and belongs to another role", todo
    if foreign := next((one.role for one in schema.defaults if not one.ours), ""):
        yield (
            f"it has default privileges of the role {foreign}, which {schema.role} may not set",
            "revoke them first",
        )
    if unlockable := [one.name for one in schema.tables if not one.lockable]:
        names = ", ".join(unlockable[:_SHOWN])
        yield f"the role {schema.role} may not lock all of its tables ({names})", "let that role own them"


def put_aside(schema: Schema) -> tuple[Statement, ...]:
    """Return the statements that put a schema aside and make a new one like it, with nothing in it but extensions."""
    name, kept = schema.name, schema.kept
    before = (schema.name, schema.oid, schema.oid, len(schema.tables))
    texts = (
        compose("ALTER SCHEMA {} RENAME TO {}", name, kept),
        compose("CREATE SCHEMA {} AUTHORIZATION {}", name, schema.owner),
        *_grants(schema),
        *([f"COMMENT ON SCHEMA {identifier(name)} IS {literal(schema.comment)}"] if schema.comment else ()),
        *(compose("ALTER EXTENSION {} SET SCHEMA {}", one.name, name) for one in schema.extensions),
    )
    return (
        *locked(name, [table.name for table in schema.tables]),
        Statement(sql=_STILL_SO, parameters=before),
        *(Statement(sql=text) for text in texts),
    )


def locked(schema: str, tables: list[str]) -> tuple[Statement, ...]:
    """Return the statement that waits for everybody who is at work on these tables, or none where there is none."""
    names = ", ".join(identifier(schema, table) for table in tables)
    return (Statement(sql=f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"),) if names else ()


def noted(schema: str) -> Statement:
    """Return the statement that notes, in this transaction's ledger row, which schema was made, and what is in it."""
    return Statement(sql=_NOTE, parameters=(schema,))


def _grants(schema: Schema) -> Iterator[str]:
    if schema.granted is not None:
        yield compose("REVOKE ALL ON SCHEMA {} FROM {}", schema.name, schema.owner)
        for one in schema.granted:
            yield f"GRANT {one.privilege} ON SCHEMA {identifier(schema.name)} {one.clause()}"
    for one in schema.defaults:
        whose = compose("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {}", one.role, schema.name)
        yield f"{whose} GRANT {one.privilege} ON {_KINDS[one.kind]} {one.clause()}"


def shown(statements: tuple[Statement, ...]) -> str:
    """Return statements as a plan shows them; those that only guard are left out."""
    return "".join(f"{one.sql};\n" for one in statements if not one.parameters)


def notes_on(schema: Schema) -> Iterator[str]:
    """Yield what a person should know who puts it aside."""
    yield f"kept whole as {schema.kept}; when nobody wants it back: DROP SCHEMA {identifier(schema.kept)} CASCADE"
    if schema.kept_before:
        yield f"kept from before, and left alone: {', '.join(schema.kept_before)}"
    if schema.outside:
        more = f" and {len(schema.outside) - _SHOWN} more" * (len(schema.outside) > _SHOWN)
        named = ", ".join(schema.outside[:_SHOWN])
        yield f"refers into it from outside, and goes on referring to what is kept: {named}{more}"
    yield "grants on its tables are not made anew; default privileges are"
