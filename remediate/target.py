"""What an action can do to a host: one verb that looks, and few that change. A Protocol; the transports are elsewhere.

Every changing verb is under a scope, a token made of run and step, so that a host or database can be asked later
whether it was done. None of them decides anything: what to do is in their arguments.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from pydantic import Field

from remediate.model import Json
from remediate.owner import LockOwner
from remediate.questions import Answers, Fetch, Offset, Query, Read, ReadAnswer, Run, RunAnswer, Scalar, Value


class Job(Value):
    """A script that changes something; it runs on the host as a job of its own and outlives the link.

    Attributes:
        script: POSIX shell text, a constant of the provider.
        args: What the script sees as `$1`, `$2`, …
        timeout: Seconds; then the whole process group is ended, and the job has failed.
        doing: What to show while it runs: `npm run build`.
        records: Whether its standard output is for the runner alone; only standard error is shown as it comes then.
    """

    script: str
    args: tuple[str, ...] = ()
    timeout: float = 600.0
    doing: str = ""
    records: bool = False


class Statement(Value):
    """One SQL statement that changes something.

    Attributes:
        sql: One statement, `%s` for each parameter. Composed by `remediate.sql` where it has identifiers.
        parameters: The values, in order.
    """

    sql: str
    parameters: tuple[Scalar | tuple[Scalar, ...], ...] = ()

    @property
    def guards(self) -> bool:
        """Whether it only makes sure that something is as it was planned, and divides by zero where it is not."""
        return "SELECT 1 / " in self.sql


class DatabaseChange(Value):
    """Statements that commit together with their ledger row and the recipe back, or not at all.

    Attributes:
        statements: In order, in one transaction.
        undo: What is kept in the database's own `remediate` schema to take it back, JSON.
        lock_timeout: Seconds to wait for a lock, each try.
        statement_timeout: Seconds for one statement.
    """

    statements: tuple[Statement, ...]
    undo: dict[str, Json] = {}
    lock_timeout: float = 1.0
    statement_timeout: float = 30.0


CLOCK_TOLERANCE = 5.0
"""Seconds by which a host's clock may be off before a person is told; logs of both are still read side by side."""


BEHIND_A_POOLER = "coalesce(current_setting('remediate.pooler', true), '') = 'true'"
"""An expression of a question: whether a pooler such as PgBouncer stands between, so that no `OutsideTransaction` can
be made. Whoever looks sets it, for that look alone."""


class OutsideTransaction(Value):
    """One statement that PostgreSQL refuses inside a transaction: CREATE INDEX CONCURRENTLY, VACUUM, and such.

    It cannot commit together with its ledger row. So it is written down before it begins, and where its answer is lost
    the catalog is asked whether it came about; where it did not, what it left is taken away, and it is done again.

    Attributes:
        statement: The statement.
        came_about: Asks the catalog: one row, one boolean, true where it came about whole (for an index: it is there,
            and `indisvalid`). False before it was begun.
        clean_up: Takes away what a broken attempt leaves, an invalid index; sent where `came_about` says false, outside
            a transaction, too. MUST do nothing where nothing is left.
        left: Asks whether there is something to be taken away; without it `clean_up` is sent unasked. Where the server
            refuses the statement because its name is taken (42P07), nothing is taken away: it has made nothing.
        made: Asks for the number of what was made, which the ledger keeps.
        undo: What is kept in the database's own `remediate` schema to take it back, JSON.
        lock_timeout: Seconds to wait for each lock, in one go: such statements block no readers and writers.
        statement_timeout: Seconds for the statement.
    """

    statement: Statement
    came_about: Query
    clean_up: Statement | None = None
    left: Query | None = None
    made: Query | None = None
    undo: dict[str, Json] = {}
    lock_timeout: float = 30.0
    statement_timeout: float = 3600.0


class Machine(Value):
    """Which machine answered last, and what it thinks the time is.

    Attributes:
        id: Its /etc/machine-id; empty where it has none, and before a look.
        boot: The id of its boot; another one means that it was started anew.
        clock_offset: Seconds by which its clock is ahead of the runner's, at half the round trip; None where it is
            not known.
        clock_error: Seconds by which that may be wrong: half the round trip.
    """

    id: str = ""
    boot: str = ""
    clock_offset: float | None = None
    clock_error: float = 0.0

    @property
    def offset(self) -> Offset | None:
        """How far its clock is from the runner's, and how sure that is; None where it is not known."""
        if self.clock_offset is None:
            return None
        return Offset(seconds=self.clock_offset, give_or_take=self.clock_error)

    @property
    def clock_is_right(self) -> bool:
        """Whether its clock is as good as the runner's, or not known."""
        return abs(self.clock_offset or 0.0) <= CLOCK_TOLERANCE

    @property
    def clock(self) -> str:
        """How its clock is, in words."""
        if self.clock_offset is None:
            return "its clock is not known"
        if self.clock_is_right:
            return "its clock is the runner's, within 5 s"
        side = "ahead of" if self.clock_offset > 0 else "behind"
        return f"its clock is {abs(self.clock_offset):.0f} s {side} the runner's"


class Lock(Value):
    """A lock that somebody has.

    Attributes:
        owner: Who.
        jobs: The tokens of that run's jobs that still run on the host.
    """

    owner: LockOwner
    jobs: tuple[str, ...] = ()


class Witness(Value):
    """The head of an audit log as a host keeps it: out of reach of whoever cuts the log, or begins it anew.

    Attributes:
        seq: The number of the log's newest entry.
        hash: The hash of that entry, in hex.
        log: What names the log for ever, in hex; the name of the file on the host.
        run: The run that wrote that entry.
        who: Whose log it is, `user@machine`.
        place: Its state directory there.
        at: Seconds since the epoch when that entry was written, on the runner's clock.
    """

    seq: int = Field(ge=0, lt=2**63)  # SQLite counts no further
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    log: str = Field(pattern=r"^[0-9a-f]{16}$")
    run: str
    who: str
    place: str
    at: float


class Target(Protocol):
    """One host with its database, as the inventory describes it."""

    @property
    def name(self) -> str:
        """The host's name in the inventory."""

    @property
    def token(self) -> str:
        """Under which it changes things, run and step; empty before `scoped`."""

    @property
    def database(self) -> dict[str, Json]:
        """What is known of the database since the last look: `name`, `identity`; empty where none was asked."""

    @property
    def login(self) -> dict[str, str]:
        """Who is logged in, for the audit log: `user`, `key` and `host_key` as fingerprints; empty before a look."""

    @property
    def machine(self) -> Machine:
        """Which machine it is, as it said when its shell was opened. Another one at its address MUST be refused."""

    def answer(self, questions: Iterable[Run | Read | Query | Fetch]) -> Answers:
        """Look, and change nothing. MUST answer all questions in one go, each once.

        Raises:
            Unreachable: There is no way to the host at all. A single question that fails is `Unanswered` instead.
        """

    def scoped(self, token: str) -> "Target":
        """Return the same target whose changes carry this token (run and step), numbered in order."""

    def run(self, job: Job) -> RunAnswer:
        """Run a script that changes something, at most once for its token.

        Raises:
            Failed: It ran out of time; nothing of it runs any more.
            Lost: What became of it is unknown.
        """

    def write(self, path: str, content: bytes, expect: ReadAnswer, like: ReadAnswer | None = None) -> None:
        """Replace a file atomically, provided it still is as expected (compare and swap).

        Args:
            path: Absolute path; its last part MUST NOT be a link.
            content: The new bytes.
            expect: How the file is believed to be now; `exists=False` creates it.
            like: Whose owner, mode and (for a way back) time of change it gets; default: as `expect`, time now.

        Raises:
            Conflict: The file is not as expected. Nothing was written.
            Failed: It could not be written (no space, no permission). The old file is whole.
        """

    def delete(self, path: str, expect: ReadAnswer) -> None:
        """Delete a file that this run created, provided it still is as expected. An absent file is fine.

        Raises:
            Conflict: The file is not as expected.
        """

    def change_database(self, change: DatabaseChange | OutsideTransaction) -> bool:
        """Commit the statements, the ledger row and the recipe back in one transaction, at most once for the token.

        A statement that cannot run in a transaction is written down before and after, and counts once, too.

        Returns:
            True where they were committed now, False where the ledger says they had been before.

        Raises:
            Locked: Another run has the database's lock.
            Failed: The server refused; nothing of it happened.
            Lost: The answer to COMMIT was lost and the ledger could not be asked.
        """

    def ledger(self) -> dict[str, Json] | None:
        """Return the recipe back that the database keeps for this token, or None where the change never committed.

        A statement outside a transaction whose end nobody saw is settled before: ended, and found done or cleaned up.
        """

    def schema_copy(self, token: str) -> "AbstractContextManager[Target]":
        """Make a database on the same server from the schema of the app's alone, and drop it at the end.

        What it yields looks at the host as ever, and looks at and changes that database instead of the app's. Nothing
        else can be changed through it. The app's own is but read.

        Args:
            token: Hex digits that nobody else drew; what a runner that was killed leaves is known by them, and dropped
                by the next.

        Raises:
            Blocked: It cannot be made; says why.
            Lost: It could not be dropped.
        """

    def stop(self) -> None:
        """End every job of this token that may still run, and keep it from beginning later.

        Raises:
            Lost: It is not known whether it has ended.
        """

    def forget(self, token_prefix: str) -> None:
        """Remove what the host keeps of finished jobs whose tokens begin so; at the end of a run.

        Raises:
            Lost: It is not known whether it is gone; nothing depends on it.
        """

    def witnesses(self) -> tuple[Witness, ...]:
        """Return the heads of all audit logs that the host keeps.

        Raises:
            Blocked: It cannot be asked, or what it keeps cannot be read.
        """

    def keep_witness(self, witness: Witness) -> Witness:
        """Have the host keep the head of an audit log, atomically. MUST never replace a later one of the same log.

        Returns:
            What the host keeps of that log now: this one, or a later one.

        Raises:
            Blocked: It cannot be kept.
        """

    def locked(self, owner: LockOwner) -> AbstractContextManager[None]:
        """Hold the host's lock for the app.

        Raises:
            Locked: Somebody else has it.
        """

    def lock(self) -> Lock | None:
        """Look who has the host's lock for the app; None where nobody has it.

        Raises:
            Blocked: It cannot be looked at.
        """

    def hold(self, owner: LockOwner) -> None:
        """Take the host's lock for the app and keep it, until `unlock`.

        Raises:
            Locked: Somebody else has it.
            Blocked: It could not be taken; nothing was touched.
        """

    def unlock(self, owner: LockOwner) -> str:
        """End what still runs of an owner's run, then take the lock away from it. MUST NOT do so in another order.

        Args:
            owner: Whose it is believed to be; where it is nobody's by now, that is fine.

        Returns:
            What could not be made sure of, in a clause; empty where all of it has ended.

        Raises:
            Locked: It is somebody else's by now, or something of the run is being changed at this moment.
            Blocked: Not all of the run could be ended: it keeps the lock. Or there is no way to the host.
        """
