"""What comparisons of indexes, or of foreign keys, say together. Compares nothing itself."""

from collections.abc import Sequence

from remediate.model import Finding, Json
from remediate.providers.foreign_key_compare import ForeignKeyComparison
from remediate.providers.index_compare import IndexComparison


def finding_of(
    comparisons: Sequence[IndexComparison | ForeignKeyComparison],
    *,
    single: bool,
    many: str,
    demanded: bool = False,
) -> Finding:
    """Return what comparisons say together.

    Args:
        comparisons: One for each table.
        single: Whether one table was chosen: its differences are then facts by themselves.
        many: What is compared, for a person.
        demanded: Whether a table that is not there is a fault of this check, and not left to another one.
    """
    faulty = [one for one in comparisons if not one.healthy]
    absent = [one.table for one in comparisons if not one.exists]
    compared = sum(one.compared for one in comparisons)
    facts: dict[str, Json] = {
        "tables": [one.facts() for one in faulty],
        **_wanted(comparisons),
        **(comparisons[0].facts() if single else {}),
    }
    parts = [one.told() for one in faulty] or [f"all {compared} {many} are as they should be"]
    if absent:
        parts = parts if faulty or not demanded else []
        parts.append(f"not looked at, for there is no such table: {', '.join(absent)}")
    return Finding(
        healthy=not faulty and not (demanded and absent),
        seen="; ".join(parts),
        evidence=tuple(line for one in comparisons for line in one.evidence()),
        facts=facts,
    )


def _wanted(comparisons: Sequence[IndexComparison | ForeignKeyComparison]) -> dict[str, Json]:
    """Return what `sql.foreign_key` is to make, of all tables together; of indexes, nothing."""
    keys = [one for one in comparisons if isinstance(one, ForeignKeyComparison)]
    return {"wanted": [wanted for one in keys for wanted in one.facts()["wanted"]]} if keys else {}
