"""What a host gives cause to look into, from the first word of it until our own look finds it gone. Pure.

One for each host and source: whoever says the same again joins it. It is healed, or a person is called, by others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from remediate.inventory.watch import WatchText
from remediate.model import Finding
from remediate.sinks.clean import one_line
from remediate.watching.alerts import Notice
from remediate.watching.rules import RULES, Alarm, State

LONGEST_PAUSE = 3600.0
"""Seconds after which healing is asked for again at the latest; its brakes decide what comes of it."""

ALERTED = 4
"""Healings after which an alert that still fires is a person's, where they find nothing: seven minutes at least."""
WIDEST = 400
"""Characters of what a tool found, in a line."""


@dataclass(frozen=True)
class Moment:
    """One moment by two clocks.

    Attributes:
        wall: Seconds since the epoch.
        stopwatch: Seconds since some moment; never jumps.
    """

    wall: float
    stopwatch: float


Key: TypeAlias = tuple[str, str, str]
"""Environment, host, source."""


@dataclass(frozen=True)
class Concern:
    """One cause for concern.

    Attributes:
        environment: The inventory's environment.
        host: The host's name.
        source: `rule:disk`, `alert:HighErrorRate`.
        since: When it was first heard of, seconds since the epoch.
        playbooks: Only these may be run for it; empty: any.
        told: How often it was said.
        firing: Whether whoever said so has not taken it back.
        changed: When it was last heard of or worked at, on a stopwatch; only a later look can close it.
        tries: How often healing was asked for.
        due: When healing is to be asked for, on a stopwatch.
        seen: What it was seen in, in our own words.
        found_well: Whether the last healing found nothing wrong; one that healed something did.
        mute: How the last healing ended, where that said nothing of what became of anything: then it called nobody.
        called: Whether a person was called because healing is no help.
        findings: What something that is scheduled found wrong; only itself can say that it is gone.
        asking: Whether it is asked again next, before healing is.
    """

    environment: str
    host: str
    source: str
    since: float
    playbooks: tuple[str, ...] = ()
    told: int = 1
    firing: bool = True
    changed: float = 0.0
    tries: int = 0
    due: float = 0.0
    seen: str = ""
    found_well: bool = False
    mute: str = ""
    called: bool = False
    findings: tuple[Finding, ...] = ()
    asking: bool = False

    @property
    def key(self) -> Key:
        """By which it is known."""
        return self.environment, self.host, self.source

    def tried(self, now: float, pause: float, *, found_well: bool, mute: str = "") -> "Concern":
        """Return it after healing was asked for: the next time is later each time.

        Healing and what is scheduled take turns, where that found it: whether it is gone only the latter knows.
        """
        due = self.due if self.asking else now + self._wait(pause)
        tried = replace(self, tries=self.tries + 1, due=due, changed=now, asking=bool(self.findings))
        return replace(tried, found_well=found_well, mute=mute)

    def found_again(self, findings: tuple[Finding, ...], now: float, pause: float) -> "Concern":
        """Return it after what is scheduled found it once more: at once due again where healing had changed something.

        Args:
            findings: What it found by now; none where it did not come to say anything.
            now: On a stopwatch.
            pause: Seconds, as for `tried`.
        """
        due = now + self._wait(pause) if self.found_well else now
        known = findings or self.findings
        told = self.told + 1
        return replace(self, told=told, findings=known, seen=_seen(self.source, known), asking=False, due=due)

    def _wait(self, pause: float) -> float:
        return min(pause * 2.0 ** min(self.tries, 16), LONGEST_PAUSE)


def noticed(known: Concern | None, notice: Notice, at: Moment) -> Concern | None:
    """Return the concern that an alert opens or joins; None where it takes back what nobody said.

    Args:
        known: The one that is open.
        notice: The alert.
        at: Now.
    """
    if known:
        return replace(
            known, firing=notice.firing, told=known.told + 1, changed=_changed(known, notice, at.stopwatch)
        )
    if not notice.firing:
        return None
    source = f"alert:{notice.alert}"
    return Concern(
        notice.environment,
        notice.host,
        source,
        at.wall,
        notice.playbooks,
        changed=at.stopwatch,
        due=at.stopwatch,
        seen=source,
    )


def _changed(known: Concern, notice: Notice, now: float) -> float:
    """Return when it was last heard of: the same said again does not put its end off."""
    return known.changed if known.firing is notice.firing else now


def alarmed(known: Concern | None, environment: str, host: str, alarm: Alarm, at: Moment) -> Concern | None:
    """Return the concern that a rule opens or keeps open; None where it has nothing to say.

    Args:
        known: The one that is open.
        environment: The inventory's environment.
        host: The host's name.
        alarm: What the rule says.
        at: Now.
    """
    if known:
        told = known.told + (alarm.state is State.FIRING)
        return replace(known, told=told, seen=alarm.seen if alarm.state is State.FIRING else known.seen)
    if alarm.state is not State.FIRING:
        return None
    source = f"rule:{alarm.rule}"
    return Concern(
        environment, host, source, at.wall, changed=at.stopwatch, due=at.stopwatch, seen=alarm.seen
    )


def found(environment: str, host: str, name: str, at: Moment, findings: tuple[Finding, ...] = ()) -> Concern:
    """Return the concern that something opens which is scheduled, where it finds a host not well.

    Args:
        environment: The inventory's environment.
        host: The host's name.
        name: What is scheduled, by its name in the inventory.
        at: Now.
        findings: What it found wrong; none where a playbook treats that itself.
    """
    source = f"schedule:{name}"
    now = at.stopwatch
    known = Concern(environment, host, source, at.wall, firing=False, changed=now, due=now)
    return replace(known, seen=_seen(source, findings), findings=findings)


def _seen(source: str, findings: Iterable[Finding]) -> str:
    return one_line("; ".join(f"{one.check}: {one.seen}" for one in findings), WIDEST) or source


def is_declared(source: str, watch: WatchText) -> bool:
    """Return whether an inventory still has what a concern came from: a rule, an alert, something that is scheduled."""
    kind, _, name = source.partition(":")
    names = {"alert": set(watch.alerts), "schedule": set(watch.schedule), "rule": set(RULES)}
    return name in names.get(kind, ())


def is_over(concern: Concern, alarms: Iterable[Alarm], begun: float) -> bool:
    """Return whether our own look agrees that it is over.

    Args:
        concern: What is open.
        alarms: What the rules say after the look.
        begun: When the look began, on a stopwatch; one that began before the last change proves nothing.
    """
    states = {alarm.rule: alarm.state for alarm in alarms}
    if begun < concern.changed:
        return False
    if concern.findings:
        return False  # our look sees less than what found it: that is asked again
    kind, _, name = concern.source.partition(":")
    if kind == "rule":
        return (
            states.get(name, State.QUIET) is State.QUIET
        )  # a rule that was switched off says nothing any more
    return not concern.firing and _all_quiet(states)


def is_beyond_playbooks(concern: Concern, alarms: Iterable[Alarm], begun: float) -> bool:
    """Return whether something still fires after healing that was no help, and nobody was called for it yet.

    It is no help where it finds nothing wrong, and where it says nothing at all: then it calls nobody itself. A rule
    fires where our own look says so; an alert, where its sender does after several healings. What something that is
    scheduled found is there until that says otherwise. The arguments are those of `is_over`.
    """
    firing = {f"rule:{alarm.rule}" for alarm in alarms if alarm.state is State.FIRING}
    new = (concern.found_well or bool(concern.mute)) and not concern.called
    enough = concern.tries >= ALERTED or bool(concern.mute)
    said = concern.source.startswith("alert:") and concern.firing and enough
    return new and begun >= concern.changed and (concern.source in firing or said or bool(concern.findings))


def _all_quiet(states: Mapping[str, State]) -> bool:
    """Return whether a host is well: nothing is wrong, and the health check, where there is one, says so."""
    wrong = {State.FIRING, State.PENDING} & set(states.values())
    return not wrong and State.QUIET in states.values() and states.get("health") is not State.UNKNOWN


def wanted(concerns: Iterable[Concern], now: float) -> tuple[Concern, ...]:
    """Return those for which healing is to be asked for now, oldest first."""
    return tuple(sorted((one for one in concerns if one.due <= now), key=lambda one: (one.since, one.key)))


def allowed(concerns: Sequence[Concern]) -> tuple[str, ...]:
    """Return the playbooks that may be run for concerns together; empty: any, as soon as one of them says so."""
    if any(not one.playbooks for one in concerns):
        return ()
    return tuple(dict.fromkeys(name for one in concerns for name in one.playbooks))
