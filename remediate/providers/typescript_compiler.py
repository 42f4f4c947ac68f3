"""The TypeScript compiler asked what it thinks of the sources. It emits nothing, and is never fetched from anywhere.

Facts (TypeScript 5.9, measured): with `--pretty false` a complaint is one line, `file(line,column): error TSnnnn: …`;
`--noEmit` still writes a .tsbuildinfo where the settings say `incremental` or `composite`, so both are switched off.
"""

import posixpath
import re
from typing import ClassVar

from pydantic import Field

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.promise import Need
from remediate.questions import Answers, Run, RunAnswer, Value
from remediate.steps import Check, Questions

COMPILE_SCRIPT = r"""
# $1 the backend's directory, $2 the settings below it. Prints what tsc complains of; the exit code is tsc's own.
cd -- "$1" || exit 90
[ -x node_modules/.bin/tsc ] || exit 91
exec timeout -k 1 100 node_modules/.bin/tsc --noEmit -p "$2" --pretty false --incremental false --composite false
"""
NO_BACKEND, NO_TSC, TIMED_OUT = 90, 91, (124, 137)
SHOWN = 5
_COMPLAINT = re.compile(
    r"^(?:(?P<file>\S[^\n]*?)\((?P<line>\d+),(?P<column>\d+)\): )?error (?P<code>TS\d+): (?P<message>.*)$",
    re.MULTILINE,
)


class Complaint(Value):
    """One thing that tsc refuses.

    Attributes:
        file: Path below the backend; empty where it is about the settings as a whole.
        line: Counted from 1; 0 without a file.
        column: The same.
        code: `TS2353`.
        message: Its first line, in English.
    """

    file: str
    line: int
    column: int
    code: str
    message: str

    @property
    def told(self) -> str:
        """It in one line."""
        where = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        return f"{where}{self.code}: {self.message}"


class TypescriptCompiles(Check):
    """Whether the sources compile, by the tsc that the app has itself (`tsc --noEmit`).

    Facts for later steps: `errors`, a list of `{file, line, column, code, message}`. It costs seconds: put cheaper
    checks into a diagnosis where they are enough.
    """

    kind: ClassVar[str] = "typescript.compiles"
    tells: ClassVar[str] = (
        "Asks the app's own compiler whether the sources compile (`tsc --noEmit`)[; only {codes} counts]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE, Need.TSC)
    backend: str = Field(default="{{ app.backend }}", description="Absolute path of the backend.")
    project: str = Field(default="tsconfig.json", description="The settings below it.")
    codes: list[str] = Field(default=[], description="Only these count, as TS2353; default: all.")

    @property
    def question(self) -> Run:
        """The question what tsc complains of."""
        place = posixpath.normpath(self.backend)
        about = (f"file:{place}/src", f"file:{place}/{self.project}", f"file:{place}/node_modules")
        return Run(script=COMPILE_SCRIPT, args=(place, self.project), about=about, timeout=110.0)

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Count what tsc complains of."""
        del first
        found = read_complaints(self.backend, now[self.question])
        errors = [one for one in found if not self.codes or one.code in self.codes]
        files = len({one.file for one in errors})
        return Finding(
            healthy=not errors,
            seen=f"tsc refuses {len(errors)} thing{'s' * (len(errors) != 1)} in {files} file{'s' * (files != 1)}"
            if errors
            else "the sources compile"
            + (f" but for other codes than {', '.join(self.codes)}" if found else ""),
            evidence=tuple(one.told for one in errors[:SHOWN]),
            facts={"errors": [one.model_dump(mode="json") for one in errors]},
        )


def read_complaints(backend: str, answer: RunAnswer) -> tuple[Complaint, ...]:
    """Return what tsc complains of.

    Raises:
        CouldNotLook: There is no tsc, or it gave up, or failed without a complaint that is known.
    """
    if answer.exit_code in (NO_BACKEND, NO_TSC):
        raise CouldNotLook(backend, "there is no node_modules/.bin/tsc", "install it with the app (npm ci)")
    if answer.exit_code in TIMED_OUT or answer.left_out:
        raise CouldNotLook(backend, "tsc took too long, or said too much", "run it by hand")
    found = tuple(_complaint(met) for met in _COMPLAINT.finditer(answer.text))
    if answer.exit_code and not found:
        raise CouldNotLook(backend, f"tsc failed with exit code {answer.exit_code}", "run it by hand")
    return found


def _complaint(met: re.Match[str]) -> Complaint:
    return Complaint(
        file=met["file"] or "",
        line=int(met["line"] or 0),
        column=int(met["column"] or 0),
        code=met["code"],
        message=met["message"].strip(),
    )


STEPS = (TypescriptCompiles,)
