"""The database made what the Prisma schema means, where the environment is for development, without a migration.

Prisma's own `db push` is not run for it, for the reason that `prisma_deploy` tells; and it drops what this keeps. It is
asked, on the host, for the script alone.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from remediate.errors import Failed
from remediate.gate import Known
from remediate.model import Change, Fidelity, Json, WayBack
from remediate.promise import LOCK_WAIT, Need, Promise
from remediate.providers.catalog import ALL_TABLES, TABLES, tables_in
from remediate.providers.catalog_keys import ALL_FOREIGN_KEYS, ALL_INDEXES
from remediate.providers.live_notes import live_notes
from remediate.providers.own_hazards import ASIDE, own_hazards
from remediate.providers.prisma_agreement import SHAPE, agrees
from remediate.providers.prisma_deploy import PRISMAS_LOCK, WAITS
from remediate.providers.prisma_reset import BACK_NOTE, UNTOUCHED, SchemaAnew, commit, made_so
from remediate.providers.prisma_script import Script, script_in, script_question
from remediate.providers.row_carrying import CONTENTS, Contents, carrying, contents_in, losses, unfilled
from remediate.providers.schema_aside import (
    LIVE,
    SCHEMA,
    SCHEMA_FACT,
    Schema,
    noted,
    notes_on,
    put_aside,
    schema_in,
    shown,
)
from remediate.questions import Answers, Query, Run
from remediate.steps import Questions, Step
from remediate.target import Statement, Target

OTHERS = Query(
    sql="""SELECT
 (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid AND relkind IN ('v', 'm')) AS views,
 (SELECT count(*) FROM pg_proc AS p WHERE p.pronamespace = n.oid AND NOT EXISTS (SELECT FROM pg_depend AS d
   WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')) AS functions,
 (SELECT count(*) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
  WHERE c.relnamespace = n.oid AND NOT t.tgisinternal) AS triggers,
 (SELECT count(*) FROM pg_constraint WHERE connamespace = n.oid AND contype IN ('c', 'x')) AS constraints
FROM pg_namespace AS n WHERE n.nspname = current_schema()""",
    about=(ALL_TABLES, SCHEMA_FACT),
)
"""How much there is that no Prisma schema knows of."""
_SHOWN = 8


class DbPush(SchemaAnew):
    """Puts the app's schema aside, makes it anew as the Prisma schema means it, and carries the rows over.

    It is for development alone: the inventory has to say `development: true`. All is one transaction; a row that does
    not fit ends it. Nothing is dropped: the old schema is kept under another name until a person drops it. The history
    of migrations is carried as it is.
    """

    kind: ClassVar[str] = "prisma.db_push"
    tells: ClassVar[str] = (
        "Puts the app's schema aside, makes it anew as schema.prisma means it, and carries the rows over,"
        " in one transaction. It is for development alone, and nothing is dropped[accept_data_loss?. Data"
        " that has no place there may stay behind]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE, Need.NODE, Need.PRISMA)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""},
        back={WayBack.EXACT: BACK_NOTE},
        risks=("data",),
        meanwhile=f"nobody uses the tables until it has committed; {LOCK_WAIT}",
    )
    backend: str = Field(default="{{ app.backend }}", description="Where `node_modules` lies.")
    schema_file: str = Field(
        default="{{ app.backend }}/prisma/schema.prisma", description="The Prisma schema on the host."
    )
    accept_data_loss: bool = Field(
        default=False, description="Whether rows and values that the schema has no place for may stay behind."
    )

    @property
    def script(self) -> Run:
        """The question for the SQL that Prisma would make the schema by."""
        return script_question(self.backend, self.schema_file)

    def ask(self) -> Questions:
        """Return the questions for the script, and for all that is in the database's schema."""
        return (self.script, SCHEMA, LIVE, UNTOUCHED, TABLES, SHAPE, CONTENTS, OTHERS)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the one change, or none where the database is as the schema means it.

        Raises:
            Failed: Something would be lost and may not be, a row would have no value for a column, or the schema cannot
                be put aside.
            CouldNotLook: Prisma does not print its script, or the database does not answer.
        """
        script = script_in(answers[self.script], self.backend, self.schema_file)
        schema = schema_in(answers[SCHEMA], answers.where)
        agreed = agrees(script, tables_in(answers[TABLES]), answers[SHAPE].records[0])
        if agreed or made_so(answers, script.digest):
            return ()
        there = contents_in(answers[CONTENTS])
        lost = tuple(losses(script, there))
        self._refuse(script, there, lost, answers.where)
        return (self._change(script, schema, there, lost, answers),)

    def _refuse(
        self, script: Script, there: Mapping[str, Contents], lost: tuple[str, ...], where: str
    ) -> None:
        if empty := ", ".join(unfilled(script, there)):
            what = f"rows that are there have no value for {empty}, which must have one"
            raise Failed(where, what, "give it a default in the schema, or make it optional")
        if lost and not self.accept_data_loss:
            what = f"the schema has no place, or another type, for {_several(lost)}"
            todo = "set accept_data_loss: true; it stays in the schema that is kept until that is dropped"
            raise Failed(where, what, todo)

    def _change(
        self,
        script: Script,
        schema: Schema,
        there: Mapping[str, Contents],
        lost: tuple[str, ...],
        answers: Answers,
    ) -> Change:
        texts = (*script.statements, *carrying(script, there, schema.name, schema.kept), *script.keys)
        statements = (*put_aside(schema), *(Statement(sql=text) for text in texts))
        known = Known(looked=True, schema=schema.name)  # of a schema in which there is nothing yet
        return Change(
            what=f"put the schema {schema.name} aside, make it as {self.schema_file} means it, and carry the rows over",
            target=f"schema {schema.name}",
            script=shown(statements),
            hazards=own_hazards((shown(statements),), known, self.allow, instead=ASIDE),
            notes=(*_told(there, lost, answers), *notes_on(schema), *live_notes(answers.raw(LIVE)), WAITS),
            rows=None,  # what a table has is estimated alone
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EXACT,
            way_back_note=BACK_NOTE,
            risk="data",
            alters=(
                "table:_prisma_migrations",
                ALL_TABLES,
                ALL_INDEXES,
                ALL_FOREIGN_KEYS,
                "enums",
                SCHEMA_FACT,
                "rows",
            ),
            data={
                **schema.data(),
                "made_from": script.digest,
                "statements": [one.model_dump(mode="json") for one in statements],
            },
        )

    def apply(self, target: Target, change: Change) -> None:
        """Put it aside, make the new one, carry the rows.

        Raises:
            Failed: The server refused, a row among the rest, or a lock was not to be had; all is as it was.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        statements = (
            Statement(sql=PRISMAS_LOCK),
            *(Statement.model_validate(one) for one in change.data["statements"]),
            noted(str(change.data["schema"])),
        )
        commit(target, statements, change.data, self.timeout, "the schema was not pushed")


def _told(there: Mapping[str, Contents], lost: tuple[str, ...], answers: Answers) -> Iterator[str]:
    yield f"rows, counted: {sum(one.rows for one in there.values())} in {len(there)} tables"
    if lost:
        yield f"lost until it is rolled back: {_several(lost)}"
    others: Mapping[str, Json] = answers[OTHERS].records[0]
    if some := [f"{count} {name}" for name, count in others.items() if count]:
        yield f"not made anew, for a Prisma schema knows none: {', '.join(some)}"


def _several(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" * (len(names) > _SHOWN)
    return ", ".join(names[:_SHOWN]) + more


STEPS: tuple[type[Step], ...] = (DbPush,)
