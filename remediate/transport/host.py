"""A real host as a target: link, shell, jobs, files, lock and database put together. Decides nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import count
from threading import Event
from typing import Any, cast

from remediate.clock import Clock
from remediate.errors import CouldNotLook, Failed, Locked
from remediate.model import Json
from remediate.owner import LockOwner
from remediate.questions import (
    Answer,
    Answers,
    Fetch,
    Query,
    Read,
    ReadAnswer,
    Run,
    RunAnswer,
    Unanswered,
)
from remediate.target import DatabaseChange, Job, Lock, Machine, OutsideTransaction, Target, Witness
from remediate.transport.call import Caller
from remediate.transport.conversation import words
from remediate.transport.copy_target import CopyTarget
from remediate.transport.fence import Fence
from remediate.transport.files import Files
from remediate.transport.host_database import HostDatabase, MakeDatabase
from remediate.transport.jobs import Jobs, Patience
from remediate.transport.lock import HostLock
from remediate.transport.machine import Acquaintance, Clocks
from remediate.transport.settings import SshSettings
from remediate.transport.shell import Shell
from remediate.transport.ssh import Link
from remediate.transport.trips import Trips
from remediate.transport.witnesses import Witnesses

Questions = Iterable[Run | Read | Query | Fetch]
NO_DATABASE = "the inventory names no database for this host"


class SshTarget:
    """One host over SSH; implements `remediate.target.Target`.

    Args:
        settings: The way there.
        app: The name under which the host is locked.
        secrets: The inventory's secrets by name, for bearer tokens.
        trips: Counts round trips.
        make_database: Makes the database behind the host; None where the inventory names none.
        facts: What `database` tells; is asked each time.
        on_output: Is told each line that a running job prints.
        on_warning: Is told that the connection went and is waited for.
        cancelled: Set it, from any thread, to have a running job ended.
        clock: The time.
        patience: How long to wait for jobs and for the link to come back.
    """

    def __init__(
        self,
        settings: SshSettings,
        *,
        app: str,
        secrets: Mapping[str, str],
        trips: Trips,
        make_database: MakeDatabase | None = None,
        facts: Callable[[], dict[str, Json]] = dict,
        on_output: Callable[[str], None] = lambda _: None,
        on_warning: Callable[[str], None] = lambda _: None,
        cancelled: Event | None = None,
        clock: Clock | None = None,
        patience: Patience | None = None,
    ) -> None:
        clock = clock or Clock()
        self.settings, self.trips, self._facts = settings, trips, facts
        clocks = Clocks(clock.monotonic, clock.wall)
        self._acquaintance = Acquaintance(settings.name, settings.machine_id, clocks)
        self.link = Link(settings, self._acquaintance.check, on_warning)
        sh = shell_command(settings.become)
        self._shell = Shell(
            settings.name,
            self.link.wire,
            sh,
            env=settings.env,
            secrets=secrets,
            trips=trips,
            meet=self._acquaintance.meet,
            clocks=clocks,
        )
        caller = Caller(settings.name, self.link.wire, sh, settings.env, clock.monotonic)
        self._lock = HostLock(caller, app)
        self.fence = Fence(caller, self._lock, lambda: self._acquaintance.machine.id)
        self.files = Files(caller, self.fence)
        patience = patience or Patience(reconnect=settings.reconnect)
        self.jobs = Jobs(caller, self.fence, trips, on_output, cancelled or Event(), clock, patience)
        self._witnesses = Witnesses(caller)
        self._bear = partial(self.link.borne, patience.reconnect)
        self._database = make_database(self.link, self.read) if make_database else None
        self._learned = False

    @property
    def name(self) -> str:
        """The host's name in the inventory."""
        return self.settings.name

    @property
    def token(self) -> str:
        """Under which it changes things: nothing, for a change needs a scope."""
        return ""

    @property
    def database(self) -> dict[str, Json]:
        """What is known of the database since the last look."""
        return self._facts()

    @property
    def login(self) -> dict[str, str]:
        """Who is logged in, with which key, at a host of which key."""
        return self.link.login

    @property
    def machine(self) -> Machine:
        """Which machine answered."""
        return self._acquaintance.machine

    def open(self) -> None:
        """Connect and log in, which else happens with the first look.

        Raises:
            Unreachable: Why there is no way in.
        """
        self.link.open()

    def read(self, path: str) -> ReadAnswer | Unanswered:
        """Read one file at once, to connect; `answer` is for everything that can be asked together."""
        answer = self._shell.ask([Read(path=path)], connecting=True)[Read(path=path)]
        return (
            answer if isinstance(answer, ReadAnswer | Unanswered) else Unanswered(reason=f"{path} is no file")
        )

    def answer(self, questions: Questions) -> Answers:
        """Answer all questions: one trip of the shell and one of the database, at the same time."""
        wanted = tuple(dict.fromkeys(questions))
        queries = [question for question in wanted if isinstance(question, Query)]
        looks = [question for question in wanted if not isinstance(question, Query)]
        given = self._both(looks, queries)
        return Answers({question: given[question] for question in wanted}, self.name, self.machine.offset)

    def scoped(self, token: str) -> "ScopedTarget":
        """Return the same target whose changes carry this token."""
        return ScopedTarget(self, token)

    @contextmanager
    def locked(self, owner: LockOwner) -> Iterator[None]:
        """Hold the host's lock for the app, and the database's; meanwhile a connection that goes is waited for."""
        with (
            self._bear(),
            self._lock.held(owner),
            self._database.held(owner, self.fence.check) if self._database else nullcontext(),
        ):
            yield

    def lock(self) -> Lock | None:
        """Look who has the host's lock for the app."""
        return self._lock.look()

    def hold(self, owner: LockOwner) -> None:
        """Take the host's lock for the app and keep it."""
        self._lock.keep(owner)

    def unlock(self, owner: LockOwner) -> str:
        """End what still runs of an owner's run, in the database too, then take the lock away from it."""
        unsure = "" if owner.hold else self._free_database(owner.run)
        self._lock.unlock(owner, self.jobs.patience.grace)
        return unsure

    def _free_database(self, run: str) -> str:
        """End a run's connection to the database; no database keeps its host locked, down or not."""
        try:
            if self._database is not None:
                self._database.free(run)
        except Failed as error:
            return f"whether it is still at work in the database is not known ({error.what})"
        except Locked as error:
            return f"its connection to the database could not be ended ({error.what})"
        return ""

    def witnesses(self) -> tuple[Witness, ...]:
        """Return the heads of all audit logs that the host keeps."""
        return self._witnesses.all()

    def keep_witness(self, witness: Witness) -> Witness:
        """Have the host keep the head of an audit log, unless it keeps a later one."""
        return self._witnesses.keep(witness)

    def run(self, job: Job) -> RunAnswer:
        """Refuse: a change needs a token."""
        raise self._no_token(job.doing)

    def write(self, path: str, content: bytes, expect: ReadAnswer, like: ReadAnswer | None = None) -> None:
        """Replace a file atomically, provided it still is as expected."""
        self.files.write(path, content, expect, like)

    def delete(self, path: str, expect: ReadAnswer) -> None:
        """Delete a file, provided it still is as expected."""
        self.files.delete(path, expect)

    def change_database(self, change: DatabaseChange | OutsideTransaction) -> bool:
        """Refuse: a change needs a token."""
        del change
        raise self._no_token("a change of the database")

    def ledger(self) -> dict[str, Json] | None:
        """Refuse: the ledger is asked by token."""
        raise self._no_token("the ledger")

    def stop(self) -> None:
        """Refuse: jobs are ended by token."""
        raise self._no_token("ending jobs")

    def forget(self, token_prefix: str) -> None:
        """Remove what is kept on the host of finished jobs whose tokens begin so: at the end of a run."""
        self.jobs.forget(token_prefix)

    @contextmanager
    def schema_copy(self, token: str) -> Iterator[Target]:
        """Make a database from the schema of the app's alone, for a rehearsal, and drop it at the end."""
        if self._database is None:
            raise CouldNotLook(self.name, NO_DATABASE, "add `database:` to the inventory")
        with self._database.copied(token) as copy:
            yield cast("Target", CopyTarget(self, copy))

    def close(self) -> None:
        """Close everything, the link first: whoever still waits on it is let go."""
        self.link.close()
        if self._database is not None:
            self._database.close()
        self._shell.close()

    def stop_database(self, token: str) -> None:
        """Have what was begun in the database under a token ended before it is next looked at; connects to nothing."""
        if self._database is not None:
            self._database.stop(token)

    def database_or_fail(self) -> HostDatabase:
        """Return the database.

        Raises:
            Failed: There is none.
        """
        if self._database is None:
            raise Failed(self.name, NO_DATABASE, "add `database:` to the inventory")
        return self._database

    def _both(self, looks: Sequence[Run | Read | Fetch], queries: Sequence[Query]) -> dict[Any, Answer]:
        if self._database is not None and not self._learned and (looks or queries):
            self.link.open()  # who is not there is dialled once: `learn` tells nobody, and the look would dial again
            self._learned = self._database.learn()
        if not queries or self._database is None:
            return {**dict.fromkeys(queries, Unanswered(reason=NO_DATABASE)), **self._look(looks)}
        if not looks:
            return {**self._database.answer(queries)}
        beside = ThreadPoolExecutor(1, thread_name_prefix="database")
        try:
            asked = beside.submit(self._database.answer, queries)
            return {**self._look(looks), **asked.result()}
        finally:  # after Ctrl-C nobody waits for the database: `close` ends it
            beside.shutdown(wait=False)

    def _look(self, looks: Sequence[Run | Read | Fetch]) -> dict[Any, Answer]:
        return {**self._shell.ask(looks)} if looks else {}

    def _no_token(self, what: str) -> Failed:
        return Failed(self.name, f"{what or 'a change'} has no token", "use target.scoped(token)")


class ScopedTarget:
    """A host whose changes carry a token, numbered in order from `token/1`.

    Jobs and changes of the database are numbered apart: one never shifts the other's numbers.

    Args:
        host: The host.
        token: Run and step.
    """

    def __init__(self, host: SshTarget, token: str) -> None:
        self._host, self._token = host, token
        self._jobs, self._changes = count(1), count(1)

    @property
    def name(self) -> str:
        """The host's name in the inventory."""
        return self._host.name

    @property
    def token(self) -> str:
        """Under which it changes things: run and step."""
        return self._token

    @property
    def database(self) -> dict[str, Json]:
        """What is known of the database since the last look."""
        return self._host.database

    @property
    def login(self) -> dict[str, str]:
        """Who is logged in, with which key, at a host of which key."""
        return self._host.login

    @property
    def machine(self) -> Machine:
        """Which machine answered."""
        return self._host.machine

    def answer(self, questions: Questions) -> Answers:
        """Look, and change nothing."""
        return self._host.answer(questions)

    def scoped(self, token: str) -> "ScopedTarget":
        """Return the same target with another token."""
        return self._host.scoped(token)

    def run(self, job: Job) -> RunAnswer:
        """Run a script that changes something, at most once for its token."""
        return self._host.jobs.run(f"{self._token}/{next(self._jobs)}", job)

    def write(self, path: str, content: bytes, expect: ReadAnswer, like: ReadAnswer | None = None) -> None:
        """Replace a file atomically, provided it still is as expected."""
        self._host.write(path, content, expect, like)

    def delete(self, path: str, expect: ReadAnswer) -> None:
        """Delete a file, provided it still is as expected."""
        self._host.delete(path, expect)

    def change_database(self, change: DatabaseChange | OutsideTransaction) -> bool:
        """Commit a change of the database, at most once for the token."""
        self._host.fence.check()
        return self._host.database_or_fail().change(f"{self._token}/{next(self._changes)}", change)

    def ledger(self) -> dict[str, Json] | None:
        """Return the recipe back that the database keeps for this token's first change."""
        return self._host.database_or_fail().ledger(f"{self._token}/1")

    def stop(self) -> None:
        """End every job of this token that may still run, and keep it from beginning later."""
        self._host.jobs.stop(self._token)
        self._host.stop_database(self._token)

    def forget(self, token_prefix: str) -> None:
        """Remove what is kept on the host of finished jobs whose tokens begin so."""
        self._host.forget(token_prefix)

    def locked(self, owner: LockOwner) -> AbstractContextManager[None]:
        """Hold the host's lock for the app."""
        return self._host.locked(owner)

    def lock(self) -> Lock | None:
        """Look who has the host's lock for the app."""
        return self._host.lock()

    def hold(self, owner: LockOwner) -> None:
        """Take the host's lock for the app and keep it."""
        self._host.hold(owner)

    def unlock(self, owner: LockOwner) -> str:
        """End what still runs of an owner's run, then take the lock away from it."""
        return self._host.unlock(owner)

    def schema_copy(self, token: str) -> AbstractContextManager[Target]:
        """Make a database from the schema of the app's alone, for a rehearsal, and drop it at the end."""
        return self._host.schema_copy(token)

    def witnesses(self) -> tuple[Witness, ...]:
        """Return the heads of all audit logs that the host keeps."""
        return self._host.witnesses()

    def keep_witness(self, witness: Witness) -> Witness:
        """Have the host keep the head of an audit log, unless it keeps a later one."""
        return self._host.keep_witness(witness)


def shell_command(become: str | None) -> str:
    """Return what starts a shell without login files, as the given user."""
    return f"exec sudo -n -H -u {words(become).decode()} -- sh" if become else "exec sh"
