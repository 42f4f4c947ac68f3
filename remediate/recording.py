"""A target that writes no file: it notes what an action would write, for a copy to be made with. It runs nothing."""

from collections.abc import Iterable
from typing import cast

from remediate.errors import RemediateError
from remediate.model import Change, Fidelity, Json
from remediate.questions import Answers, Fetch, Query, Read, ReadAnswer, Run, RunAnswer
from remediate.steps import Action
from remediate.target import DatabaseChange, Job, OutsideTransaction, Target


class _More(Exception):  # noqa: N818  (a signal within this file)
    """The action does something else than write files."""


class Recorder:
    """Lets an action write into `files` what it would write on the host.

    Args:
        target: The host, which is looked at only.
        files: What was written so far, by path; it is added to.
    """

    token = "recording"  # noqa: S105  (a scope)

    def __init__(self, target: Target, files: dict[str, bytes]) -> None:
        self._target, self._files = target, files

    @property
    def name(self) -> str:
        """The host's name in the inventory."""
        return self._target.name

    def record(self, action: Action, change: Change) -> str:
        """Note the files that a change writes; return in a clause why that cannot be had in a copy, empty where it can.

        What alters no file is nothing to a copy. Secrets are kept out of it.
        """
        if not any(fact.startswith("file:") for fact in change.alters):
            return ""
        if any(forecast.unwritten for forecast in change.forecasts):
            return "what it writes is secret, and not laid into a copy"
        if change.fidelity is not Fidelity.EXACT or change.assumed:
            return "what it writes is not known before"
        before = dict(self._files)
        try:
            action.apply(cast("Target", self), change)  # the verbs that an edit of a file needs
            return ""
        except _More:
            why = "it is more than an edit of a file"
        except RemediateError as error:
            why = error.what
        self._files.clear()
        self._files.update(before)
        return why

    def answer(self, questions: Iterable[Run | Read | Query | Fetch]) -> Answers:
        """Look at the host, and at what was noted."""
        wanted = tuple(questions)
        noted = {
            one: self._noted(one, given)
            for one in wanted
            if isinstance(one, Read) and one.path in self._files
            for given in (self._target.answer((one,)).raw(one),)
        }
        rest = tuple(one for one in wanted if one not in noted)
        return (self._target.answer(rest) if rest else Answers({}, self.name)).laid_over(
            Answers(noted, self.name)
        )

    def _noted(self, one: Read, given: object) -> ReadAnswer:
        before = given if isinstance(given, ReadAnswer) else ReadAnswer(exists=True)
        return before.model_copy(update={"exists": True, "content": self._files[one.path]})

    def write(self, path: str, content: bytes, expect: ReadAnswer, like: ReadAnswer | None = None) -> None:
        """Note what would be written."""
        del expect, like
        self._files[path] = content

    def scoped(self, token: str) -> "Recorder":
        """Return itself."""
        del token
        return self

    @property
    def database(self) -> dict[str, Json]:
        """What is known of the database since the last look."""
        return self._target.database

    def run(self, job: Job) -> RunAnswer:
        """Refuse: what a script writes is not known."""
        raise _More(job.doing)

    def delete(self, path: str, expect: ReadAnswer) -> None:
        """Refuse: nothing is deleted from a copy."""
        del expect
        raise _More(path)

    def change_database(self, change: DatabaseChange | OutsideTransaction) -> bool:
        """Refuse: no file is in a database."""
        raise _More(change)
