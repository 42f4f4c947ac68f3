"""pm2: what it saved of an app for the next boot, brought up to date once a cure has held. Saves no other app.

Facts (pm2 7.0.4, read and measured): `pm2 save` writes `pm2_env` of every app of the daemon into PM2_HOME/dump.pm2,
without `instances`, `pm_id` and `prev_restart_delay`, readable for everybody; `pm2 resurrect` starts what it names. So
saving by that command would also save what somebody else does to another app meanwhile.
"""

import re
from typing import ClassVar

from remediate.errors import Conflict, CouldNotLook, Failed
from remediate.model import Change, Fidelity, Forecast, Undo, WayBack
from remediate.promise import Need, Promise
from remediate.providers.pm2 import OneApp
from remediate.providers.pm2_host import NO_APP, PM2_BEGIN, PM2_RUNS
from remediate.providers.pm2_starting import PM2_START
from remediate.questions import Answers, NotKnown, Run, RunAnswer, Value
from remediate.steps import Action, Questions, Step
from remediate.target import Job, Target

DUMP_SCRIPT = (
    PM2_RUNS
    + """
# Tells by its exit code whether anything was saved for the next boot.
[ -s "$home/dump.pm2" ]
"""
)
SAVED_SCRIPT = (
    PM2_BEGIN
    + PM2_START
    + r"""
// A further argument: the digest of what was saved when the change was planned. `look` prints that digest, and the
// one of what runs; both are slowly made of all that the app is given, so that nobody can try out values by them.
const crypto = require('node:crypto')
const [planned] = more
const dump = path.join(home, 'dump.pm2')
const UNSAVED = ['instances', 'pm_id', 'prev_restart_delay']

const sum = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex')
const mine = (entries) => entries.filter((one) => one.name === app)
const running = () => list().filter((one) => one.name === app).map(({ pm2_env: env }) =>
  Object.fromEntries(Object.entries(env).filter(([key]) => !UNSAVED.includes(key))))

// Each start draws another unique_id.
const means = ({ pm_exec_path: script, pm_cwd: cwd, exec_interpreter: interpreter, args, node_args: flags,
  exec_mode: mode, status, env = {} }) => [script, cwd, interpreter, args, flags, mode, status === 'stopped',
  Object.entries(env).filter(([key]) => key !== 'unique_id').map(([key, value]) => [key, String(value)]).sort()]
const digest = (entries) => entries.length === 0 ? '' : crypto.scryptSync(
  JSON.stringify(entries.map(means)), app, 16, { N: 2 ** 14, r: 8, p: 1, maxmem: 64 * 2 ** 20 }).toString('hex')

const saved = (bytes) => {
  try { const entries = JSON.parse(bytes); return Array.isArray(entries) ? entries : null } catch { return null }
}

// Another file in its place, with the same owner, rights and time: half a dump would start nothing.
const write = (bytes, like, when) => {
  const file = fs.openSync(`${dump}.remediate`, 'w', 0o600)
  fs.writeSync(file, bytes)
  fs.fchmodSync(file, like.mode)
  if (when) fs.futimesSync(file, when, when)
  fs.fsyncSync(file)
  fs.closeSync(file)
  fs.renameSync(`${dump}.remediate`, dump)
}

const save = () => {
  const like = fs.statSync(dump)
  const before = fs.readFileSync(dump)
  const entries = saved(before)
  if (!entries || digest(mine(entries)) !== planned) fail(9, `somebody else has saved another ${app} since`)
  const ours = running()
  if (!ours.length) fail(4, `pm2 knows no app called ${app}`)
  const first = entries.findIndex((one) => one.name === app)
  const others = entries.filter((one) => one.name !== app)
  others.splice(first < 0 ? others.length : first, 0, ...ours)
  const after = JSON.stringify(others, null, 2)
  keep({ app, before: before.toString('base64'), when: like.mtimeMs / 1000, after: sum(after), ours: digest(ours) })
  write(after, like)
}

const unsave = () => {
  if (!fs.existsSync(kept)) return
  const was = JSON.parse(fs.readFileSync(kept, 'utf8'))
  if (was.app !== app) fail(8, `${kept} is of another app`)
  const before = Buffer.from(was.before, 'base64')
  const now = fs.readFileSync(dump)
  if (sum(now) === was.after) write(before, fs.statSync(dump), was.when)
  else if (sum(now) !== sum(before)) {
    const entries = saved(now)
    if (!entries || digest(mine(entries)) !== was.ours) fail(9, `somebody else has saved another ${app} since`)
    const others = entries.filter((one) => one.name !== app)
    write(JSON.stringify([...others, ...mine(saved(before))], null, 2), fs.statSync(dump))
  }
  fs.rmSync(kept)
}

if (verb === 'look') {
  const entries = fs.existsSync(dump) && saved(fs.readFileSync(dump))
  const digests = entries ? { saved: digest(mine(entries)), runs: digest(running()) } : {}
  console.log(JSON.stringify({ daemon: true, ...digests }))
}
if (verb === 'save') save()
if (verb === 'unsave') unsave()
NODE
"""
)
SOMEBODY_ELSES = 9


class Pm2Save(OneApp, Action):
    """Brings what pm2 saved of the app for the next boot up to date with how it runs; made once the cure has held.

    Where nothing was ever saved on the host, or nothing that can be read, nothing is done: what starts the app at boot
    is then something else. Of other apps the dump keeps what it has, which `pm2 save` would not.
    """

    kind: ClassVar[str] = "pm2.save"
    tells: ClassVar[str] = (
        "Brings what pm2 has saved of the app for the next boot up to date with how it runs, once the "
        "cure has held; what is saved of other apps stays"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "how the app runs is known only once the cure has held"},
        back={WayBack.EXACT: "the dump as it was is kept for its owner only, and put back"},
        risks=("config",),
    )
    once_verified: ClassVar[bool] = True

    @property
    def dump(self) -> Run:
        """The question whether pm2 has saved anything."""
        return Run(script=DUMP_SCRIPT, args=("look", self.app, self.backend), about=(self._fact,))

    @property
    def compared(self) -> Run:
        """The question for the digests of what is saved and of what runs."""
        args = ("look", self.app, self.backend, "", "")
        return Run(script=SAVED_SCRIPT, args=args, about=(f"process:{self.app}", self._fact))

    @property
    def _fact(self) -> str:
        return f"saved:{self.app}"

    def ask(self) -> Questions:
        """Return the questions whether anything is saved, and whether that is what runs."""
        return (self.dump, self.compared)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one change, or nothing where nothing is saved, or what is saved is what runs.

        Raises:
            CouldNotLook: pm2 did not answer.
        """
        if answers[self.dump].exit_code:
            return ()
        try:
            found = read_saved(self.app, answers[self.compared])
        except NotKnown as unknown:
            return (self._change("", assumed=unknown.because),)
        if found.saved == found.runs or not found.runs:
            return ()
        then = found.model_copy(update={"saved": found.runs})
        answer = RunAnswer(exit_code=0, stdout=then.model_dump_json().encode())
        return (self._change(found.saved, Forecast(question=self.compared, answer=answer)),)

    def _change(self, saved: str, *forecasts: Forecast, assumed: str = "") -> Change:
        return Change(
            what=f"save {self.app} as it runs for the next boot",
            target=f"{self.app} in pm2's dump",
            notes=("made once the cure has held", "what the dump has of other apps stays as it is"),
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.EXACT,
            way_back_note="the dump as it was is kept in PM2_HOME for its owner only, and put back",
            risk="config",
            alters=(self._fact,),
            forecasts=forecasts,
            data={
                "saved": saved,
                "name": f"save-{re.sub(r'[^A-Za-z0-9_.-]', '_', self.app)[:40]}-{saved[:16]}",
            },
            assumed=assumed,
        )

    def apply(self, target: Target, change: Change) -> None:
        """Put the app as it runs in place of what the dump has of it."""
        self._run(target, "save", change.data)

    def undo(self, target: Target, undo: Undo) -> None:
        """Put the dump back; where somebody has saved since, only what it has of this app.

        Raises:
            Conflict: Somebody has saved this app otherwise since; the dump was not touched.
        """
        self._run(target, "unsave", undo.data)

    def _run(self, target: Target, verb: str, data: dict[str, str]) -> None:
        args = (verb, self.app, self.backend, "", data["name"], data["saved"])
        answer = target.run(Job(script=SAVED_SCRIPT, args=args, timeout=60.0, doing=f"pm2 {verb} {self.app}"))
        if answer.exit_code == SOMEBODY_ELSES:
            raise Conflict(self.app, "was saved otherwise by somebody else since", "decide by hand: pm2 save")
        if answer.exit_code == NO_APP:
            raise Failed(self.app, "pm2 knows no app of that name any more", "look at pm2 on the host")
        if answer.exit_code:
            what = "could not be saved for the next boot" if verb == "save" else "its dump was not put back"
            raise Failed(self.app, what, "look at PM2_HOME on the host", output=answer.error_text)


class Saved(Value):
    """What pm2 saved of an app, and what it runs, each by a digest; empty where there is none.

    Attributes:
        daemon: Whether pm2 runs.
        saved: Of what would be started at the next boot.
        runs: Of what runs.
    """

    daemon: bool
    saved: str = ""
    runs: str = ""


def read_saved(app: str, answer: RunAnswer) -> Saved:
    """Return what was seen.

    Raises:
        CouldNotLook: pm2 did not answer.
    """
    if answer.exit_code:
        said = answer.error_text.strip().rpartition("\n")[2] or f"exit code {answer.exit_code}"
        raise CouldNotLook(app, f"pm2 could not be asked: {said}", "try pm2 on the host")
    return Saved.model_validate_json(answer.text.strip().rpartition("\n")[2])


STEPS: tuple[type[Step], ...] = (Pm2Save,)
