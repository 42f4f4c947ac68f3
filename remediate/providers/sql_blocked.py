"""The check `sql.blocked`: who blocks whom, as trees whose roots are named. Ends nobody.

By `pg_blocking_pids`, which knows the conflicts of locks and the queue before each; comparing rows of `pg_locks` by
hand names innocents (measured: four named, one of them real).
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from remediate.errors import CouldNotLook
from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.providers.sql_sessions import (
    PREPARED,
    SESSIONS,
    Prepared,
    Session,
    hidden,
    lasting,
    prepared_in,
    sessions_in,
)
from remediate.questions import Answers
from remediate.steps import Check, Questions, Step

_LINES = 40
_PREPARED = 0  # what `pg_blocking_pids` calls every prepared transaction


class Blocked(Check):
    """Whether sessions wait for a lock, and for how long; names who is at the root of it, idle or at work.

    Facts for later steps: `blockers`, of which `active` and `idle` are those that run a statement, and those that are
    idle in a transaction (what is none of a client program's, or hidden, is in neither); each as `sql.cancel` and
    `sql.terminate` take it. `prepared` (names), `waiting` (how many), `root` (the worst one, in words).
    """

    kind: ClassVar[str] = "sql.blocked"
    tells: ClassVar[str] = (
        "Looks whether sessions of the database have waited longer than {longer_than} seconds for a lock,"
        " and who is at the root of it"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    longer_than: float = Field(default=10.0, ge=0, description="Seconds from which on a wait counts.")

    def ask(self) -> Questions:
        """Return the questions for sessions and prepared transactions."""
        return (SESSIONS, PREPARED)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Look for waits that are longer than they may be, and for the roots of them.

        Raises:
            CouldNotLook: Since when somebody waits cannot be seen.
        """
        del first
        picture = Picture.of(now)
        waiting = picture.waiting
        long = [one for one in waiting if (one.waiting_seconds or 0) >= self.longer_than]
        if not long:
            self._refuse_unknown(waiting, now.where)
            few = f"; {len(waiting)} for less than {self.longer_than:g} s" if waiting else ""
            return Finding(healthy=True, seen=f"nobody waits for a lock{few}", facts=_facts(picture, ()))
        roots = picture.roots_of(long)
        worst = picture.called(roots[0]) if roots else "each other: a deadlock, which the server ends itself"
        longest = max(one.waiting_seconds or 0.0 for one in long)
        many = f"{len(long)} sessions wait" if len(long) > 1 else "1 session waits"
        return Finding(
            healthy=False,
            seen=f"{many} for a lock, the longest for {lasting(longest)}: blocked by {worst}",
            evidence=(*picture.tree(roots), *filter(None, [hidden(list(picture.sessions.values()))])),
            facts=_facts(picture, roots),
        )

    def _refuse_unknown(self, waiting: tuple[Session, ...], where: str) -> None:
        unknown = [one for one in waiting if one.waiting_seconds is None]
        if unknown:
            what = f"since when {unknown[0].called} waits for a lock cannot be seen"
            raise CouldNotLook(where, what, "GRANT pg_monitor TO the app's role")


class Picture:
    """Who waits for whom, at one moment.

    Args:
        sessions: All sessions, under their processes.
        prepared: All prepared transactions.
    """

    def __init__(self, sessions: Mapping[int, Session], prepared: tuple[Prepared, ...]) -> None:
        self.sessions, self.prepared = sessions, prepared

    @classmethod
    def of(cls, answers: Answers) -> "Picture":
        """Return the picture that the server's answers give."""
        return cls(sessions_in(answers[SESSIONS]), prepared_in(answers[PREPARED]))

    @property
    def waiting(self) -> tuple[Session, ...]:
        """Those who wait for somebody."""
        return tuple(one for one in self.sessions.values() if one.blockers)

    def roots_of(self, waiting: list[Session]) -> list[int]:
        """Return who, waiting for nobody, is at the root of these waits; who blocks most comes first."""
        seen: set[int] = set()
        new = {one.pid for one in waiting}
        while new:
            seen |= new
            new = {blocker for pid in new for blocker in self._blockers(pid)} - seen
        roots = {pid for pid in seen if not self._blockers(pid)}
        return sorted(roots, key=lambda pid: (-len(self._below(pid)), pid))

    def _blockers(self, pid: int) -> tuple[int, ...]:
        return self.sessions[pid].blockers if pid in self.sessions else ()

    def _below(self, pid: int) -> set[int]:
        """Return who waits for somebody, be it for others who wait for somebody in turn."""
        below: set[int] = set()
        new = {pid}
        while new:
            new = {one.pid for one in self.waiting if new & set(one.blockers)} - below
            below |= new
        return below

    def called(self, pid: int) -> str:
        """Return what to call somebody who blocks, and what it does."""
        if pid == _PREPARED:
            return " or ".join(f"{one.called}, open for {lasting(one.seconds)}" for one in self.guilty) or (
                "a prepared transaction (pg_prepared_xacts)"
            )
        one = self.sessions.get(pid)
        return f"{one.called}, {one.doing}" if one else f"pid {pid}, which has ended since"

    @property
    def guilty(self) -> tuple[Prepared, ...]:
        """The prepared transactions that somebody waits for; more than one where they share what is wanted."""
        blocked = {one.pid for one in self.waiting if _PREPARED in one.blockers}
        return tuple(one for one in self.prepared if blocked & set(one.wanted_by))

    def tree(self, roots: list[int]) -> tuple[str, ...]:
        """Return a line for each root, and below it, further in, one for each who waits for it or because of it."""
        told: set[int] = set()
        lines = [line for root in roots for line in (self.called(root), *self._branches(root, 1, told))]
        left = len(lines) - _LINES
        return (*lines[:_LINES], *([f"… and {left} more"] if left > 0 else []))

    def _branches(self, pid: int, depth: int, told: set[int]) -> Iterator[str]:
        for one in self.waiting:
            if one.pid not in told and self._next_before(one) == pid:
                told.add(one.pid)
                yield f"{'  ' * depth}{one.called} {one.waiting}, {one.doing}"
                yield from self._branches(one.pid, depth + 1, told)

    def _next_before(self, one: Session) -> int:
        """Return whom of its blockers somebody stands below in the tree: one who waits too, the first of a queue."""
        queue = [self.sessions[pid] for pid in one.blockers if self._blockers(pid)]
        first = min(
            queue,
            key=lambda ahead: (len(ahead.blockers), -(ahead.waiting_seconds or 0), ahead.pid),
            default=None,
        )
        return first.pid if first else min(one.blockers)


def _facts(picture: Picture, roots: list[int] | tuple[int, ...]) -> dict[str, Json]:
    # By process, and nothing that moves: a plan that is made of them must be the same a moment later.
    blockers = [picture.sessions[pid] for pid in sorted(roots) if pid in picture.sessions]
    clients = [one for one in blockers if one.visible and one.is_client]
    return {
        "blockers": [as_fact(one) for one in blockers],
        "active": [as_fact(one) for one in clients if one.state == "active"],
        "idle": [as_fact(one) for one in clients if one.idle_in_transaction],
        "prepared": [one.gid for one in picture.guilty],
        "waiting": len(picture.waiting),
        "root": picture.called(roots[0]) if roots else "",
    }


def as_fact(one: Session) -> dict[str, Json]:
    """Return what names one statement of one session for good, and who that is."""
    return {
        "pid": one.pid,
        "backend_start": one.backend_start,
        "query_start": one.query_start,
        "query_md5": one.query_md5,
        "application": one.application,
        "role": one.role,
    }


STEPS: tuple[type[Step], ...] = (Blocked,)
