"""pm2: an app started anew without variables that pm2 holds for it, so that its `.env` counts. Edits no file of it.

Facts (pm2 7.0.4, measured): what pm2 holds for a process wins over `.env` at every restart, and `restart --update-env`
never removes a variable; only deleting the app and starting it from its definition does. The definition is the one
that pm2 has of the running app, not an ecosystem file: that may start other apps, and may have changed.
"""

from typing import ClassVar

from pydantic import Field

from remediate.errors import Conflict, Failed, Stale
from remediate.model import Change, Fidelity, Undo, WayBack, digest_of
from remediate.providers.env_file import EnvFile
from remediate.providers.env_host import (
    SHOWN,
    Started,
    environ_question,
    key_question,
    mark_of,
    read_started,
    shown,
)
from remediate.providers.pm2_host import NO_APP, PM2_BEGIN
from remediate.providers.pm2_starting import PM2_START
from remediate.questions import Answers, Run
from remediate.steps import Action, Questions, Step
from remediate.target import Job, Target
from remediate.text.dotenv import value_among

RECREATE_SCRIPT = (
    PM2_BEGIN
    + PM2_START
    + r"""
// Further arguments of `recreate`: the variables to leave out. The definition as it was is what is kept.
const crypto = require('node:crypto')
const unwanted = more

const SAME = ['name', 'namespace', 'args', 'node_args', 'interpreter_args', 'exec_mode', 'instances', 'watch',
  'ignore_watch', 'autorestart', 'max_restarts', 'min_uptime', 'restart_delay', 'exp_backoff_restart_delay',
  'kill_timeout', 'listen_timeout', 'wait_ready', 'max_memory_restart', 'cron_restart', 'time', 'log_date_format',
  'log_type', 'disable_logs', 'source_map_support', 'disable_source_map_support', 'treekill', 'stop_exit_codes',
  'shutdown_with_message', 'vizion', 'uid', 'gid', 'merge_logs', 'pmx', 'automation', 'filter_env', 'instance_var',
  'increment_var']

const log = (file, env, id) => (file && !env.merge_logs ? file.replace(`-${id}.log`, '.log') : file)

const definition = () => {
  const mine = list().filter((one) => one.name === app)
  if (!mine.length) return null
  const { pm_id: id, pm2_env: env } = mine[0]
  const { unique_id: _, ...variables } = env.env || {}
  const same = Object.fromEntries(SAME.filter((key) => env[key] !== undefined).map((key) => [key, env[key]]))
  return {
    ...same, name: app, script: env.pm_exec_path, cwd: env.pm_cwd, interpreter: env.exec_interpreter,
    out_file: log(env.pm_out_log_path, env, id), error_file: log(env.pm_err_log_path, env, id),
    env: variables, stopped: mine.every((one) => one.pm2_env.status === 'stopped'), instances: mine.length,
  }
}

const digest = (one) => crypto.createHash('sha256').update(JSON.stringify(one)).digest('hex')

const recreate = () => {
  const before = definition()
  if (!before) fail(4, `pm2 knows no app called ${app}`)
  keep({ before })
  remove()
  start({ ...before, env: Object.fromEntries(Object.entries(before.env).filter(([key]) => !unwanted.includes(key))) })
  settle(Number(wish))
  keep({ before, after: digest(definition().env) })
}

const putBack = () => {
  if (!fs.existsSync(kept)) return
  const { before, after } = JSON.parse(fs.readFileSync(kept, 'utf8'))
  const now = definition()
  if (now && after && digest(now.env) !== after) fail(9, `${app} was given another environment since`)
  remove()
  start(before)
  if (before.stopped) pm2('stop', ...processes().map((one) => String(one.id)))
  else if (wish !== 'any') settle(Number(wish))
  fs.rmSync(kept)
}

if (verb === 'recreate') recreate()
if (verb === 'put-back') putBack()
NODE
"""
)
PATIENCE = "20"
SOMEBODY_ELSES = 9


class Pm2Recreate(EnvFile, Action):
    """Starts the app anew from pm2's own definition of it, less those variables that it holds otherwise than `.env`.

    Nothing is done where pm2 holds none, or the same value. `pm2 save` is left to the operator: what was saved for the
    next boot is untouched.
    """

    kind: ClassVar[str] = "pm2.recreate"
    undo_last: ClassVar[bool] = True
    app: str = Field(default="{{ app.name }}", description="The app's exact name in pm2.")
    keys: list[str] = Field(min_length=1, description="The variables that are to come from `.env`.")

    @property
    def started(self) -> Run:
        """The question what the processes were started with."""
        return environ_question(self.app, tuple(self.keys))

    def ask(self) -> Questions:
        """Return the questions for the file, the key of fingerprints, and the processes."""
        return (self.content, key_question(), self.started)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one recreation, or nothing where no process was given another value than the file's."""
        given = self.entries_in(answers)
        values = {key: value for key in self.keys if (value := value_among(given, key)) is not None}
        processes = read_started(answers[self.started])
        held = sorted(
            {key for key in values for one in processes if _differs(answers, one, key, values[key])}
        )
        return (self._change(answers, processes, {key: values[key] for key in held}),) if held else ()

    def _change(self, answers: Answers, processes: tuple[Started, ...], values: dict[str, str]) -> Change:
        held = [
            f"pm2 holds {key}=•{one.marks[key][:SHOWN]}, which goes; {self.place} says {shown(answers, value)}"
            for key, value in values.items()
            for one in processes
            if key in one.marks
        ]
        return Change(
            what=f"start {self.app} anew without {', '.join(values)}",
            target=self.app,
            script=f"pm2 delete {self.app}; pm2 start DEFINITION",
            notes=(
                *held,
                "away for about two seconds",
                "its number in pm2 and its restart counter begin anew",
            ),
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.EQUIVALENT,
            way_back_note="started anew from the definition it had, which is kept in PM2_HOME for its owner only",
            risk="restart",
            alters=(f"process:{self.app}",),
            data={"name": digest_of([one.marks for one in processes])[:12], "keys": list(values)},
        )

    def apply(self, target: Target, change: Change) -> None:
        """Delete, start, and wait until it is up."""
        if self.plan(target.answer(self.ask())) == ():
            raise Stale(self.app, "is no longer what the plan was made from", "run plan again")
        job = self._job("recreate", PATIENCE, change.data["name"], *change.data["keys"])
        self._run(target, job)

    def undo(self, target: Target, undo: Undo) -> None:
        """Delete, and start from the definition that was kept. What was no good before need not be good again."""
        self._run(target, self._job("put-back", "any", undo.data["name"]))

    def _job(self, verb: str, patience: str, *more: str) -> Job:
        args = (verb, self.app, self.backend, patience, *more)
        return Job(script=RECREATE_SCRIPT, args=args, timeout=120.0, doing=f"pm2 {verb} {self.app}")

    def _run(self, target: Target, job: Job) -> None:
        answer = target.run(job)
        if answer.exit_code == NO_APP:
            raise Failed(self.app, "pm2 knows no app of that name any more", "look at pm2 on the host")
        if answer.exit_code == SOMEBODY_ELSES:
            raise Conflict(self.app, "was given another environment by somebody else since", "decide by hand")
        if answer.exit_code:
            what = f"did not come up after `{job.doing}`"
            raise Failed(self.app, what, "read its error log", output=answer.error_text)


def _differs(answers: Answers, process: Started, key: str, value: str) -> bool:
    mark = mark_of(answers, value)
    return process.marks.get(key, mark) != mark


STEPS: tuple[type[Step], ...] = (Pm2Recreate,)
