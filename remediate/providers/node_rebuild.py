"""Node: a build made anew though it looks up to date, where the app dies of it again and again. Judges no sources.

What a build does when it is started stands in no time of a file: somebody edited it, a disk lost a piece of it.
"""

from typing import ClassVar

from pydantic import Field

from remediate.model import Change, Fidelity, WayBack, digest_of
from remediate.promise import Need, Promise
from remediate.providers.node import NodeBuild
from remediate.providers.node_host import state_of
from remediate.providers.node_tried import was_tried
from remediate.providers.pm2_host import Process, newest_question, processes_question, read_seen
from remediate.questions import Answers, NotKnown, Run
from remediate.steps import Questions, Step


class NodeRebuild(NodeBuild):
    """Builds in a copy and swaps the build in, where the app was started with the one that is there and does not live.

    A build that the app was not started with since it changed is left alone: it has to be tried first.
    """

    kind: ClassVar[str] = "node.rebuild"
    tells: ClassVar[str] = (
        "Builds in a copy beside the backend, where the app was started with the build that is there and "
        "does not live, and swaps the result in by renaming"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE, Need.NPM, Need.PM2)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "what will run is known, and what it builds is not"},
        back={WayBack.EXACT: "the build from before is kept beside the new one, and renamed back"},
        risks=("build",),
        meanwhile="the build takes time and disk; the build that is there stays until it is done",
    )
    app: str = Field(default="{{ app.name }}", description="The app's exact name in pm2.")

    @property
    def processes(self) -> Run:
        """The question for the app's processes."""
        return processes_question(self.app, self.backend)

    @property
    def newest(self) -> Run:
        """The question when the build last changed."""
        return newest_question(self.backend, (self.out,))

    def ask(self) -> Questions:
        """Return the questions for sources and build, and for the processes."""
        return (*super().ask(), self.processes, self.newest)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one build, or nothing where the app lives, or was not started with this build yet."""
        try:
            seen, assumed = read_seen(self.app, answers[self.processes]), ""
            tried = not any(_lives(one) for one in seen.processes) and was_tried(seen, answers[self.newest])
            name = digest_of(["anew", state_of(answers[self.built]), self.place])[:12]
        except NotKnown as unknown:
            tried, assumed, name = True, unknown.because, ""
        why = {f"{self.app} does not live with the build that is there": [self.out]}
        return (self._build(why, name, assumed, self.hazards(answers)),) if tried else ()


def _lives(one: Process) -> bool:
    return one.online and not one.again


STEPS: tuple[type[Step], ...] = (NodeRebuild,)
