"""Where healing left something to a person, which only a look of its own can end: those who heal look once more.

Where they could not, they are asked again, later each time. It decides that, and looks at nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from remediate.watching.concerns import LONGEST_PAUSE
from remediate.watching.work import Errand, Work

REASON = "watch: whether what was left is gone"
"""Why a host is looked at once more by those who heal, though nothing is wrong there as far as we see."""

PAUSE = 60.0
"""Seconds after which a look that could not be had is asked for again; doubled each time."""


@dataclass(frozen=True)
class Healing:
    """How healing ended on a host.

    Attributes:
        concerned: Whether anything gives cause for concern there.
        well: Whether it says that all is well.
        looked: Whether it could look.
        mute: Whether it said nothing of what became of anything: then it left nothing to anybody.
        playbooks: Those that were asked, empty: all; what others left may still be there.
    """

    concerned: bool
    well: bool
    looked: bool
    mute: bool
    playbooks: tuple[str, ...]


@dataclass(frozen=True)
class Failed:
    """The looks that could not be had, of one host.

    Attributes:
        times: How many, one after the other.
        due: When it is asked for again, on a stopwatch.
    """

    times: int = 0
    due: float = float("-inf")

    def again(self, now: float) -> "Failed":
        """Return it after another one: the next time is later."""
        return Failed(self.times + 1, now + min(PAUSE * 2.0 ** min(self.times, 16), LONGEST_PAUSE))


@dataclass
class Closing:
    """What was left in one environment.

    Attributes:
        left: Where healing left something to a person, and the playbooks that were asked there; empty: all.
        failed: The looks that could not be had, by host.
    """

    left: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failed: dict[str, Failed] = field(default_factory=dict)

    def keep(self, hosts: Iterable[str]) -> None:
        """Forget all hosts but these."""
        kept = set(hosts)
        self.left = {host: playbooks for host, playbooks in self.left.items() if host in kept}

    def hosts(self, known: Iterable[str], concerned: Collection[str], now: float) -> tuple[str, ...]:
        """Return the hosts that are to be looked at once more, now.

        Args:
            known: All hosts, in order.
            concerned: Those where anything gives cause for concern: they are healed as it is.
            now: On a stopwatch.
        """
        due = {host for host in self.left if self.failed.get(host, Failed()).due <= now}
        return tuple(host for host in known if host in due and host not in concerned)

    def errand(self, environment: str, hosts: Collection[str]) -> Errand | None:
        """Return the errand that looks once more: by the playbooks that were asked, and no others.

        Args:
            environment: The inventory's environment.
            hosts: What `hosts` returns; where others were asked than on the first one, its turn is later.
        """
        for first in hosts:
            alike = tuple(host for host in hosts if set(self.left[host]) == set(self.left[first]))
            return Errand(environment, Work.HEAL, alike, self.left[first], reason=REASON)
        return None

    def healed(self, host: str, healing: Healing, now: float) -> None:
        """Note how healing ended on a host; one without a concern was looked at to close what was left.

        Args:
            host: The host's name.
            healing: How it ended.
            now: On a stopwatch.
        """
        if healing.concerned and healing.mute:
            return
        failed = self.failed.pop(host, Failed())
        if healing.concerned and not healing.well:
            self.left[host] = together(self.left.get(host, healing.playbooks), healing.playbooks)
        elif not healing.concerned and not healing.looked:
            self.failed[host] = failed.again(now)
        elif not healing.concerned or not healing.playbooks:
            self.left.pop(host, None)


def together(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Return the playbooks that two healings asked; empty: all, as soon as one of them did."""
    return tuple(dict.fromkeys((*one, *other))) if one and other else ()
