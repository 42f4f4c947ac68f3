"""A file or directory that must not be there, moved aside. It deletes nothing, ever."""

from typing import ClassVar

from remediate.model import Change, Fidelity, Undo, WayBack
from remediate.promise import Promise
from remediate.providers.aside import aside_questions, move_aside, move_back, moved_aside
from remediate.providers.files import OneFile
from remediate.questions import Answers
from remediate.steps import Action, Questions, Step
from remediate.target import Target


class FilesAbsent(OneFile, Action):
    """Moves a file or directory aside, so that nothing has its name any more.

    It is kept beside its place. Nothing outside the app's root is moved, nor anything that is, or is reached through, a
    link.
    """

    kind: ClassVar[str] = "files.absent"
    tells: ClassVar[str] = "Moves {path} aside, so that nothing has its name any more; nothing is deleted"
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""},
        back={WayBack.EXACT: "it is renamed back, if nothing new has taken its place"},
        risks=("config",),
    )

    def ask(self) -> Questions:
        """Return the questions for the path and for where it really is."""
        return aside_questions(self.root, self.place)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the one move, or nothing where nothing has that name."""
        return moved_aside(answers, self.root, self.place)

    def apply(self, target: Target, change: Change) -> None:
        """Rename it away."""
        move_aside(target, change.data)

    def undo(self, target: Target, undo: Undo) -> None:
        """Rename it back."""
        move_back(target, undo.data)


STEPS: tuple[type[Step], ...] = (FilesAbsent,)
