"""What a soak plays and what has to come of it, drawn from a seed. It breaks nothing and reaches no host.

What is expected is computed apart from the code: from what a playbook may do without a person, how often it was healed
on that host within the hour, and whether anybody has a cure at all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

HEALED, PROPOSED, ESCALATED = "healed", "proposed", "escalated"
ANYBODY, DATABASE = 1, 2
"""The levels of the runbook's contacts that a fault is for."""
RECURS, TRIED, BREAKER = "does not recur", "attempts are left", "breaker is closed"
SERVICE, EVERYTHING = "the service", "everything"
"""What is killed: the service alone, or what it has started, too, as systemd does."""


@dataclass(frozen=True)
class Fate:
    """What must become of a fault.

    Attributes:
        playbook: Whose fault it is.
        became: How it must end.
        because: The condition that must be told as the one that decides; empty where it is healed.
        level: The level of whoever is called; 0 where nobody is.
    """

    playbook: str
    became: str = HEALED
    because: str = ""
    level: int = 0


CURED = {
    "missing-columns": "missing-columns",
    "named-import": "prisma-import",
    "client-deleted": "prisma-client-out-of-sync",
    "missing-dist-file": "module-not-found",
    "half-built-dist": "module-not-found",
    "unknown-field": "prisma-validation",
    "crash-loop": "crash-loop",
}
"""Faults that are healed without a person, and by which playbook."""
OF_THE_DATABASE = {"missing-columns"}
"""Those of them that are for whoever looks after the database, once they are a person's."""
ANY_HOST = "any host"
"""Where what is counted by its database is counted: all hosts of the ground have copies of one, by its identity."""
NOT_ALLOWED, NO_CURE = "playbook allows it", "has a cure"
LEFT = {
    # What it would run may not be finished.
    "stale-process": Fate("stale-process", PROPOSED, NOT_ALLOWED, ANYBODY),
    # Somebody may have meant it.
    "app-stopped": Fate("app-stopped", PROPOSED, NOT_ALLOWED, ANYBODY),
    "database-url-glued": Fate("database-unreachable", PROPOSED, NOT_ALLOWED, DATABASE),
    "broken-build-live": Fate("post-deploy-500", PROPOSED, NOT_ALLOWED, ANYBODY),
    "failed-migration": Fate("failed-migration", ESCALATED, NO_CURE, DATABASE),
    "required-column-unknown": Fate("partial-schema", ESCALATED, NO_CURE, DATABASE),
    "table-dropped": Fate("missing-tables", ESCALATED, NO_CURE, DATABASE),
}
"""Faults that policy or their nature leaves to a person, with what has to become of them."""
IN_VAIN = {"crash-in-source": Fate("crash-loop", ESCALATED, BREAKER, ANYBODY)}
"""Faults whose cure never holds: it is put back, tried once more, put back, and a person's from then on."""
UNSEEN = {"required-column-unknown"}
"""Faults that the health check cannot see, because it only reads: somebody has to tell."""
TOGETHER = ("missing-columns", "named-import")
"""Faults that are there at once on one host, and of which none explains the other."""
TWICE_AN_HOUR = 2
"""So often a fault is tried within an hour, and healed: more is recurring, and a person's."""


Faults: TypeAlias = tuple[tuple[str, str], ...]
"""Hosts, each with a fault."""
Fates: TypeAlias = tuple[tuple[str, Fate], ...]
"""Hosts, each with what must become of a fault there."""


@dataclass(frozen=True)
class Scene:
    """What is broken at once, and what must become of it.

    Attributes:
        faults: What is broken, with the host.
        expected: What must become of it, with the host.
        told_by_alert: Whether alerts tell of it, before a look may find it.
        killed: What is killed meanwhile: `SERVICE`, `EVERYTHING`, or nothing.
        pipelines: How many deploy pipelines, one after the other, have the same hosts healed at the same time.
        pause: Seconds before it.
    """

    faults: Faults
    expected: Fates
    told_by_alert: bool = False
    killed: str = ""
    pipelines: int = 0
    pause: float = 0.0

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that are broken."""
        return tuple(dict.fromkeys(host for host, _ in self.faults))

    @property
    def left(self) -> Fates:
        """What must be left to a person, with the host."""
        return tuple((host, fate) for host, fate in self.expected if fate.became != HEALED)


@dataclass
class Counted:
    """What was tried and healed so far, by host and playbook."""

    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    healed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def fate(self, host: str, fault: str, killed: str) -> Fate:
        """Return what must become of a fault, and count it; a healing that was killed counts as tried."""
        if fault in LEFT:
            return LEFT[fault]
        if fault in IN_VAIN:
            self.forget(host, IN_VAIN[fault].playbook)
            return IN_VAIN[fault]
        playbook, key = CURED[fault], (ANY_HOST if fault in OF_THE_DATABASE else host, CURED[fault])
        level = DATABASE if fault in OF_THE_DATABASE else ANYBODY
        self.tried[key] += killed == EVERYTHING and self.tried[key] < TWICE_AN_HOUR
        if self.healed[key] >= TWICE_AN_HOUR:
            return Fate(playbook, ESCALATED, RECURS, level)
        if self.tried[key] >= TWICE_AN_HOUR:
            return Fate(playbook, ESCALATED, TRIED, level)
        self.tried[key] += 1
        self.healed[key] += 1
        return Fate(playbook)

    def forget(self, host: str, playbook: str) -> None:
        """Count anew: a person resets the breaker once the fault is mended."""
        self.tried.pop((host, playbook), None)
        self.healed.pop((host, playbook), None)

    def fates(self, faults: Faults, killed: str = "") -> Fates:
        """Return what must become of several faults that are there at once, each with its host."""
        return tuple((host, self.fate(host, fault, killed)) for host, fault in faults)


def scenes(seed: int, many: int, *, hosts: Sequence[str], kills: int) -> tuple[Scene, ...]:
    """Return scenes of that many faults together.

    Args:
        seed: What is drawn from.
        many: How many faults.
        hosts: Where; the first has most of them, so that some recur.
        kills: During how many scenes the service is killed; every other time with what it has started.
    """
    chance, counted = Random(seed), Counted()  # noqa: S311 - drawn to be drawn again
    drawn = list(_drawn(chance, many, hosts))
    healing = [number for number, one in enumerate(drawn) if _is_killed_well(one, drawn)]
    struck = chance.sample(healing, min(kills, len(healing)))
    killed = {number: (EVERYTHING, SERVICE)[place % 2] for place, number in enumerate(struck)}
    return tuple(
        Scene(
            faults=faults,
            expected=counted.fates(faults, killed.get(number, "")),
            told_by_alert=chance.random() < 0.5 or bool(UNSEEN & {fault for _, fault in faults}),
            killed=killed.get(number, ""),
            pipelines=_pipelines(chance, faults) if number not in killed else 0,
            pause=chance.uniform(0.0, 3.0),
        )
        for number, faults in enumerate(drawn)
    )


def _pipelines(chance: Random, faults: Faults) -> int:
    return 3 if {fault for _, fault in faults} & set(IN_VAIN) else int(chance.random() < 0.25)


def _is_killed_well(faults: Faults, drawn: Iterable[Faults]) -> bool:
    """Return whether there is one healing, of which it is known when it is in the middle, and none that recurs."""
    cures = [(host, CURED.get(fault)) for one in drawn for host, fault in one]
    return (
        len(faults) == 1 and faults[0][1] in CURED and cures.count((faults[0][0], CURED[faults[0][1]])) <= 2
    )


def _drawn(chance: Random, many: int, hosts: Sequence[str]) -> Iterator[Faults]:
    """Yield faults with their hosts: all sorts before any of them again, so that none is left out.

    What is in vain comes first: of what was tried before within the hour, nothing is tried twice more.
    """
    left, again = many, ((hosts[0], chance.choice(sorted(CURED))),)
    waiting: list[Faults] = [((_where(chance, hosts), fault),) for fault in IN_VAIN]
    while left:
        if not waiting:
            waiting = [*_all_sorts(chance, hosts), again]
        faults = waiting.pop(0)
        elsewhere = [one for one in waiting if one[0][0] != faults[0][0]]
        if elsewhere and chance.random() < 0.6:
            waiting.remove(elsewhere[0])
            faults = (*faults, *elsewhere[0])
        if len(faults) <= left:
            left -= len(faults)
            yield faults


def _all_sorts(chance: Random, hosts: Sequence[str]) -> list[Faults]:
    alone = [((_where(chance, hosts), fault),) for fault in (*CURED, *LEFT)]
    host = _where(chance, hosts)
    sorts = [*alone, tuple((host, fault) for fault in TOGETHER)]
    chance.shuffle(sorts)
    return sorts


def _where(chance: Random, hosts: Sequence[str]) -> str:
    """Return the first host more often than others, so that some faults recur there."""
    return hosts[0] if chance.random() < 0.4 else chance.choice(hosts)
