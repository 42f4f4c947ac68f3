"""The runbook's own SQL, statement by statement as it stands there, with the hazards that were measured of it.

The database is the sample's in the state that each section is about: indexes are missing, parents and sources can be
NULL. What fails or misleads without being a matter for a gate (a column of `pg_stat_user_tables` that is not there, a
diagnosis that can never find anything) is not in this list.
"""

from dataclasses import dataclass

from remediate.gate import Known

from .sample import sample


@dataclass(frozen=True)
class Block:
    """SQL of the runbook.

    Attributes:
        section: Under which heading.
        sql: As it stands there.
        rules: The hazards that were measured, by their rules; notes, too.
        measured: What came of it, on PostgreSQL 15.
    """

    section: str
    sql: str
    rules: tuple[str, ...]
    measured: str = ""


def database() -> Known:
    known = sample(avatars=("projectId", "sourceType"))
    for name in ("avatars_userId_idx", "avatars_projectId_idx", "avatars_sourceType_idx"):
        known = known.without_index(name)
    return known


BLOCKS = (
    Block("column 'personaName' does not exist", "\\d avatars", ("psql",), "no statement at all"),
    Block(
        "column 'personaName' does not exist",
        "SELECT COUNT(*)\nFROM information_schema.columns\nWHERE table_name = 'avatars';",
        ("information-schema",),
        "counted 10 instead of 8 with a second schema, 0 without privileges",
    ),
    Block(
        "column 'personaName' does not exist",
        'BEGIN TRANSACTION;\n\nALTER TABLE avatars ADD COLUMN IF NOT EXISTS "personaName" TEXT;\n'
        'ALTER TABLE avatars ADD COLUMN IF NOT EXISTS "personaAge" INTEGER;\n-- ... (all 18 columns)\n\nCOMMIT;',
        ("own-transaction", "alter-table"),
        "ACCESS EXCLUSIVE until COMMIT, even where the column is there; a SELECT waited 2.7 s behind it",
    ),
    Block(
        "column 'personaName' does not exist",
        "SELECT column_name\nFROM information_schema.columns\nWHERE table_name = 'avatars'\n"
        "  AND column_name IN ('personaName', 'gender', 'sourceType');",
        ("information-schema",),
        "checks 3 of 18",
    ),
    Block(
        "500 on POST but 200 on GET",
        "SELECT column_name\nFROM (\n  VALUES\n    ('personaName'), ('personaAge'), ('gender'), ('sourceType'),\n"
        "    ('usageCount'), ('lastUsedAt')\n) AS expected(column_name)\nWHERE NOT EXISTS (\n  SELECT 1\n"
        "  FROM information_schema.columns\n  WHERE table_name = 'avatars'\n"
        "    AND columns.column_name = expected.column_name\n);",
        ("information-schema",),
    ),
    Block(
        "500 on POST but 200 on GET",
        'ALTER TABLE avatars ADD COLUMN "columnName" TYPE;',
        ("unread",),
        "a placeholder: must be unrunnable",
    ),
    Block("relation 'avatars' does not exist", "\\dt", ("psql",), "no statement at all"),
    Block(
        "relation 'avatars' does not exist",
        "SELECT tablename\nFROM pg_tables\nWHERE schemaname = 'public'\n  AND tablename LIKE '%avatar%';",
        (),
    ),
    Block(
        "unique constraint violation on avatars.id",
        'DELETE FROM avatars\nWHERE id = \'duplicate-id\'\n  AND "createdAt" = (\n    SELECT MIN("createdAt")\n'
        "    FROM avatars\n    WHERE id = 'duplicate-id'\n  );",
        ("duplicate-of-key",),
        "1 deleted, 0 left: the only good row, and its children",
    ),
    Block(
        "foreign key constraint violation",
        "SELECT a.id, a.name, a.projectId\nFROM avatars a\nLEFT JOIN avatar_projects p ON a.projectId = p.id\n"
        "WHERE p.id IS NULL;",
        ("unquoted-name",),
        "fails",
    ),
    Block(
        "Slow Response Times",
        "EXPLAIN ANALYZE\nSELECT * FROM avatar_projects\nWHERE userId = 'user123';",
        ("explain-analyze", "unquoted-name"),
        "fails; of DML it deletes rows",
    ),
    *(
        Block(
            "Slow Response Times",
            f'CREATE INDEX IF NOT EXISTS "avatars_{column}_idx" ON avatars({column});',
            ("index-blocks-writes", "unquoted-name"),
            "fails; quoted, an INSERT timed out behind it",
        )
        for column in ("userId", "projectId", "sourceType")
    ),
    Block(
        "Slow Response Times",
        "ANALYZE avatar_projects;\nANALYZE avatars;\n\nVACUUM ANALYZE avatars;",
        ("not-in-transaction",),
        "VACUUM fails in a transaction, and in a string of several statements",
    ),
    Block(
        "High Database CPU Usage",
        "SELECT pg_cancel_backend(pid);",
        ("function-with-effects",),
        "fails; of a session idle in transaction it says true, and the lock stays",
    ),
    Block(
        "High Database CPU Usage",
        'CREATE INDEX "avatars_userId_createdAt_idx"\nON avatars(userId, "createdAt" DESC);',
        ("index-blocks-writes", "unquoted-name"),
        "fails; quoted, it blocks writers",
    ),
    Block(
        "Avatars Without Projects",
        "DELETE FROM avatars\nWHERE projectId NOT IN (\n  SELECT id FROM avatar_projects\n);",
        ("delete-rows", "not-in-unproven", "unquoted-name"),
        "fails; quoted, 0 rows deleted instead of 2 with one NULL",
    ),
    Block(
        "Avatars Without Projects",
        "INSERT INTO avatar_projects (id, userId, name, description)\nSELECT DISTINCT\n  projectId,\n  userId,\n"
        "  'Recovered Project',\n  'Auto-created to recover orphaned avatars'\nFROM avatars\n"
        "WHERE projectId NOT IN (SELECT id FROM avatar_projects);",
        ("missing-required", "not-in-unproven", "unquoted-name"),
        "fails; quoted, it fails for updatedAt",
    ),
    Block(
        "NULL Values in Required Fields",
        "SELECT id, name, baseImageUrl, sourceType\nFROM avatars\nWHERE name IS NULL\n   OR baseImageUrl IS NULL\n"
        "   OR sourceType IS NULL;",
        ("unquoted-name",),
        "fails",
    ),
    Block(
        "NULL Values in Required Fields",
        "UPDATE avatars\nSET sourceType = 'uploaded'\nWHERE sourceType IS NULL;",
        ("change-rows", "unquoted-name"),
        "fails; quoted, what it writes cannot be told from real values afterwards",
    ),
    Block(
        "NULL Values in Required Fields",
        "ALTER TABLE avatars ALTER COLUMN sourceType SET NOT NULL;",
        ("set-not-null", "unquoted-name"),
        "fails; quoted, a scan under ACCESS EXCLUSIVE: 30 ms at 200,000 rows, minutes at scale",
    ),
    Block(
        "Quick Health Check Script",
        "SELECT COUNT(*) || ' columns in avatars table'\nFROM information_schema.columns\n"
        "WHERE table_name = 'avatars';",
        ("information-schema",),
    ),
    Block("Regular Maintenance", "VACUUM ANALYZE avatars;", (), "alone it is fine, and needless"),
    Block(
        "FAQ",
        "ALTER TABLE avatars ADD COLUMN IF NOT EXISTS gender TEXT;",
        ("alter-table",),
        "“non-blocking”: it takes ACCESS EXCLUSIVE, and waits behind one idle reader",
    ),
    Block(
        "FAQ",
        "ALTER TABLE avatars ADD COLUMN IF NOT EXISTS gender INTEGER;",
        ("not-the-same",),
        "“idempotent”: the column stayed text",
    ),
)
