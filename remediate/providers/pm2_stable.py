"""pm2: whether an app dies again and again, and of what. It looks; what is to be done about it is a playbook's matter.

Facts (pm2 7.0.4, measured): one that dies young 16 times is `errored`; with a delay between its starts it may be shown
as `waiting restart` for ever; one that once ran for a while is `online` at any moment, however often it dies.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from remediate.model import Finding
from remediate.promise import Need
from remediate.providers.pm2 import OneApp
from remediate.providers.pm2_host import Log, Process, Seen, read_seen
from remediate.questions import Answers
from remediate.steps import Check, Questions, Step

DYING = ("errored", "waiting restart")
SHOWN = 5
_REASON = re.compile(r"^(?:Uncaught )?[\w$.]*(?:Error|Exception)\b|^\S+: error |\bFATAL\b")
_NO_REASON = re.compile(r"^\s*$|^\s+at |^Node\.js v|^\s*\^+\s*$")


class Pm2Stable(OneApp, Check):
    """Whether no process of the app dies again and again; one that is stopped, or not there, does not.

    Facts for later steps: `reason`, what the log says of the last death, and `codes`, the exit codes.
    """

    kind: ClassVar[str] = "pm2.stable"
    tells: ClassVar[str] = (
        "Looks whether any process of the app dies again and again, and what the log says of the last death"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)

    def ask(self) -> Questions:
        """Return the question for the app's processes."""
        return (self.processes,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Look at what pm2 calls each process, and how often it started it again meanwhile."""
        del first
        seen = read_seen(self.app, now[self.processes])
        dying = dying_of(seen)
        said = last_words(seen.logs, dying)
        codes = [one.code for one in dying]
        told = "; ".join(_told(self.app, one) for one in dying)
        reason = said[0] if said else ""
        return Finding(
            healthy=not dying,
            seen=f"{told}: {reason or 'its log says nothing of why'}"
            if told
            else f"{self.app} does not die again",
            evidence=tuple(said),
            facts={"reason": reason, "codes": list(codes)},
        )


def dying_of(seen: Seen) -> tuple[Process, ...]:
    """Return the processes that die again and again, or did so until pm2 gave up."""
    return tuple(one for one in seen.processes if one.again or one.status in DYING)


def last_words(logs: Iterable[Log], dying: tuple[Process, ...]) -> list[str]:
    """Return what the error logs say of the last death, its reason first; nothing from before the last start."""
    texts = [
        log.last(log.size).decode("utf-8", "backslashreplace")
        for log in logs
        if any(log.path == one.error and (one.again or log.changed >= one.since) for one in dying)
    ]
    lines = [line.rstrip() for text in texts for line in text.splitlines()]
    reasons = [number for number, line in enumerate(lines) if _REASON.search(line)]
    if reasons:
        return lines[reasons[-1] : reasons[-1] + SHOWN]
    return [line for line in lines if not _NO_REASON.search(line)][-1:]


def _told(app: str, one: Process) -> str:
    code = "" if one.code is None else f", exit code {one.code}"
    return f"{app} dies again and again ({one.status}, {one.restarts} restarts{code})"


STEPS: tuple[type[Step], ...] = (Pm2Stable,)
