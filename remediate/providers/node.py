"""Node: whether the build is whole and made from its sources, and a build made aside and swapped in where it is not.

How a build is looked at and made stands in `node_host`. For builds that write one script for each source, as tsc does.
"""

import posixpath
from typing import ClassVar, Literal

from pydantic import Field

from remediate.errors import Conflict, CouldNotLook, Failed, Stale
from remediate.hazard import Hazard
from remediate.model import Change, Fidelity, Finding, Undo, WayBack, digest_of
from remediate.promise import Need, Promise
from remediate.providers.node_host import (
    SOMEBODY_ELSES,
    TRY_BUILD_SCRIPT,
    build_job,
    build_question,
    read_built,
    read_lost,
    requires_question,
    state_of,
    unbuild_job,
)
from remediate.providers.shell_losses import Wanted, hazards_of_package, scripts_in
from remediate.providers.swap import STRANDED
from remediate.questions import Answers, NotKnown, Read, Run
from remediate.steps import Action, Check, Questions, Step, Trial
from remediate.target import Target

NAME = r"^\w[\w.-]*$"
BUILD_PATH = r"^\w[\w.-]*(/\w[\w.-]*)*$"
SHOWN = 5
LAST_LINES = 30


class Build(Step):
    """What steps about a build have in common: where its sources and itself lie."""

    backend: str = Field(default="{{ app.backend }}", description="Absolute path of the backend.")
    source: str = Field(default="src", pattern=BUILD_PATH, description="Directory of the sources below it.")
    out: str = Field(default="dist", pattern=NAME, description="Directory of the build below it.")

    @property
    def place(self) -> str:
        """Absolute path of the backend, without a slash at its end."""
        return posixpath.normpath(self.backend)

    @property
    def built(self) -> Run:
        """The question for sources and build."""
        return build_question(self.place, self.source, self.out)

    @property
    def requires(self) -> Run:
        """The question which imports of the build lead nowhere."""
        return requires_question(self.place, self.out)

    def ask(self) -> Questions:
        """Return the questions for sources, build and the build's imports."""
        return (self.built, self.requires)

    def wrong_in(self, answers: Answers) -> dict[str, list[str]]:
        """Return what is missing, stale and unresolved.

        Raises:
            CouldNotLook: There are no sources.
        """
        built = read_built(self.out, answers[self.built])
        if not built.sources:
            raise CouldNotLook(
                self.place, f"there is no TypeScript in {self.source}", "check `source` and `backend`"
            )
        lost = read_lost(self.out, answers[self.requires])
        unresolved = [f"{posixpath.relpath(one.file, self.place)}: {one.name}" for one in lost]
        return {"missing": built.missing(), "stale": built.stale(), "unresolved": unresolved}

    def can_build(self, answers: Answers) -> bool:
        """Whether there is the compiler that a build needs."""
        return read_built(self.out, answers[self.built]).compiler


class NodeDist(Build, Check):
    """Whether every source has a script in the build, none older than the source, with imports that lead somewhere.

    Facts for later steps: `missing` and `stale` (sources), `unresolved` (`script: import`), `unbuilt` (stale sources
    that were changed after the build was put in its place), and `needs`: the packages that a new build needs and the
    backend has not got.
    """

    kind: ClassVar[str] = "node.dist"
    tells: ClassVar[str] = (
        "Looks whether every source has its script in the build (else it is `missing`), none is older than its"
        " source (`stale`), and every import there leads somewhere (`unresolved`)[. Here only {of} counts; `unbuilt` is"
        " a source that was changed after the build was put in its place]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE,)
    of: list[Literal["missing", "stale", "unbuilt", "unresolved"]] = Field(
        default=["missing", "stale", "unresolved"], min_length=1, description="What counts as unhealthy."
    )

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the build with its sources by their times of change."""
        del first
        found = {**self.wrong_in(now), "unbuilt": read_built(self.out, now[self.built]).unbuilt()}
        wrong = {kind: names for kind, names in found.items() if kind in self.of}
        counts = ", ".join(f"{len(names)} {kind}" for kind, names in wrong.items() if names)
        return Finding(
            healthy=not counts,
            seen=f"{self.out} is not what {self.source} would give: {counts}"
            if counts
            else f"{self.out} is up to date",
            evidence=tuple(f"{kind}: {name}" for kind, names in wrong.items() for name in names[:SHOWN]),
            facts={**wrong, "needs": ["typescript"] if counts and not self.can_build(now) else []},
        )


class NodeBuild(Build, Action):
    """Builds in a copy beside the backend, and swaps the build in by renaming, where it is not made from its sources.

    The running app's build is never half there (of the two renames, the first leaves none for some microseconds). What
    came out must be readable, complete in its imports, and made with exit code 0, else nothing is swapped.
    """

    kind: ClassVar[str] = "node.build"
    tells: ClassVar[str] = (
        "Builds in a copy beside the backend, where the build is not made from its sources, and swaps the"
        " result in by renaming. A build that fails, or whose imports lead nowhere, is never swapped in"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE, Need.NPM)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "what will run is known, and what it builds is not"},
        back={WayBack.EXACT: "the build from before is kept beside the new one, and renamed back"},
        risks=("build",),
        meanwhile="the build takes time and disk; the app goes on, but for some microseconds between two renames",
    )
    script: str = Field(
        default="build", pattern=r"^\w[\w:.-]*$", description="npm's name of the build script."
    )
    entry: str = Field(
        default="index.js", pattern=BUILD_PATH, description="The file in the build that is started."
    )

    @property
    def package(self) -> Read:
        """The question for package.json, which says what the build script does."""
        return Read(path=posixpath.join(self.place, "package.json"))

    def ask(self) -> Questions:
        """Return the questions for sources and build, and for what builds them."""
        return (*super().ask(), self.package)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one build, or nothing where the build is what the sources give."""
        try:
            wrong, assumed = self.wrong_in(answers), ""
            name = digest_of([state_of(answers[self.built]), self.place])[:12]
        except NotKnown as unknown:
            wrong, assumed, name = {}, unknown.because, ""
        needed = assumed or any(wrong.values())
        return (self._build(wrong, name, assumed, self.hazards(answers)),) if needed else ()

    def hazards(self, answers: Answers) -> tuple[Hazard, ...]:
        """Return what the build script says that would lose data; nothing while an earlier step is to write it.

        Raises:
            CouldNotLook: It cannot be read.
        """
        try:
            answer = answers[self.package]
        except NotKnown:
            return ()
        return tuple(
            hazards_of_package(Wanted(self.script, sure=False), scripts_in(answer.content), self.package.path)
        )

    def _build(
        self, wrong: dict[str, list[str]], name: str, assumed: str, hazards: tuple[Hazard, ...]
    ) -> Change:
        return Change(
            what=f"build {self.place} aside and swap {self.out}",
            target=posixpath.join(self.place, self.out),
            script=f"npm run {self.script}",
            notes=tuple(f"{kind}: {', '.join(names[:SHOWN])}" for kind, names in wrong.items() if names),
            hazards=hazards,
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.EXACT,
            way_back_note=f"the build before is kept beside it as .{self.out}.remediate-…, and renamed back",
            risk="build",
            alters=(f"file:{self.place}/{self.out}",),
            data={"name": name},
            assumed=assumed,
        )

    def on_copy(self, change: Change) -> Trial:
        """Return the build in a copy, and the comparison with the one that is there."""
        del change
        args = (self.place, self.source, self.out, self.script, self.entry)
        return Trial(
            script=TRY_BUILD_SCRIPT,
            args=args,
            place=self.place,
            depends=(self.place,),
            doing=f"npm run {self.script}",
            timeout=900.0,
        )

    def apply(self, target: Target, change: Change) -> None:
        """Build, look whether it can be started, swap."""
        if not change.data["name"]:
            raise Stale(self.place, "was planned without knowing what is there", "run plan again")
        args = (self.place, self.source, self.out, self.script, self.entry, change.data["name"])
        answer = target.run(build_job(*args, doing=f"npm run {self.script}"))
        if answer.exit_code:
            said = (answer.text + answer.error_text).strip().splitlines()[-LAST_LINES:]
            why = said[-1] if said else f"exit code {answer.exit_code}"
            stranded = answer.exit_code == STRANDED
            todo = "put it back by hand" if stranded else "the build that runs is untouched"
            raise Failed(self.place, f"was not built: {why}", todo, output="\n".join(said))

    def undo(self, target: Target, undo: Undo) -> None:
        """Rename the build before back into its place."""
        answer = target.run(unbuild_job(self.place, self.out, undo.data["name"]))
        if answer.exit_code == SOMEBODY_ELSES:
            raise Conflict(
                f"{self.place}/{self.out}",
                "was built again by somebody else since",
                "decide by hand which to keep",
            )
        if answer.exit_code:
            raise Failed(self.place, f"{self.out} could not be put back", output=answer.error_text)


STEPS: tuple[type[Step], ...] = (NodeDist, NodeBuild)
