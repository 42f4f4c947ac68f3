"""Looks who holds the lock that a change waits for. Ends nobody: that is a person's decision.

`pg_blocking_pids` answers only while somebody waits, so a second connection looks while the first one does.
"""

from collections.abc import Mapping
from contextlib import suppress

from remediate.model import Json
from remediate.text.statement_head import statement_head
from remediate.transport.database_door import Door, NoDatabase
from remediate.transport.database_values import rows_of, succeeded
from remediate.transport.database_wire import Command, Wire, WireLost

_BLOCKERS = (
    "SELECT b.pid, coalesce(a.application_name, '') AS application, coalesce(a.usename, '') AS role,"
    " coalesce(a.state, '') AS state,"
    " coalesce(date_trunc('second', clock_timestamp() - a.xact_start)::text, '') AS age,"
    " left(coalesce(a.query, ''), 1024) AS query"
    " FROM unnest(pg_blocking_pids(%s)) AS b(pid) LEFT JOIN pg_stat_activity AS a ON a.pid = b.pid"
)
_LONGEST_QUERY_HEAD = 80


_UNSEEN = "who held it could not be seen"


class Blockers:
    """A second connection that looks who blocks another one while that waits.

    Whoever is looked at more often than its lock_timeout ends is looked at while it waits for what it will not get: so
    whom the last look saw that saw anybody is who held it. A look that comes when the wait is over sees nobody.

    Args:
        door: The way in.

    Attributes:
        seen: Who held it, in a clause.
    """

    def __init__(self, door: Door) -> None:
        self.seen = _UNSEEN
        self._door = door
        self._wire: Wire | None = None

    def connect(self) -> None:
        """Connect beforehand, where a look has to come soon; else the first look does."""
        if self._wire is None or not self._wire.open:
            with suppress(NoDatabase):
                self._wire = self._door.another_wire()

    def look(self, pid: int) -> None:
        """Look who blocks the connection that this server process serves."""
        self.connect()
        try:
            result = self._wire.exchange([_blockers_of(pid)], 5.0)[0] if self._wire else None
        except WireLost:
            result = None
        if result is None or not succeeded(result):
            self.seen = _UNSEEN
        elif records := rows_of(result).records:
            self.seen = "held by " + "; ".join(_told(record) for record in records)

    def close(self) -> None:
        """Close the second connection."""
        if self._wire:
            self._wire.close()


def _blockers_of(pid: int) -> Command:
    return Command(sql=_BLOCKERS, parameters=(pid,))


def _told(blocker: Mapping[str, Json]) -> str:
    if not blocker["pid"]:
        return "a prepared transaction (pg_prepared_xacts)"
    query = statement_head(str(blocker["query"]), _LONGEST_QUERY_HEAD)
    named = f" ({blocker['application']})" if blocker["application"] else ""
    if not blocker["state"]:  # another role's: everything but its name is kept from us
        who = f" of the role {blocker['role']}" if blocker["role"] else ""
        return f"pid {blocker['pid']}{named}{who}; what it does only that role and pg_monitor may see"
    return f"pid {blocker['pid']}{named}, {blocker['state']} for {blocker['age']}: {query}"
