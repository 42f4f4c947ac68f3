"""What the server counted of its tables: rows live, dead and changed, when they were last seen to. Judges nothing.

Sources: the manual's chapters "The Cumulative Statistics System" (`pg_stat_all_tables`) and "Routine Vacuuming", for
when autovacuum begins. All of it is an estimate: counters are lost in a crash, and dead rows are counted, not weighed.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from remediate.providers.sql_sessions import lasting
from remediate.questions import Query, QueryAnswer, Value

STATISTICS = "statistics"
"""The fact that every count depends on."""

_OPTION = "(SELECT o.option_value FROM pg_options_to_table(c.reloptions) AS o WHERE o.option_name = '{}')"
_THRESHOLD = _OPTION.format("autovacuum_vacuum_threshold")
_SCALE = _OPTION.format("autovacuum_vacuum_scale_factor")
_ENABLED = _OPTION.format("autovacuum_enabled")
# From version 17 on the right can be granted; before, the name of the privilege would be an error.
_MAY = """pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE')
 OR (current_setting('server_version_num')::int >= 170000 AND has_table_privilege(c.oid,
  CASE WHEN current_setting('server_version_num')::int >= 170000 THEN 'MAINTAIN' ELSE 'SELECT' END))"""

FIGURES = Query(
    sql=f"""SELECT n.nspname AS schema_name, c.relname AS name, pg_get_userbyid(c.relowner) AS owner,
 coalesce({_MAY}, false) AS may,
 coalesce(s.n_live_tup, 0) AS live, coalesce(s.n_dead_tup, 0) AS dead, coalesce(s.n_mod_since_analyze, 0) AS changed,
 coalesce(s.vacuum_count, 0) AS vacuum_count, coalesce(s.analyze_count, 0) AS analyze_count,
 s.last_analyze IS NOT NULL OR s.last_autoanalyze IS NOT NULL
  OR EXISTS (SELECT FROM pg_stats AS p WHERE p.schemaname = n.nspname AND p.tablename = c.relname) AS analyzed,
 extract(epoch FROM clock_timestamp() - s.last_vacuum)::float8 AS vacuum_seconds,
 extract(epoch FROM clock_timestamp() - s.last_autovacuum)::float8 AS autovacuum_seconds,
 extract(epoch FROM clock_timestamp() - s.last_analyze)::float8 AS analyze_seconds,
 extract(epoch FROM clock_timestamp() - s.last_autoanalyze)::float8 AS autoanalyze_seconds,
 coalesce({_ENABLED}::boolean, true) AND current_setting('autovacuum')::boolean AS automatic,
 coalesce({_THRESHOLD}, current_setting('autovacuum_vacuum_threshold'))::float8
  + coalesce({_SCALE}, current_setting('autovacuum_vacuum_scale_factor'))::float8 * greatest(c.reltuples, 0)
  AS automatic_from
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_database AS d ON d.datname = current_database() LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'm') ORDER BY c.relname""",  # noqa: S608  (constants)
    about=(STATISTICS,),
)
"""The figures of every table and materialized view of the app's schema."""

HOLDING_BACK = Query(
    sql="""SELECT kind, who, seconds FROM (
 SELECT CASE WHEN a.backend_start IS NULL THEN 'hidden session' ELSE 'session' END AS kind,
  'pid ' || a.pid || ' (' || coalesce(nullif(a.application_name, ''), 'unnamed') || ', role '
   || coalesce(a.usename, '') || ')' AS who, age(a.backend_xmin) AS old,
  extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
 FROM pg_stat_activity AS a WHERE a.backend_xmin IS NOT NULL AND a.pid <> pg_backend_pid()
  AND coalesce(a.backend_type, '') <> 'autovacuum worker' AND coalesce(a.datname = current_database(), true)
 UNION ALL SELECT 'prepared', 'the prepared transaction ' || p.gid, age(p.transaction),
  extract(epoch FROM clock_timestamp() - p.prepared)::float8
 FROM pg_prepared_xacts AS p WHERE p.database = current_database()
 UNION ALL SELECT 'slot', 'the replication slot ' || r.slot_name, age(r.xmin), NULL
 FROM pg_replication_slots AS r WHERE r.xmin IS NOT NULL) AS holding
WHERE old > 0 ORDER BY old DESC LIMIT 1""",
    about=(STATISTICS,),
)
"""Who has the oldest picture of the rows: what was deleted since then, nobody may take away yet.

Of another role's session every role sees that it has one (`backend_xmin`), and only `pg_monitor` since when.
"""


class Figures(Value):
    """What was counted of a table.

    Attributes:
        schema_name: Where it lies.
        name: Its name.
        owner: Whose it is.
        may: Whether we may vacuum and analyze it; for others the server skips it, with a warning.
        live: Its rows.
        dead: What deletes and updates left in it.
        changed: Rows inserted, updated and deleted since it was last analyzed.
        vacuum_count: How often it was vacuumed by hand.
        analyze_count: How often it was analyzed by hand.
        analyzed: Whether the planner knows anything of it.
        vacuum_seconds: How long ago it was vacuumed by hand; None for never.
        autovacuum_seconds: By autovacuum.
        analyze_seconds: Analyzed by hand.
        autoanalyze_seconds: By autovacuum.
        automatic: Whether autovacuum sees to it.
        automatic_from: From how many dead rows on.
    """

    model_config = ConfigDict(extra="ignore")
    schema_name: str
    name: str
    owner: str
    may: bool
    live: int
    dead: int
    changed: int
    vacuum_count: int
    analyze_count: int
    analyzed: bool
    vacuum_seconds: float | None
    autovacuum_seconds: float | None
    analyze_seconds: float | None
    autoanalyze_seconds: float | None
    automatic: bool
    automatic_from: float

    @property
    def dead_percent(self) -> float:
        """How many of its rows are dead."""
        return 100 * self.dead / (self.live + self.dead) if self.dead else 0.0

    @property
    def of_dead_rows(self) -> str:
        """What was counted of its dead rows, in a line."""
        size = f"about {self.dead} dead rows against {self.live} live ({self.dead_percent:.0f} %)"
        last = f"last vacuum {_ago(self.vacuum_seconds)}, last autovacuum {_ago(self.autovacuum_seconds)}"
        return f"{self.name}: {size}; {last}; {self._automatic}"

    @property
    def _automatic(self) -> str:
        if not self.automatic:
            return "autovacuum is off for it"
        late = "which is past" if self.dead > self.automatic_from else "not reached yet"
        return f"autovacuum begins at {self.automatic_from:.0f}, {late}"

    @property
    def of_changed_rows(self) -> str:
        """What was counted of its changes since it was analyzed, in a line."""
        last = f"last analyze {_ago(self.analyze_seconds)}, last autoanalyze {_ago(self.autoanalyze_seconds)}"
        known = "" if self.analyzed else "the planner knows nothing of it; "
        return f"{self.name}: {known}about {self.changed} rows changed since, of {self.live}; {last}"


def figures_in(answer: QueryAnswer) -> dict[str, Figures]:
    """Return the tables of an answer to `FIGURES`, under their names."""
    return {record["name"]: Figures.model_validate(record) for record in answer.records}


def with_figures(answer: QueryAnswer, name: str, figures: Mapping[str, Any]) -> QueryAnswer:
    """Return an answer to `FIGURES` with some of a table's figures replaced."""
    records = ({**one, **(figures if one["name"] == name else {})} for one in answer.records)
    return answer.model_copy(update={"rows": tuple(tuple(one.values()) for one in records)})


def held_back_by(answer: object, seconds: float) -> str:
    """Return in a sentence who keeps dead rows from being taken away, or nothing.

    Args:
        answer: That to `HOLDING_BACK`, as it is.
        seconds: For how long at least; what has no age (a replication slot, a standby) always counts, and of a session
            whose age is hidden it is told that it is.
    """
    if not isinstance(answer, QueryAnswer):
        return "who keeps dead rows from being taken away could not be seen"
    for one in answer.records:
        if one["kind"] == "hidden session":
            unseen = "since when cannot be seen: GRANT pg_monitor TO the app's role"
            return f"{one['who']} may keep dead rows from being taken away; {unseen}"
        if one["seconds"] is None:
            return f"{one['who']} keeps dead rows from being taken away"
        if one["seconds"] >= seconds:
            since = f"its transaction, open for {lasting(one['seconds'])}"
            return f"{one['who']} keeps dead rows from being taken away: {since}, may still see them"
    return ""


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{lasting(seconds)} ago"
