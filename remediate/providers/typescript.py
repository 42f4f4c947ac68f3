"""TypeScript: whether every relative import names what its module exports, and the cure where there is only one.

Does not compile, and does not judge imports of packages, nor `require()` and `import()`.
"""

import posixpath
from collections.abc import Iterator
from typing import ClassVar, Self

from pydantic import Field, model_validator

from remediate.errors import CouldNotLook
from remediate.model import Change, Finding, Forecast, Json, Undo
from remediate.promise import Promise
from remediate.providers.edits import (
    EDITED,
    demand_inside,
    edited,
    leaves,
    place_question,
    put_file,
    restore_file,
    save_file,
)
from remediate.providers.typescript_modules import EXTENSIONS, Sources, Wrong
from remediate.providers.typescript_syntax import mend, read_sources, statement_text, with_text
from remediate.providers.typescript_tree import Tree, read_tree, tree_answer, tree_question
from remediate.questions import Answers, Run
from remediate.steps import Action, Check, Questions, Step
from remediate.target import Target

SAYING = {
    "named-of-default": "{imported} is imported by name, but is the default export of {module}",
    "default-of-named": "{local} is imported as the default of {module}, which has none",
    "no-such-export": "{imported} is not exported by {module}",
    "no-such-module": "{module} is not there",
}


class _Imports(Step):
    backend: str = Field(default="{{ app.backend }}", description="Absolute path of the backend.")
    source: str = Field(default="src", description="Directory of the sources below it.")
    module: str | None = Field(
        default=None, description="Only imports of this module, as `src/db/client`; default: of every one."
    )

    @model_validator(mode="after")
    def _stays_below_backend(self) -> Self:
        if leaves(self.backend, self.tree):
            raise ValueError(f"given a source below the backend {self.backend}, which {self.tree} is not")
        return self

    @property
    def tree(self) -> str:
        """Absolute path of the source tree."""
        return posixpath.normpath(posixpath.join(self.backend, self.source))

    @property
    def question(self) -> Run:
        """The question for the source tree."""
        return tree_question(self.tree)

    def wrong_in(self, sources: Sources) -> list[Wrong]:
        """Return the wrong imports that this step is about.

        Raises:
            CouldNotLook: `module` is no file of the tree, and nothing there imports it.
        """
        if self.module is None:
            return list(sources.wrong())
        wanted = _stem(posixpath.relpath(posixpath.join(self.backend, self.module), self.tree))
        found = [wrong for wrong in sources.wrong() if _meant(wrong) == wanted]
        if not found and wanted not in map(_stem, sources.names):
            raise CouldNotLook(self.tree, f"module {self.module} is not in the source tree", "check `module`")
        return found


class TypescriptImports(_Imports, Check):
    """Whether every relative import names what its module really exports.

    Facts for later steps: `wrong`, a list of `{file, line, module, imported, kind, suggestion}`.
    """

    kind: ClassVar[str] = "typescript.imports"
    tells: ClassVar[str] = (
        "Follows every relative import of the sources[ that leads to {module}], and looks whether its "
        "module really exports what is named"
    )

    def ask(self) -> Questions:
        """Return the question for the source tree."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare each import with the exports of the module it means."""
        del first
        tree = read_tree(self.tree, now[self.question])
        sources = read_sources(tree.files)
        wrong = self.wrong_in(sources)
        of = f" of {self.module}" if self.module else ""
        good = f"every import{of} names what its module exports ({len(sources.exports)} files)"
        return Finding(
            healthy=not wrong,
            seen=f"{len(wrong)} import{'s' * (len(wrong) != 1)}{of} of what is not exported"
            if wrong
            else good,
            evidence=tuple(_said(tree, one) for one in wrong),
            facts={"wrong": [_fact(tree, one) for one in wrong]},
        )


class TypescriptImport(_Imports, Action):
    """Mends imports that have exactly one right form: a default imported by name, or a name imported as default.

    Which way is decided by what the module exports. Aliases, the statement's other names, its quotes and its semicolon
    stay. Imports without one right form are left alone.
    """

    kind: ClassVar[str] = "typescript.import"
    tells: ClassVar[str] = (
        "Mends the relative imports of the sources[ that lead to {module}], where one names what its module does not"
        " export and there is exactly one right form; others are left alone"
    )
    promise: ClassVar[Promise] = EDITED
    root: str = Field(default="{{ app.root }}", description="The app's root; nothing outside it is changed.")

    def ask(self) -> Questions:
        """Return the questions for the source tree and for where it really is."""
        return (self.question, place_question(self.root, self.tree))

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one edit for each file with imports that can be mended."""
        tree = read_tree(self.tree, answers[self.question])
        sources = read_sources(tree.files)
        files = dict.fromkeys(wrong.found.file for wrong in self.wrong_in(sources) if wrong.cure)
        if files:
            demand_inside(answers, self.root, self.tree)
        return tuple(self._changes(tree, sources, files))

    def _changes(self, tree: Tree, sources: Sources, files: dict[str, None]) -> Iterator[Change]:
        for file in files:
            before = tree.files[file] or b""
            after, count = self._mended(file, before.decode(), sources)
            if count:
                tree = tree.with_file(file, after.encode())
                what = f"mend {count} import{'s' * (count != 1)} in {posixpath.join(self.source, file)}"
                change = edited(tree.path_of(file), before, after.encode(), what, "config")
                forecast = Forecast(question=self.question, answer=tree_answer(tree))
                yield change.model_copy(update={"forecasts": (forecast,)})

    def _mended(self, file: str, text: str, sources: Sources) -> tuple[str, int]:
        count, passed = 0, 0
        while mendable := [one for one in self.wrong_in(sources) if one.cure and one.found.file == file][
            passed:
        ]:
            mended = mend(text, mendable[0])
            count, passed = (count + 1, passed) if mended != text else (count, passed + 1)
            text, sources = mended, with_text(sources, file, mended)
        return text, count

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Save the whole file."""
        return self.undo_with(save_file(target, change))

    def apply(self, target: Target, change: Change) -> None:
        """Write the new bytes."""
        put_file(target, change)

    def undo(self, target: Target, undo: Undo) -> None:
        """Write the old bytes back."""
        restore_file(target, undo.data)


def _meant(wrong: Wrong) -> str:
    path = wrong.target or posixpath.join(posixpath.dirname(wrong.found.file), wrong.found.module)
    return _stem(posixpath.normpath(path))


def _stem(path: str) -> str:
    longest_first = sorted(EXTENSIONS, key=len, reverse=True)
    stem = next((path.removesuffix(one) for one in longest_first if path.endswith(one)), path)
    return stem.removesuffix("/index")


def _said(tree: Tree, wrong: Wrong) -> str:
    found = wrong.found
    said = SAYING[wrong.kind].format(imported=found.imported, local=found.local, module=found.module)
    return f"{tree.path_of(found.file)}:{found.line}: {said}"


def _fact(tree: Tree, wrong: Wrong) -> dict[str, Json]:
    found = wrong.found
    text = (tree.files[found.file] or b"").decode()
    cured = mend(text, wrong) if wrong.cure else text
    suggestion = "" if cured == text else statement_text(found.file, cured, found.statement)
    return {
        "file": tree.path_of(found.file),
        "line": found.line,
        "module": found.module,
        "imported": found.imported,
        "kind": wrong.kind,
        "suggestion": suggestion,
    }


STEPS: tuple[type[Step], ...] = (TypescriptImports, TypescriptImport)
