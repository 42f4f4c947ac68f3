"""Signs what this runner sends to a database, so that whoever comes second can tell who is at work. Sends nothing.

Two places are signed: `application_name`, which every role may see, and a comment before each statement, which the
same role and `pg_monitor` see in `pg_stat_activity.query`, with since when and why.
"""

import json
import re
from typing import Any

from remediate.model import Json
from remediate.owner import LockOwner
from remediate.questions import Value

_LONGEST_NAME = 63  # bytes, NAMEDATALEN - 1: PostgreSQL cuts application_name there
_LONGEST_WHY = 200  # characters; pg_stat_activity keeps 1024 bytes of a query (track_activity_query_size)
_COMMENT = re.compile(r"/\* remediate (\{.*?\}) \*/ ", re.DOTALL)


class Signature(Value):
    """Who sends something.

    Attributes:
        owner: The run, and who runs it.
        process: Tells the runner's process from any other, on whatever machine; a process id does not, for in
            containers they are all alike.
        session: Tells apart the databases that one process is connected to.
    """

    owner: LockOwner
    process: str
    session: str

    @property
    def application_name(self) -> str:
        """The connection's name: `remediate RUN user@machine`, cut where PostgreSQL cuts it."""
        name = f"remediate {self.owner.run} {self.owner.who}".rstrip()
        return name.encode()[:_LONGEST_NAME].decode("utf-8", "ignore")

    @property
    def comment(self) -> str:
        """The comment before each statement: pure ASCII, and nothing in it can end it or begin another."""
        owner = self.owner.model_copy(update={"why": self.owner.why[:_LONGEST_WHY]})
        said = {**owner.model_dump(), "process": self.process, "session": self.session}
        text = json.dumps(said).replace("/", "\\u002f").replace("*", "\\u002a")
        return f"/* remediate {text} */ "


def signature_in(query: str) -> Signature | None:
    """Return who signed a statement, or None where nobody did, or it cannot be read."""
    found = _COMMENT.match(query)
    try:
        said: dict[str, Any] = json.loads(found[1]) if found else {}
        owner = {name: said[name] for name in LockOwner.model_fields}
        return Signature(owner=LockOwner(**owner), process=said["process"], session=said["session"])
    except (ValueError, KeyError):
        return None


def owner_named(application_name: str, since: str) -> LockOwner | None:
    """Return what a connection's name tells of who is at work there, or None where it is not one of ours."""
    word, _, rest = application_name.partition(" ")
    run, _, who = rest.partition(" ")
    return LockOwner(run=run, who=who or "somebody", since=since) if word == "remediate" and run else None


def holder_of(record: dict[str, Json]) -> "Holder":
    """Return who holds the lock, of a row of the question for it."""
    since = str(record["since"] or "a time unknown")
    name = str(record["application"] or "")
    signature = signature_in(str(record["query"] or ""))
    return Holder(
        pid=int(record["pid"]),
        same_role=bool(record["same_role"]),
        application=name,
        since=since,
        signature=signature,
        owner=signature.owner if signature else owner_named(name, since),
    )


class Holder(Value):
    """A connection that holds the database's lock.

    Attributes:
        pid: The server's process.
        same_role: Whether it is of our role, so that we may end it.
        application: Its name.
        since: When it connected.
        signature: What it signed its last statement with, where that can be seen.
        owner: Who it is, as far as can be told.
    """

    pid: int
    same_role: bool
    application: str
    since: str
    signature: Signature | None = None
    owner: LockOwner | None = None

    def is_neighbour_of(self, ours: Signature) -> bool:
        """Tell whether it is another connection of this very process and run: alive, and soon done."""
        theirs = self.signature
        same_run = bool(self.owner and self.owner.run == ours.owner.run)
        return bool(theirs and same_run and theirs.process == ours.process and theirs.session != ours.session)

    def is_ghost_of(self, ours: Signature) -> bool:
        """Tell whether it is left of the same run, whose runner, or whose link, died."""
        same_run = bool(self.owner and self.owner.run == ours.owner.run)
        return same_run and self.same_role and not self.is_neighbour_of(ours)
