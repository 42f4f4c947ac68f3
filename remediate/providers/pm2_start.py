"""pm2: whether an app is meant to run, and its start where pm2 has it stopped or not at all. Starts no other app, ever.

Facts (pm2 7.0.4, measured): what starts a daemon hands it its own environment, and the daemon that to each app; so both
begin here with the few variables of a login. An ecosystem file is a program: it is not run for a look.
"""

from typing import ClassVar

from pydantic import Field

from remediate.errors import Conflict, Failed
from remediate.model import Change, Fidelity, Finding, Undo, WayBack, digest_of
from remediate.promise import Need, Promise
from remediate.providers.pm2 import OneApp, missing
from remediate.providers.pm2_host import PM2_RUNS, PM2_VERBS, Seen, read_seen
from remediate.providers.pm2_starting import PM2_START
from remediate.questions import Answers, Run
from remediate.steps import Action, Check, Questions, Step
from remediate.target import Job, Target

START_SCRIPT = (
    PM2_RUNS
    + r"""
# $1 start | unstart, $4 seconds in which it must be up, or `any`; $5 this change's own name; then the ecosystem file,
# the script and the directory to run it in, and `daemon` where one may be started.
command -v pm2 >/dev/null || exit 5
began=no
if ! runs; then
    [ "$1" = start ] || exit 0
    [ "$9" = daemon ] || exit 4
    began=yes
    env -i PATH="$PATH" HOME="$HOME" ${USER:+USER="$USER"} ${LOGNAME:+LOGNAME="$LOGNAME"} ${LANG:+LANG="$LANG"} \
        ${PM2_HOME:+PM2_HOME="$PM2_HOME"} timeout -k 1 30 pm2 ping </dev/null >/dev/null 2>&1 || exit 5
fi
set -- "$@" "$began"
"""
    + PM2_VERBS
    + PM2_START
    + r"""
const [file, script, cwd, , began] = more

const definition = () => {
  if (script) return { name: app, script, cwd }
  let found
  try { found = require(file) } catch (error) { fail(6, `${file} cannot be loaded: ${error.code || error.name}`) }
  const apps = Array.isArray(found) ? found : found.apps || [found]
  const [one, another] = apps.filter((one) => one.name === app)
  if (!one || another) fail(6, `${file} names ${another ? 'two apps' : 'no app'} called ${app}`)
  return { ...one, cwd: path.resolve(path.dirname(file), one.cwd || '') }
}

// An app keeps its identity over restarts; its number is given again once pm2 has no app left.
const identities = () => list().filter((one) => one.name === app).map(({ pm2_env: env }) => env.unique_id)

const begin = () => {
  const before = processes()
  if (before.some((one) => one.status !== 'stopped')) return
  const wanted = before.length ? null : definition()
  keep({ began, stopped: before.length > 0, ours: null })
  if (wanted) start(wanted)
  else pm2('restart', ...before.map((one) => String(one.id)))
  settle(Number(wish))
  keep({ began, stopped: before.length > 0, ours: identities() })
}

const end = () => {
  if (!fs.existsSync(kept)) return
  const { began, stopped, ours } = JSON.parse(fs.readFileSync(kept, 'utf8'))
  const others = identities().some((one) => ours && !ours.includes(one))
  if (others) fail(9, `${app} was started by somebody else since`)
  const ids = processes().map((one) => String(one.id))
  if (ids.length) pm2(stopped ? 'stop' : 'delete', ...ids)
  fs.rmSync(kept)
  if (began === 'yes' && !list().length) pm2('kill')
}

if (verb === 'start') begin()
if (verb === 'unstart') end()
NODE
"""
)
THERE_SCRIPT = """
# Tells by its exit code whether $1 is a file. Its bytes stay where they are: it may bear secrets.
[ -f "$1" ]
"""
NO_DAEMON, NO_PM2, NO_DEFINITION, SOMEBODY_ELSES = 4, 5, 6, 9
PATIENCE, ANY = "20", "any"


class Pm2Started(OneApp, Check):
    """Whether pm2 has the app and runs it, or tries to; one that dies again and again is another fault."""

    kind: ClassVar[str] = "pm2.started"
    tells: ClassVar[str] = "Looks whether pm2 has the app and runs it, or is trying to"
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)

    def ask(self) -> Questions:
        """Return the question for the app's processes."""
        return (self.processes,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Look whether there is any process that is not stopped."""
        del first
        seen = read_seen(self.app, now[self.processes])
        wrong = missing(self.app, seen) or _stopped(self.app, seen)
        return Finding(healthy=not wrong, seen=wrong or f"pm2 runs {self.app}")


def _stopped(app: str, seen: Seen) -> str:
    stopped = all(one.status == "stopped" and not one.again for one in seen.processes)
    return f"{app} is stopped" if stopped else ""


class Pm2Start(OneApp, Action):
    """Starts the app where pm2 has it stopped, or has not got it; else does nothing.

    One that pm2 has not got is started from its entry in the ecosystem file, and no other app that the file names; or
    from `script` and `cwd`. A daemon is started only where `daemon: true` says so. What was saved for the next boot is
    untouched: `pm2.save` is a step of its own.
    """

    kind: ClassVar[str] = "pm2.start"
    tells: ClassVar[str] = (
        "Starts the app where pm2 has it stopped; or, where pm2 has not got it, from its own entry in "
        "{file}[ or from {script}], and no other app[daemon?. Where no pm2 runs at all, that is started, "
        "too]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "that it is started is known, and how it comes up is not"},
        back={WayBack.EQUIVALENT: "it is stopped again, or deleted from pm2 again where pm2 had not got it"},
        risks=("restart",),
    )
    file: str = Field(
        default="ecosystem.config.js", description="The ecosystem file below `backend`, or absolute."
    )
    script: str = Field(default="", description="What to start instead of an entry of the file.")
    cwd: str = Field(default="{{ app.backend }}", description="Where to run that script.")
    daemon: bool = Field(
        default=False, description="Whether pm2 itself may be started where it does not run."
    )

    @property
    def place(self) -> str:
        """Absolute path of the ecosystem file."""
        return self.file if self.file.startswith("/") else f"{self.backend.rstrip('/')}/{self.file}"

    @property
    def there(self) -> tuple[Run, ...]:
        """The question whether there is an ecosystem file, where it is needed."""
        question = Run(script=THERE_SCRIPT, args=(self.place,), about=(f"file:{self.place}",))
        return () if self.script else (question,)

    def ask(self) -> Questions:
        """Return the questions for the processes, and for the ecosystem file."""
        return (self.processes, *self.there)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one start, or nothing where pm2 runs the app or tries to."""
        seen = read_seen(self.app, answers[self.processes])
        why = missing(self.app, seen) or _stopped(self.app, seen)
        if why and not seen.daemon and not self.daemon:
            raise Failed(
                answers.where or self.app, why, "say `daemon: true`, or start it as the machine's boot does"
            )
        if why and not seen.processes and any(answers[one].exit_code for one in self.there):
            raise Failed(
                self.place, f"{why}, and there is no such file", "name it in `file`, or give `script`"
            )
        return (self._start(why, seen),) if why else ()

    def _start(self, why: str, seen: Seen) -> Change:
        source = self.script or f"{self.place} --only {self.app}"
        stopped = bool(seen.processes)
        notes = (
            "whatever else the file names is not started",
            "what was saved for the next boot is untouched",
        )
        return Change(
            what=f"start {self.app}",
            target=self.app,
            script=f"pm2 restart {self.app}" if stopped else f"pm2 start {source}",
            notes=(why, *([] if seen.daemon else ["pm2 itself is started"]), *([] if stopped else notes)),
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.EQUIVALENT,
            way_back_note="stopped again" if stopped else "deleted from pm2 again, and nothing else is",
            risk="restart",
            alters=(f"process:{self.app}",),
            data={"name": f"start-{digest_of([self.app, self.place, self.script, stopped])[:12]}"},
        )

    def apply(self, target: Target, change: Change) -> None:
        """Start, and wait until it is up."""
        self._run(target, self._job("start", PATIENCE, change.data["name"]))

    def undo(self, target: Target, undo: Undo) -> None:
        """Stop or delete what was started, and end the daemon that was started for it, where it has no other app."""
        self._run(target, self._job("unstart", ANY, undo.data["name"]))

    def _job(self, verb: str, patience: str, name: str) -> Job:
        daemon = "daemon" if self.daemon else ""
        args = (verb, self.app, self.backend, patience, name, self.place, self.script, self.cwd, daemon)
        return Job(
            script=START_SCRIPT, args=args, timeout=120.0, doing=f"pm2 {verb.removeprefix('un')} {self.app}"
        )

    def _run(self, target: Target, job: Job) -> None:
        answer = target.run(job)
        if not answer.exit_code:
            return
        said = answer.error_text.strip().rpartition("\n")[2]
        if answer.exit_code == SOMEBODY_ELSES:
            raise Conflict(self.app, "was started by somebody else since", "decide by hand")
        what, todo = {
            NO_DAEMON: ("pm2 does not run any more", "look at pm2 on the host"),
            NO_PM2: ("there is no pm2 or no node, or it does not start", "look at pm2 on the host"),
            NO_DEFINITION: (said, "name the file in `file`, or give `script`"),
        }.get(answer.exit_code, (f"did not come up after `{job.doing}`", "read its error log"))
        raise Failed(self.app, what, todo, output=answer.error_text)


STEPS: tuple[type[Step], ...] = (Pm2Started, Pm2Start)
