"""What a law needs to know of a world: a way in, a picture of all that matters, a way to begin anew. No world yet."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from remediate.errors import Lost
from remediate.model import Json
from remediate.owner import LockOwner
from remediate.questions import Answers, ReadAnswer, RunAnswer
from remediate.target import DatabaseChange, Job, Lock, Machine, OutsideTransaction, Target, Witness


class World(Protocol):
    """A host with all that an action can reach: in memory, on this machine, or on the practice ground."""

    def target(self) -> Target:
        """Return a way in, as another process would get it."""

    def fingerprint(self) -> Json:
        """Return files, database and processes as one value: equal means that nothing has changed.

        Process ids, start times, restart counters and the times of directories are left out.
        """

    def reset(self) -> None:
        """Put everything back to how the case begins."""


class Watched:
    """A target that counts its changing verbs, and can lose the link at one of them.

    Args:
        inner: The target.
        cut_at: At which changing verb the link is lost, counted from 1; 0 for none.
        moment: Whether it is lost before the verb has its effect or after it.
    """

    def __init__(self, inner: Target, cut_at: int = 0, moment: Literal["before", "after"] = "before") -> None:
        self.inner, self.cut_at, self.moment = inner, cut_at, moment
        self.changes = 0

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def token(self) -> str:
        return self.inner.token

    @property
    def database(self) -> dict[str, Json]:
        return self.inner.database

    @property
    def login(self) -> dict[str, str]:
        return self.inner.login

    @property
    def machine(self) -> Machine:
        return self.inner.machine

    def answer(self, questions: Iterable[Any]) -> Answers:
        return self.inner.answer(questions)

    def scoped(self, token: str) -> "Watched":
        self.inner = self.inner.scoped(token)
        return self

    def schema_copy(self, token: str) -> AbstractContextManager[Target]:
        return self.inner.schema_copy(token)

    def ledger(self) -> dict[str, Json] | None:
        return self.inner.ledger()

    def stop(self) -> None:
        self.inner.stop()

    def forget(self, token_prefix: str) -> None:
        self.inner.forget(token_prefix)

    def witnesses(self) -> tuple[Witness, ...]:
        return self.inner.witnesses()

    def keep_witness(self, witness: Witness) -> Witness:
        return self.inner.keep_witness(witness)

    def locked(self, owner: LockOwner) -> AbstractContextManager[None]:
        return self.inner.locked(owner)

    def lock(self) -> Lock | None:
        return self.inner.lock()

    def hold(self, owner: LockOwner) -> None:
        self.inner.hold(owner)

    def unlock(self, owner: LockOwner) -> str:
        return self.inner.unlock(owner)

    def run(self, job: Job) -> RunAnswer:
        return self._change(lambda: self.inner.run(job))

    def write(self, path: str, content: bytes, expect: ReadAnswer, like: ReadAnswer | None = None) -> None:
        self._change(lambda: self.inner.write(path, content, expect, like))

    def delete(self, path: str, expect: ReadAnswer) -> None:
        self._change(lambda: self.inner.delete(path, expect))

    def change_database(self, change: DatabaseChange | OutsideTransaction) -> bool:
        return self._change(lambda: self.inner.change_database(change))

    def _change(self, verb: Callable[[], Any]) -> Any:
        self.changes += 1
        cut = self.changes == self.cut_at
        if cut and self.moment == "before":
            raise Lost(self.name, "the link was cut")
        result = verb()
        if cut:
            raise Lost(self.name, "the link was cut")
        return result
