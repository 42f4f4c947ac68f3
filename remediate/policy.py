"""What an environment's policy says to a plan, decided in one place. Pure: it asks nobody and stops nothing itself."""

from collections.abc import Iterable, Sequence

from remediate.inventory import Policy
from remediate.model import Fidelity, Plan, WayBack
from remediate.steps import Action


def refusals(plans: Sequence[Plan], policy: Policy, reason: str) -> tuple[str, ...]:
    """Return why these plans may not be carried out, one line each; none where they may.

    Args:
        plans: One a host.
        policy: The environment's policy.
        reason: What the operator gave as `--reason`.
    """
    return (
        *_reason(policy, reason),
        *_approvals(policy),
        *_hosts(plans, policy),
        *(line for plan in plans for line in _forbidden(plan, policy)),
    )


def _reason(policy: Policy, reason: str) -> tuple[str, ...]:
    if policy.reason == "required" and not reason.strip():
        return ("the policy wants a reason: give --reason",)
    return ()


def _approvals(policy: Policy) -> tuple[str, ...]:
    """Refuse rather than ignore: a policy that wants signatures must not be met by a version that reads none."""
    if policy.approvals:
        return (f"the policy wants {policy.approvals} approvals, and this version cannot check any",)
    return ()


def _hosts(plans: Sequence[Plan], policy: Policy) -> tuple[str, ...]:
    if policy.hosts_at_once and len(plans) > policy.hosts_at_once:
        return (
            f"{len(plans)} hosts at once, the policy allows {policy.hosts_at_once}: name fewer with --on",
        )
    return ()


def _forbidden(plan: Plan, policy: Policy) -> tuple[str, ...]:
    lines = []
    for change in plan.changes:
        if change.fidelity is Fidelity.OPAQUE and "opaque" in policy.forbid:
            lines.append(f"{plan.host}: “{change.what}” is opaque, which the policy forbids")
        if change.way_back is WayBack.NONE and "no-way-back" in policy.forbid:
            lines.append(f"{plan.host}: “{change.what}” has no way back, which the policy forbids")
    return tuple(lines)


DEVELOPMENT_TODO = "run it where the inventory says `development: true`"


def outside_development(
    fixes: Iterable[tuple[str, type[Action]]], environment: str, *, development: bool
) -> str:
    """Return why no plan may be made of these fixes in an environment, in a clause; empty where one may.

    Args:
        fixes: Each step's name and its action.
        environment: The environment's name.
        development: Whether its inventory says that what lives there may be lost.
    """
    if development:
        return ""
    only = next(((name, action.kind) for name, action in fixes if action.development_only), None)
    return f"“{only[0]}” ({only[1]}) is for development alone, and {environment} is none" if only else ""
