"""Node's packages: whether they resolve, agree in version, are what the lock file says; installed anew, caches cleared.

Never installs into a live node_modules, and never lets npm rewrite the lock file.
"""

import posixpath
from typing import ClassVar

from pydantic import Field, field_validator

from remediate.errors import Conflict, Failed, Stale
from remediate.hazard import Hazard
from remediate.model import Change, Fidelity, Finding, Undo, WayBack, digest_of
from remediate.promise import Need, Promise
from remediate.providers.aside import aside_questions, move_aside, move_back, moved_aside
from remediate.providers.node import LAST_LINES, SHOWN, Build
from remediate.providers.node_host import read_lost
from remediate.providers.node_installed import differing, installed_question, read_installed
from remediate.providers.node_packages_host import (
    SOMEBODY_ELSES,
    TRY_CI_SCRIPT,
    Packages,
    ci_job,
    packages_question,
    read_packages,
    resolves_question,
    unci_job,
)
from remediate.providers.shell_losses import hazards_of_package, package_scripts, scripts_in
from remediate.providers.swap import STRANDED
from remediate.questions import Answers, NotKnown, Read, Run
from remediate.steps import Action, Check, Questions, Step, Trial
from remediate.target import Target


class NodeResolves(Build, Check):
    """Whether modules resolve from the files of the build that import them, as Node itself resolves them.

    Facts for later steps: `lost`, the modules that lead nowhere; `packages`, the packages they are of.
    """

    kind: ClassVar[str] = "node.resolves"
    tells: ClassVar[str] = (
        "Looks whether every package that the build imports[, and every one of {modules},] is found from "
        "there, as Node.js itself would look for it"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE,)
    modules: list[str] = Field(default=[], description="Default: every package that the build imports.")

    @property
    def question(self) -> Run:
        """The question which modules do not resolve."""
        return resolves_question(self.place, self.out, tuple(self.modules))

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Tell which modules lead nowhere."""
        del first
        lost = read_lost(self.out, now[self.question])
        names = ", ".join(one.name for one in lost[:SHOWN])
        return Finding(
            healthy=not lost,
            seen=f"Cannot find module {names}" if lost else f"every package that {self.out} imports is found",
            evidence=tuple(f"{one.file}: {one.name}" for one in lost[:SHOWN]),
            facts={
                "lost": [one.name for one in lost],
                "packages": sorted({_package(one.name) for one in lost}),
            },
        )


def _package(module: str) -> str:
    return "/".join(module.split("/")[: 2 if module.startswith("@") else 1])


class _Backend(Step):
    backend: str = Field(default="{{ app.backend }}", description="Absolute path of the backend.")

    @property
    def place(self) -> str:
        """Absolute path of the backend, without a slash at its end."""
        return posixpath.normpath(self.backend)


class NodeVersions(_Backend, Check):
    """Whether packages that belong together are of one version, those of them that are installed."""

    kind: ClassVar[str] = "node.versions"
    tells: ClassVar[str] = "Looks whether {packages} are of one version, those of them that are installed"
    packages: list[str] = Field(default=["prisma", "@prisma/client"], min_length=2)

    @property
    def question(self) -> Run:
        """The question which versions are installed."""
        return installed_question(self.place, tuple(self.packages))

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the versions of those that are installed."""
        del first
        packages = read_installed(self.question, now[self.question])
        versions = {name: one.version for name, one in packages.items()}
        told = ", ".join(f"{name} is {version or 'not installed'}" for name, version in versions.items())
        return Finding(healthy=not differing(packages), seen=told, facts={"versions": versions})


class NodeCi(_Backend, Action):
    """Installs what package-lock.json says, with `npm ci`, where something else is installed.

    It is installed in a copy beside the backend and then swapped in; the lock file is not touched. What was generated
    into node_modules, such as Prisma's client, has to be generated again: put `prisma.generate` behind it.
    """

    kind: ClassVar[str] = "node.ci"
    tells: ClassVar[str] = (
        "Installs what package-lock.json says (`npm ci`)[, where one of {packages} is missing or of "
        "another version][!packages?, where something else is installed], in a copy beside the backend, "
        "and swaps it in. What was generated into node_modules has to be generated again[scripts?; the "
        "packages' own install scripts are run]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE, Need.NPM)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "what will run is known, and what the packages bring is not"},
        back={WayBack.EXACT: "the node_modules from before are kept beside the new ones, and renamed back"},
        risks=("build",),
        meanwhile="it downloads packages, and takes time and disk",
    )
    packages: list[str] | None = Field(
        default=None, description="Only if one of these is not as locked; default: any package; []: never."
    )
    scripts: bool = Field(default=False, description="True: packages may run their own install scripts.")

    @property
    def question(self) -> Run:
        """The question which packages are not as the lock file says."""
        return packages_question(self.place, tuple(self.packages or ()))

    def ask(self) -> Questions:
        """Return the question for the packages, and for the app's own scripts where those are run."""
        own = (self.package,) if self.scripts else ()
        return () if self.packages == [] else (self.question, *own)

    @property
    def package(self) -> Read:
        """The question for package.json, which says what an installation runs."""
        return Read(path=posixpath.join(self.place, "package.json"))

    def hazards(self, answers: Answers) -> tuple[Hazard, ...]:
        """Return how the app's own install scripts would lose data; nothing while an earlier step is to write them.

        Raises:
            CouldNotLook: They cannot be read.
        """
        try:
            content = answers[self.package].content if self.scripts else b""
        except NotKnown:
            return ()
        wanted = package_scripts("npm ci") if self.scripts else ()
        found = (hazards_of_package(one, scripts_in(content), self.package.path) for one in wanted)
        return tuple(dict.fromkeys(hazard for hazards in found for hazard in hazards))

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one installation, or nothing where all is installed as the lock file says."""
        if self.packages == []:
            return ()
        try:
            seen, assumed = read_packages(self.place, answers[self.question]), ""
        except NotKnown as unknown:
            return (self._install(None, unknown.because, self.hazards(answers)),)
        if not seen.count:
            return ()
        if not seen.lock:
            missing = ", ".join(one.key.removeprefix("node_modules/") for one in seen.wrong[:SHOWN])
            what = f"lacks {missing}, and no package-lock.json of npm 7 or later says what to install"
            raise Failed(self.place, what, "install it with the app's own tool, or commit one")
        return (self._install(seen, assumed, self.hazards(answers)),)

    def _install(self, seen: Packages | None, assumed: str, hazards: tuple[Hazard, ...]) -> Change:
        wrong = seen.wrong[:SHOWN] if seen else ()
        notes = (f"{one.key}: {one.found or 'missing'}, locked is {one.wanted}" for one in wrong)
        data = (
            {"name": digest_of(seen.model_dump(mode="json"))[:12], "dev": seen.dev} if seen else {"name": ""}
        )
        return Change(
            what=f"install the packages of {self.place} aside and swap node_modules",
            target=posixpath.join(self.place, "node_modules"),
            script="npm ci",
            notes=(*notes, *self._unbuilt(seen)),
            hazards=hazards,
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.EXACT,
            way_back_note="the node_modules before is kept beside it, and renamed back",
            risk="build",
            alters=(f"file:{self.place}/node_modules",),
            data=data,
            assumed=assumed,
        )

    def _unbuilt(self, seen: Packages | None) -> tuple[str, ...]:
        names = ", ".join(seen.unbuilt[:SHOWN]) if seen else ""
        more = f" and {len(seen.unbuilt) - SHOWN} more" if seen and len(seen.unbuilt) > SHOWN else ""
        told = f"their own install scripts are not run: {names}{more}; `scripts: true` runs them"
        return (told,) if names and not self.scripts else ()

    def on_copy(self, change: Change) -> Trial:
        """Return the installation in a copy, and the comparison of what is installed."""
        wishes = ("yes" if wish else "no" for wish in (self.scripts, change.data.get("dev", True)))
        files = ("package.json", "package-lock.json", ".npmrc", "node_modules")
        return Trial(
            script=TRY_CI_SCRIPT,
            args=(self.place, "rehearsal", *wishes),
            place=self.place,
            installs=True,
            depends=(self.place,)
            if self.scripts
            else tuple(posixpath.join(self.place, one) for one in files),
            doing="npm ci",
            timeout=1200.0,
        )

    def apply(self, target: Target, change: Change) -> None:
        """Install aside, look whether all is there, swap."""
        if not change.data["name"]:
            raise Stale(self.place, "was planned without knowing what is there", "run plan again")
        wishes = ("yes" if wish else "no" for wish in (self.scripts, change.data["dev"]))
        answer = target.run(ci_job(self.place, change.data["name"], *wishes))
        if answer.exit_code:
            said = (answer.text + answer.error_text).strip().splitlines()[-LAST_LINES:]
            why = said[-1] if said else f"exit code {answer.exit_code}"
            stranded = answer.exit_code == STRANDED
            todo = "put it back by hand" if stranded else "node_modules is untouched"
            raise Failed(self.place, f"was not installed: {why}", todo, output="\n".join(said))

    def undo(self, target: Target, undo: Undo) -> None:
        """Rename the node_modules before back into its place."""
        answer = target.run(unci_job(self.place, undo.data["name"]))
        if answer.exit_code == SOMEBODY_ELSES:
            what = "was installed again by somebody else since"
            raise Conflict(f"{self.place}/node_modules", what, "decide by hand which to keep")
        if answer.exit_code:
            raise Failed(self.place, "node_modules could not be put back", output=answer.error_text)


class NodeClean(_Backend, Action):
    """Moves caches aside, so that the next build begins without them; nothing is deleted."""

    kind: ClassVar[str] = "node.clean"
    tells: ClassVar[str] = (
        "Moves the caches {paths} aside, so that the next build begins without them; nothing is deleted"
    )
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""},
        back={WayBack.EXACT: "they are renamed back, if nothing new has taken their place"},
        risks=("config",),
    )
    paths: list[str] = Field(
        default=["node_modules/.cache"], min_length=1, description="Caches, below `backend`."
    )
    root: str = Field(default="{{ app.root }}", description="The app's root; nothing outside it is moved.")

    @field_validator("paths")
    @classmethod
    def _below(cls, paths: list[str]) -> list[str]:
        for path in paths:
            first = posixpath.normpath(path).split("/")[0]
            if not path or first in ("", ".", ".."):
                raise ValueError(f"`{path}` is not below the backend")
        return paths

    def _places(self) -> tuple[str, ...]:
        return tuple(posixpath.normpath(posixpath.join(self.place, path)) for path in self.paths)

    def ask(self) -> Questions:
        """Return the questions for each cache and for where it really is."""
        return tuple(question for path in self._places() for question in aside_questions(self.root, path))

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one move for each cache that is there."""
        return tuple(change for path in self._places() for change in moved_aside(answers, self.root, path))

    def apply(self, target: Target, change: Change) -> None:
        """Rename it away."""
        move_aside(target, change.data)

    def undo(self, target: Target, undo: Undo) -> None:
        """Rename it back."""
        move_back(target, undo.data)


STEPS: tuple[type[Step], ...] = (NodeResolves, NodeVersions, NodeCi, NodeClean)
