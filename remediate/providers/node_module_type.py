"""ESM or CommonJS: whether tsconfig.json, package.json and what was emitted agree, and the two known traps mended.

Changes settings only; the build is another step's. Facts (measured, Node 20.20, TypeScript 5.9): `"type": "module"`
over a CommonJS build ends in `exports is not defined in ES module scope`, ES modules without it in
ERR_MODULE_NOT_FOUND.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from pydantic import Field

from remediate.errors import CouldNotLook, Failed
from remediate.model import Change, Finding, Forecast, Json, Undo
from remediate.promise import Need, Promise
from remediate.providers.edits import (
    EDITED,
    demand_inside,
    edited,
    place_question,
    put_file,
    restore_file,
    save_file,
)
from remediate.providers.jsonc import NotJson, parsed, value_at, with_value, without
from remediate.providers.node import BUILD_PATH, Build
from remediate.providers.node_host import read_built
from remediate.questions import Answers, Read, ReadAnswer
from remediate.steps import Action, Check, Questions, Step
from remediate.target import Target

Kind: TypeAlias = Literal["commonjs", "module", ""]
OPTIONS = "compilerOptions"
RESOLVES_COMMONJS = (None, "node", "node10", "classic")
"""What `moduleResolution` may be beside `module: commonjs`; `bundler` is refused there (TS5095)."""
_ES_MODULE = re.compile(r"^(?:import\b\s*[\w{*'\"]|export\b\s*[\w{*])", re.MULTILINE)
_COMMONJS = re.compile(
    r"^(?:exports\.|module\.exports\b|Object\.defineProperty\(exports,)|\brequire\(", re.MULTILINE
)
_COMMENT = re.compile(r"^\s*//.*$|/\*[\s\S]*?\*/", re.MULTILINE)


@dataclass(frozen=True)
class ModuleTypes:
    """What each of the three says.

    Attributes:
        config: What tsc would emit by its settings, `extends` followed; empty where nobody can tell.
        package: What Node takes a `.js` file of the build for.
        emitted: What was emitted; empty where nobody can tell.
    """

    config: Kind
    package: Kind
    emitted: Kind

    @property
    def wrong(self) -> str:
        """In one clause where they part, or nothing."""
        if self.emitted == "commonjs" and self.package == "module":
            return 'package.json says "type": "module", but the build is CommonJS'
        if self.emitted == "module" and self.package == "commonjs":
            return 'the build is of ES modules, but package.json does not say "type": "module"'
        if self.config and self.emitted and self.config != self.emitted:
            return f"tsconfig.json gives {self.config}, but the build is {self.emitted}"
        return ""


class _ModuleType(Build):
    entry: str = Field(
        default="index.js", pattern=BUILD_PATH, description="The file in the build that is started."
    )

    @property
    def package(self) -> Read:
        """The question for package.json."""
        return Read(path=posixpath.join(self.place, "package.json"))

    @property
    def config(self) -> Read:
        """The question for tsconfig.json."""
        return Read(path=posixpath.join(self.place, "tsconfig.json"))

    @property
    def emitted(self) -> tuple[Read, Read]:
        """The questions for the entry of the build, and for a package.json that the build may have of its own."""
        inside = posixpath.join(self.place, self.out)
        return Read(path=posixpath.join(inside, self.entry)), Read(
            path=posixpath.join(inside, "package.json")
        )

    def ask(self) -> Questions:
        """Return the questions for the settings and for what was emitted."""
        return (self.built, self.package, self.config, *self.emitted)

    def types_in(self, answers: Answers) -> ModuleTypes:
        """Return what each of the three says.

        Raises:
            CouldNotLook: package.json or tsconfig.json cannot be read.
        """
        entry, own = (answers[question] for question in self.emitted)
        package = _type_in(self.package.path, answers[self.package])
        if own.exists:
            package = _type_in(self.emitted[1].path, own)
        return ModuleTypes(self._configured(answers, package), package, emitted_kind(entry.text))

    def shown(self, answers: Answers) -> Mapping[str, object]:
        """Return the compiler's options as tsc itself shows them, `extends` followed; none where there is no tsc."""
        options = read_built(self.out, answers[self.built]).config.get(OPTIONS)
        return options if isinstance(options, dict) else {}

    def _configured(self, answers: Answers, package: Kind) -> Kind:
        written = _text(self.config.path, answers[self.config])
        module = str(
            self.shown(answers).get("module") or value_at(written, [OPTIONS, "module"]) or ""
        ).lower()
        if module.startswith("node"):
            return package
        if module.startswith("es") or module == "preserve":
            return "module"
        return "commonjs" if module == "commonjs" else ""


class NodeModuleType(_ModuleType, Check):
    """Whether tsconfig.json (`extends` followed), package.json's `type` and what was really emitted agree.

    Facts for later steps: `config`, `package` and `emitted`, each `commonjs`, `module` or empty.
    """

    kind: ClassVar[str] = "node.module_type"
    tells: ClassVar[str] = (
        "Looks whether tsconfig.json, the `type` in package.json and the scripts that were really emitted"
        " agree on CommonJS or ES modules"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the three."""
        del first
        types = self.types_in(now)
        facts: dict[str, Json] = {"config": types.config, "package": types.package, "emitted": types.emitted}
        said = ", ".join(f"{name}: {kind or 'not known'}" for name, kind in facts.items())
        return Finding(
            healthy=not types.wrong,
            seen=types.wrong or f"all is {types.emitted or types.config or types.package}",
            evidence=(said,) if types.wrong else (),
            facts=facts,
        )


class NodeCommonjs(_ModuleType, Action):
    """Makes tsconfig.json and package.json say CommonJS where they and the build part; else does nothing.

    For the two known traps: `"type": "module"` over a build and settings of CommonJS is removed; a `module` of ES
    modules without that type is set to `commonjs`. An app whose settings mean ES modules throughout is left alone.
    """

    kind: ClassVar[str] = "node.commonjs"
    tells: ClassVar[str] = (
        "Makes tsconfig.json and package.json say CommonJS where the build and they part: removes a "
        "`type` of ES modules over a CommonJS build, or sets `module` to `commonjs`. An app that means ES"
        " modules throughout is left alone"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE,)
    promise: ClassVar[Promise] = EDITED
    root: str = Field(default="{{ app.root }}", description="The app's root; nothing outside it is changed.")

    def ask(self) -> Questions:
        """Return the questions for the settings, what was emitted, and where the settings really are."""
        places = (place_question(self.root, read.path) for read in (self.package, self.config))
        return (*super().ask(), *places)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the edits, none where all agree."""
        types = self.types_in(answers)
        if not types.wrong:
            return ()
        trap = self._package_trap if types.package == "module" else self._config_trap
        return tuple(trap(answers, types))

    def _package_trap(self, answers: Answers, types: ModuleTypes) -> Iterator[Change]:
        if types.emitted == types.config == "commonjs":
            before = _text(self.package.path, answers[self.package], plain=True)
            yield from self._edit(answers, self.package, without(before, ["type"]), "remove `type`")

    def _config_trap(self, answers: Answers, types: ModuleTypes) -> Iterator[Change]:
        if types.config != "module":
            return
        after = with_value(_text(self.config.path, answers[self.config]), [OPTIONS, "module"], "commonjs")
        resolution = self.shown(answers).get("moduleResolution") or value_at(
            after, [OPTIONS, "moduleResolution"]
        )
        if (resolution.lower() if isinstance(resolution, str) else None) not in RESOLVES_COMMONJS:
            after = with_value(after, [OPTIONS, "moduleResolution"], "node10")
        yield from self._edit(answers, self.config, after, "set `module` to commonjs")

    def _edit(self, answers: Answers, question: Read, after: str, doing: str) -> Iterator[Change]:
        demand_inside(answers, self.root, question.path)
        before = answers[question]
        if after.encode() == before.content:
            raise Failed(
                question.path, "does not hold what makes the build so", "look for another of its kind"
            )
        change = edited(
            question.path, before.content, after.encode(), f"{doing} in {question.path}", "config"
        )
        forecast = Forecast(question=question, answer=before.model_copy(update={"content": after.encode()}))
        yield change.model_copy(update={"forecasts": (forecast,)})

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Save the whole file."""
        return self.undo_with(save_file(target, change))

    def apply(self, target: Target, change: Change) -> None:
        """Write the new bytes."""
        put_file(target, change)

    def undo(self, target: Target, undo: Undo) -> None:
        """Write the old bytes back."""
        restore_file(target, undo.data)


def emitted_kind(script: str) -> Kind:
    """Return what a script is by its own statements, comments left out; empty where it has none that tell."""
    code = _COMMENT.sub("", script)
    if _ES_MODULE.search(code):
        return "module"
    return "commonjs" if _COMMONJS.search(code) else ""


def _type_in(path: str, answer: ReadAnswer) -> Kind:
    return "module" if value_at(_text(path, answer, plain=True), ["type"]) == "module" else "commonjs"


def _text(path: str, answer: ReadAnswer, *, plain: bool = False) -> str:
    """Return a file's text; `plain` says that Node reads it, which takes no comments as TypeScript does.

    Raises:
        CouldNotLook: It is not there, or cannot be read.
    """
    if not answer.exists:
        raise CouldNotLook(path, "is not there", "check `backend`")
    try:
        text = answer.content.decode()
        parsed(text, plain=plain)
    except (NotJson, UnicodeDecodeError) as error:
        raise CouldNotLook(path, f"cannot be read as JSON: {error}", "mend it by hand") from error
    return text


STEPS: tuple[type[Step], ...] = (NodeModuleType, NodeCommonjs)
