"""A host with a copy of its database's schema in place of the database, for rehearsals. It makes and drops none."""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, NoReturn, Protocol

from remediate.errors import Failed
from remediate.model import Json
from remediate.questions import Answers, Fetch, Query, QueryAnswer, Read, Run
from remediate.target import DatabaseChange, OutsideTransaction
from remediate.transport.host_database import DatabaseCopy


class Looking(Protocol):
    """What is used of the host."""

    @property
    def name(self) -> str:
        """The host's name in the inventory."""

    @property
    def database(self) -> dict[str, Json]:
        """What is known of the app's database since the last look."""

    def answer(self, questions: Iterable[Run | Read | Query | Fetch]) -> Answers:
        """Look, and change nothing."""


class CopyTarget:
    """Looks at the host, changes the copy; implements of `remediate.target.Target` what SQL on a schema needs.

    Args:
        host: The host.
        copy: The database made from the schema.
        token: Under which it changes the copy; empty before `scoped`.
    """

    def __init__(self, host: Looking, copy: DatabaseCopy, token: str = "") -> None:
        self._host, self._copy, self.token = host, copy, token
        self._changes = count(1)

    @property
    def name(self) -> str:
        """The host's name in the inventory."""
        return self._host.name

    @property
    def database(self) -> dict[str, Json]:
        """What is known of the app's database since the last look."""
        return self._host.database

    def scoped(self, token: str) -> "CopyTarget":
        """Return the same target with another token."""
        return CopyTarget(self._host, self._copy, token)

    def answer(self, questions: Iterable[Run | Read | Query | Fetch]) -> Answers:
        """Ask the copy where the database is asked, and the host all else."""
        wanted = tuple(questions)
        queries = [one for one in wanted if isinstance(one, Query)]
        looks = [one for one in wanted if not isinstance(one, Query)]
        given = self._host.answer(looks) if looks else Answers({}, self.name)
        return given.laid_over(Answers({**self._copy.answer(queries)}, self.name)) if queries else given

    def change_database(self, change: DatabaseChange | OutsideTransaction) -> bool:
        """Change the copy.

        Guards are left out: they know the live database by its numbers and rows, and the copy has others. What a copy
        of a schema has not got, such as an index that is invalid, need not be taken away.
        """
        if isinstance(change, OutsideTransaction):
            there = self._copy.answer((change.came_about,))[change.came_about]
            if isinstance(there, QueryAnswer) and there.rows[0][0]:
                return False
        else:
            left = tuple(one for one in change.statements if not one.guards)
            change = change.model_copy(update={"statements": left})
        return self._copy.change(f"{self.token}/{next(self._changes)}", change)

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        """Refuse every other verb: a rehearsal of SQL changes nothing else."""
        if verb.startswith("_"):
            raise AttributeError(verb)

        def refuse(*_: object, **__: object) -> NoReturn:
            raise Failed(self.name, f"a rehearsal of SQL does not {verb}", "rehearse it otherwise")

        return refuse
