"""The sample backend's database as the gate knows it, without one: made from its own migrations, large and in use."""

from dataclasses import replace
from pathlib import Path

from remediate.gate import Known, judge
from remediate.gate.squawk import Lint

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = ROOT / "vagrant" / "backend" / "prisma" / "migrations"


def no_squawk(script: str) -> Lint:
    return Lint()


def migrations() -> list[Path]:
    return sorted(MIGRATIONS.glob("*/migration.sql"))


def sample(megabytes: float = 400.0, **nullable: tuple[str, ...]) -> Known:
    """Return the database after all its migrations.

    Args:
        megabytes: The size of each table.
        nullable: Columns of a table that take NULL there, against the schema.
    """
    script = "\n".join(path.read_text() for path in migrations())
    known = judge(script, Known(looked=True, schema="public"), ask_squawk=no_squawk).known
    for table in known.tables.values():
        columns = {
            name: column.model_copy(
                update={"nullable": column.nullable or name in nullable.get(table.name, ())}
            )
            for name, column in table.columns.items()
        }
        grown = replace(
            table, columns=columns, own=False, bytes=int(megabytes * 1e6), rows=int(megabytes * 5000)
        )
        known = known.with_table(grown)
    return known
