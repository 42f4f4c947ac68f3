"""What pm2 is asked and told on a host: constant scripts, and their answers as values. Judges nothing, plans nothing.

Facts (pm2 7.0.4, measured): any pm2 command starts a daemon where none runs, so looking first makes sure that one does;
`jlist` shows the whole environment, passwords included, so it is reduced on the host; exit code 0 of `restart` says
nothing about the process; a name is also taken for an id, a namespace or `all`, so a restart goes by id.
"""

import base64

from pydantic import TypeAdapter, ValidationError

from remediate.errors import CouldNotLook
from remediate.questions import Run, RunAnswer, Value
from remediate.target import Job

PM2_RUNS = r"""
# $1 the verb, $2 the app's exact name, $3 the backend's directory, $4 what the verb wants to know. Prints JSON.
PATH=$PATH:$3/node_modules/.bin
home=${PM2_HOME:-$HOME/.pm2}
runs() {
    daemon=$(cat "$home/pm2.pid" 2>/dev/null)
    [ -n "$daemon" ] && [ -S "$home/rpc.sock" ] && grep -q PM2 "/proc/$daemon/cmdline" 2>/dev/null
}
# Each user has a pm2 of their own. Where the backend $1 is not ours, and neither is a daemon that runs here, or nobody
# shows us those of others, ours has nothing to say of the app.
theirs() {
    [ -d "$1" ] && [ ! -O "$1" ] || return 1
    [ -r /proc/1/cmdline ] || return 0
    for seen in $(grep -ls 'God Daemon' /proc/[0-9]*/cmdline); do
        seen=${seen%/cmdline}
        [ ! -e "$seen" ] || [ -O "$seen" ] || return 0
    done
    return 1
}
"""
"""How a script that talks to pm2 begins: whether its daemon runs, or another user's, asked without starting one."""

PM2_VERBS = r"""
command -v node >/dev/null && command -v pm2 >/dev/null || exit 5
NO_COLOR=1 exec node - "$@" <<'NODE'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const [verb, app, , wish] = process.argv.slice(2)

const pm2 = (...words) =>
  execFileSync('pm2', words, {
    timeout: 15000, killSignal: 'SIGKILL', maxBuffer: 1 << 27, stdio: ['ignore', 'pipe', 'ignore'],
  }).toString()

// A banner may stand before the list, and begins with a bracket, too.
const list = () => {
  for (const line of pm2('jlist').split('\n').reverse()) {
    try { const found = JSON.parse(line); if (Array.isArray(found)) return found } catch {}
  }
  throw new Error('pm2 jlist printed no list')
}

// Field 22 of /proc/PID/stat; a zombie does not live.
const startedAt = (pid) => {
  try {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^[^]*\) /, '').split(' ')
    return pid > 0 && fields[0] !== 'Z' ? Number(fields[19]) : 0
  } catch { return 0 }
}

const processes = () => list().filter((one) => one.name === app).map(({ pid, pm_id, pm2_env: env }) => ({
  id: pm_id, pid: pid || 0, born: startedAt(pid), status: String(env.status), restarts: env.restart_time || 0,
  unstable: env.unstable_restarts || 0, since: env.pm_uptime || 0, mode: env.exec_mode || '',
  code: env.exit_code ?? null,
  script: env.pm_exec_path || '', cwd: env.pm_cwd || '',
  out: env.pm_out_log_path || '', error: env.pm_err_log_path || '',
}))

const tail = (path, bytes) => {
  try {
    const { ino, size, mtimeMs } = fs.statSync(path)
    const kept = Buffer.alloc(Math.min(size, bytes))
    const file = fs.openSync(path, 'r')
    const read = fs.readSync(file, kept, 0, kept.length, size - kept.length)
    fs.closeSync(file)
    return { path, inode: ino, size, changed: mtimeMs, tail: kept.subarray(0, read).toString('base64') }
  } catch (error) {
    if (error.code === 'ENOENT') return { path, inode: 0, size: 0, changed: 0, tail: '' }
    throw error
  }
}

const wait = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)

const lives = (before) => (one) =>
  one.status === 'online' && one.born > 0 && !before.some((old) => old.pid === one.pid && old.born === one.born)

const dies = (before) => (one) =>
  one.status === 'errored' || before.some((old) => old.id === one.id && one.restarts > old.restarts + 4)

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other)

const fail = (code, text) => { console.error(text); process.exit(code) }

"""
"""The begin of a Node program that talks to pm2; the script goes on with it, and ends with a line `NODE`."""

PM2_BEGIN = (
    PM2_RUNS
    + r"""
runs || ! theirs "$3" || exit 8
runs || { echo '{"daemon": false}'; case $1 in look | logs) exit 0 ;; *) exit 4 ;; esac; }
"""
    + PM2_VERBS
)
"""How a script begins that starts no daemon where none runs."""

PM2_SCRIPT = (
    PM2_BEGIN
    + r"""
// One that was started just now may be about to die, the more so where the one before it died: a second look tells.
const settling = (one) => (one.status === 'errored' ? 0 : one.code && one.restarts ? 5000 : 1200)

const looked = () => {
  const first = processes()
  for (let now = first; ; wait(400), now = processes()) {
    const seen = now.map((one) => {
      const old = first.find((other) => other.id === one.id) || one
      return { ...one, again: Math.max(one.restarts - old.restarts, 0) }
    })
    if (seen.some((one) => one.again) || seen.every((one) => Date.now() - one.since >= settling(one))) return seen
  }
}

const restart = () => {
  const before = processes()
  if (!before.length) fail(4, `pm2 knows no app called ${app}`)
  const ids = before.map((one) => String(one.id))
  if (verb === 'restart') pm2('restart', ...ids)
  else for (const id of ids) pm2('reload', id) // it takes one, and so one after the other is away
  if (wish === 'any') return
  for (const end = Date.now() + Number(wish) * 1000; Date.now() < end; wait(200)) {
    const now = processes()
    if (now.some(dies(before))) break
    if (!now.every(lives(before))) continue
    wait(1000)
    if (same(now, processes())) return
  }
  const last = processes().map((one) => tail(one.error, 4096).tail)
  fail(7, last.map((text) => Buffer.from(text, 'base64').toString().split('\n').slice(-20).join('\n')).join('\n'))
}

const stop = () => {
  const mine = processes()
  if (mine.length) pm2('stop', ...mine.map((one) => String(one.id)))
}

if (verb === 'restart' || verb === 'reload') restart()
if (verb === 'stop') stop()
const found = verb === 'look' || verb === 'logs' ? looked() : processes()
// A look takes along what those said last that died.
const told = { logs: (one) => [one.error, one.out], look: (one) => (one.again || !one.born ? [one.error] : []) }
const paths = [...new Set(found.flatMap(told[verb] || (() => [])))].filter(Boolean)
const logs = paths.map((path) => tail(path, Number(wish)))
console.log(JSON.stringify({ daemon: true, at: Date.now(), processes: found, logs }))
NODE
"""
)

NEWEST_SCRIPT = r"""
# Prints, of all files and directories at and below the paths $2, $3, … in $1, the one whose inode changed last, after
# its time in seconds since the epoch. The inode's time cannot be set, unlike the file's: it tells a file put back, too.
# Of a path that is gone, the nearest directory above it below $1 counts: it changed when something in it was removed.
LC_ALL=C
export LC_ALL
cd -- "$1" || exit 3
shift
for path do
    place=$path
    while [ ! -e "$place" ] && [ "$place" != "${place%/*}" ]; do place=${place%/*}; done
    [ ! -e "$place" ] || [ "$place" = "$path" ] || find -H "$place" -maxdepth 0 -printf '%C@ %p\n'
    [ ! -e "$path" ] || find -H "$path" \( -type f -o -type d \) -printf '%C@ %p\n'
done | awk '$1 > newest { newest = $1; line = $0 } END { print line }'
"""
NO_APP, NO_PM2, THEIRS = 4, 5, 8
SAID_LAST = "4096"
"""Bytes of the log of an app that died which a look takes along."""


class Process(Value):
    """One process as pm2 sees it; without its environment.

    Attributes:
        id: pm2's number for it.
        pid: 0 where there is none.
        born: Start in clock ticks since boot, of a process that really lives; else 0.
        status: pm2's word: online, stopped, errored, launching, `waiting restart`.
        restarts: How often pm2 started it again, by hand or after a crash.
        unstable: How often it died young.
        since: When pm2 started it, milliseconds since the epoch.
        mode: `fork_mode` or `cluster_mode`.
        script: What it runs.
        cwd: Where.
        out: Path of its log.
        error: Path of its error log.
        code: Exit code of the one before it; None where none has ended, or by a signal.
        again: How often pm2 started it again while it was looked at. Only one that had just begun is looked at twice.
    """

    id: int
    pid: int
    born: int
    status: str
    restarts: int
    unstable: int
    since: float
    mode: str
    script: str
    cwd: str
    out: str
    error: str
    code: int | None = None
    again: int = 0

    @property
    def online(self) -> bool:
        """Whether pm2 calls it online and it really lives."""
        return self.status == "online" and self.born > 0

    @property
    def identity(self) -> tuple[int, int, int]:
        """What differs after every restart."""
        return self.pid, self.born, self.restarts


class Log(Value):
    """One log file.

    Attributes:
        path: Where it is.
        inode: Another one after a rotation; 0 where there is no file.
        size: Bytes.
        changed: Milliseconds since the epoch.
        tail: Its last bytes, base64.
    """

    path: str
    inode: int
    size: int
    changed: float
    tail: str

    def last(self, count: int) -> bytes:
        """Return its last `count` bytes, or as many of them as were kept."""
        kept = base64.b64decode(self.tail)
        return kept[max(len(kept) - count, 0) :]


class Seen(Value):
    """What pm2 says of one app.

    Attributes:
        daemon: Whether pm2 runs at all.
        at: When it was asked, milliseconds since the epoch on the host's clock.
        processes: All processes of exactly that name.
        logs: Their log files, where they were asked for; else the last of the error log of each that died.
    """

    daemon: bool
    at: float = 0.0
    processes: tuple[Process, ...] = ()
    logs: tuple[Log, ...] = ()


_SEEN = TypeAdapter(Seen)


def processes_question(app: str, backend: str) -> Run:
    """Return the question for an app's processes."""
    return Run(script=PM2_SCRIPT, args=("look", app, backend, SAID_LAST), about=(f"process:{app}",))


def logs_question(app: str, backend: str, kept: int) -> Run:
    """Return the question for an app's processes and the last `kept` bytes of each of its logs."""
    return Run(script=PM2_SCRIPT, args=("logs", app, backend, str(kept)), about=(f"process:{app}",))


def newest_question(backend: str, paths: tuple[str, ...]) -> Run:
    """Return the question when any of these paths last changed."""
    about = tuple(f"file:{backend.rstrip('/')}/{path}" for path in paths)
    return Run(script=NEWEST_SCRIPT, args=(backend, *paths), about=about)


def restart_job(app: str, backend: str, patience: str, verb: str = "restart") -> Job:
    """Return the job that restarts an app.

    Args:
        app: Its exact name.
        backend: Where pm2 may be installed.
        patience: Seconds in which it must be up anew, and stay so for one; `any` where that does not matter.
        verb: `restart`, or `reload`.
    """
    return Job(
        script=PM2_SCRIPT, args=(verb, app, backend, patience), timeout=90.0, doing=f"pm2 {verb} {app}"
    )


def stop_job(app: str, backend: str) -> Job:
    """Return the job that stops an app."""
    return Job(script=PM2_SCRIPT, args=("stop", app, backend, ""), timeout=30.0, doing=f"pm2 stop {app}")


def refuse_theirs(app: str, answer: RunAnswer) -> None:
    """Refuse to say anything of an app that runs, if at all, under somebody else's pm2.

    Raises:
        CouldNotLook: It does.
    """
    if answer.exit_code == THEIRS:
        what = "the backend is another user's, and so is the pm2 that runs: ours does not know it"
        raise CouldNotLook(app, what, "log in as who runs the app, or set `become` in the inventory")


def read_seen(app: str, answer: RunAnswer) -> Seen:
    """Return what pm2 says.

    Raises:
        CouldNotLook: It could not be asked, or did not answer in a form that is known.
    """
    if answer.exit_code == NO_PM2:
        raise CouldNotLook(
            app, "there is no pm2 or no node on the host's PATH", "set `env: {PATH: …}` in the inventory"
        )
    refuse_theirs(app, answer)
    try:
        return _SEEN.validate_json(answer.text.strip().rpartition("\n")[2])
    except ValidationError as error:
        said = answer.error_text.strip().rpartition("\n")[2] or f"exit code {answer.exit_code}"
        raise CouldNotLook(app, f"pm2 could not be asked: {said}", "try pm2 on the host") from error


def read_newest(answer: RunAnswer) -> tuple[float, str]:
    """Return milliseconds since the epoch and the path; 0 where none of them is there."""
    seconds, _, path = answer.text.strip().partition(" ")
    return (float(seconds) * 1000 if seconds else 0.0), path
