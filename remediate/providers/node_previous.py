"""Node: the build from before, which a deployment keeps beside the live one, put back where that one does no good.

It makes no build and keeps none: what `node.build` put aside is `rollback`'s, not this action's.
"""

import posixpath
from typing import ClassVar

from pydantic import Field

from remediate.errors import Conflict, Failed, Stale
from remediate.model import Change, Fidelity, Undo, WayBack, digest_of
from remediate.promise import Need, Promise
from remediate.providers.fingerprint import FINGERPRINT
from remediate.providers.node import BUILD_PATH, NAME
from remediate.providers.node_host import RELATIVE_REQUIRES, SOMEBODY_ELSES, THERE
from remediate.providers.node_tried import was_tried
from remediate.providers.pm2_host import newest_question, processes_question, read_seen
from remediate.questions import Answers, NotKnown, Run
from remediate.steps import Action, Questions, Step
from remediate.target import Job, Target

KEPT_SCRIPT = """
# $1 the backend's directory, $2 the build from before, $3 the file of it that is started. Prints both times of change;
# nothing where there is no such build.
cd -- "$1" || exit 3
[ ! -L "$2" ] && [ -f "$2/$3" ] || exit 0
LC_ALL=C find "$2" -maxdepth 0 -printf '%T@ '
LC_ALL=C find "$2/$3" -printf '%T@\\n'
"""
PREVIOUS_SCRIPT = f"""
# $1 the backend's directory, $2 that of its build, $3 the build from before, $4 the file of it that is started, $5 this
# change's own name. Looks whether the build from before can be started, and swaps it in by renaming.
{FINGERPRINT}{THERE}
cd -- "$1" || exit 3
kept=.$2.remediate-$5
give_up() {{ echo "$2" >&2; there "$kept/before" || rm -rf -- "$kept"; exit "$1"; }}
[ ! -L "$3" ] && [ -d "$3" ] || give_up 4 "there is no $3 any more"
node --check "$3/$4" || give_up 5 "$3/$4 is no script that Node can read"
lost=$(node - "$3" <<'NODE'
{RELATIVE_REQUIRES}
NODE
) || give_up 5 'its imports could not be read'
[ "$lost" = '[]' ] || give_up 5 "imports of it lead nowhere: $lost"
there "$kept/before" && give_up 3 "$kept/before was kept by a run that was cut: put it back, or move it away"
rm -rf -- "$kept"
mkdir -m 700 -- "$kept" || exit 3
fingerprint "$3" >"$kept/after"
if there "$2"; then
    mv -T -- "$2" "$kept/before" || give_up 3 'the build that is there could not be moved aside'
else
    : >"$kept/none"
fi
mv -T -- "$3" "$2" && exit 0
! there "$kept/before" || there "$2" || mv -T -- "$kept/before" "$2"
! there "$kept/before" || echo "the build that was there is in $kept/before" >&2
give_up 3 'it could not be put in its place'
"""
UNPREVIOUS_SCRIPT = f"""
# $1 the backend's directory, $2 that of its build, $3 the build from before, $4 the change's own name. Puts both back
# where they were; nothing is done where that was done before, or where nothing had been swapped.
{FINGERPRINT}{THERE}
cd -- "$1" || exit 3
kept=.$2.remediate-$4
ours() {{ [ ! -L "$1" ] && [ "$(fingerprint "$1")" = "$(cat "$kept/after")" ]; }}
[ -d "$kept" ] || exit 0
if there "$kept/before" || [ -e "$kept/none" ]; then
    if there "$2"; then
        ours "$2" && ! there "$3" || exit {SOMEBODY_ELSES}
        mv -T -- "$2" "$3" || exit 3
    fi
    ! there "$kept/before" || mv -T -- "$kept/before" "$2" || exit 3
fi
rm -rf -- "$kept"
"""


class NodePrevious(Action):
    """Puts the build from before in the place of one that the app was started with, and keeps that for the way back.

    A build that the app was not started with since it changed is left alone: it has to be tried first. The sources stay
    as they are, so the next build brings back what is in them.
    """

    kind: ClassVar[str] = "node.previous"
    tells: ClassVar[str] = (
        "Puts the build that the deployment kept as {previous} in the place of the one that is there, "
        "where the app was started with that. The sources stay as they are"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE, Need.PM2)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""}, back={WayBack.EXACT: "both builds are renamed back"}, risks=("build",)
    )
    backend: str = Field(default="{{ app.backend }}", description="Absolute path of the backend.")
    app: str = Field(default="{{ app.name }}", description="The app's exact name in pm2.")
    out: str = Field(default="dist", pattern=NAME, description="Directory of the build below the backend.")
    previous: str = Field(
        default="dist.previous",
        pattern=BUILD_PATH,
        description="Where the build from before is kept, below it.",
    )
    entry: str = Field(
        default="index.js", pattern=BUILD_PATH, description="The file in the build that is started."
    )

    @property
    def place(self) -> str:
        """Absolute path of the backend, without a slash at its end."""
        return posixpath.normpath(self.backend)

    @property
    def kept(self) -> Run:
        """The question for the build from before."""
        about = (f"file:{self.place}/{self.previous}",)
        return Run(script=KEPT_SCRIPT, args=(self.place, self.previous, self.entry), about=about)

    @property
    def processes(self) -> Run:
        """The question for the app's processes."""
        return processes_question(self.app, self.backend)

    @property
    def newest(self) -> Run:
        """The question when the build last changed."""
        return newest_question(self.backend, (self.out,))

    def ask(self) -> Questions:
        """Return the questions for both builds and the processes."""
        return (self.kept, self.processes, self.newest)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one swap, or nothing where no build is kept, or the one that is there was not tried."""
        kept = answers[self.kept].text
        if not kept:
            return ()
        try:
            seen = read_seen(self.app, answers[self.processes])
            tried, assumed = was_tried(seen, answers[self.newest]), ""
            name = digest_of([kept, self.place, self.previous])[:12]
        except NotKnown as unknown:
            tried, assumed, name = True, unknown.because, ""
        return (self._swap(name, assumed),) if tried else ()

    def _swap(self, name: str, assumed: str) -> Change:
        return Change(
            what=f"put {self.previous} in the place of {self.out}",
            target=posixpath.join(self.place, self.out),
            script=f"mv {self.previous} {self.out}",
            notes=("the sources stay as they are: the next build brings back what is in them",),
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EXACT,
            way_back_note=f"both renamed back; the build that is there stays as .{self.out}.remediate-…",
            risk="build",
            alters=(f"file:{self.place}/{self.out}", f"file:{self.place}/{self.previous}"),
            data={"name": name},
            assumed=assumed,
        )

    def apply(self, target: Target, change: Change) -> None:
        """Look whether it can be started, and swap."""
        if not change.data["name"]:
            raise Stale(self.place, "was planned without knowing what is there", "run plan again")
        args = (self.place, self.out, self.previous, self.entry, change.data["name"])
        answer = target.run(
            Job(script=PREVIOUS_SCRIPT, args=args, timeout=60.0, doing=f"put {self.previous} back")
        )
        if answer.exit_code:
            why = answer.error_text.strip().rpartition("\n")[2]
            raise Failed(self.place, f"{self.previous} was not put back: {why}", f"look at {self.out}")

    def undo(self, target: Target, undo: Undo) -> None:
        """Rename both back."""
        args = (self.place, self.out, self.previous, undo.data["name"])
        answer = target.run(
            Job(script=UNPREVIOUS_SCRIPT, args=args, timeout=60.0, doing=f"put {self.out} back")
        )
        if answer.exit_code == SOMEBODY_ELSES:
            where, todo = f"{self.place}/{self.out}", "decide by hand which to keep"
            raise Conflict(where, "was built again by somebody else since", todo)
        if answer.exit_code:
            raise Failed(self.place, f"{self.out} could not be put back", output=answer.error_text)


STEPS: tuple[type[Step], ...] = (NodePrevious,)
