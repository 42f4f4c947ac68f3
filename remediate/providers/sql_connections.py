"""The check `sql.connections`: how many of the server's connections are used, and by whom. Ends none.

Of a full server nothing can be asked: whoever comes is told 53300, as is the application. So it warns before.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import ClassVar

from pydantic import ConfigDict, Field

from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.providers.sql_sessions import ALL_SESSIONS, SESSIONS, Session, hidden, lasting, sessions_in
from remediate.questions import Answers, Query, Value
from remediate.steps import Check, Questions, Step

LIMITS = Query(
    sql="""WITH client AS (SELECT a.datname, a.usename FROM pg_stat_activity AS a
 WHERE a.datid IS NOT NULL AND coalesce(a.backend_type, 'client backend') = 'client backend'),
reserved AS (SELECT current_setting('superuser_reserved_connections')::int
 + coalesce(current_setting('reserved_connections', true), '0')::int AS number)
SELECT 'server' AS kind, '' AS name, current_setting('max_connections')::int - number AS most,
 (SELECT count(*) FROM client) AS used, number AS reserved FROM reserved
UNION ALL SELECT 'role', r.rolname, r.rolconnlimit, (SELECT count(*) FROM client WHERE usename = r.rolname), 0
FROM pg_roles AS r WHERE r.rolconnlimit > 0 AND r.rolcanlogin
UNION ALL SELECT 'database', d.datname, d.datconnlimit, (SELECT count(*) FROM client WHERE datname = d.datname), 0
FROM pg_database AS d WHERE d.datconnlimit > 0 AND d.datallowconn""",
    about=(ALL_SESSIONS,),
)
"""Every limit that there is, with what of it is used. A limit of 0 closes a door on purpose, and is none that fills."""
_SHOWN = 12


class Limit(Value):
    """A limit of connections.

    Attributes:
        kind: `server`, `role` or `database`.
        name: Of the role or the database.
        most: How many there can be; of the server, those apart that are kept for superusers and the like.
        used: How many there are.
        reserved: How many of the server's are kept.
    """

    model_config = ConfigDict(extra="ignore")
    kind: str
    name: str
    most: int
    used: int
    reserved: int

    @property
    def percent(self) -> float:
        """How much of it is used."""
        return 100 * self.used / max(self.most, 1)

    @property
    def called(self) -> str:
        """It in words, with what is used of it."""
        whose = f"{self.kind} {self.name}".rstrip()
        kept = f"; {self.reserved} more are kept for superusers" if self.reserved else ""
        return f"{self.used} of the {whose}'s {self.most} connections are used ({self.percent:.0f} %){kept}"


class Connections(Check):
    """Whether the server, a role or a database has nearly as many connections as it may have; tells who has them.

    Facts: `used`, `most`, `percent` (of the server's), `idle` (`{application, role, count, seconds}` each, the most
    first: sessions that are connected and do nothing, and for how long the oldest of them).
    """

    kind: ClassVar[str] = "sql.connections"
    tells: ClassVar[str] = (
        "Looks whether the server, the role or the database has used {percent} % or more of the connections it "
        "may have, and tells who has them"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    percent: float = Field(default=80.0, gt=0, le=100, description="From how much used on a limit counts.")

    def ask(self) -> Questions:
        """Ask for the limits and the sessions."""
        return (LIMITS, SESSIONS)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare what is used with what there is."""
        del first
        limits = [Limit.model_validate(record) for record in now[LIMITS].records]
        sessions = [one for one in sessions_in(now[SESSIONS]).values() if one.is_client and one.database]
        server = next(one for one in limits if one.kind == "server")
        wrong = [one for one in limits if one.percent >= self.percent]
        groups = _by_application(sessions)
        lines = [_told(name, role, group) for (name, role), group in groups[:_SHOWN]]
        return Finding(
            healthy=not wrong,
            seen="; ".join(one.called for one in wrong) or server.called,
            evidence=(*lines, *filter(None, [hidden(sessions)])) if wrong else (),
            facts={
                "used": server.used,
                "most": server.most,
                "percent": round(server.percent, 1),
                "idle": [fact for (name, role), group in groups if (fact := _idle(name, role, group))],
            },
        )


def _by_application(sessions: Iterable[Session]) -> list[tuple[tuple[str, str], list[Session]]]:
    groups: dict[tuple[str, str], list[Session]] = defaultdict(list)
    for one in sessions:
        groups[one.application or "unnamed", one.role].append(one)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def _told(name: str, role: str, group: list[Session]) -> str:
    states: dict[str, list[Session]] = defaultdict(list)
    for one in group:
        states[one.state or "hidden"].append(one)
    parts = (f"{len(some)} {state}{_longest(some)}" for state, some in sorted(states.items()))
    return f"{len(group)} of {name} (role {role}): {', '.join(parts)}"


def _longest(some: list[Session]) -> str:
    seconds = [one.state_seconds for one in some if one.state_seconds is not None]
    return f" (the longest for {lasting(max(seconds))})" if seconds else ""


def _idle(name: str, role: str, group: list[Session]) -> dict[str, Json]:
    idle = [one.state_seconds or 0.0 for one in group if one.state == "idle"]
    return (
        {"application": name, "role": role, "count": len(idle), "seconds": round(max(idle))} if idle else {}
    )


STEPS: tuple[type[Step], ...] = (Connections,)
