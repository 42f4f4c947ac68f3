"""What is asked and done about a Node build on a host: constant scripts, and their answers as values. Judges nothing.

Facts (TypeScript 5.9, measured): tsc exits 2 on a type error and still writes its output; `tsc --showConfig` lists the
files it would compile, `extends` and `exclude` followed; a build in place leaves half a dist behind while it runs.
"""

import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from remediate.errors import CouldNotLook
from remediate.providers.fingerprint import FINGERPRINT
from remediate.providers.rehearsing import REHEARSING
from remediate.providers.swap import KEEPING
from remediate.questions import Run, RunAnswer, Value
from remediate.target import Job

RELATIVE_REQUIRES = r"""
// Prints as JSON which relative imports of the scripts below a directory lead nowhere, those in comments left out.
const fs = require('node:fs'), path = require('node:path'), { createRequire } = require('node:module')
const TOKENS = new RegExp([
  /\/\*[^]*?\*\/|\/\/.*/, /\brequire\(\s*(["'])(\.[^"'\n]*)\1\s*\)/,
  /\b(?:im|ex)port\b[^"'`;()]*?\bfrom\s*(["'])(\.[^"'\n]*)\3/, /(["'`])(?:\\[^]|(?!\5)[^\\])*\5/,
].map((part) => part.source).join('|'), 'g')
const leadsNowhere = (file, name) => {
  try { createRequire(file).resolve(name); return false } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return true
    throw error
  }
}
const found = []
const walk = (directory) => {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name)
    if (entry.isDirectory() && entry.name !== 'node_modules') walk(file)
    if (!entry.isFile() || !/\.[cm]?js$/.test(entry.name)) continue
    for (const match of fs.readFileSync(file, 'utf8').matchAll(TOKENS)) {
      const name = match[2] || match[4]
      if (name && found.length < 100 && leadsNowhere(file, name)) found.push({ file, name })
    }
  }
}
const root = path.resolve(process.argv[2])
if (fs.existsSync(root)) walk(root)
console.log(JSON.stringify(found))
"""

BUILD_QUESTION_SCRIPT = r"""
# $1 the backend's directory, $2 that of its sources, $3 that of its build. Prints records that end with NUL: a source
# (S), tsconfig.json (T) and a script of the build (D), each with its time of change; tsc's own settings (C); that tsc
# is missing (N); when the build itself was put where it is (P); where a link leads (L), which nobody reads but which
# tells two states apart.
LC_ALL=C
export LC_ALL
cd -- "$1" || exit 3
find "$2" -name node_modules -prune -o -type f \( -name '*.ts' -o -name '*.tsx' -o -name '*.mts' -o -name '*.cts' \) \
    ! -name '*.d.ts' ! -name '*.d.mts' ! -name '*.d.cts' -printf 'S%T@ %p\0' | sort -z
[ ! -e tsconfig.json ] || find -H tsconfig.json -printf 'T%T@ %p\0'
[ ! -L "$3" ] || printf 'L%s\0' "$(readlink -- "$3")"
[ ! -e "$3" ] || find "$3" "$3/." -maxdepth 0 -printf 'P%C@ %p\0'
[ ! -e "$3" ] || find -H "$3" -type f \( -name '*.js' -o -name '*.jsx' -o -name '*.mjs' -o -name '*.cjs' \) \
    -printf 'D%T@ %p\0' | sort -z
[ ! -e tsconfig.json ] || [ -x node_modules/.bin/tsc ] || printf 'N\0'
printf 'C'
[ ! -x node_modules/.bin/tsc ] || timeout -k 1 15 node_modules/.bin/tsc -p . --showConfig 2>/dev/null || :
printf '\0'
"""

REQUIRES_QUESTION_SCRIPT = f"""
# $1 the backend's directory, $2 that of its build.
cd -- "$1" || exit 3
exec node - "$2" <<'NODE'
{RELATIVE_REQUIRES}
NODE
"""

THERE = """
there() { [ -e "$1" ] || [ -L "$1" ]; }
"""

COPY_BUILD = """
tar --format=posix -cf - --exclude=./node_modules --exclude="./$3" --exclude=./.git --exclude='*.tsbuildinfo' \\
    --exclude='./.*.remediate-*' . | tar -C "$work" -xpf - || give_up 3 'the copy failed'
[ ! -e node_modules ] || ln -s -- "$PWD/node_modules" "$work/node_modules"
"""
MAKE_BUILD = f"""
# Needs $work, a copy of the backend, and `give_up`.
(cd -- "$work" && NO_COLOR=1 npm_config_update_notifier=false npm run "$4") || give_up 4 "npm run $4 failed"

[ -f "$work/$3/$5" ] || give_up 5 "the build made no $3/$5"
node --check "$work/$3/$5" || give_up 5 "$3/$5 is no script that Node can read"
lost=$(node - "$work/$3" <<'NODE'
{RELATIVE_REQUIRES}
NODE
) || give_up 5 'the imports of the build could not be read'
[ "$lost" = '[]' ] || give_up 5 "imports of the build lead nowhere: $lost"
! grep -rqF -- "$work" "$work/$3" || give_up 6 'the build holds the path it was built in, so it cannot be moved'
"""
"""Builds in a copy, and looks whether what came out can be started."""

BUILD_SCRIPT = f"""
# $1 the backend's directory, $2 that of its sources, $3 that of its build, $4 npm's name of the build script, $5 the
# file of the build that is started, $6 this change's own name. Builds in a copy beside the backend, looks whether what
# came out can be started, and swaps it in by renaming. The build before stays in .NAME.remediate-… for the way back.
{FINGERPRINT}
cd -- "$1" || exit 3
kept=.$3.remediate-$6
work=$(dirname -- "$PWD")/.$(basename -- "$PWD").remediate-$6
{KEEPING}
may_begin
rm -rf -- "$kept" "$work"
mkdir -m 700 -- "$kept" || exit 3
mkdir -m 700 -- "$work" 2>/dev/null || {{ work=$PWD/$kept/tree && mkdir -m 700 -- "$work"; }} ||
    give_up 3 'no place to build in'
# timeout(1) passes a signal on to whoever got it already: once is enough, or the copy would stay.
trap 'trap "" HUP INT TERM; rm -rf -- "$work"' EXIT
trap 'exit 143' HUP INT TERM
{COPY_BUILD}{MAKE_BUILD}
# A source from the future would leave the new build older than itself for ever.
settings=$work/tsconfig.json
[ -f "$settings" ] || settings=$work/$2
newest=$(find "$work/$2" "$settings" -type f -printf '%T@ %p\\n' | sort -rn | head -n 1 | cut -d ' ' -f 2-)
find "$work/$3" -type f ! -newer "$newest" -exec touch -r "$newest" -- {{}} +
[ ! -d "$3" ] || [ -L "$3" ] || chmod --reference="$3" -- "$work/$3"
fingerprint "$work/$3" >"$kept/after"
mv -T -- "$work/$3" "$kept/new" || give_up 3 'the new build could not be moved'
swap_in "$3"
"""

TRY_BUILD_SCRIPT = f"""
# $1 the rehearsal's room, $2 the copy; then as BUILD_SCRIPT has them, up to the file that is started.
{REHEARSING}
room=$1 work=$2
shift 2
rm -rf -- "$work/$3"
find "$work" -name node_modules -prune -o -name '*.tsbuildinfo' -type f -exec rm -f -- {{}} +
{MAKE_BUILD}
compare "$1/$3" "$work/$3" >"$room/report"
"""

UNBUILD_SCRIPT = f"""
# $1 the backend's directory, $2 that of its build, $3 the change's own name. Puts the build before back; nothing is
# done where that was done before, or where nothing had been swapped.
{FINGERPRINT}{THERE}
cd -- "$1" || exit 3
kept=.$2.remediate-$3
ours() {{ [ ! -L "$1" ] && [ "$(fingerprint "$1")" = "$(cat "$kept/after")" ]; }}
rm -rf -- "$(dirname -- "$PWD")/.$(basename -- "$PWD").remediate-$3"
[ -d "$kept" ] || exit 0
if there "$kept/before" || [ -e "$kept/none" ]; then
    if there "$2"; then
        ours "$2" || exit 9
        rm -rf -- "$kept/gone"
        mv -T -- "$2" "$kept/gone" || exit 3
    fi
    ! there "$kept/before" || mv -T -- "$kept/before" "$2" || exit 3
fi
rm -rf -- "$kept"
"""
SOMEBODY_ELSES = 9
EMITTED = {".ts": (".js",), ".tsx": (".js", ".jsx"), ".mts": (".mjs",), ".cts": (".cjs",)}


class LostImport(Value):
    """A relative import in the build that leads nowhere.

    Attributes:
        file: Absolute path of the script.
        name: As written there.
    """

    file: str
    name: str


@dataclass(frozen=True)
class Built:
    """Sources and build, as they lie there.

    Attributes:
        sources: Path below the backend -> time of change, seconds since the epoch as decimal text.
        scripts: The same of the build.
        out: The build's directory below the backend.
        config: What `tsc --showConfig` says; empty where there is no tsc.
        configured: When tsconfig.json was changed; empty where there is none.
        placed: When the build was put where it is, by renaming, too; empty where nobody can tell.
        compiler: Whether there is a tsc, or nothing that would need one.
    """

    sources: Mapping[str, str]
    scripts: Mapping[str, str]
    out: str
    config: Mapping[str, object]
    configured: str = ""
    placed: str = ""
    compiler: bool = True

    def pairs(self) -> Iterator[tuple[str, str | None]]:
        """Yield every source that is to be compiled, with its script or None."""
        files = self._compiled()
        root = self._root(files)
        for file in files:
            stem, extension = posixpath.splitext(posixpath.relpath(file, root))
            wanted = [posixpath.join(self.out, stem + other) for other in EMITTED.get(extension, ())]
            yield file, next((script for script in wanted if script in self.scripts), None)

    def missing(self) -> list[str]:
        """Return the sources without a script."""
        return [file for file, script in self.pairs() if script is None]

    def stale(self) -> list[str]:
        """Return the sources that are newer than their script; tsconfig.json where it is newer than any script."""
        built = [(file, self.scripts[script]) for file, script in self.pairs() if script]
        older = [file for file, made in built if _later(self.sources[file], made)]
        settings = self.configured and any(_later(self.configured, made) for _, made in built)
        return [*older, *(["tsconfig.json"] if settings else [])]

    def unbuilt(self) -> list[str]:
        """Return those stale sources that were changed after the build was put in its place.

        One from before, which somebody put back after the sources were changed, is older than they are, and meant so.
        """
        times = {**self.sources, "tsconfig.json": self.configured}
        return [file for file in self.stale() if not self.placed or _later(times[file], self.placed)]

    def _compiled(self) -> list[str]:
        listed = self.config.get("files")
        if not isinstance(listed, list):
            return sorted(self.sources)
        return [file for file in map(posixpath.normpath, map(str, listed)) if file in self.sources]

    def _root(self, files: list[str]) -> str:
        options = self.config.get("compilerOptions")
        root = options.get("rootDir") if isinstance(options, dict) else None
        common = posixpath.commonpath([posixpath.dirname(file) or "." for file in files]) if files else "."
        return posixpath.normpath(str(root)) if root else common or "."


def _later(one: str, other: str) -> bool:
    # Decimal text, because a float of today holds no nanoseconds.
    return _parts(one) > _parts(other)


def _parts(time: str) -> list[int]:
    return [int(part) for part in time.split(".")]


def build_question(backend: str, source: str, out: str) -> Run:
    """Return the question for sources and build."""
    # What it says comes of tsc, too, and of settings that `extends` takes from a package.
    packages = ("node_modules/.bin", "node_modules/typescript", "node_modules/@tsconfig")
    about = tuple(f"file:{backend}/{name}" for name in (source, out, "tsconfig.json", *packages))
    return Run(script=BUILD_QUESTION_SCRIPT, args=(backend, source, out), about=about)


def requires_question(backend: str, out: str) -> Run:
    """Return the question which relative imports of the build lead nowhere."""
    return Run(script=REQUIRES_QUESTION_SCRIPT, args=(backend, out), about=(f"file:{backend}/{out}",))


def read_built(out: str, answer: RunAnswer) -> Built:
    """Return sources and build.

    Raises:
        CouldNotLook: There is no backend, or too much of it.
    """
    if answer.exit_code or answer.left_out:
        what = "has too many files" if answer.left_out else "could not be looked at"
        raise CouldNotLook(out, f"the backend {what}", "check `app.backend` in the inventory")
    records = answer.text.split("\0")
    return Built(
        sources=_times(records, "S"),
        scripts=_times(records, "D"),
        out=out,
        configured=next(iter(_times(records, "T").values()), ""),
        placed=max(_times(records, "P").values(), key=_parts, default=""),
        compiler="N" not in records,
        config=_config(next((record[1:] for record in records if record.startswith("C")), "")),
    )


def state_of(answer: RunAnswer) -> str:
    """Return what tells two states apart: all but when the build was put there, which a way back cannot bring back."""
    return "\0".join(record for record in answer.text.split("\0") if not record.startswith("P"))


def _times(records: list[str], kind: str) -> dict[str, str]:
    halves = (record[1:].partition(" ") for record in records if record.startswith(kind))
    return {posixpath.normpath(path): time for time, _, path in halves}


def _config(text: str) -> dict[str, object]:
    try:
        config = json.loads(text)
    except ValueError:  # no tsc, or one that could not read its tsconfig.json: then every source counts
        return {}
    return config if isinstance(config, dict) else {}


_LOST = TypeAdapter(tuple[LostImport, ...])


def read_lost(out: str, answer: RunAnswer) -> tuple[LostImport, ...]:
    """Return the imports that lead nowhere.

    Raises:
        CouldNotLook: Node could not be asked.
    """
    try:
        return _LOST.validate_json(answer.text)
    except ValidationError as error:
        said = answer.error_text.strip().rpartition("\n")[2] or f"exit code {answer.exit_code}"
        raise CouldNotLook(out, f"its imports could not be read: {said}", "is node on the PATH?") from error


def build_job(*args: str, doing: str) -> Job:
    """Return the job that builds aside and swaps; `args` are the positional parameters of `BUILD_SCRIPT`."""
    return Job(script=BUILD_SCRIPT, args=args, timeout=900.0, doing=doing)


def unbuild_job(backend: str, out: str, name: str) -> Job:
    """Return the job that puts the build before back."""
    return Job(script=UNBUILD_SCRIPT, args=(backend, out, name), timeout=120.0, doing=f"put {out} back")
