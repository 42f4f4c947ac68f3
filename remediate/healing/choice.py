"""Which of several faults is cured first, and which are left alone, with the reasons in words. Pure.

Root causes before what they bring about; of those, the least invasive cure first, as `triage.ranked` has it; what was
tried and put back in this round-trip is not tried again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from remediate.playbook.invasiveness import invasiveness_of
from remediate.triage import Diagnosis, Presence


@dataclass(frozen=True)
class Choice:
    """What is to be tried on one host.

    Attributes:
        tried_next: The faults whose cure may be tried, in that order.
        left: The faults that are left alone for now, because another one goes first or their cure was tried already.
        reasons: Why so, one line for each that was found.
    """

    tried_next: tuple[Diagnosis, ...] = ()
    left: tuple[Diagnosis, ...] = ()
    reasons: tuple[str, ...] = ()


def chosen(diagnoses: Sequence[Diagnosis], tried: Collection[str] = ()) -> Choice:
    """Return what to try of what was found on a host, and in which order.

    Args:
        diagnoses: A triage's, in its order; `explained_by` says what goes first.
        tried: The playbooks that were tried there in this round-trip and did not hold.
    """
    found = [one for one in diagnoses if one.presence is Presence.FOUND]
    next_ones = tuple(one for one in found if not one.explained_by and one.playbook.name not in tried)
    return Choice(
        tried_next=next_ones,
        left=tuple(one for one in found if one not in next_ones),
        reasons=(
            *(_why_next(number, one, found) for number, one in enumerate(next_ones, start=1)),
            *(_why_left(one, tried) for one in found if one not in next_ones),
        ),
    )


def _why_next(number: int, one: Diagnosis, found: Sequence[Diagnosis]) -> str:
    name = one.playbook.name
    explained = [other.playbook.name for other in found if other.explained_by == name]
    cause = f"it brings about {', '.join(explained)}" if explained else "nothing that was found explains it"
    depth = f"its cure {invasiveness_of(one.playbook).in_words}" if one.curable else "it has no cure"
    return f"{number}. {name}: {cause}; {depth}"


def _why_left(one: Diagnosis, tried: Collection[str]) -> str:
    if one.playbook.name in tried:
        return f"not again: {one.playbook.name}: its cure was tried, and put back"
    return f"later: {one.playbook.name}: {one.explained_by} explains it and goes first"
