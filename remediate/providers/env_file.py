"""The `.env` file as steps mean it, and the one way to edit it: nothing secret in a plan, a diff or the audit log.

The file as it was stays beside it on the host, readable for its owner only; the way back names it and its hash. It
parses nothing itself, and decides no value.
"""

import difflib
import posixpath

from pydantic import Field

from remediate.errors import Conflict, CouldNotLook, Failed, Stale
from remediate.model import Change, Fidelity, Forecast, Json, WayBack
from remediate.providers.edits import demand_inside, place_question, sha256
from remediate.providers.env_host import key_question, shown
from remediate.questions import Answers, Read, ReadAnswer
from remediate.steps import Questions, Step
from remediate.target import Target
from remediate.text.dotenv import Entry, as_text, entries
from remediate.text.dotenv_edits import is_ended

DATABASE_URL = "DATABASE_URL"
NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
PRIVATE = 0o600


class EnvFile(Step):
    """A step about one `.env` file."""

    file: str = Field(default=".env", description="Below `backend`, or absolute.")
    backend: str = Field(default="{{ app.backend }}", description="Absolute path of the backend.")

    @property
    def place(self) -> str:
        """The file's absolute path."""
        return posixpath.normpath(posixpath.join(self.backend, self.file))

    @property
    def content(self) -> Read:
        """The question for the file. Its answer is secret: what is shown of it goes through `env_host.shown`."""
        return Read(path=self.place)

    def entries_in(self, answers: Answers) -> tuple[Entry, ...]:
        """Return what the file sets; nothing where it is not there.

        Raises:
            CouldNotLook: It cannot be read, or is no file.
        """
        answer = answers[self.content]
        if answer.exists and answer.kind_of_file == "directory":
            raise CouldNotLook(self.place, "is a directory", "name the file")
        return entries(as_text(answer.content))


class EditedEnvFile(EnvFile):
    """An action on one `.env` file, below the app's root."""

    root: str = Field(default="{{ app.root }}", description="The app's root; nothing outside it is changed.")

    @property
    def about_file(self) -> Questions:
        """The questions that every edit has: the file, where it really is, and the key of fingerprints."""
        return (self.content, place_question(self.root, self.place), key_question())

    def before(self, answers: Answers) -> ReadAnswer:
        """Return the file as it is.

        Raises:
            Failed: It is not there, no plain file, or not below the root.
        """
        demand_inside(answers, self.root, self.place)
        answer = answers[self.content]
        if not answer.exists or answer.kind_of_file != "file":
            raise Failed(self.place, "is not there, or no plain file", "look at it")
        return answer

    def edit(self, answers: Answers, after: bytes, what: str, *notes: str) -> tuple[Change, ...]:
        """Return the change of the file's content, or nothing where it has that content.

        Args:
            answers: With the answers to `about_file`.
            after: The file's bytes afterwards.
            what: One line for a person.
            notes: Further lines.
        """
        before = self.before(answers)
        if after == before.content:
            return ()
        mended = not is_ended(before.content)
        forecast = Forecast(question=self.content, answer=before.model_copy(update={"content": after}))
        return (
            Change(
                what=what,
                target=self.place,
                diff=shown_diff(answers, self.place, before.content, after),
                notes=(*notes, *(("the last line gets its end",) if mended else ())),
                fidelity=Fidelity.EXACT,
                way_back=WayBack.EXACT,
                way_back_note="the file as it was is kept beside it, for its owner only, and put back if nobody has"
                " changed it since",
                risk="config",
                alters=(f"file:{self.place}",),
                forecasts=(forecast,),
                data={"before_sha256": before.sha256, "after_sha256": sha256(after)},
            ),
        )


def shown_diff(answers: Answers, path: str, before: bytes, after: bytes) -> str:
    """Return the difference key by key, values by their fingerprints."""
    old, new = (
        [f"{entry.key}={shown(answers, entry.value)}\n" for entry in entries(as_text(content))]
        for content in (before, after)
    )
    return "".join(difflib.unified_diff(old, new, f"a{path}", f"b{path}", n=0))


def kept_beside(path: str, before: ReadAnswer) -> dict[str, Json]:
    """Return the recipe back: names and hashes, no content."""
    return {
        "path": path,
        "kept": f"{path}.remediate-{before.sha256[:12]}",
        "before_sha256": before.sha256,
        "before": before.model_dump(mode="json", exclude={"content"}),
    }


def write_edited(target: Target, recipe: dict[str, Json], before: ReadAnswer, after: bytes) -> None:
    """Keep the file as it is beside itself, then replace it.

    Raises:
        Conflict: It was changed in the very moment of writing, or something else has the name of what is to be kept.
        Failed: It could not be written.
    """
    kept = _read(target, recipe["kept"])
    if kept.sha256 != before.sha256:
        private = before.model_copy(update={"mode": PRIVATE})
        target.write(recipe["kept"], before.content, expect=ReadAnswer(exists=False), like=private)
    target.write(recipe["path"], after, expect=before)


def put_back(target: Target, data: dict[str, Json]) -> None:
    """Put the kept file back, with owner, mode and time, and remove the copy. Nothing where that was done.

    Raises:
        Conflict: Somebody has changed the file since.
        Failed: The copy is gone, or another one, or could not be written.
    """
    now, kept = _read(target, data["path"]), _read(target, data["kept"])
    if now.sha256 != data["before_sha256"]:
        if now.sha256 != data["after_sha256"] or now.kind_of_file != "file":
            raise Conflict(data["path"], "was changed by somebody else since", "decide by hand")
        if kept.sha256 != data["before_sha256"]:
            raise Failed(data["kept"], "is not the file as it was", "put it back by hand")
        like = ReadAnswer(**{**data["before"], "content": kept.content})
        target.write(data["path"], kept.content, expect=now, like=like)
    if kept.sha256 == data["before_sha256"]:
        target.delete(data["kept"], expect=kept)


def as_planned(answers: Answers, action: EditedEnvFile, change: Change) -> ReadAnswer:
    """Return the file, which must still be what the plan was made from.

    Raises:
        Stale: It is not.
    """
    before = answers[action.content]
    if before.kind_of_file != "file" or before.sha256 != change.data["before_sha256"]:
        raise Stale(action.place, "changed since the plan was made", "run plan again")
    return before


def _read(target: Target, path: str) -> ReadAnswer:
    question = Read(path=path)
    return target.answer((question,))[question]
