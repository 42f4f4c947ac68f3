"""A cure that is to be begun, with what is known of its fault: what the brakes read. Pure: it decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from remediate.clock import AHEAD
from remediate.healing.history import Attempt, Fingerprint, History
from remediate.inventory import AutoPolicy

HOUR = 3600.0


@dataclass(frozen=True)
class Wish:
    """A cure that is to be begun, and what is known of its fault.

    Attributes:
        fingerprint: Which fault.
        host: On which host.
        group: Its group.
        per_hour: How often the playbook may be tried within an hour.
        auto: What the environment says of healing.
        now: Seconds since the epoch.
        history: What was done before.
        at_work: The runs that have not come to their end: their process lives, or they left something to put back.
        living: Those of them whose process lives: their end can be waited for.
        round: Seconds that the round-trip it belongs to may take.
        places: Words that name inventory and state directory again, for a command to copy.
        people: The group's other hosts that a person's run is changing, or has left half-way, with the run.
    """

    fingerprint: Fingerprint
    host: str
    group: str
    per_hour: int
    auto: AutoPolicy
    now: float
    history: History = field(default_factory=History)
    at_work: frozenset[str] = frozenset()
    living: frozenset[str] = frozenset()
    round: float = 0.0
    places: tuple[str, ...] = ()
    people: Mapping[str, str] = field(default_factory=dict)

    @property
    def before(self) -> tuple[Attempt, ...]:
        """The attempts at this fault that count, oldest first; of one under way nobody knows yet what it was."""
        return tuple(
            one
            for one in self.history.of(self.fingerprint)
            if one.ended is not None or one.run not in self.at_work
        )

    @property
    def in_work(self) -> tuple[Attempt, ...]:
        """What is in work in this environment, last what a dead process left: nobody ends that."""
        ours = [
            one
            for one in self.history.attempts
            if one.run in self.at_work
            and one.half_way
            and one.fingerprint.environment == self.fingerprint.environment
        ]
        return tuple(sorted(ours, key=lambda one: one.run not in self.living))

    def lately(self, at: float | None) -> bool:
        """Tell whether a moment is less than an hour ago; so is one in the future, of a clock that went back."""
        return at is not None and self.now - at < HOUR

    def within_the_round(self, at: float) -> bool:
        """As `lately`, but never shorter than a round-trip may take: what failed in it is not tried in it again."""
        return self.now - at < max(HOUR, self.round)

    def is_ahead(self, one: Attempt) -> bool:
        """Tell whether an attempt was written down by a clock that was ahead of what it says now."""
        return max(one.at, one.ended or one.at) > self.now + AHEAD
