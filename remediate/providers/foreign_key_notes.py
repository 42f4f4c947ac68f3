"""What a plan tells of a foreign key: its locks, and what deleting a row will take from then on. Decides nothing.

Figures are of this moment; they stand in notes only, and a plan is made without them, too.
"""

from collections.abc import Iterator

from remediate.providers import catalog
from remediate.providers.catalog_keys import (
    FOREIGN_KEYS,
    RULES,
    ForeignKey,
    ReferringTable,
    referring_tables_in,
)
from remediate.providers.live_notes import live_notes
from remediate.providers.wanted_keys import WantedForeignKey
from remediate.questions import Answers, Query, QueryAnswer

TAKES = ("CASCADE", "SET NULL", "SET DEFAULT")
"""The rules by which deleting a row changes those that refer to it."""

ADD_LOCK = (
    "lock: SHARE ROW EXCLUSIVE on both tables (reads go on, writes wait), waited for 1 s at a time, 5 tries;"
    " no row is read, it takes milliseconds"
)
CHANGE_LOCK = (
    "lock: ACCESS EXCLUSIVE on both tables (nobody reads or writes them meanwhile), waited for 1 s at a time, 5 tries;"
    " no row is read, it takes milliseconds"
)
VALIDATE_LOCK = (
    "lock: SHARE UPDATE EXCLUSIVE on the table, ROW SHARE on the one it refers to (reads and writes go on);"
    " every row is checked"
)


def stakes_of(
    wanted: WantedForeignKey, table: ReferringTable, referring: Query, answers: Answers
) -> Iterator[str]:
    """Yield what deleting a row takes from then on: by the rule, by what is there now, and where it goes on.

    Args:
        wanted: The foreign key.
        table: That refers.
        referring: The question how many of its rows do.
        answers: Answers to that, and to `FOREIGN_KEYS`.
    """
    if (rule := wanted.on_delete) not in TAKES:
        return
    does = "deletes" if rule == "CASCADE" else "empties the columns of"
    yield f"from then on deleting a row of {wanted.references} {does} its rows of {table.name}, for good"
    found = answers.raw(referring)
    if isinstance(found, QueryAnswer):
        rows, parents, most = found.rows[0]
        yield f"now {rows} rows of {table.name} refer to {parents} of {wanted.references}, at most {most} to one"
    if rule == "CASCADE":
        yield from _going_on(table, answers)


def _going_on(table: ReferringTable, answers: Answers) -> Iterator[str]:
    for one in referring_tables_in(answers[FOREIGN_KEYS]).values():
        for key in one.foreign_keys:
            if (key.to_schema, key.to_table) == (table.schema_name, table.name):
                yield f"and to a row of {table.name} refers {one.name} by {key.name}: ON DELETE {RULES[key.on_delete]}"


def figures_of(table: ReferringTable, key: ForeignKey, answers: Answers) -> Iterator[str]:
    """Yield how large both tables are, and who is at them."""
    for name in dict.fromkeys((table.name, key.to_table)):
        if (question := catalog.live(name)) in answers:
            yield from (f"{name}: {note}" for note in live_notes(answers.raw(question)))
