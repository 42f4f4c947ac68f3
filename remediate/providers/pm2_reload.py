"""pm2: an app reloaded where it runs what is old: in cluster mode one process after the other. Starts no new app."""

from typing import ClassVar

from remediate.model import Fidelity, WayBack
from remediate.promise import Need, Promise
from remediate.providers.pm2 import Pm2Restart
from remediate.providers.pm2_host import Seen
from remediate.steps import Step

CLUSTER = "cluster_mode"


class Pm2Reload(Pm2Restart):
    """Reloads the app where a process is older than what it runs, or is not online; else does nothing.

    In cluster mode each process goes on answering until its successor does, but does not end what it has in hand then:
    of a process a request or none is lost for each client, whose own patience ends most of them (pm2 7.0.4, measured:
    12 processes reloaded under 4 clients lost 7 of 3,200 requests). In fork mode there is nobody to answer meanwhile,
    so a reload is a restart there, and the plan says so.
    """

    kind: ClassVar[str] = "pm2.reload"
    tells: ClassVar[str] = (
        "Reloads the app, where a process is older than what it runs ({runs}) or is not online"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "that it is reloaded is known, and how it comes up is not"},
        back={WayBack.EQUIVALENT: "it is reloaded once more"},
        risks=("restart",),
        meanwhile="in cluster mode requests in hand can be lost; in fork mode the app is away for about a second",
    )
    verb: ClassVar[str] = "reload"

    def notes(self, seen: Seen) -> tuple[str, ...]:
        """Say whether the app will be away."""
        if seen.processes and all(one.mode == CLUSTER for one in seen.processes):
            return (
                "in cluster mode: each process answers until its successor does; requests in hand can be lost",
            )
        return ("not in cluster mode, so this is a restart: it is away for about a second",)


STEPS: tuple[type[Step], ...] = (Pm2Reload,)
