"""What an action can do to a host: one verb that looks, and few that change. A Protocol; the transports are elsewhere.

Every changing verb is under a scope, a token made of run and step, so that a host or database can be asked later
whether it was done. None of them decides anything: what to do is in their arguments.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from remediate.model import Json
from remediate.questions import Answers, Fetch, Query, Read, ReadAnswer, Run, RunAnswer, Scalar, Value


class Job(Value):
    """A script that changes something; it runs on the host as a job of its own and outlives the link.

    Attributes:
        script: POSIX shell text, a constant of the provider.
        args: What the script sees as `$1`, `$2`, …
        timeout: Seconds; then the whole process group is ended, and the job has failed.
        doing: What to show while it runs: `npm run build`.
    """

    script: str
    args: tuple[str, ...] = ()
    timeout: float = 600.0
    doing: str = ""


class Statement(Value):
    """One SQL statement that changes something.

    Attributes:
        sql: One statement, `%s` for each parameter. Composed by `remediate.sql` where it has identifiers.
        parameters: The values, in order.
    """

    sql: str
    parameters: tuple[Scalar | tuple[Scalar, ...], ...] = ()


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
        undo: What is kept in the database's own `remediate` schema to take it back, JSON.
        lock_timeout: Seconds to wait for each lock, in one go: such statements block no readers and writers.
        statement_timeout: Seconds for the statement.
    """

    statement: Statement
    came_about: Query
    clean_up: Statement | None = None
    undo: dict[str, Json] = {}
    lock_timeout: float = 30.0
    statement_timeout: float = 3600.0


class LockOwner(Value):
    """Who holds a lock, told to whoever comes second."""

    run: str
    who: str
    since: str
    why: str = ""


class Target(Protocol):
    """One host with its database, as the inventory describes it."""

    @property
    def name(self) -> str:
        """The host's name in the inventory."""

    @property
    def database(self) -> dict[str, Json]:
        """What is known of the database since the last look: `name`, `identity`; empty where none was asked."""

    @property
    def login(self) -> dict[str, str]:
        """Who is logged in, for the audit log: `user`, `key` and `host_key` as fingerprints; empty before a look."""

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

    def locked(self, owner: LockOwner) -> AbstractContextManager[None]:
        """Hold the host's lock for the app.

        Raises:
            Locked: Somebody else has it.
        """
