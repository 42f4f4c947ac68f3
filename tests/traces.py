"""What looking could leave behind that a picture of a host does not show. It compares nothing itself.

Whether anybody wrote is asked of the transaction ids: each INSERT, UPDATE, DELETE, row lock, NOTIFY and DDL takes one
(manual, chapter "Transactions and Identifiers"), at once. The counters of `pg_stat_user_tables` say the same, but as
late as ten seconds after, and would tell of what the app did before. Autovacuum takes ids, too: it is told apart.
"""

import json
import time
from dataclasses import dataclass

from tests.operator import LOGIN
from tests.practice import LUMIKU, App, Practice

LEFT = r"""
cd /
home=${HOME#/}
echo "daemons:"; ps -eo user:32,pid,args | grep '[G]od Daemon' | LC_ALL=C sort
echo "ours:"; ps -eo user:32,args | grep '[r]emediate' | grep -v "$1" | LC_ALL=C sort
echo "locks and jobs:"
find "$home/.remediate" -printf '%y %m %p\n' 2>/dev/null | LC_ALL=C sort
find run/lock dev/shm -name '*remediate*' -printf '%y %p\n' 2>/dev/null | LC_ALL=C sort
echo "caches:"
find "$home" -maxdepth 1 -printf '%y %m %p\n' | LC_ALL=C sort
find "$home/.npm" "$home/.cache" "$home/.config" "$home/.pm2" -maxdepth 2 \
  \( -path "$home/.pm2/logs" -o -path "$home/.pm2/pids" \) -prune -o -printf '%y %m %p\n' 2>/dev/null | LC_ALL=C sort
"""
WRITES = f"""{LOGIN}
psql -X -w -q -At "${{url%%\\?*}}" <<'END'
SELECT json_build_object(
  'ids', pg_snapshot_xmax(pg_current_snapshot())::text,
  'sequences', (SELECT json_object_agg(schemaname || '.' || sequencename, last_value ORDER BY 1) FROM pg_sequences),
  'ours', (SELECT count(*) FROM pg_namespace WHERE nspname = 'remediate'),
  'sessions', (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'remediate%'),
  'prepared', (SELECT count(*) FROM pg_prepared_xacts),
  'locks', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'));
END
"""  # noqa: S608  (constants)
CLEANED = """
ask() { psql -X -w -q -At -h /run/postgresql -U postgres -c "$1" "$2" 2>/dev/null; }
for name in $(ask 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1' postgres); do
  ask 'SELECT max(greatest(last_autovacuum, last_autoanalyze)) FROM pg_stat_all_tables' "$name"
done
"""
"""Ids are the whole server's, and so autovacuum is asked for in every database of it."""


@dataclass(frozen=True)
class Traces:
    """What would be left behind.

    Attributes:
        left: Daemons of pm2 with their pids, processes of ours, locks, jobs, and what is in the home's caches.
        written: Transaction ids, sequences, sessions, locks; empty where the database cannot be asked.
        cleaned: When autovacuum was last at work.
    """

    left: str
    written: str
    cleaned: str

    def same_as(self, then: "Traces") -> bool:
        """Tell whether nothing was left behind since; ids that autovacuum took are nobody's."""
        if self.cleaned != then.cleaned:
            return (self.left, without_ids(self.written)) == (then.left, without_ids(then.written))
        return self == then

    def beside(self, then: "Traces") -> str:
        """Return what is in one of the two only, line by line."""
        now, before = f"{self.left}{self.written}".splitlines(), f"{then.left}{then.written}".splitlines()
        new, gone = (
            (f"+ {line}" for line in now if line not in before),
            (f"- {line}" for line in before if line not in now),
        )
        return "\n".join((*new, *gone))


def nothing_left(practice: Practice, then: Traces, host: str = "web1", app: App = LUMIKU) -> None:
    """Demand that nothing was left behind; an autovacuum that is at work is waited for."""
    for _ in range(3):
        now = traces(practice, host, app)
        if now.same_as(then):
            return
        time.sleep(2.0)
    raise AssertionError(f"left behind:\n{now.beside(then)}")


def without_ids(written: str) -> str:
    return json.dumps({name: one for name, one in json.loads(written or "{}").items() if name != "ids"})


def traces(practice: Practice, host: str = "web1", app: App = LUMIKU) -> Traces:
    cleaned = practice.shell(
        host, CLEANED, user=app.user
    )  # first: what is cleaned meanwhile is told next time
    left = practice.shell(host, LEFT, str(practice.folder), user=app.user)
    said = practice.shell(host, f"({WRITES}) 2>/dev/null || :", app.backend, user=app.user)
    return Traces(left, said, cleaned)
