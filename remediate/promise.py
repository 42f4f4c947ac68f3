"""What an action promises of every change that it will ever make, said before anything is asked. It plans nothing.

A law holds each change that the cases make against it (`tests/laws/laws.py`), so that it cannot say less than is true.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from remediate.model import Change, Fidelity, Json, Risk, WayBack
from remediate.questions import Value

LOCK_WAIT = "a lock is waited for 1 s at a time, five times at most"
"""How long a statement of ours stands in a queue that others have to stand in behind it."""


class Need(StrEnum):
    """What must be there for a step to look, or to act."""

    DATABASE = "The app's database, under `database:` in the inventory, reached through the SSH connection"
    CURL = "`curl` on the host: requests are made from there"
    NODE = "Node.js on the host"
    NPM = "npm on the host, and package-lock.json with the app"
    PM2 = "pm2 on the host, of the user who runs the app"
    PRISMA = "Prisma's command line among the app's own packages"
    TSC = "The TypeScript compiler among the app's own packages"
    SYSTEMD = "systemd on the host"


class Promise(Value):
    """What holds of every change of an action.

    Attributes:
        fidelity: How true its preview can be, each with when it is so, in a clause; empty: always.
        back: How good its way back can be, each with how it is walked, or why there is none.
        risks: The classes of risk it can have.
        meanwhile: What others notice while it is made.
    """

    fidelity: Mapping[Fidelity, str]
    back: Mapping[WayBack, str]
    risks: tuple[Risk, ...]
    meanwhile: str = ""

    def with_way_back(self, written: Json, reason: Json) -> "Promise":
        """Return what holds where a playbook says itself whether there is a way back.

        Args:
            written: What it says as `way_back`; None where it says how it is taken back instead.
            reason: Why there is none.
        """
        if written not in (None, WayBack.NONE.value):  # a template: either may come of it
            return self
        back = {way: how for way, how in self.back.items() if way is not WayBack.NONE}
        return self.model_copy(update={"back": {WayBack.NONE: str(reason)} if written else back})

    def broken_by(self, change: Change) -> Iterator[str]:
        """Return what of a change was not promised, one clause each."""
        if change.fidelity not in self.fidelity:
            yield f"its preview is {change.fidelity}"
        if change.way_back not in self.back:
            yield f"its way back is {change.way_back}"
        if change.risk not in self.risks:
            yield f"its risk is {change.risk}"
