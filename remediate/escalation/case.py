"""What a person is called for, as one value: all that the runbook's template asks for. It asks and tells nobody.

Every text in it may come from a host: whoever shows it cleans it, and masks what was learnt since.
"""

from collections.abc import Iterable
from enum import StrEnum

from remediate.questions import Value

NOT_KNOWN = "not known"


class Status(StrEnum):
    """How an app does, in the template's words."""

    WORKING = "working"
    PARTLY = "partially working"
    BROKEN = "broken"
    UNKNOWN = NOT_KNOWN


class Deed(Value):
    """One step that was taken, with what came of it.

    Attributes:
        at: Seconds since the epoch.
        host: Where; empty where it was on none.
        what: In a clause.
        outcome: What came of it, in a clause.
    """

    at: float
    host: str
    what: str
    outcome: str


class Log(Value):
    """The last lines of a log.

    Attributes:
        path: Its file.
        lines: Oldest first.
    """

    path: str
    lines: tuple[str, ...]


class State(Value):
    """One row of the schema validator's table.

    Attributes:
        check: What was looked at.
        verdict: `ok`, `wrong` or `not known`.
        seen: What was seen.
        evidence: What it was seen in, line by line.
    """

    check: str
    verdict: str
    seen: str
    evidence: tuple[str, ...] = ()


class HostSeen(Value):
    """What a fresh look at a host gave.

    Attributes:
        host: Its name.
        app: Its app.
        status: How the app does.
        said: Why it is said to do so, in a line.
        logs: The last lines of the app's logs.
        no_logs: Why there are none; empty where there are.
        database: The database's state.
        no_database: Why nothing is known of it; empty where something is.
        reached: Whether the host could be reached at all; where it could, whatever is not known of it is no outage.
    """

    host: str
    app: str
    status: Status = Status.UNKNOWN
    said: str = ""
    logs: tuple[Log, ...] = ()
    no_logs: str = ""
    database: tuple[State, ...] = ()
    no_database: str = ""
    reached: bool = True


class Case(Value):
    """All that is known of what a person is needed for.

    Attributes:
        run: The run it is about.
        fingerprints: Which fault where, in words: what has one in common with an open incident belongs to it.
        environment: The inventory's environment.
        playbook: The playbook's name; empty where none was run.
        title: What is wrong, in a line.
        why: Why a person is needed, in a line.
        topics: What it is about: words that decide levels, and that contacts are for.
        hosts: Where it is not well.
        apps: Which apps it hits.
        operator: Who ran it, as `user@machine`.
        reason: Why they did.
        started: Seconds since the epoch when the fault was first seen.
        made: Seconds since the epoch when this was put together.
        affected: How many users, or which, in words.
        error: What was found, line by line.
        deeds: What was done, in order.
        put_back: What was put back, in order.
        owed: What is still owed, last first.
        seen: How the hosts do now.
        commands: What to do next, to copy.
    """

    run: str
    fingerprints: tuple[str, ...]
    environment: str
    playbook: str = ""
    title: str
    why: str
    topics: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    operator: str = ""
    reason: str = ""
    started: float
    made: float
    affected: str = NOT_KNOWN
    error: tuple[str, ...] = ()
    deeds: tuple[Deed, ...] = ()
    put_back: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    seen: tuple[HostSeen, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """How the app does on all hosts together."""
        return status_of(one.status for one in self.seen)

    @property
    def is_away(self) -> bool:
        """Whether nobody can use the app, as far as anybody can tell: it is broken or out of reach on every host."""
        broken = [one.status is Status.BROKEN or not one.reached for one in self.seen]
        return bool(broken) and all(broken)


def status_of(states: Iterable[Status]) -> Status:
    """Return how an app does as a whole: broken only where it is so everywhere, working only where nothing is wrong."""
    met = set(states)
    for status in (Status.WORKING, Status.BROKEN):
        if met == {status}:
            return status
    return Status.PARTLY if met & {Status.BROKEN, Status.PARTLY} else Status.UNKNOWN
