"""What is asked and done about installed packages on a host: constant scripts, and their answers as values.

Facts (npm 11, measured): `npm install` rewrites package-lock.json, `npm ci` never does; `npm ci` begins by deleting
node_modules, so it is only ever run in a copy; with NODE_ENV=production it leaves the compiler out.
"""

from pydantic import TypeAdapter, ValidationError

from remediate.errors import CouldNotLook
from remediate.providers.rehearsing import REHEARSING
from remediate.providers.swap import KEEPING
from remediate.questions import Run, RunAnswer, Value
from remediate.target import Job

_PACKAGES = r"""
// Prints as JSON which packages of package-lock.json are not installed as it says. Those for development count only
// where some of them are there, or where they are asked for; optional ones only where they are there otherwise.
// Without a lock file that can be read (npm 7 and later write `packages`), those of package.json that are not there.
const fs = require('node:fs'), path = require('node:path')
const read = (file) => {
  try { return JSON.parse(fs.readFileSync(file, 'utf8')) } catch (error) {
    if (error.code === 'ENOENT') return null
    throw error
  }
}
const sought = process.argv.slice(2).map((name) => `node_modules/${name}`)
const locked = (read('package-lock.json') || {}).packages
const listed = () => {
  const own = read('package.json') || {}
  const { devDependencies, dependencies, optionalDependencies } = own
  const kinds = [[devDependencies, { dev: true }], [dependencies, {}], [optionalDependencies, { optional: true }]]
  const names = kinds.flatMap(([some, kind]) => Object.keys(some || {}).map((name) => [`node_modules/${name}`, kind]))
  return [...new Map([...sought.map((key) => [key, {}]), ...names])]
}
const above = (key) => {
  for (let folder = process.cwd(); ; folder = path.dirname(folder)) {
    const found = read(path.join(folder, key, 'package.json'))
    if (found || folder === path.dirname(folder)) return found
  }
}
const entries = locked ? Object.entries(locked).filter(([key]) => key.includes('node_modules/')) : listed()
const seen = entries.map(([key, wanted]) => {
  const found = locked ? read(path.join(wanted.link ? wanted.resolved : key, 'package.json')) : above(key)
  const there = wanted.link ? found && fs.existsSync(key) : found
  return { key, wanted: wanted.version || (found && found.version) || '', found: there ? found.version || '' : null,
    dev: Boolean(wanted.dev), optional: Boolean(wanted.optional || wanted.devOptional || wanted.peer),
    scripts: Boolean(wanted.hasInstallScript) }
})
const isThere = (one) => one.found !== null
const dev = seen.some((one) => one.dev && !one.optional && isThere(one)) || !seen.some(isThere)
const counts = (one) => !sought.length || sought.includes(one.key)
const isWanted = (one) => dev || !one.dev || sought.includes(one.key)
const isWrong = (one) => one.found === null ? !one.optional && isWanted(one) : one.found !== one.wanted
const wrong = seen.filter((one) => isWrong(one) && counts(one))
const unbuilt = seen.filter((one) => one.scripts && (isThere(one) || !one.optional && isWanted(one)))
console.log(JSON.stringify({
  lock: Boolean(locked), dev: dev || wrong.some((one) => one.dev), count: wrong.length,
  wrong: wrong.slice(0, 50).map(({ key, wanted, found }) => ({ key, wanted, found: found || '' })),
  unbuilt: unbuilt.slice(0, 50).map((one) => one.key.slice(one.key.lastIndexOf('node_modules/') + 13)),
}))
"""

_WANTED = r"""
// Prints what npm reads below the backend, each name with a NUL after it: the two files of packages, its settings, and
// the packages that the lock file takes from the backend itself.
const fs = require('node:fs'), path = require('node:path')
const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'))
const own = (one) => one.link ? one.resolved : /^file:/.test(one.resolved || '') ? one.resolved.slice(5) : ''
const names = ['package.json', 'package-lock.json', '.npmrc', ...Object.values(packages || {}).map(own)]
const isInside = (name) => name && !path.isAbsolute(name) && path.normalize(name).split('/')[0] !== '..'
const there = names.filter((name) => isInside(name) && fs.existsSync(name))
process.stdout.write([...new Set(there)].map((name) => `./${path.normalize(name)}\0`).join(''))
"""

PACKAGES_SCRIPT = f"""
# $1 the backend's directory, $2, … the packages that count; without any, all.
cd -- "$1" || exit 3
shift
exec node - "$@" <<'NODE'
{_PACKAGES}
NODE
"""

MAKE_PACKAGES = f"""
# Needs $backend, $work, $kept, and `give_up`.
# A package's own scripts may read anything; npm itself only a little.
if [ "$3" = yes ]; then printf './\\0'; else node - <<'NODE'
{_WANTED}
NODE
fi >"$kept/wanted" || give_up 3 'package-lock.json could not be read'
tar --format=posix -cf - --exclude=./node_modules --exclude=./.git --exclude='./.*.remediate-*' \\
    --null --files-from="$kept/wanted" | tar -C "$work" -xpf - || give_up 3 'the copy failed'
cd -- "$work" || give_up 3 'no place to install in'
[ "$3" = yes ] || set -- "$@" --ignore-scripts
[ "$4" = yes ] && set -- "$@" --include=dev || set -- "$@" --omit=dev
shift 4
NO_COLOR=1 npm_config_update_notifier=false npm ci --no-audit --no-fund "$@" </dev/null || give_up 4 'npm ci failed'
cmp -s package-lock.json "$backend/package-lock.json" || give_up 5 'npm ci changed package-lock.json'
left=$(node - <<'NODE'
{_PACKAGES}
NODE
) || give_up 5 'what was installed could not be read'
case $left in *'"count":0,'*) ;; *) give_up 5 "npm ci did not install what package-lock.json says: $left" ;; esac
[ -d node_modules ] || mkdir node_modules
cd -- "$backend" || give_up 3 'the backend is gone'
"""
"""Installs in a copy, and looks whether all is there; touches nothing else."""

CI_SCRIPT = f"""
# $1 the backend's directory, $2 this change's own name, $3 yes where packages may run their own scripts, $4 yes where
# those for development are wanted. Installs in a copy beside the backend, and swaps node_modules in by renaming. The
# one before stays in .node_modules.remediate-… for the way back.
cd -- "$1" || exit 3
backend=$PWD
kept=$backend/.node_modules.remediate-$2
work=$(dirname -- "$backend")/.$(basename -- "$backend").remediate-$2
{KEEPING}
[ ! -L node_modules ] || {{ echo 'node_modules is a link: install where it leads' >&2; exit 3; }}
may_begin
size=$(du -sk node_modules 2>/dev/null | cut -f 1)
room() {{ [ "$(df -k --output=avail -- "$1" | tail -n 1)" -gt "${{size:-0}}" ]; }}
room . && room .. || {{ echo "there is no room for another node_modules of $size KiB" >&2; exit 3; }}
rm -rf -- "$kept" "$work"
mkdir -m 700 -- "$kept" || exit 3
mkdir -m 700 -- "$work" 2>/dev/null || {{ work=$kept/tree && mkdir -m 700 -- "$work"; }} ||
    give_up 3 'no place to install in'
# timeout(1) passes a signal on to whoever got it already: once is enough, or the copy would stay.
trap 'trap "" HUP INT TERM; rm -rf -- "$work"' EXIT
trap 'exit 143' HUP INT TERM
{MAKE_PACKAGES}
[ ! -d node_modules ] || chmod --reference=node_modules -- "$work/node_modules"
# Where the copy lies on another disk this is a copy, too, with another inode; from here on nothing is but renamed.
mv -T -- "$work/node_modules" "$kept/new" || give_up 3 'the new node_modules could not be moved'
{{ stat -c %i -- "$kept/new"; sha256sum <"$kept/new/.package-lock.json"; }} >"$kept/after" 2>/dev/null
swap_in node_modules
"""

_LISTED = r"""
// Prints each package that is installed in a directory, with its version, sorted.
const fs = require('node:fs')
const file = process.argv[2] + '/.package-lock.json'
const { packages } = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {}
const named = Object.entries(packages || {}).map(([key, one]) => [key.replace(/^node_modules\//, ''), one.version])
const lines = named.map(([name, version]) => `${name}\t${version}\n`)
process.stdout.write(lines.sort().join(''))
"""

TRY_CI_SCRIPT = f"""
# $1 the rehearsal's room, $2 the copy; then as CI_SCRIPT has them, with a name that means nothing.
# What is installed takes its place in the copy, for those who come later.
{REHEARSING}
room=$1 backend=$2 work=$1.tree/installing kept=$1/packages
shift 2
cd -- "$backend" || exit 3
mkdir -m 700 -- "$kept" "$work" || give_up 3 'no place to install in'
{MAKE_PACKAGES}
listed() {{ node - "$1" <<'NODE'
{_LISTED}
NODE
}}
listed node_modules >"$kept/before" && listed "$work/node_modules" >"$kept/after" || give_up 3 'cannot be compared'
awk -F '\t' 'FILENAME == ARGV[1] {{ before[$1] = $2; next }} {{ after[$1] = $2 }} END {{
    for (one in after) if (!(one in before)) printf "+ %s %s%c", one, after[one], 0
        else if (before[one] != after[one]) printf "~ %s %s -> %s%c", one, before[one], after[one], 0
    for (one in before) if (!(one in after)) printf "- %s %s%c", one, before[one], 0
}}' "$kept/before" "$kept/after" | LC_ALL=C sort -z >"$room/report"
rm -rf -- node_modules && mv -T -- "$work/node_modules" node_modules && rm -rf -- "$work" "$kept"
"""

UNCI_SCRIPT = r"""
# $1 the backend's directory, $2 the change's own name. Puts the node_modules before back; nothing is done where that
# was done before, or where nothing had been swapped.
cd -- "$1" || exit 3
kept=.node_modules.remediate-$2
there() { [ -e "$1" ] || [ -L "$1" ]; }
now() { stat -c %i -- node_modules; sha256sum <node_modules/.package-lock.json; }
rm -rf -- "$(dirname -- "$PWD")/.$(basename -- "$PWD").remediate-$2"
[ -d "$kept" ] || exit 0
if there "$kept/before" || [ -e "$kept/none" ]; then
    if there node_modules; then
        [ ! -L node_modules ] && [ "$(now 2>/dev/null)" = "$(cat "$kept/after")" ] || exit 9
        rm -rf -- "$kept/gone"
        mv -T -- node_modules "$kept/gone" || exit 3
    fi
    ! there "$kept/before" || mv -T -- "$kept/before" node_modules || exit 3
fi
rm -rf -- "$kept"
"""

_RESOLVES = r"""
// Prints as JSON which modules do not resolve from the scripts below a directory that import them.
const fs = require('node:fs'), path = require('node:path')
const { createRequire, isBuiltin } = require('node:module')
const [out, ...named] = process.argv.slice(2)
const TOKENS = new RegExp([
  /\/\*[^]*?\*\/|\/\/.*/, /\brequire\(\s*(["'])([^"'\n]+)\1\s*\)/,
  /\b(?:im|ex)port\b[^"'`;()]*?\bfrom\s*(["'])([^"'\n]+)\3/, /\bimport\s*(["'])([^"'\n]+)\5/,
  /(["'`])(?:\\[^]|(?!\7)[^\\])*\7/,
].map((part) => part.source).join('|'), 'g')
// What no package can be called (`@/db`, `~/db`) is an alias that a loader of the app's own knows.
const PACKAGE = /^(@[\w-][\w.-]*\/)?[\w-][\w.-]*(\/|$)/
const importers = new Map()
const walk = (directory) => {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name)
    if (entry.isDirectory() && entry.name !== 'node_modules') walk(file)
    if (!entry.isFile() || !/\.[cm]?js$/.test(entry.name)) continue
    for (const match of fs.readFileSync(file, 'utf8').matchAll(TOKENS)) {
      const name = match[2] || match[4] || match[6]
      if (name && PACKAGE.test(name) && !importers.has(name)) importers.set(name, file)
    }
  }
}
const root = path.resolve(out)
if (fs.existsSync(root)) walk(root)
const lost = (name, file) => {
  if (isBuiltin(name)) return false
  try { createRequire(file).resolve(name); return false } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return true
    if (error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return false  // a package for `import` alone
    throw error
  }
}
const entry = path.join(root, 'index.js')
const sought = named.length ? named.map((name) => [name, importers.get(name) || entry]) : [...importers]
const found = sought.filter(([name, file]) => lost(name, file)).map(([name, file]) => ({ file, name }))
console.log(JSON.stringify(found))
"""

RESOLVES_SCRIPT = f"""
# $1 the backend's directory, $2 that of its build, $3, … the modules sought; without any, every one that is imported.
cd -- "$1" || exit 3
shift
exec node - "$@" <<'NODE'
{_RESOLVES}
NODE
"""
SOMEBODY_ELSES = 9


class Package(Value):
    """A package that is not installed as the lock file says.

    Attributes:
        key: Its place, `node_modules/prisma`.
        wanted: The lock file's version.
        found: The installed one; empty where there is none.
    """

    key: str
    wanted: str
    found: str


class Packages(Value):
    """What is installed, against the lock file.

    Attributes:
        lock: Whether there is a lock file that says what to install (npm 7 and later write one).
        dev: Whether packages for development are wanted: some are there or asked for, or nothing is there.
        count: How many packages are not as they should be.
        wrong: The first of them.
        unbuilt: The first packages with scripts of their own, which are not ready without them.
    """

    lock: bool
    dev: bool
    count: int
    wrong: tuple[Package, ...]
    unbuilt: tuple[str, ...] = ()


_PACKAGES_READ = TypeAdapter(Packages)


def packages_question(backend: str, packages: tuple[str, ...]) -> Run:
    """Return the question which of these packages are not installed as the lock file says (none named: of all)."""
    about = tuple(f"file:{backend}/{name}" for name in ("node_modules", "package-lock.json", "package.json"))
    return Run(script=PACKAGES_SCRIPT, args=(backend, *packages), about=about)


def resolves_question(backend: str, out: str, modules: tuple[str, ...]) -> Run:
    """Return the question which modules do not resolve from the build; all that it imports where none is named."""
    about = (f"file:{backend}/{out}", f"file:{backend}/node_modules")
    return Run(script=RESOLVES_SCRIPT, args=(backend, out, *modules), about=about)


def read_packages(backend: str, answer: RunAnswer) -> Packages:
    """Return what is installed.

    Raises:
        CouldNotLook: Node could not be asked, or a package.json cannot be read.
    """
    try:
        return _PACKAGES_READ.validate_json(answer.text)
    except ValidationError as error:
        said = answer.error_text.strip().rpartition("\n")[2] or f"exit code {answer.exit_code}"
        raise CouldNotLook(
            backend, f"its packages could not be read: {said}", "is node on the PATH?"
        ) from error


def ci_job(*args: str) -> Job:
    """Return the job that installs aside and swaps; `args` are the positional parameters of `CI_SCRIPT`."""
    return Job(script=CI_SCRIPT, args=args, timeout=1200.0, doing="npm ci")


def unci_job(backend: str, name: str) -> Job:
    """Return the job that puts the node_modules before back."""
    return Job(script=UNCI_SCRIPT, args=(backend, name), timeout=300.0, doing="put node_modules back")
