"""What a plan says for and against being carried out without a person: its conditions, and what it is about. Pure."""

from collections.abc import Iterator, Sequence

from remediate.healing.verdict import Condition
from remediate.inventory import Policy
from remediate.model import Change, Fidelity, Plan, WayBack
from remediate.playbook import Playbook
from remediate.policy import refusals

_IN_THE_DATABASE = ("sql.", "prisma.migrate_", "prisma.db_push")
"""How actions begin that change what every host of a database shares."""


def target_of(plan: Plan) -> str:
    """Return what a plan is about: the database that it changes, which several hosts may share, or else its host."""
    kinds = (fix.action for fix in plan.fixes if fix.changes)
    shared = plan.database and any(kind.startswith(_IN_THE_DATABASE) for kind in kinds)
    return plan.database if shared else plan.host


def allowed(
    playbook: Playbook, plans: Sequence[Plan], policy: Policy, reason: str, *, development: bool
) -> tuple[Condition, ...]:
    """Return what playbook, policy and the plans themselves say, as conditions.

    Args:
        playbook: The playbook.
        plans: What would be done; none where nothing could be planned.
        policy: The environment's.
        reason: Why, as it would stand in the audit log.
        development: Whether what lives in the environment may be lost.
    """
    changes = [change for plan in plans for change in plan.changes]
    refused = refusals(plans, policy, reason, development=development)
    return (
        *_permitted(playbook, policy),
        *_of_changes(changes),
        _put_back(playbook, changes),
        _condition("policy agrees", not refused, "the policy refuses nothing of it", "; ".join(refused)),
    )


def _permitted(playbook: Playbook, policy: Policy) -> Iterator[Condition]:
    yield _condition(
        "playbook allows it",
        playbook.auto.allowed,
        f"{playbook.name} says `auto: {{allowed: true}}`",
        f"{playbook.name} leaves this to a person (`auto: {{allowed: false}}`)",
    )
    yield _condition(
        "environment allows it",
        policy.auto.allowed,
        "the policy says `auto: {allowed: true}`",
        "the environment's policy leaves every cure to a person (`auto: {allowed: false}`)",
    )


def _of_changes(changes: Sequence[Change]) -> Iterator[Condition]:
    lost = [f"“{one.what}”" for one in changes if one.way_back is WayBack.NONE]
    said = f"{len(changes)} of {len(changes)} changes have one"
    yield _condition("every change has a way back", not lost, said, f"no way back: {', '.join(lost)}")
    opaque = [f"“{one.what}”" for one in changes if one.fidelity is Fidelity.OPAQUE]
    yield _condition("no change is opaque", not opaque, "none is", f"opaque: {', '.join(opaque)}")


def _put_back(playbook: Playbook, changes: Sequence[Change]) -> Condition:
    harmless = bool(changes) and all(one.risk == "none" for one in changes)
    return _condition(
        "is put back where it fails",
        playbook.on_failure == "roll_back" or harmless,
        "nothing would have to be" if harmless else "`on_failure: roll_back`",
        f"{playbook.name} keeps what did not cure (`on_failure: keep`)",
    )


def _condition(name: str, holds: bool, said: str, otherwise: str) -> Condition:
    return Condition(name=name, holds=holds, said=said if holds else otherwise)
