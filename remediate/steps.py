"""The two contracts, Check and Action, and the laws every action is held to. No technology and no transport here.

Laws, run over every action in memory and on real hosts:
1. asking, judging and planning write nothing;
2. after apply, the plan made from fresh answers is empty;
3. after snapshot, then apply, or apply cut before its effect, or cut after it, then undo and undo: all is as before;
4. an Undo survives JSON and another process;
5. a plan computed from recorded answers equals the plan computed live;
6. after a rehearsal, files, database and processes are as before;
7. every change is as the action's `promise` says: its fidelity, its way back, its risk.
"""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from remediate.model import Change, Finding, Json, Undo
from remediate.promise import Need, Promise
from remediate.questions import Answers, Fetch, Query, Read, Run, Value
from remediate.target import Target

Questions = tuple[Run | Read | Query | Fetch, ...]


class Step(BaseModel):
    """A frozen value whose fields are its YAML parameters.

    A field's default may be a template over the inventory (`"{{ app.backend }}"`): it is rendered like one that the
    playbook wrote itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
    kind: ClassVar[str]
    """`provider.verb`, as playbooks write it."""
    constant: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """The ways to parameters that may hold no template: text that a shell will run."""
    tells: ClassVar[str] = ""
    """What it does, as a sentence without its end, with parameters in it (`explaining.wording`). MUST."""
    needs: ClassVar[tuple[Need, ...]] = ()
    """What must be there for it, beside a shell."""

    def ask(self) -> Questions:
        """Return the questions this step needs answered. Data: no target is in reach. MUST."""
        raise NotImplementedError

    @property
    def parameters(self) -> dict[str, Json]:
        """The fields as JSON, enough to build the same step in another process."""
        return self.model_dump(mode="json")


class Trial(Value):
    """What a change really does, done in a copy on the host: data, like a question. `rehearsal_room` runs it.

    Attributes:
        script: POSIX shell text, a constant of the provider. It sees `$1`, the rehearsal's room, which lasts until its
            end; `$2`, a real copy of the app with its packages, in which trials before it were done and files of
            earlier changes lie; then `args`. What files would be another way it writes into `$1/report`. Exit code 3:
            it could not be tried.
        args: What it sees from `$3` on.
        place: The app's directory, which is copied. It and all else MUST stay as they are.
        installs: Whether it makes the packages once more, for the question whether there is room.
        depends: The directories and files that what it does depends on.
        doing: What to show while it runs.
        timeout: Seconds.
    """

    script: str
    args: tuple[str, ...]
    place: str
    installs: bool = False
    depends: tuple[str, ...]
    doing: str
    timeout: float


class Check(Step):
    """Looks, and says whether all is well."""

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Return what was seen. Pure. MUST.

        Args:
            first: The answers when the window opened; a check sees movement by comparing.
            now: The latest answers. In `diagnose` the two are the same.

        Raises:
            CouldNotLook: A question it needs could not be answered.
        """
        raise NotImplementedError


class Action(Step):
    """Changes something, and can take it back.

    `undo_last` says that the undo is paid after those of the steps before it: a process is restarted once everything
    it runs has been put back, not while it is still there.

    `once_verified` says that the change is made after the cure has held, not before: what is kept for the next boot.
    Such a step stands last in a playbook's `fix`; where it fails, it alone is put back, and the cure stays.

    `development_only` says that no plan has it in an environment whose inventory does not say `development: true`;
    `policy` holds it to that.

    `on_schema` says that its change is SQL that needs no row and no number of the live database: a rehearsal applies it
    to a database made from the schema alone, where `written_sql` allows it.

    `promise` says what every change it makes is, before anything is asked. MUST.
    """

    promise: ClassVar[Promise]
    undo_last: ClassVar[bool] = False
    once_verified: ClassVar[bool] = False
    development_only: ClassVar[bool] = False
    on_schema: ClassVar[bool] = False

    @classmethod
    def promised(cls, parameters: Mapping[str, Json]) -> Promise:
        """Return what holds of every change with these parameters. MAY be narrower than `promise`.

        Args:
            parameters: As a playbook writes them, templates as their text.
        """
        del parameters
        return cls.promise

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the changes it would make; none where there is nothing to do. Pure. MUST.

        Raises:
            NotKnown: A needed answer will be changed by an earlier step, and nothing can be said before.
            CouldNotLook: A needed question could not be answered.
            Failed: What would have to be changed is not there, or not as it must be; says what to do.
        """
        raise NotImplementedError

    def on_copy(self, change: Change) -> Trial | None:
        """Return what a rehearsal of this change does in a copy on the host; None where there is no such thing. MAY.

        Pure. A change that was planned on an assumption has no `data` to go by.
        """
        del change
        return None

    def written_sql(self, change: Change) -> tuple[str, ...]:
        """Return the SQL of a change that somebody else wrote, each statement by itself. MUST where there is any.

        A rehearsal tries it only where the gate knows that it stays within one database. Pure.
        """
        del change
        return ()

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Save what apply will destroy, where it lives, and return the recipe back. MAY.

        MUST NOT alter anything that a check or another program looks at.
        """
        del target
        return self.undo_with(change.data)

    def apply(self, target: Target, change: Change) -> None:
        """Make the change. MUST either do all of it, or raise.

        Raises:
            Failed: It did not succeed.
            Lost: What became of it is unknown.
        """
        raise NotImplementedError

    def undo(self, target: Target, undo: Undo) -> None:
        """Put back what was there before. MUST. Twice is once; after half an apply is fine.

        Raises:
            Conflict: The state is no longer what apply left; nothing was touched.
            Failed: It could not be put back.
        """
        raise NotImplementedError

    def refuse_way_back(self, target: Target, undos: tuple[Undo, ...]) -> None:
        """Look whether the ways back of all changes of one fix are free, before the first of them is walked. MAY.

        Each `undo` looks for itself; this keeps a fix of many changes from being put back by half.

        Raises:
            Conflict: What one of them left is no longer so; nothing was touched.
        """
        del target, undos

    def undo_with(self, data: dict[str, Json]) -> Undo:
        """Return an Undo of this action with the given data."""
        return Undo(action=self.kind, parameters=self.parameters, data=data)
