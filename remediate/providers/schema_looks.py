"""What is asked of a schema as a whole: who refers into it, what is defined in it, whether somebody wrote in it since.

SQL expressions alone, of which questions and guards are made: it asks nothing.
"""

# What is outside of a schema and refers to what is in it; what belongs to an extension moves along with that. Of rules,
# constraints, defaults and triggers the relation counts that they are of (manual, chapter "Dependency Tracking").
_INSIDE = """SELECT 'pg_class'::regclass AS class, oid FROM pg_class WHERE relnamespace = {0}
 UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace = {0}
 UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace = {0}"""
_HOME = """CASE d.classid
 WHEN 'pg_class'::regclass THEN (SELECT relnamespace FROM pg_class WHERE oid = d.objid)
 WHEN 'pg_type'::regclass THEN (SELECT typnamespace FROM pg_type WHERE oid = d.objid)
 WHEN 'pg_proc'::regclass THEN (SELECT pronamespace FROM pg_proc WHERE oid = d.objid)
 WHEN 'pg_constraint'::regclass THEN (SELECT connamespace FROM pg_constraint WHERE oid = d.objid)
 WHEN 'pg_rewrite'::regclass THEN
  (SELECT c.relnamespace FROM pg_rewrite AS x JOIN pg_class AS c ON c.oid = x.ev_class WHERE x.oid = d.objid)
 WHEN 'pg_attrdef'::regclass THEN
  (SELECT c.relnamespace FROM pg_attrdef AS x JOIN pg_class AS c ON c.oid = x.adrelid WHERE x.oid = d.objid)
 WHEN 'pg_trigger'::regclass THEN
  (SELECT c.relnamespace FROM pg_trigger AS x JOIN pg_class AS c ON c.oid = x.tgrelid WHERE x.oid = d.objid)
 WHEN 'pg_policy'::regclass THEN
  (SELECT c.relnamespace FROM pg_policy AS x JOIN pg_class AS c ON c.oid = x.polrelid WHERE x.oid = d.objid)
 END"""
_OUTSIDE = f"""SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) AS name
FROM ({_INSIDE}) AS i JOIN pg_depend AS d ON d.refclassid = i.class AND d.refobjid = i.oid
WHERE d.deptype IN ('n', 'a') AND {_HOME} IS DISTINCT FROM {{0}}
AND d.classid IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_constraint'::regclass,
 'pg_rewrite'::regclass, 'pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
 'pg_publication_rel'::regclass)
AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.classid = i.class AND e.objid = i.oid AND e.deptype = 'e'
 AND e.refobjid IN ({{1}}))
UNION SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend AS d
WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = {{0}}
AND (pg_identify_object(d.classid, d.objid, d.objsubid)).type = 'publication namespace'
ORDER BY 1"""  # noqa: S608  (constants)


def outside(namespace: str, moving: str = "SELECT oid FROM pg_extension") -> str:
    """Return an SQL query for what is outside of a schema and refers to what is in it, in the server's words.

    Args:
        namespace: An SQL expression, the schema's oid.
        moving: An SQL query, the oids of the extensions that will not stay in it.
    """
    return _OUTSIDE.format(namespace, moving)


_SHAPE = """(SELECT md5(coalesce(string_agg(x.what, ',' ORDER BY x.what), '')) FROM (
 SELECT concat_ws(' ', relkind, relname) AS what FROM pg_class WHERE relnamespace = {0}
 UNION ALL SELECT concat_ws(' ', 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
   a.attidentity, pg_get_expr(d.adbin, d.adrelid))
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE c.relnamespace = {0} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
 UNION ALL SELECT concat_ws(' ', 'constraint', conname, conrelid::regclass, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE connamespace = {0}
 UNION ALL SELECT pg_get_indexdef(oid) FROM pg_class WHERE relnamespace = {0} AND relkind IN ('i', 'I')
 UNION ALL SELECT concat_ws(' ', 'view', relname, pg_get_viewdef(oid)) FROM pg_class
  WHERE relnamespace = {0} AND relkind IN ('v', 'm')
 UNION ALL SELECT concat_ws(' ', 'enum', t.typname, e.enumsortorder, e.enumlabel)
  FROM pg_type AS t JOIN pg_enum AS e ON e.enumtypid = t.oid WHERE t.typnamespace = {0}
 UNION ALL SELECT concat_ws(' ', 'function', oid::regprocedure, prosrc) FROM pg_proc WHERE pronamespace = {0}
 UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
  WHERE c.relnamespace = {0} AND NOT t.tgisinternal) AS x)"""


def shape_of(namespace: str) -> str:
    """Return an SQL expression: a digest of all that is defined in a schema, rows apart.

    Args:
        namespace: An SQL expression, the schema's oid.
    """
    return _SHAPE.format(namespace)


# `query_to_xml` is the one function that runs a statement, made for each table, inside another one. A sum of hashes
# does not depend on the order of rows.
_CONTENT = """(SELECT md5(coalesce(string_agg(concat_ws(' ', c.relname, query_to_xml(
  'SELECT count(*) AS rows, sum(hashtextextended(("remediate row".*)::text COLLATE "C", 0)::numeric) AS digest'
  || ' FROM ONLY ' || quote_ident(cn.nspname) || '.' || quote_ident(c.relname) || ' AS "remediate row"',
  true, true, '')::text), ' '
  ORDER BY c.relname), '')) FROM pg_class AS c JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
 WHERE cn.oid = {0} AND c.relkind = 'r')"""


def content_of(namespace: str) -> str:
    """Return an SQL expression: a digest of all rows in a schema, by how many each table has and what they are.

    It reads every table whole: it is for schemas of development. Who wrote a row last (`xmin`) would not do: a row that
    is deleted tells nothing, and a block with EXCEPTION writes under a number of its own.

    Args:
        namespace: An SQL expression, the schema's oid.
    """
    return _CONTENT.format(namespace)
