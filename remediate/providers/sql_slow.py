"""The check `sql.slow`: statements that take long, and the plan of one that is named. Runs none of them.

What statements took is counted by the extension pg_stat_statements (manual, "pg_stat_statements"): since the counters
began where there was one look, and between two looks where a window is open. EXPLAIN without ANALYZE only plans.
"""

from collections.abc import Iterable
from typing import ClassVar, Self

from pydantic import Field, ValidationError, model_validator

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.promise import Need
from remediate.providers.postgres_query import Expect, QueryCheck
from remediate.providers.sql_plan import NO_PLAN, SIZES, QueryPlan, explain, plan_in
from remediate.providers.sql_sessions import SESSIONS, Session, head, lasting, sessions_in
from remediate.questions import Answers, Query, QueryAnswer, Scalar, Unanswered, Value
from remediate.sql import compose
from remediate.steps import Check, Questions, Step

INSTALLED = Query(
    sql="""SELECT n.nspname AS schema_name FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'""",
    about=("extensions",),
)
"""Where pg_stat_statements is installed in this database, if it is."""
# What a column is called depends on the version (total_time before 1.8), so it is read out of the whole row.
_STATEMENTS = """SELECT s.queryid::text AS id, s.userid::text AS role, left(s.query, 300) AS query, s.calls,
 coalesce(to_jsonb(s) ->> 'total_exec_time', to_jsonb(s) ->> 'total_time')::float8 AS milliseconds
FROM {} AS s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 AND coalesce(to_jsonb(s) ->> 'total_exec_time', to_jsonb(s) ->> 'total_time')::float8 >= %s"""
_SINCE = "SELECT extract(epoch FROM clock_timestamp() - stats_reset)::float8 AS seconds FROM {}"
_NOT_LOADED = "55000"
_KINDS = ("select", "insert", "update", "delete", "merge", "with", "values", "table")
_SHOWN = 10


class Counted(Value):
    """What a statement took, of one role, over some time.

    Attributes:
        id: What the server calls it; None where it is hidden from us.
        role: Whose it is, by number.
        query: How it begins, its values as $1, $2, …
        calls: How often it ran.
        milliseconds: How long in all.
    """

    id: str | None
    role: str
    query: str
    calls: int
    milliseconds: float

    @property
    def mean(self) -> float:
        """Milliseconds for one run."""
        return self.milliseconds / max(self.calls, 1)

    @property
    def is_of_an_application(self) -> bool:
        """Whether it reads or writes rows: a VACUUM or an index build may take as long as it takes."""
        return head(self.query).partition(" ")[0].lower() in _KINDS

    def since(self, before: "Counted | None") -> "Counted":
        """Return what it took since an earlier look; counters that began anew meanwhile count whole."""
        if before is None or before.calls > self.calls:
            return self
        calls, milliseconds = self.calls - before.calls, self.milliseconds - before.milliseconds
        return self.model_copy(update={"calls": calls, "milliseconds": milliseconds})


class Slow(Check):
    """Whether statements take long: those that run at this moment, and those that the server counted.

    While a window is open (`verify`) only what ran within it counts. Where pg_stat_statements is not there it says so,
    and goes by what runs. Of a named `query` it tells the plan, which is made and not run. Facts: `running` and
    `statements` (each as it is told), `scans` (tables that the plan reads whole), `cost`.
    """

    kind: ClassVar[str] = "sql.slow"
    tells: ClassVar[str] = (
        "Looks for statements that took longer than {slower_than} ms on average in at least {at_least} calls, as"
        " pg_stat_statements counted them where it is installed, and for those that have been running for more than"
        " {running_longer_than} seconds[. It also asks how the database would carry out {query}[values?, its parameters"
        " filled in], without running it][, which should read no table of more than {largest_scan} rows as a whole]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    slower_than: float = Field(default=1_000.0, gt=0, description="Milliseconds for one run, on average …")
    at_least: int = Field(default=5, ge=1, description="… of so many runs.")
    running_longer_than: float = Field(
        default=60.0, gt=0, description="Seconds for what runs at this moment."
    )
    extension_schema: str = Field(default="public", description="Where pg_stat_statements is installed.")
    query: str = Field(default="", description="A statement that reads, to be planned; `%s` for each value.")
    values: list[Scalar] = Field(default=[], description="The query's values, in order.")
    largest_scan: int | None = Field(
        default=None, ge=0, description="Estimated rows that the plan may read of a table without an index."
    )

    @model_validator(mode="after")
    def _one_that_reads(self) -> Self:
        if self.query:
            try:
                QueryCheck(sql=self.query, values=self.values, expect=Expect(none=True))
            except ValidationError as error:
                raise ValueError(error.errors()[0]["msg"]) from error
        return self

    @property
    def statements(self) -> Query:
        """The question for those that took, in all, as long as one slow run: others cannot be slow, nor become so."""
        view = (self.extension_schema, "pg_stat_statements")
        return Query(sql=compose(_STATEMENTS, view), parameters=(self.slower_than,), about=("statements",))

    @property
    def began(self) -> Query:
        """The question since when is counted."""
        view = (self.extension_schema, "pg_stat_statements_info")
        return Query(sql=compose(_SINCE, view), about=("statements",))

    @property
    def explained(self) -> Query:
        """The question for the plan."""
        return explain(self.query, tuple(self.values))

    def ask(self) -> Questions:
        """Ask for what runs, what was counted, and the plan."""
        return (
            SESSIONS,
            INSTALLED,
            self.statements,
            self.began,
            *((self.explained, SIZES) if self.query else ()),
        )

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Tell what is slow.

        Raises:
            CouldNotLook: Nothing slow is seen, and a session that is at work cannot be seen; or there is no plan.
        """
        sessions = sessions_in(now[SESSIONS]).values()
        running = [one for one in sessions if self._runs_long(one)]
        unusable, window = self._unusable(now), self._window(first, now)
        slow = [] if unusable else self._slow(first, now)
        plan = plan_in(now[self.explained], now[SIZES]) if self.query else NO_PLAN
        wrong = (
            f"{len(running)} run for long at this moment" if running else "",
            f"{len(slow)} take long {window}" if slow else "",
            *(f"the plan reads {name} whole (about {rows} rows)" for name, rows in self._large(plan)),
        )
        if not any(wrong):
            self._refuse_hidden(sessions, now.where)
        said = (
            "; ".join(filter(None, wrong)) or f"no statement takes long {'' if unusable else window}".rstrip()
        )
        further = (plan.told, "" if unusable else self._hidden(now))
        return Finding(
            healthy=not any(wrong),
            seen="; ".join(filter(None, (said, unusable))),
            evidence=(
                *map(_running, running),
                *map(_counted, slow[:_SHOWN]),
                *filter(None, further),
            ),
            facts={
                "running": [_running(one) for one in running],
                "statements": [_counted(one) for one in slow],
                "scans": list(plan.read_whole),
                "cost": plan.cost,
            },
        )

    def _large(self, plan: QueryPlan) -> list[tuple[str, int]]:
        most = self.largest_scan
        return [] if most is None else [one for one in plan.read_whole.items() if one[1] > most]

    def _runs_long(self, one: Session) -> bool:
        asked = one.is_client and one.here and not one.ours and one.state == "active"
        return asked and (one.query_seconds or 0.0) >= self.running_longer_than

    def _unusable(self, now: Answers) -> str:
        """Return in a clause why nothing was counted, or nothing."""
        found = now[INSTALLED].records
        if not found:
            return "pg_stat_statements is not installed, so that only what runs at this moment is seen"
        if found[0]["schema_name"] != self.extension_schema:
            return f"pg_stat_statements is in another schema: say extension_schema: {found[0]['schema_name']}"
        answer = now.raw(self.statements)
        if isinstance(answer, Unanswered) and answer.state == _NOT_LOADED:
            return "pg_stat_statements is installed and not loaded (shared_preload_libraries)"
        return f"pg_stat_statements cannot be read: {answer.reason}" if isinstance(answer, Unanswered) else ""

    def _slow(self, first: Answers, now: Answers) -> list[Counted]:
        before = {} if first is now else {(one.id, one.role): one for one in self._counts(first)}
        # Of other roles' statements a role sees numbers, and not of what: they can neither be compared nor told.
        seen = (one for one in self._counts(now) if one.id is not None and one.is_of_an_application)
        taken = (one.since(before.get((one.id, one.role))) for one in seen)
        slow = [one for one in taken if one.calls >= self.at_least and one.mean >= self.slower_than]
        return sorted(slow, key=lambda one: -one.milliseconds)

    def _counts(self, answers: Answers) -> tuple[Counted, ...]:
        answer = answers.raw(self.statements)
        records = answer.records if isinstance(answer, QueryAnswer) else []
        return tuple(Counted.model_validate(record) for record in records)

    def _hidden(self, now: Answers) -> str:
        number = sum(one.id is None for one in self._counts(now))
        what = f"what {number} of the statements are that took long cannot be seen"
        return f"{what}: GRANT pg_monitor TO the app's role" if number else ""

    def _window(self, first: Answers, now: Answers) -> str:
        if first is not now:
            return "since the first look"
        answer = now.raw(self.began)
        seconds = answer.rows[0][0] if isinstance(answer, QueryAnswer) and answer.rows else None
        return f"since the counters began ({lasting(seconds)} ago)" if seconds else "since the counters began"

    def _refuse_hidden(self, sessions: Iterable[Session], where: str) -> None:
        unseen = [one for one in sessions if _is_at_work_unseen(one) and one.here and not one.ours]
        if unseen:
            what = f"nothing slow is seen, but what {unseen[0].called} is at cannot be seen"
            raise CouldNotLook(where, what, "GRANT pg_monitor TO the app's role")


def _is_at_work_unseen(one: Session) -> bool:
    return one.is_client and not one.visible and one.at_work


def _running(one: Session) -> str:
    waits = f"{one.waiting}, " if one.blockers else ""
    return f"{one.called} {waits}{one.doing}"


def _counted(one: Counted) -> str:
    return f"{one.calls} times {one.mean:.0f} ms: {head(one.query)}"


STEPS: tuple[type[Step], ...] = (Slow,)
